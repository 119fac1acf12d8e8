//! Tickets: what is written.

use halogard_domain::ids::{
    CustomFieldId, HaloClientId, PriorityId, SiteId, StatusId, TeamId, TechnicianId, TicketId,
    TicketTypeId,
};
use serde::Serialize;

/// A custom field to set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CustomFieldWrite {
    /// The field.
    pub id: CustomFieldId,
    /// Its new value; for a field with options, the id of one.
    pub value: serde_json::Value,
}

/// A ticket to create, or with an id, what to change in one.
///
/// Most tenants take an update of `id` and what changes. One live tenant answered "Record not found" to
/// those without `tickettype_id`, `client_id` and `status_id`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TicketWrite {
    /// The ticket to change; none creates one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<TicketId>,
    /// The type of ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tickettype_id: Option<TicketTypeId>,
    /// The customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<HaloClientId>,
    /// The customer's site; to be sent whenever a user is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_id: Option<SiteId>,
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The description without markup. Which of the two a tenant shows differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// The description, as HTML already made safe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details_html: Option<String>,
    /// The status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_id: Option<StatusId>,
    /// The `priorityid` of the priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_id: Option<PriorityId>,
    /// The team, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The same by number: some tenants pass over the name, others know no number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamId>,
    /// Who works it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<TechnicianId>,
    /// The category, levels joined by `>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category_1: Option<String>,
    /// Custom fields to set; the others stay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub customfields: Vec<CustomFieldWrite>,
    /// Why it is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closure_note: Option<String>,
    /// Whether mandatory fields go unchecked.
    #[serde(rename = "_novalidate", skip_serializing_if = "Option::is_none")]
    pub novalidate: Option<bool>,
    /// Whether the default template of the type is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub donotapplytemplateintheapi: Option<bool>,
    /// Whether the tenant's ticket rules are skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dont_do_rules: Option<bool>,
}
