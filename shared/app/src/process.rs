//! Processing messages of the work queue: each is dispatched to its use case, then acknowledged,
//! deferred, retried or dead-lettered on its own.

mod disposition;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::{Cause, Message, Notification};
use halogard_domain::record::Singleton;
use halogard_domain::runs::RunTarget;
use halogard_domain::webhook_sample::{WebhookSample, WebhookSamples};
use tracing::{debug, info, warn};

pub use self::disposition::ATTEMPTS_MAX;
use self::disposition::{BACKOFF_MAX, Dispatched, Disposition};
use crate::cycle::WakeUp;
use crate::env::Env;
use crate::outcome::{Lag, Outcome, Processed};
use crate::ports::prelude::*;
use crate::ports::{Delivery, JournalEntry, Lane, PortError};
use crate::reconcile::ReconcileError;
use crate::reconcile::write_batcher::WriteBatcher;
use crate::reconciler::Reconciler;

/// How long a message is hidden while it is processed: longer than the longest reconciliation, which
/// makes eight plans with writes of 65 seconds.
pub const VISIBILITY: Duration = Duration::from_secs(600);

/// What a message is about.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum MessageSubject {
    Alert(AlertId),
    Ticket(TicketId),
    Run(RunTarget),
    /// Liongard's alerts as a whole.
    Alerts,
    /// No other message of the batch is about the same; holds its index.
    Unique(usize),
}

impl MessageSubject {
    /// What the delivery at `index` is about.
    fn of(delivery: &Delivery, index: usize) -> Self {
        match &delivery.message {
            Ok(Message::ReconcileAlert { alert, .. }) => Self::Alert(*alert),
            Ok(Message::ReconcileTicket { ticket, .. }) => Self::Ticket(*ticket),
            Ok(Message::AdvanceRun { target, .. }) => Self::Run(*target),
            Ok(Message::Poll { .. }) => Self::Alerts,
            Ok(Message::RecordNotification { .. } | Message::KeepWebhookSample { .. }) | Err(_) => {
                Self::Unique(index)
            }
        }
    }
}

impl<E: Env> Reconciler<E> {
    /// Receives messages of `lane` and processes them concurrently; returns none when there are none.
    ///
    /// # Errors
    ///
    /// The queue itself failed. What was received, if anything, is delivered again.
    pub async fn process_next(&self, lane: Lane) -> Result<Vec<Processed>, PortError> {
        let deliveries = self.store.receive(lane, self.batch_max, VISIBILITY).await?;
        self.process(lane, &deliveries).await.into_iter().collect()
    }

    /// Processes deliveries concurrently, so that their writes to HaloPSA are batched, and settles each
    /// on its own; one answer for each, in order. Deliveries about the same record are processed one
    /// after another: the first mostly leaves the others nothing to do.
    ///
    /// An error means that the queue itself failed for that delivery; its message is delivered again.
    pub async fn process(
        &self,
        lane: Lane,
        deliveries: &[Delivery],
    ) -> Vec<Result<Processed, PortError>> {
        let mut subjects: BTreeMap<MessageSubject, Vec<usize>> = BTreeMap::new();
        for (index, delivery) in deliveries.iter().enumerate() {
            subjects
                .entry(MessageSubject::of(delivery, index))
                .or_default()
                .push(index);
        }
        let batcher = &WriteBatcher::new(subjects.len(), self.batch_max);
        let tasks = subjects.into_values().map(|indices| {
            Box::pin(async move {
                let mut processed = Vec::with_capacity(indices.len());
                for index in indices {
                    if let Some(delivery) = deliveries.get(index) {
                        processed.push((index, self.process_one(lane, delivery, batcher).await));
                    }
                }
                self.finish(batcher).await;
                processed
            })
        });
        let mut processed: Vec<_> = join_all(tasks).await.into_iter().flatten().collect();
        processed.sort_unstable_by_key(|(index, _)| *index);
        processed.into_iter().map(|(_, result)| result).collect()
    }

