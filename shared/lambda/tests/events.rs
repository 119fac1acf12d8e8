//! The sample events of queues, and what each record of them leads to.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::fs;
use std::path::Path;

use aws_lambda_events::sqs::SqsEvent;
use halogard_app::ports::{Journal as _, Lane, Links as _, WorkQueue as _};
use halogard_app::process::{LaneWork, PairWork, RunWork};
use halogard_domain::ids::AlertId;
use halogard_lambda::batch;
use support::{Bench, listed};

/// Passes the sample `name` to a function that does the work `W`; says which of its records are to stay in the
/// queue.
async fn answer_to<W: LaneWork>(bench: &Bench, name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/lambda");
    let text = fs::read_to_string(path.join(name)).unwrap();
    let event: SqsEvent = serde_json::from_str(&text).unwrap();
    let instance = bench.instance();
    let answer =
        batch::process_batch::<W, _>(&instance, "sample", event.records, bench.deadline(120))
            .await
            .unwrap();
    listed(&answer).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn the_alert_of_the_urgent_sample_is_reconciled() {
    let bench = Bench::new().await;
    let stay = answer_to::<PairWork>(&bench, "ticket-sync-urgent.json").await;
    assert_eq!(stay, [] as [&str; 0]);
    let link = bench.store.load(AlertId::new(7586)).await.unwrap().unwrap();
    assert!(link.value.observed_alert.is_some());
}

#[tokio::test]
async fn the_alert_of_the_bulk_sample_is_reconciled() {
    let bench = Bench::new().await;
    let stay = answer_to::<PairWork>(&bench, "ticket-sync-bulk.json").await;
    assert_eq!(stay, [] as [&str; 0]);
    assert!(
        bench
            .store
            .load(AlertId::new(7586))
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn the_sample_with_a_broken_body_keeps_nothing_in_the_queue() {
    let bench = Bench::new().await;
    let stay = answer_to::<PairWork>(&bench, "ticket-sync-wrong-body.json").await;
    assert_eq!(stay, [] as [&str; 0]);
    assert!(
        bench
            .store
            .journal(AlertId::new(7586), 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn the_sample_of_a_strange_queue_stays_there() {
    let bench = Bench::new().await;
    let stay = answer_to::<PairWork>(&bench, "ticket-sync-wrong-queue.json").await;
    assert_eq!(stay, ["059f36b4-87a3-44ab-83d2-661970000006"]);
    assert_eq!(bench.halo_requests(), 0);
}

#[tokio::test]
async fn the_sample_of_the_runs_queue_is_seen_to_by_that_lane_only() {
    let bench = Bench::new().await;
    let stay = answer_to::<RunWork>(&bench, "inspector-poll-runs.json").await;
    assert_eq!(stay, [] as [&str; 0]);
    let stay = answer_to::<PairWork>(&bench, "inspector-poll-runs.json").await;
    assert_eq!(stay, ["059f36b4-87a3-44ab-83d2-661970000007"]);
    assert_eq!(bench.store.depth(Lane::Runs).await.unwrap(), 0);
}
