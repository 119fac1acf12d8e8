//! Bodies of admin requests, and what is said about bad ones.

use axum::Json;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::error::SimError;

/// What is wrong with an admin request.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminError {
    /// A member is missing, unknown, or of the wrong kind.
    #[error("{complaint}")]
    Field {
        /// Where.
        field: String,
        /// What.
        complaint: String,
    },
    /// The hand could not do it.
    #[error(transparent)]
    Simulation(#[from] SimError),
    /// There is no such hand.
    #[error("there is no action called {0}")]
    UnknownAction(String),
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let (status, field) = match &self {
            Self::Field { field, .. } => (StatusCode::BAD_REQUEST, Some(field.clone())),
            Self::UnknownAction(_) => (StatusCode::NOT_FOUND, None),
            Self::Simulation(error) => {
                let (status, field) = status_and_field(error);
                (status, field.map(str::to_owned))
            }
        };
        (
            status,
            Json(json!({ "error": self.to_string(), "field": field })),
        )
            .into_response()
    }
}

/// Status and field of a hand's error: what the path names is 404, what the body names is 400.
fn status_and_field(error: &SimError) -> (StatusCode, Option<&'static str>) {
    match error {
        SimError::NoSuchTicket(_) | SimError::NoSuchAlert(_) => (StatusCode::NOT_FOUND, Some("id")),
        SimError::NoSuchStatus(_) => (StatusCode::BAD_REQUEST, Some("status_id")),
        SimError::NoSuchAgent(_) => (StatusCode::BAD_REQUEST, Some("agent_id")),
        SimError::NoSuchApplication(_) => (StatusCode::BAD_REQUEST, Some("client_id")),
        SimError::NoSuchWebhook(_) => (StatusCode::BAD_REQUEST, Some("webhook_id")),
        SimError::NoSuchEnvironment(_) => (StatusCode::BAD_REQUEST, Some("environment")),
        SimError::NoSuchInspector { .. } => (StatusCode::BAD_REQUEST, Some("inspector")),
        SimError::Refused(_) => (StatusCode::CONFLICT, None),
    }
}

/// Reads a body; an empty one counts as `{}`.
///
/// # Errors
///
/// [`AdminError::Field`] with the path of the member at fault.
pub(super) fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, AdminError> {
    let text: &[u8] = if body.is_empty() { b"{}" } else { body };
    let mut reader = serde_json::Deserializer::from_slice(text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let complaint = error.inner().to_string();
        let path = error.path().to_string();
        // A missing member has no path of its own; its name stands in the complaint.
        let named = complaint
            .split('`')
            .nth(1)
            .filter(|_| path == ".")
            .map(str::to_owned);
        AdminError::Field {
            field: named.unwrap_or(path),
            complaint,
        }
    })
}
