//! Members of whose value no form may cost the record.

use halogard_domain::Timestamp;
use serde::de::{Deserialize, Deserializer};
use serde_json::de::StrRead;
use serde_json::value::RawValue;

use super::{flag, id, text, timestamp};

/// A member that was read on its own: what is odd about it costs the record nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lenient<T> {
    /// The value; `None` where the sender has none.
    Known(Option<T>),
    /// A value of a form that means nothing here. Not the same as none: the sender has a value.
    Odd,
}

/// An absent member means none.
impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self::Known(None)
    }
}

impl<T> Lenient<T> {
    /// The value; where it is odd, `name` is added to `odd`.
    pub fn or_note(self, name: &'static str, odd: &mut Vec<&'static str>) -> Option<T> {
        match self {
            Self::Known(value) => value,
            Self::Odd => {
                odd.push(name);
                None
            }
        }
    }
}

/// Reads a member with `read`, whatever its value.
///
/// # Errors
///
/// JSON that is broken by its grammar.
pub fn lenient<'de, D, T>(
    from: D,
    read: impl for<'a> FnOnce(
        &mut serde_json::Deserializer<StrRead<'a>>,
    ) -> serde_json::Result<Option<T>>,
) -> Result<Lenient<T>, D::Error>
where
    D: Deserializer<'de>,
{
    let raw = Box::<RawValue>::deserialize(from)?;
    let mut json = serde_json::Deserializer::from_str(raw.get());
    Ok(read(&mut json).map_or(Lenient::Odd, Lenient::Known))
}

/// Reads an id, whatever its value.
///
/// # Errors
///
/// JSON that is broken by its grammar.
pub fn lenient_id<'de, D: Deserializer<'de>, I: From<u64>>(
    from: D,
) -> Result<Lenient<I>, D::Error> {
    lenient(from, |json| id(json))
}

/// Reads text, whatever its value.
///
/// # Errors
///
/// JSON that is broken by its grammar.
pub fn lenient_text<'de, D: Deserializer<'de>>(from: D) -> Result<Lenient<String>, D::Error> {
    lenient(from, |json| text(json))
}

/// Reads a flag, whatever its value.
///
/// # Errors
///
/// JSON that is broken by its grammar.
pub fn lenient_flag<'de, D: Deserializer<'de>>(from: D) -> Result<Lenient<bool>, D::Error> {
    lenient(from, |json| flag(json))
}

/// Reads a time, whatever its value.
///
/// # Errors
///
/// JSON that is broken by its grammar.
pub fn lenient_timestamp<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Lenient<Timestamp>, D::Error> {
    lenient(from, |json| timestamp(json))
}
