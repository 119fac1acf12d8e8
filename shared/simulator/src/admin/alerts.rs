//! Alerts, by hand.

use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use crate::liongard::{AlertChange, AlertSpec};

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
pub(super) async fn change(
    State(state): State<AdminState>,
    Path(id): Path<i64>,
    body: Bytes,
) -> Result<Json<Value>, AdminError> {
    let change: AlertChange = read(&body)?;
    state.liongard.change(id, change)?;
    Ok(Json(json!(state.liongard.alert(id))))
}

/// `POST /admin/alerts/{id}/close|reopen|clear-condition|hide|remove`.
pub(super) async fn act(
    State(state): State<AdminState>,
    Path((id, action)): Path<(i64, String)>,
) -> Result<Json<Value>, AdminError> {
    let liongard = &state.liongard;
    match action.as_str() {
        "close" => liongard.close(id)?,
        "reopen" => liongard.reopen(id)?,
        "clear-condition" => liongard.clear_condition(id)?,
        "hide" => liongard.hide_alert(id)?,
        "remove" => liongard.remove_alert(id)?,
        _ => return Err(AdminError::UnknownAction(action)),
    }
    Ok(Json(json!(liongard.alert(id))))
}
