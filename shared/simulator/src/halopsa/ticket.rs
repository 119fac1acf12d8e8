//! A ticket and its actions, as the tenant stores them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A ticket.
#[derive(Clone, Debug, Default)]
pub(super) struct SimTicket {
    pub(super) id: i64,
    /// One line.
    pub(super) summary: String,
    /// Plain text.
    pub(super) details: String,
    /// The same with markup.
    pub(super) details_html: String,
    pub(super) client_id: i64,
    /// The customer's site.
    pub(super) site_id: i64,
    /// The end user, 0 for none.
    pub(super) user_id: i64,
    /// The ticket type.
    pub(super) tickettype_id: i64,
    pub(super) status_id: i64,
    /// The priority's number.
    pub(super) priority_id: i64,
    /// The service level agreement.
    pub(super) sla_id: i64,
    /// The team's name.
    pub(super) team: String,
    /// The assigned agent; 1 means "unassigned".
    pub(super) agent_id: i64,
    /// The ticket it is a child of.
    pub(super) parent_id: i64,
    /// The ticket it was merged into, 0 for none.
    pub(super) merged_into_id: i64,
    /// Whether it was deleted.
    pub(super) deleted: bool,
    /// Whether it is said to have been closed.
    pub(super) has_been_closed: bool,
    /// When it was logged.
    pub(super) occurred_at: i64,
    /// When it last changed.
    pub(super) updated_at: i64,
    /// When it was closed, while it is.
    pub(super) closed_at: Option<i64>,
    /// Statuses and since when, in order.
    pub(super) status_log: Vec<(i64, i64)>,
    /// Custom field values by field id.
    pub(super) custom_fields: BTreeMap<i64, Value>,
    /// Assets by id.
    pub(super) assets: Vec<i64>,
    /// Other members that are stored as they come.
    pub(super) loose: Map<String, Value>,
    /// Notes and status steps, numbered from 1.
    pub(super) actions: Vec<Action>,
    /// The application that logged it; empty for a person.
    pub(super) created_by: String,
    /// Whether a person changed its customer, type, priority, agent, team, category or title.
    pub(super) edited_by_person: bool,
}

impl SimTicket {
    /// The status the ticket had at that moment.
    pub(super) fn status_at(&self, millis: i64) -> Option<i64> {
        let past = self
            .status_log
            .iter()
            .take_while(|(since, _)| *since <= millis);
        past.last().map(|(_, status)| *status)
    }

    /// The number of the ticket's next action.
    pub(super) fn next_action_id(&self) -> i64 {
        self.actions.last().map_or(1, |last| last.id + 1)
    }
}

/// Something written on a ticket: a note, a mail, a step from one status to another.
#[derive(Clone, Debug, Default)]
pub(super) struct Action {
    /// Its number within the ticket.
    pub(super) id: i64,
    /// Its identity across all tickets.
    pub(super) guid: String,
    /// The outcome's id, 0 for the opening entry.
    pub(super) outcome_id: i64,
    /// The outcome's name.
    pub(super) outcome: String,
    /// The agent it counts for.
    pub(super) agent_id: i64,
    /// The application that wrote it; empty for a person.
    pub(super) application: String,
    pub(super) at: i64,
    /// Plain text.
    pub(super) note: String,
    /// Whether it was sent as such; otherwise it was made from the markup.
    pub(super) note_given: bool,
    /// The same with markup.
    pub(super) note_html: String,
    /// Whether the customer does not see it.
    pub(super) hidden_from_user: bool,
    /// The status before.
    pub(super) old_status: i64,
    /// The status after.
    pub(super) new_status: i64,
    /// Whether HaloPSA wrote it by itself on account of something else.
    pub(super) system: bool,
    /// Whether an end user wrote it.
    pub(super) by_user: bool,
}
