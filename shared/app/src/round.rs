//! One round: both sides, orphaned runs, and what a changed policy releases.

use std::time::Duration;

use halogard_domain::Timestamp;
use tracing::warn;

use crate::bundle::{Bundle, Liongard, Store};
use crate::poll::Thoroughness;
use crate::ports::{Clock, PortError, TicketDesk};

/// How often a poll compares everything, not only changes.
const THOROUGH_EVERY: Duration = Duration::from_secs(3600);

/// A wake-up brings the next poll forward, but not closer than this to the last one: the address
/// is known to others.
const WAKE_UP_MIN: Duration = Duration::from_secs(5);

/// The mark that holds when everything was last compared.
const MARK_THOROUGH_AT: &str = "thorough_at";

/// The mark that holds when alerts were last polled.
const MARK_POLLED_AT: &str = "polled_at";

/// What a round came to: of each part how many messages it led to, `None` where it broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// The sweep of HaloPSA's tickets; tickets adopted count as well.
    pub swept: Option<usize>,
    /// The poll of Liongard's alerts.
    pub polled: Option<usize>,
    /// Runs that had lost their watcher.
    pub runs_seen_to: Option<usize>,
    /// What a changed policy released.
    pub released: Option<usize>,
}

impl Round {
    /// Each part, by its name in logs and metrics.
    #[must_use]
    pub const fn parts(self) -> [(&'static str, Option<usize>); 4] {
        [
            ("sweep", self.swept),
            ("poll", self.polled),
            ("runs", self.runs_seen_to),
            ("policy", self.released),
        ]
    }

    /// Whether both sides were read.
    #[must_use]
    pub const fn is_whole(self) -> bool {
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

impl<D: TicketDesk, L: Liongard, S: Store, C: Clock> Bundle<D, L, S, C> {
    /// Looks at both sides once. A part that fails keeps its watermark, is logged, and stops no
    /// other part. HaloPSA is swept when that is due.
    pub async fn round(&self) -> Round {
        let swept = self.sweep_if(self.sweep_interval, 0).await;
        if let Err(error) = &swept {
            warn!(%error, "the sweep of HaloPSA broke off; the next one goes on with it");
        }
        Round {
            swept: swept.ok(),
            polled: ended("poll", self.poll_in_turn().await),
            runs_seen_to: ended("runs", self.watch_orphaned_runs().await),
            released: ended("policy", self.release_after_change().await),
        }
    }

    /// Polls because somebody outside says that it is worth it; says when to come back if alerts
    /// were polled a moment ago.
    ///
    /// # Errors
    ///
    /// See [`poll_alerts`](Self::poll_alerts).
    pub async fn poll_soon(&self) -> Result<Option<Timestamp>, PortError> {
        let polled_at = self.store.mark(MARK_POLLED_AT).await?.unwrap_or(0);
        let due = Timestamp::from_millis(polled_at).plus(WAKE_UP_MIN);
        if self.clock.now() < due {
            return Ok(Some(due));
        }
        self.poll_in_turn().await?;
        Ok(None)
    }

    /// Polls, once in a while comparing everything.
    async fn poll_in_turn(&self) -> Result<usize, PortError> {
        // Until HaloPSA was searched for our own tickets, no alert counts as new.
        if !self.has_swept().await? {
            return Err(PortError::new(
                halogard_domain::FailureClass::Transient,
                "poll.before_sweep",
            ));
        }
        let began = self.clock.now();
        self.store
            .set_mark(MARK_POLLED_AT, began.as_millis())
            .await?;
        let thorough_at = self.store.mark(MARK_THOROUGH_AT).await?.unwrap_or(0);
        let due = Timestamp::from_millis(thorough_at).plus(THOROUGH_EVERY);
        if began < due {
            return Ok(self.poll_alerts(Thoroughness::Changes).await?.queued);
        }
        let polled = self.poll_alerts(Thoroughness::Everything).await?;
        self.store
            .set_mark(MARK_THOROUGH_AT, began.as_millis())
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
            "a round broke off"
        );
    }
    ended.ok()
}
