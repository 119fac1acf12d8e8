//! Deleting what is older than its age, and alerts whose link may have been deleted.

use std::time::Duration;

use halogard_domain::policy::Mode;
use halogard_domain::time::CLOCK_AHEAD_MAX;
use halogard_domain::{Alert, Policy, Retention, Timestamp};
use tracing::{debug, info};

use crate::env::Env;
use crate::outcome::TaskEnd;
use crate::ports::prelude::*;
use crate::ports::{PortError, keys};
use crate::reconciler::Reconciler;
use crate::value_set::ValueSet;

/// Time between two rounds of deleting.
const PRUNE_INTERVAL: Duration = Duration::from_secs(3600);

/// Records of one kind that are deleted in one transaction.
const PRUNED_AT_ONCE: usize = 200;

/// Transactions in one sync cycle. What is left is deleted in the next one.
const TRANSACTIONS_MAX: usize = 50;

impl<E: Env> Reconciler<E> {
    /// Deletes what is older than its age, once an hour. Deletes nothing while our clock is ahead of
    /// HaloPSA's, or HaloPSA's is not known: what is deleted does not come back. A store that is new has
    /// nothing to delete; its hour begins.
    ///
    /// # Errors
    ///
    /// A store failed; safe to repeat.
    pub(crate) async fn prune_expired(&self, values: &mut ValueSet) -> Result<TaskEnd, PortError> {
        let now = self.clock.now();
        if values.get(keys::PRUNED_AT).is_none() {
            values.set(keys::PRUNED_AT, now.as_millis());
        }
        let pruned_at = values.past_time(keys::PRUNED_AT, now);
        if now.since(pruned_at.unwrap_or_default()) < PRUNE_INTERVAL {
            return Ok(TaskEnd::Skipped);
        }
        let theirs = self.desk.desk_time();
        if theirs.is_none_or(|theirs| now > theirs.plus(CLOCK_AHEAD_MAX)) {
            debug!("nothing is deleted: HaloPSA's clock does not confirm ours");
            return Ok(TaskEnd::Skipped);
        }
        // This may take long.
        values.save(&self.store).await?;
        let mut deleted = 0;
        for _ in 0..TRANSACTIONS_MAX {
            match self.store.prune(now, PRUNED_AT_ONCE).await? {
                0 => {
                    values.set(keys::PRUNED_AT, now.as_millis());
                    break;
                }
                records => deleted += records,
            }
        }
        if deleted > 0 {
            info!(deleted, "records older than their age deleted");
        }
        Ok(TaskEnd::Complete(0))
    }

    /// Whether `alert`, which has no link, may have had one that expired: it is older than the shortest
    /// age, and so is the use of this store.
    pub(crate) async fn may_have_expired(
        &self,
        alert: &Alert,
        policy: &Policy,
    ) -> Result<bool, PortError> {
        let born_before = self.clock.now().minus(Retention::LINKS_MIN);
        if policy.mode != Mode::Managed || alert.raised_at > born_before {
            return Ok(false);
        }
        let first = self.store.value(keys::FIRST_POLL_AT).await?;
        Ok(first.is_some_and(|first| Timestamp::from_millis(first) <= born_before))
    }
}
