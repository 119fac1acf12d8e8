//! Messages as they are stored in a queue: every form ever written stays readable, and the form
//! written today does not change by accident. One file in `tests/golden/` for each form.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use halogard_domain::ids::{
    AlertId, EnvironmentId, HaloClientId, LaunchpointId, PriorityId, StatusId, TicketId,
    TicketTypeId,
};
use halogard_domain::message::{Cause, Message, Notification, VERSION};
use halogard_domain::runs::RunTarget;
use halogard_domain::ticket::{Existence, Handling, HumanActivity};
use halogard_domain::{Alert, Slug, Ticket, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

const ALERT: AlertId = AlertId::new(7586);
const TICKET: TicketId = TicketId::new(4242);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_790_318_468_000 + seconds * 1000)
}

/// An alert with every member set.
fn alert() -> Alert {
    Alert {
        id: ALERT,
        number: Some("T20260105.00001".into()),
        environment: EnvironmentId::new(8801),
        environment_name: "Northwind Dental".into(),
        name: "Active Directory | Stale Privileged Accounts".into(),
        description: "2 accounts have not signed in for 90 days".into(),
        priority: Slug::new("critical"),
        status: Slug::new("Closed - Complete"),
        inspector: Some("active-directory-inspector".into()),
        inspector_alias: Some("Active Directory".into()),
        rule: Some("Stale Privileged Accounts".into()),
        launchpoint: Some(LaunchpointId::new(18700)),
        system: Some("Northwind AD".into()),
        native_ticket: Some(TicketId::new(90412)),
        visible: false,
        raised_at: at(-60),
        changed_at: at(0),
        observed_at: at(1),
        page: Some("https://us1.app.liongard.com/environments/8801".into()),
    }
}

/// A ticket with every member set.
fn ticket() -> Ticket {
    Ticket {
        id: TICKET,
        client: HaloClientId::new(17),
        ticket_type: TicketTypeId::new(5),
        status: StatusId::new(9),
        priority: Some(PriorityId::new(2)),
        summary: "[LG-7586] Active Directory | Stale Privileged Accounts".into(),
        assigned: Some(true),
        changed_at: at(0),
        is_dated: true,
        observed_at: at(1),
        existence: Existence::MergedInto(TicketId::new(4250)),
        activity: HumanActivity::Seen,
        handling: Handling::default(),
    }
}

/// A notification with every member set.
fn notification(event: &str, object: u64, kind: &str) -> Notification {
    Notification {
        delivery: Some("6f0a1c2e-5b7d-4e19-9a3c-1d20f4c00000".into()),
        content: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        event: Some(event.into()),
        object: Some(object),
        kind: kind.into(),
    }
}

/// A notification of which nothing could be parsed.
fn unreadable_notification() -> Notification {
    Notification {
        delivery: None,
        content: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into(),
        event: None,
        object: None,
        kind: "unknown".into(),
    }
}

