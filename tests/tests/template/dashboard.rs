//! The dashboard: business counts first, and only what is really sent.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::alarms::DIMENSION;
use crate::expanded::{Template, at};
use crate::functions::folders;
use crate::rule::{Findings, hold};
use crate::sources::source_of;

/// Numbers of one value a day, of which a graph of hours shows nothing.
const ON_NO_WIDGET: [&str; 2] = ["AccessKeyExpiresInDays", "Differences"];

/// The dashboard's widgets.
fn widgets(template: &Template) -> Vec<Value> {
    let body = &template.resource("Dashboard")["Properties"]["DashboardBody"]["Fn::Sub"];
    let body: Value = serde_json::from_str(body.as_str().unwrap_or_default()).unwrap_or_default();
    body["widgets"].as_array().cloned().unwrap_or_default()
}

/// The logical id in `${Id}` or `${Id.Attribute}`, and the attribute.
fn substituted(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    Some(inner.split_once('.').unwrap_or((inner, "")))
}

#[test]
fn the_dashboard_begins_with_business_and_shows_what_is_really_sent() {
    fn rule(template: &Template, found: &mut Findings) {
        let sources: BTreeMap<String, String> = folders()
            .into_iter()
            .map(|function| (function.clone(), source_of(&function)))
            .collect();
        let widgets = widgets(template);
        // Dashboards of all regions of an account share their names.
        let name = &template.resource("Dashboard")["Properties"]["DashboardName"]["Fn::Sub"];
        found.look(
            name == "${AWS::StackName}-${AWS::Region}",
            "two regions have one dashboard",
        );
        let first = widgets.first().unwrap_or(&Value::Null).to_string();
        found.look(
            first.contains("TicketsOpened") && first.contains("TicketsClosed"),
            "the dashboard does not begin with what was opened and closed",
        );
        let shown = json!(widgets).to_string();
        for (id, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
            let metric = alarm["MetricName"].as_str().unwrap_or_default();
            let is_shown = alarm["Namespace"] != "Halogard"
                || ON_NO_WIDGET.contains(&metric)
                || shown.contains(&format!("\"{metric}\""));
            found.look(is_shown, format!("{metric} of {id} is on no widget"));
        }
        for widget in &widgets {
            let title = widget["properties"]["title"].as_str().unwrap_or_default();
            found.look(!title.is_empty(), "a widget has no title");
            let metrics = widget["properties"]["metrics"].as_array();
            for metric in metrics.into_iter().flatten() {
                let words: Vec<&str> = metric
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                let sent = match words.as_slice() {
                    ["Halogard", name, DIMENSION, function] => substituted(function)
                        .filter(|(_, attribute)| attribute.is_empty())
                        .and_then(|(id, _)| template.folder_of(id))
                        .and_then(|folder| sources.get(&folder))
                        .is_some_and(|source| source.contains(&format!("\"{name}\""))),
                    ["AWS/SQS", _, "QueueName", queue] => {
                        substituted(queue).is_some_and(|(id, attribute)| {
                            template.type_of(id) == Some("AWS::SQS::Queue")
                                && attribute == "QueueName"
                        })
                    }
                    ["AWS/Lambda", _, "FunctionName", function] => substituted(function)
                        .is_some_and(|(id, attribute)| {
                            template.type_of(id) == Some("AWS::Lambda::Function")
                                && attribute.is_empty()
                        }),
                    _ => false,
                };
                found.look(sent, format!("no source sends {words:?} of {title:?}"));
            }
        }
    }
    fn replace(template: &mut Value, from: &str, to: &str) {
        let body = at(
            template,
            "/Resources/Dashboard/Properties/DashboardBody/Fn::Sub",
        );
        *body = json!(body.as_str().unwrap().replace(from, to));
    }
    hold(
        "dashboard",
        rule,
        &[
            ("two regions", |it| {
                *at(it, "/Resources/Dashboard/Properties/DashboardName") =
                    json!({"Ref": "AWS::StackName"});
            }),
            ("does not begin", |it| {
                replace(it, "TicketsOpened", "Echoes")
            }),
            ("no source sends", |it| {
                replace(it, "\"Echoes\"", "\"Echos\"")
            }),
            ("SetUpFailed of TicketSyncSetUpFailedAlarm is on no", |it| {
                replace(it, "\"SetUpFailed\"", "\"Echoes\"")
            }),
            ("RotationFailed of RotationFailedAlarm is on no", |it| {
                replace(it, "\"RotationFailed\"", "\"Echoes\"")
            }),
            ("no source sends", |it| {
                replace(
                    it,
                    "\"function\", \"${TicketSyncFunction}\"",
                    "\"function\", \"ticket-sync\"",
                )
            }),
            ("no source sends", |it| {
                replace(it, "${UrgentQueue.QueueName}", "urgent")
            }),
            ("no source sends", |it| {
                replace(it, "${TicketSyncFunction}", "${TicketSyncRole}")
            }),
        ],
    );
}
