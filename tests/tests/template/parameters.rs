//! Parameters and outputs: what the operator enters, and what the stack returns.

use std::collections::BTreeSet;

use halogard_runtime::settings::Form;
use serde_json::{Value, json};

use crate::expanded::{Template, at, refers_to, root, take_away};
use crate::rule::{Findings, hold};
use crate::variables::{parameter_of, plain_settings};

/// Parameters without which nothing works, so there is no default.
const ASKED_FOR: [&str; 2] = ["HaloPsaResourceUrl", "LiongardUrl"];

#[test]
fn every_parameter_is_described_bounded_shown_and_used() {
    fn rule(template: &Template, found: &mut Findings) {
        let parameters = template.section("Parameters");
        let everything = json!([
            template.section("Resources"),
            template.section("Conditions"),
        ])
        .to_string();
        let groups = &template.section("Metadata")["AWS::CloudFormation::Interface"];
        let shown = groups["ParameterGroups"].as_array().into_iter().flatten();
        let shown: Vec<&str> = shown
            .flat_map(|group| group["Parameters"].as_array().into_iter().flatten())
            .filter_map(Value::as_str)
            .collect();
        for (name, parameter) in &parameters {
            let description = parameter["Description"].as_str().unwrap_or_default();
            found.look(
                description.len() >= 20 && description.ends_with('.'),
                format!("{name} is not described"),
            );
            found.equal(
                format!("whether {name} has a default"),
                !parameter["Default"].is_null(),
                !ASKED_FOR.contains(name),
            );
            let bounded = match parameter["Type"].as_str() {
                Some("Number") => {
                    parameter["MinValue"].is_number() && parameter["MaxValue"].is_number()
                        || parameter["AllowedValues"].is_array()
                }
                _ => {
                    parameter["AllowedValues"].is_array()
                        || parameter["AllowedPattern"].is_string()
                            && parameter["ConstraintDescription"].is_string()
                }
            };
            found.look(bounded, format!("{name} takes anything"));
            found.equal(
                format!("places where {name} is asked for"),
                shown.iter().filter(|other| *other == name).count(),
                1,
            );
            let used = everything.contains(&format!("{{\"Ref\":\"{name}\"}}"))
                || everything.contains(&format!("${{{name}}}"));
            found.look(used, format!("{name} is used nowhere"));
        }
        found.equal("parameters shown", shown.len(), parameters.len());
    }
    hold(
        "parameters",
        rule,
        &[
            ("LogLevel is not described", |it| {
                take_away(it, "/Parameters/LogLevel/Description");
            }),
            ("LogLevel takes anything", |it| {
                take_away(it, "/Parameters/LogLevel/AllowedValues");
            }),
            ("HaloPsaWindowSeconds takes anything", |it| {
                take_away(it, "/Parameters/HaloPsaWindowSeconds/MaxValue");
            }),
            ("HaloPsaTenant takes anything", |it| {
                take_away(it, "/Parameters/HaloPsaTenant/ConstraintDescription");
            }),
            ("whether LogLevel has a default", |it| {
                take_away(it, "/Parameters/LogLevel/Default")
            }),
            ("where LogLevel is asked for", |it| {
                let groups = "/Metadata/AWS::CloudFormation::Interface/ParameterGroups";
                take_away(it, &format!("{groups}/4/Parameters/1"));
            }),
            ("Spare is used nowhere", |it| {
                at(it, "/Parameters")["Spare"] = json!({"Type": "Number"});
            }),
        ],
    );
}

#[test]
fn parameters_are_the_plain_settings_with_their_bounds_and_defaults() {
    fn rule(template: &Template, found: &mut Findings) {
        let parameters = template.section("Parameters");
        for info in plain_settings() {
            let name = parameter_of(info.name);
            let Some(parameter) = parameters.get(name.as_str()) else {
                found.look(false, format!("{} has no parameter {name}", info.name));
                continue;
            };
            let default = match &parameter["Default"] {
                Value::String(text) if text.is_empty() => None,
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            };
            found.equal(format!("default of {name}"), default, info.default_text());
            if let Form::Count { least, most, .. } = info.form {
                found.equal(
                    format!("bounds of {name}"),
                    (
                        parameter["MinValue"].as_u64(),
                        parameter["MaxValue"].as_u64(),
                    ),
                    (Some(least), Some(most)),
                );
            }
        }
    }
    hold(
        "settings as parameters",
        rule,
        &[
            ("has no parameter LiongardUrl", |it| {
                take_away(it, "/Parameters/LiongardUrl")
            }),
            ("default of HaloPsaScopes", |it| {
                *at(it, "/Parameters/HaloPsaScopes/Default") = json!("all");
            }),
            ("bounds of InspectorMinIntervalSeconds", |it| {
                *at(it, "/Parameters/InspectorMinIntervalSeconds/MinValue") = json!(0);
            }),
        ],
    );
}

