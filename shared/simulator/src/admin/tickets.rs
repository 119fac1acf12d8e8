//! Tickets, by a technician's hand.

use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::halopsa::{TicketEdit, TicketSpec};

use super::AdminState;
use super::input::{AdminError, read};

/// The technician of the sample desk whose hand it is, unless another is named.
const DEFAULT_TECHNICIAN: i64 = 12;

/// The agent alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActorBody {
    /// Who does it.
    #[serde(default = "default_technician")]
    agent_id: i64,
}

/// A note.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoteBody {
    /// The text.
    note: String,
    /// Who does it.
    #[serde(default = "default_technician")]
    agent_id: i64,
}

/// A status.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusBody {
    /// The status.
    status_id: i64,
    /// Who does it.
    #[serde(default = "default_technician")]
    agent_id: i64,
}

/// Somebody to work the ticket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AssignBody {
    /// Who is to work it.
    agent_id: i64,
}

/// Another ticket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MergeBody {
    /// The ticket to merge into.
    into: i64,
    /// Who does it.
    #[serde(default = "default_technician")]
    agent_id: i64,
}

/// A new summary.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RenameBody {
    /// The summary.
    summary: String,
    /// Who does it.
    #[serde(default = "default_technician")]
    agent_id: i64,
}

/// A new priority.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PriorityBody {
    /// The priority's number.
    priority_id: i64,
    /// Who does it.
    #[serde(default = "default_technician")]
    agent_id: i64,
}

/// A ticket somebody logs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogTicketBody {
    /// The customer.
    client_id: i64,
    /// The ticket type.
    tickettype_id: i64,
    /// One line.
    summary: String,
    /// Plain text.
    #[serde(default)]
    details: String,
    /// Who does it.
    #[serde(default = "default_technician")]
    agent_id: i64,
}

/// The usual technician.
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

/// `POST /admin/tickets/{id}/close|reopen|note|status|priority|assign|rename|delete|merge`.
pub(super) async fn act(
    State(state): State<AdminState>,
    Path((id, action)): Path<(i64, String)>,
    body: Bytes,
) -> Result<Json<Value>, AdminError> {
    let halo = &state.halo;
    match action.as_str() {
        "close" => halo.close_ticket(id, read::<ActorBody>(&body)?.agent_id)?,
        "reopen" => halo.reopen_ticket(id, read::<ActorBody>(&body)?.agent_id)?,
        "delete" => halo.delete_ticket(id, read::<ActorBody>(&body)?.agent_id)?,
        "note" => {
            let NoteBody { note, agent_id } = read(&body)?;
            halo.add_note(id, agent_id, &note)?;
        }
        "status" => {
            let StatusBody {
                status_id,
                agent_id,
            } = read(&body)?;
            let change = TicketEdit {
                status_id: Some(status_id),
                ..TicketEdit::default()
            };
            halo.change_ticket(id, agent_id, change)?;
        }
        "priority" => {
            let PriorityBody {
                priority_id,
                agent_id,
            } = read(&body)?;
            let change = TicketEdit {
                priority_id: Some(priority_id),
                ..TicketEdit::default()
            };
            halo.change_ticket(id, agent_id, change)?;
        }
        "assign" => {
            let AssignBody { agent_id } = read(&body)?;
            let change = TicketEdit {
                agent_id: Some(agent_id),
                ..TicketEdit::default()
            };
            halo.change_ticket(id, DEFAULT_TECHNICIAN, change)?;
        }
        "rename" => {
            let RenameBody { summary, agent_id } = read(&body)?;
            let change = TicketEdit {
                summary: Some(summary),
                ..TicketEdit::default()
            };
            halo.change_ticket(id, agent_id, change)?;
        }
        "merge" => {
            let MergeBody { into, agent_id } = read(&body)?;
            halo.merge_ticket(id, into, agent_id)?;
        }
        _ => return Err(AdminError::UnknownAction(action)),
    }
    Ok(Json(json!(halo.ticket(id))))
}
