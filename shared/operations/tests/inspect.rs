//! Inspections that an operator requests, over a store whose worker is played by the test.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use halogard_app::ports::{
    AlertIndex as _, Lane, Links as _, NamedValues as _, QueuedState, Records as _, Revision,
    WorkQueue as _, keys,
};
use halogard_domain::ids::{AlertId, EnvironmentId, LaunchpointId};
use halogard_domain::policy::{AppliedPolicy, Mode};
use halogard_domain::runs::{RunTarget, Runs};
use halogard_domain::{Link, Policy, Timestamp};
use halogard_operations::inspect::{self, InspectError, InspectSubject, InspectorFault, RunPhase};
use halogard_operations::status;
use halogard_sqlite::Store;

use support::{NOW, StoppedClock, alert, filled_store, policy};

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

/// Changes the runs of `target` as a worker does.
async fn work(store: &Store<StoppedClock>, target: RunTarget, change: impl Fn(&mut Runs)) {
    let stored = store.load_record::<Runs>(&target).await.unwrap();
    let mut runs = stored.value;
    change(&mut runs);
    let saved = store.save_record(&target, &runs, stored.revision).await;
    saved.unwrap();
}

/// How far the one inspection is that was requested now.
async fn phase(store: &Store<StoppedClock>, target: RunTarget, seconds: u64) -> RunPhase {
    let answer = inspect::progress(store, &[target], NOW, after(seconds)).await;
    answer.unwrap().runs[0].phase
}

#[tokio::test]
async fn an_inspection_is_followed_from_the_request_to_its_end() {
    let (store, _folder) = filled_store().await;
    let target = RunTarget::HaloPsa;
    // One that ended before says nothing about this one.
    work(&store, target, |runs| {
        runs.start(
            LaunchpointId::new(77),
            None,
            NOW.minus(Duration::from_secs(90)),
        );
        runs.note_end(None, NOW.minus(Duration::from_secs(60)));
        runs.succeed();
    })
    .await;
    let targets = inspect::request(&store, InspectSubject::HaloPsa, NOW).await;
    assert_eq!(targets.unwrap(), [target]);
    assert_eq!(store.depth(Lane::Runs).await.unwrap(), 1);
    assert_eq!(phase(&store, target, 1).await, RunPhase::Requested);
    work(&store, target, |runs| {
        runs.block(after(2));
    })
    .await;
    assert_eq!(phase(&store, target, 3).await, RunPhase::Blocked);
    work(&store, target, |runs| {
        runs.start(LaunchpointId::new(77), None, after(10));
        runs.watched_until = Some(after(15));
    })
    .await;
    assert_eq!(phase(&store, target, 11).await, RunPhase::Running);
    // A second request while it runs is served by the next run, and needs no second worker.
    inspect::request(&store, InspectSubject::HaloPsa, NOW)
        .await
        .unwrap();
    assert_eq!(store.depth(Lane::Runs).await.unwrap(), 1);
    let state = store.load_record::<Runs>(&target).await.unwrap().value;
    assert!(state.requested && state.in_flight.is_some());
    work(&store, target, |runs| {
        runs.note_end(None, after(20));
        runs.succeed();
    })
    .await;
    let queued = QueuedState::new(1, after(21));
    let index = [(AlertId::new(1), queued), (AlertId::new(31), queued)].into();
    store.save_index(&index).await.unwrap();
    let answer = inspect::progress(&store, &[target], NOW, after(30)).await;
    let answer = answer.unwrap();
    assert!(answer.has_ended() && !answer.has_failed());
    assert!(answer.alerts.contains(&AlertId::new(1)));
    assert!(answer.alerts.contains(&AlertId::new(31)));
    assert_eq!(answer.tickets.len(), 1, "alert 31 has none: {answer:?}");
}

