//! Cases for [`RequestBudget`].

use std::time::Duration;

use halogard_app::ports::{BudgetError, Permit, PermitOutcome, RequestBudget};
use halogard_domain::Timestamp;
use halogard_domain::budget::Limit;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::fixture::{BudgetFixture, at_once};

/// Tries an adapter of `RequestBudget`.
#[macro_export]
macro_rules! budget {
    ($fixture:ident) => {
        $crate::cases! {
            $fixture, budget:
            the_whole_limit_may_be_taken_and_no_more,
            permits_are_never_the_same,
            a_denial_takes_nothing,
            takers_at_once_never_get_more_than_the_limit,
            every_handle_draws_from_the_same_slots,
            a_lowered_limit_counts_what_is_in_use,
            permits_taken_survive_a_restart,
            permits_settled_survive_a_restart,
            a_settled_permit_frees_one_window_later,
            a_denial_says_exactly_when_to_come_back,
            an_unsettled_permit_expires,
            an_answer_seen_after_all_still_counts,
            no_window_ever_holds_more_than_the_limit,
            handles_side_by_side_never_get_more_than_the_limit,
        }
    };
}

/// A limit small enough to be reached.
const LIMIT: Limit = Limit {
    requests_max: 5,
    window: Duration::from_secs(300),
};

/// The smallest step of time.
const TICK: Duration = Duration::from_millis(1);

/// From the moment an answer was seen until its slot is free.
const REUSE: Duration = LIMIT.window.saturating_add(Limit::MARGIN);

/// From the moment a permit was taken until its slot is free, when no caller settles it.
const LOST_AFTER: Duration = Limit::PERMIT_TTL.saturating_add(REUSE);

/// Takes a permit that must be there.
async fn take(budget: &impl RequestBudget) -> Permit {
    budget.take().await.expect("a slot is free")
}

/// Takes as many permits as there are.
async fn take_all(budget: &impl RequestBudget) -> Vec<Permit> {
    let mut permits = Vec::new();
    while let Ok(permit) = budget.take().await {
        permits.push(permit);
        assert!(permits.len() <= 1000, "a limit of 5 ends somewhere");
    }
    permits
}

/// Asserts that nothing may be sent now; returns until when.
async fn denied(budget: &impl RequestBudget) -> Timestamp {
    match budget.take().await {
        Err(BudgetError::Exhausted { until }) => until,
        other => panic!("the budget is spent, not {other:?}"),
    }
}

/// Settles `permit`.
async fn settle(budget: &impl RequestBudget, permit: Permit) {
    budget
        .settle(permit, PermitOutcome::Completed)
        .await
        .expect("the store settles");
}

pub async fn the_whole_limit_may_be_taken_and_no_more<B: BudgetFixture>(fixture: B) {
    let budget = fixture.budget(LIMIT);

    assert_eq!(take_all(&budget).await.len(), 5);

    assert!(denied(&budget).await > fixture.now());
}

pub async fn permits_are_never_the_same<B: BudgetFixture>(fixture: B) {
    let budget = fixture.budget(LIMIT);
    let mut slots: Vec<_> = take_all(&budget).await.iter().map(|p| p.slot).collect();
    slots.sort_unstable();
    slots.dedup();
    assert_eq!(slots.len(), 5);
}

pub async fn a_denial_takes_nothing<B: BudgetFixture>(fixture: B) {
    let budget = fixture.budget(LIMIT);
    take_all(&budget).await;

    let until = denied(&budget).await;
    for _ in 0..20 {
        assert_eq!(denied(&budget).await, until);
    }
}

