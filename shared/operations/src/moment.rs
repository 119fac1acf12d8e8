//! Times in answers.

use std::fmt;
use std::time::Duration;

use halogard_domain::Timestamp;
use serde::{Serialize, Serializer};

/// A time, serialised as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Timestamp);

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let instant = jiff::Timestamp::from_millisecond(self.0.as_millis());
        serializer.collect_str(&instant.unwrap_or_default())
    }
}

/// The same as a schema.
#[cfg(feature = "schema")]
impl schemars::JsonSchema for Moment {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// For people: to the second, `2026-11-28 15:59:12 UTC`.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = jiff::Timestamp::from_millisecond(self.0.as_millis());
        let seconds = instant
            .unwrap_or_default()
            .strftime("%Y-%m-%d %H:%M:%S UTC");
        write!(f, "{seconds}")
    }
}

/// Where a length of time leads from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `2h` is two hours ago.
    Past,
    /// `2h` is in two hours.
    Future,
}

/// The text is not a time that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTime {
    /// It has another form.
    #[error(
        "{0:?} is not a time; write 30m, 2h or 7d, a day as 2026-11-28, or a time as 2026-11-28T16:00Z"
    )]
    OtherForm(String),
    /// No calendar of this program goes so far.
    #[error(
        "{0:?} is further away than the years 0001 to 9998, in which times are kept; name a nearer one"
    )]
    TooFar(String),
}

/// A range of time that ends before it begins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the range ends before it begins: --until ({until}) is not after --since ({since}); exchange them"
)]
pub struct ReversedRange {
    since: Moment,
    until: Moment,
}

/// Checks that `until` is after `since`.
///
/// # Errors
///
/// [`ReversedRange`] names both.
pub fn in_order(since: Timestamp, until: Timestamp) -> Result<(), ReversedRange> {
    if since < until {
        return Ok(());
    }
    Err(ReversedRange {
        since: since.into(),
        until: until.into(),
    })
}

/// The time that an operator writes as a length from `now`, a day (UTC) or an exact time.
///
/// # Errors
///
/// [`NoTime`] shows the forms, or says that the time is too far away.
pub fn read_time(text: &str, now: Timestamp, direction: Direction) -> Result<Timestamp, NoTime> {
    let text = text.trim();
    let no_time = || NoTime::OtherForm(text.to_owned());
    let too_far = || NoTime::TooFar(text.to_owned());
    if let Some(length) = length(text) {
        let time = match direction {
            Direction::Past => now.minus(length),
            Direction::Future => now.plus(length),
        };
        // A time before or after every calendar could not be shown.
        let shown = jiff::Timestamp::from_millisecond(time.as_millis());
        return shown.map(|_| time).map_err(|_| too_far());
    }
    let instant = match text.parse::<jiff::Timestamp>() {
        Ok(instant) => instant,
        // The parser of days takes a time without a zone as well, and forgets the time.
        Err(_) if text.contains(['T', 't', ' ', ':']) => return Err(no_time()),
        Err(_) => {
            let day: jiff::civil::Date = text.parse().map_err(|_| no_time())?;
            let midnight = day.to_zoned(jiff::tz::TimeZone::UTC);
            midnight.map_err(|_| too_far())?.timestamp()
        }
    };
    Ok(Timestamp::from_millis(instant.as_millisecond()))
}

/// `90s`, `30m`, `2h` or `7d`.
fn length(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_the_forms_that_people_write() {
        let now = Timestamp::from_millis(1_764_345_600_000);
        let hours = |hours: i64| Timestamp::from_millis(now.as_millis() + hours * 3_600_000);
        for (text, past, future) in [
            ("2h", hours(-2), hours(2)),
            ("120m", hours(-2), hours(2)),
            ("7200s", hours(-2), hours(2)),
            ("1d", hours(-24), hours(24)),
            ("2025-11-28", hours(-16), hours(-16)),
            ("2025-11-28T18:00Z", hours(2), hours(2)),
            ("2025-11-28T18:00:00+01:00", hours(1), hours(1)),
        ] {
            assert_eq!(read_time(text, now, Direction::Past), Ok(past), "{text}");
            assert_eq!(
                read_time(text, now, Direction::Future),
                Ok(future),
                "{text}"
            );
        }
        for text in [
            "",
            "h",
            "2",
            "2w",
            "yesterday",
            "2025-13-01",
            "-2h",
            "2025-11-28T18:00",
            "99999999d",
            "213503982334601d",
        ] {
            for direction in [Direction::Past, Direction::Future] {
                assert!(read_time(text, now, direction).is_err(), "{text:?}");
            }
        }
    }

    #[test]
    fn a_time_is_written_for_machines_and_for_people() {
        let at = Moment(Timestamp::from_millis(1_764_345_552_250));
        assert_eq!(at.to_string(), "2025-11-28 15:59:12 UTC");
        assert_eq!(
            serde_json::to_value(at).ok(),
            Some("2025-11-28T15:59:12.25Z".into())
        );
        assert_eq!(
            Moment(Timestamp::from_millis(i64::MAX)).to_string(),
            "1970-01-01 00:00:00 UTC"
        );
    }
}