    /// Processes one delivery and settles it with the queue.
    async fn process_one(
        &self,
        lane: Lane,
        delivery: &Delivery,
        batcher: &WriteBatcher,
    ) -> Result<Processed, PortError> {
        let dispatched = match &delivery.message {
            Ok(message) => self.dispatch(message, delivery, batcher).await,
            Err(unreadable) => Dispatched::new(
                Outcome::Unreadable,
                Disposition::DeadLetter(unreadable.reason.clone()),
            ),
        };
        let Dispatched {
            outcome,
            actions,
            disposition,
        } = dispatched;
        let receipt = &delivery.receipt;
        let mut pause_until = None;
        match disposition {
            Disposition::Ack => self.store.ack(lane, receipt).await?,
            Disposition::Defer(until) => self.store.defer(lane, receipt, until).await?,
            Disposition::Pause(until) => {
                self.store.defer(lane, receipt, until).await?;
                pause_until = Some(until);
            }
            Disposition::Retry(until, reason) => {
                warn!(
                    lane = lane.name(),
                    outcome = outcome.as_str(),
                    attempt = delivery.receive_count,
                    reason,
                    "message will be retried"
                );
                self.store.retry(lane, receipt, until).await?;
            }
            Disposition::DeadLetter(reason) => {
                warn!(
                    lane = lane.name(),
                    outcome = outcome.as_str(),
                    reason,
                    "message dead-lettered"
                );
                self.store.dead_letter(lane, receipt, &reason).await?;
            }
        }
        let message = delivery.message.as_ref().ok();
        let lag = message.and_then(|message| Lag::of(message, &actions, self.clock.now()));
        Ok(Processed {
            outcome,
            actions,
            lag,
            pause_until,
        })
    }

    /// Calls the use case for `message`.
    async fn dispatch(
        &self,
        message: &Message,
        delivery: &Delivery,
        batcher: &WriteBatcher,
    ) -> Dispatched {
        let attempt = delivery.receive_count;
        match self.message_paused_until(message).await {
            Ok(None) => {}
            Ok(Some(until)) => {
                return Dispatched::new(Outcome::Paused, Disposition::Defer(until));
            }
            Err(error) => return self.failed(&error.into(), attempt),
        }
        match message {
            Message::ReconcileAlert {
                alert,
                cause,
                snapshot,
                ..
            } => {
                let report = self
                    .reconcile_alert(*alert, snapshot.as_deref(), cause, batcher)
                    .await;
                let failed = report.outcome.is_err();
                let dispatched = self.dispatched(report, attempt);
                if !failed {
                    log_reconciled(cause, Some(*alert), None, &dispatched);
                }
                dispatched
            }
            Message::ReconcileTicket {
                ticket,
                cause,
                snapshot,
                ..
            } => {
                match self.is_duplicate(cause).await {
                    Ok(false) => {}
                    Ok(true) => return Dispatched::ack(Outcome::Duplicate),
                    Err(error) => return self.failed(&error.into(), attempt),
                }
                let snapshot = snapshot.as_deref();
                let report = self
                    .reconcile_ticket(*ticket, snapshot, cause, delivery.sent_at, batcher)
                    .await;
                let failed = report.outcome.is_err();
                let dispatched = self.dispatched(report, attempt);
                if !failed {
                    log_reconciled(cause, None, Some(*ticket), &dispatched);
                }
                // Delivered again, such a webhook again changes nothing: it need not be recorded.
                let is_idempotent = match dispatched.outcome {
                    Outcome::InSync => snapshot.is_some(),
                    outcome => outcome == Outcome::NotOurs,
                };
                if is_idempotent {
                    return dispatched;
                }
                match self.record_if_acked(cause, &dispatched.disposition).await {
                    Ok(()) => dispatched,
                    Err(error) => Dispatched {
                        actions: dispatched.actions,
                        ..self.failed(&error.into(), attempt)
                    },
                }
            }
            Message::AdvanceRun { target, .. } => match self.advance_run(*target).await {
                Ok(None) => Dispatched::ack(Outcome::RunAdvanced),
                Ok(Some(until)) => {
                    Dispatched::new(Outcome::RunInProgress, Disposition::Defer(until))
                }
                Err(error) => self.retry_run(*target, &error, attempt).await,
            },
            Message::Poll { due, .. } => {
                match self.poll_on_wake_up(due.unwrap_or(delivery.sent_at)).await {
                    Ok(WakeUp::Polled) => Dispatched::ack(Outcome::Polled),
                    Ok(WakeUp::Covered) => Dispatched::ack(Outcome::PollCovered),
                    Ok(WakeUp::Deferred(until)) => {
                        Dispatched::new(Outcome::PollDeferred, Disposition::Defer(until))
                    }
                    Err(error) => self.failed(&error.into(), attempt),
                }
            }
            Message::RecordNotification { notification, .. } => {
                match self.linked_ticket_of(notification).await {
                    Ok(None) => {}
                    Ok(Some(ticket)) => {
                        let notification = notification.clone();
                        let cause = Cause::Webhook { notification };
                        let look = Message::reconcile_ticket(ticket, cause);
                        return Box::pin(self.dispatch(&look, delivery, batcher)).await;
                    }
                    Err(error) => return self.failed(&error.into(), attempt),
                }
                match self.record_notification(notification).await {
                    Ok(outcome) => Dispatched::ack(outcome),
                    Err(error) => self.failed(&error.into(), attempt),
                }
            }
            Message::KeepWebhookSample { kind, members, .. } => {
                match self.keep_webhook_sample(kind, members).await {
                    Ok(outcome) => Dispatched::ack(outcome),
                    Err(error) => self.failed(&error, attempt),
                }
            }
        }
    }

