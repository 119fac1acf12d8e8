//! The arithmetic of the request budget: never one request too many in any window, and none wasted.

use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::budget::{
    Denied, GrantedPermit, Ledger, Limit, Pace, PermitRequest, Priority, RateRefusal, WorkStage,
};
use proptest::prelude::*;

/// Too small to be paced.
const SMALL: Limit = Limit {
    requests_max: 3,
    window: Duration::from_secs(300),
};

/// One permit of normal priority.
const ONE: PermitRequest = PermitRequest {
    permits_max: 1,
    priority: Priority::Normal,
    stage: WorkStage::Finishing,
    pace: Pace::Even,
};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Takes one permit that may be used at once.
fn take(ledger: &mut Ledger, now: Timestamp, limit: &Limit) -> Result<u64, Timestamp> {
    match ledger.grant(now, limit, &ONE) {
        Ok(granted) => {
            assert_eq!((granted.len(), granted[0].from), (1, now));
            Ok(granted[0].slot)
        }
        Err(denied) => Err(denied.usable_at),
    }
}

/// Requests permits of `priority` until none is left within `within`. Returns the times of all
/// permits.
fn drain(
    ledger: &mut Ledger,
    now: Timestamp,
    priority: Priority,
    within: Duration,
) -> Vec<Timestamp> {
    let request = PermitRequest {
        permits_max: 16,
        priority,
        stage: WorkStage::Finishing,
        pace: Pace::Even,
    };
    let mut times = Vec::new();
    let mut clock = now;
    while clock <= now.plus(within) {
        match ledger.grant(clock, &Limit::DEFAULT, &request) {
            Ok(granted) => {
                for one in granted {
                    times.push(one.from);
                    ledger.complete(
                        one.slot,
                        one.from.plus(Duration::from_millis(300)),
                        &Limit::DEFAULT,
                    );
                }
            }
            Err(Denied {
                usable_at: until, ..
            }) => clock = until,
        }
    }
    times.retain(|time| *time <= now.plus(within));
    times
}

#[test]
fn a_slot_is_freed_one_window_after_its_response_was_seen() {
    let mut ledger = Ledger::default();
    let slots = [(); 3].map(|()| take(&mut ledger, at(0), &SMALL).unwrap());
    for slot in slots {
        ledger.complete(slot, at(1_000), &SMALL);
    }
    let free_at = at(1_000).plus(SMALL.window).plus(Limit::MARGIN);
    assert_eq!(take(&mut ledger, at(2_000), &SMALL), Err(free_at));
    let before = at(free_at.as_millis() - 1);
    assert_eq!(take(&mut ledger, before, &SMALL), Err(free_at));
    assert!(take(&mut ledger, free_at, &SMALL).is_ok());
}

#[test]
fn a_time_between_two_ticks_is_rounded_up() {
    let mut ledger = Ledger::default();
    let slots = [(); 3].map(|()| take(&mut ledger, at(0), &SMALL).unwrap());
    for slot in slots {
        ledger.complete(slot, at(1_001), &SMALL);
    }
    let free_at = at(1_050).plus(SMALL.window).plus(Limit::MARGIN);
    assert_eq!(take(&mut ledger, at(2_000), &SMALL), Err(free_at));
}

#[test]
fn a_slot_whose_holder_crashed_is_freed_after_its_ttl_and_a_window() {
    let mut ledger = Ledger::default();
    for _ in 0..3 {
        take(&mut ledger, at(0), &SMALL).unwrap();
    }
    let free_at = at(0)
        .plus(Limit::PERMIT_TTL)
        .plus(SMALL.window)
        .plus(Limit::MARGIN);
    assert_eq!(take(&mut ledger, at(1), &SMALL), Err(free_at));
    assert!(take(&mut ledger, free_at, &SMALL).is_ok());
}

#[test]
fn of_two_reports_of_one_request_the_later_frees_its_slot_whichever_comes_first() {
    for [first, second] in [[1_000, 2_000], [2_000, 1_000]] {
        let mut ledger = Ledger::default();
        let slots = [(); 3].map(|()| take(&mut ledger, at(0), &SMALL).unwrap());
        for slot in slots {
            ledger.complete(slot, at(first), &SMALL);
            ledger.complete(slot, at(second), &SMALL);
        }
        let free_at = at(2_000).plus(SMALL.window).plus(Limit::MARGIN);
        assert_eq!(take(&mut ledger, at(3_000), &SMALL), Err(free_at));
    }
}

