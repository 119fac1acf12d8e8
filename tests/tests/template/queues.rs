//! Queues: dead letters, visibility, encryption.

use std::collections::BTreeMap;

use halogard_aws::RECEIVES_MAX;
use serde_json::json;

use crate::expanded::{Template, at, refers_to, take_away};
use crate::rule::{Findings, hold};

/// How long a queue retains a message that no worker processes.
const FOURTEEN_DAYS: u64 = 14 * 24 * 3600;

/// The queues that a function consumes, with that function's time-out in seconds.
fn worked(template: &Template) -> BTreeMap<&str, u64> {
    let sources = template.of_type("AWS::Lambda::EventSourceMapping");
    let mut worked = BTreeMap::new();
    for source in sources.values() {
        let function = refers_to(&source["FunctionName"]).unwrap();
        let timeout = &template.resource(function)["Properties"]["Timeout"];
        worked.insert(
            refers_to(&source["EventSourceArn"]).unwrap(),
            timeout.as_u64().unwrap(),
        );
    }
    worked
}

#[test]
fn every_queue_that_is_worked_has_time_tries_and_a_place_for_dead_letters() {
    fn rule(template: &Template, found: &mut Findings) {
        let queues = template.of_type("AWS::SQS::Queue");
        for (id, timeout) in worked(template) {
            let queue = queues[id];
            let visible_after = queue["VisibilityTimeout"].as_u64().unwrap_or_default();
            found.look(
                visible_after >= 6 * timeout,
                format!(
                    "{id} hides messages for {visible_after} s, its function takes {timeout} s"
                ),
            );
            let redrive = &queue["RedrivePolicy"];
            // The store relies on it: each worker that received the message this often has crashed.
            found.equal(
                format!("receives of {id}"),
                redrive["maxReceiveCount"].as_u64(),
                Some(RECEIVES_MAX.into()),
            );
            found.look(RECEIVES_MAX >= 5, "the store gives up too soon");
            let letters = refers_to(&redrive["deadLetterTargetArn"]).unwrap_or_default();
            found.equal(
                "where dead letters go",
                letters,
                &id.replace("Queue", "DeadLetters"),
            );
            found.look(
                queues.contains_key(letters),
                format!("{id} has no dead letters"),
            );
        }
    }
    const URGENT: &str = "/Resources/UrgentQueue/Properties";
    hold(
        "worked queues",
        rule,
        &[
            ("hides messages", |it| {
                *at(it, &format!("{URGENT}/VisibilityTimeout")) = json!(1799);
            }),
            ("hides messages", |it| {
                *at(it, "/Resources/TicketSyncFunction/Properties/Timeout") = json!(301);
            }),
            ("receives of UrgentQueue", |it| {
                *at(it, &format!("{URGENT}/RedrivePolicy/maxReceiveCount")) = json!(4);
            }),
            ("where dead letters go", |it| {
                *at(it, &format!("{URGENT}/RedrivePolicy/deadLetterTargetArn")) =
                    json!({"Fn::GetAtt": ["BulkDeadLetters", "Arn"]});
            }),
            ("has no dead letters", |it| {
                take_away(it, &format!("{URGENT}/RedrivePolicy"));
            }),
        ],
    );
}

#[test]
fn every_queue_is_encrypted_and_keeps_messages_as_long_as_can_be() {
    fn rule(template: &Template, found: &mut Findings) {
        for (id, queue) in template.of_type("AWS::SQS::Queue") {
            found.look(
                queue["SqsManagedSseEnabled"] == true,
                format!("{id} is not encrypted"),
            );
            found.equal(
                format!("seconds {id} keeps a message"),
                queue["MessageRetentionPeriod"].as_u64(),
                Some(FOURTEEN_DAYS),
            );
            found.look(
                queue["QueueName"].is_null() && queue["FifoQueue"].is_null(),
                format!("{id} has a fixed name or an order it does not need"),
            );
        }
    }
    hold(
        "queues",
        rule,
        &[
            ("is not encrypted", |it| {
                take_away(
                    it,
                    "/Resources/ScheduleDeadLetters/Properties/SqsManagedSseEnabled",
                );
            }),
            ("keeps a message", |it| {
                *at(
                    it,
                    "/Resources/RunsDeadLetters/Properties/MessageRetentionPeriod",
                ) = json!(345_600);
            }),
            ("fixed name", |it| {
                at(it, "/Resources/RunsDeadLetters/Properties")["QueueName"] = json!("runs");
            }),
        ],
    );
}
