//! The built function as Lambda runs it.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "../../../shared/lambda/tests/stack/mod.rs"]
mod stack;

use halogard_app::ports::Lane;
use halogard_domain::Message;
use halogard_domain::runs::RunTarget;
use serde_json::{Value, json};
use stack::Stack;

const PROGRAM: &str = env!("CARGO_BIN_EXE_inspector-poll");

#[tokio::test]
async fn a_cycle_queues_what_it_finds_and_other_events_are_answered_with_what_was_expected() {
    let stack = Stack::deploy().await;
    let alert = stack.alert();
    let function = stack.start(PROGRAM, "inspector-poll");

    let answer = function.invoke(&json!({"type": "sync_cycle"})).await;

    assert!(!answer.failed, "{}", answer.body);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body, json!({"complete": true, "queued": 1}));
    let queued = stack.event(Lane::Urgent).await;
    let message = queued["Records"][0]["body"].as_str().unwrap();
    let message: Value = serde_json::from_str(message).unwrap();
    assert_eq!(message["type"], "reconcile_alert");
    assert_eq!(message["alert"], alert);

    let refused = function.invoke(&json!({"type": "sweep"})).await;
    assert!(refused.failed);
    let body: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(body["errorType"], "function.event");
    assert!(
        body["errorMessage"]
            .as_str()
            .unwrap()
            .contains(r#"{"type":"sync_cycle"}"#)
    );
}

#[tokio::test]
async fn a_message_of_the_runs_queue_is_processed() {
    let stack = Stack::deploy().await;
    stack
        .send(Lane::Runs, Message::advance_run(RunTarget::HaloPsa))
        .await;
    let function = stack.start(PROGRAM, "inspector-poll");

    let answer = function.invoke(&stack.event(Lane::Runs).await).await;

    assert!(!answer.failed, "{}", answer.body);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body, json!({"batchItemFailures": []}));
}
