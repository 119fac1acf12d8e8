//! Webhook bodies, and the messages they lead to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

use halogard_app::intake::NotJson;
use halogard_domain::ids::{HaloClientId, PriorityId, StatusId, TicketId, TicketTypeId};
use halogard_domain::message::{Cause, Message, Notification};
use halogard_domain::ticket::{Existence, Handling, HumanActivity};
use halogard_domain::{Ticket, Timestamp};
use halogard_halopsa::webhook::{EventKind, parse};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_millis(1_790_318_470_000);

/// 2026-09-25T06:41:10.663Z.
const CHANGED: Timestamp = Timestamp::from_millis(1_790_318_470_663);

/// A notification with a whole ticket. Composed.
fn whole() -> Value {
    json!({
        "id": "6f0a1c2e-0001", "webhook_id": "0b9c41d7", "notification_id": 41,
        "escmsg_id": "77d2b9e0-0001", "event": "ticket status changed",
        "message": "The status has been changed for Ticket ID: 0004242.",
        "object_id": 4242, "agent_id": 12, "timestamp": "2026-09-25T06:41:10.7895915Z",
        "ticket": {
            "id": 4242, "summary": "[LG-7586] Disk", "client_id": 17.0, "tickettype_id": "5",
            "status_id": 9, "priority_id": 2, "last_update": "2026-09-25T06:41:10.663",
            "merged_into_id": 0, "deleted": false
        }
    })
}

/// [`whole`] with `value` at `pointer`.
fn with(pointer: &str, value: Value) -> Value {
    let mut item = whole();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    item.pointer_mut(parent).unwrap()[member] = value;
    item
}

/// [`whole`] without the member at `pointer`.
fn without(pointer: &str) -> Value {
    let mut item = whole();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let parent = item.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    parent.remove(member).unwrap();
    item
}

/// The messages `body` leads to.
fn messages(body: &Value) -> Vec<Message> {
    parse(&serde_json::to_vec(body).unwrap(), NOW).expect("it is JSON")
}

/// The only message `body` leads to.
fn message(body: &Value) -> Message {
    let mut messages = messages(body);
    assert_eq!(messages.len(), 1, "{body}");
    messages.remove(0)
}

/// The ticket to be reconciled, and its news.
fn look(body: &Value) -> (TicketId, Option<Ticket>) {
    match message(body) {
        Message::ReconcileTicket {
            ticket, snapshot, ..
        } => (ticket, snapshot.map(|snapshot| *snapshot)),
        other => panic!("{body} led to {other:?}"),
    }
}

/// What is kept of a notification, whatever it leads to.
fn notification(body: &Value) -> Notification {
    match message(body) {
        Message::ReconcileTicket {
            cause: Cause::Webhook { notification },
            ..
        }
        | Message::RecordNotification { notification, .. } => notification,
        other => panic!("{body} led to {other:?}"),
    }
}

/// What is kept of a body that is JSON and nothing we know.
fn recorded_as_unknown(body: &[u8]) -> Notification {
    let messages = parse(body, NOW).expect("it is JSON");
    match messages.as_slice() {
        [Message::RecordNotification { notification, .. }] => {
            assert_eq!(notification.kind, "unknown");
            notification.clone()
        }
        other => panic!("it led to {other:?}"),
    }
}

#[test]
fn a_complete_ticket_is_a_snapshot() {
    let (id, snapshot) = look(&whole());
    assert_eq!(id, TicketId::new(4242));
    let expected = Ticket {
        id,
        client: HaloClientId::new(17),
        ticket_type: TicketTypeId::new(5),
        status: StatusId::new(9),
        priority: Some(PriorityId::new(2)),
        summary: "[LG-7586] Disk".into(),
        assigned: None,
        changed_at: CHANGED,
        is_dated: true,
        observed_at: NOW,
        existence: Existence::Present,
        activity: HumanActivity::Unknown,
        handling: Handling::default(),
    };
    assert_eq!(snapshot, Some(expected));
}

#[test]
fn an_incomplete_body_leads_to_a_reconciliation_without_a_snapshot() {
    let rows = [
        ("no time of change", without("/ticket/last_update")),
        ("no status", without("/ticket/status_id")),
        ("no client", without("/ticket/client_id")),
        ("no type", without("/ticket/tickettype_id")),
        ("no ticket", without("/ticket")),
        ("no ticket's number", without("/ticket/id")),
        (
            "no date",
            with("/ticket/last_update", json!("1900-01-01T00:00:00")),
        ),
        (
            "no real date",
            with("/ticket/last_update", json!("yesterday")),
        ),
        (
            "no real status",
            with("/ticket/status_id", json!({"id": 9})),
        ),
        ("another ticket", with("/ticket/id", json!(4243))),
        ("a ticket that is text", with("/ticket", json!("4242"))),
        ("a ticket that is null", with("/ticket", Value::Null)),
    ];
    for (what, body) in rows {
        assert_eq!(look(&body), (TicketId::new(4242), None), "{what}");
    }
}