#[test]
fn contradictions_are_refused_before_anything_is_made() {
    fn rule(template: &Template, found: &mut Findings) {
        let rules = template.section("Rules");
        let refused: BTreeSet<BTreeSet<&str>> = rules
            .values()
            .flat_map(|rule| rule["Assertions"].as_array().into_iter().flatten())
            .filter(|assertion| assertion["AssertDescription"].is_string())
            .filter_map(|assertion| assertion["Assert"]["Fn::Not"][0]["Fn::Equals"].as_array())
            .map(|pair| pair.iter().filter_map(refers_to).collect())
            .collect();
        let network = rules.get("SubnetsWithSecurityGroups");
        let network = network.map(|rule| &rule["Assertions"][0]["Assert"]["Fn::Or"]);
        found.look(
            network.is_some_and(|either| either.as_array().is_some_and(|it| it.len() == 2)),
            "subnets without security groups are let through",
        );
        for pair in [
            [
                "HaloPsaWebhookSignatureHeader",
                "HaloPsaWebhookApiKeyHeader",
            ],
            ["HaloPsaResourceUrl", "LiongardUrl"],
        ] {
            found.look(
                refused.contains(&BTreeSet::from(pair)),
                format!("{pair:?} may be the same"),
            );
        }
    }
    hold(
        "rules",
        rule,
        &[
            ("may be the same", |it| take_away(it, "/Rules/TwoAddresses")),
            ("are let through", |it| {
                take_away(it, "/Rules/SubnetsWithSecurityGroups");
            }),
            ("may be the same", |it| {
                take_away(it, "/Rules/OneHeaderEach/Assertions/0/AssertDescription");
            }),
        ],
    );
}

#[test]
fn no_log_level_drops_the_metrics() {
    fn rule(template: &Template, found: &mut Findings) {
        // Lambda takes a line without a level for INFO, and a line of metrics has none.
        let levels = &template.section("Parameters")["LogLevel"]["AllowedValues"];
        let levels = levels.as_array().into_iter().flatten();
        for level in levels {
            found.look(
                *level == "INFO" || *level == "DEBUG",
                format!("{level} drops every metric"),
            );
        }
        for (name, (_, function)) in template.functions() {
            let level = &function["LoggingConfig"]["ApplicationLogLevel"];
            found.look(
                refers_to(level) == Some("LogLevel"),
                format!("{name} logs at a level of its own"),
            );
        }
    }
    hold(
        "log levels",
        rule,
        &[
            ("\"WARN\" drops", |it| {
                *at(it, "/Parameters/LogLevel/AllowedValues/1") = json!("WARN");
            }),
            ("ticket-sync logs at a level", |it| {
                let logging = "/Resources/TicketSyncFunction/Properties/LoggingConfig";
                *at(it, &format!("{logging}/ApplicationLogLevel")) = json!("ERROR");
            }),
        ],
    );
}

#[test]
fn every_choice_of_the_poll_interval_has_its_rate_and_its_alarm() {
    fn rule(template: &Template, found: &mut Findings) {
        let parameters = template.section("Parameters");
        let choices = parameters["PollIntervalMinutes"]["AllowedValues"].as_array();
        let choices: Vec<&str> = choices
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let intervals = &template.section("Mappings")["PollIntervals"];
        let mapped = intervals.as_object().map_or(0, serde_json::Map::len);
        found.equal("choices and their rates", choices.len(), mapped);
        for choice in choices {
            let minutes: u64 = choice.parse().unwrap();
            let unit = if minutes == 1 { "minute" } else { "minutes" };
            let interval = &intervals[choice];
            found.equal(
                "the rate",
                interval["Rate"].as_str(),
                Some(format!("rate({minutes} {unit})").as_str()),
            );
            let period = interval["AlarmPeriodSeconds"].as_u64().unwrap_or_default();
            found.look(
                period >= 60 * minutes && period.is_multiple_of(60),
                format!("a poll every {minutes} minutes is silent for a period of {period} s"),
            );
            let lag = interval["LagSecondsMax"].as_u64().unwrap_or_default();
            found.look(
                lag >= 2 * 60 * minutes,
                format!("a poll every {minutes} minutes rings at a lag of {lag} s"),
            );
        }
    }
    hold(
        "poll intervals",
        rule,
        &[
            ("choices and their rates", |it| {
                take_away(it, "/Mappings/PollIntervals/60")
            }),
            ("the rate", |it| {
                *at(it, "/Mappings/PollIntervals/1/Rate") = json!("rate(1 minutes)");
            }),
            ("is silent", |it| {
                *at(it, "/Mappings/PollIntervals/30/AlarmPeriodSeconds") = json!(300);
            }),
            ("rings at a lag", |it| {
                *at(it, "/Mappings/PollIntervals/30/LagSecondsMax") = json!(300);
            }),
        ],
    );
}

