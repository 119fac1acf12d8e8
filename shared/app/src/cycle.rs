//! One sync cycle: sweep HaloPSA, poll Liongard, requeue orphaned runs and what a changed policy releases.

use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::vendor::Vendor;
use tracing::{debug, info, warn};

use crate::env::Env;
use crate::outcome::{SyncTask, TaskEnd};
use crate::poll::Scope;
use crate::ports::prelude::*;
use crate::ports::{PortError, keys};
use crate::reconcile::ReconcileError;
use crate::reconciler::Reconciler;
use crate::value_set::ValueSet;

/// Time between two polls that compare everything instead of changes only.
const FULL_POLL_INTERVAL: Duration = Duration::from_secs(3600);

/// Minimum time between a poll and the next one that a wake-up causes: anyone who knows the webhook's
/// address can cause wake-ups.
const WAKE_UP_MIN_INTERVAL: Duration = Duration::from_secs(5);

/// How often a wake-up looks whether HaloPSA was swept for the first time.
const FIRST_SWEEP_PAUSE: Duration = Duration::from_secs(60);

/// What a wake-up led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeUp {
    /// A poll.
    Polled,
    /// Nothing: a poll that began later has read what it announced, or another wake-up waits for the next
    /// one.
    Covered,
    /// Nothing yet; it is worth another try at this time.
    Deferred(Timestamp),
}

/// How each part of a sync cycle ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CycleReport {
    /// The sweep of HaloPSA's tickets; tickets adopted count as well.
    pub swept: TaskEnd,
    /// The poll of Liongard's alerts.
    pub polled: TaskEnd,
    /// Inspector runs whose message was lost.
    pub orphaned_runs: TaskEnd,
    /// Pairs that a changed policy released.
    pub released: TaskEnd,
    /// Discarding the dead letters of pairs that are in sync.
    pub dead_letters: TaskEnd,
    /// Deleting what is older than its age.
    pub pruned: TaskEnd,
}

impl CycleReport {
    /// Each part, and how it ended.
    #[must_use]
    pub const fn parts(self) -> [(SyncTask, TaskEnd); 6] {
        [
            (SyncTask::Sweep, self.swept),
            (SyncTask::Poll, self.polled),
            (SyncTask::Runs, self.orphaned_runs),
            (SyncTask::Policy, self.released),
            (SyncTask::DeadLetters, self.dead_letters),
            (SyncTask::Prune, self.pruned),
        ]
    }

    /// Whether both sides were read as far as this cycle was to read them. A sweep that is not due, or
    /// that leaves a long range until it has settled, needs no repetition.
    #[must_use]
    pub const fn is_complete(self) -> bool {
        let swept = match self.swept {
            TaskEnd::Complete(_) | TaskEnd::Partial(_) | TaskEnd::Skipped | TaskEnd::Paused => true,
            TaskEnd::Failed(_) => false,
        };
        swept && (self.polled.is_complete() || matches!(self.polled, TaskEnd::Paused))
    }

    /// The number of messages queued.
    #[must_use]
    pub fn queued(self) -> usize {
        self.parts().into_iter().map(|(_, end)| end.queued()).sum()
    }
}