#[test]
fn the_priority_and_the_title_may_be_missing_from_a_snapshot() {
    let (_, snapshot) = look(&without("/ticket/priority_id"));
    assert_eq!(snapshot.expect("snapshot").priority, None);
    let (_, snapshot) = look(&without("/ticket/summary"));
    assert_eq!(snapshot.expect("snapshot").summary, "");
}

#[test]
fn a_merged_or_deleted_ticket_carries_its_existence() {
    let existence = |body: Value| look(&body).1.expect("snapshot").existence;
    assert_eq!(
        existence(with("/ticket/merged_into_id", json!(4250))),
        Existence::MergedInto(TicketId::new(4250))
    );
    assert_eq!(
        existence(with("/ticket/merged_into_id", json!(4242))),
        Existence::Present
    );
    assert_eq!(
        existence(with("/ticket/deleted", json!(true))),
        Existence::Deleted
    );
}

#[test]
fn the_number_of_the_record_is_read_in_every_form_seen() {
    for form in [
        json!(4242),
        json!(4242.0),
        json!("4242"),
        json!(" 4242 "),
        json!("0004242"),
    ] {
        let body = json!({"event": "ticket updated", "object_id": form});
        assert_eq!(look(&body).0, TicketId::new(4242), "{body}");
    }
}

#[test]
fn a_record_without_a_usable_number_is_that_of_the_ticket_in_the_body() {
    for none in [
        Value::Null,
        json!(0),
        json!(-1),
        json!(""),
        json!("abc"),
        json!([4242]),
        json!(1.5),
    ] {
        assert_eq!(
            look(&with("/object_id", none.clone())).0,
            TicketId::new(4242),
            "{none}"
        );
    }
    assert_eq!(look(&without("/object_id")).0, TicketId::new(4242));
}

#[test]
fn a_ticket_event_without_a_ticket_is_recorded_and_counted() {
    for none in [
        Value::Null,
        json!(0),
        json!(-1),
        json!("abc"),
        json!([4242]),
        json!(18e18),
    ] {
        let body = json!({"event": "ticket updated", "object_id": none});
        let Message::RecordNotification { notification, .. } = message(&body) else {
            panic!("{body} led to a look");
        };
        assert_eq!(
            (notification.object, notification.kind.as_str()),
            (None, "ticket_changed")
        );
    }
}

#[test]
fn each_event_has_its_kind() {
    let rows = [
        ("ticket updated", EventKind::TicketChanged),
        ("ticket status changed", EventKind::TicketChanged),
        ("ticket updated by user", EventKind::TicketChanged),
        ("ticket closed", EventKind::TicketChanged),
        ("ticket deleted", EventKind::TicketChanged),
        ("Ticket Changed", EventKind::TicketChanged),
        ("TICKET CLOSED", EventKind::TicketChanged),
        ("new ticket logged", EventKind::NewTicketLogged),
        ("New Ticket Logged", EventKind::NewTicketLogged),
        ("ticket created", EventKind::NewTicketLogged),
        ("site created", EventKind::SiteCreated),
        ("new site", EventKind::SiteCreated),
        ("site updated", EventKind::SiteUpdated),
        ("site deleted", EventKind::SiteDeleted),
        ("user created", EventKind::UserCreated),
        ("user updated", EventKind::UserUpdated),
        ("user deleted", EventKind::UserDeleted),
        ("invoice created", EventKind::InvoiceCreated),
        ("invoice updated", EventKind::InvoiceUpdated),
        ("invoice deleted", EventKind::InvoiceDeleted),
        ("webhook test", EventKind::Test),
        ("Test", EventKind::Test),
        ("latest news", EventKind::Unknown),
        ("contest ended", EventKind::Unknown),
        ("site visited", EventKind::Unknown),
        ("agent clocked in", EventKind::Unknown),
        ("", EventKind::Unknown),
    ];
    for (event, kind) in rows {
        assert_eq!(EventKind::of(Some(event), false), kind, "{event}");
        let body = json!({"event": event, "object_id": 7});
        assert_eq!(notification(&body).kind, kind.as_str(), "{event}");
        let looks = matches!(message(&body), Message::ReconcileTicket { .. });
        assert_eq!(looks, kind.concerns_ticket(), "{event}");
    }
}

#[test]
fn a_ticket_in_the_body_counts_for_more_than_the_name_of_the_event() {
    for event in [
        json!("statut modifié"),
        json!("user updated"),
        Value::Null,
        json!(76),
    ] {
        assert_eq!(
            look(&with("/event", event.clone())).0,
            TicketId::new(4242),
            "{event}"
        );
    }
    // Null or text is not a ticket.
    let body = json!({"event": "site updated", "object_id": 31, "ticket": null});
    assert_eq!(notification(&body).kind, "site_updated");
}

