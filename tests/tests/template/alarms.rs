//! Alarms: each one can fire, and the runbook says what to do then.

use std::collections::{BTreeMap, BTreeSet};

use halogard_credentials::rotation::EXPIRES_SOON_DAYS;
use halogard_runtime::metrics::Metrics;
use serde_json::{Value, json};

use crate::expanded::{Template, at, listed, refers_to, take_away};
use crate::functions::folders;
use crate::rule::{Findings, hold};
use crate::runbook::sections;
use crate::sources::source_of;

/// Alarms for which silence is the failure: they notify when they had data and have none any more. With
/// missing data as breaching, a new stack would notify before anybody has set it up.
const SILENCE_NOTIFIES: [&str; 1] = ["PollStoppedAlarm"];

/// The one dimension of our own metrics.
pub const DIMENSION: &str = "function";

#[test]
fn our_own_metrics_are_filed_under_what_the_deployed_function_is_called() {
    let metrics = Metrics::new("ticket-sync").count("TicketsOpened", 1);
    let line = metrics
        .deployed_as("stack-TicketSyncFunction-1A2B".to_owned())
        .line(0);
    let line: Value = serde_json::from_str(&line).unwrap();
    let filed = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(filed["Namespace"], "Halogard");
    assert_eq!(filed["Dimensions"], json!([[DIMENSION]]));
    assert_eq!(line[DIMENSION], "stack-TicketSyncFunction-1A2B");
}

/// The name and value of a metric's one dimension.
fn dimension(alarm: &Value) -> (&str, &Value) {
    let dimension = &alarm["Dimensions"][0];
    (
        dimension["Name"].as_str().unwrap_or_default(),
        &dimension["Value"],
    )
}

#[test]
fn every_alarm_watches_a_metric_that_something_of_ours_sends() {
    fn rule(template: &Template, found: &mut Findings) {
        let sources: BTreeMap<String, String> = folders()
            .into_iter()
            .map(|function| (function.clone(), source_of(&function)))
            .collect();
        for (id, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
            let metric = alarm["MetricName"].as_str().unwrap_or_default();
            found.equal(
                format!("dimensions of {id}"),
                listed(&alarm["Dimensions"]).len(),
                1,
            );
            let (name, value) = dimension(alarm);
            match alarm["Namespace"].as_str().unwrap_or_default() {
                "AWS/SQS" => {
                    let known = [
                        "ApproximateNumberOfMessagesVisible",
                        "ApproximateAgeOfOldestMessage",
                    ];
                    let queue = refers_to(value).and_then(|queue| template.type_of(queue));
                    found.look(
                        name == "QueueName"
                            && value["Fn::GetAtt"][1] == "QueueName"
                            && queue == Some("AWS::SQS::Queue")
                            && known.contains(&metric),
                        format!("{id} watches no queue"),
                    );
                }
                "AWS/Lambda" => {
                    let known = [
                        "Errors",
                        "Duration",
                        "Throttles",
                        "RecursiveInvocationsDropped",
                    ];
                    let function = value["Ref"].as_str().and_then(|it| template.type_of(it));
                    found.look(
                        name == "FunctionName"
                            && function == Some("AWS::Lambda::Function")
                            && known.contains(&metric),
                        format!("{id} watches no function"),
                    );
                }
                "Halogard" => {
                    // What a function is called where it is deployed: two stacks count apart.
                    let function = value["Ref"].as_str();
                    let folder = function.and_then(|id| template.folder_of(id));
                    let source = folder.and_then(|folder| sources.get(&folder));
                    let sends = format!("\"{metric}\"");
                    found.look(
                        name == DIMENSION && source.is_some_and(|text| text.contains(&sends)),
                        format!("{id} watches {metric}, which {value} does not send"),
                    );
                    // The average of ones alone is one: what went well must count as well.
                    let zero = format!("\"{metric}\", 0");
                    found.look(
                        alarm["Statistic"] != "Average"
                            || source.is_some_and(|text| text.contains(&zero)),
                        format!("{id} takes the average of {metric}, which is never sent as 0"),
                    );
                }
                other => found.look(false, format!("{id} watches {other:?}")),
            }
        }
    }
    hold(
        "metrics of alarms",
        rule,
        &[
            ("watches no queue", |it| {
                let dimension = "/Resources/UrgentDeadLettersAlarm/Properties/Dimensions/0/Value";
                *at(it, dimension) = json!({"Fn::GetAtt": ["Table", "QueueName"]});
            }),
            ("watches no queue", |it| {
                let dimension = "/Resources/UrgentDeadLettersAlarm/Properties/Dimensions/0/Value";
                *at(it, dimension) = json!({"Ref": "UrgentDeadLetters"});
            }),
            ("watches no function", |it| {
                let dimension = "/Resources/TicketSyncErrorsAlarm/Properties/Dimensions/0/Value";
                *at(it, dimension) = json!("ticket-sync");
            }),
            ("\"WebhookIntakeFunction\"} does not send", |it| {
                let dimension = "/Resources/InDoubtAlarm/Properties/Dimensions/0/Value";
                *at(it, dimension) = json!({"Ref": "WebhookIntakeFunction"});
            }),
            ("\"ticket-sync\" does not send", |it| {
                let dimension = "/Resources/InDoubtAlarm/Properties/Dimensions/0/Value";
                *at(it, dimension) = json!("ticket-sync");
            }),
            ("\"TicketSyncFunction\"} does not send", |it| {
                *at(it, "/Resources/InDoubtAlarm/Properties/MetricName") = json!("InDoubts");
            }),
            ("dimensions of InDoubtAlarm", |it| {
                take_away(it, "/Resources/InDoubtAlarm/Properties/Dimensions");
            }),
        ],
    );
}

