//! Tickets, from the wire to the domain and back.

use halogard_domain::ids::TicketId;
use halogard_domain::ticket::{Existence, HumanActivity, NewTicket, TicketChange, Validation};
use halogard_domain::{LinkKey, Ticket, Timestamp};

use crate::wire::{CustomFieldWrite, TicketRow, TicketWrite};

/// A ticket from a list of deleted tickets is deleted, even if its row does not say so.
pub(super) fn marked_deleted(ticket: Ticket, deleted: bool) -> Ticket {
    let existence = if deleted && ticket.existence == Existence::Present {
        Existence::Deleted
    } else {
        ticket.existence
    };
    Ticket {
        existence,
        ..ticket
    }
}

/// What `row` shows, completed by `fallback`.
pub(super) fn fill_missing(row: &TicketRow, fallback: Ticket, observed_at: Timestamp) -> Ticket {
    let mut whole = row.clone();
    whole.client_id = row.client_id.or(Some(fallback.client));
    whole.tickettype_id = row.tickettype_id.or(Some(fallback.ticket_type));
    whole.status_id = row.status_id.or(Some(fallback.status));
    whole.priority_id = row.priority_id.or(fallback.priority);
    whole.to_ticket(observed_at).unwrap_or(fallback)
}

/// The write that opens `ticket`.
pub(super) fn to_open(ticket: &NewTicket) -> TicketWrite {
    TicketWrite {
        tickettype_id: Some(ticket.ticket_type),
        client_id: Some(ticket.client),
        site_id: ticket.site,
        summary: Some(ticket.summary.clone()),
        details_html: Some(ticket.details_html.clone()),
        status_id: Some(ticket.status),
        priority_id: ticket.priority,
        team: ticket.team.clone(),
        agent_id: ticket.technician,
        category_1: ticket.category.clone(),
        customfields: ticket
            .custom_fields
            .iter()
            .map(|(id, value)| CustomFieldWrite {
                id: *id,
                value: value.clone().into(),
            })
            .collect(),
        novalidate: (ticket.validation == Validation::Skipped).then_some(true),
        ..TicketWrite::default()
    }
}

/// The write that carries out `change`: what it names and nothing else.
pub(super) fn to_change(change: &TicketChange) -> TicketWrite {
    TicketWrite {
        id: Some(change.id),
        status_id: change.status,
        priority_id: change.priority,
        agent_id: change.technician,
        closure_note: change.closure_note.clone(),
        ..TicketWrite::default()
    }
}

/// The same for a tenant that demands client, type and status with every change: those that `current`,
/// read a moment ago, shows. A client without its site would leave the ticket at no customer.
pub(super) fn to_identified_change(change: &TicketChange, current: &TicketRow) -> TicketWrite {
    TicketWrite {
        tickettype_id: current.tickettype_id,
        client_id: current.client_id,
        site_id: current.site_id,
        status_id: change.status.or(current.status_id),
        ..to_change(change)
    }
}

/// The ticket as `row`, the answer to `change`, shows it; `None` when it leaves out what the change names
/// or when it changed.
pub(super) fn shown_by(
    row: &TicketRow,
    change: &TicketChange,
    asked_at: Timestamp,
) -> Option<Ticket> {
    row.last_update()?;
    row.to_ticket(asked_at)
        .filter(|shown| change.priority.is_none() || shown.priority.is_some())
}

/// The row that answers the opening of `ticket`: the row with its key or, if only one ticket was sent,
/// a single row without a title.
pub(super) fn answer_to<'r>(
    ticket: &NewTicket,
    sent: usize,
    rows: &'r [TicketRow],
) -> Option<&'r TicketRow> {
    let alone = sent == 1 && rows.len() == 1;
    rows.iter().find(|row| match &row.summary {
        Some(title) => LinkKey::find_in(title, &ticket.key.prefix).as_ref() == Some(&ticket.key),
        None => alone,
    })
}

/// The ticket as requested.
pub(super) fn opened(ticket: &NewTicket, id: TicketId, observed_at: Timestamp) -> Ticket {
    Ticket {
        id,
        client: ticket.client,
        ticket_type: ticket.ticket_type,
        status: ticket.status,
        priority: ticket.priority,
        summary: ticket.summary.clone(),
        assigned: None,
        changed_at: Timestamp::default(),
        observed_at,
        existence: Existence::Present,
        activity: HumanActivity::Unknown,
    }
}