#[test]
fn completing_and_releasing_twice_count_once() {
    let mut ledger = Ledger::default();
    let slot = take(&mut ledger, at(0), &SMALL).unwrap();
    ledger.complete(slot, at(10), &SMALL);
    ledger.complete(slot, at(20), &SMALL);
    assert_eq!(ledger.in_use(at(30)), 1);
    // A permit whose response was seen was used, whatever is reported later.
    ledger.release(GrantedPermit { slot, from: at(0) });
    assert_eq!(ledger.in_use(at(30)), 1);

    let unused = ledger.grant(at(30), &SMALL, &ONE).unwrap()[0];
    ledger.release(unused);
    ledger.release(unused);
    assert_eq!(ledger.in_use(at(30)), 1);
}

#[test]
fn a_slot_number_is_never_reused() {
    let mut ledger = Ledger::default();
    let first = ledger.grant(at(0), &SMALL, &ONE).unwrap()[0];
    ledger.release(first);
    let second = ledger.grant(at(0), &SMALL, &ONE).unwrap()[0];
    assert_ne!(first.slot, second.slot);
    // A holder that releases twice takes nothing from another holder.
    ledger.release(first);
    assert_eq!(ledger.in_use(at(0)), 1);
}

#[test]
fn a_lowered_limit_applies_at_once() {
    let mut ledger = Ledger::default();
    for second in 0..3 {
        let slot = take(&mut ledger, at(second * 1_000), &SMALL).unwrap();
        ledger.complete(slot, at(second * 1_000), &SMALL);
    }
    let lower = Limit {
        requests_max: 1,
        ..SMALL
    };
    let last_frees = at(2_000).plus(SMALL.window).plus(Limit::MARGIN);
    assert_eq!(take(&mut ledger, at(3_000), &lower), Err(last_frees));
}

#[test]
fn after_a_quiet_time_almost_two_thirds_go_at_once_and_the_rest_evenly() {
    let mut ledger = Ledger::default();
    let times = drain(
        &mut ledger,
        at(0),
        Priority::Normal,
        Duration::from_secs(60),
    );
    let at_once = times.iter().filter(|time| **time == at(0)).count();
    assert_eq!(at_once, 291);
    let gaps: Vec<_> = times[291..]
        .windows(2)
        .map(|two| two[1].since(two[0]))
        .collect();
    assert!(gaps.len() > 80);
    for gap in gaps {
        assert!((668..=670).contains(&gap.as_millis()), "{gap:?}");
    }
}

#[test]
fn as_many_requests_as_one_window_accepted_may_go_at_once_the_next_time() {
    let mut ledger = Ledger::default();
    drain(
        &mut ledger,
        at(0),
        Priority::Normal,
        Duration::from_secs(300),
    );
    let rested = at(1_200_000);
    let times = drain(
        &mut ledger,
        rested,
        Priority::Normal,
        Duration::from_secs(1),
    );
    assert!(times.len() > 425, "{}", times.len());
}

#[test]
fn bulk_work_leaves_slots_for_urgent_work() {
    let mut ledger = Ledger::default();
    drain(
        &mut ledger,
        at(0),
        Priority::Bulk,
        Duration::from_secs(2_000),
    );
    let urgent = PermitRequest {
        priority: Priority::Urgent,
        ..ONE
    };
    for second in 0..3 {
        let now = at(2_000_000 + second * 1_000);
        let granted = ledger.grant(now, &Limit::DEFAULT, &urgent).unwrap();
        assert!(
            granted[0].from.since(now) < Duration::from_secs(1),
            "{second}"
        );
    }
}

#[test]
fn urgent_work_does_not_wait_for_permits_leased_ahead() {
    let mut ledger = Ledger::default();
    let bulk = PermitRequest {
        permits_max: 16,
        priority: Priority::Bulk,
        stage: WorkStage::Finishing,
        pace: Pace::Even,
    };
    drain(
        &mut ledger,
        at(0),
        Priority::Bulk,
        Duration::from_secs(2_000),
    );
    let now = at(2_001_000);
    let leased = ledger.grant(now, &Limit::DEFAULT, &bulk).unwrap();
    assert!(leased[0].from > now);
    let urgent = PermitRequest {
        priority: Priority::Urgent,
        ..ONE
    };
    let granted = ledger.grant(now, &Limit::DEFAULT, &urgent).unwrap();
    assert_eq!(granted[0].from, now);
}

