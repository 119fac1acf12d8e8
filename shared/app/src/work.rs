//! Working off the queue: one message at a time, each settled on its own.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::{Cause, Message, Notification};
use halogard_domain::runs::RunTarget;
use halogard_domain::{FailureClass, Timestamp};
use tracing::{debug, info, warn};

use crate::bundle::{Bundle, Liongard, Store};
use crate::ports::{Clock, Delivery, Entry, Lane, PortError, Refusal, TicketDesk};
use crate::reconcile::gather::Gather;
use crate::reconcile::{LookError, Looked};

/// How long a message is hidden while it is worked on: longer than the longest look, which is
/// [`ROUNDS_MAX`](crate::reconcile) calls of thirty seconds.
pub const VISIBILITY: Duration = Duration::from_secs(300);

/// Failed deliveries after which a message is buried. With the growing pauses between them this is a little over a day:
/// an outage of either vendor for a day must cost delay only.
pub const FAILURES_MAX: u32 = 110;

/// Tries of a message that met an answer of an unexpected form, which a proxy's bad moment explains as
/// well as a changed API. Source: five receives before dead-lettering is the common advice.
const UNEXPECTED_MAX: u32 = 5;

/// Longest pause between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(900);

/// Pause when a vendor throttles without naming one.
const THROTTLED_PAUSE: Duration = Duration::from_secs(30);

/// Pause when a credential is not accepted: one try a minute, no storm on the token address.
const UNAUTHORISED_PAUSE: Duration = Duration::from_secs(60);

/// What became of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worked {
    /// A stable word for logs and metrics.
    pub outcome: &'static str,
    /// A word for each thing a look did, in order; empty when it did nothing.
    pub did: Vec<&'static str>,
    /// Nothing in this lane can be done before this time.
    pub rest_until: Option<Timestamp>,
}

impl Worked {
    /// Every word to be counted: what was done, and the outcome where that is another.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        let last = self.did.last().copied();
        let outcome = (last != Some(self.outcome)).then_some(self.outcome);
        self.did.iter().copied().chain(outcome)
    }
}

/// What a message is about.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Record {
    Alert(AlertId),
    Ticket(TicketId),
    Run(RunTarget),
    /// Nothing that another message could be about as well.
    Own(usize),
}

impl Record {
    /// What the delivery in `place` is about.
    fn of(delivery: &Delivery, place: usize) -> Self {
        match &delivery.message {
            Ok(Message::LookAtAlert { alert, .. }) => Self::Alert(*alert),
            Ok(Message::LookAtTicket { ticket, .. }) => Self::Ticket(*ticket),
            Ok(Message::SeeToRun { target, .. }) => Self::Run(*target),
            Ok(Message::Poll { .. } | Message::KeepNotification { .. }) | Err(_) => {
                Self::Own(place)
            }
        }
    }
}