#[tokio::test]
async fn a_failed_inspection_says_why_and_whose_fault_it_is() {
    let (store, _folder) = filled_store().await;
    let target = RunTarget::Launchpoint(LaunchpointId::new(88));
    let subject = InspectSubject::Launchpoint(LaunchpointId::new(88));
    inspect::request(&store, subject, NOW).await.unwrap();
    work(&store, target, |runs| {
        runs.start(LaunchpointId::new(88), None, after(5));
        runs.note_end(Some("exit code 1: 401 Unauthorized".to_owned()), after(9));
        runs.fail();
    })
    .await;
    let answer = inspect::progress(&store, &[target], NOW, after(10))
        .await
        .unwrap();
    assert!(answer.has_failed());
    let run = &answer.runs[0];
    assert_eq!(run.target, "launchpoint-88");
    assert_eq!(run.said.as_deref(), Some("exit code 1: 401 Unauthorized"));
    assert_eq!(run.fault, Some(InspectorFault::Credential));
}

#[tokio::test]
async fn an_environment_is_inspected_by_the_launchpoints_of_its_open_alerts() {
    let (store, _folder) = filled_store().await;
    for (id, status, launchpoint) in [(501, "new", 5), (502, "new", 6), (503, "closed", 7)] {
        let mut link = Link::new(AlertId::new(id));
        let mut seen = alert(id, status);
        seen.environment = EnvironmentId::new(9901);
        seen.launchpoint = Some(LaunchpointId::new(launchpoint));
        link.observed_alert = Some(seen);
        store.save(&link, &[], Revision::default()).await.unwrap();
    }
    let environment = InspectSubject::Environment(EnvironmentId::new(9901));
    let targets = inspect::request(&store, environment, NOW).await.unwrap();
    let expected = [5, 6].map(|id| RunTarget::Launchpoint(LaunchpointId::new(id)));
    assert_eq!(targets, expected);
    let empty = InspectSubject::Environment(EnvironmentId::new(9902));
    let refused = inspect::request(&store, empty, NOW).await;
    assert!(matches!(refused, Err(InspectError::NoLaunchpoint(_))));
}

#[tokio::test]
async fn nothing_is_started_while_halogard_only_observes() {
    let (store, _folder) = filled_store().await;
    let observing = Policy {
        mode: Mode::Observe,
        ..policy()
    };
    let fingerprint = observing.fingerprint();
    let applied = AppliedPolicy {
        policy: Some(observing),
    };
    let key = AppliedPolicy::key(fingerprint);
    let saved = store
        .save_record(key.as_str(), &applied, Revision::default())
        .await;
    saved.unwrap();
    let digest = i64::from_ne_bytes(fingerprint.to_ne_bytes());
    store.set_value(keys::APPLIED_POLICY, digest).await.unwrap();
    let refused = inspect::request(&store, InspectSubject::HaloPsa, NOW).await;
    assert!(matches!(refused, Err(InspectError::Observing)));
    assert_eq!(store.depth(Lane::Runs).await.unwrap(), 0);
}

#[tokio::test]
async fn an_inspector_that_keeps_failing_is_a_problem_with_whose_fault_it_is() {
    let (store, _folder) = filled_store().await;
    let failing = async || {
        let problems = status::current_problems(&store, NOW).await.unwrap();
        problems
            .into_iter()
            .find(|it| it.cause == "inspector_failing")
    };
    // Waiting pairs stop waiting after three failures, and it goes on failing.
    for number in 1..=7 {
        assert_eq!(failing().await.is_some(), number > 3, "{number}");
        work(&store, RunTarget::HaloPsa, |runs| {
            runs.start(LaunchpointId::new(77), None, NOW);
            runs.note_end(Some("exit code 1: invalid_client".to_owned()), NOW);
            runs.fail();
        })
        .await;
    }
    let problem = failing().await.unwrap();
    assert!(
        problem.what.contains("7 times in a row"),
        "{}",
        problem.what
    );
    assert!(problem.what.contains("Liongard's own credential"));
    work(&store, RunTarget::HaloPsa, |runs| {
        runs.note_end(None, NOW);
    })
    .await;
    assert_eq!(failing().await, None);
}
