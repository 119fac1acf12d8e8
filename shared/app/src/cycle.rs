//! One sync cycle: sweep HaloPSA, poll Liongard, requeue orphaned runs and what a changed policy releases.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::contact::{VendorContact, VendorName};
use halogard_domain::time::CLOCK_AHEAD_MAX;
use tracing::{debug, info, warn};

use crate::env::Env;
use crate::outcome::{SyncTask, TaskEnd};
use crate::poll::Scope;
use crate::ports::prelude::*;
use crate::ports::{ErrorCode, PortError, SaveError, keys};
use crate::reconcile::ReconcileError;
use crate::reconciler::Reconciler;

/// Time between two polls that compare everything instead of changes only.
const FULL_POLL_INTERVAL: Duration = Duration::from_secs(3600);

/// Least time between a poll and the next one that a wake-up causes: everybody who knows the webhook's
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
    /// Discarding the dead letters of mended pairs.
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
        self.note_version().await;
        let swept = self.sweep_unless_paused().await;
        match &swept {
            Ok(TaskEnd::Skipped | TaskEnd::Paused) => {}
            Err(ReconcileError::Port(error)) => {
                self.observe_contact(VendorName::HaloPsa, Err(error)).await;
            }
            _ => self.observe_contact(VendorName::HaloPsa, Ok(())).await,
        }
        let polled = self.poll_unless_paused().await;
        match &polled {
            Ok(TaskEnd::Complete(_)) => self.observe_contact(VendorName::Liongard, Ok(())).await,
            Err(error) => {
                self.observe_contact(VendorName::Liongard, Err(error)).await;
            }
            Ok(_) => {}
        }
        if let Err(error) = self.probe_if_due().await {
            debug!(%error, "the dialect of both vendors could not be looked at");
        }
        CycleReport {
            swept: swept.unwrap_or_else(|error| {
                warn!(%error, "sweep of HaloPSA aborted; the next one resumes it");
                TaskEnd::Failed(error.code())
            }),
            polled: polled.unwrap_or_else(|error| ended(SyncTask::Poll, Err(error))),
            orphaned_runs: ended(SyncTask::Runs, self.requeue_orphaned_runs().await),
            released: ended(SyncTask::Policy, self.requeue_after_policy_change().await),
            dead_letters: self
                .discard_mended_dead_letters()
                .await
                .unwrap_or_else(|error| ended(SyncTask::DeadLetters, Err(error))),
            pruned: self
                .prune_expired()
                .await
                .unwrap_or_else(|error| ended(SyncTask::Prune, Err(error))),
        }
    }

    /// Records whether `vendor` answers, when that has changed. A failure that is not the vendor's says
    /// nothing about it.
    async fn observe_contact(&self, vendor: VendorName, answer: Result<(), &PortError>) {
        if answer.is_err_and(|error| !is_failure_of(vendor, error.code)) {
            return;
        }
        let news = answer.err().map(|error| error.code);
        if self.contacts.lock_known().get(&vendor) == Some(&news) {
            return;
        }
        match self.save_contact(vendor, answer).await {
            Ok(()) => {
                self.contacts.lock_known().insert(vendor, news);
            }
            // The next cycle records it.
            Err(error) => debug!(%error, "whether a vendor answers could not be recorded"),
        }
    }

    /// Saves whether `vendor` answers, unless the store knows it.
    async fn save_contact(
        &self,
        vendor: VendorName,
        answer: Result<(), &PortError>,
    ) -> Result<(), SaveError> {
        let stored = self.store.load_record::<VendorContact>(&vendor).await?;
        let mut contact = stored.value.clone();
        let now = self.clock.now();
        match answer {
            Ok(()) => contact.observe_answer(now),
            Err(error) => contact.observe_failure(now, error.code.as_str(), &error.chain()),
        }
        if contact == stored.value {
            return Ok(());
        }
        let saved = self
            .store
            .save_record(&vendor, &contact, stored.revision)
            .await;
        saved.map(drop)
    }

    /// Sweeps if a sweep is due and none of it is paused. The store is in use all the same.
    async fn sweep_unless_paused(&self) -> Result<TaskEnd, ReconcileError> {
        if self.is_paused(VendorName::HaloPsa).await? {
            self.observe_cycle().await?;
            return Ok(TaskEnd::Paused);
        }
        self.sweep_if_due().await
    }

    /// Polls unless that is paused, or HaloPSA was never swept.
    async fn poll_unless_paused(&self) -> Result<TaskEnd, PortError> {
        if self.is_paused(VendorName::Liongard).await? {
            return Ok(TaskEnd::Paused);
        }
        let polled = self.poll_if_swept().await?;
        if polled.is_none() {
            info!("polling starts after the first sweep of HaloPSA");
        }
        Ok(polled.map_or(TaskEnd::Skipped, TaskEnd::Complete))
    }

    /// Sweeps if the last sweep is old, or if one is needed to know whether the store is complete.
    async fn sweep_if_due(&self) -> Result<TaskEnd, ReconcileError> {
        let needed_from = self.observe_cycle().await?.sweep_needed_from();
        let now = self.clock.now();
        let interval = match needed_from {
            Some(from) if from <= now => self.sweep_interval.min(now.since(from)),
            _ => self.sweep_interval,
        };
        self.sweep_if_older_than(interval, 0).await
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
        if self
            .past_time(keys::LAST_COMPLETE_POLL_AT, now)
            .await?
            .is_some_and(|began| began >= woken_at)
        {
            return Ok(WakeUp::Covered);
        }
        let last_poll_at = self.past_time(keys::LAST_POLL_AT, now).await?;
        let due = last_poll_at.unwrap_or_default().plus(WAKE_UP_MIN_INTERVAL);
        if now < due {
            return self.wait_for_poll(due).await;
        }
        if self.is_paused(VendorName::Liongard).await? {
            return self.wait_for_poll(next_first_sweep_check(now)).await;
        }
        match self.poll_if_swept().await? {
            Some(_) => Ok(WakeUp::Polled),
            None => self.wait_for_poll(next_first_sweep_check(now)).await,
        }
    }

    /// Waits until `due`, unless another wake-up does. Each `due` belongs to one last poll: what waits for
    /// it was received before the next.
    async fn wait_for_poll(&self, due: Timestamp) -> Result<WakeUp, PortError> {
        let waits_until = self.store.value(keys::WAKE_UP_WAITS_UNTIL).await?;
        if waits_until == Some(due.as_millis()) {
            return Ok(WakeUp::Covered);
        }
        self.store
            .set_value(keys::WAKE_UP_WAITS_UNTIL, due.as_millis())
            .await?;
        Ok(WakeUp::Deferred(due))
    }

    /// The stored time of `key`; `None` where a clock that was ahead has written it.
    pub(crate) async fn past_time(
        &self,
        key: &'static str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, PortError> {
        let stored = self.store.value(key).await?.map(Timestamp::from_millis);
        Ok(stored.filter(|at| *at <= now.plus(CLOCK_AHEAD_MAX)))
    }

    /// Polls, once an hour comparing everything; says how many alerts it queued. `None` before the first
    /// sweep of HaloPSA: until then a ticket of ours may exist for an alert that looks new.
    async fn poll_if_swept(&self) -> Result<Option<usize>, PortError> {
        if !self.has_swept().await? {
            return Ok(None);
        }
        self.begin_customers().await?;
        let began = self.clock.now();
        if self
            .store
            .value(keys::LAST_COMPLETE_POLL_AT)
            .await?
            .is_none()
        {
            self.store
                .set_value(keys::FIRST_POLL_AT, began.as_millis())
                .await?;
        }
        self.store
            .set_value(keys::LAST_POLL_AT, began.as_millis())
            .await?;
        let full_poll_at = self
            .store
            .value(keys::LAST_FULL_POLL_AT)
            .await?
            .unwrap_or(0);
        let last = Timestamp::from_millis(full_poll_at);
        let scope = if began.is_within(FULL_POLL_INTERVAL, last) {
            Scope::Changed
        } else {
            Scope::All
        };
        // Set before it begins: a poll that does not end must not make every following one as long.
        if scope == Scope::All {
            self.store
                .set_value(keys::LAST_FULL_POLL_AT, began.as_millis())
                .await?;
        }
        let polled = self.poll_alerts(scope).await?;
        self.store
            .set_value(keys::LAST_COMPLETE_POLL_AT, began.as_millis())
            .await?;
        Ok(Some(polled.queued))
    }
}

/// Whether a failure with `code` says that `vendor` gives no useful answer. One that asks for fewer requests
/// answers.
fn is_failure_of(vendor: VendorName, code: ErrorCode) -> bool {
    if matches!(
        code,
        ErrorCode::HalopsaThrottled | ErrorCode::LiongardThrottled | ErrorCode::HalopsaShortList
    ) {
        return false;
    }
    let kind = code.as_str().split('.').next().unwrap_or_default();
    kind == vendor.as_str() || kind == "credentials" || kind == "secret"
}

/// What this process has recorded of each vendor's answers: `None` for a vendor that answers.
#[derive(Default)]
pub(crate) struct KnownContacts(Mutex<BTreeMap<VendorName, Option<ErrorCode>>>);

impl KnownContacts {
    fn lock_known(&self) -> MutexGuard<'_, BTreeMap<VendorName, Option<ErrorCode>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
