//! The hands on the simulated world, over HTTP: raise an alert, close a ticket, break a line.

mod alerts;
mod faults;
mod input;
mod tickets;
mod webhook;

use axum::extract::State;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::halopsa::HaloPsa;
use crate::liongard::Liongard;

/// Both vendors, as the admin routes hold them.
#[derive(Clone, Debug)]
struct AdminState {
    /// The service desk.
    halo: HaloPsa,
    /// The watch.
    liongard: Liongard,
}

/// Every hand there is, under `/admin`. Not part of either vendor's API: no request here counts
/// against a limit, and no fault strikes it.
pub fn admin_router(halo: HaloPsa, liongard: Liongard) -> Router {
    Router::new()
        .route("/admin/alerts", get(alerts::list).post(alerts::raise))
        .route("/admin/alerts/{id}/update", post(alerts::change))
        .route("/admin/alerts/{id}/{action}", post(alerts::act))
        .route("/admin/tickets", get(tickets::list).post(tickets::log))
        .route("/admin/tickets/{id}/{action}", post(tickets::act))
        .route("/admin/webhooks", post(webhook::register))
        .route("/admin/deliveries", get(webhook::deliveries))
        .route("/admin/faults", post(faults::add).delete(faults::clear))
        .route("/admin/client-secret", post(faults::replace_secret))
        .route("/admin/tokens", delete(faults::expire_tokens))
        .route(
            "/admin/access-keys",
            get(faults::list_keys).post(faults::create_key),
        )
        .route("/admin/access-keys/{id}", delete(faults::revoke_key))
        .route("/admin/stats", get(stats))
        .route("/admin/runs", get(runs))
        .with_state(AdminState { halo, liongard })
}

/// `GET /admin/stats`.
async fn stats(State(state): State<AdminState>) -> Json<Value> {
    Json(json!({ "halopsa": state.halo.stats(), "liongard": state.liongard.stats() }))
}

/// `GET /admin/runs`.
async fn runs(State(state): State<AdminState>) -> Json<Value> {
    Json(json!(state.liongard.runs()))
}
