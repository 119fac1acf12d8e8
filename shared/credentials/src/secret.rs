//! The one reader of a secret's value: a JSON object of texts and numbers.

use std::fmt;
use std::time::Duration;

use halogard_domain::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Number, Value};

use crate::members;

/// What the template writes instead of a value that only the operator has.
pub const PLACEHOLDER: &str = "REPLACE-ME";

/// How long a replaced value stays valid, unless the secret says otherwise: long enough that every
/// process finds the new value first.
pub const OVERLAP: Duration = Duration::from_secs(24 * 3600);

/// The members of a secret. Their names are those of the settings, in lower case, so that a secret can
/// be read as settings. Its `Debug` shows names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretFields(Map<String, Value>);

/// A secret's value is not a JSON object. Never contains the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the secret's value is not a JSON object; store one such as {{\"halopsa_webhook_token\": \"…\"}}"
)]
pub struct NotJsonObject;

impl SecretFields {
    /// Parses a secret's value.
    ///
    /// # Errors
    ///
    /// [`NotJsonObject`] when it is anything else.
    pub fn parse(value: &SecretString) -> Result<Self, NotJsonObject> {
        match serde_json::from_str(value.expose_secret()) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            _ => Err(NotJsonObject),
        }
    }

    /// Whether a member still holds the [`PLACEHOLDER`] of the template.
    #[must_use]
    pub fn is_unfilled(&self) -> bool {
        self.texts().any(|(_, text)| text.trim() == PLACEHOLDER)
    }

    /// The text of a member, without white space around it; `None` when nothing is left.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let text = self.0.get(name)?.as_str()?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// The text of a member, as a secret.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    /// A whole number. It may be written as a text: people type secrets into forms.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        let value = self.0.get(name)?;
        value
            .as_i64()
            .or_else(|| value.as_str()?.trim().parse().ok())
    }

    /// A point in time, in milliseconds since 1970.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        self.number(name).map(Timestamp::from_millis)
    }

    /// How long the previous value stays valid after a rotation.
    #[must_use]
    pub fn overlap(&self) -> Duration {
        match self.number(members::OVERLAP_HOURS) {
            Some(hours) => {
                Duration::from_secs(u64::try_from(hours).unwrap_or(0).saturating_mul(3600))
            }
            None => OVERLAP,
        }
    }

    /// Whether the member is `true`, which may be written as a text.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text.trim().eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    /// Whether the member has a value that is not a text.
    #[must_use]
    pub fn has_other_type(&self, name: &str) -> bool {
        let value = self.0.get(name);
        value.is_some_and(|value| !value.is_string() && !value.is_null())
    }

    /// These members, and those of `defaults` that have no text here.
    #[must_use]
    pub fn or(mut self, defaults: &Self) -> Self {
        for (name, value) in &defaults.0 {
            if self.text(name).is_none() && !self.has_other_type(name) {
                self.0.insert(name.clone(), value.clone());
            }
        }
        self
    }

    /// The same members with this one set.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), Value::from(value));
        self
    }

    /// The same members with this secret set.
    #[must_use]
    pub fn with_secret(self, name: &str, value: &SecretString) -> Self {
        self.with(name, value.expose_secret())
    }

    /// The same members with this number set.
    #[must_use]
    pub fn with_number(mut self, name: &str, value: i64) -> Self {
        self.0
            .insert(name.to_owned(), Value::Number(Number::from(value)));
        self
    }

    /// The same members without this one.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// Member `name` as JSON, for a value that is neither text nor number.
    #[must_use]
    pub(crate) fn json(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The same members with this one set to any JSON.
    #[must_use]
    pub(crate) fn with_json(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// Name and value of each member that is a text, for a caller that reads settings from them.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let texts = self.0.iter();
        texts.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }

    /// The value to store.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        SecretString::from(Value::Object(self.0.clone()).to_string())
    }
}

impl fmt::Debug for SecretFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
