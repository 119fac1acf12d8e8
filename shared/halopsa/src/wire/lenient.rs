//! One reader per kind of value, as tolerant as HaloPSA is varied and no more.
//!
//! Ids arrive as `3`, `3.0` or `"3"`; "none" as `""`, `0`, `-1`, `null` or a missing member;
//! dates with and without a zone; "no date" as a date before 1980. Source: several independent
//! clients, and the vendor's own OpenAPI, which types some ids as floating numbers.

use std::fmt;
use std::marker::PhantomData;

use halogard_domain::Timestamp;
use halogard_domain::ids::{
    CustomFieldId, EnvironmentId, HaloClientId, NoteId, OutcomeId, PriorityId, SiteId, StatusId,
    TechnicianId, TicketId, TicketTypeId,
};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, SeqAccess, Unexpected, Visitor};

/// A number that identifies something in HaloPSA.
pub(super) trait WireId {
    /// Wraps the number.
    fn from_wire(value: u64) -> Self;
}

/// Lets the ids of the domain be read.
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
    CustomFieldId,
    EnvironmentId,
    HaloClientId,
    NoteId,
    OutcomeId,
    PriorityId,
    SiteId,
    StatusId,
    TechnicianId,
    TicketId,
    TicketTypeId
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

/// Reads a whole number.
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

/// A whole number that is not an id: any sign, zero included; `""` and null are none.
pub(super) fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    from.deserialize_any(WholeVisitor)
}

/// An id; everything HaloPSA writes for "none" is none, other negative numbers included (system
/// outcomes have such).
pub(super) fn id<'de, D: Deserializer<'de>, I: WireId>(from: D) -> Result<Option<I>, D::Error> {
    let number = whole(from)?.and_then(|number| u64::try_from(number).ok());
    Ok(number.filter(|number| *number != 0).map(I::from_wire))
}

/// An id without which the row is of no use.
pub(super) fn required_id<'de, D: Deserializer<'de>, I: WireId>(from: D) -> Result<I, D::Error> {
    id(from)?.ok_or_else(|| D::Error::custom("no id"))
}

/// Reads text.
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
        Ok((!value.is_empty()).then(|| value.to_owned()))
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

/// Text; null and `""` are none, a bare number is its digits.
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    from.deserialize_any(TextVisitor)
}

/// Text without which the row is of no use.
pub(super) fn required_text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    text(from)?.ok_or_else(|| D::Error::custom("no text"))
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

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        match value {
            0 => Ok(Some(false)),
            1 => Ok(Some(true)),
            _ => Err(E::invalid_value(Unexpected::Other("another number"), &self)),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
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

/// 1980-01-01T00:00:00Z. HaloPSA writes dates of 1900 and before for "never"; nothing it holds
/// is older than this.
const FIRST_REAL_DATE: Timestamp = Timestamp::from_millis(315_532_800_000);

/// Reads a date and time.
struct MomentVisitor;

impl Visitor<'_> for MomentVisitor {
    type Value = Option<Timestamp>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an ISO 8601 date and time")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        let text = value.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if let Ok(zoned) = text.parse::<jiff::Timestamp>() {
            return Ok(real(zoned.as_millisecond()));
        }
        let unzoned = text
            .parse::<jiff::civil::DateTime>()
            .map_err(|_| E::invalid_value(Unexpected::Other("other text"), &self))?;
        // 9999-12-31 has no instant; it means "never" as 1900-01-01 does.
        let instant = jiff::tz::TimeZone::UTC.to_timestamp(unzoned).ok();
        Ok(instant.and_then(|instant| real(instant.as_millisecond())))
    }
}

/// The moment, unless it is one of HaloPSA's ways to say "never".
fn real(millis: i64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(millis)).filter(|moment| *moment >= FIRST_REAL_DATE)
}

/// A moment, to the millisecond; without a zone it is UTC.
pub(super) fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    from.deserialize_any(MomentVisitor)
}

/// Reads a list of `T`.
struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
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
}

/// A list; null is the empty one.
pub(super) fn list<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    from.deserialize_any(ListVisitor(PhantomData))
}

/// Whether a list has anything in it, whatever that is.
pub(super) fn any_items<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    list::<D, IgnoredAny>(from).map(|items| !items.is_empty())
}
