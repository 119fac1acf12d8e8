//! A vendor's word for a status or priority, made comparable.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A word in lower case, every run of other characters than letters and digits one underscore.
///
/// `"Closed - Complete"` and `"closed_complete"` are the same word, so a config file can name it
/// as a bare key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    /// Makes `text` comparable.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut word = String::with_capacity(text.len());
        for character in text.chars().flat_map(char::to_lowercase) {
            if character.is_alphanumeric() {
                word.push(character);
            } else if !word.is_empty() && !word.ends_with('_') {
                word.push('_');
            }
        }
        word.truncate(word.trim_end_matches('_').len());
        Self(word)
    }

    /// The word as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the vendor said nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Slug {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<Slug> for String {
    fn from(word: Slug) -> Self {
        word.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
