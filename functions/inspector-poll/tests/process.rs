//! The built function as Lambda runs it.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "../../../shared/aws/tests/support/fault_proxy.rs"]
#[allow(dead_code, reason = "only counts here")]
mod fault_proxy;
#[path = "../../../shared/lambda/tests/stack/mod.rs"]
mod stack;

use std::collections::BTreeMap;

use fault_proxy::FaultProxy;
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

/// The calls to AWS since the last time, by what they do.
#[allow(clippy::print_stdout, reason = "the list of calls")]
fn calls(proxy: &FaultProxy, what: &str) -> BTreeMap<&'static str, usize> {
    let mut calls = BTreeMap::new();
    for (operation, body) in proxy.requests() {
        let kind = match operation.as_str() {
            "GetItem" | "BatchGetItem" => "gets",
            "Query" => "queries",
            "PutItem" | "UpdateItem" | "DeleteItem" => "writes",
            _ => "others",
        };
        let key =
            [&body["Key"], &body["Item"]].map(|it| (it["pk"]["S"].clone(), it["sk"]["S"].clone()));
        println!("{what}: {operation} {key:?}");
        *calls.entry(kind).or_default() += 1;
    }
    println!("{what}: {calls:?}");
    calls
}

/// A cold start lasts as long as the calls before its first answer, and an idle stack costs what a cycle reads
/// and writes every minute. A first cycle made 24 gets, 6 queries and 21 writes before the named values shared
/// an item, and 13 of its calls read again what it had just written.
#[tokio::test]
async fn a_cycle_reads_and_writes_each_record_once() {
    let mut stack = Stack::deploy().await;
    stack.alert();
    let proxy = FaultProxy::start(&stack.variables["AWS_ENDPOINT_URL"]).await;
    stack.variables.insert("AWS_ENDPOINT_URL", proxy.endpoint());
    let function = stack.start(PROGRAM, "inspector-poll");

    let answer = function.invoke(&json!({"type": "sync_cycle"})).await;
    assert!(!answer.failed, "{}", answer.body);
    let first = calls(&proxy, "first cycle");
    // The second one checks the version and the dialect.
    for what in ["second cycle", "third cycle"] {
        let answer = function.invoke(&json!({"type": "sync_cycle"})).await;
        assert!(!answer.failed, "{}", answer.body);
        if what == "second cycle" {
            calls(&proxy, what);
        }
    }
    let third = calls(&proxy, "third cycle");

    // On a slow machine what is known of pauses and config is read once more.
    assert!(
        first["gets"] <= 13 + 2 && first["queries"] <= 3,
        "{first:?}"
    );
    assert!(first["writes"] <= 14, "{first:?}");
    assert!(third["gets"] <= 3 + 2 && third["queries"] <= 2, "{third:?}");
    assert!(third["writes"] <= 7, "{third:?}");
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