/// Every form of version 1, by the name of its file.
fn forms() -> BTreeMap<&'static str, Message> {
    let webhook = Cause::Webhook {
        notification: notification("ticket status changed", 4242, "ticket_changed"),
    };
    let ended = |succeeded| Cause::RunEnded { succeeded };
    BTreeMap::from([
        (
            "reconcile_alert",
            Message::reconcile_alert(ALERT, Cause::Poll),
        ),
        (
            "reconcile_alert_with_snapshot",
            Message::alert_snapshot(alert(), Cause::Poll),
        ),
        (
            "reconcile_alert_after_a_run",
            Message::reconcile_alert(ALERT, ended(true)),
        ),
        (
            "reconcile_alert_after_a_failed_run",
            Message::reconcile_alert(ALERT, ended(false)),
        ),
        (
            "reconcile_alert_after_a_config_change",
            Message::reconcile_alert(ALERT, Cause::ConfigChanged),
        ),
        (
            "reconcile_alert_in_recovery",
            Message::reconcile_alert(ALERT, Cause::Recovery),
        ),
        (
            "reconcile_alert_for_an_operator",
            Message::reconcile_alert(ALERT, Cause::Operator),
        ),
        (
            "reconcile_ticket",
            Message::reconcile_ticket(TICKET, webhook.clone()),
        ),
        (
            "reconcile_ticket_with_snapshot",
            Message::ticket_snapshot(ticket(), webhook),
        ),
        (
            "reconcile_ticket_after_a_sweep",
            Message::reconcile_ticket(TICKET, Cause::Sweep),
        ),
        ("poll", Message::poll()),
        ("advance_run", Message::advance_run(RunTarget::HaloPsa)),
        (
            "advance_run_of_a_launchpoint",
            Message::advance_run(RunTarget::Launchpoint(LaunchpointId::new(18700))),
        ),
        (
            "record_notification",
            Message::RecordNotification {
                version: VERSION,
                notification: notification("site created", 31, "site_created"),
            },
        ),
        (
            "record_notification_of_an_unreadable_body",
            Message::RecordNotification {
                version: VERSION,
                notification: unreadable_notification(),
            },
        ),
        (
            "keep_webhook_sample",
            Message::keep_webhook_sample(
                "ticket_changed".into(),
                "{id: text, object_id: number}".into(),
            ),
        ),
    ])
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The content of the file `name` of version 1.
fn golden(name: &str) -> String {
    let file = folder().join(format!("{name}.v1.json"));
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn every_message_ever_queued_is_read_with_its_original_meaning() {
    for (name, meant) in forms() {
        let read: Message = serde_json::from_str(&golden(name)).expect(name);
        assert_eq!(read, meant, "{name}");
    }
}

#[test]
fn the_written_form_of_a_message_does_not_change() {
    for (name, meant) in forms() {
        let written = serde_json::to_string_pretty(&meant).expect(name);
        assert_eq!(format!("{written}\n"), golden(name), "{name}");
    }
}

#[test]
fn every_golden_file_belongs_to_a_tested_form() {
    let tried: BTreeSet<String> = forms()
        .keys()
        .map(|name| format!("{name}.v1.json"))
        .collect();
    let there: BTreeSet<String> = fs::read_dir(folder())
        .expect("the folder of golden files")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(there, tried);
}

#[test]
fn the_forms_written_today_are_of_version_1() {
    assert_eq!(
        VERSION, 1,
        "a new version needs golden files of its own; the old ones stay"
    );
    for name in forms().keys() {
        let form: Value = serde_json::from_str(&golden(name)).expect(name);
        assert_eq!(form["version"], 1, "{name}");
    }
}

/// Adds an unknown member to every object in `value`.
fn extend(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(extend);
            members.insert("added_later".into(), json!({"deep": [1, null, "x"]}));
        }
        Value::Array(items) => items.iter_mut().for_each(extend),
        _ => {}
    }
}

#[test]
fn members_that_a_later_version_may_add_are_ignored() {
    // An object that represents an enum variant has exactly one member.
    let is_variant = [
        "reconcile_ticket_with_snapshot",
        "advance_run_of_a_launchpoint",
    ];
    for (name, meant) in forms() {
        let mut form: Value = serde_json::from_str(&golden(name)).expect(name);
        if is_variant.contains(&name) {
            form["added_later"] = json!(1);
            if form["snapshot"].is_object() {
                form["snapshot"]["added_later"] = json!("x");
            }
        } else {
            extend(&mut form);
        }
        let read: Message = serde_json::from_value(form).expect(name);
        assert_eq!(read, meant, "{name}");
    }
}

#[test]
fn a_snapshot_with_only_the_required_members_is_read() {
    let least = json!({
        "type": "reconcile_alert", "version": 1, "alert": 7586, "cause": {"by": "poll"},
        "snapshot": {
            "id": 7586, "environment": 8801, "environment_name": "", "name": "n", "description": "",
            "priority": "low", "status": "new", "visible": true,
            "raised_at": 5, "changed_at": 6, "observed_at": 7
        }
    });
    let Message::ReconcileAlert {
        snapshot: Some(snapshot),
        ..
    } = serde_json::from_value(least).expect("it is read")
    else {
        panic!("another message");
    };
    assert!(snapshot.native_ticket.is_none() && snapshot.launchpoint.is_none());

    let least = json!({
        "type": "reconcile_ticket", "version": 1, "ticket": 4242, "cause": {"by": "sweep"},
        "snapshot": {
            "id": 4242, "client": 17, "ticket_type": 5, "status": 9, "summary": "",
            "changed_at": 6, "observed_at": 7, "existence": "present", "activity": "unknown"
        }
    });
    let Message::ReconcileTicket {
        snapshot: Some(snapshot),
        ..
    } = serde_json::from_value(least).expect("it is read")
    else {
        panic!("another message");
    };
    assert_eq!((snapshot.priority, snapshot.assigned), (None, None));
}

