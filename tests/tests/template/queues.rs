//! Queues: dead letters, visibility, encryption.

use std::collections::{BTreeMap, BTreeSet};

use halogard_aws::RECEIVES_MAX;
use serde_json::{Value, json};

use crate::expanded::{Template, at, listed, refers_to, take_away};
use crate::roles::statements;
use crate::rule::{Findings, hold};
use crate::stores::own_key;

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
fn every_queue_has_a_visibility_timeout_attempts_and_a_dead_letter_queue() {
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
                queue["SqsManagedSseEnabled"]
                    == json!({"Fn::If": ["HasKmsKey", {"Ref": "AWS::NoValue"}, true]})
                    && queue["KmsMasterKeyId"] == own_key(),
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
            ("is not encrypted", |it| {
                take_away(it, "/Resources/UrgentQueue/Properties/KmsMasterKeyId");
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

/// Whether a policy refuses every request for `action` without TLS.
fn refuses_without_tls(policy: &Value, action: &str) -> bool {
    let statements = listed(&policy["PolicyDocument"]["Statement"]);
    statements.iter().any(|statement| {
        statement["Effect"] == "Deny"
            && statement["Principal"] == "*"
            && statement["Action"] == action
            && statement["Condition"] == json!({"Bool": {"aws:SecureTransport": "false"}})
    })
}

#[test]
fn queues_and_topic_refuse_requests_without_tls_and_allow_no_other_account() {
    fn rule(template: &Template, found: &mut Findings) {
        let queues = template.of_type("AWS::SQS::QueuePolicy");
        let topics = template.of_type("AWS::SNS::TopicPolicy");
        for (resources, policies, list, action) in [
            ("AWS::SQS::Queue", &queues, "Queues", "sqs:*"),
            ("AWS::SNS::Topic", &topics, "Topics", "sns:Publish"),
        ] {
            for id in template.of_type(resources).into_keys() {
                let covering = policies.values().find(|policy| {
                    let named = listed(&policy[list]).into_iter();
                    named.filter_map(refers_to).any(|named| named == id)
                });
                found.look(
                    covering.is_some_and(|policy| refuses_without_tls(policy, action)),
                    format!("{id} is reached without TLS"),
                );
            }
        }
        for (id, policy) in queues.iter().chain(&topics) {
            for statement in listed(&policy["PolicyDocument"]["Statement"]) {
                let account = &statement["Condition"]["StringEquals"]["aws:SourceAccount"];
                found.look(
                    statement["Effect"] == "Deny" || refers_to(account) == Some("AWS::AccountId"),
                    format!("{id} allows other accounts"),
                );
            }
        }
        // A topic's policy of one's own replaces that by which alarms publish.
        let alarms = topics.values().any(|policy| {
            listed(&policy["PolicyDocument"]["Statement"])
                .iter()
                .any(|statement| {
                    statement["Effect"] == "Allow"
                        && statement["Principal"]["Service"] == "cloudwatch.amazonaws.com"
                })
        });
        found.look(alarms, "alarms cannot publish");
        let unused = &template.resource("ScheduleDeadLetters")["Properties"];
        found.look(
            unused["RedriveAllowPolicy"]["redrivePermission"] == "denyAll",
            "any queue of the account may use ScheduleDeadLetters for its dead letters",
        );
    }
    const QUEUES: &str = "/Resources/QueuesOverTls/Properties";
    const TOPIC: &str = "/Resources/NotificationTopicPolicy/Properties/PolicyDocument/Statement";
    hold(
        "TLS",
        rule,
        &[
            ("RunsQueue is reached without TLS", |it| {
                take_away(it, &format!("{QUEUES}/Queues/4"));
            }),
            ("UrgentQueue is reached without TLS", |it| {
                let statement = format!("{QUEUES}/PolicyDocument/Statement/0");
                *at(it, &format!("{statement}/Action")) = json!("sqs:SendMessage");
            }),
            ("NotificationTopic is reached without TLS", |it| {
                take_away(it, &format!("{TOPIC}/1"));
            }),
            ("alarms cannot publish", |it| {
                take_away(it, &format!("{TOPIC}/0"))
            }),
            ("allows other accounts", |it| {
                take_away(it, &format!("{TOPIC}/0/Condition"));
            }),
            ("any queue of the account", |it| {
                take_away(
                    it,
                    "/Resources/ScheduleDeadLetters/Properties/RedriveAllowPolicy",
                );
            }),
        ],
    );
}

/// The queues to which the role of a function lets it send.
fn may_send_to<'a>(template: &'a Template, function: &Value) -> BTreeSet<&'a str> {
    let role = refers_to(&function["Role"]).unwrap_or_default();
    let statements = statements(&template.resource(role)["Properties"]).into_iter();
    statements
        .filter(|statement| {
            let mut actions = listed(&statement["Action"]).into_iter();
            actions.any(|action| action == "sqs:SendMessage")
        })
        .flat_map(|statement| listed(&statement["Resource"]))
        .filter_map(refers_to)
        .collect()
}

#[test]
fn a_function_that_sends_to_the_queue_that_invokes_it_allows_the_loop_and_no_other_does() {
    fn rule(template: &Template, found: &mut Findings) {
        let sources = template.of_type("AWS::Lambda::EventSourceMapping");
        let mut loops = BTreeSet::new();
        for (name, (id, function)) in template.functions() {
            let sends = may_send_to(template, function);
            let read = sources
                .values()
                .filter(|source| refers_to(&source["FunctionName"]) == Some(id))
                .filter_map(|source| refers_to(&source["EventSourceArn"]));
            let in_a_loop = read.into_iter().any(|queue| sends.contains(queue));
            found.equal(
                format!("whether {name} allows the loop it is in"),
                function["RecursiveLoop"] == "Allow",
                in_a_loop,
            );
            if in_a_loop {
                loops.insert(name);
            }
        }
        // Waiting work is put back as a copy, so without a loop work could not wait.
        let expected = ["inspector-poll", "ticket-sync"].map(str::to_owned);
        found.equal("functions in a loop", loops, BTreeSet::from(expected));
    }
    hold(
        "recursive loops",
        rule,
        &[
            ("whether ticket-sync allows", |it| {
                take_away(it, "/Resources/TicketSyncFunction/Properties/RecursiveLoop");
            }),
            ("whether inspector-poll allows", |it| {
                let path = "/Resources/InspectorPollFunction/Properties/RecursiveLoop";
                *at(it, path) = json!("Terminate");
            }),
            ("whether webhook-intake allows", |it| {
                at(it, "/Resources/WebhookIntakeFunction/Properties")["RecursiveLoop"] =
                    json!("Allow");
            }),
        ],
    );
}