/// What an alarm is for, as far as its number says: namespace, metric and statistic.
fn signal(alarm: &Value) -> (&str, &str, &str) {
    let word = |key: &str| alarm[key].as_str().unwrap_or_default();
    (word("Namespace"), word("MetricName"), word("Statistic"))
}

#[test]
fn every_queue_and_function_has_its_alarms() {
    fn rule(template: &Template, found: &mut Findings) {
        let alarms = template.of_type("AWS::CloudWatch::Alarm");
        let watched: BTreeSet<(&str, &str, &str, &str)> = alarms
            .values()
            .map(|alarm| {
                let (namespace, metric, statistic) = signal(alarm);
                let value = dimension(alarm).1;
                let what = refers_to(value).or(value.as_str()).unwrap_or_default();
                (namespace, metric, statistic, what)
            })
            .collect();
        let mut needed = Vec::new();
        for (queue, properties) in template.of_type("AWS::SQS::Queue") {
            let (metric, statistic) = if properties["RedrivePolicy"].is_null() {
                ("ApproximateNumberOfMessagesVisible", "Maximum")
            } else {
                ("ApproximateAgeOfOldestMessage", "Maximum")
            };
            needed.push(("AWS/SQS", metric, statistic, queue));
        }
        for function in template.of_type("AWS::Lambda::Function").into_keys() {
            for (metric, statistic) in [
                ("Errors", "Sum"),
                ("Duration", "Maximum"),
                ("Throttles", "Sum"),
            ] {
                needed.push(("AWS/Lambda", metric, statistic, function));
            }
        }
        for (id, function) in template.of_type("AWS::Lambda::Function") {
            if function["RecursiveLoop"] == "Allow" {
                needed.push(("AWS/Lambda", "RecursiveInvocationsDropped", "Sum", id));
            }
        }
        needed.extend([
            (
                "Halogard",
                "WebhooksRefused",
                "Average",
                "WebhookIntakeFunction",
            ),
            (
                "Halogard",
                "PollLagSeconds",
                "Maximum",
                "InspectorPollFunction",
            ),
            (
                "Halogard",
                "WebhooksMisaddressed",
                "Sum",
                "WebhookIntakeFunction",
            ),
            (
                "Halogard",
                "UrgentWorkAgeSeconds",
                "Maximum",
                "TicketSyncFunction",
            ),
            (
                "Halogard",
                "BulkWorkAgeSeconds",
                "Maximum",
                "TicketSyncFunction",
            ),
            (
                "Halogard",
                "RunsWorkAgeSeconds",
                "Maximum",
                "InspectorPollFunction",
            ),
            ("Halogard", "NotConfigured", "Sum", "TicketSyncFunction"),
            ("Halogard", "SetUpFailed", "Sum", "TicketSyncFunction"),
            (
                "Halogard",
                "RotationFailed",
                "Sum",
                "SecretRotationFunction",
            ),
            ("Halogard", "BudgetLeft", "Maximum", "TicketSyncFunction"),
            ("Halogard", "InDoubt", "Sum", "TicketSyncFunction"),
            (
                "Halogard",
                "Differences",
                "Maximum",
                "InspectorPollFunction",
            ),
            (
                "Halogard",
                "SecondInstallations",
                "Sum",
                "TicketSyncFunction",
            ),
            ("Halogard", "TicketFindings", "Sum", "TicketSyncFunction"),
            (
                "Halogard",
                "AccessKeyExpiresInDays",
                "Minimum",
                "SecretRotationFunction",
            ),
        ]);
        for signal in needed {
            found.look(
                watched.contains(&signal),
                format!("no alarm watches {signal:?}"),
            );
        }
        found.equal("alarms and signals", alarms.len(), watched.len());
    }
    hold(
        "signals",
        rule,
        &[
            ("no alarm watches", |it| {
                take_away(it, "/Resources/ScheduleDeadLettersAlarm")
            }),
            ("no alarm watches", |it| {
                *at(it, "/Resources/TicketSyncErrorsAlarm/Properties/Statistic") = json!("Average");
            }),
            ("no alarm watches", |it| {
                take_away(it, "/Resources/SecretRotationErrorsAlarm")
            }),
            ("no alarm watches", |it| {
                take_away(it, "/Resources/InDoubtAlarm")
            }),
            ("\"SetUpFailed\"", |it| {
                take_away(it, "/Resources/TicketSyncSetUpFailedAlarm");
            }),
            // The queue's own age is that of copies, and shows no lateness.
            ("\"BulkWorkAgeSeconds\"", |it| {
                take_away(it, "/Resources/BulkWorkLateAlarm");
            }),
            ("\"RecursiveInvocationsDropped\"", |it| {
                take_away(it, "/Resources/TicketSyncRecursionAlarm");
            }),
            // On a new stack every sync cycle counts it.
            ("\"NotConfigured\", \"Sum\", \"TicketSyncFunction\"", |it| {
                let alarm = "/Resources/NotConfiguredAlarm/Properties";
                *at(it, &format!("{alarm}/Dimensions/0/Value")) =
                    json!({"Ref": "InspectorPollFunction"});
            }),
            ("\"SetUpFailed\"", |it| {
                let alarm = "/Resources/TicketSyncSetUpFailedAlarm/Properties";
                *at(it, &format!("{alarm}/Dimensions/0/Value")) =
                    json!({"Ref": "InspectorPollFunction"});
            }),
            ("\"RotationFailed\"", |it| {
                take_away(it, "/Resources/RotationFailedAlarm");
            }),
        ],
    );
}

