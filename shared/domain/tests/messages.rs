//! Messages as they stand in a queue: every form ever written stays readable, and the one written
//! today does not change by accident. One file for each form in `tests/golden/`.

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
use halogard_domain::ticket::{Fate, Hands};
use halogard_domain::{Alert, Ticket, Timestamp, Word};
use proptest::prelude::*;
use serde_json::{Value, json};

const ALERT: AlertId = AlertId::new(7586);
const TICKET: TicketId = TicketId::new(4242);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_790_318_468_000 + seconds * 1000)
}

/// An alert with every member filled.
fn alert() -> Alert {
    Alert {
        id: ALERT,
        number: Some("T20260105.00001".into()),
        environment: EnvironmentId::new(8801),
        environment_name: "Northwind Dental".into(),
        name: "Active Directory | Stale Privileged Accounts".into(),
        description: "2 accounts have not signed in for 90 days".into(),
        priority: Word::new("critical"),
        status: Word::new("Closed - Complete"),
        inspector: Some("active-directory-inspector".into()),
        inspector_alias: Some("Active Directory".into()),
        rule: Some("Stale Privileged Accounts".into()),
        launchpoint: Some(LaunchpointId::new(18700)),
        system: Some("Northwind AD".into()),
        native_ticket: Some(TicketId::new(90412)),
        visible: false,
        raised_at: at(-60),
        changed_at: at(0),
        seen_at: at(1),
        page: Some("https://us1.app.liongard.com/environments/8801".into()),
    }
}

/// A ticket with every member filled.
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
        seen_at: at(1),
        fate: Fate::MergedInto(TicketId::new(4250)),
        hands: Hands::Touched,
    }
}

/// A notification with every member filled.
fn notification(event: &str, object: u64, kind: &str) -> Notification {
    Notification {
        delivery: Some("6f0a1c2e-5b7d-4e19-9a3c-1d20f4c00000".into()),
        content: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        event: Some(event.into()),
        object: Some(object),
        kind: kind.into(),
    }
}