impl<E: Env> Reconciler<E> {
    /// Reads both sides once. A part that fails is logged, keeps its watermark and stops no other part.
    /// HaloPSA is swept only when a sweep is due.
    pub async fn sync_cycle(&self) -> CycleReport {
        let began = self.clock.now();
        // Large, like a poll: both hold what they compare.
        let swept = Box::pin(self.sweep_unless_paused()).await;
        // Read once for all parts that follow.
        let mut values = ValueSet::load(&self.store).await;
        let polled = match &mut values {
            Ok(values) => self.poll_unless_paused(values).await,
            Err(error) => Err(error.clone()),
        };
        let of_halopsa = match &swept {
            Ok(TaskEnd::Skipped | TaskEnd::Paused) => None,
            Err(ReconcileError::Port(error)) => Some(Err(error)),
            _ => Some(Ok(())),
        };
        let of_liongard = match &polled {
            Ok(TaskEnd::Complete(_)) => Some(Ok(())),
            Err(error) => Some(Err(error)),
            Ok(_) => None,
        };
        self.observe_contacts(&[
            (Vendor::HaloPsa, of_halopsa),
            (Vendor::Liongard, of_liongard),
        ])
        .await;
        if let Ok(values) = &mut values
            && values.get(keys::LAST_COMPLETE_CYCLE_AT).is_some()
        {
            self.look_around(values).await;
        }
        let orphaned_runs = ended(SyncTask::Runs, self.requeue_orphaned_runs().await);
        let (released, dead_letters, pruned) = match &mut values {
            Ok(values) => (
                ended(
                    SyncTask::Policy,
                    self.requeue_after_policy_change(values).await,
                ),
                self.discard_mended_dead_letters(values)
                    .await
                    .unwrap_or_else(|error| ended(SyncTask::DeadLetters, Err(error))),
                self.prune_expired(values)
                    .await
                    .unwrap_or_else(|error| ended(SyncTask::Prune, Err(error))),
            ),
            Err(error) => {
                let failed = TaskEnd::Failed(error.code);
                (failed, failed, failed)
            }
        };
        let report = CycleReport {
            swept: swept.unwrap_or_else(|error| {
                warn!(%error, "sweep of HaloPSA aborted; the next one resumes it");
                TaskEnd::Failed(error.code())
            }),
            polled: polled.unwrap_or_else(|error| ended(SyncTask::Poll, Err(error))),
            orphaned_runs,
            released,
            dead_letters,
            pruned,
        };
        if let Ok(mut values) = values {
            if report.is_complete() {
                values.set(keys::LAST_COMPLETE_CYCLE_AT, began.as_millis());
            }
            if let Err(error) = values.save(&self.store).await {
                warn!(%error, "what a sync cycle has done could not be recorded; the next one repeats it");
            }
        }
        report
    }

    /// Notes what people want to know and no ticket waits for: the version that runs, and the dialect of both
    /// vendors. The first cycle of a store leaves it to the second one.
    async fn look_around(&self, values: &mut ValueSet) {
        self.record_version().await;
        if let Err(error) = self.probe_if_due(values).await {
            debug!(%error, "the dialect of both vendors could not be probed");
        }
    }

    /// Sweeps if a sweep is due and none of it is paused. The store is in use all the same.
    async fn sweep_unless_paused(&self) -> Result<TaskEnd, ReconcileError> {
        if self.is_paused(Vendor::HaloPsa).await? {
            self.observe_cycle().await?;
            return Ok(TaskEnd::Paused);
        }
        self.sweep_if_due().await
    }

    /// Polls unless that is paused, or HaloPSA was never swept.
    async fn poll_unless_paused(&self, values: &mut ValueSet) -> Result<TaskEnd, PortError> {
        if self.is_paused(Vendor::Liongard).await? {
            return Ok(TaskEnd::Paused);
        }
        let polled = self.poll_if_swept(values).await?;
        if polled.is_none() {
            info!("polling starts after the first sweep of HaloPSA");
        }
        Ok(polled.map_or(TaskEnd::Skipped, TaskEnd::Complete))
    }

    /// Sweeps if the last sweep is old, or if one is needed to know whether the store is complete.
    async fn sweep_if_due(&self) -> Result<TaskEnd, ReconcileError> {
        let continuity = self.observe_cycle().await?;
        let now = self.clock.now();
        let interval = match continuity.value.sweep_needed_from() {
            Some(from) if from <= now => self.sweep_interval.min(now.since(from)),
            _ => self.sweep_interval,
        };
        match self.cursor_if_older_than(interval).await? {
            Some(cursor) => self.sweep_from(cursor, continuity, 0).await,
            None => Ok(TaskEnd::Skipped),
        }
    }

