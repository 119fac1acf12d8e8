//! Seeing to inspector runs: start once, follow to the end, tell those who wait.

use std::collections::BTreeSet;

use halogard_domain::ids::{AlertId, LaunchpointId};
use halogard_domain::message::{Cause, Message};
use halogard_domain::runs::{
    FOLLOW_EVERY, GIVE_UP_AFTER, InFlight, NOT_LISTED_AFTER, NextRun, RunTarget, Runs,
    UNWATCHED_ENDS_AFTER,
};
use halogard_domain::{FailureClass, Timestamp};
use tracing::{info, warn};

use crate::bundle::{Bundle, Liongard, Store};
use crate::ports::{
    Clock, Lane, Outgoing, PortError, Refusal, Revision, RunProgress, Stored, TicketDesk,
};
use crate::reconcile::LookError;

impl<D: TicketDesk, L: Liongard, S: Store, C: Clock> Bundle<D, L, S, C> {
    /// Does what the runs of `target` need now, and says when to look again; `None` when nobody
    /// waits. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`LookError`]; nothing is lost by repeating it later.
    pub async fn see_to_run(&self, target: RunTarget) -> Result<Option<Timestamp>, LookError> {
        let Stored {
            value: mut runs,
            revision,
        } = self.store.load_runs(target).await?;
        let now = self.clock.now();
        let until = match runs.next(now, self.inspector_min_interval) {
            NextRun::Rest => None,
            NextRun::StartAt(at) => Some(at),
            NextRun::Start => return self.start(target, runs, revision).await,
            NextRun::Follow => match runs.in_flight.clone() {
                Some(run) => self.follow(&run, &mut runs).await?,
                None => None,
            },
        };
        runs.watched_until = until;
        self.store.save_runs(target, &runs, revision).await?;
        Ok(until)
    }

    /// Sends a watcher after runs that lost theirs.
    ///
    /// # Errors
    ///
    /// A store failed; the next poll does it again.
    pub async fn watch_orphaned_runs(&self) -> Result<usize, PortError> {
        let mut orphaned = Vec::new();
        for target in self.store.busy_targets().await? {
            if !self
                .store
                .load_runs(target)
                .await?
                .value
                .is_watched(self.clock.now())
            {
                orphaned.push(Outgoing::from(Message::see_to_run(target)));
            }
        }
        if !orphaned.is_empty() {
            self.store.send(Lane::Runs, &orphaned).await?;
        }
        Ok(orphaned.len())
    }

    /// Notes that whoever sees to the runs of `target` looks again at `until`, unless they mean to
    /// look later still.
    pub(crate) async fn watch_until(
        &self,
        target: RunTarget,
        until: Timestamp,
    ) -> Result<(), LookError> {
        let Stored {
            value: mut runs,
            revision,
        } = self.store.load_runs(target).await?;
        if runs.is_busy() && runs.watched_until < Some(until) {
            runs.watched_until = Some(until);
            self.store.save_runs(target, &runs, revision).await?;
        }
        Ok(())
    }

    /// Starts a run. It is recorded before it is asked for, so that a lost answer starts no second.
    async fn start(
        &self,
        target: RunTarget,
        mut runs: Runs,
        revision: Revision,
    ) -> Result<Option<Timestamp>, LookError> {
        let Some(launchpoint) = self.launchpoint_of(target).await? else {
            let told = std::mem::take(&mut runs.waiting);
            runs.wanted = false;
            runs.watched_until = None;
            self.tell_run_ended(&told, false).await?;
            self.store.save_runs(target, &runs, revision).await?;
            return Ok(None);
        };
        let newest_before = match self.liongard.newest_run(launchpoint).await {
            Err(error) if is_withheld(&error) => None,
            newest => newest?,
        };
        let now = self.clock.now();
        let before = runs.clone();
        runs.start(launchpoint, newest_before, now);
        let look_again = now.plus(FOLLOW_EVERY);
        runs.watched_until = Some(look_again);
        let revision = self.store.save_runs(target, &runs, revision).await?;
        match self.liongard.run(launchpoint).await {
            Ok(()) => info!(
                launchpoint_id = launchpoint.get(),
                outcome = "run_started",
                "asked Liongard to look"
            ),
            // It may run; following it tells.
            Err(error) if error.class == FailureClass::InDoubt => {}
            // A credential that is not accepted says nothing about the run.
            Err(error)
                if error.class == FailureClass::Permanent
                    && error.refusal != Some(Refusal::Unauthorised) =>
            {
                warn!(
                    launchpoint_id = launchpoint.get(),
                    reason = error.chain(),
                    "Liongard refused a run"
                );
                let told = runs.succeed();
                runs.watched_until = None;
                self.tell_run_ended(&told, false).await?;
                self.store.save_runs(target, &runs, revision).await?;
                return Ok(None);
            }
            Err(error) => {
                // Nothing was started: as if it had never been tried.
                self.store.save_runs(target, &before, revision).await?;
                return Err(error.into());
            }
        }
        Ok(Some(look_again))
    }