#[test]
fn a_refusal_lowers_the_effective_limit_and_quiet_time_raises_it() {
    let mut ledger = Ledger::default();
    let limit = Limit::DEFAULT;
    let times = drain(
        &mut ledger,
        at(0),
        Priority::Normal,
        Duration::from_secs(20),
    );
    assert!(times.len() > 300);
    let now = at(25_000);
    let refused = ledger.grant(now, &limit, &ONE).unwrap()[0];
    ledger.rate_limited(refused.slot, now, RateRefusal::default(), &limit);

    let believed = ledger.effective_limit(&limit);
    assert!(believed < 340, "{believed}");
    let Err(denied) = ledger.grant(now, &limit, &ONE) else {
        panic!("nothing is sent into a refusal");
    };
    assert!(denied.usable_at >= now.plus(Duration::from_secs(5)));

    let later = now.plus(Duration::from_secs(300 * (18 + 50)));
    ledger.grant(later, &limit, &ONE).unwrap();
    assert_eq!(ledger.effective_limit(&limit), 450);
}

#[test]
fn a_refusal_with_few_of_our_requests_in_the_window_causes_growing_pauses_and_keeps_the_limit() {
    let limit = Limit::DEFAULT;
    let mut ledger = Ledger::default();
    let mut now = at(0);
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let slot = ledger.grant(now, &limit, &ONE).unwrap()[0].slot;
        ledger.rate_limited(slot, now, RateRefusal::default(), &limit);
        let until = match ledger.grant(now, &limit, &ONE) {
            // Leased ahead of its time.
            Ok(granted) => {
                ledger.release(granted[0]);
                granted[0].from
            }
            Err(denied) => denied.usable_at,
        };
        pauses.push(until.since(now).as_secs());
        now = until;
    }
    assert_eq!(pauses, [5, 10, 20, 40, 80, 150, 150, 150]);
    assert_eq!(ledger.effective_limit(&limit), 450);
}

#[test]
fn the_vendors_other_limit_is_exceeded_by_one_request_and_tried_again_after_a_day() {
    let limit = Limit::DEFAULT;
    let mut ledger = Ledger::default();
    let mut clock = at(0);
    let mut sent = 0;
    while sent < 300 {
        match ledger.grant(clock, &limit, &ONE) {
            Ok(granted) => {
                clock = clock.max(granted[0].from);
                ledger.complete(granted[0].slot, clock, &limit);
                sent += 1;
            }
            Err(denied) => clock = denied.usable_at,
        }
    }
    assert!(clock < at(7_000), "nine were paced");
    let now = at(10_000);
    let refused = ledger.grant(now, &limit, &ONE).unwrap()[0];
    ledger.rate_limited(refused.slot, now, RateRefusal::default(), &limit);
    assert!((298..=300).contains(&ledger.effective_limit(&limit)));
    let believed = ledger.effective_limit(&limit);

    let hours = |hours: u64| now.plus(Duration::from_secs(3_600 * hours));
    ledger.grant(hours(23), &limit, &ONE).unwrap();
    assert_eq!(ledger.effective_limit(&limit), believed);
    ledger.grant(hours(25), &limit, &ONE).unwrap();
    assert!(ledger.effective_limit(&limit) > believed);
}

/// A refusal that asks for a pause.
fn pause(pause: Duration) -> RateRefusal {
    RateRefusal {
        retry_after: Some(pause),
        stated: None,
    }
}

#[test]
fn a_limit_that_a_refusal_names_is_kept_to_for_a_day() {
    let configured = Limit::DEFAULT;
    let stated = Limit {
        requests_max: 60,
        window: Duration::from_secs(60),
    };
    let mut ledger = Ledger::default();
    send(&mut ledger, at(0), 61);
    let refused = take(&mut ledger, at(1_000), &configured).unwrap();
    let refusal = RateRefusal {
        retry_after: None,
        stated: Some(stated),
    };
    ledger.rate_limited(refused, at(1_100), refusal, &configured);
    assert_eq!(ledger.limit_in_force(&configured), stated);

    // Whatever is asked for in the next hour, no minute holds more than sixty.
    let mut sent = Vec::new();
    for second in 120..3_720 {
        while let Ok(slot) = take(&mut ledger, at(second * 1_000), &configured) {
            ledger.complete(slot, at(second * 1_000), &configured);
            sent.push(second);
        }
    }
    let fullest = sent
        .iter()
        .map(|from| {
            sent.iter()
                .filter(|at| (*from..from + 60).contains(*at))
                .count()
        })
        .max();
    assert_eq!(fullest, Some(60));
    // The first sixty-one were never reported, so their slots are free late.
    assert!(sent.len() > 3_400, "{}", sent.len());

    let next_day = at(25 * 3_600 * 1_000);
    ledger.grant(next_day, &configured, &ONE).unwrap();
    assert_eq!(ledger.limit_in_force(&configured), configured);
}

