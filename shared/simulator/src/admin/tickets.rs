//! Tickets, by a technician's hand.

use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::halopsa::{NewTicket, TicketChange};

use super::Hands;
use super::input::{AdminError, read};

/// The technician of the sample desk whose hand it is, unless another is named.
const USUAL_TECHNICIAN: i64 = 12;

/// The agent alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct By {
    /// Who does it.
    #[serde(default = "usual")]
    agent_id: i64,
}

/// A note.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    /// The text.
    note: String,
    /// Who does it.
    #[serde(default = "usual")]
    agent_id: i64,
}

/// A status.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusOf {
    /// The status.
    status_id: i64,
    /// Who does it.
    #[serde(default = "usual")]
    agent_id: i64,
}

/// Somebody to work the ticket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Assignee {
    /// Who is to work it.
    agent_id: i64,
}

/// Another ticket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Into {
    /// The ticket to merge into.
    into: i64,
    /// Who does it.
    #[serde(default = "usual")]
    agent_id: i64,
}

/// A new summary.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    /// The summary.
    summary: String,
    /// Who does it.
    #[serde(default = "usual")]
    agent_id: i64,
}

/// A new priority.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PriorityOf {
    /// The priority's number.
    priority_id: i64,
    /// Who does it.
    #[serde(default = "usual")]
    agent_id: i64,
}

/// A ticket somebody logs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Logged {
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
    #[serde(default = "usual")]
    agent_id: i64,
}

/// The usual technician.
fn usual() -> i64 {
    USUAL_TECHNICIAN
}

/// `GET /admin/tickets`.
pub(super) async fn list(State(hands): State<Hands>) -> Json<Value> {
    Json(json!(hands.halo.tickets()))
}

/// `POST /admin/tickets`.
pub(super) async fn log(
    State(hands): State<Hands>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), AdminError> {
    let Logged {
        client_id,
        tickettype_id,
        summary,
        details,
        agent_id,
    } = read(&body)?;
    let ticket = NewTicket {
        client_id,
        tickettype_id,
        summary,
        details,
    };
    let id = hands.halo.log_ticket(agent_id, &ticket)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

/// `POST /admin/tickets/{id}/close|reopen|note|status|priority|assign|rename|delete|merge`.
pub(super) async fn hand(
    State(hands): State<Hands>,
    Path((id, hand)): Path<(i64, String)>,
    body: Bytes,
) -> Result<Json<Value>, AdminError> {
    let halo = &hands.halo;
    match hand.as_str() {
        "close" => halo.close_ticket(id, read::<By>(&body)?.agent_id)?,
        "reopen" => halo.reopen_ticket(id, read::<By>(&body)?.agent_id)?,
        "delete" => halo.delete_ticket(id, read::<By>(&body)?.agent_id)?,
        "note" => {
            let Note { note, agent_id } = read(&body)?;
            halo.add_note(id, agent_id, &note)?;
        }
        "status" => {
            let StatusOf {
                status_id,
                agent_id,
            } = read(&body)?;
            let change = TicketChange {
                status_id: Some(status_id),
                ..TicketChange::default()
            };
            halo.change_ticket(id, agent_id, change)?;
        }
        "priority" => {
            let PriorityOf {
                priority_id,
                agent_id,
            } = read(&body)?;
            let change = TicketChange {
                priority_id: Some(priority_id),
                ..TicketChange::default()
            };
            halo.change_ticket(id, agent_id, change)?;
        }
        "assign" => {
            let Assignee { agent_id } = read(&body)?;
            let change = TicketChange {
                agent_id: Some(agent_id),
                ..TicketChange::default()
            };
            halo.change_ticket(id, USUAL_TECHNICIAN, change)?;
        }
        "rename" => {
            let Rename { summary, agent_id } = read(&body)?;
            let change = TicketChange {
                summary: Some(summary),
                ..TicketChange::default()
            };
            halo.change_ticket(id, agent_id, change)?;
        }
        "merge" => {
            let Into { into, agent_id } = read(&body)?;
            halo.merge_ticket(id, into, agent_id)?;
        }
        _ => return Err(AdminError::NoSuchHand(hand)),
    }
    Ok(Json(json!(halo.ticket(id))))
}
