//! The admin API of the simulators: raise an alert, close a ticket, inject a fault.
//!
//! `docs/simulators.md` documents every route with a request and an answer. A test replays it.

mod alerts;
mod faults;
mod input;
mod tickets;
mod webhooks;

use axum::extract::State;
use axum::routing::{MethodRouter, delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::dialect::Dialect;
use crate::halopsa::HaloPsa;
use crate::liongard::Liongard;

/// Both vendors, shared by the admin routes.
#[derive(Clone, Debug)]
struct AdminState {
    /// The simulated HaloPSA.
    halo: HaloPsa,
    /// The simulated Liongard.
    liongard: Liongard,
    /// The dialect that both speak.
    dialect: Dialect,
}

/// Every admin route, as `METHOD /path`, with its handler.
fn routes() -> Vec<(&'static str, MethodRouter<AdminState>)> {
    vec![
        ("GET /admin/alerts", get(alerts::list)),
        ("POST /admin/alerts", post(alerts::raise)),
        ("POST /admin/alerts/{id}/update", post(alerts::update)),
        (
            "POST /admin/alerts/{id}/close",
            alerts::act(Liongard::close),
        ),
        (
            "POST /admin/alerts/{id}/reopen",
            alerts::act(Liongard::reopen),
        ),
        (
            "POST /admin/alerts/{id}/clear-condition",
            alerts::act(Liongard::clear_condition),
        ),
        (
            "POST /admin/alerts/{id}/hide",
            alerts::act(Liongard::hide_alert),
        ),
        (
            "POST /admin/alerts/{id}/remove",
            alerts::act(Liongard::remove_alert),
        ),
        ("GET /admin/tickets", get(tickets::list)),
        ("POST /admin/tickets", post(tickets::log)),
        (
            "POST /admin/tickets/{id}/note",
            tickets::act(tickets::add_note),
        ),
        (
            "POST /admin/tickets/{id}/assign",
            tickets::act(tickets::assign),
        ),
        (
            "POST /admin/tickets/{id}/status",
            tickets::act(tickets::set_status),
        ),
        (
            "POST /admin/tickets/{id}/priority",
            tickets::act(tickets::set_priority),
        ),
        (
            "POST /admin/tickets/{id}/rename",
            tickets::act(tickets::rename),
        ),
        (
            "POST /admin/tickets/{id}/close",
            tickets::act(tickets::close),
        ),
        (
            "POST /admin/tickets/{id}/reopen",
            tickets::act(tickets::reopen),
        ),
        (
            "POST /admin/tickets/{id}/merge",
            tickets::act(tickets::merge),
        ),
        (
            "POST /admin/tickets/{id}/delete",
            tickets::act(tickets::delete),
        ),
        (
            "POST /admin/tickets/{id}/restore",
            tickets::act(tickets::restore),
        ),
        (
            "POST /admin/tickets/{id}/unmerge",
            tickets::act(tickets::unmerge),
        ),
        ("POST /admin/webhooks", post(webhooks::register)),
        ("GET /admin/deliveries", get(webhooks::deliveries)),
        ("POST /admin/faults", post(faults::add)),
        ("DELETE /admin/faults", delete(faults::clear)),
        ("POST /admin/client-secret", post(faults::replace_secret)),
        ("DELETE /admin/tokens", delete(faults::expire_tokens)),
        ("GET /admin/access-keys", get(faults::list_keys)),
        ("POST /admin/access-keys", post(faults::create_key)),
        ("DELETE /admin/access-keys/{id}", delete(faults::revoke_key)),
        ("GET /admin/dialect", get(dialect)),
        ("GET /admin/runs", get(runs)),
        ("GET /admin/stats", get(stats)),
    ]
}

/// Every admin route, as `METHOD /path`.
#[must_use]
pub fn admin_routes() -> Vec<&'static str> {
    routes().into_iter().map(|(route, _)| route).collect()
}

/// The router of the admin API, under `/admin`. It is part of neither vendor's API: its requests
/// count against no rate limit and no fault affects them.
pub fn admin_router(halo: HaloPsa, liongard: Liongard, dialect: Dialect) -> Router {
    let router = routes()
        .into_iter()
        .fold(Router::new(), |router, (route, handler)| {
            let path = route.split_once(' ').map_or(route, |(_, path)| path);
            router.route(path, handler)
        });
    router.with_state(AdminState {
        halo,
        liongard,
        dialect,
    })
}

/// `GET /admin/stats`.
async fn stats(State(state): State<AdminState>) -> Json<Value> {
    Json(json!({ "halopsa": state.halo.stats(), "liongard": state.liongard.stats() }))
}

/// `GET /admin/dialect`.
async fn dialect(State(state): State<AdminState>) -> Json<Value> {
    let switches = state.dialect.switches().iter();
    let switches: Vec<Value> = switches
        .map(|switch| {
            json!({ "name": switch.name, "fact": switch.fact, "description": switch.description })
        })
        .collect();
    Json(json!({ "dialect": state.dialect.name(), "switches": switches }))
}

/// `GET /admin/runs`.
async fn runs(State(state): State<AdminState>) -> Json<Value> {
    Json(json!(state.liongard.runs()))
}
