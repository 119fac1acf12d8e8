//! Settling a message that was processed.

use halogard_app::ports::{Clock, Lane, PortError, deferred_until};
use halogard_domain::Timestamp;

use super::attributes::{DeadLetterMetadata, MessageMetadata};
use super::calls::EncodedMessage;
use super::error::QueueError;
use super::in_flight::{InFlightMessage, ReceiptState, SqsReceipt};
use crate::store::Store;

impl<C: Clock> Store<C> {
    /// The message is done with.
    pub(super) async fn finish(&self, lane: Lane, receipt: &str) -> Result<(), PortError> {
        let queue = self.work_queue(lane)?;
        match self.in_flight().settle(lane, receipt, self.now()) {
            ReceiptState::Ours(SqsReceipt::Polled { until, handle }, held) => {
                let deleted = self.delete(queue, &handle).await;
                self.or_restore(deleted, SqsReceipt::Polled { until, handle }, held)
            }
            ReceiptState::OtherProcess(handle) => self.delete(queue, &handle).await,
            ReceiptState::Ours(SqsReceipt::EventSource { .. }, _) | ReceiptState::Expired => Ok(()),
        }
    }

    /// Puts the message back until `not_before`. `failures` says how many of its deliveries, this one
    /// included, have failed.
    ///
    /// A message that another process received is hidden until then; it cannot be copied, so this
    /// delivery counts.
    pub(super) async fn put_back(
        &self,
        lane: Lane,
        receipt: &str,
        not_before: Timestamp,
        failures: impl FnOnce(u32) -> u32,
    ) -> Result<(), PortError> {
        let queue = self.work_queue(lane)?;
        let now = self.now();
        let until = deferred_until(not_before, now);
        let delay = until.unwrap_or(now).since(now);
        match self.in_flight().settle(lane, receipt, now) {
            ReceiptState::Ours(receipt, held) => {
                let metadata = MessageMetadata {
                    sent_at: held.metadata.sent_at,
                    not_before: until,
                    failures: failures(held.receive_count),
                };
                let copy = EncodedMessage {
                    body: held.body.clone(),
                    attributes: metadata.attributes(),
                    delay,
                };
                self.replace(receipt, held, queue, copy).await
            }
            ReceiptState::OtherProcess(handle) => self.hide(queue, &handle, delay).await,
            ReceiptState::Expired => Ok(()),
        }
    }

    /// Puts the message among the dead letters.
    pub(super) async fn move_to_dead_letters(
        &self,
        lane: Lane,
        receipt: &str,
        reason: &str,
    ) -> Result<(), PortError> {
        let dead_letters = self.dead_letter_queue(lane)?;
        let now = self.now();
        match self.in_flight().settle(lane, receipt, now) {
            ReceiptState::Ours(receipt, held) => {
                let dead_letter = DeadLetterMetadata {
                    reason: reason.to_owned(),
                    at: now,
                    receive_count: held.receive_count,
                };
                let mut attributes = MessageMetadata::new(held.metadata.sent_at).attributes();
                attributes.extend(dead_letter.attributes());
                let letter = EncodedMessage {
                    body: held.body.clone(),
                    attributes,
                    delay: std::time::Duration::ZERO,
                };
                self.replace(receipt, held, dead_letters, letter).await
            }
            ReceiptState::OtherProcess(_) => Err(QueueError::NotInFlight.into()),
            ReceiptState::Expired => Ok(()),
        }
    }

    /// Sends `copy` to `target`, then deletes the message of `receipt`, in this order: what comes
    /// between the two leaves a duplicate and loses nothing.
    async fn replace(
        &self,
        receipt: SqsReceipt,
        held: InFlightMessage,
        target: &str,
        copy: EncodedMessage,
    ) -> Result<(), PortError> {
        let lane = held.lane;
        let sent = self.post(target, copy).await;
        let handle = match &receipt {
            SqsReceipt::Polled { handle, .. } => Some(handle.clone()),
            SqsReceipt::EventSource { .. } => None,
        };
        self.or_restore(sent, receipt, held)?;
        if let Some(handle) = handle
            && let Err(error) = self.delete(self.work_queue(lane)?, &handle).await
        {
            // The copy is safe; an error would only have it copied once more.
            tracing::warn!(
                error = error.chain(),
                lane = lane.name(),
                "a message was copied but not deleted, so it will be delivered twice"
            );
        }
        Ok(())
    }

    /// `outcome`; if it failed, the message stays in flight and can be settled again.
    fn or_restore(
        &self,
        outcome: Result<(), PortError>,
        receipt: SqsReceipt,
        held: InFlightMessage,
    ) -> Result<(), PortError> {
        if outcome.is_err() {
            self.in_flight().restore(&receipt, held);
        }
        outcome
    }
}