#[test]
fn a_batch_leads_to_a_message_for_each_notification_in_order() {
    let site = json!({"event": "site created", "object_id": 31});
    let nested = json!([[whole()]]);
    let found = messages(&json!([
        whole(),
        site,
        17,
        null,
        "x",
        nested,
        without("/ticket")
    ]));
    let shown: Vec<String> = found
        .iter()
        .map(|message| match message {
            Message::ReconcileTicket {
                ticket, snapshot, ..
            } => format!("{ticket} {}", snapshot.is_some()),
            Message::RecordNotification { notification, .. } => notification.kind.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    let unknown = "unknown";
    assert_eq!(
        shown,
        [
            "4242 true",
            "site_created",
            unknown,
            unknown,
            unknown,
            unknown,
            "4242 false"
        ]
    );
    assert_eq!(messages(&json!([])), []);
}

#[test]
fn one_notification_that_cannot_be_held_loses_no_other_of_its_batch() {
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    for bad in [
        "1e999",
        r#""\ud83d""#,
        &deep,
        r#"{"event":"ticket updated","object_id":-1e400}"#,
    ] {
        let body = format!(
            r#"[{0},{bad},{0}]"#,
            json!({"event": "ticket updated", "object_id": 4242})
        );
        let found = parse(body.as_bytes(), NOW).expect("it is JSON");
        assert_eq!(found.len(), 3, "{bad:.20}");
        assert!(matches!(found[0], Message::ReconcileTicket { .. }));
        assert!(matches!(found[1], Message::RecordNotification { .. }));
        assert_eq!(found[0], found[2]);
    }
}

#[test]
fn an_oversized_batch_is_recorded_as_one_notification() {
    let list = |length: usize| format!("[{}]", vec!["0"; length].join(","));
    assert_eq!(parse(list(10_000).as_bytes(), NOW).unwrap().len(), 10_000);
    recorded_as_unknown(list(10_001).as_bytes());
}

#[test]
fn what_a_notification_says_does_not_depend_on_who_delivers_it() {
    let content = notification(&whole()).content;
    for same in [
        with("/id", json!("another delivery")),
        with("/escmsg_id", json!("another message")),
        without("/id"),
        without("/escmsg_id"),
    ] {
        assert_eq!(notification(&same).content, content, "{same}");
    }
    let spaced = serde_json::to_string_pretty(&whole()).unwrap();
    assert_eq!(
        notification(&serde_json::from_str(&spaced).unwrap()).content,
        content
    );
}

#[test]
fn every_other_member_is_part_of_what_a_notification_says() {
    let content = notification(&whole()).content;
    for other in [
        with("/timestamp", json!("2026-09-25T06:41:11.7895915Z")),
        with("/webhook_id", json!("another")),
        with("/notification_id", json!(42)),
        with("/event", json!("ticket updated")),
        with("/message", json!("")),
        with("/object_id", json!("4242")),
        with("/agent_id", json!(3)),
        with("/ticket/status_id", json!(1)),
        with("/ticket/id", json!(4243)),
        with("/ticket/escmsg_id", json!("inside")),
        with("/added_later", json!(null)),
        without("/timestamp"),
    ] {
        assert_ne!(notification(&other).content, content, "{other}");
    }
}

#[test]
fn the_delivery_is_known_by_its_id_and_a_blank_one_is_none() {
    let delivery = |id: Value| notification(&with("/id", id)).delivery;
    assert_eq!(delivery(json!("6f0a")), Some("6f0a".into()));
    for none in [json!(""), json!("  "), Value::Null, json!(17), json!({})] {
        assert_eq!(delivery(none.clone()), None, "{none}");
    }
}

#[test]
fn long_names_are_cut_at_a_character() {
    let long = "é".repeat(5000);
    let kept = notification(&json!({"id": long, "event": long, "object_id": 1}));
    assert_eq!(kept.event.unwrap().chars().count(), 120);
    assert_eq!(kept.delivery.unwrap().chars().count(), 120);
}

#[test]
fn json_of_any_other_form_is_recorded_as_unknown() {
    for body in [
        "4242",
        "null",
        "true",
        r#""ticket updated""#,
        "{}",
        r#"{"ticket":[]}"#,
        "  0\n",
    ] {
        recorded_as_unknown(body.as_bytes());
    }
}

#[test]
fn json_that_says_nothing_we_know_is_recorded_as_unknown() {
    let lists = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let objects = format!(r#"{}1{}"#, r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    let digits = "9".repeat(10_000);
    let rows = [
        ("deep objects", objects),
        ("a number without end", digits + "e9999"),
        ("a huge exponent", "1e999".into()),
        ("half a character", r#""\ud800""#.into()),
        ("a name that is half a character", r#"{"\ud800":1}"#.into()),
    ];
    for (what, body) in &rows {
        let kept = recorded_as_unknown(body.as_bytes());
        assert_eq!(
            (kept.delivery, kept.event, kept.object),
            (None, None, None),
            "{what}"
        );
    }
    recorded_as_unknown(lists.as_bytes());
    // Distinguished by their bytes, since they say nothing else.
    let contents: std::collections::BTreeSet<String> = rows
        .iter()
        .map(|(_, body)| recorded_as_unknown(body.as_bytes()).content)
        .collect();
    assert_eq!(contents.len(), rows.len());
}

#[test]
fn a_member_that_cannot_be_represented_costs_itself_only() {
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    for odd in [r#""\ud83d""#, "1e999", &deep] {
        for name in ["m", "message", "agent_id", "timestamp", "id"] {
            let body = format!(r#"{{"event":"ticket updated","object_id":4242,"{name}":{odd}}}"#);
            let found = parse(body.as_bytes(), NOW).expect("it is JSON");
            let [Message::ReconcileTicket { ticket, .. }] = found.as_slice() else {
                panic!("{name}: {odd:.20}: {found:?}");
            };
            assert_eq!(ticket.get(), 4242);
        }
    }
}

#[test]
fn a_number_too_large_for_a_record_is_none() {
    for huge in [
        "123456789012345678901234567890",
        "18446744073709551615",
        "9007199254740994.0",
    ] {
        let body = format!(r#"{{"event":"ticket updated","object_id":{huge}}}"#);
        let found = parse(body.as_bytes(), NOW).expect("it is JSON");
        assert!(
            matches!(found[..], [Message::RecordNotification { .. }]),
            "{huge}: {found:?}"
        );
    }
}

#[test]
fn a_byte_order_mark_before_the_body_is_passed_over() {
    let plain = serde_json::to_vec(&whole()).unwrap();
    let marked = [b"\xef\xbb\xbf".as_slice(), &plain].concat();
    assert_eq!(parse(&marked, NOW), parse(&plain, NOW));
    let unknown = [b"\xef\xbb\xbf".as_slice(), b"4242"].concat();
    recorded_as_unknown(&unknown);
}

#[test]
fn what_is_not_json_is_refused() {
    let rows: [&[u8]; 16] = [
        b"",
        b"   ",
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
        b"id=1&event=ticket",
        b"<html></html>",
        b"{\"object_id\": 42",
        b"{\"object_id\": 42,}",
        b"[1,2",
        b"{} {}",
        b"{'object_id': 42}",
        b"NaN",
        b"01",
        b"\"\x01\"",
        b"nul",
        b"\xff\xfe{\x00}\x00",
    ];
    for body in rows {
        assert_eq!(
            parse(body, NOW),
            Err(NotJson),
            "{}",
            String::from_utf8_lossy(body)
        );
    }
}

/// Any JSON value, often with members a notification has.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("ticket updated")),
        Just(json!("2026-09-25T06:41:10.663")),
    ];
    let name = prop_oneof![
        Just("id".to_owned()),
        Just("event".to_owned()),
        Just("object_id".to_owned()),
        Just("ticket".to_owned()),
        Just("status_id".to_owned()),
        Just("client_id".to_owned()),
        Just("tickettype_id".to_owned()),
        Just("last_update".to_owned()),
        any::<String>(),
    ];
    leaf.prop_recursive(6, 64, 10, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_taken_in_and_nothing_of_it_is_passed_over(value in any_json()) {
        let body = serde_json::to_vec(&value).unwrap();
        let found = parse(&body, NOW);
        let expected = value.as_array().map_or(1, Vec::len);
        prop_assert_eq!(found.as_ref().map(Vec::len), Ok(expected));
        for message in found.unwrap() {
            let sound = match &message {
                Message::ReconcileTicket { ticket, snapshot, .. } => {
                    ticket.get() > 0 && snapshot.as_ref().is_none_or(|snapshot| snapshot.id == *ticket)
                }
                other => matches!(other, Message::RecordNotification { .. }),
            };
            prop_assert!(sound, "{message:?}");
            // What is queued must be readable there.
            let queued = serde_json::to_string(&message).unwrap();
            prop_assert_eq!(serde_json::from_str::<Message>(&queued).unwrap(), message);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in any::<Vec<u8>>()) {
        drop(parse(&body, NOW));
    }

    #[test]
    fn a_damaged_notification_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut body = serde_json::to_vec(&whole()).unwrap();
        let at = at.index(body.len());
        body[at] = byte;
        if cut {
            body.truncate(at);
        }
        drop(parse(&body, NOW));
    }
}
