//! Whole numbers, and the ids among them.

use std::fmt;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// Largest whole number a JSON floating number carries exactly.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// `number` as a whole one, if it is one.
fn exact_integer(number: f64) -> Option<i64> {
    // The bound makes the cast exact.
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i64)
}

/// Reads a whole number.
struct IntegerVisitor;

impl Visitor<'_> for IntegerVisitor {
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
        exact_integer(value)
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
            .or_else(|| text.parse().ok().and_then(exact_integer))
            .map(Some)
            .ok_or_else(|| E::invalid_value(Unexpected::Other("other text"), &self))
    }
}

/// A whole number that is not an id: any sign, zero included; null and blanks are `None`.
///
/// # Errors
///
/// A fraction, a number beyond 64 bits, and anything that is not a number.
pub fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    from.deserialize_any(IntegerVisitor)
}

/// An id. Null, blanks, zero and negative numbers are `None`: HaloPSA writes all of them for "no such
/// thing" and gives its system rows negative numbers, Liongard counts from 1.
///
/// # Errors
///
/// As the reader of whole numbers.
pub fn id<'de, D: Deserializer<'de>, I: From<u64>>(from: D) -> Result<Option<I>, D::Error> {
    let number = integer(from)?.and_then(|number| u64::try_from(number).ok());
    Ok(number.filter(|number| *number != 0).map(I::from))
}

/// A required id.
///
/// # Errors
///
/// As the reader of whole numbers, and when there is none.
pub fn required_id<'de, D: Deserializer<'de>, I: From<u64>>(from: D) -> Result<I, D::Error> {
    id(from)?.ok_or_else(|| D::Error::custom("no id"))
}
