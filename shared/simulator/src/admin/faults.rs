//! Faults and secrets, by hand.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::{Fault, FaultRate};
use crate::liongard::{AccessKeySpec, Role};

use super::AdminState;
use super::input::{AdminError, read};

/// Which vendor's line breaks.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum VendorName {
    /// The service desk.
    Halopsa,
    /// The watch.
    Liongard,
}

/// What is to go wrong: by route, by ordinal, or by chance.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultPlan {
    /// Whose line.
    vendor: VendorName,
    /// For the next requests of routes.
    #[serde(default)]
    next: Vec<RouteFault>,
    /// For requests with an ordinal.
    #[serde(default)]
    at: Vec<OrdinalFault>,
    /// By chance, in place of odds set before.
    #[serde(default)]
    random: Option<Vec<FaultRate>>,
}

/// The next request of a route.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteFault {
    /// The "METHOD /Route".
    route: String,
    /// What happens.
    fault: Fault,
}

/// The request with an ordinal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrdinalFault {
    /// The ordinal; the first of all is 1.
    request: u64,
    /// What happens.
    fault: Fault,
}

/// An application's new secret.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientSecretBody {
    /// The application.
    client_id: String,
    /// Its secret from now on.
    client_secret: String,
}

/// A key somebody makes in the watch's UI.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessKeyBody {
    /// Its id.
    id: String,
    /// Its secret.
    secret: String,
    /// In how many days it ends; never when left out.
    #[serde(default)]
    days: Option<u64>,
}

/// `POST /admin/faults`.
pub(super) async fn add(
    State(state): State<AdminState>,
    body: Bytes,
) -> Result<Json<Value>, AdminError> {
    let plan: FaultPlan = read(&body)?;
    let faults = match plan.vendor {
        VendorName::Halopsa => state.halo.faults(),
        VendorName::Liongard => state.liongard.faults(),
    };
    for next in plan.next {
        faults.next(&next.route, next.fault);
    }
    for at in plan.at {
        faults.at_request(at.request, at.fault);
    }
    if let Some(odds) = plan.random {
        faults.set_random(odds);
    }
    Ok(Json(
        json!({ "pending": faults.pending(), "requests_seen": faults.requests_seen() }),
    ))
}

/// `DELETE /admin/faults`: both vendors' lines are whole again.
pub(super) async fn clear(State(state): State<AdminState>) -> Json<Value> {
    state.halo.faults().clear();
    state.liongard.faults().clear();
    Json(json!({ "pending": 0 }))
}

/// `POST /admin/client-secret`: replaces an application's secret at once.
pub(super) async fn replace_secret(
    State(state): State<AdminState>,
    body: Bytes,
) -> Result<Json<Value>, AdminError> {
    let ClientSecretBody {
        client_id,
        client_secret,
    } = read(&body)?;
    state.halo.replace_secret(&client_id, &client_secret)?;
    Ok(Json(json!({})))
}

/// `DELETE /admin/tokens`: every token of the service desk ends at once.
pub(super) async fn expire_tokens(State(state): State<AdminState>) -> Json<Value> {
    state.halo.expire_tokens();
    Json(json!({}))
}

/// `GET /admin/access-keys`: ids of the keys in force.
pub(super) async fn list_keys(State(state): State<AdminState>) -> Json<Value> {
    Json(json!(state.liongard.valid_keys()))
}

/// `POST /admin/access-keys`: makes a key with every right.
pub(super) async fn create_key(
    State(state): State<AdminState>,
    body: Bytes,
) -> Result<Json<Value>, AdminError> {
    let AccessKeyBody { id, secret, days } = read(&body)?;
    state.liongard.add_key(&AccessKeySpec {
        id,
        secret,
        role: Role::Admin,
        life: days.map(|days| Duration::from_secs(days.saturating_mul(86_400))),
    });
    Ok(Json(json!({})))
}

/// `DELETE /admin/access-keys/{id}`: the key is refused from now on.
pub(super) async fn revoke_key(
    State(state): State<AdminState>,
    Path(id): Path<String>,
) -> Json<Value> {
    state.liongard.revoke_key(&id);
    Json(json!({}))
}