    /// Records the webhook behind `cause` as processed if its message is acknowledged. A message that is
    /// delivered again, by the queue or by a redrive, would otherwise be taken for a duplicate.
    async fn record_if_acked(
        &self,
        cause: &Cause,
        disposition: &Disposition,
    ) -> Result<(), PortError> {
        match (cause, disposition) {
            (Cause::Webhook { notification }, Disposition::Ack) => {
                self.store.record(notification, self.clock.now()).await
            }
            _ => Ok(()),
        }
    }

    /// Whether the webhook behind `cause` was processed before.
    async fn is_duplicate(&self, cause: &Cause) -> Result<bool, PortError> {
        match cause {
            Cause::Webhook { notification } => {
                self.store.is_known(notification, self.clock.now()).await
            }
            _ => Ok(false),
        }
    }

    /// The linked ticket that a notification of an unknown event names. Another record may have the same number:
    /// then the ticket is reconciled for nothing.
    async fn linked_ticket_of(
        &self,
        notification: &Notification,
    ) -> Result<Option<TicketId>, PortError> {
        let Some(ticket) = notification.possible_ticket() else {
            return Ok(None);
        };
        let owners = self.store.owners(ticket).await?;
        Ok((!owners.is_empty()).then_some(ticket))
    }

    /// Records a webhook that concerns no ticket.
    async fn record_notification(&self, notification: &Notification) -> Result<Outcome, PortError> {
        let now = self.clock.now();
        if self.store.is_known(notification, now).await? {
            return Ok(Outcome::Duplicate);
        }
        let outcome = Outcome::NotificationRecorded;
        let entry = JournalEntry {
            at: now,
            alert: None,
            ticket: None,
            event: outcome.as_str().to_owned(),
            cause: notification.kind.clone(),
            detail: notification.object.map(|object| format!("object {object}")),
        };
        self.store.append(&[entry]).await?;
        self.store.record(notification, now).await?;
        Ok(outcome)
    }

    /// Keeps the form of a webhook if it is the first of its kind.
    async fn keep_webhook_sample(
        &self,
        kind: &str,
        members: &str,
    ) -> Result<Outcome, ReconcileError> {
        let sample = WebhookSample {
            members: members.to_owned(),
            kept_at: self.clock.now(),
        };
        let is_first = self
            .store
            .update_record(&Singleton, |samples: &mut WebhookSamples| {
                samples.keep_first(kind, sample.clone())
            })
            .await?;
        Ok(if is_first {
            Outcome::NotificationRecorded
        } else {
            Outcome::Duplicate
        })
    }

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

/// Writes the outcome line of a reconciliation that did not fail. A failed one is logged where it is
/// settled.
fn log_reconciled(
    cause: &Cause,
    alert: Option<AlertId>,
    ticket: Option<TicketId>,
    dispatched: &Dispatched,
) {
    let actions: Vec<_> = dispatched.actions.iter().map(|it| it.as_str()).collect();
    info!(
        alert_id = alert.map(AlertId::get),
        ticket_id = ticket.map(TicketId::get),
        cause = cause.as_str(),
        outcome = dispatched.outcome.as_str(),
        actions = (!actions.is_empty()).then(|| actions.join(" ")),
        until = dispatched.disposition.due().map(tracing::field::display),
        "reconciled"
    );
}