    /// Looks how the run under way does.
    async fn follow(
        &self,
        run: &InFlight,
        runs: &mut Runs,
    ) -> Result<Option<Timestamp>, LookError> {
        let now = self.clock.now();
        let age = now.since(run.started);
        let asked = self
            .liongard
            .progress(run.launchpoint, run.newest_before)
            .await;
        let progress = match asked {
            // A role that may start inspectors may not be allowed to watch them.
            Err(error) if is_withheld(&error) && age >= UNWATCHED_ENDS_AFTER => {
                RunProgress::Succeeded
            }
            Err(error) if is_withheld(&error) => RunProgress::Underway,
            progress => progress?,
        };
        let launchpoint_id = run.launchpoint.get();
        let (told, succeeded) = match progress {
            RunProgress::Succeeded => {
                info!(
                    launchpoint_id,
                    outcome = "run_succeeded",
                    "Liongard has looked"
                );
                (runs.succeed(), true)
            }
            RunProgress::Failed(said) => {
                warn!(launchpoint_id, said, "an inspector's run failed");
                (runs.fail(), false)
            }
            RunProgress::NotSeen if age > NOT_LISTED_AFTER => (runs.fail(), false),
            RunProgress::Underway if age > GIVE_UP_AFTER => {
                warn!(launchpoint_id, "an inspector's run did not end");
                (runs.fail(), false)
            }
            RunProgress::NotSeen | RunProgress::Underway => {
                return Ok(Some(now.plus(FOLLOW_EVERY)));
            }
        };
        // Told before it is recorded: a message twice does no harm, one that is missing would.
        self.tell_run_ended(&told, succeeded).await?;
        Ok(match runs.next(now, self.inspector_min_interval) {
            NextRun::Rest | NextRun::Follow => None,
            NextRun::Start => Some(now),
            NextRun::StartAt(at) => Some(at),
        })
    }

    /// Has the pairs of `alerts` looked at again.
    async fn tell_run_ended(
        &self,
        alerts: &BTreeSet<AlertId>,
        succeeded: bool,
    ) -> Result<(), PortError> {
        let messages: Vec<Outgoing> = alerts
            .iter()
            .map(|alert| Message::look_at_alert(*alert, Cause::RunEnded { succeeded }).into())
            .collect();
        if messages.is_empty() {
            Ok(())
        } else {
            self.store.send(Lane::Urgent, &messages).await
        }
    }

    /// The launchpoint to start; `None`, with a warning, when Liongard has not exactly one HaloPSA
    /// inspector: which of several is meant is not guessed.
    async fn launchpoint_of(&self, target: RunTarget) -> Result<Option<LaunchpointId>, PortError> {
        if let RunTarget::Launchpoint(launchpoint) = target {
            return Ok(Some(launchpoint));
        }
        let enabled = self.liongard.halo_launchpoints().await?;
        match enabled.as_slice() {
            [one] => Ok(Some(*one)),
            others => {
                warn!(
                    enabled = others.len(),
                    "Liongard has not exactly one enabled HaloPSA inspector; none is run"
                );
                Ok(None)
            }
        }
    }
}

/// Whether Liongard will not show its runs to this key, however often it is asked.
fn is_withheld(error: &PortError) -> bool {
    matches!(error.refusal, Some(Refusal::Forbidden | Refusal::NotFound))
}
