//! Work to be done, kept until it is done.

use std::future::Future;
use std::time::Duration;

use halogard_domain::{Message, Timestamp};

use super::PortError;

/// Lanes are worked separately: a person's change does not wait behind a storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// A person is waiting: closes, reopens, fresh changes.
    Urgent,
    /// Sweeps, releases, recovery.
    Bulk,
    /// Inspector runs to be seen to.
    Runs,
}

impl Lane {
    /// Every lane, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Bulk, Self::Runs];

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

/// A message on its way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// What it says.
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

/// A message handed to a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What it says; `Err` holds the body of one that cannot be read, and why.
    pub message: Result<Message, Unreadable>,
    /// Names this delivery when it is settled; a later delivery of the same message has another.
    pub receipt: String,
    /// How often it has been handed out, this time included. Giving it back free of charge does not
    /// count.
    pub receive_count: u32,
    /// When it was first sent.
    pub sent_at: Timestamp,
}

/// A body that is no message we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The body as it is.
    pub body: String,
    /// Why it cannot be read.
    pub reason: String,
}

/// A message nobody could work off, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Names it when it is driven back or discarded.
    pub id: String,
    /// Where it came from.
    pub lane: Lane,
    /// The body, as it was sent.
    pub body: String,
    /// Why it ended here.
    pub reason: String,
    /// When it ended here.
    pub at: Timestamp,
    /// How often it had been handed out.
    pub receive_count: u32,
}

/// Where work is put. All that intake needs of a queue.
pub trait WorkSink: Send + Sync {
    /// Takes in messages, durably. A failure may have taken in some of them: sending all of them
    /// again does no harm, since the same message twice asks for the same look.
    fn send(
        &self,
        lane: Lane,
        messages: &[Outgoing],
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Work to be done. Delivers at least once, in no promised order.
pub trait WorkQueue: WorkSink {
    /// Hands out at most `max` messages and hides them for `visibility`.
    fn receive(
        &self,
        lane: Lane,
        max: usize,
        visibility: Duration,
    ) -> impl Future<Output = Result<Vec<Delivery>, PortError>> + Send;

    /// The message is done with. Settling a delivery that has run out is no error and does nothing.
    fn ack(&self, lane: Lane, receipt: &str) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Gives the message back until `not_before`; this delivery does not count.
    fn defer(
        &self,
        lane: Lane,
        receipt: &str,
        not_before: Timestamp,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Gives the message back until `not_before` after a failure; this delivery counts.
    fn retry(
        &self,
        lane: Lane,
        receipt: &str,
        not_before: Timestamp,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Puts the message among the dead letters.
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

    /// Dead letters of all lanes, counted without reading them. A hosted queue may count approximately.
    fn dead_letter_count(&self) -> impl Future<Output = Result<u64, PortError>> + Send;

    /// Sends a dead letter back to its lane, as new; `false` when there is none of that id.
    fn redrive(&self, id: &str) -> impl Future<Output = Result<bool, PortError>> + Send;

    /// Messages of `lane` that wait or are being worked on; dead letters not included.
    fn depth(&self, lane: Lane) -> impl Future<Output = Result<u64, PortError>> + Send;
}
