//! Webhook bodies, parsed into queue messages.

use std::fmt;

use halogard_app::intake::NotJson;
use halogard_domain::ids::TicketId;
use halogard_domain::message::{Cause, Message, Notification, VERSION};
use halogard_domain::time::CLOCK_AHEAD_MAX;
use halogard_domain::{Ticket, Timestamp, hash};
use halogard_wire::values;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::EventKind;
use crate::wire::TicketRow;

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
/// The body is read once, member by member, and only the few members that are used are kept: the memory
/// that a body needs beside its own does not depend on what is in it.
///
/// # Errors
///
/// [`NotJson`], and nothing else: JSON of any shape is taken in.
pub fn parse(body: &[u8], now: Timestamp) -> Result<Vec<Message>, NotJson> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut reader = serde_json::Deserializer::from_slice(body);
    // Cut out as text first, so that one notification that cannot be read loses no other.
    let batch = (&mut reader).deserialize_seq(BatchVisitor { now });
    match batch.and_then(|batch| reader.end().map(|()| batch)) {
        Ok(Some(messages)) => Ok(messages),
        Ok(None) => Ok(vec![unknown(body)]),
        Err(_) => parse_single(body, now),
    }
}

/// Reads a batch; `None` if it is too large.
struct BatchVisitor {
    now: Timestamp,
}

impl<'de> Visitor<'de> for BatchVisitor {
    type Value = Option<Vec<Message>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a batch")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut batch: A) -> Result<Self::Value, A::Error> {
        let mut messages = Vec::new();
        while let Some(item) = batch.next_element::<&RawValue>()? {
            if messages.len() == BATCH_MAX {
                while batch.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
            messages.push(parse_item(item.get(), self.now));
        }
        Ok(Some(messages))
    }
}

/// The message of a body that is not a batch.
fn parse_single(body: &[u8], now: Timestamp) -> Result<Vec<Message>, NotJson> {
    if let Ok(item) = serde_json::from_slice::<&RawValue>(body) {
        return Ok(vec![parse_item(item.get(), now)]);
    }
    // Accepts what is JSON by its grammar, whatever its text is made of.
    serde_json::from_slice::<IgnoredAny>(body).map_err(|_| NotJson)?;
    Ok(vec![unknown(body)])
}

/// The message that the notification in `text` leads to. What is not an object is recorded by its digest.
fn parse_item(text: &str, now: Timestamp) -> Message {
    match serde_json::from_str::<BatchItem<'_>>(text) {
        Ok(item) => item.message(now),
        Err(_) => unknown(text.as_bytes()),
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

/// The members of a notification that are used, as they are in the body, and a digest of all others.
#[derive(Default)]
struct BatchItem<'a> {
    id: Option<&'a RawValue>,
    event: Option<&'a RawValue>,
    object_id: Option<&'a RawValue>,
    ticket: Option<&'a RawValue>,
    has_timestamp: bool,
    content: Sha256,
}

/// A member's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Id,
    Escalation,
    Event,
    ObjectId,
    Timestamp,
    Ticket,
    Other,
}

impl Member {
    /// Whether it differs between deliveries of the same notification.
    const fn is_of_delivery(self) -> bool {
        matches!(self, Self::Id | Self::Escalation)
    }
}

/// Reads a member's name, and enters it into the digest.
struct MemberSeed<'d>(&'d mut Sha256);

impl<'de> DeserializeSeed<'de> for MemberSeed<'_> {
    type Value = Member;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Member, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberSeed<'_> {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Member, E> {
        let member = match name {
            "id" => Member::Id,
            "escmsg_id" => Member::Escalation,
            "event" => Member::Event,
            "object_id" => Member::ObjectId,
            "timestamp" => Member::Timestamp,
            "ticket" => Member::Ticket,
            _ => Member::Other,
        };
        if !member.is_of_delivery() {
            enter(self.0, name.as_bytes());
        }
        Ok(member)
    }
}

