//! Webhook bodies, parsed into queue messages.

use halogard_app::intake::NotJson;
use halogard_domain::ids::TicketId;
use halogard_domain::message::{Cause, Message, Notification, VERSION};
use halogard_domain::{Ticket, Timestamp};
use halogard_wire::values;
use serde::Deserialize as _;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::EventKind;
use crate::wire::TicketRow;

/// Members that differ between deliveries of the same notification.
const DELIVERY_MEMBERS: [&str; 2] = ["id", "escmsg_id"];

/// The longest event name stored, in characters.
const EVENT_CHARS_MAX: usize = 120;

/// The most notifications taken from one batch. The largest body has room for no more of them that
/// content; a larger batch is recorded as one unknown notification.
const BATCH_MAX: usize = 10_000;

/// The longest title taken from a body, in characters: several times what fits into a list. A longer
/// one would exceed the queue's message size; without the snapshot, the worker reads the ticket.
const SUMMARY_CHARS_MAX: usize = 1_000;

/// Reads a body into messages, one for each notification in it.
///
/// # Errors
///
/// [`NotJson`], and nothing else: JSON of any shape is taken in.
pub fn parse(body: &[u8], now: Timestamp) -> Result<Vec<Message>, NotJson> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    // Cut out as text first, so that one notification that cannot be read loses no other.
    match serde_json::from_slice::<Vec<&RawValue>>(body) {
        Ok(batch) if batch.len() <= BATCH_MAX => Ok(batch
            .into_iter()
            .map(|item| parse_item(item.get().as_bytes(), now))
            .collect()),
        Ok(_) => Ok(vec![unknown(body)]),
        Err(_) => parse_single(body, now),
    }
}

/// The message of a body that is no batch.
fn parse_single(body: &[u8], now: Timestamp) -> Result<Vec<Message>, NotJson> {
    if let Ok(item) = serde_json::from_slice::<Value>(body) {
        return Ok(vec![message(item, now)]);
    }
    // Accepts what is JSON by its grammar, however deep or large its numbers.
    serde_json::from_slice::<IgnoredAny>(body).map_err(|_| NotJson)?;
    Ok(vec![unknown(body)])
}

/// The message that the notification in `text` leads to. What is JSON by its grammar and yet cannot
/// represented (too deep, a number too large, a lone surrogate) is recorded by its digest.
fn parse_item(text: &[u8], now: Timestamp) -> Message {
    match serde_json::from_slice::<Value>(text) {
        Ok(item) => message(item, now),
        Err(_) => unknown(text),
    }
}

/// Records `text` as an unknown notification.
fn unknown(text: &[u8]) -> Message {
    record(Notification {
        delivery: None,
        content: digest(text),
        event: None,
        object: None,
        kind: EventKind::Unknown.as_str().to_owned(),
    })
}

/// The message one notification leads to.
fn message(item: Value, now: Timestamp) -> Message {
    let object = object(&item);
    let snapshot = object.and_then(|ticket| snapshot(&item, ticket, now));
    let kind = EventKind::of(text(&item, "event"), &item);
    let notification = notification(item, object, kind, now);
    match (kind.concerns_ticket(), object) {
        (true, Some(ticket)) => Message::ReconcileTicket {
            version: VERSION,
            ticket: TicketId::new(ticket),
            snapshot: snapshot.map(Box::new),
            cause: Cause::Webhook { notification },
        },
        _ => record(notification),
    }
}

/// The record a notification is about.
fn object(item: &Value) -> Option<u64> {
    let ticket = item.get("ticket").and_then(|ticket| ticket.get("id"));
    item.get("object_id")
        .and_then(lenient_id)
        .or_else(|| ticket.and_then(lenient_id))
}

/// The number in `value`, in any of the forms HaloPSA writes ids in.
fn lenient_id(value: &Value) -> Option<u64> {
    values::id(value).ok().flatten()
}

/// The text of the member `name`.
fn text<'v>(item: &'v Value, name: &str) -> Option<&'v str> {
    item.get(name).and_then(Value::as_str)
}

/// The first characters of `text`, as many as are stored.
fn short(text: &str) -> String {
    text.chars().take(EVENT_CHARS_MAX).collect()
}

/// A message that records `notification` without acting on it.
fn record(notification: Notification) -> Message {
    Message::RecordNotification {
        version: VERSION,
        notification,
    }
}

/// The part of a notification that is stored.
fn notification(item: Value, object: Option<u64>, kind: EventKind, now: Timestamp) -> Notification {
    // A blank one is the same for every delivery and would make them all repeats of the first; so
    // would that of a custom payload, which may be the ticket's number.
    let from_halo = item.get("object_id").is_some();
    let delivery = text(&item, "id")
        .filter(|id| from_halo && !id.trim().is_empty())
        .map(short);
    Notification {
        event: text(&item, "event").map(short),
        object,
        kind: kind.as_str().to_owned(),
        content: content_digest(item, delivery.as_deref(), now),
        delivery,
    }
}

/// The ticket's state, where the body says all of it, and when it changed.
fn snapshot(item: &Value, object: u64, now: Timestamp) -> Option<Ticket> {
    let row = TicketRow::deserialize(item.get("ticket")?).ok()?;
    row.last_update()?;
    row.to_ticket(now)
        .filter(|ticket| ticket.id.get() == object)
        .filter(|ticket| ticket.summary.chars().count() <= SUMMARY_CHARS_MAX)
}

/// The digest of a notification's content, the same for every delivery of it. A notification without a
/// timestamp may legitimately repeat with the same content, so its digest includes the delivery id or,
/// without one, the time of arrival.
fn content_digest(mut item: Value, delivery: Option<&str>, now: Timestamp) -> String {
    if let Value::Object(members) = &mut item {
        for name in DELIVERY_MEMBERS {
            members.remove(name);
        }
        if !members.contains_key("timestamp") {
            let arrival = delivery.map_or_else(|| now.to_string(), str::to_owned);
            members.insert("arrival".to_owned(), arrival.into());
        }
    }
    // To bytes, which costs a third of what `to_string` does. A value is always writable.
    digest(&serde_json::to_vec(&item).unwrap_or_default())
}

/// SHA-256 as hexadecimal text.
fn digest(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    Sha256::digest(bytes)
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}