#[test]
fn an_invalid_message_is_refused() {
    let rows = [
        (
            "no type",
            json!({"version": 1, "alert": 7586, "cause": {"by": "poll"}}),
        ),
        (
            "an unknown type",
            json!({"type": "open_ticket", "version": 1, "alert": 7586}),
        ),
        (
            "no version",
            json!({"type": "reconcile_alert", "alert": 7586, "cause": {"by": "poll"}}),
        ),
        (
            "no alert",
            json!({"type": "reconcile_alert", "version": 1, "cause": {"by": "poll"}}),
        ),
        (
            "no cause",
            json!({"type": "reconcile_alert", "version": 1, "alert": 7586}),
        ),
        (
            "an unknown cause",
            json!({"type": "reconcile_alert", "version": 1, "alert": 7586, "cause": {"by": "whim"}}),
        ),
        (
            "a negative alert",
            json!({"type": "reconcile_alert", "version": 1, "alert": -1, "cause": {"by": "poll"}}),
        ),
        (
            "a version out of range",
            json!({"type": "reconcile_alert", "version": 256, "alert": 1, "cause": {"by": "poll"}}),
        ),
        (
            "snapshot without its environment",
            json!({"type": "reconcile_alert", "version": 1, "alert": 1, "cause": {"by": "poll"},
                   "snapshot": {"id": 1, "name": "n", "raised_at": 5, "changed_at": 6}}),
        ),
        (
            "a webhook without its notification",
            json!({"type": "reconcile_ticket", "version": 1, "ticket": 1, "cause": {"by": "webhook"}}),
        ),
        (
            "an unknown target",
            json!({"type": "advance_run", "version": 1, "target": "hudu"}),
        ),
        ("a list", json!([])),
        ("null", Value::Null),
    ];
    for (what, form) in rows {
        let read = serde_json::from_value::<Message>(form);
        assert!(read.is_err(), "{what} was read as {read:?}");
    }
}

#[test]
fn each_cause_has_the_name_under_which_it_is_written() {
    for (name, message) in forms() {
        let (Message::ReconcileAlert { cause, .. } | Message::ReconcileTicket { cause, .. }) =
            message
        else {
            continue;
        };
        let written = serde_json::to_value(&cause).expect(name);
        assert_eq!(written["by"], cause.as_str(), "{name}");
    }
}

proptest! {
    #[test]
    fn every_message_is_read_back_unchanged(
        id in any::<u64>(),
        times in any::<[i64; 3]>(),
        text in any::<String>(),
        succeeded in any::<bool>(),
        visible in any::<bool>(),
    ) {
        let [raised, changed, seen] = times.map(Timestamp::from_millis);
        let snapshot = Alert {
            id: AlertId::new(id),
            description: text.clone(),
            status: Slug::new(&text),
            visible,
            raised_at: raised,
            changed_at: changed,
            observed_at: seen,
            ..alert()
        };
        let other = Ticket { id: TicketId::new(id), summary: text.clone(), changed_at: changed, ..ticket() };
        let notification = notification(&text, id, &text);
        for message in [
            Message::alert_snapshot(snapshot, Cause::RunEnded { succeeded }),
            Message::ticket_snapshot(other, Cause::Webhook { notification: notification.clone() }),
            Message::advance_run(RunTarget::Launchpoint(LaunchpointId::new(id))),
            Message::RecordNotification { version: VERSION, notification },
        ] {
            let written = serde_json::to_string(&message).expect("it is written");
            let read: Message = serde_json::from_str(&written).expect("it is read");
            prop_assert_eq!(read, message);
        }
    }

    #[test]
    fn reading_never_panics(body in any::<Vec<u8>>()) {
        // An unreadable body is an error of that one message.
        drop(serde_json::from_slice::<Message>(&body));
    }
}
