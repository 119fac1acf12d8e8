//! Tickets: rows, detail and writes.

use halogard_domain::Timestamp;
use halogard_domain::ids::{
    CustomFieldId, HaloClientId, PriorityId, SiteId, StatusId, TechnicianId, TicketId, TicketTypeId,
};
use serde::{Deserialize, Serialize};

use super::{Row, lenient};

/// A ticket as a list or `GET /Tickets/{id}` shows it.
///
/// Lists are much thinner than the detail and differ by tenant, so every member but the id may
/// be absent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TicketRow {
    /// The ticket.
    #[serde(deserialize_with = "lenient::required_id")]
    pub id: TicketId,
    /// Its title.
    #[serde(default, deserialize_with = "lenient::text")]
    pub summary: Option<String>,
    /// The customer.
    #[serde(default, deserialize_with = "lenient::id")]
    pub client_id: Option<HaloClientId>,
    /// The customer's site.
    #[serde(default, deserialize_with = "lenient::id")]
    pub site_id: Option<SiteId>,
    /// The type of ticket.
    #[serde(default, deserialize_with = "lenient::id")]
    pub tickettype_id: Option<TicketTypeId>,
    /// The status; which statuses are closed is the tenant's choice.
    #[serde(default, deserialize_with = "lenient::id")]
    pub status_id: Option<StatusId>,
    /// The `priorityid` of the priority.
    #[serde(default, deserialize_with = "lenient::id")]
    pub priority_id: Option<PriorityId>,
    /// The team, by name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub team: Option<String>,
    /// Who works it; [`super::UNASSIGNED_AGENT`] is nobody.
    #[serde(default, deserialize_with = "lenient::id")]
    pub agent_id: Option<TechnicianId>,
    /// The end user it was raised for.
    #[serde(default, deserialize_with = "lenient::id")]
    pub user_id: Option<u64>,
    /// The parent ticket.
    #[serde(default, deserialize_with = "lenient::id")]
    pub parent_id: Option<TicketId>,
    /// The category, levels joined by `>`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub category_1: Option<String>,
    /// HaloPSA's own time of the last change, as most answers spell it; see
    /// [`TicketRow::last_update`].
    #[serde(default, rename = "last_update", deserialize_with = "lenient::moment")]
    last_update: Option<Timestamp>,
    /// The same, as some answers spell it. Not an alias: an answer may hold both.
    #[serde(default, rename = "lastupdate", deserialize_with = "lenient::moment")]
    lastupdate: Option<Timestamp>,
    /// When it was raised.
    #[serde(default, deserialize_with = "lenient::moment")]
    pub dateoccurred: Option<Timestamp>,
    /// When it was closed.
    #[serde(default, deserialize_with = "lenient::moment")]
    pub dateclosed: Option<Timestamp>,
    /// Whether it was ever closed. Says nothing sure about now: its value after a reopening is
    /// not known.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub hasbeenclosed: Option<bool>,
    /// Whether it was deleted.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub deleted: Option<bool>,
    /// The ticket it was merged into.
    #[serde(default, deserialize_with = "lenient::id")]
    pub merged_into_id: Option<TicketId>,
    /// Custom fields, where they were asked for.
    #[serde(default, deserialize_with = "lenient::list")]
    pub customfields: Vec<CustomFieldRow>,
    /// The supplier's reference.
    #[serde(default, deserialize_with = "lenient::text")]
    pub supplier_reference: Option<String>,
    /// Whether our agent may change it; in the detail only.
    #[serde(default, rename = "_canupdate", deserialize_with = "lenient::flag")]
    pub can_update: Option<bool>,
    /// What HaloPSA remarks although it did the work.
    #[serde(default, rename = "_warning", deserialize_with = "lenient::text")]
    pub warning: Option<String>,
}

impl TicketRow {
    /// HaloPSA's own time of the last change, under either of its two names.
    #[must_use]
    pub fn last_update(&self) -> Option<Timestamp> {
        self.last_update.or(self.lastupdate)
    }

    /// The value of custom field `id`, if the row carries it.
    #[must_use]
    pub fn custom_field(&self, id: CustomFieldId) -> Option<&serde_json::Value> {
        let field = self
            .customfields
            .iter()
            .find(|field| field.id == Some(id))?;
        field.value.as_ref()
    }
}

impl Row for TicketRow {
    fn key(&self) -> u64 {
        self.id.get()
    }
}

/// A custom field of a ticket or client, as read.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct CustomFieldRow {
    /// The field.
    #[serde(default, deserialize_with = "lenient::id")]
    pub id: Option<CustomFieldId>,
    /// Its API name, which begins with `CF`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// Its value: text, a number, a flag, an option's id, or a list, by the field's type.
    #[serde(default)]
    pub value: Option<serde_json::Value>,
    /// The value as a person sees it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub display: Option<String>,
}

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
/// An update should carry `id`, `tickettype_id`, `client_id` and `status_id` beside what
/// changes: without them a live tenant answered "Record not found".
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
    /// The end user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<u64>,
    /// The parent ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<TicketId>,
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The description, as HTML already made safe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details_html: Option<String>,
    /// The status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_id: Option<StatusId>,
    /// The `priorityid` of the priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_id: Option<PriorityId>,
    /// How much is affected, a row of lookup 12.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impact: Option<u64>,
    /// How soon it matters, a row of lookup 27.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urgency: Option<u64>,
    /// The team, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Who works it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<TechnicianId>,
    /// The category, levels joined by `>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category_1: Option<String>,
    /// The second category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category_2: Option<String>,
    /// The third category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category_3: Option<String>,
    /// The fourth category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category_4: Option<String>,
    /// Custom fields to set; the others stay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub customfields: Vec<CustomFieldWrite>,
    /// Why it is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closure_note: Option<String>,
    /// The supplier's reference, 50 characters at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supplier_reference: Option<String>,
    /// Whether the end user is sent an acknowledgement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sendack: Option<bool>,
    /// Whether the tenant's ticket rules are skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dont_do_rules: Option<bool>,
    /// Whether the ticket type's template is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub donotapplytemplateintheapi: Option<bool>,
    /// Whether mandatory fields go unchecked.
    #[serde(rename = "_novalidate", skip_serializing_if = "Option::is_none")]
    pub novalidate: Option<bool>,
}
