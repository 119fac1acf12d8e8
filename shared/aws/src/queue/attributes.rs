//! What travels with a body, and the characters that may.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sqs::types::MessageAttributeValue;
use halogard_domain::Timestamp;
use halogard_domain::render::truncate;

/// Receives after which the queue's redrive policy takes a message away (`maxReceiveCount`). A
/// message that waits or is retried is a copy and starts anew, so this many workers have died of it, or were
/// not started: Lambda receives messages for a function before it knows that the account has no concurrency
/// left for it.
pub const RECEIVES_MAX: u32 = 20;

/// When the message was first sent, in milliseconds since 1970.
const SENT_AT: &str = "sent_at";

/// When it may be delivered at the earliest; a queue delays by a quarter of an hour at most.
const NOT_BEFORE: &str = "not_before";

/// InFlight that failed before this copy was made.
const FAILURES: &str = "failures";

/// Why it is a dead letter, as a JSON string.
const REASON: &str = "reason";

/// When it became one.
const DEAD_LETTERED_AT: &str = "dead_lettered_at";

/// How often it had been delivered by then.
const RECEIVE_COUNT: &str = "receive_count";

/// Characters kept of a reason: with every one of them written out (`\u0000`), six kilobytes.
const REASON_CHARS_MAX: usize = 1000;

/// Attributes as text, by name, whatever form they came in.
pub type Texts = BTreeMap<String, String>;

/// Attributes as the SDK takes them.
pub type Attributes = HashMap<String, MessageAttributeValue>;

/// What we must know of a message besides its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageMetadata {
    /// When it was first sent.
    pub sent_at: Timestamp,
    /// When it may be delivered; at once when `None`.
    pub not_before: Option<Timestamp>,
    /// InFlight that failed before this copy was made.
    pub failures: u32,
}

impl MessageMetadata {
    /// The metadata of a message that is new at `now`.
    pub const fn new(now: Timestamp) -> Self {
        Self {
            sent_at: now,
            not_before: None,
            failures: 0,
        }
    }

    /// What `texts` say. A message without our attributes was sent by another program, at `sent`.
    pub fn read(texts: &Texts, sent: Timestamp) -> Self {
        Self {
            sent_at: time(texts, SENT_AT).unwrap_or(sent),
            not_before: time(texts, NOT_BEFORE),
            failures: number(texts, FAILURES).unwrap_or(0),
        }
    }

    /// The attributes that say this.
    pub fn attributes(&self) -> Attributes {
        let mut all = Attributes::from([number_attribute(SENT_AT, self.sent_at.as_millis())]);
        all.extend(
            self.not_before
                .map(|time| number_attribute(NOT_BEFORE, time.as_millis())),
        );
        all.extend((self.failures > 0).then(|| number_attribute(FAILURES, self.failures.into())));
        all
    }
}

/// What makes a message a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterMetadata {
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// How often it had been delivered.
    pub receive_count: u32,
}

impl DeadLetterMetadata {
    /// What `texts` say of a message of a dead-letter queue. One that no worker dead-lettered was moved
    /// there by the redrive policy, which says neither why nor when.
    pub fn read(texts: &Texts, metadata: &MessageMetadata, sent: Timestamp) -> Self {
        let reason = texts.get(REASON);
        let reason = reason.map(|text| serde_json::from_str(text).unwrap_or_else(|_| text.clone()));
        let all = metadata.failures.saturating_add(RECEIVES_MAX);
        Self {
            reason: reason.unwrap_or_else(|| {
                format!(
                    "it was received {RECEIVES_MAX} times and never settled: the worker died or was cut off, as \
                     its log says, or the account had no concurrency left to start it, as its metric Throttles \
                     says"
                )
            }),
            at: time(texts, DEAD_LETTERED_AT).unwrap_or(sent),
            receive_count: number(texts, RECEIVE_COUNT).unwrap_or(all),
        }
    }

    /// The attributes that say this.
    pub fn attributes(&self) -> Attributes {
        let reason = truncate(&self.reason, REASON_CHARS_MAX);
        // A string always has a form in JSON.
        let reason = allowed(serde_json::to_string(&reason).unwrap_or_default());
        Attributes::from([
            attribute(REASON, "String", reason),
            number_attribute(DEAD_LETTERED_AT, self.at.as_millis()),
            number_attribute(RECEIVE_COUNT, self.receive_count.into()),
        ])
    }
}

/// `json` with what SQS takes in no message written out: of what JSON leaves as it is, that is U+FFFE
/// and U+FFFF. They can stand only inside a JSON string, where the written form means the same.
pub fn allowed(json: String) -> String {
    if json.contains(['\u{fffe}', '\u{ffff}']) {
        json.replace('\u{fffe}', "\\ufffe")
            .replace('\u{ffff}', "\\uffff")
    } else {
        json
    }
}

