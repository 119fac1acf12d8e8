//! What a vendor shows of the facts that its documents leave open.

use std::future::Future;

use halogard_domain::dialect::{DialectReport, ProbeFindings};

/// Probes a vendor by a short list of harmless reads.
pub trait DialectProbe: Send + Sync {
    /// Every uncertain fact about this vendor, and what the tenant shows of it. Never fails: what cannot be read
    /// stays unknown. Safe to repeat; about two dozen requests.
    fn probe(&self) -> impl Future<Output = ProbeFindings> + Send;

    /// Which build of the vendor's software answers, where it says so.
    fn build(&self) -> impl Future<Output = Option<String>> + Send;

    /// Chooses between equivalent ways of asking by what a probe found. Each way is right whatever the tenant does,
    /// also when the report is out of date.
    fn follow(&self, report: &DialectReport);
}