/// Reads an object, member by member.
struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = BatchItem<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a notification")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<BatchItem<'de>, A::Error> {
        let mut item = BatchItem::default();
        while let Some(member) = members.next_key_seed(MemberSeed(&mut item.content))? {
            let value: &RawValue = members.next_value()?;
            if !member.is_of_delivery() {
                enter(&mut item.content, value.get().as_bytes());
            }
            match member {
                Member::Id => item.id = Some(value),
                Member::Event => item.event = Some(value),
                Member::ObjectId => item.object_id = Some(value),
                Member::Ticket => item.ticket = Some(value),
                Member::Timestamp => item.has_timestamp = true,
                Member::Escalation | Member::Other => {}
            }
        }
        Ok(item)
    }
}

impl<'de> Deserialize<'de> for BatchItem<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ItemVisitor)
    }
}

/// Enters `part` into `digest` with its length, which keeps `("ab", "c")` from `("a", "bc")`.
fn enter(digest: &mut Sha256, part: &[u8]) {
    let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
    digest.update(length.to_be_bytes());
    digest.update(part);
}

/// The record's number alone.
#[derive(Deserialize)]
struct Numbered {
    #[serde(default, deserialize_with = "values::id")]
    id: Option<u64>,
}

impl BatchItem<'_> {
    /// The message this notification leads to.
    fn message(self, now: Timestamp) -> Message {
        let event = self.event.and_then(text);
        let has_ticket = self
            .ticket
            .is_some_and(|ticket| ticket.get().starts_with('{'));
        let kind = EventKind::of(event.as_deref(), has_ticket);
        let object = self.object();
        let snapshot = object.and_then(|ticket| self.snapshot(ticket, now));
        let notification = self.notification(event.as_deref(), object, kind, now);
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

    /// The record a notification is about, in any of the forms HaloPSA writes ids in.
    fn object(&self) -> Option<u64> {
        let number = self.object_id.and_then(|number| {
            let mut reader = serde_json::Deserializer::from_str(number.get());
            values::id(&mut reader).ok().flatten()
        });
        number.or_else(|| {
            let ticket = serde_json::from_str::<Numbered>(self.ticket?.get());
            ticket.ok()?.id
        })
    }

    /// The ticket's state, where the body says all of it, and when it changed.
    fn snapshot(&self, object: u64, now: Timestamp) -> Option<Ticket> {
        let row: TicketRow = serde_json::from_str(self.ticket?.get()).ok()?;
        // What cannot be believed as a whole is read anew.
        if row.last_update()? > now.plus(CLOCK_AHEAD_MAX) || !row.odd.is_empty() {
            return None;
        }
        row.to_ticket(now)
            .filter(|ticket| ticket.id.get() == object)
            .filter(|ticket| ticket.summary.chars().count() <= SUMMARY_CHARS_MAX)
    }

    /// The part of a notification that is stored.
    fn notification(
        self,
        event: Option<&str>,
        object: Option<u64>,
        kind: EventKind,
        now: Timestamp,
    ) -> Notification {
        // A blank one is the same for every delivery and would make them all repeats of the first; so
        // would that of a custom payload, which may be the ticket's number.
        let from_halo = self.object_id.is_some();
        let delivery = self
            .id
            .filter(|_| from_halo)
            .and_then(text)
            .filter(|id| !id.trim().is_empty())
            .map(|id| short(&id));
        Notification {
            event: event.map(short),
            object,
            kind: kind.as_str().to_owned(),
            content: self.content_digest(delivery.as_deref(), now),
            delivery,
        }
    }

    /// The digest of a notification's content, the same for every delivery of it. A notification without a
    /// timestamp may legitimately repeat with the same content, so its digest includes the delivery id or,
    /// without one, the time of arrival.
    fn content_digest(self, delivery: Option<&str>, now: Timestamp) -> String {
        let mut digest = self.content;
        if !self.has_timestamp {
            let arrival = delivery.map_or_else(|| now.to_string(), str::to_owned);
            enter(&mut digest, arrival.as_bytes());
        }
        hash::hex(&digest.finalize())
    }
}

/// The text in `value`, if it is text.
fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
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

/// SHA-256 as hexadecimal text.
fn digest(bytes: &[u8]) -> String {
    hash::hex(&Sha256::digest(bytes))
}
