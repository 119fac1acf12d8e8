//! The row of a ticket, and the ticket it describes.

use halogard_domain::ids::{
    HaloClientId, PriorityId, StatusId, TechnicianId, TicketId, TicketTypeId,
};
use halogard_domain::ticket::{Existence, HumanActivity};
use halogard_domain::{Ticket, Timestamp};
use halogard_wire::values;
use serde::Deserialize;

use super::Row;

/// The `agent_id` of an unassigned ticket; 0 means "not set". Source: HaloPSA's reference of tickets.
const UNASSIGNED_TECHNICIAN: u64 = 1;

/// A ticket as a list or `GET /Tickets/{id}` shows it.
///
/// Lists are much thinner than the detail and differ by tenant, so every member but the id may
/// be absent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TicketRow {
    /// The ticket.
    #[serde(deserialize_with = "values::required_id")]
    pub id: TicketId,
    /// Its title.
    #[serde(default, deserialize_with = "values::text")]
    pub summary: Option<String>,
    /// The customer.
    #[serde(default, deserialize_with = "values::id")]
    pub client_id: Option<HaloClientId>,
    /// The type of ticket.
    #[serde(default, deserialize_with = "values::id")]
    pub tickettype_id: Option<TicketTypeId>,
    /// The status; which statuses are closed is the tenant's choice.
    #[serde(default, deserialize_with = "values::id")]
    pub status_id: Option<StatusId>,
    /// The `priorityid` of the priority.
    #[serde(default, deserialize_with = "values::id")]
    pub priority_id: Option<PriorityId>,
    /// The technician; 1 is "Unassigned", 0 is "not set" and read as absent.
    #[serde(default, deserialize_with = "values::id")]
    pub agent_id: Option<TechnicianId>,
    /// HaloPSA's own time of the last change, as most answers spell it; see
    /// [`TicketRow::last_update`].
    #[serde(
        default,
        rename = "last_update",
        deserialize_with = "values::timestamp"
    )]
    last_update: Option<Timestamp>,
    /// The same, as some answers spell it. Not an alias: an answer may hold both.
    #[serde(default, rename = "lastupdate", deserialize_with = "values::timestamp")]
    lastupdate: Option<Timestamp>,
    /// Whether it was deleted.
    #[serde(default, deserialize_with = "values::flag")]
    pub deleted: Option<bool>,
    /// The ticket it was merged into.
    #[serde(default, deserialize_with = "values::id")]
    pub merged_into_id: Option<TicketId>,
}

impl TicketRow {
    /// HaloPSA's own time of the last change, under either of its two names.
    #[must_use]
    pub fn last_update(&self) -> Option<Timestamp> {
        self.last_update.or(self.lastupdate)
    }

    /// The ticket this row describes; `None` when the row lacks its client, type or status.
    ///
    /// A row without the time of its last change counts as older than every row that has one.
    #[must_use]
    pub fn to_ticket(&self, observed_at: Timestamp) -> Option<Ticket> {
        let existence = match self
            .merged_into_id
            .filter(|into| into.get() > 0 && *into != self.id)
        {
            Some(into) => Existence::MergedInto(into),
            None if self.deleted == Some(true) => Existence::Deleted,
            None => Existence::Present,
        };
        Some(Ticket {
            id: self.id,
            client: self.client_id?,
            ticket_type: self.tickettype_id?,
            status: self.status_id?,
            priority: self.priority_id,
            summary: self.summary.clone().unwrap_or_default(),
            assigned: self
                .agent_id
                .map(|agent| agent.get() > UNASSIGNED_TECHNICIAN),
            changed_at: self.last_update().unwrap_or_default(),
            observed_at,
            existence,
            activity: HumanActivity::Unknown,
        })
    }
}

impl Row for TicketRow {
    fn key(&self) -> u64 {
        self.id.get()
    }
}
