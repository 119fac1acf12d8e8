//! Webhook intake: check, read, queue, answer. Never calls a vendor.

mod authenticator;

use halogard_domain::Message;

pub use authenticator::{Authenticator, WebhookCredential, WebhookRequest};

use crate::ports::{Lane, Outgoing, PortError, WorkSink};

/// Largest body that is taken in, in bytes: what a Lambda function URL accepts.
pub const BODY_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Why a delivery was not taken in.
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
    /// It could not be queued; the sender may try again.
    #[error("the delivery could not be queued")]
    NotQueued(#[source] PortError),
}

/// The body is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson;

/// Takes in a delivery: once this returns `Ok`, the messages it led to are durable.
///
/// `read` turns the sender's form into messages; it never fails for JSON of an unknown shape.
///
/// # Errors
///
/// [`Rejection`] says what to answer.
pub async fn accept_delivery<Q: WorkSink>(
    queue: &Q,
    door: &Authenticator,
    request: &WebhookRequest<'_>,
    read: impl FnOnce(&[u8]) -> Result<Vec<Message>, NotJson>,
) -> Result<usize, Rejection> {
    if request.body.len() > BODY_BYTES_MAX {
        return Err(Rejection::TooLarge);
    }
    if !door.verify(request) {
        return Err(Rejection::NotAuthentic);
    }
    let messages = read(request.body).map_err(|NotJson| Rejection::NotJson)?;
    let count = messages.len();
    let outgoing: Vec<Outgoing> = messages.into_iter().map(Outgoing::from).collect();
    if !outgoing.is_empty() {
        queue
            .send(Lane::Urgent, &outgoing)
            .await
            .map_err(Rejection::NotQueued)?;
    }
    Ok(count)
}
