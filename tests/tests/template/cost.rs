//! The cost page: its counts are those of the template and of the code.

use std::collections::BTreeSet;

use serde_json::json;

use crate::expanded::{Template, root, take_away};
use crate::functions::folders;
use crate::rule::{Findings, hold};
use crate::sources::source_of;

/// The count in the first row of `docs/cost.md` that begins with `what`, as in `| alarms | 29 × *a* |`.
fn count_of(what: &str) -> Option<usize> {
    let page = std::fs::read_to_string(root().join("docs/cost.md")).unwrap();
    let row = page
        .lines()
        .find(|line| line.starts_with(&format!("| {what}")))?;
    let arithmetic = row.split('|').nth(2)?.trim();
    arithmetic.split(' ').next()?.parse().ok()
}

/// The names of metrics in `source`: what is counted, and what counters are called.
fn metrics_in(source: &str) -> BTreeSet<&str> {
    let literals = [".count(", ".seconds(", ".milliseconds("]
        .into_iter()
        .flat_map(|call| {
            source.split(call).skip(1).filter_map(|rest| {
                let name = rest.trim_start().strip_prefix('"')?.split('"').next()?;
                rest.trim_start().starts_with('"').then_some(name)
            })
        });
    let counters = source.split("Self::").skip(1).filter_map(|rest| {
        let (variant, after) = rest.split_once(" => \"")?;
        let name = after.split('"').next()?;
        (variant == name).then_some(name)
    });
    literals.chain(counters).collect()
}

#[test]
fn the_cost_page_counts_the_alarms_secrets_and_dashboards_of_the_template() {
    fn rule(template: &Template, found: &mut Findings) {
        for (what, kind) in [
            ("alarms", "AWS::CloudWatch::Alarm"),
            ("three secrets", "AWS::SecretsManager::Secret"),
            ("dashboard", "AWS::CloudWatch::Dashboard"),
        ] {
            found.equal(
                format!("{what} of docs/cost.md"),
                count_of(what),
                Some(template.of_type(kind).len()),
            );
        }
        let queues = template.of_type("AWS::Lambda::EventSourceMapping").len();
        found.equal(
            "polled queues of docs/cost.md",
            count_of("polling three queues"),
            Some(queues),
        );
    }
    hold(
        "cost page",
        rule,
        &[
            ("alarms of docs", |it| {
                take_away(it, "/Resources/InDoubtAlarm")
            }),
            ("three secrets of docs", |it| {
                take_away(it, "/Resources/LiongardSecret")
            }),
            ("dashboard of docs", |it| {
                take_away(it, "/Resources/Dashboard")
            }),
            ("polled queues of docs", |it| {
                take_away(it, "/Resources/TicketSyncFunctionBulk")
            }),
            ("alarms of docs", |it| {
                let alarm = json!({"Type": "AWS::CloudWatch::Alarm", "Properties": {}});
                it["Resources"]["MoreAlarm"] = alarm;
            }),
        ],
    );
}

#[test]
fn the_cost_page_counts_the_metrics_that_the_code_can_write() {
    let mut names = Vec::new();
    for function in folders() {
        let source = source_of(&function);
        for metric in metrics_in(&source) {
            // One function runs sync cycles and follows runs, another processes the other lanes.
            let only_writer = match metric {
                "AlertsSetAside" | "PollLagSeconds" | "RunsWorkAgeSeconds" => "inspector-poll",
                "UrgentWorkAgeSeconds" | "BulkWorkAgeSeconds" => "ticket-sync",
                _ => function.as_str(),
            };
            if only_writer == function {
                names.push(format!("{function}: {metric}"));
            }
        }
    }
    assert_eq!(count_of("custom metrics"), Some(names.len()), "{names:#?}");
    println!("metrics: {} at most", names.len());
}
