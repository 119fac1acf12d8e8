//! Messages that an event source mapping hands to a function.
//!
//! The event source receives and deletes; the function only says which records failed. So `ack`
//! makes no call for such a message, and giving it back, retrying and burying it send the copy and
//! delete nothing: the function reports the record as worked off, and the event source deletes it. A
//! copy that could not be sent is an error; the function then reports the record as failed.

use std::collections::BTreeMap;

use halogard_app::ports::{Clock, Delivery, Lane, PortError};
use halogard_domain::Timestamp;

use super::received::Received;
use crate::store::Store;

/// One record of an event, as the event source wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventSourceRecord {
    /// `messageId`.
    pub message_id: String,
    /// `receiptHandle`.
    pub receipt_handle: String,
    /// `body`.
    pub body: String,
    /// `attributes.ApproximateReceiveCount`.
    pub receive_count: u32,
    /// `attributes.SentTimestamp`.
    pub sent_at: Timestamp,
    /// The `stringValue` of each of `messageAttributes`.
    pub attributes: BTreeMap<String, String>,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is to be worked on.
    Ready(Delivery),
    /// It came before its time and is back on the queue as a copy: report it as worked off.
    Deferred {
        /// When it may be worked on.
        until: Timestamp,
    },
}

impl<C: Clock> Store<C> {
    /// Takes over a record of `lane` that an event source handed to this function.
    ///
    /// Safe to repeat: taking one over twice is one delivery.
    ///
    /// # Errors
    ///
    /// It came before its time and could not be put back: report it as failed.
    pub async fn deliver(
        &self,
        lane: Lane,
        handed: EventSourceRecord,
    ) -> Result<Admission, PortError> {
        self.admit(Received::from_event_source(lane, handed)).await
    }
}
