//! Leases: exclusive for one holder at a time.

use std::future::Future;

use halogard_domain::Timestamp;

use super::PortError;

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
