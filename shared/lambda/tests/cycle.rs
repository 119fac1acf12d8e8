//! Rounds within one invocation.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use halogard_app::outcome::TaskEnd;
use halogard_app::ports::{
    Clock as _, ErrorCode, Lane, Leases as _, NamedValues as _, WorkQueue as _, keys,
};
use halogard_app::process::RunWork;
use halogard_lambda::cycle::{self, CycleRun};
use halogard_lambda::{FunctionError, Instance, Reserves, batch};
use halogard_simulator::Fault;
use support::{BEGIN, Bench, TestPlatform};

/// Makes a round in an invocation that has two minutes.
async fn run_cycle(bench: &Bench, instance: &Instance<TestPlatform>) -> Option<CycleRun> {
    cycle::run(instance, "inspector-poll", bench.deadline(120))
        .await
        .unwrap()
}

/// The mark of the last whole round.
async fn mark(bench: &Bench) -> Option<i64> {
    bench
        .store
        .value(keys::LAST_COMPLETE_CYCLE_AT)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_complete_cycle_queues_what_it_finds_and_stores_its_start() {
    let bench = Bench::new().await;
    bench.alert();
    let instance = bench.instance();

    let run = run_cycle(&bench, &instance).await.unwrap();

    assert!(run.report.unwrap().is_complete());
    assert_eq!(run.lag, Some(Duration::ZERO), "the clock does not move");
    assert_eq!(mark(&bench).await, Some(BEGIN.as_millis()));
    assert_eq!(bench.store.depth(Lane::Urgent).await.unwrap(), 1);
    let used = usize::try_from(bench.halo_requests()).unwrap();
    assert_eq!(
        bench.budget_in_use().await,
        used,
        "permits that were not used went back"
    );
}

#[tokio::test]
async fn after_an_incomplete_cycle_the_lag_is_the_age_of_the_last_complete_one() {
    let bench = Bench::new().await;
    let instance = bench.instance();
    bench.liongard.faults().next("GET /tasks", Fault::Status500);
    let first = run_cycle(&bench, &instance).await.unwrap();
    assert!(!first.report.unwrap().is_complete());
    assert_eq!(first.lag, Some(Duration::ZERO), "no cycle was complete yet");
    assert_eq!(mark(&bench).await, None);
    bench.time.pass(Duration::from_secs(400));
    bench.liongard.faults().next("GET /tasks", Fault::Status500);
    let second = run_cycle(&bench, &instance).await.unwrap();
    assert_eq!(
        second.lag,
        Some(Duration::from_secs(400)),
        "the alarm sees a stack whose cycles never complete"
    );
    let whole = BEGIN.plus(Duration::from_secs(400));

    run_cycle(&bench, &instance).await.unwrap();
    bench.time.pass(Duration::from_secs(90));
    bench.liongard.faults().next("GET /tasks", Fault::Status500);
    let third = run_cycle(&bench, &instance).await.unwrap();

    assert_eq!(third.lag, Some(Duration::from_secs(90)));
    assert_eq!(mark(&bench).await, Some(whole.as_millis()));
}

#[tokio::test]
async fn a_cycle_that_times_out_keeps_its_watermarks_and_the_next_one_reads_the_same() {
    let bench = Bench::new().await;
    bench.alert();
    let reserves = Reserves {
        call_max: Duration::from_millis(50),
        start_min: Duration::ZERO,
        shutdown: Duration::from_secs(100),
    };
    let instance = bench.instance_with(reserves);
    let slow = Fault::Delay {
        milliseconds: 60_000,
    };
    bench.liongard.faults().next("GET /tasks", slow);

    let deadline = bench.deadline(100).plus(Duration::from_millis(500));
    let cut_off = cycle::run(&instance, "inspector-poll", deadline)
        .await
        .unwrap()
        .unwrap();

    assert_eq!(
        bench.liongard.faults().pending(),
        0,
        "the slow answer was asked for"
    );
    assert_eq!(cut_off.report, None);
    assert_eq!(mark(&bench).await, None);
    assert_eq!(bench.store.depth(Lane::Urgent).await.unwrap(), 0);
    let next = run_cycle(&bench, &bench.instance()).await.unwrap();
    assert!(next.report.unwrap().is_complete());
    assert_eq!(bench.store.depth(Lane::Urgent).await.unwrap(), 1);
}

#[tokio::test]
async fn with_too_little_time_no_vendor_is_called() {
    let bench = Bench::new().await;
    let instance = bench.instance();

    let run = cycle::run(&instance, "inspector-poll", bench.deadline(44))
        .await
        .unwrap()
        .unwrap();

    assert!(!run.report.unwrap().is_complete());
    assert_eq!((bench.halo_requests(), bench.liongard_requests()), (0, 0));
}

#[tokio::test]
async fn while_another_invocation_runs_a_cycle_none_begins() {
    let bench = Bench::new().await;
    bench.alert();
    let until = bench.time.now().plus(Duration::from_secs(300));
    let other = bench.store.acquire_lease("sync_cycle", "other", until);
    other.await.unwrap();
    let instance = bench.instance();

    assert_eq!(run_cycle(&bench, &instance).await, None);

    assert_eq!((bench.halo_requests(), bench.liongard_requests()), (0, 0));
    // The other one ended without a word: its lease ends with its invocation.
    bench.time.pass(Duration::from_secs(300));
    let run = run_cycle(&bench, &instance).await.unwrap();
    assert!(run.report.unwrap().is_complete());
    let next = run_cycle(&bench, &bench.instance()).await;
    assert!(next.is_some(), "a cycle that ended leaves no lease");
}

#[tokio::test]
async fn a_minute_has_as_many_polls_as_the_operator_asked_for() {
    let bench = Bench::new().await;
    bench.controls.polls_per_minute.store(3, Ordering::SeqCst);
    let instance = bench.instance();
    let listed = || bench.liongard.stats().traffic.by_route["GET /tasks"];
    run_cycle(&bench, &instance).await.unwrap();
    assert_eq!(listed(), 1);

    for second in 1..60 {
        bench.time.pass(Duration::from_secs(1));
        let records = bench.receive(Lane::Runs).await;
        if !records.is_empty() {
            let deadline = bench.deadline(120);
            let answer =
                batch::process_batch::<RunWork, _>(&instance, "inspector-poll", records, deadline);
            answer.await.unwrap();
        }
        let expected = 1 + u64::from(second >= 20) + u64::from(second >= 40);
        assert_eq!(listed(), expected, "second {second}");
    }
    assert_eq!(bench.store.depth(Lane::Runs).await.unwrap(), 0);
}

#[tokio::test]
async fn without_a_config_no_cycle_runs() {
    let bench = Bench::new().await;
    bench.controls.applied.lock().unwrap().take();
    let instance = bench.instance();

    assert_eq!(run_cycle(&bench, &instance).await, None);
    assert_eq!((bench.halo_requests(), bench.liongard_requests()), (0, 0));
}

#[tokio::test]
async fn with_wrong_settings_the_invocation_fails() {
    let bench = Bench::new().await;
    bench
        .controls
        .settings
        .lock()
        .unwrap()
        .remove("HALOPSA_RESOURCE_URL");
    let instance = bench.instance();

    let failed = cycle::run(&instance, "inspector-poll", bench.deadline(120)).await;

    assert!(matches!(failed, Err(FunctionError::SetUp(_))), "{failed:?}");
}

#[tokio::test]
async fn a_key_that_liongard_refuses_is_read_again_with_the_next_cycle() {
    let bench = Bench::new().await;
    let sample = halogard_simulator::liongard::AccessKeySpec::sample();
    let secret = |secret: &str| {
        serde_json::json!({
            "liongard_access_key_id": sample.id,
            "liongard_access_key_secret": secret,
        })
        .to_string()
    };
    // Twice: the version before is tried as well.
    for (version, value) in [("v2", "wrong"), ("v3", "wrong-too")] {
        bench
            .store_secret("liongard_secret", version, &secret(value))
            .await;
    }
    let instance = bench.instance();
    let refused_cycle = run_cycle(&bench, &instance).await.unwrap();
    let refused = TaskEnd::Failed(ErrorCode::LiongardCredential);
    assert_eq!(refused_cycle.report.unwrap().polled, refused);
    bench
        .store_secret("liongard_secret", "v4", &secret(&sample.secret))
        .await;

    bench.time.pass(Duration::from_secs(60));
    let run = run_cycle(&bench, &instance).await.unwrap();

    assert!(run.report.unwrap().is_complete());
}
