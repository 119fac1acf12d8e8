//! A vendor's error message, made safe for people and logs.
//!
//! The vendor's crate passes a function that finds the sentence in a body.

mod redact;

use std::fmt;

use serde_json::Value;

/// The longest message, in characters: long enough for every message observed, and for the lists
/// of accepted values that Liongard's version 2 answers a wrong one with.
const MESSAGE_CHARS_MAX: usize = 300;

/// How much text is scanned, in characters, up to the end of a word; the rest cannot reach the
/// message.
const TEXT_CHARS_MAX: usize = 8_000;

/// Stands for an HTML page.
const PAGE: &str = "an HTML page";

/// Stands where a sentence was cut.
const TRUNCATION_MARK: char = '…';

/// A vendor's message: redacted, on one line, at most 300 characters long, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedactedMessage(String);

impl RedactedMessage {
    /// Reads the body of a refusal, hiding `secrets` wherever they are repeated. `find` brings the
    /// sentence out of JSON of a known form; any other body is text. An empty one says nothing.
    #[must_use]
    pub fn of_body(
        body: &[u8],
        secrets: &[&str],
        find: impl FnOnce(&Value) -> Option<String>,
    ) -> Option<Self> {
        let text = String::from_utf8_lossy(body);
        let text = text.trim().trim_start_matches('\u{feff}');
        if text.starts_with('<') {
            return Some(Self(PAGE.to_owned()));
        }
        let json = serde_json::from_str(text).ok();
        let found = json.as_ref().and_then(find);
        Self::of_text(found.as_deref().unwrap_or(text), secrets)
    }

    /// A sentence that is text already, hiding `secrets`; blanks say nothing.
    #[must_use]
    pub fn of_text(text: &str, secrets: &[&str]) -> Option<Self> {
        let mut text = text.to_owned();
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            text = text.replace(secret, redact::HIDDEN);
        }
        let sentence = cut(redact::redact(&on_one_line(&text)));
        (!sentence.is_empty()).then_some(Self(sentence))
    }

    /// The sentence.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it was a page for people: not the vendor's API spoke, but something before it.
    #[must_use]
    pub fn is_page(&self) -> bool {
        self.0 == PAGE
    }
}

impl fmt::Display for RedactedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A vendor's message as the end of one of our error messages.
#[derive(Debug)]
pub struct Suffix<'a, S>(pub Option<&'a S>);

impl<S: fmt::Display> fmt::Display for Suffix<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(said) => write!(f, "; it said: {said}"),
            None => Ok(()),
        }
    }
}

/// The words of `text` joined by single spaces, as far as they are scanned. No word is cut: half a
/// token may not be recognised as one.
fn on_one_line(text: &str) -> String {
    let mut line = String::new();
    let mut chars = 0;
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    for word in words.filter(|word| !word.is_empty()) {
        if chars >= TEXT_CHARS_MAX {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        chars += 1 + word.chars().count();
    }
    line
}

/// `text`, at most [`MESSAGE_CHARS_MAX`] characters, marked where something was left out.
fn cut(text: String) -> String {
    if text.chars().count() <= MESSAGE_CHARS_MAX {
        return text;
    }
    text.chars()
        .take(MESSAGE_CHARS_MAX - 1)
        .chain([TRUNCATION_MARK])
        .collect()
}
