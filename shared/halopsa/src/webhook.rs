//! Webhook bodies: single, batched, full, small or event-only, read into messages.
//!
//! Nothing is refused that is JSON: what is not understood is kept and counted. A body is used only
//! where it says a ticket's whole state and when it changed; otherwise the ticket is read.

mod event;

use halogard_app::intake::NotJson;
use halogard_domain::ids::TicketId;
use halogard_domain::message::{Cause, Message, Notification, VERSION};
use halogard_domain::{Ticket, Timestamp};
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

pub use event::EventKind;

use crate::desk::from_row;
use crate::wire::{TicketRow, loose_ticket_id};

/// Members that tell deliveries of the same news apart.
const DELIVERY_MEMBERS: [&str; 2] = ["id", "escmsg_id"];

/// The longest event name kept, in characters.
const EVENT_CHARS_MAX: usize = 120;

/// The most notifications taken from one batch. The largest body has room for no more of them that
/// say something; one that claims more is kept as a whole.
const BATCH_MAX: usize = 10_000;

/// Reads a body into messages, one for each notification in it.
///
/// # Errors
///
/// [`NotJson`], and nothing else: JSON of any shape is taken in.
pub fn read(body: &[u8], now: Timestamp) -> Result<Vec<Message>, NotJson> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    // Accepts what is JSON by its grammar, however deep or large its numbers.
    serde_json::from_slice::<IgnoredAny>(body).map_err(|_| NotJson)?;
    // Cut out as text first, so that one notification that cannot be read loses no other.
    Ok(match serde_json::from_slice::<Vec<&RawValue>>(body) {
        Ok(batch) if batch.len() <= BATCH_MAX => batch
            .into_iter()
            .map(|item| one(item.get().as_bytes(), now))
            .collect(),
        Ok(_) => vec![unknown(body)],
        Err(_) => vec![one(body, now)],
    })
}

/// The message that the notification in `text` leads to. What is JSON by its grammar and yet cannot
/// be held (too deep, a number too large, half a character) is kept by its digest.
fn one(text: &[u8], now: Timestamp) -> Message {
    match serde_json::from_slice::<Value>(text) {
        Ok(item) => message(&item, now),
        Err(_) => unknown(text),
    }
}

/// Keeps `text` as what nobody knows.
fn unknown(text: &[u8]) -> Message {
    keep(Notification {
        delivery: None,
        content: digest(text),
        event: None,
        object: None,
        kind: EventKind::Unknown.word().to_owned(),
    })
}

/// The message one notification leads to.
fn message(item: &Value, now: Timestamp) -> Message {
    let notification = notification(item, now);
    let kind = EventKind::of(notification.event.as_deref(), item);
    match (kind.concerns_ticket(), notification.object) {
        (true, Some(ticket)) => Message::LookAtTicket {
            version: VERSION,
            ticket: TicketId::new(ticket),
            news: news(item, ticket, now).map(Box::new),
            cause: Cause::Webhook { notification },
        },
        _ => keep(notification),
    }
}

/// Keeps `notification` without acting on it.
fn keep(notification: Notification) -> Message {
    Message::KeepNotification {
        version: VERSION,
        notification,
    }
}

/// What is kept of a notification.
fn notification(item: &Value, now: Timestamp) -> Notification {
    let text = |name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
    let event = text("event").map(|event| event.chars().take(EVENT_CHARS_MAX).collect::<String>());
    let ticket = item.get("ticket").and_then(|ticket| ticket.get("id"));
    let object = item
        .get("object_id")
        .and_then(loose_ticket_id)
        .or_else(|| ticket.and_then(loose_ticket_id))
        .map(TicketId::get);
    let kind = EventKind::of(event.as_deref(), item).word().to_owned();
    // A blank one is the same for every delivery and would make them all repeats of the first; so
    // would that of a custom payload, which may be the ticket's number.
    let from_halo = item.get("object_id").is_some();
    let delivery: Option<String> = text("id")
        .filter(|id| from_halo && !id.trim().is_empty())
        .map(|id| id.chars().take(EVENT_CHARS_MAX).collect());
    Notification {
        content: content_digest(item, delivery.as_deref(), now),
        delivery,
        event,
        object,
        kind,
    }
}

/// The ticket's state, where the body says all of it, and when it changed.
fn news(item: &Value, object: u64, now: Timestamp) -> Option<Ticket> {
    let row: TicketRow = serde_json::from_value(item.get("ticket")?.clone()).ok()?;
    row.last_update()?;
    from_row(&row, now).filter(|ticket| ticket.id.get() == object)
}

/// Digest of what a notification says, whoever delivers it and however often. One that does not say
/// when it was made may rightly come again with the same words: there the delivery, or else the
/// time of arrival, is part of what it says.
fn content_digest(item: &Value, delivery: Option<&str>, now: Timestamp) -> String {
    let mut content = item.clone();
    if let Value::Object(members) = &mut content {
        for name in DELIVERY_MEMBERS {
            members.remove(name);
        }
        if !members.contains_key("timestamp") {
            let arrival = delivery.map_or_else(|| now.to_string(), str::to_owned);
            members.insert("arrival".to_owned(), arrival.into());
        }
    }
    digest(content.to_string().as_bytes())
}

/// SHA-256 as hexadecimal text.
fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
