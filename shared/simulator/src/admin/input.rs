//! Request bodies of the admin API, and the errors it answers with.

use axum::Json;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::error::SimError;

/// Why an admin request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminError {
    /// A member of the body is missing, unknown, or of the wrong type.
    #[error("{complaint}")]
    Field {
        /// The path of the member.
        field: String,
        /// What is wrong with it.
        complaint: String,
    },
    /// The simulator refused the action.
    #[error(transparent)]
    Simulation(#[from] SimError),
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let (status, field) = match &self {
            Self::Field { field, .. } => (StatusCode::BAD_REQUEST, Some(field.clone())),
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

/// The status and field of a refused action: an unknown id in the path is 404, one in the body 400.
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

/// Reads a body; an empty body counts as `{}`.
///
/// # Errors
///
/// [`AdminError::Field`] with the path of the invalid member.
pub(super) fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, AdminError> {
    let text: &[u8] = if body.is_empty() { b"{}" } else { body };
    let mut reader = serde_json::Deserializer::from_slice(text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let complaint = error.inner().to_string();
        let path = error.path().to_string();
        // A missing member has no path of its own; only the message names it.
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
