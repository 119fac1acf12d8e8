//! Cases for [`StormStates`].

use halogard_app::ports::{Revision, Stored, StormStates};
use halogard_domain::ids::{AlertId, EnvironmentId};
use halogard_domain::storm::{MEMBERS_MAX, StormKey, StormPolicy, Storms};
use halogard_domain::{Alert, Slug};

use crate::fixture::{StoreFixture, at_once};
use crate::optimistic_concurrency::{NEW, assert_conflict};
use crate::samples::{alert, at};

/// Tries an adapter of `StormStates`.
#[macro_export]
macro_rules! storms {
    ($bench:ident) => {
        $crate::cases! {
            $bench, storms:
            a_rule_without_a_storm_has_none,
            the_largest_crowd_is_kept,
            storms_need_the_newest_revision,
            of_writers_at_once_exactly_one_wins_the_storms,
            storms_are_kept_apart,
            storms_survive_a_restart,
        }
    };
}

/// An alert of a rule at a customer.
fn of_rule(id: u64, environment: u64, rule: &str) -> Alert {
    Alert {
        environment: EnvironmentId::new(environment),
        rule: Some(rule.to_owned()),
        status: Slug::new("new"),
        ..alert(AlertId::new(id))
    }
}

/// The storms of one rule at one customer.
fn key(environment: u64, rule: &str) -> StormKey {
    StormKey::of(&of_rule(1, environment, rule))
}

/// Storms with a crowd of so many.
fn group_of(members: usize) -> Storms {
    let policy = StormPolicy {
        tickets_max: 1,
        ..StormPolicy::default()
    };
    let mut storms = Storms::default();
    for place in 0..members + 2 {
        let seconds = i64::try_from(place).expect("a moderate number");
        let id = u64::MAX - u64::try_from(place).expect("a moderate number");
        storms.assign(&of_rule(id, 1, "rule"), &policy, at(seconds / 100));
    }
    storms
}

/// The stored storms of `key`.
async fn load(states: &impl StormStates, key: StormKey) -> Stored<Storms> {
    states.load_storms(key).await.expect("the store loads")
}

/// Creates the storms of `key`.
async fn create(states: &impl StormStates, key: StormKey, storms: &Storms) -> Revision {
    let saved = states.save_storms(key, storms, NEW).await;
    saved.expect("nobody else wrote")
}

pub async fn a_rule_without_a_storm_has_none<B: StoreFixture<Store: StormStates>>(bench: B) {
    let nothing = Stored {
        value: Storms::default(),
        revision: NEW,
    };
    assert_eq!(load(&bench.store(), key(1, "rule")).await, nothing);
}

pub async fn the_largest_crowd_is_kept<B: StoreFixture<Store: StormStates>>(bench: B) {
    let states = bench.store();
    let largest = group_of(MEMBERS_MAX);
    let revision = create(&states, key(1, "rule"), &largest).await;
    let expected = Stored {
        value: largest,
        revision,
    };
    assert_eq!(load(&states, key(1, "rule")).await, expected);
}

pub async fn storms_need_the_newest_revision<B: StoreFixture<Store: StormStates>>(bench: B) {
    let states = bench.store();
    let key = key(1, "rule");
    assert_conflict(states.save_storms(key, &group_of(1), Revision(1)).await);

    let first = create(&states, key, &group_of(1)).await;
    assert_conflict(states.save_storms(key, &group_of(2), NEW).await);
    let second = states.save_storms(key, &group_of(2), first).await;
    let second = second.expect("it is the newest");
    assert!(second > first && first > NEW);

    assert_conflict(states.save_storms(key, &group_of(3), first).await);
    let stored = load(&states, key).await;
    assert_eq!((stored.value, stored.revision), (group_of(2), second));
}

pub async fn of_writers_at_once_exactly_one_wins_the_storms<B: StoreFixture<Store: StormStates>>(
    bench: B,
) {
    let states = bench.store();
    let outcomes = at_once((1..=16).map(|members| {
        let states = states.clone();
        async move {
            let storms = group_of(members);
            states.save_storms(key(1, "rule"), &storms, NEW).await
        }
    }))
    .await;

    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for outcome in lost {
        assert_conflict(outcome);
    }
}

pub async fn storms_are_kept_apart<B: StoreFixture<Store: StormStates>>(bench: B) {
    let states = bench.store();
    create(&states, key(1, "rule"), &group_of(1)).await;
    create(&states, key(1, "Rule"), &group_of(2)).await;
    create(&states, key(11, "rule"), &group_of(3)).await;

    assert_eq!(load(&states, key(1, "rule")).await.value, group_of(1));
    assert_eq!(load(&states, key(1, "Rule")).await.value, group_of(2));
    assert_eq!(load(&states, key(11, "rule")).await.value, group_of(3));
    assert_eq!(load(&states, key(2, "rule")).await.revision, NEW);
}

pub async fn storms_survive_a_restart<B: StoreFixture<Store: StormStates>>(bench: B) {
    let begun = create(&bench.store(), key(1, "rule"), &group_of(9)).await;
    let bench = bench.reopen().await;
    let stored = load(&bench.store(), key(1, "rule")).await;
    assert_eq!((stored.value, stored.revision), (group_of(9), begun));
}
