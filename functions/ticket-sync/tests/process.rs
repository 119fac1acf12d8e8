//! The built function as Lambda runs it.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "../../../shared/lambda/tests/stack/mod.rs"]
mod stack;

use std::collections::BTreeMap;

use halogard_app::ports::Lane;
use halogard_domain::Message;
use halogard_domain::ids::AlertId;
use halogard_domain::message::Cause;
use serde_json::{Value, json};
use stack::{Function, Stack};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ticket-sync");

#[tokio::test]
async fn a_queue_message_becomes_a_ticket_and_no_failure_is_reported() {
    let stack = Stack::deploy().await;
    let alert = stack.alert();
    let look = Message::reconcile_alert(AlertId::new(alert), Cause::Poll);
    stack.send(Lane::Urgent, look).await;
    let function = stack.start(PROGRAM, "ticket-sync");

    let answer = function.invoke(&stack.event(Lane::Urgent).await).await;

    assert!(!answer.failed, "{}", answer.body);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body, json!({"batchItemFailures": []}));
    let key = format!("[LG-{alert}.");
    let tickets = stack.halo.tickets();
    let ours = tickets
        .iter()
        .filter(|ticket| ticket.summary.contains(&key));
    assert_eq!(ours.count(), 1);
}

#[tokio::test]
async fn a_message_of_an_unknown_queue_is_reported_as_failed() {
    let stack = Stack::deploy().await;
    let look = Message::reconcile_alert(AlertId::new(1), Cause::Poll);
    stack.send(Lane::Runs, look).await;
    let function = stack.start(PROGRAM, "ticket-sync");
    let event = stack.event(Lane::Runs).await;

    let answer = function.invoke(&event).await;

    let body: Value = serde_json::from_str(&answer.body).unwrap();
    let id = &event["Records"][0]["messageId"];
    assert!(id.is_string());
    assert_eq!(body, json!({"batchItemFailures": [{"itemIdentifier": id}]}));
}

#[tokio::test]
async fn without_its_variables_the_function_names_them_and_waits_for_the_next_event() {
    let function = Function::start(PROGRAM, "ticket-sync", &BTreeMap::new());
    for _ in 0..2 {
        let answer = function.invoke(&json!({"Records": []})).await;
        assert!(answer.failed);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["errorType"], "function.set_up");
        let said = body["errorMessage"].as_str().unwrap();
        for variable in [
            "HALOGARD_TABLE",
            "URGENT_QUEUE_URL",
            "BULK_DEAD_LETTERS_URL",
            "RUNS_QUEUE_URL",
            "HALOPSA_SECRET",
            "LIONGARD_SECRET",
            "AWS_REGION",
        ] {
            assert!(said.contains(&format!("{variable} is missing")), "{said}");
        }
    }
}
