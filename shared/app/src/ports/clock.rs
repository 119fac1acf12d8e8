//! The time, as an argument.

use halogard_domain::Timestamp;
use halogard_domain::time::SteadyTime;

/// Returns the time. The only source of "now".
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;

    /// The current time by a clock that no step of the wall clock moves; by default, and on platforms that
    /// keep the clocks of all their machines right, the wall clock itself.
    fn steady(&self) -> SteadyTime {
        SteadyTime {
            source: 0,
            at: self.now(),
        }
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn steady(&self) -> SteadyTime {
        (**self).steady()
    }
}
