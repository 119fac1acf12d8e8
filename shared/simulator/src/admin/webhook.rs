//! Webhooks of the simulated HaloPSA, set up by hand.

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::halopsa::{Batching, PayloadSize, WebhookAuth, WebhookSpec};

use super::AdminState;
use super::input::{AdminError, read};

/// A webhook, as the body describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookBody {
    /// Where deliveries go.
    url: String,
    /// Its name.
    #[serde(default)]
    name: Option<String>,
    /// How deliveries prove themselves.
    #[serde(default)]
    auth: AuthBody,
    /// What they carry.
    #[serde(default)]
    payload: PayloadBody,
    /// How events wait for each other, if they do.
    #[serde(default)]
    batch: Option<BatchBody>,
}

/// How deliveries prove themselves.
#[derive(Debug, Default, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum AuthBody {
    /// Not at all.
    #[default]
    None,
    /// HTTP Basic.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
    /// A signature of the body.
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
    /// A key in a header of choice.
    ApiKey {
        /// The header.
        header: String,
        /// The key.
        key: String,
    },
}

/// What deliveries carry.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PayloadBody {
    /// The members that matter most.
    #[default]
    Small,
    /// Ticket and action whole.
    Full,
    /// Ids and the event's name.
    EventOnly,
}

/// How events wait for each other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchBody {
    /// Events that send a batch at once.
    events_max: u32,
    /// Seconds the first event waits.
    delay_seconds: u32,
    /// Whether only events of one kind share a delivery.
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

/// `POST /admin/webhooks`: the webhook, with every event bound to it.
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
