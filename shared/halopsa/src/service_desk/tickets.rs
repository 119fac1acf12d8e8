//! Tickets, from the wire to the domain and back.

use halogard_domain::ids::{TeamId, TicketId};
use halogard_domain::render::plain_text;
use halogard_domain::ticket::{
    Assignment, Automation, Existence, Handling, HumanActivity, NewTicket, TicketChange, Validation,
};
use halogard_domain::{Ticket, Timestamp};

use crate::wire::{CustomFieldWrite, TicketRow, TicketWrite};

/// What `row` shows, completed by `fallback`.
pub(super) fn fill_missing(row: &TicketRow, fallback: Ticket, observed_at: Timestamp) -> Ticket {
    let mut whole = row.clone();
    whole.client_id = row.client_id.or(Some(fallback.client));
    whole.tickettype_id = row.tickettype_id.or(Some(fallback.ticket_type));
    whole.status_id = row.status_id.or(Some(fallback.status));
    whole.priority_id = row.priority_id.or(fallback.priority);
    let mut ticket = whole
        .to_ticket(observed_at)
        .unwrap_or_else(|| fallback.clone());
    let (shown, requested) = (&mut ticket.handling, fallback.handling);
    shown.assignment = shown.assignment.or(requested.assignment);
    shown.team = shown.team.take().or(requested.team);
    // An answer to a create shows the category, if there is one.
    let category = shown.category.take().or(requested.category);
    shown.category = Some(category.unwrap_or_default());
    ticket
}

/// The write that opens `ticket`, for the team with this number if that is known.
pub(super) fn to_open(ticket: &NewTicket, team: Option<TeamId>) -> TicketWrite {
    let draft = &ticket.draft;
    TicketWrite {
        tickettype_id: Some(draft.ticket_type),
        client_id: Some(draft.client),
        site_id: draft.site,
        summary: Some(ticket.summary()),
        details: Some(plain_text(&ticket.details_html())),
        details_html: Some(ticket.details_html()),
        status_id: Some(draft.status),
        priority_id: draft.priority,
        team: draft.team.clone(),
        team_id: team,
        agent_id: draft.technician,
        category_1: draft.category.clone(),
        customfields: ticket
            .custom_fields()
            .into_iter()
            .map(|(id, value)| CustomFieldWrite {
                id,
                value: value.into(),
            })
            .collect(),
        novalidate: (draft.validation == Validation::Skipped).then_some(true),
        donotapplytemplateintheapi: (draft.type_template == Automation::Skipped).then_some(true),
        dont_do_rules: (draft.ticket_rules == Automation::Skipped).then_some(true),
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

/// The ticket as requested.
pub(super) fn opened(ticket: &NewTicket, id: TicketId, observed_at: Timestamp) -> Ticket {
    Ticket {
        id,
        client: ticket.draft.client,
        ticket_type: ticket.draft.ticket_type,
        status: ticket.draft.status,
        priority: ticket.draft.priority,
        summary: ticket.summary(),
        assigned: None,
        changed_at: Timestamp::default(),
        is_dated: false,
        observed_at,
        existence: Existence::Present,
        activity: HumanActivity::Unknown,
        handling: Handling {
            assignment: Some(
                ticket
                    .draft
                    .technician
                    .map_or(Assignment::Unassigned, Assignment::To),
            ),
            team: ticket.draft.team.clone(),
            category: ticket.draft.category.clone(),
        },
    }
}
