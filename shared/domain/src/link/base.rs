//! What both sides last agreed on: the third value of the merge.

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::ids::{HaloClientId, PriorityId, StatusId, TicketTypeId};
use crate::policy::{ClosedBy, StatusMap};
use crate::slug::Slug;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// What both sides last agreed on, field by field. Our own writes come back as changes and equal
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Whether the alert was closed.
    pub alert_closed: bool,
    /// The alert's status.
    pub alert_status: Slug,
    /// The alert's priority.
    pub alert_priority: Slug,
    /// Hash of the alert's text.
    pub alert_text: u64,
    /// The ticket's status.
    pub ticket_status: StatusId,
    /// How the ticket was closed, if it was.
    pub ticket_closed: Option<Closure>,
    /// The ticket's priority.
    pub ticket_priority: Option<PriorityId>,
}

/// The alert's state when its ticket was requested. Until both sides agree, this is what the ticket
/// is known to show, even if the response was lost and the alert has changed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningSnapshot {
    /// The alert's status.
    pub status: Slug,
    /// The alert's priority.
    pub priority: Slug,
    /// Hash of the alert's text.
    pub text: u64,
    /// The customer for whom it was requested, whatever the config maps now; `None` once the ticket is
    /// linked.
    pub client: Option<HaloClientId>,
    /// The type with which it was requested, likewise.
    pub ticket_type: Option<TicketTypeId>,
}

impl OpeningSnapshot {
    /// The state of `alert`, whose ticket is requested for `client` with this type.
    #[must_use]
    pub fn of(alert: &Alert, client: HaloClientId, ticket_type: TicketTypeId) -> Self {
        Self {
            status: alert.status.clone(),
            priority: alert.priority.clone(),
            text: alert.text_hash(),
            client: Some(client),
            ticket_type: Some(ticket_type),
        }
    }
}

/// How a ticket was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// Who closed it.
    pub by: ClosedBy,
    /// When it was closed.
    pub at: Timestamp,
}

impl Base {
    /// The current state of both sides. Who closed the ticket is taken from `before`.
    #[must_use]
    pub fn of(alert: &Alert, ticket: &Ticket, statuses: &StatusMap, before: Option<&Self>) -> Self {
        let closed = statuses.is_closed(ticket.status);
        let known = before.and_then(|base| base.ticket_closed);
        let by_desk = Closure {
            by: ClosedBy::HaloPsa,
            at: ticket.changed_at,
        };
        Self {
            alert_closed: alert.is_closed(),
            alert_status: alert.status.clone(),
            alert_priority: alert.priority.clone(),
            alert_text: alert.text_hash(),
            ticket_status: ticket.status,
            ticket_closed: closed.then(|| known.unwrap_or(by_desk)),
            ticket_priority: ticket.priority,
        }
    }

    /// The base of a pair that has never agreed: both open, the alert as it was when the ticket was
    /// requested, and everything else as it is now.
    #[must_use]
    pub fn assumed(
        alert: &Alert,
        ticket: &Ticket,
        statuses: &StatusMap,
        opening: Option<&OpeningSnapshot>,
    ) -> Self {
        let open_status = if statuses.is_closed(ticket.status) {
            statuses.open
        } else {
            ticket.status
        };
        let (status, priority, text) = opening.map_or_else(
            || (&alert.status, &alert.priority, alert.text_hash()),
            |opening| (&opening.status, &opening.priority, opening.text),
        );
        Self {
            alert_closed: false,
            alert_status: status.clone(),
            alert_priority: priority.clone(),
            alert_text: text,
            ticket_status: open_status,
            ticket_closed: None,
            ticket_priority: ticket.priority,
        }
    }
}
