//! A ticket: as the service desk last reported it, as we open it, and as we change it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{
    CustomFieldId, HaloClientId, NoteId, OutcomeId, PriorityId, SiteId, StatusId, TechnicianId,
    TicketId, TicketTypeId,
};
use crate::key::LinkKey;
use crate::time::Timestamp;

/// A request in the service desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The ticket's number.
    pub id: TicketId,
    /// The customer. Every update must name it.
    pub client: HaloClientId,
    /// The ticket type. Every update must name it.
    pub ticket_type: TicketTypeId,
    /// The status.
    pub status: StatusId,
    /// The priority, where the desk says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<PriorityId>,
    /// The title; carries our key.
    #[serde(default)]
    pub summary: String,
    /// Whether it is given to a technician, where the desk says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned: Option<bool>,
    /// When the desk says it last changed, by the desk's clock.
    pub changed_at: Timestamp,
    /// When we read this report, by our clock: tells reports of one change time apart.
    #[serde(default)]
    pub observed_at: Timestamp,
    /// Whether it still exists.
    #[serde(default)]
    pub existence: Existence,
    /// Whether a person has worked on it.
    #[serde(default)]
    pub activity: HumanActivity,
}

/// Whether a ticket still exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existence {
    /// It is there.
    #[default]
    Present,
    /// A person merged it into another ticket, which carries on for it.
    MergedInto(TicketId),
    /// It was deleted, or we may no longer see it.
    Deleted,
}

/// Whether a person has worked on a ticket: a note, a time entry, a status change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HumanActivity {
    /// Not looked up since the ticket last changed.
    #[default]
    Unknown,
    /// Nobody but integrations.
    None {
        /// Until when that is known, by our clock.
        as_of: Timestamp,
    },
    /// At least one person.
    Seen,
}

/// How long what is known about [`HumanActivity`] is acted on. A person may have touched the ticket since, as
/// one may between any look and the write that follows it; this keeps that stretch short.
pub const ACTIVITY_TTL: Duration = Duration::from_secs(60);

impl HumanActivity {
    /// Whether nobody but integrations has worked on the ticket, as far as may be acted on at `now`.
    #[must_use]
    pub fn is_untouched(self, now: Timestamp) -> bool {
        matches!(self, Self::None { as_of } if now.since(as_of) <= ACTIVITY_TTL)
    }
}

impl Ticket {
    /// The newer of two reports about the same ticket, by the desk's own clock first. Commutative,
    /// associative, idempotent. What was looked up about [`HumanActivity`] holds for every report of the
    /// same change.
    #[must_use]
    pub fn newer(self, other: Self) -> Self {
        let rank = |ticket: &Self| {
            (
                ticket.changed_at,
                ticket.observed_at,
                ticket.existence,
                ticket.status,
                ticket.priority,
                ticket.assigned,
            )
        };
        let activity = match self.changed_at.cmp(&other.changed_at) {
            Ordering::Greater => self.activity,
            Ordering::Equal => self.activity.max(other.activity),
            Ordering::Less => other.activity,
        };
        let newer = if rank(&other) > rank(&self) {
            other
        } else {
            self
        };
        Self { activity, ..newer }
    }
}

/// A ticket to be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTicket {
    /// How it will be found again; already part of the summary.
    pub key: LinkKey,
    /// The customer.
    pub client: HaloClientId,
    /// The customer's site.
    pub site: Option<SiteId>,
    /// The ticket type.
    pub ticket_type: TicketTypeId,
    /// The status it starts in.
    pub status: StatusId,
    /// The priority, where the mapping names one.
    pub priority: Option<PriorityId>,
    /// The team, by name, as the desk wants it.
    pub team: Option<String>,
    /// The technician it is given to.
    pub technician: Option<TechnicianId>,
    /// The category path, levels joined by `>`.
    pub category: Option<String>,
    /// The title.
    pub summary: String,
    /// The text, safe HTML.
    pub details_html: String,
    /// Values for custom fields, among them defaults for mandatory ones.
    pub custom_fields: BTreeMap<CustomFieldId, String>,
    /// Whether the desk is to check mandatory fields.
    pub validation: Validation,
}

/// Whether the desk checks mandatory fields of a ticket we open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validation {
    /// As for a technician.
    #[default]
    Enforced,
    /// Skipped; the operator asked for it.
    Skipped,
}

/// Fields of a ticket to be set. Always names the four that the desk wants with every update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketChange {
    /// The ticket.
    pub id: TicketId,
    /// Its client, unchanged.
    pub client: HaloClientId,
    /// Its type, unchanged.
    pub ticket_type: TicketTypeId,
    /// The status it is to have.
    pub status: StatusId,
    /// The priority it is to have; `None` leaves it.
    pub priority: Option<PriorityId>,
    /// The technician it is given to; `None` leaves it.
    pub technician: Option<TechnicianId>,
    /// What is said about the closure; `None` says nothing.
    pub closure_note: Option<String>,
}

impl TicketChange {
    /// A change that leaves `ticket` as it is.
    #[must_use]
    pub fn of(ticket: &Ticket) -> Self {
        Self {
            id: ticket.id,
            client: ticket.client,
            ticket_type: ticket.ticket_type,
            status: ticket.status,
            priority: None,
            technician: None,
            closure_note: None,
        }
    }
}

/// A note to be added to a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewNote {
    /// The ticket.
    pub ticket: TicketId,
    /// The kind of note.
    pub outcome: OutcomeId,
    /// The text, safe HTML.
    pub html: String,
    /// Stands at the end of the text, and nowhere else: the note is found again by it.
    pub reference: String,
}

/// A note on a ticket, as the desk reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketNote {
    /// Unique within the ticket; 1 is the entry that opened it.
    pub id: NoteId,
    /// Who wrote it, as far as that matters here.
    pub author: NoteAuthor,
    /// The text without mark-up.
    pub text: String,
}

/// Who wrote a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteAuthor {
    /// This bundle.
    Halogard,
    /// Another integration, or the desk itself.
    Integration,
    /// A technician or a customer.
    Person,
}
