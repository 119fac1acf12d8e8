//! A message that came off a queue, and what becomes of it.

use aws_sdk_sqs::types::{Message as SqsMessage, MessageSystemAttributeName as System};
use halogard_app::ports::{Clock, Delivery, Lane, PortError, Unreadable};
use halogard_domain::{Message, Timestamp};

use super::attributes::{MessageMetadata, texts};
use super::event_source::{Admission, EventSourceRecord};
use super::in_flight::{InFlightMessage, Receipt};
use crate::error::DecodeError;
use crate::store::Store;

/// A message that has just come.
#[derive(Debug)]
pub struct Received {
    receipt: Receipt,
    held: InFlightMessage,
}

impl Received {
    /// A message we asked for, which is hidden until `until`.
    pub fn polled(lane: Lane, message: SqsMessage, until: Timestamp) -> Self {
        let raw = RawMessage::of(message);
        let handle = raw.handle.clone();
        Self::new(lane, raw, Receipt::Polled { until, handle })
    }

    /// A message that an event source handed over.
    pub fn from_event_source(lane: Lane, handed: EventSourceRecord) -> Self {
        let handle = handed.receipt_handle.clone();
        Self::new(lane, handed.into(), Receipt::EventSource { handle })
    }

    fn new(lane: Lane, raw: RawMessage, receipt: Receipt) -> Self {
        let metadata = raw.metadata;
        Self {
            receipt,
            held: InFlightMessage {
                lane,
                body: raw.body,
                metadata,
                receive_count: metadata.failures.saturating_add(raw.receive_count),
            },
        }
    }

    /// The message in the worker's hands.
    fn delivery(&self) -> Delivery {
        let message = serde_json::from_str::<Message>(&self.held.body);
        Delivery {
            message: message.map_err(|error| Unreadable {
                body: self.held.body.clone(),
                reason: DecodeError::from(error).to_string(),
            }),
            receipt: self.receipt.to_string(),
            receive_count: self.held.receive_count,
            sent_at: self.held.metadata.sent_at,
        }
    }
}

impl<C: Clock> Store<C> {
    /// Takes a message in hand; `None` if it came too early and was put back.
    pub(super) async fn accept(&self, received: Received) -> Result<Option<Delivery>, PortError> {
        match self.admit(received).await? {
            Admission::Ready(delivery) => Ok(Some(delivery)),
            Admission::Deferred { .. } => Ok(None),
        }
    }

    /// Takes a message in hand, or puts one back that came too early: free of charge, since nobody
    /// has worked on it.
    pub(super) async fn admit(&self, received: Received) -> Result<Admission, PortError> {
        let now = self.now();
        let until = received.held.metadata.not_before.filter(|time| *time > now);
        let delivery = received.delivery();
        let lane = received.held.lane;
        self.in_flight().take(received.receipt, received.held, now);
        let Some(until) = until else {
            return Ok(Admission::Ready(delivery));
        };
        self.put_back(lane, &delivery.receipt, until, |count| {
            count.saturating_sub(1)
        })
        .await?;
        Ok(Admission::Deferred { until })
    }
}

/// A message as it came, in one form whoever asked for it.
#[derive(Clone, Debug)]
pub struct RawMessage {
    /// Names the message for as long as it is on this queue.
    pub id: String,
    /// Names this delivery.
    pub handle: String,
    /// The body.
    pub body: String,
    /// How often this copy has been handed out.
    pub receive_count: u32,
    /// When this copy was sent, by the queue's clock.
    pub sent: Timestamp,
    /// What travels with it.
    pub metadata: MessageMetadata,
    /// Everything that travels with it, as text.
    pub texts: super::attributes::Texts,
}

impl RawMessage {
    /// `message` as SQS gave it. What is missing counts as empty: SQS leaves nothing out that was
    /// asked for.
    pub fn of(message: SqsMessage) -> Self {
        let texts = texts(message.message_attributes());
        let system = |name| message.attributes().and_then(|all| all.get(&name));
        let count = system(System::ApproximateReceiveCount).and_then(|text| text.parse().ok());
        let sent = system(System::SentTimestamp).and_then(|text| text.parse().ok());
        let sent = Timestamp::from_millis(sent.unwrap_or_default());
        Self {
            metadata: MessageMetadata::read(&texts, sent),
            texts,
            sent,
            receive_count: count.unwrap_or(1),
            id: message.message_id.unwrap_or_default(),
            handle: message.receipt_handle.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
        }
    }
}

impl From<EventSourceRecord> for RawMessage {
    fn from(handed: EventSourceRecord) -> Self {
        Self {
            metadata: MessageMetadata::read(&handed.attributes, handed.sent_at),
            id: handed.message_id,
            handle: handed.receipt_handle,
            body: handed.body,
            receive_count: handed.receive_count,
            sent: handed.sent_at,
            texts: handed.attributes,
        }
    }
}
