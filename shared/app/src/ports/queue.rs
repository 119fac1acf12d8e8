//! The work queue: at-least-once delivery with delays, retries and dead letters.

use std::future::Future;
use std::time::Duration;

use halogard_domain::{Message, Timestamp};

use super::PortError;
use halogard_domain::budget::Priority;

/// Lanes are processed separately, so that a person's change does not wait behind a storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// A person may be waiting: webhooks, sweeps, a few changed alerts.
    Urgent,
    /// Many changed alerts at once, and pairs that a new config releases.
    Bulk,
    /// Inspector runs.
    Runs,
}

impl Lane {
    /// Every lane, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Bulk, Self::Runs];

    /// The priority with which its work takes permits of the request budget.
    #[must_use]
    pub const fn priority(self) -> Priority {
        match self {
            Self::Urgent => Priority::Urgent,
            Self::Bulk => Priority::Bulk,
            Self::Runs => Priority::Normal,
        }
    }

    /// The lane's name in stores, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Bulk => "bulk",
            Self::Runs => "runs",
        }
    }
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The message.
    pub message: Message,
    /// When it may first be delivered; at once when `None`.
    pub not_before: Option<Timestamp>,
}

impl From<Message> for Outgoing {
    fn from(message: Message) -> Self {
        Self {
            message,
            not_before: None,
        }
    }
}

/// No message is deferred for longer: nothing waits for more than a day. A later time was computed under a
/// clock that was ahead.
pub const DEFER_MAX: Duration = Duration::from_secs(2 * 24 * 3600);

/// Until when a message waits that may be delivered at `not_before`; `None` when it waits no longer: the time
/// has come, or is one that no message is deferred to.
#[must_use]
pub fn deferred_until(not_before: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let is_believed = not_before > now && not_before.since(now) <= DEFER_MAX;
    is_believed.then_some(not_before)
}

/// A message delivered to a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The message; `Err` holds a body that cannot be decoded, and why.
    pub message: Result<Message, Unreadable>,
    /// Identifies this delivery when it is settled; each delivery of a message has its own.
    pub receipt: String,
    /// How often it was delivered, this time included. Deferred deliveries do not count.
    pub receive_count: u32,
    /// When it was first sent.
    pub sent_at: Timestamp,
}

/// A body that cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The body as it is.
    pub body: String,
    /// Why it cannot be decoded.
    pub reason: String,
}

/// A message that could not be processed, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Identifies it for a redrive.
    pub id: String,
    /// Where it came from.
    pub lane: Lane,
    /// The body, as it was sent.
    pub body: String,
    /// Why it ended here.
    pub reason: String,
    /// When it ended here.
    pub at: Timestamp,
    /// How often it was delivered.
    pub receive_count: u32,
}

/// Where messages are sent: all that the intake needs of a queue.
pub trait WorkSink: Send + Sync {
    /// Sends messages durably. After a failure some of them may have been sent: sending all of them again
    /// does no harm, because messages are idempotent.
    fn send(
        &self,
        lane: Lane,
        messages: &[Outgoing],
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// The work queue. Delivers at least once, in no guaranteed order.
pub trait WorkQueue: WorkSink {
    /// Receives at most `max` messages and hides them from other workers for `visibility`.
    fn receive(
        &self,
        lane: Lane,
        max: usize,
        visibility: Duration,
    ) -> impl Future<Output = Result<Vec<Delivery>, PortError>> + Send;

    /// Acknowledges the message: it is done. Settling an expired delivery does nothing and is not an error.
    fn ack(&self, lane: Lane, receipt: &str) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Makes messages available again at `not_before`, in as few calls as they fit in; these deliveries do not
    /// count. After a failure some of them may have been deferred, and all of them can still be settled: deferring
    /// all of them again does no harm, because messages are idempotent.
    fn defer(
        &self,
        lane: Lane,
        receipts: &[&str],
        not_before: Timestamp,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Makes the message available again at `not_before` after a failure; this delivery counts.
    fn retry(
        &self,
        lane: Lane,
        receipt: &str,
        not_before: Timestamp,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Moves the message to the dead-letter queue.
    fn dead_letter(
        &self,
        lane: Lane,
        receipt: &str,
        reason: &str,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Dead letters, oldest first, at most `limit`.
    fn dead_letters(
        &self,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<DeadLetter>, PortError>> + Send;

    /// The number of dead letters of all lanes, counted without reading them. A hosted queue may count
    /// approximately.
    fn dead_letter_count(&self) -> impl Future<Output = Result<u64, PortError>> + Send;

    /// Moves a dead letter back to its lane, as a new message; `false` when there is none of that id.
    fn redrive(&self, id: &str) -> impl Future<Output = Result<bool, PortError>> + Send;

    /// Discards the dead letters of these ids; returns how many there were.
    fn discard_dead_letters(
        &self,
        ids: &[String],
    ) -> impl Future<Output = Result<usize, PortError>> + Send;

    /// The number of messages of `lane` that wait or are in flight, without dead letters.
    fn depth(&self, lane: Lane) -> impl Future<Output = Result<u64, PortError>> + Send;

    /// When the oldest of these messages was first sent. A hosted queue does not say; its metrics do.
    fn oldest(
        &self,
        lane: Lane,
    ) -> impl Future<Output = Result<Option<Timestamp>, PortError>> + Send;
}
