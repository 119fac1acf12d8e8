//! Inspector runs: start each once, follow it to its end, then queue the alerts that wait for it.

use std::collections::BTreeSet;
use std::time::Duration;

use halogard_domain::ids::{AlertId, LaunchpointId};
use halogard_domain::message::{Cause, Message};
use halogard_domain::runs::{
    BLOCKED_MAX, NextRun, RUN_TIMEOUT, RunInFlight, RunTarget, Runs, START_TIMEOUT,
    UNOBSERVABLE_RUN_TIME, progress_interval,
};
use halogard_domain::time::CLOCK_AHEAD_MAX;
use halogard_domain::{FailureClass, Timestamp};
use tracing::{info, warn};

use crate::env::Env;
use crate::outcome::InspectionOutcome;
use crate::ports::prelude::*;
use crate::ports::{Lane, Outgoing, PortError, Refusal, Revision, RunProgress, Stored};
use crate::reconcile::ReconcileError;
use crate::reconciler::Reconciler;

impl<E: Env> Reconciler<E> {
    /// Starts or follows the run of `target`, and says when to do so again; `None` when no run is wanted.
    /// Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`ReconcileError`]; repeating it later loses nothing.
    pub async fn advance_run(
        &self,
        target: RunTarget,
    ) -> Result<Option<Timestamp>, ReconcileError> {
        let Stored {
            value: mut runs,
            revision,
        } = self.store.load_record::<Runs>(&target).await?;
        let now = self.clock.now();
        let until = match runs.next(now, self.inspector_min_interval) {
            NextRun::Idle => None,
            NextRun::StartAt(at) => Some(at),
            NextRun::Start => return self.start(target, runs, revision).await,
            NextRun::CheckProgress => match runs.in_flight.clone() {
                Some(run) => self.follow(&run, &mut runs).await?,
                None => None,
            },
        };
        runs.watched_until = until;
        self.store.save_record(&target, &runs, revision).await?;
        Ok(until)
    }

    /// Queues the runs whose message was lost.
    ///
    /// # Errors
    ///
    /// A store failed; the next sync cycle repeats it.
    pub async fn requeue_orphaned_runs(&self) -> Result<usize, PortError> {
        let mut orphaned = Vec::new();
        for target in self.store.active_records::<Runs>().await? {
            if !self
                .store
                .load_record::<Runs>(&target)
                .await?
                .value
                .is_watched(self.clock.now())
            {
                orphaned.push(Outgoing::from(Message::advance_run(target)));
            }
        }
        if !orphaned.is_empty() {
            self.store.send(Lane::Runs, &orphaned).await?;
        }
        Ok(orphaned.len())
    }

    /// Marks the runs of `target` as watched until `until`, unless they are watched for longer.
    pub(crate) async fn watch_until(
        &self,
        target: RunTarget,
        until: Timestamp,
    ) -> Result<(), ReconcileError> {
        let Stored {
            value: mut runs,
            revision,
        } = self.store.load_record::<Runs>(&target).await?;
        if runs.is_busy() && runs.watched_until < Some(until) {
            runs.watched_until = Some(until);
            self.store.save_record(&target, &runs, revision).await?;
        }
        Ok(())
    }

    /// Starts a run. It is saved before it is requested, so that a lost answer does not start a second one.
    async fn start(
        &self,
        target: RunTarget,
        mut runs: Runs,
        revision: Revision,
    ) -> Result<Option<Timestamp>, ReconcileError> {
        let launchpoint = match self.launchpoint_of(target).await? {
            Ok(launchpoint) => launchpoint,
            Err(why) => {
                let waiting = std::mem::take(&mut runs.waiting);
                runs.requested = false;
                runs.watched_until = None;
                runs.note_not_started(why, self.clock.now());
                self.enqueue_waiting_alerts(&waiting, false).await?;
                self.store.save_record(&target, &runs, revision).await?;
                return Ok(None);
            }
        };
        let newest_before = match self.liongard.newest_run(launchpoint).await {
            Err(error) if is_hidden(&error) => None,
            newest => newest?,
        };
        let now = self.clock.now();
        let before = runs.clone();
        runs.start(launchpoint, newest_before, now);
        let look_again = now.plus(progress_interval(Duration::ZERO));
        runs.watched_until = Some(look_again);
        let revision = self.store.save_record(&target, &runs, revision).await?;
        match self.liongard.run(launchpoint).await {
            Ok(()) => info!(
                launchpoint_id = launchpoint.get(),
                outcome = InspectionOutcome::Started.as_str(),
                "inspector run started"
            ),
            // It may run; its progress will show.
            Err(error) if error.class == FailureClass::InDoubt => {}
            Err(error) if error.refusal == Some(Refusal::RunUnderWay) => {
                let mut runs = before;
                let waiting = runs.block(now);
                runs.watched_until = runs.blocked.map(|blocked| blocked.retry_at);
                if runs.blocked.is_some() {
                    info!(
                        launchpoint_id = launchpoint.get(),
                        outcome = InspectionOutcome::Blocked.as_str(),
                        "another run is under way; this one is requested again"
                    );
                } else {
                    warn!(
                        launchpoint_id = launchpoint.get(),
                        outcome = InspectionOutcome::BlockedTooLong.as_str(),
                        "a run that Halogard did not start does not end"
                    );
                    let minutes = BLOCKED_MAX.as_secs() / 60;
                    let why = format!(
                        "another run of it, which Halogard did not start, did not end within {minutes} minutes"
                    );
                    runs.note_not_started(why, now);
                    self.enqueue_waiting_alerts(&waiting, false).await?;
                }
                self.store.save_record(&target, &runs, revision).await?;
                return Ok(runs.watched_until);
            }
            // A credential that is not accepted says nothing about the run.
            Err(error)
                if error.class == FailureClass::Permanent
                    && error.refusal != Some(Refusal::Unauthorised) =>
            {
                warn!(
                    launchpoint_id = launchpoint.get(),
                    reason = error.chain(),
                    outcome = InspectionOutcome::Refused.as_str(),
                    "Liongard refused to start an inspector run"
                );
                let waiting = runs.succeed();
                runs.watched_until = None;
                runs.note_not_started(error.chain(), now);
                self.enqueue_waiting_alerts(&waiting, false).await?;
                self.store.save_record(&target, &runs, revision).await?;
                return Ok(None);
            }
            Err(error) => {
                // Nothing was started: restore the previous state.
                self.store.save_record(&target, &before, revision).await?;
                return Err(error.into());
            }
        }
        Ok(Some(look_again))
    }

