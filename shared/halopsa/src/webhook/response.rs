//! What a delivery is answered: the same on one machine and on AWS.

use halogard_app::intake::Rejection;

/// The media type of every [`WebhookResponse`].
const CONTENT_TYPE: &str = "application/json";

/// An answer over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookResponse {
    /// The status.
    pub status: u16,
    /// The body, as JSON.
    pub body: &'static str,
}

impl WebhookResponse {
    /// The media type of the body.
    #[must_use]
    pub const fn content_type(&self) -> &'static str {
        CONTENT_TYPE
    }
}

/// The answer to a delivery. What is not authentic learns nothing about why.
#[must_use]
pub const fn response_to(taken: &Result<usize, Rejection>) -> WebhookResponse {
    let (status, body) = match taken {
        Ok(_) => (200, "{\"status\":\"accepted\"}"),
        Err(Rejection::NotAuthentic) => (401, "{\"error\":\"unauthorized\"}"),
        Err(Rejection::NotJson) => (400, "{\"error\":\"the body is not JSON\"}"),
        Err(Rejection::TooLarge) => (413, "{\"error\":\"the body is too large\"}"),
        Err(Rejection::TooSlow) => (408, "{\"error\":\"the body did not arrive in time\"}"),
        Err(Rejection::NotQueued(_) | Rejection::NoMemory) => {
            (503, "{\"error\":\"try again later\"}")
        }
    };
    WebhookResponse { status, body }
}
