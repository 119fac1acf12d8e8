//! Alerts, by hand.

use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use crate::liongard::{AlertChange, AlertSpec};

use super::Hands;
use super::input::{AdminError, read};

/// `GET /admin/alerts`.
pub(super) async fn list(State(hands): State<Hands>) -> Json<Value> {
    Json(json!(hands.liongard.alerts()))
}

/// `POST /admin/alerts`.
pub(super) async fn raise(
    State(hands): State<Hands>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), AdminError> {
    let spec: AlertSpec = read(&body)?;
    let id = hands.liongard.raise(&spec)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

/// `POST /admin/alerts/{id}/change`.
pub(super) async fn change(
    State(hands): State<Hands>,
    Path(id): Path<i64>,
    body: Bytes,
) -> Result<Json<Value>, AdminError> {
    let change: AlertChange = read(&body)?;
    hands.liongard.change(id, change)?;
    Ok(Json(json!(hands.liongard.alert(id))))
}

/// `POST /admin/alerts/{id}/close|reopen|remedy|hide|vanish`.
pub(super) async fn hand(
    State(hands): State<Hands>,
    Path((id, hand)): Path<(i64, String)>,
) -> Result<Json<Value>, AdminError> {
    let liongard = &hands.liongard;
    match hand.as_str() {
        "close" => liongard.close(id)?,
        "reopen" => liongard.reopen(id)?,
        "remedy" => liongard.remedy(id)?,
        "hide" => liongard.hide(id)?,
        "vanish" => liongard.vanish(id)?,
        _ => return Err(AdminError::NoSuchHand(hand)),
    }
    Ok(Json(json!(liongard.alert(id))))
}
