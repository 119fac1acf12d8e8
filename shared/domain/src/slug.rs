//! A vendor's name of a status or priority in a comparable form.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name in lower case, with every run of characters other than letters and digits replaced by one
/// underscore.
///
/// `"Closed - Complete"` and `"closed_complete"` have the same slug, so a config file can use it as
/// a bare key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    /// The slug of `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut slug = String::with_capacity(text.len());
        for character in text.chars().flat_map(char::to_lowercase) {
            if character.is_alphanumeric() {
                slug.push(character);
            } else if !slug.is_empty() && !slug.ends_with('_') {
                slug.push('_');
            }
        }
        slug.truncate(slug.trim_end_matches('_').len());
        Self(slug)
    }

    /// The slug as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the vendor sent no name.
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
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