    /// Polls because a webhook of Liongard, received at `woken_at`, says that alerts have changed.
    ///
    /// However many wake-ups come, one of them waits at a time: a poll that begins later than a wake-up
    /// reads everything that it announced.
    ///
    /// # Errors
    ///
    /// See [`poll_alerts`](Self::poll_alerts).
    pub async fn poll_on_wake_up(&self, woken_at: Timestamp) -> Result<WakeUp, PortError> {
        let now = self.clock.now();
        let mut values = ValueSet::load(&self.store).await?;
        if values
            .past_time(keys::LAST_COMPLETE_POLL_AT, now)
            .is_some_and(|began| began >= woken_at)
        {
            return Ok(WakeUp::Covered);
        }
        let last_poll_at = values.past_time(keys::LAST_POLL_AT, now);
        let due = last_poll_at.unwrap_or_default().plus(WAKE_UP_MIN_INTERVAL);
        if now < due {
            return self.wait_for_poll(due, &mut values).await;
        }
        if !self.is_paused(Vendor::Liongard).await? {
            let polled = self.poll_if_swept(&mut values).await;
            values.save(&self.store).await?;
            if polled?.is_some() {
                return Ok(WakeUp::Polled);
            }
        }
        self.wait_for_poll(next_first_sweep_check(now), &mut values)
            .await
    }

    /// Waits until `due`, unless another wake-up does. Each `due` belongs to one last poll: what waits for
    /// it was received before the next.
    async fn wait_for_poll(
        &self,
        due: Timestamp,
        values: &mut ValueSet,
    ) -> Result<WakeUp, PortError> {
        if values.get(keys::WAKE_UP_WAITS_UNTIL) == Some(due.as_millis()) {
            return Ok(WakeUp::Covered);
        }
        values.set(keys::WAKE_UP_WAITS_UNTIL, due.as_millis());
        values.save(&self.store).await?;
        Ok(WakeUp::Deferred(due))
    }

    /// Polls, once an hour comparing everything; says how many alerts it queued. `None` before the first
    /// sweep of HaloPSA: until then a ticket of ours may exist for an alert that looks new. What it changes
    /// in `values` at its end is left to the caller to save.
    async fn poll_if_swept(&self, values: &mut ValueSet) -> Result<Option<usize>, PortError> {
        if !self.has_swept().await? {
            return Ok(None);
        }
        self.begin_customers().await?;
        let began = self.clock.now();
        if values.get(keys::LAST_COMPLETE_POLL_AT).is_none() {
            values.set(keys::FIRST_POLL_AT, began.as_millis());
        }
        values.set(keys::LAST_POLL_AT, began.as_millis());
        let last = values.get(keys::LAST_FULL_POLL_AT).unwrap_or(0);
        let last = Timestamp::from_millis(last);
        let scope = if began.is_within(FULL_POLL_INTERVAL, last) {
            Scope::Changed
        } else {
            Scope::All
        };
        // Set before it begins: a poll that does not end must not make every following one as long.
        if scope == Scope::All {
            values.set(keys::LAST_FULL_POLL_AT, began.as_millis());
        }
        values.save(&self.store).await?;
        let polled = self.poll_with(scope, values).await?;
        values.set(keys::LAST_COMPLETE_POLL_AT, began.as_millis());
        Ok(Some(polled.queued))
    }
}

/// The next of the times at which wake-ups look for the first sweep: the same for all of them.
fn next_first_sweep_check(now: Timestamp) -> Timestamp {
    let pause = i64::try_from(FIRST_SWEEP_PAUSE.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis((now.as_millis().div_euclid(pause) + 1).saturating_mul(pause))
}

/// How a part ended; logs a failure.
fn ended(task: SyncTask, result: Result<usize, PortError>) -> TaskEnd {
    result.map_or_else(
        |error| {
            warn!(
                kind = task.as_str(),
                error_type = error.code.as_str(),
                reason = error.chain(),
                "a task of the sync cycle failed"
            );
            TaskEnd::Failed(error.code)
        },
        TaskEnd::Complete,
    )
}