/// Bytes that `attributes` count towards the size of a message: names, types and values.
pub fn size(attributes: &Attributes) -> usize {
    let sizes = attributes.iter().map(|(name, value)| {
        name.len() + value.data_type().len() + value.string_value().map_or(0, str::len)
    });
    sizes.sum()
}

/// Attributes of a received message, as text.
pub fn texts(attributes: Option<&Attributes>) -> Texts {
    let all = attributes.into_iter().flatten();
    all.filter_map(|(name, value)| Some((name.clone(), value.string_value()?.to_owned())))
        .collect()
}

fn number<T: std::str::FromStr>(texts: &Texts, name: &str) -> Option<T> {
    texts.get(name)?.parse().ok()
}

fn time(texts: &Texts, name: &str) -> Option<Timestamp> {
    number(texts, name).map(Timestamp::from_millis)
}

fn number_attribute(name: &str, value: i64) -> (String, MessageAttributeValue) {
    attribute(name, "Number", value.to_string())
}

fn attribute(name: &str, data_type: &str, value: String) -> (String, MessageAttributeValue) {
    let mut attribute = MessageAttributeValue::builder().string_value(value);
    attribute = attribute.data_type(data_type);
    (name.to_owned(), build(attribute))
}

/// The attribute, which has its data type.
#[expect(clippy::expect_used, reason = "its one required member was just given")]
fn build(
    attribute: aws_sdk_sqs::types::builders::MessageAttributeValueBuilder,
) -> MessageAttributeValue {
    attribute.build().expect("an attribute with a data type")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether SQS takes `text`: its characters as the API reference of `SendMessage` lists them.
    fn taken(text: &str) -> bool {
        text.chars().all(|one| {
            matches!(one, '\u{9}' | '\u{a}' | '\u{d}' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        })
    }

    #[test]
    fn what_is_marked_is_read_again() {
        let metadata = MessageMetadata {
            sent_at: Timestamp::from_millis(1_767_600_000_007),
            not_before: Some(Timestamp::from_millis(-1)),
            failures: 3,
        };
        let read = MessageMetadata::read(&texts(Some(&metadata.attributes())), Timestamp::EPOCH);
        assert_eq!(read, metadata);
        let new = MessageMetadata::new(metadata.sent_at);
        assert_eq!(
            MessageMetadata::read(&texts(Some(&new.attributes())), Timestamp::EPOCH),
            new
        );
    }

    #[test]
    fn a_message_of_another_sender_counts_as_new() {
        let sent = Timestamp::from_millis(5);
        let strange = [
            ("sent_at", "yesterday"),
            ("failures", "-1"),
            ("not_before", ""),
        ];
        let strange = strange.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            MessageMetadata::read(&Texts::from(strange), sent),
            MessageMetadata::new(sent)
        );
    }

    #[test]
    fn a_reason_of_any_characters_is_kept_in_those_that_sqs_takes() {
        for reason in [
            "",
            "plain",
            "\u{0}\u{1f}\u{7f}\u{fffe}\u{ffff}\u{10348}\"\\\r\n ä€",
        ] {
            let dead_letter = DeadLetterMetadata {
                reason: reason.to_owned(),
                at: Timestamp::from_millis(9),
                receive_count: 2,
            };
            let attributes = dead_letter.attributes();
            let values = attributes
                .values()
                .map(|value| value.string_value().unwrap());
            assert!(
                values
                    .into_iter()
                    .all(|value| !value.is_empty() && taken(value))
            );
            let read = DeadLetterMetadata::read(
                &texts(Some(&attributes)),
                &MessageMetadata::new(Timestamp::EPOCH),
                Timestamp::EPOCH,
            );
            assert_eq!(read, dead_letter);
        }
    }

    #[test]
    fn the_longest_reason_leaves_room_for_the_body() {
        let dead_letter = DeadLetterMetadata {
            reason: "\u{0}".repeat(REASON_CHARS_MAX * 3),
            at: Timestamp::from_millis(i64::MIN),
            receive_count: u32::MAX,
        };
        let metadata = MessageMetadata {
            sent_at: Timestamp::from_millis(i64::MIN),
            not_before: Some(Timestamp::from_millis(i64::MIN)),
            failures: u32::MAX,
        };
        let all = size(&dead_letter.attributes()) + size(&metadata.attributes());
        assert!(all <= crate::queue::sending::ATTRIBUTES_MAX, "{all} bytes");
    }

    #[test]
    fn a_dead_letter_that_sqs_itself_moved_says_what_is_known() {
        let metadata = MessageMetadata {
            failures: 2,
            ..MessageMetadata::new(Timestamp::from_millis(1))
        };
        let read = DeadLetterMetadata::read(&Texts::new(), &metadata, Timestamp::from_millis(7));
        let known = ["20 times", "worker died", "no concurrency"];
        let says = |part: &&str| read.reason.contains(*part);
        assert!(known.iter().all(says), "{}", read.reason);
        assert_eq!(
            (read.at, read.receive_count),
            (Timestamp::from_millis(7), 2 + RECEIVES_MAX)
        );
    }
}
