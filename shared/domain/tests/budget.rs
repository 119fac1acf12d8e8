//! The request budget's arithmetic: never one too many in any window, and none wasted.

use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::budget::{Ledger, Limit};
use proptest::prelude::*;

const LIMIT: Limit = Limit {
    requests_max: 3,
    window: Duration::from_secs(300),
};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

#[test]
fn a_slot_is_free_one_window_after_its_answer_was_seen() {
    let mut ledger = Ledger::default();
    let slots: Vec<u64> = (0..3)
        .map(|_| ledger.take(at(0), &LIMIT).unwrap())
        .collect();
    for slot in &slots {
        ledger.settle(*slot, at(1_000), &LIMIT);
    }
    let free_at = at(1_000).plus(LIMIT.window).plus(Limit::MARGIN);
    assert_eq!(ledger.take(at(2_000), &LIMIT), Err(free_at));
    assert_eq!(
        ledger.take(at(free_at.as_millis() - 1), &LIMIT),
        Err(free_at)
    );
    assert!(ledger.take(free_at, &LIMIT).is_ok());
}

#[test]
fn a_slot_whose_holder_died_is_freed_after_its_life_and_a_window() {
    let mut ledger = Ledger::default();
    for _ in 0..3 {
        ledger.take(at(0), &LIMIT).unwrap();
    }
    let free_at = at(0)
        .plus(Limit::PERMIT_LIFE)
        .plus(LIMIT.window)
        .plus(Limit::MARGIN);
    assert_eq!(ledger.take(at(1), &LIMIT), Err(free_at));
    assert!(ledger.take(free_at, &LIMIT).is_ok());
}

#[test]
fn settling_twice_counts_once() {
    let mut ledger = Ledger::default();
    let slot = ledger.take(at(0), &LIMIT).unwrap();
    ledger.settle(slot, at(10), &LIMIT);
    ledger.settle(slot, at(20), &LIMIT);
    assert_eq!(ledger.in_use(at(30)), 1);
}

#[test]
fn a_lowered_limit_holds_at_once() {
    let mut ledger = Ledger::default();
    for second in 0..3 {
        let slot = ledger.take(at(second * 1_000), &LIMIT).unwrap();
        ledger.settle(slot, at(second * 1_000), &LIMIT);
    }
    let lower = Limit {
        requests_max: 1,
        ..LIMIT
    };
    let last_frees = at(2_000).plus(LIMIT.window).plus(Limit::MARGIN);
    assert_eq!(ledger.take(at(3_000), &lower), Err(last_frees));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn no_window_of_the_server_ever_holds_more_than_the_limit(
        max in 1..8_u32,
        // Pause before each request, way there, way back, and whether its holder dies.
        calls in prop::collection::vec((0..40_000_i64, 1..5_000_i64, 1..5_000_i64, prop::bool::weighted(0.1)), 1..120),
    ) {
        let limit = Limit { requests_max: max, window: Duration::from_secs(60) };
        let mut ledger = Ledger::default();
        let mut now = 0;
        let mut arrivals: Vec<i64> = Vec::new();
        let mut open: Vec<(i64, u64)> = Vec::new();
        for (pause, there, back, dies) in calls {
            now += pause;
            let slot = loop {
                open.retain(|(seen, slot)| {
                    if *seen <= now {
                        ledger.settle(*slot, at(*seen), &limit);
                    }
                    *seen > now
                });
                match ledger.take(at(now), &limit) {
                    Ok(slot) => break slot,
                    Err(until) => {
                        let next_answer = open.iter().map(|(seen, _)| *seen).min();
                        prop_assert!(until.as_millis() > now);
                        now = next_answer.map_or(until.as_millis(), |seen| seen.min(until.as_millis()));
                    }
                }
            };
            arrivals.push(now + there);
            if !dies {
                open.push((now + there + back, slot));
            }
        }
        arrivals.sort_unstable();
        let window = i64::try_from(limit.window.as_millis()).unwrap();
        for (index, first) in arrivals.iter().enumerate() {
            let inside = arrivals[index..].iter().take_while(|later| **later < first + window).count();
            prop_assert!(inside <= usize::try_from(max).unwrap(), "{inside} of {max} from {first}");
        }
    }
}
