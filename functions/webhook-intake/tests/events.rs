//! Every sample in `events/lambda`, and the response to it.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::collections::BTreeSet;
use std::fs;

use halogard_app::ports::Lane;
use halogard_domain::Message;
use support::{Bench, events, sample};

const ACCEPTED: (u16, &str) = (200, "{\"status\":\"accepted\"}");
const REFUSED: (u16, &str) = (401, "{\"error\":\"unauthorized\"}");

/// Each sample, its response, and what it puts into the queues.
const SAMPLES: [(&str, (u16, &str), &[&str]); 15] = [
    (
        "accepted-full-body",
        ACCEPTED,
        &["urgent: reconcile 4242 with snapshot"],
    ),
    ("accepted-small-body", ACCEPTED, &["urgent: reconcile 4242"]),
    (
        "accepted-batch",
        ACCEPTED,
        &[
            "urgent: reconcile 4242",
            "urgent: reconcile 4243",
            "urgent: keep",
        ],
    ),
    ("accepted-basic", ACCEPTED, &["urgent: reconcile 4242"]),
    ("accepted-bearer", ACCEPTED, &["urgent: reconcile 4242"]),
    ("accepted-api-key", ACCEPTED, &["urgent: reconcile 4242"]),
    ("accepted-base64", ACCEPTED, &["urgent: reconcile 4242"]),
    (
        "accepted-encoded-path",
        ACCEPTED,
        &["urgent: reconcile 4242"],
    ),
    ("refused-wrong-token", REFUSED, &[]),
    ("refused-wrong-signature", REFUSED, &[]),
    ("refused-two-signatures", REFUSED, &[]),
    (
        "refused-not-json",
        (400, "{\"error\":\"the body is not JSON\"}"),
        &[],
    ),
    ("wake-up", ACCEPTED, &["runs: poll"]),
    ("health", (200, "ok\n"), &[]),
    ("wrong-method", (405, ""), &[]),
];

fn described((lane, message): &(Lane, Message)) -> String {
    let what = match message {
        Message::ReconcileTicket {
            ticket, snapshot, ..
        } => {
            let snapshot = if snapshot.is_some() {
                " with snapshot"
            } else {
                ""
            };
            format!("reconcile {}{snapshot}", ticket.get())
        }
        Message::RecordNotification { .. } => "keep".to_owned(),
        Message::Poll { .. } => "poll".to_owned(),
        other => panic!("{other:?}"),
    };
    format!("{}: {what}", lane.name())
}

#[tokio::test]
async fn each_sample_has_its_response_and_its_messages() {
    for (name, answer, messages) in SAMPLES {
        let bench = Bench::default();
        assert_eq!(bench.answer(&sample(name)).await, answer, "{name}");
        let taken = bench.queues.taken();
        let (forms, work): (Vec<_>, Vec<_>) =
            taken.iter().partition(|(_, message)| is_form(message));
        let sent: Vec<String> = work.into_iter().map(described).collect();
        assert_eq!(sent, messages, "{name}");
        assert!(forms.len() <= 1, "{name}");
    }
}

/// Whether `message` keeps the form of a webhook.
const fn is_form(message: &Message) -> bool {
    matches!(message, Message::KeepWebhookSample { .. })
}

#[tokio::test]
async fn the_first_webhook_of_a_kind_brings_its_form_along() {
    let bench = Bench::default();
    for expected in [1, 0] {
        assert_eq!(bench.answer(&sample("accepted-batch")).await.0, 200);
        let taken = bench.queues.taken();
        let forms = taken.iter().filter(|(_, message)| is_form(message)).count();
        assert_eq!(forms, expected);
    }
}

#[test]
fn every_sample_is_tested_and_has_its_line_in_the_readme() {
    let there: BTreeSet<String> = fs::read_dir(events().join("lambda"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let tried: BTreeSet<String> = SAMPLES
        .iter()
        .map(|(name, _, _)| format!("{name}.json"))
        .collect();
    let readme = fs::read_to_string(events().join("README.md")).unwrap();
    for name in &tried {
        let line = format!("| `lambda/{name}` |");
        assert_eq!(readme.matches(&line).count(), 1, "{name} in the README");
        assert!(there.contains(name), "{name}");
    }
    let (_, ours) = readme
        .split_once("To the functions: `webhook-intake`")
        .unwrap();
    let section = ours.split("\n## ").next().unwrap();
    assert_eq!(section.matches("| `lambda/").count(), tried.len());
}
