//! A ticket: as HaloPSA last reported it, as Halogard opens it, and as Halogard changes it.

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

/// A ticket in HaloPSA.
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
    /// The priority, if HaloPSA reported one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<PriorityId>,
    /// The title. It contains our key.
    pub summary: String,
    /// Whether a technician is assigned, if HaloPSA reported that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned: Option<bool>,
    /// When the ticket last changed (HaloPSA's clock).
    pub changed_at: Timestamp,
    /// When we read this report (our clock). Distinguishes reports with the same change time.
    pub observed_at: Timestamp,
    /// Whether the ticket still exists.
    pub existence: Existence,
    /// Whether a person has worked on it.
    pub activity: HumanActivity,
}

/// Whether a ticket still exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existence {
    /// It exists.
    #[default]
    Present,
    /// A person merged it into another ticket, which replaces it.
    MergedInto(TicketId),
    /// It was deleted, or we may no longer see it.
    Deleted,
}

/// Whether a person has worked on a ticket: a note, a time entry or a status change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HumanActivity {
    /// Not checked since the ticket last changed.
    #[default]
    Unknown,
    /// Only integrations have worked on it.
    None {
        /// When that was last known to be true (our clock).
        as_of: Timestamp,
    },
    /// At least one person has worked on it.
    Seen,
}

/// How long a check of [`HumanActivity`] may be relied on. A person may have worked on the ticket
/// since, as may happen between any read and the write that follows; this bounds that interval.
pub const ACTIVITY_TTL: Duration = Duration::from_secs(60);

/// The smallest difference of two times.
const MILLISECOND: Duration = Duration::from_millis(1);

impl HumanActivity {
    /// Whether only integrations have worked on the ticket, according to a check that is still
    /// valid at `now`.
    #[must_use]
    pub fn is_untouched(self, now: Timestamp) -> bool {
        matches!(self, Self::None { as_of } if now.is_within(ACTIVITY_TTL + MILLISECOND, as_of))
    }
}

impl Ticket {
    /// Whether it exists, and was not merged into another one.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.existence == Existence::Present
    }

    /// The newer of two reports about the same ticket, by HaloPSA's own clock first. Commutative,
    /// associative and idempotent. A check of [`HumanActivity`] applies to every report of the same
    /// change.
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
    /// The key by which it will be found again. The summary already contains it.
    pub key: LinkKey,
    /// The customer.
    pub client: HaloClientId,
    /// The customer's site.
    pub site: Option<SiteId>,
    /// The ticket type.
    pub ticket_type: TicketTypeId,
    /// The status it starts in.
    pub status: StatusId,
    /// The priority, if the template maps one.
    pub priority: Option<PriorityId>,
    /// The team, by name.
    pub team: Option<String>,
    /// The technician it is assigned to.
    pub technician: Option<TechnicianId>,
    /// The category path, levels separated by `>`.
    pub category: Option<String>,
    /// The title.
    pub summary: String,
    /// The text, safe HTML.
    pub details_html: String,
    /// Values of custom fields, among them defaults of mandatory ones.
    pub custom_fields: BTreeMap<CustomFieldId, String>,
    /// Whether HaloPSA checks mandatory fields.
    pub validation: Validation,
}

/// Whether HaloPSA checks mandatory fields of a ticket that Halogard opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validation {
    /// Checked, as for a technician.
    #[default]
    Enforced,
    /// Not checked, because the operator asked for that.
    Skipped,
}

/// Fields of a ticket to be set. It always names the four fields that HaloPSA requires with every
/// update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketChange {
    /// The ticket.
    pub id: TicketId,
    /// Its client, unchanged.
    pub client: HaloClientId,
    /// Its type, unchanged.
    pub ticket_type: TicketTypeId,
    /// The new status.
    pub status: StatusId,
    /// The new priority; `None` leaves it unchanged.
    pub priority: Option<PriorityId>,
    /// The technician it is assigned to; `None` leaves the assignment unchanged.
    pub technician: Option<TechnicianId>,
    /// The note about the closure, if any.
    pub closure_note: Option<String>,
}

impl TicketChange {
    /// A change that leaves `ticket` unchanged.
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
    /// A reference at the end of the text that occurs nowhere else. The note is found again by it.
    pub reference: String,
}

/// A note on a ticket, as HaloPSA reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketNote {
    /// Unique within the ticket. Note 1 is the entry that opened the ticket.
    pub id: NoteId,
    /// Who wrote it, as far as that matters here.
    pub author: NoteAuthor,
    /// The text without markup.
    pub text: String,
}

/// Who wrote a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteAuthor {
    /// Halogard.
    Halogard,
    /// Another integration, or HaloPSA itself.
    Integration,
    /// A technician or a customer.
    Person,
}
