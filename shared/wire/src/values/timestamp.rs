//! Points in time.

use std::fmt;

use halogard_domain::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// 1980-01-01T00:00:00Z. HaloPSA writes dates of 1900 and before for "never"; nothing either
/// vendor holds is older than this.
const FIRST_REAL_DATE: Timestamp = Timestamp::from_millis(315_532_800_000);

/// The form Liongard has in runs, inspectors, and in what alerts embed: no zone, meant as UTC.
const SLASHED: &str = "%Y/%m/%d %H:%M:%S%.f";

/// Reads a date and time.
struct TimestampVisitor;

impl Visitor<'_> for TimestampVisitor {
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
        let (date, offset) =
            civil(text).ok_or_else(|| E::invalid_value(Unexpected::Other("other text"), &self))?;
        // The end of the year 9999 has no instant; it means "never" as 1900-01-01 does.
        let instant = offset.to_timestamp(date).ok();
        let moment = instant.map(|instant| Timestamp::from_millis(instant.as_millisecond()));
        Ok(moment.filter(|moment| *moment >= FIRST_REAL_DATE))
    }
}

/// The date and time that `text` names, and how far it is from UTC: ISO 8601 or slashed; without
/// a zone it is UTC.
fn civil(text: &str) -> Option<(DateTime, Offset)> {
    if let Ok(slashed) = DateTime::strptime(SLASHED, text) {
        return Some((slashed, Offset::UTC));
    }
    let iso = Pieces::parse(text).ok()?;
    let date = iso
        .date()
        .to_datetime(iso.time().unwrap_or(Time::midnight()));
    Some((date, iso.to_numeric_offset().unwrap_or(Offset::UTC)))
}

/// A point in time, to the millisecond. `None` for null, for blanks, and for a date that means "never":
/// one before 1980, or beyond the calendar.
///
/// # Errors
///
/// Text of no known form, and a value that is not text.
pub fn timestamp<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    from.deserialize_any(TimestampVisitor)
}
