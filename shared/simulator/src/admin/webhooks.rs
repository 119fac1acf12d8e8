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
    auth: AuthBody,
    /// How much of the record a delivery carries.
    #[serde(default)]
    payload: PayloadBody,
    /// How events are batched, if they are.
    #[serde(default)]
    batch: Option<BatchBody>,
}

/// How deliveries authenticate.
#[derive(Debug, Default, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum AuthBody {
    /// No authentication.
    #[default]
    None,
    /// HTTP Basic.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
    /// An HMAC-SHA-256 signature of the body.
    Hmac {
        /// The header.
        header: String,
        /// The key.
        secret: String,
    },
    /// A bearer token.
    Bearer {
        /// The token.
        token: String,
    },
    /// A key in a custom header.
    ApiKey {
        /// The header.
        header: String,
        /// The key.
        key: String,
    },
}

/// How much of the record a delivery carries.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PayloadBody {
    /// The most important members.
    #[default]
    Small,
    /// The whole ticket and action.
    Full,
    /// Ids and the name of the event.
    EventOnly,
}

/// How events are batched.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchBody {
    /// The batch is sent at once when it holds this many events.
    events_max: u32,
    /// The batch is sent this many seconds after its first event.
    delay_seconds: u32,
    /// Whether a batch holds events of one kind only.
    #[serde(default)]
    same_event_only: bool,
}

impl From<WebhookBody> for WebhookSpec {
    fn from(given: WebhookBody) -> Self {
        let auth = match given.auth {
            AuthBody::None => WebhookAuth::None,
            AuthBody::Basic { username, password } => WebhookAuth::Basic { username, password },
            AuthBody::Hmac { header, secret } => WebhookAuth::Hmac { header, secret },
            AuthBody::Bearer { token } => WebhookAuth::Bearer { token },
            AuthBody::ApiKey { header, key } => WebhookAuth::ApiKey { header, key },
        };
        let mut spec = Self::to(&given.url, auth);
        spec.name = given.name.unwrap_or(spec.name);
        spec.payload = match given.payload {
            PayloadBody::Small => PayloadSize::Small,
            PayloadBody::Full => PayloadSize::Full,
            PayloadBody::EventOnly => PayloadSize::EventOnly,
        };
        spec.batching = given.batch.map(|batch| Batching {
            same_event_only: batch.same_event_only,
            delay_seconds: batch.delay_seconds,
            events_max: batch.events_max,
        });
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
