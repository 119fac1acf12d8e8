//! Leases: exclusive for one holder at a time.

use std::future::Future;
use std::time::Duration;

use halogard_domain::Timestamp;

use super::PortError;

/// No lease lasts longer. One that would expire later was acquired under a clock that was ahead, and counts
/// as expired.
pub const LEASE_MAX: Duration = Duration::from_secs(900);

/// Exclusive leases with an expiry. The lease of a holder that dies expires.
pub trait Leases: Send + Sync {
    /// Acquires the lease `name` for `holder` until `until`, unless another holder has it. Acquiring it
    /// again renews it.
    fn acquire_lease(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
    ) -> impl Future<Output = Result<LeaseOutcome, PortError>> + Send;

    /// Releases the lease `name`. Does nothing when `holder` no longer has it.
    fn release_lease(
        &self,
        name: &str,
        holder: &str,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// What an attempt to acquire a lease led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// The holder has it.
    Acquired,
    /// Another holder has it.
    HeldByOther {
        /// When it expires at the latest.
        until: Timestamp,
    },
}
