//! Records that may be given by their name alone.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// A record that may be given as plain text.
pub trait FromName {
    /// The record of which only this text is known.
    fn from_name(name: String) -> Self;
}

/// Reads a record, or its name.
struct NamedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + FromName> Visitor<'de> for NamedVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record or its name")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        let name = value.trim();
        Ok((!name.is_empty()).then(|| T::from_name(name.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Some)
    }
}

/// A record, its name alone, or null; null and blanks are `None`.
///
/// # Errors
///
/// Anything else, and a record that cannot be read.
pub fn named<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + FromName,
{
    from.deserialize_any(NamedVisitor(PhantomData))
}
