//! The first body of each kind of event, without its content: HaloPSA does not document what it sends, and an
//! operator sees from this what it was.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use halogard_domain::Message;
use halogard_domain::message::Cause;
use serde_json::Value;

/// The longest body that is shown, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The longest text that is shown of one, in characters.
const SHOWN_CHARS_MAX: usize = 2_000;

/// The longest name of a member that is shown, in characters.
const NAME_CHARS_MAX: usize = 40;

/// How deep in a body its members are shown.
const DEPTH_MAX: usize = 3;

/// The kinds of events whose first body was shown.
#[derive(Debug, Default)]
pub struct FirstBodies(Mutex<BTreeSet<String>>);

impl FirstBody {
    /// The message that keeps it for an operator.
    #[must_use]
    pub fn into_message(self) -> Message {
        Message::keep_webhook_sample(self.kind, self.members)
    }
}

/// The first body of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstBody {
    /// The kind of event.
    pub kind: String,
    /// Its members and the forms of their values; none of the values.
    pub members: String,
}

impl FirstBodies {
    /// Remembers nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeSet::new()))
    }

    /// What `body` consists of, if it is the first of the kind that `messages`, read from it, begin with.
    pub fn take(&self, body: &[u8], messages: &[Message]) -> Option<FirstBody> {
        let kind = kind_of(messages.first()?)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(kind) {
            return None;
        }
        known.insert(kind.to_owned());
        drop(known);
        let kind = kind.to_owned();
        let mut members = String::new();
        if body.len() <= BODY_BYTES_MAX {
            let body = serde_json::from_slice(body).unwrap_or_default();
            write_form(&body, 0, &mut members);
        } else {
            members.push_str("more than is shown");
        }
        let members = members.chars().take(SHOWN_CHARS_MAX).collect();
        Some(FirstBody { kind, members })
    }
}

/// The kind of event behind `message`.
fn kind_of(message: &Message) -> Option<&str> {
    match message {
        Message::ReconcileTicket {
            cause: Cause::Webhook { notification },
            ..
        }
        | Message::RecordNotification { notification, .. } => Some(&notification.kind),
        _ => None,
    }
}

/// Writes the form of `value`: names of members, and of what kind each value is.
fn write_form(value: &Value, depth: usize, to: &mut String) {
    if to.len() > SHOWN_CHARS_MAX {
        return;
    }
    match value {
        Value::Null => to.push_str("null"),
        Value::Bool(_) => to.push_str("flag"),
        Value::Number(number) if number.is_f64() => to.push_str("fraction"),
        Value::Number(_) => to.push_str("number"),
        Value::String(text) if text.is_empty() => to.push_str("blank"),
        Value::String(_) => to.push_str("text"),
        Value::Array(_) | Value::Object(_) if depth == DEPTH_MAX => to.push('…'),
        Value::Array(items) => {
            to.push('[');
            if let Some(first) = items.first() {
                write_form(first, depth + 1, to);
                to.push_str(&format!(" × {}", items.len()));
            }
            to.push(']');
        }
        Value::Object(members) => {
            to.push('{');
            for (place, (name, value)) in members.iter().enumerate() {
                if place > 0 {
                    to.push_str(", ");
                }
                to.extend(name.chars().take(NAME_CHARS_MAX));
                to.push_str(": ");
                write_form(value, depth + 1, to);
            }
            to.push('}');
        }
    }
}