#[test]
fn every_alarm_notifies_its_topic_and_treats_missing_data_as_intended() {
    fn rule(template: &Template, found: &mut Findings) {
        for (id, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
            let target = listed(&alarm["AlarmActions"]);
            let topic = target.first().and_then(|topic| refers_to(topic));
            found.look(
                topic.and_then(|topic| template.type_of(topic)) == Some("AWS::SNS::Topic"),
                format!("{id} has no alarm action"),
            );
            // SQS sends no data about an idle queue, and its dead letters stay.
            let missing = match alarm["MetricName"].as_str() {
                _ if SILENCE_NOTIFIES.contains(&id) => "missing",
                Some("ApproximateNumberOfMessagesVisible") => "ignore",
                _ => "notBreaching",
            };
            found.equal(
                format!("whether silence of {id} notifies"),
                listed(&alarm["InsufficientDataActions"]).first().copied(),
                SILENCE_NOTIFIES
                    .contains(&id)
                    .then_some(&alarm["AlarmActions"][0]),
            );
            found.equal(
                format!("what silence means to {id}"),
                alarm["TreatMissingData"].as_str(),
                Some(missing),
            );
            let (namespace, metric, _) = signal(alarm);
            let comparison = alarm["ComparisonOperator"].as_str().unwrap_or_default();
            let threshold = template.with_default(&alarm["Threshold"]);
            match (namespace, metric) {
                ("AWS/Lambda", "Duration") => {
                    let function = refers_to(dimension(alarm).1).unwrap_or_default();
                    let timeout = &template.resource(function)["Properties"]["Timeout"];
                    found.equal(
                        format!("milliseconds of {id}"),
                        threshold.as_u64(),
                        timeout.as_u64().map(|seconds| seconds * 950),
                    );
                }
                ("AWS/Lambda", _)
                | (
                    "Halogard",
                    "AlertsSetAside"
                    | "InDoubt"
                    | "NotConfigured"
                    | "RotationFailed"
                    | "SecondInstallations"
                    | "SetUpFailed"
                    | "TicketFindings"
                    | "WebhooksMisaddressed",
                ) => found.look(
                    threshold == 0 && comparison == "GreaterThanThreshold",
                    format!("{id} does not ring at the first"),
                ),
                ("AWS/SQS", "ApproximateNumberOfMessagesVisible") => found.look(
                    threshold == 1 && comparison == "GreaterThanOrEqualToThreshold",
                    format!("{id} does not ring at the first"),
                ),
                ("Halogard", "BudgetLeft") => found.look(
                    threshold == 0 && comparison == "LessThanOrEqualToThreshold",
                    format!("{id} does not ring at nothing left"),
                ),
                ("Halogard", "AccessKeyExpiresInDays") => found.look(
                    threshold.as_i64() == Some(EXPIRES_SOON_DAYS)
                        && comparison == "LessThanOrEqualToThreshold",
                    format!("{id} does not fire when the notice is sent"),
                ),
                ("Halogard", "Differences") => found.look(
                    threshold == 0 && comparison == "GreaterThanThreshold",
                    format!("{id} does not ring at the first unless the operator says so"),
                ),
                ("Halogard", "PollLagSeconds") => {
                    let mapped = ["AlarmPeriodSeconds", "LagSecondsMax"].map(|key| {
                        json!({"Fn::FindInMap": ["PollIntervals", {"Ref": "PollIntervalMinutes"}, key]})
                    });
                    found.look(
                        [&alarm["Period"], &threshold] == [&mapped[0], &mapped[1]]
                            && alarm["EvaluationPeriods"] == 2,
                        format!("{id} does not go by the interval of polls, twice"),
                    );
                }
                _ => found.look(
                    threshold.as_f64().is_some_and(|number| number > 0.0)
                        && comparison == "GreaterThanThreshold",
                    format!("{id} rings always or never"),
                ),
            }
        }
    }
    hold(
        "thresholds",
        rule,
        &[
            ("has no alarm action", |it| {
                take_away(it, "/Resources/InDoubtAlarm/Properties/AlarmActions");
            }),
            ("what silence means to PollStoppedAlarm", |it| {
                *at(
                    it,
                    "/Resources/PollStoppedAlarm/Properties/TreatMissingData",
                ) = json!("breaching");
            }),
            ("whether silence of PollStoppedAlarm notifies", |it| {
                let alarm = "/Resources/PollStoppedAlarm/Properties";
                take_away(it, &format!("{alarm}/InsufficientDataActions"));
            }),
            ("what silence means to BulkDeadLettersAlarm", |it| {
                *at(
                    it,
                    "/Resources/BulkDeadLettersAlarm/Properties/TreatMissingData",
                ) = json!("notBreaching");
            }),
            ("milliseconds of TicketSyncNearTimeoutAlarm", |it| {
                *at(it, "/Resources/TicketSyncFunction/Properties/Timeout") = json!(120);
            }),
            ("does not ring at the first", |it| {
                *at(it, "/Resources/UrgentDeadLettersAlarm/Properties/Threshold") = json!(10);
            }),
            ("RotationFailedAlarm does not ring at the first", |it| {
                *at(it, "/Resources/RotationFailedAlarm/Properties/Threshold") = json!(3);
            }),
            ("does not ring at the first", |it| {
                *at(
                    it,
                    "/Resources/TicketSyncErrorsAlarm/Properties/ComparisonOperator",
                ) = json!("LessThanThreshold");
            }),
            ("nothing left", |it| {
                *at(
                    it,
                    "/Resources/BudgetExhaustedAlarm/Properties/ComparisonOperator",
                ) = json!("LessThanThreshold");
            }),
            ("by the interval of polls", |it| {
                *at(
                    it,
                    "/Resources/PollStoppedAlarm/Properties/EvaluationPeriods",
                ) = json!(1);
            }),
            ("when the notice is sent", |it| {
                *at(it, "/Resources/AccessKeyExpiresAlarm/Properties/Threshold") = json!(0);
            }),
            ("always or never", |it| {
                *at(it, "/Resources/WebhooksRefusedAlarm/Properties/Threshold") = json!(0);
            }),
        ],
    );
}

