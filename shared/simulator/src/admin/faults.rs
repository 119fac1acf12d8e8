//! Admin routes for faults, secrets, tokens and access keys.

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

/// A simulated vendor.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum VendorName {
    /// HaloPSA.
    Halopsa,
    /// Liongard.
    Liongard,
}

/// Faults to inject: by route, by ordinal, or at random.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultPlan {
    /// The vendor whose requests fail.
    vendor: VendorName,
    /// Faults for the next request of a route.
    #[serde(default)]
    next: Vec<RouteFault>,
    /// Faults for the request with an ordinal.
    #[serde(default)]
    at: Vec<OrdinalFault>,
    /// Random faults; they replace the rates set before.
    #[serde(default)]
    random: Option<Vec<FaultRate>>,
}

/// A fault for the next request of a route.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteFault {
    /// The route, as `METHOD /Route`.
    route: String,
    /// The fault.
    fault: Fault,
}

/// A fault for the request with an ordinal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrdinalFault {
    /// The ordinal; the first request is 1.
    request: u64,
    /// The fault.
    fault: Fault,
}

/// A new client secret for an API application.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientSecretBody {
    /// The application's client id.
    client_id: String,
    /// The new secret, valid at once.
    client_secret: String,
}

/// An access key, as a person creates it in Liongard's user interface.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessKeyBody {
    /// The id of the key.
    id: String,
    /// The secret of the key.
    secret: String,
    /// The days until it expires; it never does when absent.
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

/// `DELETE /admin/faults`: removes every fault of both vendors.
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

/// `DELETE /admin/tokens`: every token of HaloPSA expires at once.
pub(super) async fn expire_tokens(State(state): State<AdminState>) -> Json<Value> {
    state.halo.expire_tokens();
    Json(json!({}))
}

/// `GET /admin/access-keys`: the ids of the valid keys.
pub(super) async fn list_keys(State(state): State<AdminState>) -> Json<Value> {
    Json(json!(state.liongard.valid_keys()))
}

/// `POST /admin/access-keys`: creates a key with the role Admin.
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

/// `DELETE /admin/access-keys/{id}`: revokes the key.
pub(super) async fn revoke_key(
    State(state): State<AdminState>,
    Path(id): Path<String>,
) -> Json<Value> {
    state.liongard.revoke_key(&id);
    Json(json!({}))
}
