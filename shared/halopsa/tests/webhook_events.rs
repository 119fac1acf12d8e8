//! Every sample in `events/` of what reaches us and of what is queued, and what it leads to. A file
//! that is not named here fails the test; samples of other folders are read by the functions' tests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use halogard_app::intake::NotJson;
use halogard_domain::Timestamp;
use halogard_domain::message::{Cause, Message};
use halogard_halopsa::webhook::{FirstBodies, parse};
use serde_json::{Value, json};

/// What a sample leads to.
enum Leads {
    /// A delivery of HaloPSA to these messages, in order, worded as by [`worded`].
    To(&'static [&'static str]),
    /// A delivery that is refused, because it is not JSON.
    NotJson,
    /// Liongard's wake-up: its body is not read, so it may be anything.
    WakeUp,
    /// It is a message as it is in the queue, worded as by [`worded`], and the same as this
    /// golden file of the domain.
    Queued(&'static str, &'static str),
}

use Leads::{NotJson as Refused, Queued, To, WakeUp};

/// The folders of these samples.
const FOLDERS: [&str; 3] = ["halopsa/", "liongard/", "queue/"];

/// Every file and what it leads to.
const SAMPLES: [(&str, Leads); 32] = [
    (
        "halopsa/batch.json",
        To(&[
            "reconcile 4242",
            "reconcile 4243",
            "keep user_updated of 88",
        ]),
    ),
    ("halopsa/custom-payload.json", To(&["keep unknown"])),
    (
        "halopsa/invoice-created.json",
        To(&["keep invoice_created of 7001"]),
    ),
    (
        "halopsa/invoice-deleted.json",
        To(&["keep invoice_deleted of 7001"]),
    ),
    (
        "halopsa/invoice-updated.json",
        To(&["keep invoice_updated of 7001"]),
    ),
    ("halopsa/localised-event.json", To(&["reconcile 4242"])),
    ("halopsa/new-ticket-logged.json", To(&["reconcile 4250"])),
    (
        "halopsa/object-id-as-floating-number.json",
        To(&["reconcile 4242"]),
    ),
    ("halopsa/object-id-as-text.json", To(&["reconcile 4242"])),
    (
        "halopsa/site-created.json",
        To(&["keep site_created of 31"]),
    ),
    (
        "halopsa/site-deleted.json",
        To(&["keep site_deleted of 31"]),
    ),
    (
        "halopsa/site-updated.json",
        To(&["keep site_updated of 31"]),
    ),
    (
        "halopsa/ticket-changed-event-only.json",
        To(&["reconcile 4242"]),
    ),
    (
        "halopsa/ticket-changed-full.json",
        To(&["reconcile 4242, now in status 9"]),
    ),
    ("halopsa/ticket-changed-small.json", To(&["reconcile 4242"])),
    ("halopsa/ticket-deleted.json", To(&["reconcile 4242"])),
    ("halopsa/unknown-event.json", To(&["keep unknown of 12"])),
    (
        "halopsa/user-created.json",
        To(&["keep user_created of 88"]),
    ),
    (
        "halopsa/user-deleted.json",
        To(&["keep user_deleted of 88"]),
    ),
    (
        "halopsa/user-updated.json",
        To(&["keep user_updated of 88"]),
    ),
    ("halopsa/wrong-empty-array.json", To(&[])),
    ("halopsa/wrong-not-json.json", Refused),
    ("halopsa/wrong-number.json", To(&["keep unknown"])),
    (
        "halopsa/wrong-object-id-missing.json",
        To(&["keep ticket_changed"]),
    ),
    ("halopsa/wrong-truncated.json", Refused),
    ("halopsa/wrong-types.json", To(&["keep unknown"])),
    ("liongard/wake-up.json", WakeUp),
    (
        "queue/record-notification.json",
        Queued("keep site_created of 31", "record_notification"),
    ),
    (
        "queue/reconcile-alert.json",
        Queued(
            "reconcile alert 7586, now closed_complete",
            "reconcile_alert_with_snapshot",
        ),
    ),
    (
        "queue/reconcile-ticket.json",
        Queued("reconcile 4242", "reconcile_ticket"),
    ),
    (
        "queue/advance-run.json",
        Queued("see to HaloPsa", "advance_run"),
    ),
    ("queue/poll.json", Queued("poll", "poll")),
];

