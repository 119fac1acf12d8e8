//! The row of a ticket, and the ticket it describes.

use std::collections::BTreeMap;

use halogard_domain::ids::{
    CustomFieldId, HaloClientId, PriorityId, SiteId, StatusId, TechnicianId, TicketId, TicketTypeId,
};
use halogard_domain::ticket::{Assignment, Existence, Handling, HumanActivity};
use halogard_domain::{Ticket, Timestamp};
use halogard_wire::values::{
    self, Lenient, lenient_flag, lenient_id, lenient_text, lenient_timestamp,
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Row;

/// The `agent_id` of an unassigned ticket; 0 means "not set". Source: HaloPSA's reference of tickets.
const UNASSIGNED_TECHNICIAN: u64 = 1;

/// What is odd about a time that has not come.
#[cfg(feature = "client")]
const IN_THE_FUTURE: &str = "last_update, which is in the future";

/// A ticket as a list or `GET /Tickets/{id}` shows it.
///
/// Lists are much thinner than the detail and differ by tenant, so every member but the id may
/// be absent. A member of a form that means nothing is read as absent, and [`TicketRow::odd`] names it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "TicketMembers")]
pub struct TicketRow {
    /// The ticket.
    pub id: TicketId,
    /// Its title.
    pub summary: Option<String>,
    /// The customer.
    pub client_id: Option<HaloClientId>,
    /// The customer's site.
    #[serde(default, deserialize_with = "values::id")]
    pub site_id: Option<SiteId>,
    /// The type of ticket.
    pub tickettype_id: Option<TicketTypeId>,
    /// The status; which statuses are closed is the tenant's choice.
    pub status_id: Option<StatusId>,
    /// The `priorityid` of the priority.
    pub priority_id: Option<PriorityId>,
    /// The technician; 1 is "Unassigned", 0 is "not set" and read as absent.
    pub agent_id: Option<TechnicianId>,
    /// The team, by name.
    team: Option<String>,
    /// The category path.
    category_1: Option<String>,
    /// HaloPSA's own time of the last change; see [`TicketRow::last_update`].
    last_update: Option<Timestamp>,
    /// Whether it was deleted.
    pub deleted: Option<bool>,
    /// The ticket it was merged into.
    pub merged_into_id: Option<TicketId>,
    /// When it was opened.
    pub opened_at: Option<Timestamp>,
    /// Its text; in the detail only.
    details: Option<String>,
    /// The same with markup.
    details_html: Option<String>,
    /// Custom fields with text in them; in lists only those asked for.
    customfields: BTreeMap<u64, String>,
    /// Members whose values could not be read, or cannot be right.
    pub odd: Vec<&'static str>,
}

/// The members of a row, each read on its own.
#[derive(Deserialize)]
struct TicketMembers {
    #[serde(deserialize_with = "values::required_id")]
    id: TicketId,
    #[serde(default, deserialize_with = "lenient_text")]
    summary: Lenient<String>,
    #[serde(default, deserialize_with = "lenient_id")]
    client_id: Lenient<HaloClientId>,
    #[serde(default, deserialize_with = "lenient_id")]
    site_id: Lenient<SiteId>,
    #[serde(default, deserialize_with = "lenient_id")]
    tickettype_id: Lenient<TicketTypeId>,
    #[serde(default, deserialize_with = "lenient_id")]
    status_id: Lenient<StatusId>,
    #[serde(default, deserialize_with = "lenient_id")]
    priority_id: Lenient<PriorityId>,
    #[serde(default, deserialize_with = "lenient_id")]
    agent_id: Lenient<TechnicianId>,
    #[serde(default, deserialize_with = "any_text")]
    team: Option<String>,
    #[serde(default, deserialize_with = "any_text")]
    category_1: Option<String>,
    /// As most answers spell it.
    #[serde(
        default,
        rename = "last_update",
        deserialize_with = "lenient_timestamp"
    )]
    last_update: Lenient<Timestamp>,
    /// The same, as some answers spell it. Not an alias: an answer may hold both.
    #[serde(default, rename = "lastupdate", deserialize_with = "lenient_timestamp")]
    lastupdate: Lenient<Timestamp>,
    #[serde(default, deserialize_with = "lenient_flag")]
    deleted: Lenient<bool>,
    #[serde(default, deserialize_with = "lenient_id")]
    merged_into_id: Lenient<TicketId>,
    #[serde(default, deserialize_with = "lenient_timestamp")]
    dateoccurred: Lenient<Timestamp>,
    #[serde(default, deserialize_with = "any_text")]
    details: Option<String>,
    #[serde(default, deserialize_with = "any_text")]
    details_html: Option<String>,
    #[serde(default, deserialize_with = "custom_texts")]
    customfields: BTreeMap<u64, String>,
}

