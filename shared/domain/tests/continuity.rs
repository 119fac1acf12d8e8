//! When a ticket may be opened although the store may be older than HaloPSA's tickets.

mod support;

use std::time::Duration;

use halogard_domain::continuity::{AWAY_AFTER, Completeness, PROBATION, Rival, StoreContinuity};
use halogard_domain::ids::TicketId;
use halogard_domain::key::{InstallationId, KeySecret};
use halogard_domain::link::IN_DOUBT_MAX;
use halogard_domain::{Alert, Timestamp};

use support::{alert, at};

/// A store that a process began to use at `began`, and never before.
fn young(began: Timestamp) -> StoreContinuity {
    let mut store = StoreContinuity::default();
    store.begin(began);
    store
}

/// A store that a sweep has checked.
fn current() -> StoreContinuity {
    let mut store = young(at(1000));
    store.observe_sweep(at(1001), None);
    assert_eq!(store.completeness, Completeness::Current);
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
    for store in [StoreContinuity::default(), young(at(1000))] {
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
    store.observe_sweep(at(999), None);
    assert_eq!(store.completeness, Completeness::Unchecked);
}

#[test]
fn after_an_unknown_ticket_older_alerts_wait_until_no_list_can_lag() {
    let mut store = young(at(1000));
    store.observe_unknown_ticket();
    store.observe_sweep(at(1001), None);
    assert_eq!(store.completeness, Completeness::Behind);
    let settled = at(1000).plus(IN_DOUBT_MAX);
    assert_eq!(store.sweep_needed_from(), Some(settled));
    let old = store.hold_until(&raised(900), 1, at(1010));
    assert_eq!(old, Some(settled));
    // It may have been raised by a clock that is ahead.
    assert!(store.hold_until(&raised(1060), 1, at(1100)).is_some());
    assert_eq!(store.hold_until(&raised(1061), 1, at(1100)), None);
    // A later ticket of an alert may be older than the store knows.
    assert!(store.hold_until(&raised(1061), 2, at(1100)).is_some());
    store.observe_sweep(settled.minus(Duration::from_millis(1)), None);
    assert_eq!(store.completeness, Completeness::Behind);
    store.observe_sweep(settled, None);
    assert_eq!(store.hold_until(&raised(900), 1, settled), None);
}

#[test]
fn an_alert_that_waits_is_checked_when_a_sweep_can_show_it_and_then_ever_more_rarely() {
    let mut store = young(at(1000));
    store.observe_unknown_ticket();
    let settled = at(1000).plus(IN_DOUBT_MAX);
    let soon = settled.minus(Duration::from_secs(1));
    store.observe_cycle(soon);
    assert_eq!(store.hold_until(&raised(900), 1, soon), Some(settled));
    for (waited, until) in [
        (Duration::ZERO, 15),
        (Duration::from_secs(14), 29),
        (Duration::from_secs(40), 80),
        (Duration::from_secs(290), 580),
        (Duration::from_secs(400), 700),
    ] {
        store.observe_cycle(settled.plus(waited));
        let held = store.hold_until(&raised(900), 1, settled.plus(waited));
        assert_eq!(
            held,
            Some(settled.plus(Duration::from_secs(until))),
            "{waited:?}"
        );
    }
}

#[test]
fn a_store_that_was_away_is_behind_whatever_the_next_sweep_shows() {
    // As table recovery leaves it: no process starts, and nothing says that it was replaced.
    let mut store = current();
    let back = at(1000).plus(AWAY_AFTER + Duration::from_secs(1));
    assert!(store.hold_until(&raised(2000), 1, back).is_some());
    store.observe_cycle(back);
    assert_eq!(store.completeness, Completeness::Behind);
    store.observe_sweep(back, None);
    assert_eq!(store.completeness, Completeness::Behind);
    store.observe_sweep(back.plus(IN_DOUBT_MAX), None);
    assert_eq!(store.completeness, Completeness::Current);
    // A backup that is put back while no process runs.
    let mut store = current();
    store.begin(back);
    assert_eq!(store.completeness, Completeness::Behind);
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

/// However far cycles are apart, and however many sweeps come between them: after the first pause the store is
/// in use. A copy of it that is put back after three such pauses is recognised.
#[test]
fn cycles_that_are_far_apart_leave_a_store_in_use() {
    let mut cases = 0;
    for minutes in [1, 5, 10, 15, 30, 60, 6 * 60, 12 * 60] {
        for sweeps_between in [0, 1, 5] {
            let gap = Duration::from_secs(60 * minutes);
            let mut store = current();
            let mut now = at(1000);
            for cycle in 0..20 {
                let began = now;
                now = now.plus(gap);
                for sweep in 0..sweeps_between {
                    store.observe_cycle(began.plus(Duration::from_secs(50 * sweep)).min(now));
                }
                let held = store.hold_until(&raised(0), 1, now);
                assert!(cycle == 0 || held.is_none(), "{minutes} minutes, {cycle}");
                store.observe_cycle(now);
                let listed_at = now.plus(IN_DOUBT_MAX);
                if store.completeness != Completeness::Current {
                    assert_eq!(cycle, 0, "{minutes} minutes");
                    store.observe_sweep(listed_at, None);
                }
            }
            let back = now.plus(gap.max(AWAY_AFTER) * 3);
            store.observe_cycle(back);
            assert_eq!(
                store.completeness,
                Completeness::Behind,
                "{minutes} minutes"
            );
            cases += 1;
        }
    }
    println!("{cases} cases");
}

#[test]
fn times_under_a_clock_that_was_ahead_are_not_believed() {
    let mut store = young(at(1_000_000));
    store.observe_sweep(at(1_000_001), None);
    assert!(store.hold_until(&raised(0), 1, at(1000)).is_some());
    store.observe_cycle(at(1000));
    assert_eq!(store.began_at, at(1000));
    assert_eq!(store.completeness, Completeness::Behind);
}

#[test]
fn a_restart_while_behind_stays_behind() {
    let mut store = young(at(1000));
    store.observe_unknown_ticket();
    store.begin(at(1010));
    store.observe_sweep(at(1011), None);
    assert_eq!(store.completeness, Completeness::Behind);
}

fn id(born: i64) -> InstallationId {
    InstallationId::of(at(born), &KeySecret::new([7; KeySecret::BYTES]))
}

fn rival(born: Option<i64>, ticket: u64) -> Rival {
    Rival {
        installation: born.map(id),
        ticket: TicketId::new(ticket),
        seen_at: at(2000),
    }
}

#[test]
fn a_ticket_may_be_missing_only_while_that_is_possible_and_only_a_later_one() {
    let number = TicketId::new;
    let mut store = current();
    store.observe_sweep(at(1100), Some(number(4005)));
    assert!(!store.may_be_missing(number(4006)));
    store.begin(at(5000));
    assert_eq!(store.completeness, Completeness::Behind);
    // A list that lags shows the numbers in another order.
    store.observe_sweep(at(5001), Some(number(4009)));
    for (ticket, expected) in [(4004, false), (4005, false), (4006, true), (4010, true)] {
        assert_eq!(store.may_be_missing(number(ticket)), expected, "{ticket}");
    }
    store.observe_sweep(at(5000).plus(IN_DOUBT_MAX), Some(number(4009)));
    assert_eq!(store.newest_ticket, Some(number(4009)));
    assert!(!store.may_be_missing(number(4010)));
    // No sweep had listed a ticket when the copy was made that was put back.
    let mut quiet = current();
    quiet.observe_sweep(at(1100), None);
    quiet.begin_restored(at(5000));
    assert!(quiet.may_be_missing(number(1)));
    // A first start has nothing that could be missing.
    assert!(!young(at(1000)).may_be_missing(number(1)));
    // A store that had seen no ticket at all when it last knew everything.
    let mut empty = current();
    assert!(!empty.may_be_missing(number(1)));
    empty.begin(at(5000));
    assert!(empty.may_be_missing(number(1)));
}

#[test]
fn the_younger_installation_leaves_the_opening_to_the_older_one() {
    let rows = [
        // (own birth, rival's birth, yields)
        (1000, Some(999), true),
        (1000, Some(1001), false),
        (1000, None, true),
    ];
    for (own, other, expected) in rows {
        let mut store = current();
        store.observe_rival(rival(other, 4001), &[]);
        assert_eq!(
            store.yields_to(&id(own), &[]).is_some(),
            expected,
            "{other:?}"
        );
        let former = [other.map_or_else(String::new, |born| id(born).to_string())];
        let still = store.yields_to(&id(own), &former).is_some();
        assert_eq!(still, expected && other.is_none(), "{other:?}");
    }
    // Of several the oldest counts, but one that no longer runs.
    let mut store = current();
    store.observe_rival(rival(Some(800), 4001), &[]);
    store.observe_rival(rival(Some(900), 4002), &[]);
    assert_eq!(store.rival, Some(rival(Some(800), 4001)));
    store.observe_rival(rival(Some(900), 4003), &[id(800).to_string()]);
    assert_eq!(store.rival, Some(rival(Some(900), 4003)));
    store.begin(at(9000));
    assert!(store.rival.is_some(), "a start forgets nothing");
}

#[test]
fn what_a_predecessor_opened_shows_no_rival() {
    let number = TicketId::new;
    let mut store = young(at(1000));
    store.observe_predecessor();
    assert!(!store.may_show_a_rival(number(9999)), "it is new");
    store.observe_sweep(at(1000).plus(IN_DOUBT_MAX), Some(number(4005)));
    for (ticket, expected) in [(4001, false), (4005, false), (4006, true)] {
        assert_eq!(store.may_show_a_rival(number(ticket)), expected, "{ticket}");
    }
    store.observe_sweep(at(9000), Some(number(5000)));
    assert!(store.may_show_a_rival(number(4006)), "the mark stays");
}

#[test]
fn a_new_store_that_found_tickets_watches_before_it_opens_a_first_one() {
    let mut store = young(at(1000));
    store.observe_predecessor();
    store.observe_sweep(at(1400), None);
    assert_eq!(store.completeness, Completeness::Current);
    store.seen_at = at(1500);
    let at_birth = store.hold_until(&raised(0), 1, at(1500));
    assert_eq!(at_birth, Some(at(1000).plus(PROBATION)));
    store.seen_at = at(2900);
    let new = store.hold_until(&raised(2800), 1, at(2900));
    assert_eq!(new, Some(at(2800).plus(PROBATION)));
    let future = store.hold_until(&raised(9_000_000), 1, at(2900));
    assert_eq!(future, None, "a time in the future is ignored");
    store.observe_opening();
    assert_eq!(store.hold_until(&raised(2800), 1, at(2900)), None);
}