/// The alarms whose thresholds an operator sets, and the parameters that hold them.
const SETTABLE: [(&str, &str); 4] = [
    ("BulkWorkLateAlarm", "BulkWorkSecondsMax"),
    ("DifferencesAlarm", "DifferencesMax"),
    ("UrgentWorkLateAlarm", "UrgentWorkSecondsMax"),
    ("WebhooksRefusedAlarm", "WebhooksRefusedShareMax"),
];

#[test]
fn thresholds_that_an_operator_sets_are_parameters_shown_together_and_said_by_their_alarm() {
    fn rule(template: &Template, found: &mut Findings) {
        for (id, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
            let settable = SETTABLE.iter().find(|(alarm, _)| *alarm == id);
            let parameter = settable.map(|(_, parameter)| *parameter);
            found.equal(
                format!("the parameter of {id}"),
                refers_to(&alarm["Threshold"]),
                parameter,
            );
            let said = alarm["AlarmDescription"]["Fn::Sub"].as_str();
            if let Some(parameter) = parameter {
                found.look(
                    said.is_some_and(|said| said.contains(&format!("${{{parameter}}}"))),
                    format!("{id} does not say its threshold"),
                );
            }
        }
        let groups = &template.section("Metadata")["AWS::CloudFormation::Interface"];
        let groups = listed(&groups["ParameterGroups"]);
        let shown = groups
            .into_iter()
            .find(|group| group["Label"]["default"] == "When alarms call a person");
        let shown = shown.map(|group| listed(&group["Parameters"]));
        let mut shown: Vec<&str> = shown
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        shown.sort_unstable();
        let mut expected = SETTABLE.map(|(_, parameter)| parameter);
        expected.sort_unstable();
        found.equal(
            "thresholds that are shown together",
            shown,
            expected.to_vec(),
        );
    }
    hold(
        "settable thresholds",
        rule,
        &[
            ("the parameter of DifferencesAlarm", |it| {
                *at(it, "/Resources/DifferencesAlarm/Properties/Threshold") = json!(0);
            }),
            ("the parameter of InDoubtAlarm", |it| {
                *at(it, "/Resources/InDoubtAlarm/Properties/Threshold") =
                    json!({"Ref": "DifferencesMax"});
            }),
            ("BulkWorkLateAlarm does not say", |it| {
                *at(
                    it,
                    "/Resources/BulkWorkLateAlarm/Properties/AlarmDescription",
                ) = json!({"Fn::Sub": "Bulk work is late."});
            }),
            ("shown together", |it| {
                let groups = "/Metadata/AWS::CloudFormation::Interface/ParameterGroups";
                take_away(it, &format!("{groups}/3/Parameters/0"));
            }),
        ],
    );
}

