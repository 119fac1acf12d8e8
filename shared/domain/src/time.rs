//! A point in time. It is always passed as an argument; the domain never reads a clock.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A reported or stored time that is further in the future than this is wrong: more than correct clocks
/// differ.
pub const CLOCK_AHEAD_MAX: Duration = Duration::from_secs(60);

/// Milliseconds since 1970-01-01T00:00:00Z.
///
/// No vendor reports more precise times that matter. A plain number needs no calendar and
/// serialises the same everywhere.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The point `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This point plus `by`. Saturates instead of wrapping.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// This point minus `by`. Saturates instead of wrapping.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// Whether `past` lies at most `span` before this point. A time in the future is ignored, and so not
    /// recent: it was written under a wrong clock.
    #[must_use]
    pub fn is_within(self, span: Duration, past: Self) -> bool {
        past <= self.plus(CLOCK_AHEAD_MAX) && self.since(past) < span
    }

    /// This point as far as it can be believed at `now`: a time in the future, beyond what clocks differ,
    /// is ignored, and counts as `now`.
    #[must_use]
    pub fn believed_at(self, now: Self) -> Self {
        if self > now.plus(CLOCK_AHEAD_MAX) {
            now
        } else {
            self
        }
    }

    /// The time from `earlier` to this point; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// When a plan is made, and since when what it needs to know has been asked for.
///
/// A read ages while it is under way. Counted by its age alone, the answer of a slow service desk would be
/// too old when it arrives, each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanTime {
    /// Our clock.
    pub now: Timestamp,
    /// When the plan before this one was made, or the reconciliation began: the reads that this plan relies on
    /// were asked for then.
    pub asked_at: Timestamp,
}

impl PlanTime {
    /// Whether what was true at `as_of` may be relied on: it is not older than `age`, or it was read since it
    /// was asked for, however long that took.
    #[must_use]
    pub fn is_fresh(self, as_of: Timestamp, age: Duration) -> bool {
        let is_possible = as_of <= self.now.plus(CLOCK_AHEAD_MAX);
        is_possible && (as_of >= self.asked_at || self.now.since(as_of) <= age)
    }
}

/// A plan for which nothing was asked.
impl From<Timestamp> for PlanTime {
    fn from(now: Timestamp) -> Self {
        Self { now, asked_at: now }
    }
}

/// A reading of a clock that no one sets. Readings of the same `source` can be compared, by whichever
/// process they were made; between two sources nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SteadyTime {
    /// Identifies the clock, such as one start of a machine.
    pub source: u64,
    /// What it shows. Only differences mean anything.
    pub at: Timestamp,
}

/// What our clock and the service desk's show at one moment. Either may be wrong: a time is believed only
/// as far as both allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BothClocks {
    /// Our clock.
    pub ours: Timestamp,
    /// The service desk's, where it says so.
    pub theirs: Option<Timestamp>,
}

impl BothClocks {
    /// Our clock alone, where the service desk does not report its own.
    #[must_use]
    pub const fn ours_alone(ours: Timestamp) -> Self {
        Self { ours, theirs: None }
    }

    /// The clock by which the service desk writes its times, as far as is known.
    #[must_use]
    pub fn of_the_desk(self) -> Timestamp {
        self.theirs.unwrap_or(self.ours)
    }

    /// How far the service desk's clock is ahead of ours, in milliseconds; `None` where it does not say.
    #[must_use]
    pub fn desk_ahead_ms(self) -> Option<i64> {
        let theirs = self.theirs?;
        Some(theirs.as_millis().saturating_sub(self.ours.as_millis()))
    }

    /// The earlier of the two.
    #[must_use]
    pub fn earlier(self) -> Timestamp {
        self.ours.min(self.of_the_desk())
    }

    /// The latest time that lies in the future by neither clock.
    #[must_use]
    pub fn latest_for_both(self) -> Timestamp {
        self.earlier().plus(CLOCK_AHEAD_MAX)
    }

    /// The latest time that lies in the future by one clock at most. A later one is wrong.
    #[must_use]
    pub fn latest_for_either(self) -> Timestamp {
        self.ours.max(self.of_the_desk()).plus(CLOCK_AHEAD_MAX)
    }
}

/// RFC 3339 in UTC, to the millisecond: `2026-11-28T15:59:12.250Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY_MS: i64 = 86_400_000;
        let (year, month, day) = civil_date(self.0.div_euclid(DAY_MS));
        let millis = self.0.rem_euclid(DAY_MS);
        let (hour, minute, second) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
            millis % 1000
        )
    }
}

/// Year, month and day of the day `days` after 1970-01-01 in the proleptic Gregorian calendar. Years begin in
/// March here, so that the day that leap years add is the last one of a year; 400 years are one era.
const fn civil_date(days: i64) -> (i64, i64, i64) {
    /// From 0000-03-01 to 1970-01-01.
    const EPOCH: i64 = 719_468;
    const ERA: i64 = 146_097;
    let days = days + EPOCH;
    let day_of_era = days.rem_euclid(ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_based = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_based + 2) / 5 + 1;
    let month = if march_based < 10 {
        march_based + 3
    } else {
        march_based - 9
    };
    let year = year_of_era + days.div_euclid(ERA) * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_as_rfc_3339() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_764_345_552_250, "2025-11-28T15:59:12.250Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_millis(millis).to_string(), text);
        }
        // No time of a store or a vendor makes it panic.
        for millis in [i64::MIN, i64::MAX] {
            assert!(Timestamp::from_millis(millis).to_string().ends_with('Z'));
        }
    }

    /// Every day of 800 years follows the one before.
    #[test]
    fn days_follow_each_other() {
        let lengths = |year: i64| {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let february = if leap { 29 } else { 28 };
            [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        };
        let mut expected = (1970, 1, 1);
        for days in 0..292_194 {
            assert_eq!(civil_date(days), expected);
            let (year, month, day) = expected;
            let last = lengths(year)[usize::try_from(month - 1).unwrap_or_default()];
            expected = match (month, day == last) {
                (_, false) => (year, month, day + 1),
                (12, true) => (year + 1, 1, 1),
                (_, true) => (year, month + 1, 1),
            };
        }
    }
}
