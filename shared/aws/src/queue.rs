//! The work queue on SQS, and its dead letters.
//!
//! A lane is a standard queue with a dead-letter queue beside it. The body of a message is our
//! [`Message`](halogard_domain::Message) as JSON; what else we must know of it travels in message
//! attributes ([`attributes`]). A message that has to wait is *copied*: the copy is sent with a delay,
//! then the original is deleted. Waiting therefore never raises the count by which the queue's redrive
//! policy takes a message away, and a crash between the two calls leaves a duplicate, never a loss. See
//! `docs/adr/0006-queues.md`.

use std::time::Duration;

use halogard_app::ports::{
    Clock, DeadLetter, Delivery, Lane, Outgoing, PortError, WorkQueue, WorkSink,
};
use halogard_domain::Timestamp;

use crate::store::Store;

mod attributes;
mod calls;
mod dead_letters;
mod error;
mod event_source;
mod in_flight;
mod received;
mod sender;
mod sending;
mod settling;

pub use attributes::RECEIVES_MAX;
pub use error::QueueError;
pub(crate) use in_flight::InFlight;
pub use received::Received;
pub use sender::QueueSender;

use calls::Wait;
use in_flight::SqsReceipt;
use sending::QueueTarget;

/// Rounds of one `receive`: each brings ten messages at most, and a round may bring only messages
/// that came too early.
const RECEIVE_ROUNDS_MAX: u32 = 20;

impl<C: Clock> WorkSink for Store<C> {
    async fn send(&self, lane: Lane, messages: &[Outgoing]) -> Result<(), PortError> {
        let target = QueueTarget {
            sqs: self.sqs(),
            queue: self.work_queue(lane)?,
        };
        target.send(messages, self.now()).await
    }
}

impl<C: Clock> WorkQueue for Store<C> {
    async fn receive(
        &self,
        lane: Lane,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, PortError> {
        let queue = self.work_queue(lane)?;
        let mut deliveries = Vec::new();
        for _ in 0..RECEIVE_ROUNDS_MAX {
            if deliveries.len() >= max {
                break;
            }
            // Taken before the call: by our clock a delivery rather ends early than late.
            let until = self.now().plus(visibility);
            let wanted = max - deliveries.len();
            let came = match self.fetch(queue, wanted, visibility, Wait::No).await {
                // Messages already received must not be lost because a later call fails.
                Err(error) if !deliveries.is_empty() => {
                    tracing::warn!(%error, lane = lane.name(), "fewer messages received than requested");
                    break;
                }
                came => came?,
            };
            if came.is_empty() {
                break;
            }
            for message in came {
                let received = Received::of(message);
                let handle = received.handle.clone();
                let receipt = SqsReceipt::Polled { until, handle };
                deliveries.extend(self.accept(lane, received, receipt).await?);
            }
        }
        Ok(deliveries)
    }

    async fn ack(&self, lane: Lane, receipt: &str) -> Result<(), PortError> {
        self.finish(lane, receipt).await
    }

    async fn defer(
        &self,
        lane: Lane,
        receipts: &[&str],
        not_before: Timestamp,
    ) -> Result<(), PortError> {
        self.put_back(lane, receipts, not_before, |count| count.saturating_sub(1))
            .await
    }

    async fn retry(
        &self,
        lane: Lane,
        receipt: &str,
        not_before: Timestamp,
    ) -> Result<(), PortError> {
        self.put_back(lane, &[receipt], not_before, |count| count)
            .await
    }

    async fn dead_letter(&self, lane: Lane, receipt: &str, reason: &str) -> Result<(), PortError> {
        self.move_to_dead_letters(lane, receipt, reason).await
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, PortError> {
        self.list_dead_letters(limit).await
    }

    async fn dead_letter_count(&self) -> Result<u64, PortError> {
        let mut count = 0;
        for lane in self.lanes_with_dead_letters() {
            count += self.count_messages(self.dead_letter_queue(lane)?).await?;
        }
        Ok(count)
    }

    async fn redrive(&self, id: &str) -> Result<bool, PortError> {
        self.redrive_dead_letter(id).await
    }

    async fn discard_dead_letters(&self, ids: &[String]) -> Result<usize, PortError> {
        self.delete_dead_letters(ids).await
    }

    async fn depth(&self, lane: Lane) -> Result<u64, PortError> {
        self.count_messages(self.work_queue(lane)?).await
    }

    /// SQS does not say. The stack's metrics count the age from the first sending.
    async fn oldest(&self, _lane: Lane) -> Result<Option<Timestamp>, PortError> {
        Ok(None)
    }
}