#[test]
fn no_alarm_changes_its_state_with_every_single_event() {
    fn rule(template: &Template, found: &mut Findings) {
        for (id, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
            let number = |key: &str| alarm[key].as_u64();
            let periods = number("EvaluationPeriods").unwrap_or_default();
            let enough = number("DatapointsToAlarm").unwrap_or(periods);
            let (namespace, metric, _) = signal(alarm);
            let steady = match (namespace, metric) {
                // A level that lasts.
                ("AWS/SQS", _) | ("Halogard", "PollLagSeconds") => true,
                // One number a day, at a time that varies.
                ("Halogard", "AccessKeyExpiresInDays" | "Differences") => {
                    (periods, enough) == (2, 1)
                }
                // What passes by itself has to last.
                (
                    "Halogard",
                    "BudgetLeft" | "InDoubt" | "WebhooksMisaddressed" | "WebhooksRefused",
                ) => periods >= 2 && enough == periods,
                // A single event: the alarm holds for a while after the last one.
                _ => (periods, enough) == (3, 1),
            };
            found.look(steady, format!("{id} flaps: {enough} of {periods} periods"));
        }
    }
    hold(
        "steadiness",
        rule,
        &[
            ("AccessKeyExpiresAlarm flaps", |it| {
                let alarm = "/Resources/AccessKeyExpiresAlarm/Properties";
                *at(it, &format!("{alarm}/EvaluationPeriods")) = json!(1);
            }),
            ("TicketSyncErrorsAlarm flaps", |it| {
                let alarm = "/Resources/TicketSyncErrorsAlarm/Properties";
                take_away(it, &format!("{alarm}/DatapointsToAlarm"));
            }),
            ("BudgetExhaustedAlarm flaps", |it| {
                let alarm = "/Resources/BudgetExhaustedAlarm/Properties";
                *at(it, &format!("{alarm}/EvaluationPeriods")) = json!(1);
            }),
        ],
    );
}

