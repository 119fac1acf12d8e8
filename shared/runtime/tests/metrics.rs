//! Tests of the embedded metric format.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use halogard_runtime::metrics::Metrics;
use serde_json::Value;

/// 2026-11-21T16:00:00Z.
const AT: i64 = 1_795_276_800_000;

fn read(metrics: &Metrics) -> Value {
    serde_json::from_str(&metrics.line(AT)).unwrap()
}

#[test]
fn every_metric_that_is_declared_has_a_value_and_every_dimension_too() {
    let line = read(
        &Metrics::new("webhook-intake")
            .count("WebhooksAccepted", 1)
            .count("WebhookMessages", 3)
            .milliseconds("Took", 12)
            .seconds("PollLagSeconds", 0.5),
    );
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], "Halogard");
    let declared = directive["Metrics"].as_array().unwrap();
    assert_eq!(declared.len(), 4);
    for metric in declared {
        assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{line}");
    }
    for dimension in directive["Dimensions"][0].as_array().unwrap() {
        assert!(line[dimension.as_str().unwrap()].is_string(), "{line}");
    }
    assert_eq!(line["_aws"]["Timestamp"], AT);
    assert_eq!(line["function"], "webhook-intake");
    assert_eq!(line["WebhookMessages"], 3);
    assert_eq!(line["PollLagSeconds"], 0.5);
}

#[test]
fn the_dimension_is_the_name_of_the_deployed_function() {
    let metrics = Metrics::new("ticket-sync").count("Echoes", 1);
    assert_eq!(read(&metrics)["function"], "ticket-sync");
    let deployed = metrics.deployed_as("halogard-TicketSyncFunction-1A2B".to_owned());
    assert_eq!(
        read(&deployed)["function"],
        "halogard-TicketSyncFunction-1A2B"
    );
}

#[test]
fn a_second_value_of_the_same_name_replaces_the_first() {
    let line = read(&Metrics::new("f").count("Echoes", 1).count("Echoes", 2));
    assert_eq!(line["Echoes"], 2);
    let declared = &line["_aws"]["CloudWatchMetrics"][0]["Metrics"];
    assert_eq!(declared.as_array().unwrap().len(), 1);
}

#[test]
fn infinite_values_and_nan_are_left_out() {
    let line = read(
        &Metrics::new("f")
            .seconds("Lag", f64::NAN)
            .count("Echoes", 0),
    );
    assert!(line.get("Lag").is_none());
    assert_eq!(line["Echoes"], 0);
}

#[test]
fn a_metric_line_has_no_line_break() {
    assert!(!Metrics::new("f").count("Echoes", 1).line(AT).contains('\n'));
}
