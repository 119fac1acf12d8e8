//! Rights that one worker at a time may hold.

use std::future::Future;

use halogard_domain::Timestamp;

use super::PortError;

/// Rights that one holder at a time has, for a while. Whoever dies with one loses it when its time is
/// up.
pub trait Leases: Send + Sync {
    /// Takes the right `name` for `holder` until `until`, unless somebody else has it. Taking it
    /// again moves its end.
    fn acquire_lease(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
    ) -> impl Future<Output = Result<LeaseOutcome, PortError>> + Send;

    /// Gives the right `name` back. Does nothing when `holder` no longer has it.
    fn release_lease(
        &self,
        name: &str,
        holder: &str,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Whose the right is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// Ours.
    Acquired,
    /// Somebody else's, for so long at the most.
    HeldByOther {
        /// When it runs out.
        until: Timestamp,
    },
}
