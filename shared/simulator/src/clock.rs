//! The time as the simulated vendors see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// Where a simulated vendor takes the time from.
///
/// Everything that depends on time (token life, rolling windows, runs, webhook delays) goes by
/// this clock, so that a day passes as fast as the harness likes.
pub trait SimClock: Send + Sync {
    /// Milliseconds since the Unix epoch, in UTC.
    fn now_millis(&self) -> i64;
}

impl<C: SimClock + ?Sized> SimClock for Arc<C> {
    fn now_millis(&self) -> i64 {
        (**self).now_millis()
    }
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSimClock;

impl SimClock for SystemSimClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock; everything else asks it"
    )]
    fn now_millis(&self) -> i64 {
        std::time::SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, whole_millis)
    }
}

/// A clock that moves only when it is set. Clones share one time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows `millis` since the Unix epoch.
    #[must_use]
    pub fn at_millis(millis: i64) -> Self {
        Self(Arc::new(AtomicI64::new(millis)))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(whole_millis(by), Ordering::SeqCst);
    }

    /// Sets the clock to `millis`, forward or back.
    pub fn set_millis(&self, millis: i64) {
        self.0.store(millis, Ordering::SeqCst);
    }
}

impl SimClock for ManualClock {
    fn now_millis(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A duration in whole milliseconds, at most what a clock can hold.
pub(crate) fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