pub async fn takers_at_once_never_get_more_than_the_limit<B: BudgetFixture>(fixture: B) {
    let limit = Limit {
        requests_max: 50,
        ..LIMIT
    };
    let budget = fixture.budget(limit);
    let taken = at_once((0..16).map(|_| {
        let budget = budget.clone();
        async move {
            let mut taken = 0;
            for _ in 0..10 {
                match budget.take().await {
                    Ok(_) => taken += 1,
                    Err(BudgetError::Exhausted { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            taken
        }
    }))
    .await;

    assert_eq!(taken.iter().sum::<u32>(), 50);
}

pub async fn every_handle_draws_from_the_same_slots<B: BudgetFixture>(fixture: B) {
    let (one, other) = (fixture.budget(LIMIT), fixture.budget(LIMIT));
    for _ in 0..2 {
        take(&one).await;
        take(&other).await;
    }
    take(&one).await;

    assert_eq!(denied(&other).await, denied(&one).await);
}

pub async fn a_lowered_limit_counts_what_is_in_use<B: BudgetFixture>(fixture: B) {
    take_all(&fixture.budget(LIMIT)).await;
    let lowered = Limit {
        requests_max: 3,
        ..LIMIT
    };
    let raised = Limit {
        requests_max: 6,
        ..LIMIT
    };

    denied(&fixture.budget(lowered)).await;

    take(&fixture.budget(raised)).await;
    denied(&fixture.budget(raised)).await;
}

pub async fn permits_taken_survive_a_restart<B: BudgetFixture>(fixture: B) {
    take_all(&fixture.budget(LIMIT)).await;

    let fixture = fixture.reopen().await;

    denied(&fixture.budget(LIMIT)).await;
}

pub async fn permits_settled_survive_a_restart<B: BudgetFixture>(fixture: B) {
    for _ in 0..5 {
        let budget = fixture.budget(LIMIT);
        let permit = take(&budget).await;
        settle(&budget, permit).await;
    }

    let fixture = fixture.reopen().await;

    denied(&fixture.budget(LIMIT)).await;
}

pub async fn a_settled_permit_frees_one_window_later<B: BudgetFixture>(fixture: B) {
    if B::skips_wait_of(LIMIT.window) {
        return;
    }
    let budget = fixture.budget(LIMIT);
    let mut permits = take_all(&budget).await;
    fixture.advance(Duration::from_secs(10)).await;
    settle(&budget, permits.remove(0)).await;

    fixture.advance(REUSE - TICK).await;
    denied(&budget).await;
    fixture.advance(TICK).await;

    take(&budget).await;
    denied(&budget).await;
}

pub async fn a_denial_says_exactly_when_to_come_back<B: BudgetFixture>(fixture: B) {
    if B::skips_wait_of(LIMIT.window) {
        return;
    }
    let budget = fixture.budget(LIMIT);
    let mut seen = Vec::new();
    for permit in take_all(&budget).await {
        fixture.advance(Duration::from_secs(7)).await;
        settle(&budget, permit).await;
        seen.push(fixture.now());
    }

    for seen in seen {
        let until = denied(&budget).await;
        assert_eq!(until, seen.plus(REUSE), "the slot that frees first");
        fixture.advance(until.since(fixture.now()) - TICK).await;
        assert_eq!(denied(&budget).await, until, "not a moment before");
        fixture.advance(TICK).await;
        take(&budget).await;
    }
}

pub async fn an_unsettled_permit_expires<B: BudgetFixture>(fixture: B) {
    if B::skips_wait_of(LOST_AFTER) {
        return;
    }
    let budget = fixture.budget(LIMIT);
    take_all(&budget).await;
    assert_eq!(denied(&budget).await, fixture.now().plus(LOST_AFTER));

    fixture.advance(LOST_AFTER - TICK).await;
    denied(&budget).await;
    fixture.advance(TICK).await;

    assert_eq!(take_all(&budget).await.len(), 5);
}

pub async fn an_answer_seen_after_all_still_counts<B: BudgetFixture>(fixture: B) {
    if B::skips_wait_of(LOST_AFTER) {
        return;
    }
    let budget = fixture.budget(LIMIT);
    let given_up = take(&budget).await;
    fixture.advance(LOST_AFTER).await;
    assert_eq!(take_all(&budget).await.len(), 5);

    settle(&budget, given_up).await;
    fixture.advance(REUSE).await;

    assert_eq!(denied(&budget).await, fixture.now().plus(Limit::PERMIT_TTL));
}

/// A desk that counts a request at some moment between its sending and its answer, against clients
/// that wait, hurry and die as chance will have it.
pub async fn no_window_ever_holds_more_than_the_limit<B: BudgetFixture>(fixture: B) {
    if B::skips_wait_of(LIMIT.window * 100) {
        return;
    }
    let seed = 20_260_105;
    println!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let budget = fixture.budget(LIMIT);
    let mut in_flight = Vec::new();
    let mut arrivals: Vec<Timestamp> = Vec::new();
    for _ in 0..4000 {
        match chance.random_range(0..4) {
            0 => {
                let millis = chance.random_range(0..40_000);
                fixture.advance(Duration::from_millis(millis)).await;
            }
            1 if !in_flight.is_empty() => {
                let (sent, permit): (Timestamp, Permit) =
                    in_flight.swap_remove(chance.random_range(0..in_flight.len()));
                let now = fixture.now();
                let latest = now.min(sent.plus(Limit::PERMIT_TTL));
                let after = chance.random_range(sent.as_millis()..=latest.as_millis());
                arrivals.push(Timestamp::from_millis(after));
                // One in ten dies before it can say that it saw the answer.
                if chance.random_range(0..10) > 0 {
                    settle(&budget, permit).await;
                }
            }
            _ => {
                if let Ok(permit) = budget.take().await {
                    in_flight.push((fixture.now(), permit));
                }
            }
        }
    }

    arrivals.sort_unstable();
    assert!(arrivals.len() > 100, "the case did something");
    for six in arrivals.windows(6) {
        let span = six[5].since(six[0]);
        assert!(span >= LIMIT.window, "six requests within {span:?}");
    }
}

/// Handles that share nothing but the store, as instances do.
pub async fn handles_side_by_side_never_get_more_than_the_limit<B: BudgetFixture>(fixture: B) {
    let limit = Limit {
        requests_max: 150,
        ..LIMIT
    };
    let handles: Vec<_> = (0..8).map(|_| fixture.budget(limit)).collect();
    let taken = at_once(handles.into_iter().map(|budget| async move {
        let mut taken = 0;
        for _ in 0..100 {
            match budget.take().await {
                Ok(_) => taken += 1,
                Err(BudgetError::Exhausted { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        taken
    }))
    .await;

    let taken = taken.iter().sum::<u32>();
    // Two thirds go at once from rest; the clock does not move, so nothing is paced meanwhile.
    assert!((1..=limit.requests_max).contains(&taken), "{taken}");
    assert!(taken >= 60, "handles take side by side: {taken}");
}
