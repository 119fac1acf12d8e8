//! Messages that an event source mapping delivers to a function.
//!
//! The event source receives and deletes; the function only reports which records failed. So `ack` makes
//! no call for such a message, and `defer`, `retry` and `dead_letter` send the copy and delete nothing:
//! the function reports the record as processed, and the event source deletes it. A copy that could not
//! be sent is an error; the function then reports the record as failed.

use halogard_app::ports::{Clock, Delivery, Lane, PortError};

use super::in_flight::SqsReceipt;
use super::received::Received;
use crate::store::Store;

impl<C: Clock> Store<C> {
    /// Takes a record of `lane` that an event source delivered to this function. `None` means that it came
    /// before its time and is back on the queue as a copy: report it as processed.
    ///
    /// Safe to repeat: taking a record twice is one delivery.
    ///
    /// # Errors
    ///
    /// It came before its time and could not be put back: report it as failed.
    pub async fn deliver(
        &self,
        lane: Lane,
        received: Received,
    ) -> Result<Option<Delivery>, PortError> {
        let handle = received.handle.clone();
        self.accept(lane, received, SqsReceipt::EventSource { handle })
            .await
    }
}
