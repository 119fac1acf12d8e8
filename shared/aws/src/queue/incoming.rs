//! A message that came off a queue, and what becomes of it.

use aws_sdk_sqs::types::{Message as SqsMessage, MessageSystemAttributeName as System};
use halogard_app::ports::{Clock, Delivery, Lane, PortError, Unreadable};
use halogard_domain::{Message, Timestamp};

use super::attributes::{Mark, texts};
use super::handed::{Handed, Taken};
use super::held::{Held, Receipt};
use crate::error::Misfit;
use crate::store::Store;

/// A message that has just come.
#[derive(Debug)]
pub struct Arrival {
    receipt: Receipt,
    held: Held,
}

impl Arrival {
    /// A message we asked for, which is hidden until `until`.
    pub fn polled(lane: Lane, message: SqsMessage, until: Timestamp) -> Self {
        let received = Received::of(message);
        let handle = received.handle.clone();
        Self::new(lane, received, Receipt::Polled { until, handle })
    }

    /// A message that an event source handed over.
    pub fn handed(lane: Lane, handed: Handed) -> Self {
        let handle = handed.receipt_handle.clone();
        Self::new(lane, handed.into(), Receipt::Handed { handle })
    }

    fn new(lane: Lane, received: Received, receipt: Receipt) -> Self {
        let mark = received.mark;
        Self {
            receipt,
            held: Held {
                lane,
                body: received.body,
                mark,
                receive_count: mark.failures.saturating_add(received.receive_count),
            },
        }
    }

    /// The message in the worker's hands.
    fn delivery(&self) -> Delivery {
        let message = serde_json::from_str::<Message>(&self.held.body);
        Delivery {
            message: message.map_err(|error| Unreadable {
                body: self.held.body.clone(),
                reason: Misfit::from(error).to_string(),
            }),
            receipt: self.receipt.to_string(),
            receive_count: self.held.receive_count,
            sent_at: self.held.mark.sent_at,
        }
    }
}

impl<C: Clock> Store<C> {
    /// Takes a message in hand; `None` if it came too early and was put back.
    pub(super) async fn accept(&self, arrival: Arrival) -> Result<Option<Delivery>, PortError> {
        match self.admit(arrival).await? {
            Taken::Now(delivery) => Ok(Some(delivery)),
            Taken::TooEarly { .. } => Ok(None),
        }
    }

    /// Takes a message in hand, or puts one back that came too early: free of charge, since nobody
    /// has worked on it.
    pub(super) async fn admit(&self, arrival: Arrival) -> Result<Taken, PortError> {
        let now = self.now();
        let until = arrival.held.mark.not_before.filter(|time| *time > now);
        let delivery = arrival.delivery();
        let lane = arrival.held.lane;
        self.deliveries().take(arrival.receipt, arrival.held, now);
        let Some(until) = until else {
            return Ok(Taken::Now(delivery));
        };
        self.put_back(lane, &delivery.receipt, until, |count| {
            count.saturating_sub(1)
        })
        .await?;
        Ok(Taken::TooEarly { until })
    }
}

/// A message as it came, in one form whoever asked for it.
#[derive(Clone, Debug)]
pub struct Received {
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
    pub mark: Mark,
    /// Everything that travels with it, as text.
    pub texts: super::attributes::Texts,
}

impl Received {
    /// `message` as SQS gave it. What is missing counts as empty: SQS leaves nothing out that was
    /// asked for.
    pub fn of(message: SqsMessage) -> Self {
        let texts = texts(message.message_attributes());
        let system = |name| message.attributes().and_then(|all| all.get(&name));
        let count = system(System::ApproximateReceiveCount).and_then(|text| text.parse().ok());
        let sent = system(System::SentTimestamp).and_then(|text| text.parse().ok());
        let sent = Timestamp::from_millis(sent.unwrap_or_default());
        Self {
            mark: Mark::read(&texts, sent),
            texts,
            sent,
            receive_count: count.unwrap_or(1),
            id: message.message_id.unwrap_or_default(),
            handle: message.receipt_handle.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
        }
    }
}

impl From<Handed> for Received {
    fn from(handed: Handed) -> Self {
        Self {
            mark: Mark::read(&handed.attributes, handed.sent_at),
            id: handed.message_id,
            handle: handed.receipt_handle,
            body: handed.body,
            receive_count: handed.receive_count,
            sent: handed.sent_at,
            texts: handed.attributes,
        }
    }
}
