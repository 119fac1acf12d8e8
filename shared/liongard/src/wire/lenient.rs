//! One reader per kind of value, as tolerant as Liongard is varied and no more.
//!
//! Ids arrive as `12`, `12.0` or `"12"`; times in three forms; any optional member as null, and
//! text or times as `""`. Source: the vendor's OpenAPI, and clients that ran against tenants.

use std::fmt;
use std::marker::PhantomData;

use halogard_domain::Timestamp;
use halogard_domain::ids::{AlertId, EnvironmentId, LaunchpointId, RunId};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};

use super::ids::{InspectorId, RuleId};

/// A number that identifies something in Liongard.
pub(super) trait WireId {
    /// Wraps the number.
    fn from_wire(value: u64) -> Self;
}

/// Makes newtypes of `u64` readable as ids.
macro_rules! wire_id {
    ($($name:ident),*) => {
        $(impl WireId for $name {
            fn from_wire(value: u64) -> Self {
                Self::new(value)
            }
        })*
    };
}

wire_id!(
    AlertId,
    EnvironmentId,
    InspectorId,
    LaunchpointId,
    RuleId,
    RunId
);

impl WireId for u64 {
    fn from_wire(value: u64) -> Self {
        value
    }
}

/// Largest whole number a JSON floating number carries exactly.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// `number` as a whole one, if it is one.
fn exactly_whole(number: f64) -> Option<i64> {
    // The bound makes the cast exact.
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i64)
}

/// Reads a whole number, of either sign.
struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, as a number or as text")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        i64::try_from(value)
            .map(Some)
            .map_err(|_| E::invalid_value(Unexpected::Other("a number too large"), &self))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        exactly_whole(value)
            .map(Some)
            .ok_or_else(|| E::invalid_value(Unexpected::Other("a fraction"), &self))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        let text = value.trim();
        if text.is_empty() {
            return Ok(None);
        }
        text.parse()
            .ok()
            .or_else(|| text.parse().ok().and_then(exactly_whole))
            .map(Some)
            .ok_or_else(|| E::invalid_value(Unexpected::Other("other text"), &self))
    }
}

/// A whole number that is not an id: any sign, zero included; null and `""` are none.
pub(super) fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    from.deserialize_any(WholeVisitor)
}

/// An id; null, `""` and `0` are none (the vendor's description says of run ids: at least 1).
/// A negative number is an error: nothing in Liongard is known by one.
pub(super) fn id<'de, D: Deserializer<'de>, I: WireId>(from: D) -> Result<Option<I>, D::Error> {
    let Some(number) = whole(from)? else {
        return Ok(None);
    };
    let number = u64::try_from(number)
        .map_err(|_| D::Error::invalid_value(Unexpected::Signed(number), &"an id"))?;
    Ok((number != 0).then(|| I::from_wire(number)))
}

/// An id without which the row is of no use.
pub(super) fn required_id<'de, D: Deserializer<'de>, I: WireId>(from: D) -> Result<I, D::Error> {
    id(from)?.ok_or_else(|| D::Error::custom("no id"))
}

/// Reads text, or a number as its digits.
struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok((!value.trim().is_empty()).then(|| value.to_owned()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }
}

/// Text; null and blanks are none, a bare number is its digits (`ExternalID` is either).
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    from.deserialize_any(TextVisitor)
}

/// Reads a yes or no.
struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = Option<bool>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        match value {
            0 => Ok(Some(false)),
            1 => Ok(Some(true)),
            _ => Err(E::invalid_value(Unexpected::Other("another number"), &self)),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        match value.trim().to_ascii_lowercase().as_str() {
            "" => Ok(None),
            "true" | "1" => Ok(Some(true)),
            "false" | "0" => Ok(Some(false)),
            _ => Err(E::invalid_value(Unexpected::Other("other text"), &self)),
        }
    }
}

/// A yes or no; null and `""` are none.
pub(super) fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    from.deserialize_any(FlagVisitor)
}

/// The form of times in runs, inspectors, and in what alerts embed: no zone, meant as UTC.
const SLASHED: &str = "%Y/%m/%d %H:%M:%S%.f";

/// Reads a moment in any of Liongard's forms.
struct MomentVisitor;

impl Visitor<'_> for MomentVisitor {
    type Value = Option<Timestamp>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date and time")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        let text = value.trim();
        if text.is_empty() {
            return Ok(None);
        }
        moment_in(text)
            .map(Some)
            .ok_or_else(|| E::invalid_value(Unexpected::Other("other text"), &self))
    }
}

/// The moment that `text` names: with a zone, slashed, or plain ISO 8601; without a zone UTC.
fn moment_in(text: &str) -> Option<Timestamp> {
    let zoned = text.parse::<jiff::Timestamp>().ok();
    let instant = zoned.or_else(|| {
        let unzoned = jiff::civil::DateTime::strptime(SLASHED, text)
            .or_else(|_| text.parse::<jiff::civil::DateTime>())
            .ok()?;
        jiff::tz::TimeZone::UTC.to_timestamp(unzoned).ok()
    })?;
    Some(Timestamp::from_millis(instant.as_millisecond()))
}

/// A moment, to the millisecond; null and `""` are none.
pub(super) fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    from.deserialize_any(MomentVisitor)
}

/// Reads a list, or a single item in its place.
struct OneOrManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrManyVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record or a list of records")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        T::deserialize(serde::de::value::MapAccessDeserializer::new(members)).map(|one| vec![one])
    }
}

/// Records as a list, or one record without a list around it; null is none.
pub(super) fn one_or_many<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    from.deserialize_any(OneOrManyVisitor(PhantomData))
}

/// What Liongard writes as an object with a telling member, or as that member's text alone.
struct NamedVisitor<T>(PhantomData<T>);

/// A record that plain text may stand for.
pub(super) trait FromName {
    /// The record of which only this text is known.
    fn from_name(name: String) -> Self;
}

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
        T::deserialize(serde::de::value::MapAccessDeserializer::new(members)).map(Some)
    }
}

/// A record, its name alone, or null.
pub(super) fn named<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + FromName,
{
    from.deserialize_any(NamedVisitor(PhantomData))
}