impl From<TicketMembers> for TicketRow {
    fn from(read: TicketMembers) -> Self {
        let mut odd = Vec::new();
        let under_one_name = read.last_update.or_note("last_update", &mut odd);
        let under_the_other = read.lastupdate.or_note("lastupdate", &mut odd);
        Self {
            id: read.id,
            summary: read.summary.or_note("summary", &mut odd),
            site_id: read.site_id.or_note("site_id", &mut odd),
            client_id: read.client_id.or_note("client_id", &mut odd),
            tickettype_id: read.tickettype_id.or_note("tickettype_id", &mut odd),
            status_id: read.status_id.or_note("status_id", &mut odd),
            priority_id: read.priority_id.or_note("priority_id", &mut odd),
            agent_id: read.agent_id.or_note("agent_id", &mut odd),
            team: read.team,
            category_1: read.category_1,
            last_update: under_one_name.or(under_the_other),
            deleted: read.deleted.or_note("deleted", &mut odd),
            merged_into_id: read.merged_into_id.or_note("merged_into_id", &mut odd),
            // What only searches need is not odd where it is missing.
            opened_at: read.dateoccurred.or_note("dateoccurred", &mut Vec::new()),
            details: read.details,
            details_html: read.details_html,
            customfields: read.customfields,
            odd,
        }
    }
}

/// Text; a value of any other form is ignored. Only searches need it, and a search does without.
fn any_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(values::text(value).ok().flatten())
}

/// The custom fields of a row that have an id and a text, as above.
fn custom_texts<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<u64, String>, D::Error> {
    let fields = Value::deserialize(from)?;
    let fields = fields.as_array().into_iter().flatten();
    let texts = fields.filter_map(|field| {
        let id = values::id(field.get("id")?).ok().flatten()?;
        Some((id, field.get("value")?.as_str()?.to_owned()))
    });
    Ok(texts.collect())
}

impl TicketRow {
    /// HaloPSA's own time of the last change, under either of its two names.
    #[must_use]
    pub fn last_update(&self) -> Option<Timestamp> {
        self.last_update
    }

    /// The row without a time of change after `latest`: a time in the future is ignored. Believed, it would
    /// count as newer than every change to come.
    #[must_use]
    #[cfg(feature = "client")]
    pub(crate) fn changed_by(mut self, latest: Timestamp) -> Self {
        if self.last_update.is_some_and(|at| at > latest) {
            self.last_update = None;
            self.odd.push(IN_THE_FUTURE);
        }
        self
    }

    /// What is odd about the row, for the log; `None` when nothing is.
    #[must_use]
    pub fn oddities(&self) -> Option<String> {
        (!self.odd.is_empty()).then(|| format!("{} at {}", self.id, self.odd.join(", ")))
    }

    /// Whether the title is there and could not be read: it may hold a key of ours.
    #[must_use]
    pub fn hides_its_title(&self) -> bool {
        self.odd.contains(&"summary")
    }

    /// Whether `text` occurs in its description, with or without markup.
    #[must_use]
    pub fn describes(&self, text: &str) -> bool {
        self.descriptions().any(|details| details.contains(text))
    }

    /// Its description, with and without markup, as far as it is shown.
    pub fn descriptions(&self) -> impl Iterator<Item = &String> {
        [&self.details, &self.details_html].into_iter().flatten()
    }

    /// The texts in its custom fields.
    pub fn custom_texts(&self) -> impl Iterator<Item = &String> {
        self.customfields.values()
    }

    /// The text in a custom field.
    #[must_use]
    pub fn custom_text(&self, field: CustomFieldId) -> Option<&str> {
        self.customfields.get(&field.get()).map(String::as_str)
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
            is_dated: self.last_update().is_some(),
            observed_at,
            existence,
            activity: HumanActivity::Unknown,
            handling: Handling {
                assignment: self.agent_id.map(|agent| {
                    if agent.get() > UNASSIGNED_TECHNICIAN {
                        Assignment::To(agent)
                    } else {
                        Assignment::Unassigned
                    }
                }),
                team: named(self.team.as_deref()),
                category: named(self.category_1.as_deref()),
            },
        })
    }
}

/// A name that is not blank.
fn named(text: Option<&str>) -> Option<String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

impl Row for TicketRow {
    fn key(&self) -> u64 {
        self.id.get()
    }
}
