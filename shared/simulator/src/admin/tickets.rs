//! Admin routes for tickets: what a technician does in HaloPSA's user interface.

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::{MethodRouter, post};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::SimError;
use crate::halopsa::{HaloPsa, TicketEdit, TicketSpec};

use super::AdminState;
use super::input::{AdminError, read};

/// The technician of the sample tenant who acts when the body names no other.
const DEFAULT_TECHNICIAN: i64 = 12;

/// Who acts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActorBody {
    /// The technician who acts.
    #[serde(default = "default_technician")]
    agent_id: i64,
}

/// A note to add.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoteBody {
    note: String,
    /// The technician who acts.
    #[serde(default = "default_technician")]
    agent_id: i64,
}

/// A status to set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusBody {
    status_id: i64,
    /// The technician who acts.
    #[serde(default = "default_technician")]
    agent_id: i64,
}

/// The technician to assign.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AssignBody {
    /// The new assignee.
    agent_id: i64,
}

/// The ticket to merge into.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MergeBody {
    /// The ticket that remains.
    into: i64,
    /// The technician who acts.
    #[serde(default = "default_technician")]
    agent_id: i64,
}

/// A new summary.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RenameBody {
    /// The summary.
    summary: String,
    /// The technician who acts.
    #[serde(default = "default_technician")]
    agent_id: i64,
}

/// A new priority.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PriorityBody {
    /// The `priorityid` of the priority.
    priority_id: i64,
    /// The technician who acts.
    #[serde(default = "default_technician")]
    agent_id: i64,
}

/// A ticket to log.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogTicketBody {
    client_id: i64,
    /// The ticket type.
    tickettype_id: i64,
    summary: String,
    /// The description, as plain text.
    #[serde(default)]
    details: String,
    /// The technician who acts.
    #[serde(default = "default_technician")]
    agent_id: i64,
}

/// The default technician.
fn default_technician() -> i64 {
    DEFAULT_TECHNICIAN
}

/// `GET /admin/tickets`.
pub(super) async fn list(State(state): State<AdminState>) -> Json<Value> {
    Json(json!(state.halo.tickets()))
}

/// `POST /admin/tickets`.
pub(super) async fn log(
    State(state): State<AdminState>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), AdminError> {
    let LogTicketBody {
        client_id,
        tickettype_id,
        summary,
        details,
        agent_id,
    } = read(&body)?;
    let ticket = TicketSpec {
        client_id,
        tickettype_id,
        summary,
        details,
    };
    let id = state.halo.log_ticket(agent_id, &ticket)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

/// A handler that reads a `B`, applies `action` to the ticket named in the path and answers with
/// the ticket.
pub(super) fn act<B: DeserializeOwned + 'static>(
    action: fn(&HaloPsa, i64, B) -> Result<(), SimError>,
) -> MethodRouter<AdminState> {
    post(
        move |State(state): State<AdminState>, Path(id): Path<i64>, body: Bytes| async move {
            action(&state.halo, id, read(&body)?)?;
            Ok::<_, AdminError>(Json(json!(state.halo.ticket(id))))
        },
    )
}

/// `POST /admin/tickets/{id}/close`.
pub(super) fn close(halo: &HaloPsa, id: i64, body: ActorBody) -> Result<(), SimError> {
    halo.close_ticket(id, body.agent_id)
}

/// `POST /admin/tickets/{id}/reopen`.
pub(super) fn reopen(halo: &HaloPsa, id: i64, body: ActorBody) -> Result<(), SimError> {
    halo.reopen_ticket(id, body.agent_id)
}

/// `POST /admin/tickets/{id}/delete`.
pub(super) fn delete(halo: &HaloPsa, id: i64, body: ActorBody) -> Result<(), SimError> {
    halo.delete_ticket(id, body.agent_id)
}

/// `POST /admin/tickets/{id}/merge`.
pub(super) fn merge(halo: &HaloPsa, id: i64, body: MergeBody) -> Result<(), SimError> {
    halo.merge_ticket(id, body.into, body.agent_id)
}

/// `POST /admin/tickets/{id}/unmerge`.
pub(super) fn unmerge(halo: &HaloPsa, id: i64, body: ActorBody) -> Result<(), SimError> {
    halo.unmerge_ticket(id, body.agent_id)
}

/// `POST /admin/tickets/{id}/restore`.
pub(super) fn restore(halo: &HaloPsa, id: i64, body: ActorBody) -> Result<(), SimError> {
    halo.restore_ticket(id, body.agent_id)
}

/// `POST /admin/tickets/{id}/note`.
pub(super) fn add_note(halo: &HaloPsa, id: i64, body: NoteBody) -> Result<(), SimError> {
    halo.add_note(id, body.agent_id, &body.note).map(|_note| ())
}

/// `POST /admin/tickets/{id}/status`.
pub(super) fn set_status(halo: &HaloPsa, id: i64, body: StatusBody) -> Result<(), SimError> {
    let edit = TicketEdit {
        status_id: Some(body.status_id),
        ..TicketEdit::default()
    };
    halo.change_ticket(id, body.agent_id, edit)
}

/// `POST /admin/tickets/{id}/priority`.
pub(super) fn set_priority(halo: &HaloPsa, id: i64, body: PriorityBody) -> Result<(), SimError> {
    let edit = TicketEdit {
        priority_id: Some(body.priority_id),
        ..TicketEdit::default()
    };
    halo.change_ticket(id, body.agent_id, edit)
}

/// `POST /admin/tickets/{id}/assign`.
pub(super) fn assign(halo: &HaloPsa, id: i64, body: AssignBody) -> Result<(), SimError> {
    let edit = TicketEdit {
        agent_id: Some(body.agent_id),
        ..TicketEdit::default()
    };
    halo.change_ticket(id, DEFAULT_TECHNICIAN, edit)
}

/// `POST /admin/tickets/{id}/rename`.
pub(super) fn rename(halo: &HaloPsa, id: i64, body: RenameBody) -> Result<(), SimError> {
    let edit = TicketEdit {
        summary: Some(body.summary),
        ..TicketEdit::default()
    };
    halo.change_ticket(id, body.agent_id, edit)
}
