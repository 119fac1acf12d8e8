//! The one clock of a scenario.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use halogard_app::budget::Sleep;
use halogard_app::ports::Clock;
use halogard_domain::Timestamp;
use halogard_simulator::{ManualClock, SimClock};

/// The simulators' clock, as the bundle's clock. Clones share the time.
#[derive(Clone, Debug)]
pub struct ScenarioClock(ManualClock);

impl ScenarioClock {
    /// 2026-05-04T08:00:00Z, a Monday morning.
    pub const BEGIN: Timestamp = Timestamp::from_millis(1_777_881_600_000);

    /// A clock that shows [`ScenarioClock::BEGIN`].
    #[must_use]
    pub fn new() -> Self {
        Self(ManualClock::at_millis(Self::BEGIN.as_millis()))
    }

    /// The simulators' side of the clock.
    #[must_use]
    pub fn sim_clock(&self) -> ManualClock {
        self.0.clone()
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.0.advance(by);
    }

    /// Moves on to `at`; stays where it is when that is past.
    pub fn advance_to(&self, at: Timestamp) {
        self.0.advance(at.since(self.now()));
    }
}

/// The clock of a vendor, off by what it was set. Clones share it.
#[derive(Clone, Debug)]
pub struct OffsetClock {
    right: ManualClock,
    ahead_ms: Arc<AtomicI64>,
}

impl OffsetClock {
    /// A clock that is ahead of `right` by this many milliseconds, or behind.
    #[must_use]
    pub fn new(right: ManualClock, ahead_ms: i64) -> Self {
        Self {
            right,
            ahead_ms: Arc::new(AtomicI64::new(ahead_ms)),
        }
    }

    /// Sets the clock.
    pub fn set_ahead(&self, ahead_ms: i64) {
        self.ahead_ms.store(ahead_ms, Ordering::SeqCst);
    }
}

impl SimClock for OffsetClock {
    fn now_millis(&self) -> i64 {
        self.right.now_millis() + self.ahead_ms.load(Ordering::SeqCst)
    }
}

impl Default for ScenarioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ScenarioClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now_millis())
    }
}

impl Sleep for ScenarioClock {
    /// Advances the shared time: every other task that waits sees the new time as well.
    async fn sleep(&self, pause: Duration) {
        self.advance(pause);
    }
}
