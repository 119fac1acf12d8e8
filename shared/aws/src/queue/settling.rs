//! Settling a message that was processed.

use halogard_app::ports::{Clock, Lane, PortError, deferred_until};
use halogard_domain::Timestamp;

use super::attributes::{DeadLetterMetadata, MessageMetadata};
use super::calls::EncodedMessage;
use super::error::QueueError;
use super::in_flight::{InFlightMessage, ReceiptState, SqsReceipt};
use super::sending::QueueTarget;
use crate::store::Store;

/// A message in flight, and the copy that takes its place.
struct Replacement {
    receipt: SqsReceipt,
    held: InFlightMessage,
    copy: EncodedMessage,
}

impl<C: Clock> Store<C> {
    /// The message is done with.
    pub(super) async fn finish(&self, lane: Lane, receipt: &str) -> Result<(), PortError> {
        let queue = self.work_queue(lane)?;
        match self.in_flight().settle(lane, receipt, self.now()) {
            ReceiptState::Ours(SqsReceipt::Polled { until, handle }, held) => {
                let deleted = self.delete(queue, &handle).await;
                if deleted.is_err() {
                    // It stays in flight and can be settled again.
                    let receipt = SqsReceipt::Polled { until, handle };
                    self.in_flight().restore(&receipt, held);
                }
                deleted
            }
            ReceiptState::OtherProcess(handle) => self.delete(queue, &handle).await,
            ReceiptState::Ours(SqsReceipt::EventSource { .. }, _) | ReceiptState::Expired => Ok(()),
        }
    }

    /// Puts messages back until `not_before`. `failures` says how many of a message's deliveries, this one
    /// included, have failed.
    ///
    /// A message that another process received is hidden until then; it cannot be copied, so this
    /// delivery counts.
    pub(super) async fn put_back(
        &self,
        lane: Lane,
        receipts: &[&str],
        not_before: Timestamp,
        failures: impl Fn(u32) -> u32,
    ) -> Result<(), PortError> {
        let queue = self.work_queue(lane)?;
        let now = self.now();
        let until = deferred_until(not_before, now);
        let delay = until.unwrap_or(now).since(now);
        let mut replacements = Vec::new();
        let mut elsewhere = Vec::new();
        for receipt in receipts {
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
                    replacements.push(Replacement {
                        receipt,
                        held,
                        copy,
                    });
                }
                ReceiptState::OtherProcess(handle) => elsewhere.push(handle),
                ReceiptState::Expired => {}
            }
        }
        self.replace(lane, replacements, queue).await?;
        for handle in elsewhere {
            self.hide(queue, &handle, delay).await?;
        }
        Ok(())
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
                let copy = EncodedMessage {
                    body: held.body.clone(),
                    attributes,
                    delay: std::time::Duration::ZERO,
                };
                let letter = Replacement {
                    receipt,
                    held,
                    copy,
                };
                self.replace(lane, vec![letter], dead_letters).await
            }
            ReceiptState::OtherProcess(_) => Err(QueueError::NotInFlight.into()),
            ReceiptState::Expired => Ok(()),
        }
    }

    /// Sends the copies to `target`, then deletes the messages, in this order: what comes between the two leaves
    /// duplicates and loses nothing.
    async fn replace(
        &self,
        lane: Lane,
        replacements: Vec<Replacement>,
        target: &str,
    ) -> Result<(), PortError> {
        let copies = replacements.iter().map(|it| it.copy.clone()).collect();
        let target = QueueTarget {
            sqs: self.sqs(),
            queue: target,
        };
        let sent = target.send_encoded(copies).await;
        for Replacement { receipt, held, .. } in replacements {
            if sent.is_err() {
                self.in_flight().restore(&receipt, held);
            } else if let SqsReceipt::Polled { handle, .. } = receipt
                && let Err(error) = self.delete(self.work_queue(lane)?, &handle).await
            {
                // The copy is safe; an error would only have it copied once more.
                tracing::warn!(
                    error = error.chain(),
                    lane = lane.name(),
                    "a message was copied but not deleted, so it will be delivered twice"
                );
            }
        }
        sent
    }
}
