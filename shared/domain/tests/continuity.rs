//! When a ticket may be opened although the store may be older than HaloPSA's tickets.

mod support;

use std::time::Duration;

use halogard_domain::continuity::{AWAY_AFTER, Continuity, Knowledge};
use halogard_domain::link::IN_DOUBT_MAX;
use halogard_domain::{Alert, Timestamp};

use support::{alert, at};

/// A store that a process began to use at `began`, and never before.
fn young(began: Timestamp) -> Continuity {
    let mut store = Continuity::default();
    store.begin(began);
    store
}

/// A store that a sweep has checked.
fn current() -> Continuity {
    let mut store = young(at(1000));
    store.observe_sweep(at(1001));
    assert_eq!(store.knowledge, Knowledge::Current);
    store
}

fn raised(seconds: i64) -> Alert {
    Alert {
        raised_at: at(seconds),
        ..alert()
    }
}

#[test]
fn nothing_is_opened_from_a_store_that_no_sweep_has_checked() {
    for store in [Continuity::default(), young(at(1000))] {
        for seconds in [0, 999, 1000, 1050] {
            let held = store.hold_until(&raised(seconds), 1, at(1100));
            assert!(held.is_some_and(|until| until > at(1100)), "{seconds}");
        }
    }
}

#[test]
fn a_sweep_that_finds_no_unknown_ticket_lets_every_alert_pass() {
    let store = current();
    for (seconds, recurrence) in [(0, 1), (0, 2), (999, 1), (1100, 1), (1100, 7)] {
        let held = store.hold_until(&raised(seconds), recurrence, at(1100));
        assert_eq!(held, None, "{seconds} {recurrence}");
    }
}

#[test]
fn a_sweep_that_began_before_the_process_proves_nothing() {
    let mut store = young(at(1000));
    store.observe_sweep(at(999));
    assert_eq!(store.knowledge, Knowledge::Unchecked);
}

#[test]
fn after_an_unknown_ticket_older_alerts_wait_until_no_list_can_lag() {
    let mut store = young(at(1000));
    store.observe_unknown_ticket();
    store.observe_sweep(at(1001));
    assert_eq!(store.knowledge, Knowledge::Behind);
    let settled = at(1000).plus(IN_DOUBT_MAX);
    assert_eq!(store.sweep_needed_from(), Some(settled));
    let old = store.hold_until(&raised(900), 1, at(1010));
    assert_eq!(old, Some(settled));
    // It may have been raised by a clock that is ahead.
    assert!(store.hold_until(&raised(1060), 1, at(1100)).is_some());
    assert_eq!(store.hold_until(&raised(1061), 1, at(1100)), None);
    // A later ticket of an alert may be older than the store knows.
    assert!(store.hold_until(&raised(1061), 2, at(1100)).is_some());
    store.observe_sweep(settled.minus(Duration::from_millis(1)));
    assert_eq!(store.knowledge, Knowledge::Behind);
    store.observe_sweep(settled);
    assert_eq!(store.hold_until(&raised(900), 1, settled), None);
}

#[test]
fn a_store_that_was_away_is_behind_whatever_the_next_sweep_shows() {
    // As table recovery leaves it: no process starts, and nothing says that it was replaced.
    let mut store = current();
    let back = at(1000).plus(AWAY_AFTER + Duration::from_secs(1));
    assert!(store.hold_until(&raised(2000), 1, back).is_some());
    store.observe_cycle(back);
    assert_eq!(store.knowledge, Knowledge::Behind);
    store.observe_sweep(back);
    assert_eq!(store.knowledge, Knowledge::Behind);
    store.observe_sweep(back.plus(IN_DOUBT_MAX));
    assert_eq!(store.knowledge, Knowledge::Current);
    // A backup that is put back while no process runs.
    let mut store = current();
    store.begin(back);
    assert_eq!(store.knowledge, Knowledge::Behind);
}

#[test]
fn a_store_in_use_is_never_away() {
    let mut store = current();
    let mut writes = 0;
    for minute in 0..600 {
        let before = store.clone();
        let now = at(1000).plus(Duration::from_secs(60 * minute));
        store.observe_cycle(now);
        writes += u32::from(store != before);
        assert_eq!(store.hold_until(&raised(0), 1, now), None, "{minute}");
    }
    assert!(writes <= 300, "{writes} writes in 600 minutes");
}

#[test]
fn times_under_a_clock_that_was_ahead_are_not_believed() {
    let mut store = young(at(1_000_000));
    store.observe_sweep(at(1_000_001));
    assert!(store.hold_until(&raised(0), 1, at(1000)).is_some());
    store.observe_cycle(at(1000));
    assert_eq!(store.began_at, at(1000));
    assert_eq!(store.knowledge, Knowledge::Behind);
}

#[test]
fn a_restart_while_behind_stays_behind() {
    let mut store = young(at(1000));
    store.observe_unknown_ticket();
    store.begin(at(1010));
    store.observe_sweep(at(1011));
    assert_eq!(store.knowledge, Knowledge::Behind);
}
