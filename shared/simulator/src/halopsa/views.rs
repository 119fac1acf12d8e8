//! The true state of the tenant, for assertions; reading it costs no request.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::counters::TrafficStats;

use super::HaloPsa;
use super::state::HaloState;
use super::ticket::SimTicket;

/// A ticket in its true state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TicketView {
    /// Its number.
    pub id: i64,
    /// The title.
    pub summary: String,
    /// Plain text.
    pub details: String,
    /// Marked-up text.
    pub details_html: String,
    /// The customer.
    pub client_id: i64,
    /// The customer's site.
    pub site_id: i64,
    /// The end user; 0 is none.
    pub user_id: i64,
    /// The category path; empty is none.
    pub category: String,
    /// The type.
    pub tickettype_id: i64,
    /// The status.
    pub status_id: i64,
    /// Whether that status counts as closed.
    pub closed: bool,
    /// The priority's number.
    pub priority_id: i64,
    /// The team.
    pub team: String,
    /// The assigned agent; 1 means "unassigned".
    pub agent_id: i64,
    /// The parent; 0 is none.
    pub parent_id: i64,
    /// Whether it was deleted.
    pub deleted: bool,
    /// What it was merged into; 0 is nothing.
    pub merged_into_id: i64,
    /// When it was logged.
    pub occurred_at: i64,
    /// When it last changed.
    pub updated_at: i64,
    /// The application that logged it; empty for a person.
    pub created_by: String,
    /// Whether a person changed its customer, type, priority, agent, team, category or title.
    #[serde(skip)]
    pub edited_by_person: bool,
    /// Custom field values by field id.
    pub custom_fields: BTreeMap<i64, Value>,
    /// Notes and status steps.
    pub actions: Vec<ActionView>,
}

/// An action in its true state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActionView {
    /// Its number within the ticket.
    pub id: i64,
    /// The outcome.
    pub outcome: String,
    /// Plain text.
    pub note: String,
    /// The agent.
    pub agent_id: i64,
    /// The application; empty for a person.
    pub application: String,
    /// The status after.
    pub new_status: i64,
    /// When.
    pub at: i64,
}

/// Counts over the whole life of the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HaloStats {
    /// Requests and refusals.
    #[serde(flatten)]
    pub traffic: TrafficStats,
    /// When each ticket was created, in order.
    pub creates: Vec<i64>,
    /// Tickets, deleted ones excluded.
    pub tickets: usize,
    /// Open tickets among them.
    pub open_tickets: usize,
    /// Actions per ticket beyond the opening entry.
    pub notes: BTreeMap<i64, usize>,
    /// The writes of each application (or "agent N"), by kind.
    pub writes: BTreeMap<String, BTreeMap<String, u64>>,
    /// Webhook deliveries queued.
    pub deliveries: usize,
    /// Deliveries the receiver accepted.
    pub deliveries_accepted: usize,
}

impl HaloPsa {
    /// The counts so far.
    #[must_use]
    pub fn stats(&self) -> HaloStats {
        let traffic = self.pipeline.stats();
        let state = self.state();
        let existing = || state.tickets.values().filter(|ticket| !ticket.deleted);
        HaloStats {
            traffic,
            creates: state.creates.clone(),
            tickets: existing().count(),
            open_tickets: existing()
                .filter(|ticket| !state.world.service_desk.is_closed(ticket.status_id))
                .count(),
            notes: existing()
                .map(|ticket| (ticket.id, ticket.actions.len().saturating_sub(1)))
                .collect(),
            writes: state.writes.clone(),
            deliveries: state.outbox.log.len(),
            deliveries_accepted: state
                .outbox
                .log
                .iter()
                .filter(|record| record.delivered)
                .count(),
        }
    }

    /// Every ticket, deleted ones included, by number.
    #[must_use]
    pub fn tickets(&self) -> Vec<TicketView> {
        let state = self.state();
        state
            .tickets
            .values()
            .map(|ticket| state.view(ticket))
            .collect()
    }

    /// One ticket, deleted or not.
    #[must_use]
    pub fn ticket(&self, id: i64) -> Option<TicketView> {
        let state = self.state();
        state.tickets.get(&id).map(|ticket| state.view(ticket))
    }
}

impl HaloState {
    /// The view of a ticket.
    fn view(&self, ticket: &SimTicket) -> TicketView {
        let actions = ticket.actions.iter().map(|action| ActionView {
            id: action.id,
            outcome: action.outcome.clone(),
            note: action.note.clone(),
            agent_id: action.agent_id,
            application: action.application.clone(),
            new_status: action.new_status,
            at: action.at,
        });
        let category = ticket.loose.get("category_1").and_then(Value::as_str);
        TicketView {
            id: ticket.id,
            summary: ticket.summary.clone(),
            details: ticket.details.clone(),
            details_html: ticket.details_html.clone(),
            client_id: ticket.client_id,
            site_id: ticket.site_id,
            user_id: ticket.user_id,
            category: category.unwrap_or_default().to_owned(),
            tickettype_id: ticket.tickettype_id,
            status_id: ticket.status_id,
            closed: self.world.service_desk.is_closed(ticket.status_id),
            priority_id: ticket.priority_id,
            team: ticket.team.clone(),
            agent_id: ticket.agent_id,
            parent_id: ticket.parent_id,
            deleted: ticket.deleted,
            merged_into_id: ticket.merged_into_id,
            occurred_at: ticket.occurred_at,
            updated_at: ticket.updated_at,
            created_by: ticket.created_by.clone(),
            edited_by_person: ticket.edited_by_person,
            custom_fields: ticket.custom_fields.clone(),
            actions: actions.collect(),
        }
    }
}
