//! A ticket as HaloPSA last reported it; below it, what Halogard opens, changes and reads of one.

mod change;
mod draft;
mod notes;

use std::cmp::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::change::{Premise, TicketChange};
pub use self::draft::{Automation, NewTicket, TicketDraft, Validation};
pub use self::notes::{MachineApplications, NewNote, NoteAuthor, TicketNote, TicketNotes};
use crate::ids::{HaloClientId, PriorityId, StatusId, TechnicianId, TicketId, TicketTypeId};
use crate::time::{PlanTime, Timestamp};

/// A ticket in HaloPSA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The ticket's number.
    pub id: TicketId,
    /// The customer.
    pub client: HaloClientId,
    /// The ticket type.
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
    /// Whether HaloPSA said that. Otherwise it is the moment of the report.
    #[serde(default = "dated", skip_serializing_if = "is_dated")]
    pub is_dated: bool,
    /// When we read this report (our clock). Distinguishes reports with the same change time.
    pub observed_at: Timestamp,
    /// Whether the ticket still exists.
    pub existence: Existence,
    /// Whether a person has worked on it.
    pub activity: HumanActivity,
    /// Who has it and what it is filed under.
    #[serde(default, skip_serializing_if = "Handling::is_unknown")]
    pub handling: Handling,
}

/// Most tickets show when they changed.
const fn dated() -> bool {
    true
}

/// Whether a ticket shows when it changed, as serde asks it.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_dated(is_dated: &bool) -> bool {
    *is_dated
}

/// Who has a ticket and what it is filed under, as far as HaloPSA reported that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handling {
    /// Who has it.
    pub assignment: Option<Assignment>,
    /// The team, by name.
    pub team: Option<String>,
    /// The category path.
    pub category: Option<String>,
}

/// Who has a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assignment {
    /// It waits in its team.
    Unassigned,
    /// This technician.
    To(TechnicianId),
}

impl Handling {
    /// Whether nothing of it was reported.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
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

impl HumanActivity {
    /// Whether only integrations have worked on the ticket, according to a check that is still
    /// valid at `time`.
    #[must_use]
    pub fn is_untouched(self, time: PlanTime) -> bool {
        matches!(self, Self::None { as_of } if time.is_fresh(as_of, ACTIVITY_TTL))
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
                ticket.changed(),
                ticket.observed_at,
                ticket.existence,
                ticket.status,
                ticket.priority,
                ticket.assigned,
                ticket.changed_at,
            )
        };
        let activity = match self.changed().cmp(&other.changed()) {
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

    /// When the ticket last changed, as far as that can be believed. Reports are put in order by it: one
    /// odd time in the future must not make every later report look old.
    #[must_use]
    pub fn changed(&self) -> Timestamp {
        self.changed_at.believed_at(self.observed_at)
    }

    /// Whether the two reports show different states, as far as both of them say.
    #[must_use]
    pub fn differs_from(&self, other: &Self) -> bool {
        fn differ<V: PartialEq>(one: Option<V>, other: Option<V>) -> bool {
            one.zip(other).is_some_and(|(one, other)| one != other)
        }
        self.status != other.status
            || self.existence != other.existence
            || self.client != other.client
            || self.ticket_type != other.ticket_type
            || differ(self.priority, other.priority)
            || differ(self.assigned, other.assigned)
    }
}
