//! One round: both sides, orphaned runs, and what a changed policy releases.

use std::time::Duration;

use halogard_domain::Timestamp;
use tracing::warn;

use crate::env::Env;
use crate::poll::Scope;
use crate::ports::PortError;
use crate::ports::prelude::*;
use crate::reconciler::Reconciler;

/// How often a poll compares everything, not only changes.
const FULL_POLL_INTERVAL: Duration = Duration::from_secs(3600);

/// A wake-up brings the next poll forward, but not closer than this to the last one: the address
/// is known to others.
const WAKE_UP_MIN_INTERVAL: Duration = Duration::from_secs(5);

/// The mark that holds when everything was last compared.
const LAST_FULL_POLL_AT: &str = "last_full_poll_at";

/// The mark that holds when alerts were last polled.
const LAST_POLL_AT: &str = "last_poll_at";

/// What a round came to: of each part how many messages it led to, `None` where it broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CycleReport {
    /// The sweep of HaloPSA's tickets; tickets adopted count as well.
    pub swept: Option<usize>,
    /// The poll of Liongard's alerts.
    pub polled: Option<usize>,
    /// Runs that had lost their watcher.
    pub orphaned_runs: Option<usize>,
    /// What a changed policy released.
    pub released: Option<usize>,
}

impl CycleReport {
    /// Each part, by its name in logs and metrics.
    #[must_use]
    pub const fn parts(self) -> [(&'static str, Option<usize>); 4] {
        [
            ("sweep", self.swept),
            ("poll", self.polled),
            ("runs", self.orphaned_runs),
            ("policy", self.released),
        ]
    }

    /// Whether both sides were read.
    #[must_use]
    pub const fn is_complete(self) -> bool {
        self.swept.is_some() && self.polled.is_some()
    }

    /// Messages it led to.
    #[must_use]
    pub fn queued(self) -> usize {
        self.parts()
            .into_iter()
            .filter_map(|(_, queued)| queued)
            .sum()
    }
}

impl<E: Env> Reconciler<E> {
    /// Looks at both sides once. A part that fails keeps its watermark, is logged, and stops no
    /// other part. HaloPSA is swept when that is due.
    pub async fn sync_cycle(&self) -> CycleReport {
        let swept = self.sweep_if_older_than(self.sweep_interval, 0).await;
        if let Err(error) = &swept {
            warn!(%error, "sweep of HaloPSA aborted; the next one resumes it");
        }
        CycleReport {
            swept: swept.ok(),
            polled: ended("poll", self.poll_if_ready().await),
            orphaned_runs: ended("runs", self.requeue_orphaned_runs().await),
            released: ended("policy", self.requeue_after_policy_change().await),
        }
    }

    /// Polls because somebody outside says that it is worth it; says when to come back if alerts
    /// were polled a moment ago.
    ///
    /// # Errors
    ///
    /// See [`poll_alerts`](Self::poll_alerts).
    pub async fn poll_on_wake_up(&self) -> Result<Option<Timestamp>, PortError> {
        let polled_at = self.store.value(LAST_POLL_AT).await?.unwrap_or(0);
        let due = Timestamp::from_millis(polled_at).plus(WAKE_UP_MIN_INTERVAL);
        if self.clock.now() < due {
            return Ok(Some(due));
        }
        self.poll_if_ready().await?;
        Ok(None)
    }

    /// Polls, once in a while comparing everything.
    async fn poll_if_ready(&self) -> Result<usize, PortError> {
        // Until HaloPSA was searched for our own tickets, no alert counts as new.
        if !self.has_swept().await? {
            return Err(PortError::new(
                halogard_domain::FailureClass::Transient,
                "poll.before_sweep",
            ));
        }
        let began = self.clock.now();
        self.store
            .set_value(LAST_POLL_AT, began.as_millis())
            .await?;
        let last_full_poll_at = self.store.value(LAST_FULL_POLL_AT).await?.unwrap_or(0);
        let due = Timestamp::from_millis(last_full_poll_at).plus(FULL_POLL_INTERVAL);
        if began < due {
            return Ok(self.poll_alerts(Scope::Changed).await?.queued);
        }
        let polled = self.poll_alerts(Scope::All).await?;
        self.store
            .set_value(LAST_FULL_POLL_AT, began.as_millis())
            .await?;
        Ok(polled.queued)
    }
}

/// How a part ended; says what went wrong where it broke off.
fn ended(kind: &'static str, ended: Result<usize, PortError>) -> Option<usize> {
    if let Err(error) = &ended {
        warn!(
            kind,
            error_type = error.error_type,
            reason = error.chain(),
            "sync cycle aborted"
        );
    }
    ended.ok()
}