/// A notification of which nothing could be read.
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
        ("look_at_alert", Message::look_at_alert(ALERT, Cause::Poll)),
        (
            "look_at_alert_with_news",
            Message::alert_news(alert(), Cause::Poll),
        ),
        (
            "look_at_alert_after_a_run",
            Message::look_at_alert(ALERT, ended(true)),
        ),
        (
            "look_at_alert_after_a_failed_run",
            Message::look_at_alert(ALERT, ended(false)),
        ),
        (
            "look_at_alert_after_a_config_change",
            Message::look_at_alert(ALERT, Cause::ConfigChanged),
        ),
        (
            "look_at_alert_in_recovery",
            Message::look_at_alert(ALERT, Cause::Recovery),
        ),
        (
            "look_at_alert_for_an_operator",
            Message::look_at_alert(ALERT, Cause::Operator),
        ),
        (
            "look_at_ticket",
            Message::look_at_ticket(TICKET, webhook.clone()),
        ),
        (
            "look_at_ticket_with_news",
            Message::ticket_news(ticket(), webhook),
        ),
        (
            "look_at_ticket_after_a_sweep",
            Message::look_at_ticket(TICKET, Cause::Sweep),
        ),
        ("poll", Message::poll()),
        ("see_to_run", Message::see_to_run(RunTarget::HaloPsa)),
        (
            "see_to_run_of_a_launchpoint",
            Message::see_to_run(RunTarget::Launchpoint(LaunchpointId::new(18700))),
        ),
        (
            "keep_notification",
            Message::KeepNotification {
                version: VERSION,
                notification: notification("site created", 31, "site_created"),
            },
        ),
        (
            "keep_notification_of_an_unreadable_body",
            Message::KeepNotification {
                version: VERSION,
                notification: unreadable_notification(),
            },
        ),
    ])
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// What the file `name` of version 1 holds.
fn golden(name: &str) -> String {
    let file = folder().join(format!("{name}.v1.json"));
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn every_message_ever_queued_is_read_as_what_was_meant() {
    for (name, meant) in forms() {
        let read: Message = serde_json::from_str(&golden(name)).expect(name);
        assert_eq!(read, meant, "{name}");
    }
}

#[test]
fn a_message_is_written_as_it_always_was() {
    for (name, meant) in forms() {
        let written = serde_json::to_string_pretty(&meant).expect(name);
        assert_eq!(format!("{written}\n"), golden(name), "{name}");
    }
}

#[test]
fn every_golden_file_is_of_a_form_that_is_tried() {
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

/// Adds a member that nobody knows to every object in `value`.
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
fn members_a_later_version_may_add_are_passed_over() {
    // An object that stands for a variant has exactly one member.
    let is_variant = ["look_at_ticket_with_news", "see_to_run_of_a_launchpoint"];
    for (name, meant) in forms() {
        let mut form: Value = serde_json::from_str(&golden(name)).expect(name);
        if is_variant.contains(&name) {
            form["added_later"] = json!(1);
            if form["news"].is_object() {
                form["news"]["added_later"] = json!("x");
            }
        } else {
            extend(&mut form);
        }
        let read: Message = serde_json::from_value(form).expect(name);
        assert_eq!(read, meant, "{name}");
    }
}

#[test]
fn news_with_nothing_but_what_is_needed_is_read() {
    let least = json!({
        "type": "look_at_alert", "version": 1, "alert": 7586, "cause": {"by": "poll"},
        "news": {"id": 7586, "environment": 8801, "name": "n", "raised_at": 5, "changed_at": 6}
    });
    let Message::LookAtAlert {
        news: Some(news), ..
    } = serde_json::from_value(least).expect("it is read")
    else {
        panic!("another message");
    };
    assert!(news.visible, "an alert is visible unless it says otherwise");
    assert_eq!(news.seen_at, Timestamp::EPOCH);
    assert!(news.status.is_empty() && news.native_ticket.is_none());

    let least = json!({
        "type": "look_at_ticket", "version": 1, "ticket": 4242, "cause": {"by": "sweep"},
        "news": {"id": 4242, "client": 17, "ticket_type": 5, "status": 9, "changed_at": 6}
    });
    let Message::LookAtTicket {
        news: Some(news), ..
    } = serde_json::from_value(least).expect("it is read")
    else {
        panic!("another message");
    };
    assert_eq!((news.fate, news.hands), (Fate::Present, Hands::Unknown));
    assert_eq!(news.priority, None);
}

#[test]
fn what_is_no_message_is_not_taken_for_one() {
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
            json!({"type": "look_at_alert", "alert": 7586, "cause": {"by": "poll"}}),
        ),
        (
            "no alert",
            json!({"type": "look_at_alert", "version": 1, "cause": {"by": "poll"}}),
        ),
        (
            "no cause",
            json!({"type": "look_at_alert", "version": 1, "alert": 7586}),
        ),
        (
            "an unknown cause",
            json!({"type": "look_at_alert", "version": 1, "alert": 7586, "cause": {"by": "whim"}}),
        ),
        (
            "a negative alert",
            json!({"type": "look_at_alert", "version": 1, "alert": -1, "cause": {"by": "poll"}}),
        ),
        (
            "a version out of range",
            json!({"type": "look_at_alert", "version": 256, "alert": 1, "cause": {"by": "poll"}}),
        ),
        (
            "news without its environment",
            json!({"type": "look_at_alert", "version": 1, "alert": 1, "cause": {"by": "poll"},
                   "news": {"id": 1, "name": "n", "raised_at": 5, "changed_at": 6}}),
        ),
        (
            "a webhook without its notification",
            json!({"type": "look_at_ticket", "version": 1, "ticket": 1, "cause": {"by": "webhook"}}),
        ),
        (
            "an unknown target",
            json!({"type": "see_to_run", "version": 1, "target": "hudu"}),
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
fn each_cause_has_the_word_it_is_written_with() {
    for (name, message) in forms() {
        let (Message::LookAtAlert { cause, .. } | Message::LookAtTicket { cause, .. }) = message
        else {
            continue;
        };
        let written = serde_json::to_value(&cause).expect(name);
        assert_eq!(written["by"], cause.word(), "{name}");
    }
}

proptest! {
    #[test]
    fn every_message_survives_being_written_and_read(
        id in any::<u64>(),
        times in any::<[i64; 3]>(),
        text in any::<String>(),
        succeeded in any::<bool>(),
        visible in any::<bool>(),
    ) {
        let [raised, changed, seen] = times.map(Timestamp::from_millis);
        let news = Alert {
            id: AlertId::new(id),
            description: text.clone(),
            status: Word::new(&text),
            visible,
            raised_at: raised,
            changed_at: changed,
            seen_at: seen,
            ..alert()
        };
        let other = Ticket { id: TicketId::new(id), summary: text.clone(), changed_at: changed, ..ticket() };
        let notification = notification(&text, id, &text);
        for message in [
            Message::alert_news(news, Cause::RunEnded { succeeded }),
            Message::ticket_news(other, Cause::Webhook { notification: notification.clone() }),
            Message::see_to_run(RunTarget::Launchpoint(LaunchpointId::new(id))),
            Message::KeepNotification { version: VERSION, notification },
        ] {
            let written = serde_json::to_string(&message).expect("it is written");
            let read: Message = serde_json::from_str(&written).expect("it is read");
            prop_assert_eq!(read, message);
        }
    }

    #[test]
    fn reading_never_panics(body in any::<Vec<u8>>()) {
        // What cannot be read is an error of that one message.
        drop(serde_json::from_slice::<Message>(&body));
    }
}
