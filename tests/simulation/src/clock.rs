//! The clock of one machine of the bundle.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use halogard_app::budget::Sleep;
use halogard_app::ports::Clock;
use halogard_domain::Timestamp;
use halogard_domain::time::SteadyTime;

use crate::scheduler::Scheduler;

/// The true time, off by what the machine's clock is off. Clones share the machine.
#[derive(Clone)]
pub struct MachineClock {
    scheduler: Scheduler,
    ahead_ms: Arc<AtomicI64>,
}

impl MachineClock {
    /// A clock that is ahead of the true time by this many milliseconds, or behind.
    #[must_use]
    pub fn new(scheduler: Scheduler, ahead_ms: i64) -> Self {
        Self {
            scheduler,
            ahead_ms: Arc::new(AtomicI64::new(ahead_ms)),
        }
    }

    /// Sets the clock.
    pub fn set_ahead(&self, ahead_ms: i64) {
        self.ahead_ms.store(ahead_ms, Ordering::SeqCst);
    }

    /// The scheduler behind it.
    #[must_use]
    pub const fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }
}

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.scheduler.now() + self.ahead_ms.load(Ordering::SeqCst))
    }

    fn steady(&self) -> SteadyTime {
        SteadyTime {
            source: 1,
            at: Timestamp::from_millis(self.scheduler.now()),
        }
    }
}

impl Sleep for MachineClock {
    async fn sleep(&self, pause: Duration) {
        self.scheduler.pause(pause).await;
    }
}