/// `message` in a few words.
fn worded(message: &Message) -> String {
    match message {
        Message::ReconcileTicket {
            ticket,
            snapshot: None,
            ..
        } => format!("reconcile {ticket}"),
        Message::ReconcileTicket {
            ticket,
            snapshot: Some(snapshot),
            ..
        } => {
            format!("reconcile {ticket}, now in status {}", snapshot.status)
        }
        Message::ReconcileAlert {
            alert,
            snapshot: None,
            ..
        } => format!("reconcile alert {alert}"),
        Message::ReconcileAlert {
            alert,
            snapshot: Some(snapshot),
            ..
        } => {
            format!("reconcile alert {alert}, now {}", snapshot.status)
        }
        Message::AdvanceRun { target, .. } => format!("see to {target:?}"),
        Message::Poll { .. } => "poll".to_owned(),
        Message::RecordNotification { notification, .. } => {
            let of = notification
                .object
                .map_or(String::new(), |object| format!(" of {object}"));
            format!("keep {}{of}", notification.kind)
        }
        Message::KeepWebhookSample { kind, .. } => format!("keep the form of {kind}"),
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sample(name: &str) -> Vec<u8> {
    let file = repository().join("events").join(name);
    fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn taken_in(body: &[u8]) -> Result<Vec<Message>, NotJson> {
    parse(body, Timestamp::from_millis(1_790_318_500_000))
}

#[test]
fn each_sample_leads_to_what_it_is_meant_to_show() {
    for (name, leads) in SAMPLES {
        let body = sample(name);
        match leads {
            To(expected) => {
                let messages = taken_in(&body).expect(name);
                let words: Vec<String> = messages.iter().map(worded).collect();
                assert_eq!(words, expected, "{name}");
            }
            Refused => assert_eq!(taken_in(&body), Err(NotJson), "{name}"),
            WakeUp => drop(serde_json::from_slice::<Value>(&body).expect(name)),
            Queued(expected, golden) => {
                let message: Message = serde_json::from_slice(&body).expect(name);
                assert_eq!(worded(&message), expected, "{name}");
                let golden = format!("shared/domain/tests/golden/{golden}.v1.json");
                let golden = fs::read(repository().join(golden)).expect(name);
                assert_eq!(body, golden, "{name}");
            }
        }
    }
}

/// Files below `folder`, by their path from there.
fn files(folder: &Path, below: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files(&entry.path(), &format!("{name}/"), found);
        } else {
            found.insert(name);
        }
    }
}

#[test]
fn every_file_is_tried_and_has_its_line_in_the_readme() {
    let mut there = BTreeSet::new();
    files(&repository().join("events"), "", &mut there);
    let ours = |name: &str| FOLDERS.iter().any(|folder| name.starts_with(folder));
    there.retain(|name| ours(name));
    let tried: BTreeSet<String> = SAMPLES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(there, tried);

    let readme = fs::read_to_string(repository().join("events/README.md")).unwrap();
    let listed: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|name| ours(name))
        .collect();
    let once: BTreeSet<String> = listed.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(listed.len(), once.len(), "a file has two lines");
    assert_eq!(once, tried);
}

#[test]
fn no_two_samples_are_the_same_delivery() {
    let mut seen = BTreeSet::new();
    for (name, leads) in SAMPLES {
        let To(_) = leads else { continue };
        for message in taken_in(&sample(name)).expect(name) {
            let (Message::ReconcileTicket {
                cause: Cause::Webhook { notification },
                ..
            }
            | Message::RecordNotification { notification, .. }) = message
            else {
                panic!("{name} leads to something else");
            };
            // Otherwise the second one tried by hand would be taken for a repeat of the first.
            if let Some(delivery) = notification.delivery {
                assert!(seen.insert(delivery), "{name} repeats a delivery");
            }
            assert!(seen.insert(notification.content), "{name} repeats another");
        }
    }
}

#[test]
fn the_first_body_of_each_kind_is_shown_without_its_content() {
    let bodies = FirstBodies::new();
    let show = |body: &Value| {
        let body = body.to_string();
        let messages = parse(body.as_bytes(), Timestamp::EPOCH).unwrap();
        bodies.take(body.as_bytes(), &messages)
    };
    let updated = json!({"id": "planted", "event": "ticket updated", "object_id": 4242,
        "ticket": {"id": 4242, "summary": "planted", "agent_id": 3.5, "customfields": [{"id": 1}, {"id": 2}]}});
    let first = show(&updated).unwrap();
    assert_eq!(first.kind, "ticket_changed");
    assert_eq!(
        first.members,
        "{event: text, id: text, object_id: number, ticket: {agent_id: fraction, customfields: \
         [{…} × 2], id: number, summary: text}}"
            .replace("{…}", "…")
    );
    assert_eq!(show(&updated), None, "once");
    let unknown = json!([{"event": "Closed", "flag": true, "none": null, "blank": ""}]);
    let first = show(&unknown).unwrap();
    assert_eq!(first.kind, "unknown");
    assert_eq!(
        first.members,
        "[{blank: blank, event: text, flag: flag, none: null} × 1]"
    );
    let large =
        json!({"event": "new ticket logged", "object_id": 1, "x": "planted".repeat(20_000)});
    assert_eq!(show(&large).unwrap().members, "more than is shown");
}
