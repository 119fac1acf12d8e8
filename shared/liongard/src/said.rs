//! What Liongard said when it refused.
//!
//! Version 1 answers with JSON and a lower-case `message`, or with text; version 2 with `Message`
//! and `ValidationErrors`; a rate limit with `error`; gateways with a page of HTML. The sentence
//! is for people: nothing branches on its words.

mod redact;

use std::fmt;

use serde_json::Value;

/// The longest sentence kept, in characters: long enough for the lists of accepted values that
/// version 2 answers a wrong one with.
const SENTENCE_CHARS_MAX: usize = 300;

/// The longest text looked at, in characters; the rest cannot reach the sentence.
const TEXT_CHARS_MAX: usize = 8_000;

/// What a page for people says, whatever is on it.
const PAGE: &str = "an HTML page";

/// Stands where a sentence was cut.
const CUT_MARK: char = '…';

/// The members that hold a sentence, the most telling first.
const SENTENCE_MEMBERS: [&str; 3] = ["message", "Message", "error"];

/// A sentence of Liongard's: redacted, on one line, at most 300 characters long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said(String);

impl Said {
    /// Reads the body of a refusal, hiding `secrets` wherever they are repeated. An empty body
    /// says nothing.
    pub(crate) fn read(body: &[u8], secrets: &[&str]) -> Option<Self> {
        let text = String::from_utf8_lossy(body);
        let text = text.trim().trim_start_matches('\u{feff}');
        if text.starts_with('<') {
            return Some(Self(PAGE.to_owned()));
        }
        let json = serde_json::from_str(text).ok();
        let sentence = json.as_ref().and_then(sentence_of);
        let mut sentence = sentence.unwrap_or_else(|| text.to_owned());
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            sentence = sentence.replace(secret, redact::HIDDEN);
        }
        Self::of_text(&sentence)
    }

    /// A sentence that is text already; blanks say nothing.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        let text: String = text.chars().take(TEXT_CHARS_MAX).collect();
        let sentence = cut(&redact::redact(&text));
        (!sentence.is_empty()).then_some(Self(sentence))
    }

    /// Whether it was a page for people: not Liongard's API spoke, but something before it.
    pub(crate) fn is_page(&self) -> bool {
        self.0 == PAGE
    }

    /// The sentence.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The sentence in a JSON body, if one of its known forms holds one.
fn sentence_of(json: &Value) -> Option<String> {
    let members = match json {
        Value::String(text) => return Some(text.clone()),
        Value::Object(members) => members,
        _ => return None,
    };
    let main = SENTENCE_MEMBERS
        .iter()
        .filter_map(|name| members.get(*name)?.as_str())
        .find(|text| !text.trim().is_empty());
    let details = members.get("ValidationErrors").and_then(Value::as_array);
    let details = details.into_iter().flatten().filter_map(validation_error);
    let parts: Vec<String> = main.map(str::to_owned).into_iter().chain(details).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// One of the `ValidationErrors`: what was wrong, and where.
fn validation_error(error: &Value) -> Option<String> {
    let message = error.get("message")?.as_str()?;
    Some(match error.get("path").and_then(Value::as_str) {
        Some(path) => format!("{path}: {message}"),
        None => message.to_owned(),
    })
}

/// `text`, at most [`SENTENCE_CHARS_MAX`] characters, marked where something was left out.
fn cut(text: &str) -> String {
    if text.chars().count() <= SENTENCE_CHARS_MAX {
        return text.to_owned();
    }
    text.chars()
        .take(SENTENCE_CHARS_MAX - 1)
        .chain([CUT_MARK])
        .collect()
}
