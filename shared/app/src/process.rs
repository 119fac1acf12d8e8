//! Working off the queue: one message at a time, each settled on its own.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::{Cause, Message, Notification};
use halogard_domain::runs::RunTarget;
use halogard_domain::{FailureClass, Timestamp};
use tracing::{debug, info, warn};

use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{Delivery, JournalEntry, Lane, PortError, Refusal};
use crate::reconcile::write_batcher::WriteBatcher;
use crate::reconcile::{Outcome, ReconcileError};
use crate::reconciler::Reconciler;

/// How long a message is hidden while it is worked on: longer than the longest look, which is
/// [`ROUNDS_MAX`](crate::reconcile) calls of thirty seconds.
pub const VISIBILITY: Duration = Duration::from_secs(300);

/// Failed deliveries after which a message is buried. With the growing pauses between them this is a little over a day:
/// an outage of either vendor for a day must cost delay only.
pub const ATTEMPTS_MAX: u32 = 110;

/// Tries of a message that met an answer of an unexpected form, which a proxy's bad moment explains as
/// well as a changed API. Source: five receives before dead-lettering is the common advice.
const UNEXPECTED_ATTEMPTS_MAX: u32 = 5;

/// Longest pause between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(900);

/// Pause when a vendor throttles without naming one.
const THROTTLED_PAUSE: Duration = Duration::from_secs(30);

/// Pause when a credential is not accepted: one try a minute, no storm on the token address.
const UNAUTHORISED_PAUSE: Duration = Duration::from_secs(60);

/// What became of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processed {
    /// A stable word for logs and metrics.
    pub outcome: &'static str,
    /// A word for each thing a look did, in order; empty when it did nothing.
    pub actions: Vec<&'static str>,
    /// Nothing in this lane can be done before this time.
    pub pause_until: Option<Timestamp>,
}

impl Processed {
    /// Every word to be counted: what was done, and the outcome where that is another.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        let last = self.actions.last().copied();
        let outcome = (last != Some(self.outcome)).then_some(self.outcome);
        self.actions.iter().copied().chain(outcome)
    }
}

/// What a message is about.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Alert(AlertId),
    Ticket(TicketId),
    Run(RunTarget),
    /// Nothing that another message could be about as well.
    Unique(usize),
}

impl Subject {
    /// What the delivery in `place` is about.
    fn of(delivery: &Delivery, index: usize) -> Self {
        match &delivery.message {
            Ok(Message::ReconcileAlert { alert, .. }) => Self::Alert(*alert),
            Ok(Message::ReconcileTicket { ticket, .. }) => Self::Ticket(*ticket),
            Ok(Message::AdvanceRun { target, .. }) => Self::Run(*target),
            Ok(Message::Poll { .. } | Message::RecordNotification { .. }) | Err(_) => {
                Self::Unique(index)
            }
        }
    }
}

