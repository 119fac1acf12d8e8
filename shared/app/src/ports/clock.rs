//! The time, as an argument.

use halogard_domain::Timestamp;

/// Says what time it is. The only source of "now" in the bundle.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}