    /// Checks the progress of the run in flight.
    async fn follow(
        &self,
        run: &RunInFlight,
        runs: &mut Runs,
    ) -> Result<Option<Timestamp>, ReconcileError> {
        let now = self.clock.now();
        // A start in the future was written under a wrong clock: that run has had its time.
        let age = if run.started_at > now.plus(CLOCK_AHEAD_MAX) {
            Duration::MAX
        } else {
            now.since(run.started_at)
        };
        let asked = self
            .liongard
            .progress(run.launchpoint, run.newest_before)
            .await;
        let progress = match asked {
            // A role that may start inspectors may not be allowed to see their runs.
            Err(error) if is_hidden(&error) && age >= UNOBSERVABLE_RUN_TIME => {
                RunProgress::Succeeded
            }
            Err(error) if is_hidden(&error) => RunProgress::InProgress,
            Ok(RunProgress::Counted) if age >= UNOBSERVABLE_RUN_TIME => RunProgress::Succeeded,
            Ok(RunProgress::Counted) => RunProgress::InProgress,
            progress => progress?,
        };
        let launchpoint_id = run.launchpoint.get();
        let (waiting, succeeded) = match progress {
            RunProgress::Succeeded => {
                info!(
                    launchpoint_id,
                    outcome = InspectionOutcome::Succeeded.as_str(),
                    "inspector run succeeded"
                );
                runs.note_end(None, now);
                (runs.succeed(), true)
            }
            RunProgress::Failed(message) => {
                warn!(
                    launchpoint_id,
                    message = message.as_str(),
                    outcome = InspectionOutcome::Failed.as_str(),
                    "inspector run failed"
                );
                runs.note_end(Some(message), now);
                (runs.fail(), false)
            }
            RunProgress::NotListed if age > START_TIMEOUT => {
                warn!(
                    launchpoint_id,
                    outcome = InspectionOutcome::NotListed.as_str(),
                    "Liongard does not list the inspector run that was started"
                );
                runs.note_not_started("Liongard does not list it".to_owned(), now);
                (runs.fail(), false)
            }
            RunProgress::InProgress if age > RUN_TIMEOUT => {
                warn!(
                    launchpoint_id,
                    outcome = InspectionOutcome::TimedOut.as_str(),
                    "inspector run timed out"
                );
                let minutes = RUN_TIMEOUT.as_secs() / 60;
                runs.note_end(
                    Some(format!("it did not end within {minutes} minutes")),
                    now,
                );
                (runs.fail(), false)
            }
            RunProgress::NotListed | RunProgress::Counted | RunProgress::InProgress => {
                return Ok(Some(now.plus(progress_interval(age))));
            }
        };
        // Queued before the save: a duplicate message does no harm, a missing one would.
        self.enqueue_waiting_alerts(&waiting, succeeded).await?;
        Ok(match runs.next(now, self.inspector_min_interval) {
            NextRun::Idle | NextRun::CheckProgress => None,
            NextRun::Start => Some(now),
            NextRun::StartAt(at) => Some(at),
        })
    }

    /// Queues the alerts that waited for the run.
    async fn enqueue_waiting_alerts(
        &self,
        alerts: &BTreeSet<AlertId>,
        succeeded: bool,
    ) -> Result<(), PortError> {
        let messages: Vec<Outgoing> = alerts
            .iter()
            .map(|alert| Message::reconcile_alert(*alert, Cause::RunEnded { succeeded }).into())
            .collect();
        if messages.is_empty() {
            Ok(())
        } else {
            self.store.send(Lane::Urgent, &messages).await
        }
    }

    /// The launchpoint to start; why there is none, with a warning, unless Liongard has exactly one enabled HaloPSA
    /// inspector: the reconciler does not guess which of several is meant.
    async fn launchpoint_of(
        &self,
        target: RunTarget,
    ) -> Result<Result<LaunchpointId, String>, PortError> {
        if let RunTarget::Launchpoint(launchpoint) = target {
            return Ok(Ok(launchpoint));
        }
        let enabled = self.liongard.halo_launchpoints().await?;
        match enabled.as_slice() {
            [one] => Ok(Ok(*one)),
            others => {
                warn!(
                    enabled = others.len(),
                    "Liongard does not have exactly one enabled HaloPSA inspector; no run is started"
                );
                Ok(Err(format!(
                    "Liongard has {} enabled HaloPSA inspectors, and exactly one is needed",
                    others.len()
                )))
            }
        }
    }
}

/// Whether the access key may never see Liongard's runs.
fn is_hidden(error: &PortError) -> bool {
    matches!(error.refusal, Some(Refusal::Forbidden | Refusal::NotFound))
}