#[test]
fn permits_return_after_the_window_that_a_refusal_names() {
    // The limit that a refusal names, and how many requests were accepted before it.
    for (requests_max, seconds) in [(60, 60), (80, 60), (90, 300), (200, 180), (10, 10)] {
        let configured = Limit::DEFAULT;
        let stated = Limit {
            requests_max,
            window: Duration::from_secs(seconds),
        };
        let mut ledger = Ledger::default();
        for _ in 0..requests_max {
            let slot = take(&mut ledger, at(0), &configured).unwrap();
            ledger.complete(slot, at(0), &configured);
        }
        // More of them were on their way.
        let on_their_way: Vec<_> = (0..10)
            .map(|_| take(&mut ledger, at(0), &configured).unwrap())
            .collect();
        let refusal = RateRefusal {
            retry_after: None,
            stated: Some(stated),
        };
        for slot in on_their_way {
            ledger.rate_limited(slot, at(500), refusal, &configured);
        }
        let until = take(&mut ledger, at(1_000), &configured).unwrap_err();
        let window_ms = i64::try_from(seconds).unwrap() * 1_000;
        let named = format!("{requests_max} in {seconds} s: {until}");
        assert!(until >= at(window_ms), "{named}");
        // A large limit is paced, and what was sent before counts as sent just now.
        assert!(until <= at(window_ms + window_ms / 10 + 1_000), "{named}");
        assert!(take(&mut ledger, until, &configured).is_ok(), "{named}");
    }
}

#[test]
fn a_limit_that_is_not_lower_than_the_configured_one_is_not_believed() {
    for (requests_max, seconds) in [
        (450, 300),
        (700, 300),
        (500, 180),
        (449, 60),
        (0, 60),
        (10, 0),
    ] {
        let mut ledger = Ledger::default();
        let slot = take(&mut ledger, at(0), &Limit::DEFAULT).unwrap();
        let stated = Some(Limit {
            requests_max,
            window: Duration::from_secs(seconds),
        });
        let refusal = RateRefusal {
            retry_after: None,
            stated,
        };
        ledger.rate_limited(slot, at(100), refusal, &Limit::DEFAULT);
        assert_eq!(
            ledger.limit_in_force(&Limit::DEFAULT),
            Limit::DEFAULT,
            "{stated:?}"
        );
    }
}

#[test]
fn a_pause_that_a_refusal_names_is_at_most_a_window() {
    for (named, kept) in [(0, 1), (7, 7), (86_400, 300)] {
        let mut ledger = Ledger::default();
        let slot = take(&mut ledger, at(0), &SMALL).unwrap();
        ledger.rate_limited(slot, at(0), pause(Duration::from_secs(named)), &SMALL);
        let until = take(&mut ledger, at(0), &SMALL).unwrap_err();
        assert!(
            until >= at(kept * 1_000) && until <= at(300_150),
            "{named}: {until}"
        );
    }
}

#[test]
fn a_full_ledger_is_small_and_reads_as_it_was_written() {
    let mut ledger = Ledger::default();
    drain(
        &mut ledger,
        at(1_767_600_012_345),
        Priority::Normal,
        Duration::from_secs(3_000),
    );
    let text = serde_json::to_string(&ledger).unwrap();
    assert!(text.len() <= 1_024, "{} bytes", text.len());
    let read: Ledger = serde_json::from_str(&text).unwrap();
    assert_eq!(read, ledger);
}

#[test]
fn an_invalid_ledger_is_refused() {
    let text = serde_json::to_string(&Ledger::default()).unwrap();
    let broken = text.replace("\"slots\":\"\"", "\"slots\":\"!!\"");
    assert_ne!(text, broken);
    assert!(serde_json::from_str::<Ledger>(&broken).is_err());
}

