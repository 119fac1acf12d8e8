//! A message that came off a queue, and how it is settled.

use aws_sdk_sqs::types::{Message as SqsMessage, MessageSystemAttributeName as System};
use halogard_app::ports::{Clock, Delivery, Lane, PortError, Unreadable, deferred_until};
use halogard_domain::{Message, Timestamp};

use super::attributes::{MessageMetadata, Texts, texts};
use super::in_flight::{InFlightMessage, SqsReceipt};
use crate::error::DecodeError;
use crate::store::Store;

/// A message as it came off a queue, whether this process or an event source received it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Identifies the message for as long as it is on this queue.
    pub id: String,
    /// Identifies this delivery.
    pub handle: String,
    /// The body.
    pub body: String,
    /// How often this copy has been received.
    pub receive_count: u32,
    /// When this copy was sent, by the queue's clock.
    pub sent: Timestamp,
    /// The message attributes that are text.
    pub attributes: Texts,
}

impl Received {
    /// `message` as SQS returned it. What is missing counts as empty: SQS leaves nothing out that was
    /// asked for.
    pub(super) fn of(message: SqsMessage) -> Self {
        let attributes = texts(message.message_attributes());
        let system = |name| message.attributes().and_then(|all| all.get(&name));
        let count = system(System::ApproximateReceiveCount).and_then(|text| text.parse().ok());
        let sent = system(System::SentTimestamp).and_then(|text| text.parse().ok());
        Self {
            attributes,
            sent: Timestamp::from_millis(sent.unwrap_or_default()),
            receive_count: count.unwrap_or(1),
            id: message.message_id.unwrap_or_default(),
            handle: message.receipt_handle.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
        }
    }

    /// What the attributes say.
    pub(super) fn metadata(&self) -> MessageMetadata {
        MessageMetadata::read(&self.attributes, self.sent)
    }
}

impl<C: Clock> Store<C> {
    /// Takes a message in flight under `receipt`. A message that came too early is put back instead,
    /// without counting the delivery.
    pub(super) async fn accept(
        &self,
        lane: Lane,
        received: Received,
        receipt: SqsReceipt,
    ) -> Result<Option<Delivery>, PortError> {
        let now = self.now();
        let metadata = received.metadata();
        let message = InFlightMessage {
            lane,
            body: received.body,
            metadata,
            receive_count: metadata.failures.saturating_add(received.receive_count),
        };
        let delivery = delivery(&message, &receipt);
        self.in_flight().take(receipt, message, now);
        // The clock of the process that sent it may have been ahead.
        let Some(until) = metadata
            .not_before
            .and_then(|time| deferred_until(time, now))
        else {
            return Ok(Some(delivery));
        };
        self.put_back(lane, &[&delivery.receipt], until, |count| {
            count.saturating_sub(1)
        })
        .await?;
        Ok(None)
    }
}

/// The message as a worker gets it.
fn delivery(message: &InFlightMessage, receipt: &SqsReceipt) -> Delivery {
    let decoded = serde_json::from_str::<Message>(&message.body);
    Delivery {
        message: decoded.map_err(|error| Unreadable {
            body: message.body.clone(),
            reason: DecodeError::from(error).to_string(),
        }),
        receipt: receipt.to_string(),
        receive_count: message.receive_count,
        sent_at: message.metadata.sent_at,
    }
}
