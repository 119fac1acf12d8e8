//! Cases for [`RunStates`].

use std::collections::BTreeSet;

use halogard_app::ports::{Revision, RunStates, Stored};
use halogard_domain::ids::{AlertId, LaunchpointId, RunId};
use halogard_domain::runs::{RunInFlight, RunTarget, Runs};

use crate::fixture::{StoreFixture, at_once};
use crate::optimistic_concurrency::{NEW, assert_conflict};
use crate::samples::at;

/// Tries an adapter of `RunStates`.
#[macro_export]
macro_rules! runs {
    ($bench:ident) => {
        $crate::cases! {
            $bench, runs:
            a_target_nobody_asked_for_has_no_runs,
            every_field_of_the_runs_is_kept,
            runs_need_the_newest_revision,
            of_writers_at_once_exactly_one_wins_the_runs,
            targets_are_kept_apart,
            targets_with_work_are_busy_and_others_are_not,
            runs_survive_a_restart,
        }
    };
}

/// The inspector of one launchpoint.
fn launchpoint(id: u64) -> RunTarget {
    RunTarget::Launchpoint(LaunchpointId::new(id))
}

/// Alerts.
fn alerts(ids: impl IntoIterator<Item = u64>) -> BTreeSet<AlertId> {
    ids.into_iter().map(AlertId::new).collect()
}

/// Runs with every field filled.
fn full() -> Runs {
    Runs {
        waiting: alerts(1..=500),
        requested: true,
        in_flight: Some(RunInFlight {
            launchpoint: LaunchpointId::new(77),
            newest_before: Some(RunId::new(900)),
            started_at: at(1),
            alerts: alerts([7, 8]),
        }),
        last_started_at: Some(at(1)),
        failures: 2,
        watched_until: Some(at(901)),
    }
}

/// The stored runs of `target`.
async fn load(states: &impl RunStates, target: RunTarget) -> Stored<Runs> {
    states.load_runs(target).await.expect("the store loads")
}

/// Creates the runs of `target`.
async fn create(states: &impl RunStates, target: RunTarget, runs: &Runs) -> Revision {
    let saved = states.save_runs(target, runs, NEW).await;
    saved.expect("nobody else wrote")
}

pub async fn a_target_nobody_asked_for_has_no_runs<B: StoreFixture<Store: RunStates>>(bench: B) {
    let states = bench.store();
    let nothing = Stored {
        value: Runs::default(),
        revision: NEW,
    };

    assert_eq!(load(&states, RunTarget::HaloPsa).await, nothing);
    assert_eq!(load(&states, launchpoint(77)).await, nothing);
    let busy = states.busy_targets().await.expect("the store lists");
    assert_eq!(busy, []);
}

pub async fn every_field_of_the_runs_is_kept<B: StoreFixture<Store: RunStates>>(bench: B) {
    let states = bench.store();

    let revision = create(&states, RunTarget::HaloPsa, &full()).await;

    let expected = Stored {
        value: full(),
        revision,
    };
    assert_eq!(load(&states, RunTarget::HaloPsa).await, expected);
}

pub async fn runs_need_the_newest_revision<B: StoreFixture<Store: RunStates>>(bench: B) {
    let states = bench.store();
    let target = RunTarget::HaloPsa;
    assert_conflict(states.save_runs(target, &full(), Revision(1)).await);

    let first = create(&states, target, &Runs::default()).await;
    assert_conflict(states.save_runs(target, &full(), NEW).await);
    let second = states.save_runs(target, &full(), first).await;
    let second = second.expect("it is the newest");
    assert!(second > first && first > NEW);

    assert_conflict(states.save_runs(target, &Runs::default(), first).await);
    let stored = load(&states, target).await;
    assert_eq!((stored.value, stored.revision), (full(), second));
}

pub async fn of_writers_at_once_exactly_one_wins_the_runs<B: StoreFixture<Store: RunStates>>(
    bench: B,
) {
    let states = bench.store();
    let outcomes = at_once((1..=16).map(|writer| {
        let states = states.clone();
        async move {
            let mut runs = Runs::default();
            runs.request(AlertId::new(writer));
            states.save_runs(RunTarget::HaloPsa, &runs, NEW).await
        }
    }))
    .await;

    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for outcome in lost {
        assert_conflict(outcome);
    }
    assert_eq!(
        load(&states, RunTarget::HaloPsa).await.value.waiting.len(),
        1
    );
}

pub async fn targets_are_kept_apart<B: StoreFixture<Store: RunStates>>(bench: B) {
    let states = bench.store();
    create(&states, RunTarget::HaloPsa, &full()).await;
    create(&states, launchpoint(7), &Runs::default()).await;

    assert_eq!(load(&states, RunTarget::HaloPsa).await.value, full());
    assert_eq!(load(&states, launchpoint(7)).await.value, Runs::default());
    assert_eq!(load(&states, launchpoint(77)).await.revision, NEW);
}

pub async fn targets_with_work_are_busy_and_others_are_not<B: StoreFixture<Store: RunStates>>(
    bench: B,
) {
    let states = bench.store();
    let mut wanted = Runs::default();
    wanted.request(AlertId::new(1));
    let mut under_way = Runs::default();
    under_way.start(LaunchpointId::new(2), None, at(1));
    create(&states, RunTarget::HaloPsa, &wanted).await;
    let revision = create(&states, launchpoint(2), &under_way).await;
    create(&states, launchpoint(3), &Runs::default()).await;

    let busy = states.busy_targets().await.expect("the store lists");
    let busy: BTreeSet<_> = busy.into_iter().collect();
    assert_eq!(busy, BTreeSet::from([RunTarget::HaloPsa, launchpoint(2)]));

    under_way.succeed();
    let ended = states.save_runs(launchpoint(2), &under_way, revision).await;
    ended.expect("it is the newest");
    let busy = states.busy_targets().await.expect("the store lists");
    assert_eq!(busy, [RunTarget::HaloPsa]);
}

pub async fn runs_survive_a_restart<B: StoreFixture<Store: RunStates>>(bench: B) {
    let revision = create(&bench.store(), launchpoint(7), &full()).await;

    let bench = bench.reopen().await;

    let stored = load(&bench.store(), launchpoint(7)).await;
    assert_eq!((stored.value, stored.revision), (full(), revision));
}
