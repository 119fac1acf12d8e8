//! What a vendor shows of the facts that its documents leave open.

use std::future::Future;

use halogard_domain::dialect::FactReading;

/// Looks at a vendor by a short list of harmless reads.
pub trait DialectProbe: Send + Sync {
    /// Every uncertain fact about this vendor, and what the tenant shows of it. Never fails: what cannot be read
    /// stays unknown. Safe to repeat; about two dozen requests.
    fn probe(&self) -> impl Future<Output = Vec<FactReading>> + Send;
}