#[test]
fn outputs_name_what_the_operator_pastes_and_where_the_program_finds_resources() {
    fn rule(template: &Template, found: &mut Findings) {
        let outputs = template.section("Outputs");
        for (name, output) in &outputs {
            found.look(
                output["Description"]
                    .as_str()
                    .is_some_and(|text| text.ends_with('.')),
                format!("{name} is not described"),
            );
        }
        for (name, path) in [("WebhookUrl", "halopsa"), ("WakeUpUrl", "liongard")] {
            let expected = json!({
                "Condition": "HasWebhookEndpoint",
                "Value": {"Fn::If": [
                    "HasHttpApi",
                    {"Fn::Sub": format!("${{WebhookApi.ApiEndpoint}}/webhooks/{path}/")},
                    {"Fn::Sub":
                        format!("${{WebhookIntakeFunctionUrl.FunctionUrl}}webhooks/{path}/")},
                ]},
            });
            let output = outputs.get(name).copied().unwrap_or(&Value::Null);
            let given = json!({"Condition": output["Condition"], "Value": output["Value"]});
            found.equal("the address to paste", given, expected);
        }
        // A redrive names both queues: SQS does not know where messages came from that we sent.
        let arns: BTreeSet<&str> = outputs
            .values()
            .filter(|output| output["Value"]["Fn::GetAtt"][1] == "Arn")
            .filter_map(|output| refers_to(&output["Value"]))
            .collect();
        for (id, queue) in template.of_type("AWS::SQS::Queue") {
            if let Some(letters) = refers_to(&queue["RedrivePolicy"]["deadLetterTargetArn"]) {
                found.look(
                    arns.contains(id) && arns.contains(letters),
                    format!("a redrive to {id} finds no ARN"),
                );
            }
        }
        let named: BTreeSet<&str> = outputs
            .values()
            .filter(|output| output["Value"]["Fn::GetAtt"][1] != "Arn")
            .filter_map(|output| refers_to(&output["Value"]))
            .collect();
        let kinds = [
            "AWS::SQS::Queue",
            "AWS::DynamoDB::Table",
            "AWS::SecretsManager::Secret",
            "AWS::Lambda::Function",
            "AWS::SNS::Topic",
            "AWS::CloudWatch::Dashboard",
        ];
        for id in kinds
            .iter()
            .flat_map(|kind| template.of_type(kind).into_keys())
        {
            found.look(
                named.contains(id),
                format!("the program does not find {id}"),
            );
        }
    }
    hold(
        "outputs",
        rule,
        &[
            ("the address to paste", |it| {
                take_away(it, "/Outputs/WebhookUrl")
            }),
            ("the address to paste", |it| {
                take_away(it, "/Outputs/WakeUpUrl/Condition")
            }),
            ("a redrive to BulkQueue finds", |it| {
                take_away(it, "/Outputs/BulkDeadLettersArn")
            }),
            ("is not described", |it| {
                take_away(it, "/Outputs/TableName/Description")
            }),
            ("does not find Table", |it| {
                take_away(it, "/Outputs/TableName")
            }),
            ("does not find RunsQueue", |it| {
                take_away(it, "/Outputs/RunsQueueUrl")
            }),
        ],
    );
}

#[test]
fn what_sam_reads_tags_the_stack_and_holds_nothing_of_an_operator() {
    let text = std::fs::read_to_string(root().join("samconfig.toml")).unwrap();
    let config: toml::Table = text.parse().unwrap();
    let deploy = &config["default"]["deploy"]["parameters"];
    assert_eq!(deploy["tags"].as_str(), Some("application=halogard"));
    assert_eq!(deploy["capabilities"].as_str(), Some("CAPABILITY_IAM"));
    assert!(deploy.get("parameter_overrides").is_none(), "{deploy}");
}
