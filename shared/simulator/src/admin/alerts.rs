//! Admin routes for alerts.

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::{MethodRouter, post};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use crate::error::SimError;
use crate::liongard::{AlertChange, AlertSpec, Liongard};

use super::AdminState;
use super::input::{AdminError, read};

/// `GET /admin/alerts`.
pub(super) async fn list(State(state): State<AdminState>) -> Json<Value> {
    Json(json!(state.liongard.alerts()))
}

/// `POST /admin/alerts`.
pub(super) async fn raise(
    State(state): State<AdminState>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), AdminError> {
    let spec: AlertSpec = read(&body)?;
    let id = state.liongard.raise(&spec)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

/// `POST /admin/alerts/{id}/update`.
pub(super) async fn update(
    State(state): State<AdminState>,
    Path(id): Path<i64>,
    body: Bytes,
) -> Result<Json<Value>, AdminError> {
    let change: AlertChange = read(&body)?;
    state.liongard.change(id, change)?;
    Ok(Json(json!(state.liongard.alert(id))))
}

/// A handler that applies `action` to the alert named in the path and answers with the alert.
pub(super) fn act(action: fn(&Liongard, i64) -> Result<(), SimError>) -> MethodRouter<AdminState> {
    post(
        move |State(state): State<AdminState>, Path(id): Path<i64>| async move {
            action(&state.liongard, id)?;
            Ok::<_, AdminError>(Json(json!(state.liongard.alert(id))))
        },
    )
}