/// One event of a history.
#[derive(Clone, Debug)]
enum BudgetEvent {
    /// Time passes.
    Wait(i64),
    /// An instance requests permits. Its clock is off by some milliseconds.
    Ask {
        want: u32,
        priority: Priority,
        skew: i64,
    },
    /// The oldest leased permit is used: its request arrives and gets its response within these
    /// times, or its holder crashes after sending it.
    Send {
        late: i64,
        there: i64,
        back: i64,
        dies: bool,
    },
    /// The oldest leased permit is released.
    GiveBack,
    /// The ledger is written and read.
    Restart,
}

fn budget_events() -> impl Strategy<Value = Vec<BudgetEvent>> {
    let priority = prop::sample::select(Priority::ALL.to_vec());
    let act = prop_oneof![
        2 => (0..20_000_i64).prop_map(BudgetEvent::Wait),
        1 => (0..200_000_i64).prop_map(BudgetEvent::Wait),
        8 => (1..20_u32, priority, -50..50_i64).prop_map(|(want, priority, skew)| BudgetEvent::Ask { want, priority, skew }),
        12 => (0..3_000_i64, 1..20_000_i64, 1..10_000_i64, prop::bool::weighted(0.1))
            .prop_map(|(late, there, back, dies)| BudgetEvent::Send { late, there, back, dies }),
        1 => Just(BudgetEvent::GiveBack),
        1 => Just(BudgetEvent::Restart),
    ];
    prop::collection::vec(act, 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// The oracle is brute force: every window that begins at an arrival.
    #[test]
    fn no_window_of_the_server_ever_holds_more_than_the_limit(
        max in prop::sample::select(vec![1_u32, 3, 8, 100, 130]),
        pace in prop::sample::select(vec![Pace::Even, Pace::Burst]),
        acts in budget_events(),
    ) {
        let limit = Limit { requests_max: max, window: Duration::from_secs(60) };
        let mut ledger = Ledger::default();
        let mut now = 1_000_000_i64;
        let mut held: Vec<(GrantedPermit, i64)> = Vec::new();
        let mut open: Vec<(i64, u64, i64)> = Vec::new();
        let mut arrivals: Vec<i64> = Vec::new();
        for act in acts {
            match act {
                BudgetEvent::Wait(pause) => now += pause,
                BudgetEvent::Ask { want, priority, skew } => {
                    let request = PermitRequest { permits_max: want, priority, stage: WorkStage::Finishing, pace };
                    let granted = ledger.grant(at(now + skew), &limit, &request);
                    held.extend(granted.into_iter().flatten().map(|one| (one, skew)));
                }
                BudgetEvent::Send { late, there, back, dies } => {
                    if held.is_empty() {
                        continue;
                    }
                    let (one, skew) = held.remove(0);
                    let due = one.from.as_millis() - skew;
                    if now > due + 3_000 {
                        ledger.release(one);
                        continue;
                    }
                    let sent = now.max(due + late.min(3_000));
                    let arrived = sent + there;
                    arrivals.push(arrived);
                    if !dies {
                        open.push((arrived + back, one.slot, skew));
                    }
                }
                BudgetEvent::GiveBack => {
                    if let Some((one, _)) = held.pop() {
                        ledger.release(one);
                    }
                }
                BudgetEvent::Restart => {
                    let text = serde_json::to_string(&ledger).unwrap();
                    ledger = serde_json::from_str(&text).unwrap();
                }
            }
            open.retain(|(seen, slot, skew)| {
                if *seen <= now {
                    ledger.complete(*slot, at(*seen + skew), &limit);
                }
                *seen > now
            });
        }
        arrivals.sort_unstable();
        let window = i64::try_from(limit.window.as_millis()).unwrap();
        for (index, first) in arrivals.iter().enumerate() {
            let inside = arrivals[index..].iter().take_while(|later| **later < first + window).count();
            prop_assert!(inside <= usize::try_from(max).unwrap(), "{inside} of {max} from {first}");
        }
    }
}

/// The table in the documentation of `halogard_domain::budget`, row by row.
#[test]
fn the_worked_example_of_the_documentation_is_right() {
    let limit = Limit {
        requests_max: 3,
        window: Duration::from_secs(60),
    };
    let mut ledger = Ledger::default();
    let grant = |ledger: &mut Ledger, millis| {
        let granted = ledger.grant(at(millis), &limit, &ONE);
        granted
            .map(|permits| (permits[0].slot, permits[0].from.as_millis()))
            .map_err(|denied| denied.usable_at.as_millis())
    };

    assert_eq!(grant(&mut ledger, 0), Ok((0, 0)));
    let unused = ledger.grant(at(0), &limit, &ONE).unwrap()[0];
    assert_eq!((unused.slot, unused.from), (1, at(0)));
    assert_eq!(grant(&mut ledger, 0), Ok((2, 0)));
    ledger.complete(0, at(1_000), &limit);
    ledger.release(unused);
    assert_eq!(ledger.in_use(at(1_200)), 2);
    assert_eq!(grant(&mut ledger, 1_200), Ok((3, 1_200)));
    assert_eq!(grant(&mut ledger, 2_000), Err(61_150));
    assert_eq!(grant(&mut ledger, 61_150), Ok((4, 61_150)));
    assert_eq!(grant(&mut ledger, 61_150), Err(130_150));
    assert_eq!(ledger.in_use(at(130_150)), 2);
    assert_eq!(ledger.in_use(at(131_350)), 1);
    assert_eq!(ledger.in_use(at(191_300)), 0);
}

/// Sends `count` requests from `start` on, and returns when the last one was sent.
fn send(ledger: &mut Ledger, start: Timestamp, count: usize) -> Timestamp {
    let mut now = start;
    let mut sent = 0;
    while sent < count {
        match ledger.grant(now, &Limit::DEFAULT, &ONE) {
            Ok(granted) => {
                for one in granted {
                    let seen = one.from.plus(Duration::from_millis(200));
                    ledger.complete(one.slot, seen, &Limit::DEFAULT);
                    now = now.max(one.from);
                    sent += 1;
                }
            }
            Err(denied) => now = denied.leasable_at.max(now.plus(Duration::from_millis(1))),
        }
    }
    now
}

#[test]
fn a_clock_that_was_ahead_blocks_no_request_once_it_is_corrected() {
    let hour = 3_600_000;
    let year = 365 * 24 * hour;
    for (ahead, count) in [
        (hour, 20),
        (hour, 300),
        (hour, 460),
        (year, 20),
        (year, 440),
        (year, 460),
    ] {
        let mut ledger = Ledger::default();
        send(&mut ledger, at(ahead), count);
        let refused = ledger.grant(at(ahead + 600_000), &Limit::DEFAULT, &ONE);
        let slot = refused.unwrap()[0].slot;
        let hours = pause(Duration::from_secs(7_200));
        ledger.rate_limited(slot, at(ahead + 600_100), hours, &Limit::DEFAULT);

        let corrected = at(60_000);
        let wait = match ledger.grant(corrected, &Limit::DEFAULT, &ONE) {
            Ok(granted) => granted[0].from.since(corrected),
            Err(denied) => denied.usable_at.since(corrected),
        };
        assert!(
            wait <= Limit::DEFAULT.window + Limit::MARGIN + Limit::TICK,
            "{count} requests {ahead} ms ahead: wait {wait:?}"
        );
        let end = send(&mut ledger, corrected, 2_000);
        assert!(
            end.since(corrected) < Duration::from_secs(2_000),
            "{count} requests {ahead} ms ahead: {:?}",
            end.since(corrected)
        );
        let json = serde_json::to_string(&ledger).unwrap();
        assert!(json.len() < 1_024, "{} bytes", json.len());
    }
}

#[test]
fn requests_that_begin_work_leave_slots_to_those_that_finish_it() {
    for (requests_max, reserved) in [(1, 0), (2, 1), (5, 1), (20, 4), (300, 60)] {
        let limit = Limit {
            requests_max,
            ..Limit::DEFAULT
        };
        let granted = |ledger: &mut Ledger, stage| {
            let request = PermitRequest {
                permits_max: 1,
                priority: Priority::Normal,
                stage,
                pace: Pace::Burst,
            };
            let mut count = 0;
            while ledger.grant(at(0), &limit, &request).is_ok() {
                count += 1;
            }
            count
        };
        let mut ledger = Ledger::default();
        let begun = granted(&mut ledger, WorkStage::Beginning);
        assert_eq!(begun, requests_max - reserved, "of {requests_max}");
        let finished = granted(&mut ledger, WorkStage::Finishing);
        assert_eq!(finished, reserved, "of {requests_max}");
    }
}
