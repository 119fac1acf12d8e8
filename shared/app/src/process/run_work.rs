//! Inspector runs, and polls that something asked for.

use halogard_domain::message::Message;
use halogard_domain::runs::RunTarget;
use tracing::debug;

use super::disposition::{BACKOFF_MAX, Dispatched, Disposition};
use super::lane_work::{Dispatch, LaneWork};
use crate::cycle::WakeUp;
use crate::env::Env;
use crate::outcome::Outcome;
use crate::ports::prelude::*;
use crate::ports::{Delivery, Lane};
use crate::reconcile::ReconcileError;
use crate::reconcile::write_batcher::WriteBatcher;
use crate::reconciler::Reconciler;

/// The work of the lane `runs`.
#[derive(Clone, Copy, Debug)]
pub enum RunWork {}

impl LaneWork for RunWork {
    const LANES: &'static [Lane] = &[Lane::Runs];
}

impl Dispatch for RunWork {
    async fn dispatch<E: Env>(
        reconciler: &Reconciler<E>,
        message: &Message,
        delivery: &Delivery,
        _batcher: &WriteBatcher,
    ) -> Dispatched {
        let attempt = delivery.receive_count;
        match message {
            Message::AdvanceRun { target, .. } => match reconciler.advance_run(*target).await {
                Ok(None) => Dispatched::ack(Outcome::RunAdvanced),
                Ok(Some(until)) => {
                    Dispatched::new(Outcome::RunInProgress, Disposition::Defer(until))
                }
                Err(error) => reconciler.retry_run(*target, &error, attempt).await,
            },
            Message::Poll { due, .. } => {
                match reconciler
                    .poll_on_wake_up(due.unwrap_or(delivery.sent_at))
                    .await
                {
                    Ok(WakeUp::Polled) => Dispatched::ack(Outcome::Polled),
                    Ok(WakeUp::Covered) => Dispatched::ack(Outcome::PollCovered),
                    Ok(WakeUp::Deferred(until)) => {
                        Dispatched::new(Outcome::PollDeferred, Disposition::Defer(until))
                    }
                    Err(error) => reconciler.failed(&error.into(), attempt),
                }
            }
            Message::ReconcileAlert { .. }
            | Message::ReconcileTicket { .. }
            | Message::RecordNotification { .. }
            | Message::KeepWebhookSample { .. } => Dispatched::of_another_lane(),
        }
    }
}

impl<E: Env> Reconciler<E> {
    /// Handles a failure to advance an inspector run. Marks the run as watched until the retry, or every
    /// poll would enqueue another watcher for as long as Liongard is down.
    async fn retry_run(
        &self,
        target: RunTarget,
        error: &ReconcileError,
        attempt: u32,
    ) -> Dispatched {
        let dispatched = self.failed(error, attempt);
        let until = match &dispatched.disposition {
            Disposition::Retry(until, _) | Disposition::Pause(until) => *until,
            // Refused: the next poll after this pause tries it anew.
            _ => self.clock.now().plus(BACKOFF_MAX),
        };
        if let Err(error) = self.watch_until(target, until).await {
            // A second watcher is enqueued then; it finds nothing to do.
            debug!(%error, "pause of a run's watcher not saved");
        }
        dispatched
    }
}
