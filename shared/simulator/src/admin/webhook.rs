//! Webhooks of the simulated HaloPSA, set up by hand.

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::halopsa::{Batching, PayloadSize, WebhookAuth, WebhookSpec};

use super::Hands;
use super::input::{AdminError, read};

/// A webhook, as the body describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    /// Where deliveries go.
    url: String,
    /// Its name.
    #[serde(default)]
    name: Option<String>,
    /// How deliveries prove themselves.
    #[serde(default)]
    auth: Auth,
    /// What they carry.
    #[serde(default)]
    payload: Payload,
    /// How events wait for each other, if they do.
    #[serde(default)]
    batch: Option<Batch>,
}

/// How deliveries prove themselves.
#[derive(Debug, Default, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Auth {
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
enum Payload {
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
struct Batch {
    /// Events that send a batch at once.
    events_max: u32,
    /// Seconds the first event waits.
    delay_seconds: u32,
    /// Whether only events of one kind share a delivery.
    #[serde(default)]
    same_event_only: bool,
}

impl From<Description> for WebhookSpec {
    fn from(given: Description) -> Self {
        let auth = match given.auth {
            Auth::None => WebhookAuth::None,
            Auth::Basic { username, password } => WebhookAuth::Basic { username, password },
            Auth::Hmac { header, secret } => WebhookAuth::Hmac { header, secret },
            Auth::Bearer { token } => WebhookAuth::Bearer { token },
            Auth::ApiKey { header, key } => WebhookAuth::ApiKey { header, key },
        };
        let mut spec = Self::to(&given.url, auth);
        spec.name = given.name.unwrap_or(spec.name);
        spec.payload = match given.payload {
            Payload::Small => PayloadSize::Small,
            Payload::Full => PayloadSize::Full,
            Payload::EventOnly => PayloadSize::EventOnly,
        };
        spec.batching = given.batch.map(|batch| Batching {
            same_event_only: batch.same_event_only,
            delay_seconds: batch.delay_seconds,
            events_max: batch.events_max,
        });
        spec
    }
}

/// `POST /admin/webhook`: the webhook, with every event bound to it.
pub(super) async fn register(
    State(hands): State<Hands>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), AdminError> {
    let description: Description = read(&body)?;
    let id = hands.halo.register_webhook(&description.into());
    hands.halo.bind_all_events(&id)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

/// `GET /admin/deliveries`.
pub(super) async fn deliveries(State(hands): State<Hands>) -> Json<Value> {
    Json(json!(hands.halo.deliveries()))
}