#[test]
fn every_alarm_has_its_section_in_the_runbook_and_back() {
    fn rule(template: &Template, found: &mut Findings) {
        let sections = sections();
        let alarms = template.of_type("AWS::CloudWatch::Alarm");
        for (id, alarm) in &alarms {
            let description = alarm["AlarmDescription"]["Fn::Sub"]
                .as_str()
                .unwrap_or_default();
            let Some((says, anchor)) = description.split_once(". See ${RunbookUrl}#") else {
                found.look(false, format!("{id} links no section of the runbook"));
                continue;
            };
            found.look(says.len() >= 20, format!("{id} does not say what is wrong"));
            let named = sections
                .get(anchor)
                .is_some_and(|named| named.iter().any(|it| it == id));
            found.look(
                named,
                format!("the runbook's section {anchor:?} does not name {id}"),
            );
        }
        let named: Vec<&String> = sections.values().flatten().collect();
        for name in &named {
            found.look(
                alarms.contains_key(name.as_str()),
                format!("the runbook names {name}, which is not an alarm"),
            );
        }
        found.equal("alarms, each named once", named.len(), alarms.len());
    }
    hold(
        "runbook",
        rule,
        &[
            ("links no section", |it| {
                *at(it, "/Resources/InDoubtAlarm/Properties/AlarmDescription") = json!("In doubt.");
            }),
            ("does not name InDoubtAlarm", |it| {
                *at(
                    it,
                    "/Resources/InDoubtAlarm/Properties/AlarmDescription/Fn::Sub",
                ) = json!(
                    "Responses to writes are lost again and again. See ${RunbookUrl}#in-doubts"
                );
            }),
            ("which is not an alarm", |it| {
                take_away(it, "/Resources/InDoubtAlarm")
            }),
        ],
    );
}
