//! What a delivery is answered: the same on one machine and on AWS.

use halogard_app::intake::Turned;

/// The media type of every [`Answer`].
const CONTENT_TYPE: &str = "application/json";

/// An answer over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, as JSON.
    pub body: &'static str,
}

impl Answer {
    /// The media type of the body.
    #[must_use]
    pub const fn content_type(&self) -> &'static str {
        CONTENT_TYPE
    }
}

/// The answer to a delivery. What is not authentic learns nothing about why.
#[must_use]
pub const fn answer(taken: &Result<usize, Turned>) -> Answer {
    let (status, body) = match taken {
        Ok(_) => (200, "{\"status\":\"accepted\"}"),
        Err(Turned::NotAuthentic) => (401, "{\"error\":\"unauthorized\"}"),
        Err(Turned::NotJson) => (400, "{\"error\":\"the body is not JSON\"}"),
        Err(Turned::TooLarge) => (413, "{\"error\":\"the body is too large\"}"),
        Err(Turned::NotQueued(_)) => (503, "{\"error\":\"try again later\"}"),
    };
    Answer { status, body }
}
