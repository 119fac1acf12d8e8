//! Processing messages of the work queue: each is dispatched to its use case, then acknowledged,
//! deferred, retried or dead-lettered on its own.

mod disposition;
mod lane_work;
mod pair_work;
mod run_work;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::Message;
use halogard_domain::runs::RunTarget;
use tracing::warn;

pub use self::disposition::ATTEMPTS_MAX;
use self::disposition::{Dispatched, Disposition};
pub use self::lane_work::LaneWork;
pub use self::pair_work::PairWork;
pub use self::run_work::RunWork;
use crate::env::Env;
use crate::outcome::{Lag, Outcome, Processed};
use crate::ports::prelude::*;
use crate::ports::{Delivery, Lane, PortError};
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
        let processed = match lane {
            Lane::Urgent | Lane::Bulk => self.process::<PairWork>(lane, &deliveries).await,
            Lane::Runs => self.process::<RunWork>(lane, &deliveries).await,
        };
        processed.into_iter().collect()
    }

    /// Processes deliveries concurrently, so that their writes to HaloPSA are batched, and settles each
    /// on its own; one answer for each, in order. Deliveries about the same record are processed one
    /// after another: the first mostly leaves the others nothing to do.
    ///
    /// An error means that the queue itself failed for that delivery; its message is delivered again.
    pub async fn process<W: LaneWork>(
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
                        processed
                            .push((index, self.process_one::<W>(lane, delivery, batcher).await));
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
    async fn process_one<W: LaneWork>(
        &self,
        lane: Lane,
        delivery: &Delivery,
        batcher: &WriteBatcher,
    ) -> Result<Processed, PortError> {
        let dispatched = match &delivery.message {
            Ok(message) => self.dispatch::<W>(message, delivery, batcher).await,
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
            Disposition::Defer(until) => self.store.defer(lane, &[receipt], until).await?,
            Disposition::Pause(until) => {
                self.store.defer(lane, &[receipt], until).await?;
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

    /// Calls the use case for `message`, unless an operator has paused what it is about.
    async fn dispatch<W: LaneWork>(
        &self,
        message: &Message,
        delivery: &Delivery,
        batcher: &WriteBatcher,
    ) -> Dispatched {
        match self.paused(message, delivery).await {
            Some(paused) => paused,
            None => W::dispatch(self, message, delivery, batcher).await,
        }
    }

    /// How `message` is settled without being processed, where an operator has paused what it is about.
    async fn paused(&self, message: &Message, delivery: &Delivery) -> Option<Dispatched> {
        match self.message_paused_until(message).await {
            Ok(until) => {
                until.map(|until| Dispatched::new(Outcome::Paused, Disposition::Defer(until)))
            }
            Err(error) => Some(self.failed(&error.into(), delivery.receive_count)),
        }
    }
}
