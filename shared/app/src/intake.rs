//! Webhook intake: queue the messages of an authenticated delivery, then answer. Never calls a vendor.

use halogard_domain::Message;

use crate::ports::{Lane, Outgoing, PortError, WorkSink};

/// The largest body that is accepted, in bytes: what a Lambda function URL accepts.
pub const BODY_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Why a delivery was rejected.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// A wrong path token or a wrong credential; one answer for both.
    #[error("the delivery is not authentic")]
    NotAuthentic,
    /// The body is too large.
    #[error("the body is larger than {BODY_BYTES_MAX} bytes")]
    TooLarge,
    /// The body is not JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// Other bodies take all the memory that there is for them; the sender may try again.
    #[error("no memory is left for another body")]
    NoMemory,
    /// The delivery could not be checked or queued; the sender may try again.
    #[error("the delivery could not be queued")]
    NotQueued(#[source] PortError),
}

/// How a delivery was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// Its messages are queued.
    Accepted,
    /// It is not authentic, or its body cannot be used.
    Refused,
    /// It could not be read, checked or queued for now; the sender may try again.
    Failed,
}

impl DeliveryOutcome {
    /// The outcome of a delivery that queued this many messages, or was rejected.
    #[must_use]
    pub const fn of(result: &Result<usize, Rejection>) -> Self {
        match result {
            Ok(_) => Self::Accepted,
            Err(
                Rejection::NotAuthentic
                | Rejection::TooLarge
                | Rejection::NotJson
                | Rejection::TooSlow,
            ) => Self::Refused,
            Err(Rejection::NoMemory | Rejection::NotQueued(_)) => Self::Failed,
        }
    }

    /// The word in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// The body is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson;

impl From<NotJson> for Rejection {
    fn from(NotJson: NotJson) -> Self {
        Self::NotJson
    }
}

/// Queues the messages of one authenticated delivery in the urgent lane, and returns their number.
/// Once this returns `Ok` they are durable.
///
/// # Errors
///
/// [`Rejection::NotQueued`] when the queue did not take them.
pub async fn enqueue<Q: WorkSink>(queue: &Q, messages: Vec<Message>) -> Result<usize, Rejection> {
    let count = messages.len();
    let outgoing: Vec<Outgoing> = messages.into_iter().map(Outgoing::from).collect();
    if !outgoing.is_empty() {
        let queued = queue.send(Lane::Urgent, &outgoing).await;
        queued.map_err(Rejection::NotQueued)?;
    }
    Ok(count)
}