/// How a message is settled with the queue.
enum Settlement {
    Done(&'static str),
    GiveBack(&'static str, Timestamp),
    Pause(&'static str, Timestamp),
    Retry(&'static str, Timestamp, String),
    Bury(&'static str, String),
}

impl<D: TicketDesk, L: Liongard, S: Store, C: Clock> Bundle<D, L, S, C> {
    /// Works off the next messages of `lane` in company; none when there are none.
    ///
    /// # Errors
    ///
    /// The queue itself failed. What was received, if anything was, comes back.
    pub async fn work_next(&self, lane: Lane) -> Result<Vec<Worked>, PortError> {
        let deliveries = self
            .store
            .receive(lane, self.together_max, VISIBILITY)
            .await?;
        self.work(lane, &deliveries).await.into_iter().collect()
    }

    /// Works off deliveries in company, so that their writes to the desk go out together, and
    /// settles each on its own; one answer for each, in order. Those about the same record are
    /// worked off one after another: the first look mostly leaves the others nothing to do.
    ///
    /// An error says that the queue itself failed for that delivery; its message comes back.
    pub async fn work(
        &self,
        lane: Lane,
        deliveries: &[Delivery],
    ) -> Vec<Result<Worked, PortError>> {
        let mut records: BTreeMap<Record, Vec<usize>> = BTreeMap::new();
        for (place, delivery) in deliveries.iter().enumerate() {
            records
                .entry(Record::of(delivery, place))
                .or_default()
                .push(place);
        }
        let gather = &Gather::of(records.len(), self.together_max);
        let works = records.into_values().map(|places| {
            Box::pin(async move {
                let mut worked = Vec::with_capacity(places.len());
                for place in places {
                    if let Some(delivery) = deliveries.get(place) {
                        worked.push((place, self.work_one(lane, delivery, gather).await));
                    }
                }
                self.leave(gather).await;
                worked
            })
        });
        let mut worked: Vec<_> = join_all(works).await.into_iter().flatten().collect();
        worked.sort_unstable_by_key(|(place, _)| *place);
        worked.into_iter().map(|(_, worked)| worked).collect()
    }

    /// Works off one delivery and settles it with the queue.
    async fn work_one(
        &self,
        lane: Lane,
        delivery: &Delivery,
        gather: &Gather,
    ) -> Result<Worked, PortError> {
        let mut did = Vec::new();
        let settlement = match &delivery.message {
            Ok(message) => self.attend(message, delivery, gather, &mut did).await,
            Err(unreadable) => Settlement::Bury("unreadable", unreadable.reason.clone()),
        };
        let receipt = &delivery.receipt;
        let (outcome, rest_until) = match settlement {
            Settlement::Done(outcome) => {
                self.store.done(lane, receipt).await?;
                (outcome, None)
            }
            Settlement::GiveBack(outcome, until) => {
                self.store.give_back(lane, receipt, until).await?;
                (outcome, None)
            }
            Settlement::Pause(outcome, until) => {
                self.store.give_back(lane, receipt, until).await?;
                (outcome, Some(until))
            }
            Settlement::Retry(outcome, until, reason) => {
                warn!(
                    lane = lane.name(),
                    outcome,
                    attempt = delivery.receive_count,
                    reason,
                    "message left for another try"
                );
                self.store.retry(lane, receipt, until).await?;
                (outcome, None)
            }
            Settlement::Bury(outcome, reason) => {
                warn!(
                    lane = lane.name(),
                    outcome, reason, "message put among the dead letters"
                );
                self.store.bury(lane, receipt, &reason).await?;
                (outcome, None)
            }
        };
        Ok(Worked {
            outcome,
            did,
            rest_until,
        })
    }

    /// Does what `message` asks for; `did` takes in what a look did.
    async fn attend(
        &self,
        message: &Message,
        delivery: &Delivery,
        gather: &Gather,
        did: &mut Vec<&'static str>,
    ) -> Settlement {
        let attempt = delivery.receive_count;
        match message {
            Message::LookAtAlert {
                alert, cause, news, ..
            } => {
                let looked = self
                    .look_at_alert(*alert, news.as_deref(), cause, gather, did)
                    .await;
                tell(cause, Some(*alert), None, &looked, did);
                self.after_look(looked, did, attempt)
            }
            Message::LookAtTicket {
                ticket,
                cause,
                news,
                ..
            } => {
                match self.is_repeated(cause).await {
                    Ok(false) => {}
                    Ok(true) => return Settlement::Done("duplicate"),
                    Err(error) => return self.after_failure(&error.into(), attempt),
                }
                let asked_at = delivery.sent_at;
                let looked = self
                    .look_at_ticket(*ticket, news.as_deref(), cause, asked_at, gather, did)
                    .await;
                tell(cause, None, Some(*ticket), &looked, did);
                let said_nothing_new = match &looked {
                    Ok(Looked::Done) => did.is_empty() && news.is_some(),
                    Ok(Looked::NotOurs) => true,
                    _ => false,
                };
                let settlement = self.after_look(looked, did, attempt);
                if said_nothing_new {
                    // Coming again, it says nothing new again: it needs no memory.
                    return settlement;
                }
                match self.remember_if_settled(cause, &settlement).await {
                    Ok(()) => settlement,
                    Err(error) => self.after_failure(&error.into(), attempt),
                }
            }
            Message::SeeToRun { target, .. } => match self.see_to_run(*target).await {
                Ok(None) => Settlement::Done("run_seen_to"),
                Ok(Some(until)) => Settlement::GiveBack("run_underway", until),
                Err(error) => self.watch_again(*target, &error, attempt).await,
            },
            Message::Poll { .. } => match self.poll_soon().await {
                Ok(None) => Settlement::Done("polled"),
                Ok(Some(until)) => Settlement::GiveBack("polled_lately", until),
                Err(error) => self.after_failure(&error.into(), attempt),
            },
            Message::KeepNotification { notification, .. } => {
                match self.keep_notification(notification).await {
                    Ok(outcome) => Settlement::Done(outcome),
                    Err(error) => self.after_failure(&error.into(), attempt),
                }
            }
        }
    }

    /// How a message is settled after its look, which `did` this.
    fn after_look(
        &self,
        looked: Result<Looked, LookError>,
        did: &[&'static str],
        attempt: u32,
    ) -> Settlement {
        match looked {
            Ok(Looked::Done) => Settlement::Done(did.last().copied().unwrap_or("in_step")),
            Ok(Looked::NotOurs) => Settlement::Done("not_ours"),
            Ok(Looked::Later(until)) => Settlement::GiveBack("waiting", until),
            Ok(Looked::Refused(said)) => Settlement::Bury("refused", said),
            Err(error) => self.after_failure(&error, attempt),
        }
    }

    /// Remembers the webhook behind `cause`, unless its message comes back, from the queue or from
    /// the dead letters: it would be taken for a repeat.
    async fn remember_if_settled(
        &self,
        cause: &Cause,
        settlement: &Settlement,
    ) -> Result<(), PortError> {
        match (cause, settlement) {
            (Cause::Webhook { notification }, Settlement::Done(_)) => {
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
    async fn keep_notification(
        &self,
        notification: &Notification,
    ) -> Result<&'static str, PortError> {
        let now = self.clock.now();
        if self.store.is_known(notification, now).await? {
            return Ok("duplicate");
        }
        let entry = Entry {
            at: now,
            alert: None,
            ticket: None,
            what: "notification_kept".to_owned(),
            cause: notification.kind.clone(),
            detail: notification.object.map(|object| format!("object {object}")),
        };
        self.store.append(&[entry]).await?;
        self.store.record(notification, now).await?;
        Ok("kept")
    }

    /// What follows a look at a run that broke off. The run is noted as watched until the next one:
    /// otherwise every poll would send another watcher after it, for as long as Liongard is away.
    async fn watch_again(&self, target: RunTarget, error: &LookError, attempt: u32) -> Settlement {
        let settlement = self.after_failure(error, attempt);
        let until = match &settlement {
            Settlement::Retry(_, until, _) | Settlement::Pause(_, until) => *until,
            // Refused: the next poll after this pause tries it anew.
            _ => self.clock.now().plus(BACKOFF_MAX),
        };
        if let Err(error) = self.watch_until(target, until).await {
            // A second watcher is sent, then; it finds nothing to do.
            debug!(%error, "a watcher's pause was not noted");
        }
        settlement
    }

    /// What follows a look that broke off.
    fn after_failure(&self, error: &LookError, attempt: u32) -> Settlement {
        let now = self.clock.now();
        let LookError::Port(port) = error else {
            return retry(now, attempt, "contended", error.to_string());
        };
        if let Some(until) = port.retry_at {
            let outcome = match port.error_type {
                PortError::BUDGET_SPENT => "out_of_budget",
                _ => "waiting",
            };
            return Settlement::Pause(outcome, until);
        }
        if port.refusal == Some(Refusal::Unauthorised) {
            warn!(
                error_type = port.error_type,
                reason = port.chain(),
                "a credential is not accepted; work waits"
            );
            return Settlement::Pause("unauthorised", now.plus(UNAUTHORISED_PAUSE));
        }
        match port.class {
            FailureClass::Throttled { retry_after } => {
                let pause = retry_after.unwrap_or(THROTTLED_PAUSE);
                Settlement::Pause("throttled", now.plus(pause))
            }
            FailureClass::Permanent
                if port.error_type.ends_with(".unexpected") && attempt < UNEXPECTED_MAX =>
            {
                retry(now, attempt, "unexpected", port.chain())
            }
            FailureClass::Permanent => Settlement::Bury("failed", port.chain()),
            FailureClass::Transient => retry(now, attempt, "transient", port.chain()),
            FailureClass::InDoubt => retry(now, attempt, "in_doubt", port.chain()),
        }
    }
}

/// Another try after a pause, or the dead letters when there were too many.
fn retry(now: Timestamp, attempt: u32, outcome: &'static str, reason: String) -> Settlement {
    if attempt >= FAILURES_MAX {
        return Settlement::Bury("gave_up", format!("{reason} ({attempt} tries)"));
    }
    Settlement::Retry(outcome, now.plus(backoff(attempt)), reason)
}

/// The pause before the next try: 2 s, doubling, at most [`BACKOFF_MAX`].
fn backoff(attempt: u32) -> Duration {
    let doubled = 2_u64.saturating_pow(attempt.clamp(1, 20));
    Duration::from_secs(doubled).min(BACKOFF_MAX)
}

/// Writes the one line a unit of work ends with.
fn tell(
    cause: &Cause,
    alert: Option<AlertId>,
    ticket: Option<TicketId>,
    looked: &Result<Looked, LookError>,
    did: &[&'static str],
) {
    let outcome = match looked {
        Ok(Looked::Done) => did.last().copied().unwrap_or("in_step"),
        Ok(Looked::Later(_)) => "waiting",
        Ok(Looked::Refused(_)) => "refused",
        Ok(Looked::NotOurs) => "not_ours",
        // Told where it is settled.
        Err(_) => return,
    };
    info!(
        alert_id = alert.map(AlertId::get),
        ticket_id = ticket.map(TicketId::get),
        cause = cause.word(),
        outcome,
        did = did.join(" "),
        "looked at a pair"
    );
}
