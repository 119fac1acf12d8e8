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

    /// Whether `past` lies at most `span` before this point. A time in the future is none, and so not
    /// recent: it was written under a wrong clock.
    #[must_use]
    pub fn is_within(self, span: Duration, past: Self) -> bool {
        past <= self.plus(CLOCK_AHEAD_MAX) && self.since(past) < span
    }

    /// This point as far as it can be believed at `now`: a time in the future, beyond what clocks differ,
    /// is none, and counts as `now`.
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

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}
