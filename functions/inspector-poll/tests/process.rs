//! The built function as Lambda runs it.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "../../../shared/aws/tests/support/fault_proxy.rs"]
#[allow(dead_code, reason = "only counts here")]
mod fault_proxy;
#[path = "../../../shared/lambda/tests/stack/mod.rs"]
mod stack;

use std::collections::BTreeMap;
use std::time::Duration;

use fault_proxy::FaultProxy;
use halogard_app::ports::{Clock as _, Lane, NamedValues as _, Records as _, keys};
use halogard_domain::Message;
use halogard_domain::config_history::ConfigInForce;
use halogard_domain::notify::{NoticeTicketPolicy, NotifyPolicy};
use halogard_domain::record::Singleton;
use halogard_domain::runs::RunTarget;
use halogard_domain::schedule::Cadence;
use halogard_domain::verification::Verification;
use halogard_runtime::SystemClock;
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

/// A stack that has worked for hours: a comparison of both sides and the report of yesterday are due.
#[tokio::test]
async fn what_is_scheduled_is_done_after_a_cycle() {
    let stack = Stack::deploy().await;
    stack.alert();
    let store = stack.store();
    let report_daily = |config: &mut ConfigInForce| {
        let policy = config.policy.as_mut().unwrap();
        let mapping = policy.environments.values().next().unwrap();
        let template = policy.templates.values().next().unwrap();
        let ticket = NoticeTicketPolicy {
            client: mapping.client,
            site: None,
            ticket_type: template.ticket_type,
            status: None,
            priority: None,
            team: None,
        };
        policy.notify = Some(Box::new(NotifyPolicy {
            ticket: Some(ticket),
            ..NotifyPolicy::default()
        }));
        policy.schedule.health_report = Some(Cadence::Daily);
    };
    store.update_record(&Singleton, report_daily).await.unwrap();
    let hours_ago = SystemClock.now().minus(Duration::from_secs(2 * 3600));
    for name in [keys::FIRST_POLL_AT, keys::LAST_COMPLETE_POLL_AT] {
        store.set_value(name, hours_ago.as_millis()).await.unwrap();
    }
    let function = stack.start(PROGRAM, "inspector-poll");

    let answer = function.invoke(&json!({"type": "sync_cycle"})).await;

    assert!(!answer.failed, "{}", answer.body);
    let stored = store.load_record::<Verification>(&Singleton).await;
    let last = stored.unwrap().value.last.unwrap();
    assert_eq!(last.tally.count(), 0, "the alert is a moment old: {last:?}");
    let titles: Vec<String> = stack
        .halo
        .tickets()
        .into_iter()
        .map(|it| it.summary)
        .collect();
    let is_report = |title: &&String| title.contains("daily health report");
    assert_eq!(titles.iter().filter(is_report).count(), 1, "{titles:?}");

    let answer = function.invoke(&json!({"type": "sync_cycle"})).await;
    assert!(!answer.failed, "{}", answer.body);
    assert_eq!(stack.halo.tickets().len(), titles.len(), "once is enough");
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
