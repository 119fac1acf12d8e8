//! Admin routes for the webhooks of the simulated HaloPSA.

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::halopsa::{Batching, PayloadSize, WebhookAuth, WebhookSpec};

use super::AdminState;
use super::input::{AdminError, read};

/// A webhook to register.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookBody {
    /// The address deliveries are posted to.
    url: String,
    /// Its name.
    #[serde(default)]
    name: Option<String>,
    /// How deliveries authenticate.
    #[serde(default)]
    auth: WebhookAuth,
    /// How much of the record a delivery carries.
    #[serde(default)]
    payload: PayloadSize,
    /// How events are batched, if they are.
    #[serde(default)]
    batch: Option<Batching>,
}

impl From<WebhookBody> for WebhookSpec {
    fn from(given: WebhookBody) -> Self {
        let mut spec = Self::to(&given.url, given.auth);
        spec.name = given.name.unwrap_or(spec.name);
        spec.payload = given.payload;
        spec.batching = given.batch;
        spec
    }
}

/// `POST /admin/webhooks`: registers a webhook and binds every event to it.
pub(super) async fn register(
    State(state): State<AdminState>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), AdminError> {
    let description: WebhookBody = read(&body)?;
    let id = state.halo.register_webhook(&description.into());
    state.halo.bind_all_events(&id)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

/// `GET /admin/deliveries`.
pub(super) async fn deliveries(State(state): State<AdminState>) -> Json<Value> {
    Json(json!(state.halo.deliveries()))
}