/// How a message is settled with the queue.
enum Disposition {
    Ack(&'static str),
    Defer(&'static str, Timestamp),
    Pause(&'static str, Timestamp),
    Retry(&'static str, Timestamp, String),
    DeadLetter(&'static str, String),
}

impl<E: Env> Reconciler<E> {
    /// Works off the next messages of `lane` in company; none when there are none.
    ///
    /// # Errors
    ///
    /// The queue itself failed. What was received, if anything was, comes back.
    pub async fn process_next(&self, lane: Lane) -> Result<Vec<Processed>, PortError> {
        let deliveries = self.store.receive(lane, self.batch_max, VISIBILITY).await?;
        self.process(lane, &deliveries).await.into_iter().collect()
    }

    /// Works off deliveries in company, so that their writes to the desk go out together, and
    /// settles each on its own; one answer for each, in order. Those about the same record are
    /// worked off one after another: the first look mostly leaves the others nothing to do.
    ///
    /// An error says that the queue itself failed for that delivery; its message comes back.
    pub async fn process(
        &self,
        lane: Lane,
        deliveries: &[Delivery],
    ) -> Vec<Result<Processed, PortError>> {
        let mut subjects: BTreeMap<Subject, Vec<usize>> = BTreeMap::new();
        for (index, delivery) in deliveries.iter().enumerate() {
            subjects
                .entry(Subject::of(delivery, index))
                .or_default()
                .push(index);
        }
        let batcher = &WriteBatcher::of(subjects.len(), self.batch_max);
        let works = subjects.into_values().map(|indices| {
            Box::pin(async move {
                let mut worked = Vec::with_capacity(indices.len());
                for index in indices {
                    if let Some(delivery) = deliveries.get(index) {
                        worked.push((index, self.process_one(lane, delivery, batcher).await));
                    }
                }
                self.finish_batched(batcher).await;
                worked
            })
        });
        let mut worked: Vec<_> = join_all(works).await.into_iter().flatten().collect();
        worked.sort_unstable_by_key(|(index, _)| *index);
        worked.into_iter().map(|(_, worked)| worked).collect()
    }

    /// Works off one delivery and settles it with the queue.
    async fn process_one(
        &self,
        lane: Lane,
        delivery: &Delivery,
        batcher: &WriteBatcher,
    ) -> Result<Processed, PortError> {
        let mut actions = Vec::new();
        let disposition = match &delivery.message {
            Ok(message) => {
                self.dispatch(message, delivery, batcher, &mut actions)
                    .await
            }
            Err(unreadable) => Disposition::DeadLetter("unreadable", unreadable.reason.clone()),
        };
        let receipt = &delivery.receipt;
        let (outcome, pause_until) = match disposition {
            Disposition::Ack(outcome) => {
                self.store.ack(lane, receipt).await?;
                (outcome, None)
            }
            Disposition::Defer(outcome, until) => {
                self.store.defer(lane, receipt, until).await?;
                (outcome, None)
            }
            Disposition::Pause(outcome, until) => {
                self.store.defer(lane, receipt, until).await?;
                (outcome, Some(until))
            }
            Disposition::Retry(outcome, until, reason) => {
                warn!(
                    lane = lane.name(),
                    outcome,
                    attempt = delivery.receive_count,
                    reason,
                    "message will be retried"
                );
                self.store.retry(lane, receipt, until).await?;
                (outcome, None)
            }
            Disposition::DeadLetter(outcome, reason) => {
                warn!(lane = lane.name(), outcome, reason, "message dead-lettered");
                self.store.dead_letter(lane, receipt, &reason).await?;
                (outcome, None)
            }
        };
        Ok(Processed {
            outcome,
            actions,
            pause_until,
        })
    }

    /// Does what `message` asks for; `actions` takes in what a look actions.
    async fn dispatch(
        &self,
        message: &Message,
        delivery: &Delivery,
        batcher: &WriteBatcher,
        actions: &mut Vec<&'static str>,
    ) -> Disposition {
        let attempt = delivery.receive_count;
        match message {
            Message::ReconcileAlert {
                alert,
                cause,
                snapshot,
                ..
            } => {
                let outcome = self
                    .reconcile_alert(*alert, snapshot.as_deref(), cause, batcher, actions)
                    .await;
                log_reconciled(cause, Some(*alert), None, &outcome, actions);
                self.disposition_of(outcome, actions, attempt)
            }
            Message::ReconcileTicket {
                ticket,
                cause,
                snapshot,
                ..
            } => {
                match self.is_repeated(cause).await {
                    Ok(false) => {}
                    Ok(true) => return Disposition::Ack("duplicate"),
                    Err(error) => return self.disposition_of_error(&error.into(), attempt),
                }
                let asked_at = delivery.sent_at;
                let outcome = self
                    .reconcile_ticket(
                        *ticket,
                        snapshot.as_deref(),
                        cause,
                        asked_at,
                        batcher,
                        actions,
                    )
                    .await;
                log_reconciled(cause, None, Some(*ticket), &outcome, actions);
                let is_echo = match &outcome {
                    Ok(Outcome::Done) => actions.is_empty() && snapshot.is_some(),
                    Ok(Outcome::NotOurs) => true,
                    _ => false,
                };
                let disposition = self.disposition_of(outcome, actions, attempt);
                if is_echo {
                    // Coming again, it says nothing new again: it needs no memory.
                    return disposition;
                }
                match self.record_if_acked(cause, &disposition).await {
                    Ok(()) => disposition,
                    Err(error) => self.disposition_of_error(&error.into(), attempt),
                }
            }
            Message::AdvanceRun { target, .. } => match self.advance_run(*target).await {
                Ok(None) => Disposition::Ack("run_advanced"),
                Ok(Some(until)) => Disposition::Defer("run_in_progress", until),
                Err(error) => self.retry_run(*target, &error, attempt).await,
            },
            Message::Poll { .. } => match self.poll_on_wake_up().await {
                Ok(None) => Disposition::Ack("polled"),
                Ok(Some(until)) => Disposition::Defer("poll_deferred", until),
                Err(error) => self.disposition_of_error(&error.into(), attempt),
            },
            Message::RecordNotification { notification, .. } => {
                match self.record_notification(notification).await {
                    Ok(outcome) => Disposition::Ack(outcome),
                    Err(error) => self.disposition_of_error(&error.into(), attempt),
                }
            }
        }
    }

    /// How a message is settled after its look, which `actions` this.
    fn disposition_of(
        &self,
        outcome: Result<Outcome, ReconcileError>,
        actions: &[&'static str],
        attempt: u32,
    ) -> Disposition {
        match outcome {
            Ok(Outcome::Done) => Disposition::Ack(actions.last().copied().unwrap_or("in_sync")),
            Ok(Outcome::NotOurs) => Disposition::Ack("not_ours"),
            Ok(Outcome::Waiting(until)) => Disposition::Defer("waiting", until),
            Ok(Outcome::Refused(said)) => Disposition::DeadLetter("refused", said),
            Err(error) => self.disposition_of_error(&error, attempt),
        }
    }

    /// Remembers the webhook behind `cause`, unless its message comes back, from the queue or from
    /// the dead letters: it would be taken for a repeat.
    async fn record_if_acked(
        &self,
        cause: &Cause,
        disposition: &Disposition,
    ) -> Result<(), PortError> {
        match (cause, disposition) {
            (Cause::Webhook { notification }, Disposition::Ack(_)) => {
                self.store.record(notification, self.clock.now()).await
            }
            _ => Ok(()),
        }
    }

    /// Whether the webhook behind `cause` was worked off before.
    async fn is_repeated(&self, cause: &Cause) -> Result<bool, PortError> {
        match cause {
            Cause::Webhook { notification } => {
                self.store.is_known(notification, self.clock.now()).await
            }
            _ => Ok(false),
        }
    }

    /// Keeps and counts a webhook that concerns no ticket.
    async fn record_notification(
        &self,
        notification: &Notification,
    ) -> Result<&'static str, PortError> {
        let now = self.clock.now();
        if self.store.is_known(notification, now).await? {
            return Ok("duplicate");
        }
        let entry = JournalEntry {
            at: now,
            alert: None,
            ticket: None,
            event: "notification_recorded".to_owned(),
            cause: notification.kind.clone(),
            detail: notification.object.map(|object| format!("object {object}")),
        };
        self.store.append(&[entry]).await?;
        self.store.record(notification, now).await?;
        Ok("recorded")
    }

    /// What follows a look at a run that broke off. The run is noted as watched until the next one:
    /// otherwise every poll would send another watcher after it, for as long as Liongard is away.
    async fn retry_run(
        &self,
        target: RunTarget,
        error: &ReconcileError,
        attempt: u32,
    ) -> Disposition {
        let disposition = self.disposition_of_error(error, attempt);
        let until = match &disposition {
            Disposition::Retry(_, until, _) | Disposition::Pause(_, until) => *until,
            // Refused: the next poll after this pause tries it anew.
            _ => self.clock.now().plus(BACKOFF_MAX),
        };
        if let Err(error) = self.watch_until(target, until).await {
            // A second watcher is sent, then; it finds nothing to do.
            debug!(%error, "a watcher's pause was not noted");
        }
        disposition
    }

    /// What follows a look that broke off.
    fn disposition_of_error(&self, error: &ReconcileError, attempt: u32) -> Disposition {
        let now = self.clock.now();
        let ReconcileError::Port(port) = error else {
            return retry(now, attempt, "conflict", error.to_string());
        };
        if let Some(until) = port.retry_at {
            let outcome = match port.error_type {
                PortError::BUDGET_EXHAUSTED => "budget_exhausted",
                _ => "waiting",
            };
            return Disposition::Pause(outcome, until);
        }
        if port.refusal == Some(Refusal::Unauthorised) {
            warn!(
                error_type = port.error_type,
                reason = port.chain(),
                "credential not accepted; work is paused"
            );
            return Disposition::Pause("unauthorized", now.plus(UNAUTHORISED_PAUSE));
        }
        match port.class {
            FailureClass::Throttled { retry_after } => {
                let pause = retry_after.unwrap_or(THROTTLED_PAUSE);
                Disposition::Pause("throttled", now.plus(pause))
            }
            FailureClass::Permanent
                if port.error_type.ends_with(".unexpected")
                    && attempt < UNEXPECTED_ATTEMPTS_MAX =>
            {
                retry(now, attempt, "unexpected", port.chain())
            }
            FailureClass::Permanent => Disposition::DeadLetter("failed", port.chain()),
            FailureClass::Transient => retry(now, attempt, "transient", port.chain()),
            FailureClass::InDoubt => retry(now, attempt, "in_doubt", port.chain()),
        }
    }
}

/// Another try after a pause, or the dead letters when there were too many.
fn retry(now: Timestamp, attempt: u32, outcome: &'static str, reason: String) -> Disposition {
    if attempt >= ATTEMPTS_MAX {
        return Disposition::DeadLetter(
            "attempts_exhausted",
            format!("{reason} ({attempt} tries)"),
        );
    }
    Disposition::Retry(outcome, now.plus(backoff(attempt)), reason)
}

/// The pause before the next try: 2 s, doubling, at most [`BACKOFF_MAX`].
fn backoff(attempt: u32) -> Duration {
    let doubled = 2_u64.saturating_pow(attempt.clamp(1, 20));
    Duration::from_secs(doubled).min(BACKOFF_MAX)
}

/// Writes the one line a unit of work ends with.
fn log_reconciled(
    cause: &Cause,
    alert: Option<AlertId>,
    ticket: Option<TicketId>,
    outcome: &Result<Outcome, ReconcileError>,
    actions: &[&'static str],
) {
    let outcome = match outcome {
        Ok(Outcome::Done) => actions.last().copied().unwrap_or("in_sync"),
        Ok(Outcome::Waiting(_)) => "waiting",
        Ok(Outcome::Refused(_)) => "refused",
        Ok(Outcome::NotOurs) => "not_ours",
        // Told where it is settled.
        Err(_) => return,
    };
    info!(
        alert_id = alert.map(AlertId::get),
        ticket_id = ticket.map(TicketId::get),
        cause = cause.as_str(),
        outcome,
        actions = actions.join(" "),
        "reconciled"
    );
}
