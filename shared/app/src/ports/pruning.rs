//! Deleting what is older than its age.

use std::future::Future;

use halogard_domain::{Retention, Timestamp};

use super::PortError;

/// Deletes what is older than its age.
pub trait Pruning: Send + Sync {
    /// From now on records are kept for as long as `retention` says. A store starts with the default.
    fn set_retention(&self, retention: Retention);

    /// Deletes records that have expired at `now`, at most `limit` of each kind; returns how many. A store
    /// that deletes by itself returns 0. Holds the store for a moment only.
    fn prune(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<usize, PortError>> + Send;
}
