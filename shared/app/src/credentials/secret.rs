//! A secret's value: one JSON object of texts and numbers.

use std::fmt;

use halogard_domain::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Number, Value};

/// The members of a secret. Named like the settings, in lower case, so that a secret can be read as
/// settings. Its `Debug` shows names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretFields(Map<String, Value>);

/// A secret's value is no JSON object. Never holds the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value is no JSON object; store one such as {{\"liongard_access_key_id\": \"…\"}}")]
pub struct NotJsonObject;

impl SecretFields {
    /// Reads a secret's value.
    ///
    /// # Errors
    ///
    /// [`NotJsonObject`] when it is something else.
    pub fn parse(value: &SecretString) -> Result<Self, NotJsonObject> {
        match serde_json::from_str(value.expose_secret()) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            _ => Err(NotJsonObject),
        }
    }

    /// The text of a member; blanks around it are forgiven, and an empty one is none.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let text = self.0.get(name)?.as_str()?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// The same as a secret.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    /// A whole number, written as one or as text: people type secrets into forms.
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

    /// The same members with this one set.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), Value::from(value));
        self
    }

    /// The same with a secret.
    #[must_use]
    pub fn with_secret(self, name: &str, value: &SecretString) -> Self {
        self.with(name, value.expose_secret())
    }

    /// The same with a number.
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

    /// Member `name` as JSON, for what is neither text nor number.
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

    /// Name and value of each member that is a text, for whoever reads settings from it.
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
