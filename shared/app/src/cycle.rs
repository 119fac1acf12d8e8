//! One sync cycle: sweep HaloPSA, poll Liongard, requeue orphaned runs and what a changed policy releases.

use std::time::Duration;

use halogard_domain::Timestamp;
use tracing::{info, warn};

use crate::env::Env;
use crate::poll::Scope;
use crate::ports::prelude::*;
use crate::ports::{PortError, keys};
use crate::reconciler::Reconciler;

/// Time between two polls that compare everything instead of changes only.
const FULL_POLL_INTERVAL: Duration = Duration::from_secs(3600);

/// Least time between a poll and the next one that a wake-up causes: everybody who knows the webhook's
/// address can cause wake-ups.
const WAKE_UP_MIN_INTERVAL: Duration = Duration::from_secs(5);

/// How long a wake-up waits when HaloPSA was never swept: by then the next cycle has done it.
const FIRST_SWEEP_PAUSE: Duration = Duration::from_secs(60);

/// What a wake-up led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeUp {
    /// A poll.
    Polled,
    /// Nothing yet; it is worth another try at this time.
    Deferred(Timestamp),
}

/// What a sync cycle did: the number of messages each part queued, `None` where the part failed or did
/// not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CycleReport {
    /// The sweep of HaloPSA's tickets; tickets adopted count as well.
    pub swept: Option<usize>,
    /// The poll of Liongard's alerts.
    pub polled: Option<usize>,
    /// Inspector runs whose message was lost.
    pub orphaned_runs: Option<usize>,
    /// Pairs that a changed policy released.
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

    /// Whether both sides were read to the end.
    #[must_use]
    pub const fn is_complete(self) -> bool {
        self.swept.is_some() && self.polled.is_some()
    }

    /// The number of messages queued.
    #[must_use]
    pub fn queued(self) -> usize {
        self.parts()
            .into_iter()
            .filter_map(|(_, queued)| queued)
            .sum()
    }
}

impl<E: Env> Reconciler<E> {
    /// Reads both sides once. A part that fails is logged, keeps its watermark and stops no other part.
    /// HaloPSA is swept only when a sweep is due.
    pub async fn sync_cycle(&self) -> CycleReport {
        let swept = self.sweep_if_older_than(self.sweep_interval, 0).await;
        if let Err(error) = &swept {
            warn!(%error, "sweep of HaloPSA aborted; the next one resumes it");
        }
        CycleReport {
            swept: swept.ok(),
            polled: match self.poll_if_swept().await {
                Ok(Some(queued)) => Some(queued),
                Ok(None) => {
                    info!("polling starts after the first sweep of HaloPSA");
                    None
                }
                Err(error) => logged("poll", Err(error)),
            },
            orphaned_runs: logged("runs", self.requeue_orphaned_runs().await),
            released: logged("policy", self.requeue_after_policy_change().await),
        }
    }

    /// Polls because a webhook of Liongard says that alerts have changed, unless a poll has just begun.
    ///
    /// # Errors
    ///
    /// See [`poll_alerts`](Self::poll_alerts).
    pub async fn poll_on_wake_up(&self) -> Result<WakeUp, PortError> {
        let now = self.clock.now();
        let last_poll_at = self.store.value(keys::LAST_POLL_AT).await?.unwrap_or(0);
        let due = Timestamp::from_millis(last_poll_at).plus(WAKE_UP_MIN_INTERVAL);
        if now < due {
            return Ok(WakeUp::Deferred(due));
        }
        Ok(match self.poll_if_swept().await? {
            Some(_) => WakeUp::Polled,
            None => WakeUp::Deferred(now.plus(FIRST_SWEEP_PAUSE)),
        })
    }

    /// Polls, once an hour comparing everything; says how many alerts it queued. `None` before the first
    /// sweep of HaloPSA: until then a ticket of ours may exist for an alert that looks new.
    async fn poll_if_swept(&self) -> Result<Option<usize>, PortError> {
        if !self.has_swept().await? {
            return Ok(None);
        }
        let began = self.clock.now();
        self.store
            .set_value(keys::LAST_POLL_AT, began.as_millis())
            .await?;
        let full_poll_at = self
            .store
            .value(keys::LAST_FULL_POLL_AT)
            .await?
            .unwrap_or(0);
        let due = Timestamp::from_millis(full_poll_at).plus(FULL_POLL_INTERVAL);
        if began < due {
            return Ok(Some(self.poll_alerts(Scope::Changed).await?.queued));
        }
        let polled = self.poll_alerts(Scope::All).await?;
        self.store
            .set_value(keys::LAST_FULL_POLL_AT, began.as_millis())
            .await?;
        Ok(Some(polled.queued))
    }
}

/// The count of a part that succeeded; logs a failure.
fn logged(part: &'static str, result: Result<usize, PortError>) -> Option<usize> {
    if let Err(error) = &result {
        warn!(
            kind = part,
            error_type = error.code.as_str(),
            reason = error.chain(),
            "sync cycle aborted"
        );
    }
    result.ok()
}
