//! A ticket: as HaloPSA last reported it, as Halogard opens it, and as Halogard changes it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{
    CustomFieldId, HaloClientId, NoteId, OutcomeId, PriorityId, SiteId, StatusId, TechnicianId,
    TicketId, TicketTypeId,
};
use crate::key::{InstallationId, SignedKey};
use crate::policy::{ClosedBy, StatusMap};
use crate::render;
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

/// A ticket to be opened, as the template describes it: everything but its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketDraft {
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
    /// The title without the key.
    pub summary: String,
    /// The text without the key, safe HTML.
    pub details_html: String,
    /// Values of custom fields, among them defaults of mandatory ones.
    pub custom_fields: BTreeMap<CustomFieldId, String>,
    /// A custom field that also receives the key.
    pub key_field: Option<CustomFieldId>,
    /// Whether HaloPSA checks mandatory fields.
    pub validation: Validation,
    /// Whether HaloPSA applies the default template of the ticket type, which may replace the title.
    pub type_template: Automation,
    /// Whether HaloPSA's ticket rules run, which may replace the title.
    pub ticket_rules: Automation,
}

/// A ticket to be opened. The key is in its title, at the end of its text, and in the custom field
/// that the template names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTicket {
    /// The key by which it will be found again.
    pub key: SignedKey,
    /// Who opens it, for another installation that finds it.
    pub installation: InstallationId,
    /// Everything else.
    pub draft: TicketDraft,
}

impl NewTicket {
    /// The title.
    #[must_use]
    pub fn summary(&self) -> String {
        render::marked_summary(&self.key, &self.draft.summary)
    }

    /// The text, safe HTML.
    #[must_use]
    pub fn details_html(&self) -> String {
        render::referenced_details_html(&self.key, &self.installation, &self.draft.details_html)
    }

    /// Values of custom fields.
    #[must_use]
    pub fn custom_fields(&self) -> BTreeMap<CustomFieldId, String> {
        let mut fields = self.draft.custom_fields.clone();
        if let Some(field) = self.draft.key_field {
            fields.insert(field, self.key.to_string());
        }
        fields
    }
}

/// Whether an automation of HaloPSA applies to a ticket that Halogard opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Automation {
    /// Halogard asks HaloPSA to leave it out.
    #[default]
    Skipped,
    /// It applies, because the operator asked for that.
    Applied,
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

/// A change of a ticket. It names what changes and nothing else: everything that it does not name stays
/// as the people who work on the ticket left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketChange {
    /// The ticket.
    pub id: TicketId,
    /// The new status.
    pub status: Option<StatusId>,
    /// The new priority.
    pub priority: Option<PriorityId>,
    /// The technician it is assigned to.
    pub technician: Option<TechnicianId>,
    /// The note about the closure.
    pub closure_note: Option<String>,
    /// The state for which the change was planned. The change is not made to a ticket that is read in
    /// another state.
    pub premise: Premise,
}

/// The state of a ticket for which a change was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Premise {
    /// The status.
    pub status: StatusId,
    /// The priority, if HaloPSA reported one.
    pub priority: Option<PriorityId>,
    /// Whether a technician is assigned, if HaloPSA reported that.
    pub assigned: Option<bool>,
}

impl Premise {
    /// The state of `ticket`.
    #[must_use]
    pub const fn of(ticket: &Ticket) -> Self {
        Self {
            status: ticket.status,
            priority: ticket.priority,
            assigned: ticket.assigned,
        }
    }

    /// Whether `ticket` is still in this state.
    #[must_use]
    pub fn holds_for(&self, ticket: &Ticket) -> bool {
        let now = Self::of(ticket);
        let same_assignment = self.assigned.is_none() || self.assigned == now.assigned;
        ticket.existence == Existence::Present
            && (self.status, self.priority) == (now.status, now.priority)
            && same_assignment
    }
}

impl TicketChange {
    /// A change of `ticket` that changes nothing.
    #[must_use]
    pub const fn of(ticket: &Ticket) -> Self {
        Self {
            id: ticket.id,
            status: None,
            priority: None,
            technician: None,
            closure_note: None,
            premise: Premise::of(ticket),
        }
    }

    /// The ticket after this change, which HaloPSA accepted without showing it, given what was `read` since. A read
    /// may lag behind a write: a member that it shows as it was before counts as changed, and the ticket then has no
    /// time of its own. A later read shows whether the change was carried out.
    #[must_use]
    pub fn expected_after(&self, mut read: Ticket) -> Ticket {
        if !read.is_present() {
            return read;
        }
        let is_before = read.status == self.premise.status;
        if let Some(asked) = self
            .status
            .filter(|asked| is_before && *asked != read.status)
        {
            read.status = asked;
            read.is_dated = false;
        }
        let is_before = read.priority == self.premise.priority;
        if let Some(asked) = self.priority
            && is_before
            && read.priority != Some(asked)
        {
            read.priority = Some(asked);
            read.is_dated = false;
        }
        read
    }

    /// What `answer`, HaloPSA's answer to this change, shows otherwise than the change asked for, as a
    /// sentence for a person; `None` if it shows what was asked for.
    ///
    /// Status and priority are compared. HaloPSA may clear the assignment as part of a status change.
    #[must_use]
    pub fn contradicted_by(&self, answer: &Ticket) -> Option<String> {
        let shown = answer
            .priority
            .map_or_else(|| "unset".to_owned(), |shown| shown.to_string());
        let status = self.status.filter(|asked| *asked != answer.status);
        let priority = self
            .priority
            .filter(|asked| Some(*asked) != answer.priority);
        let differences: Vec<String> = [
            status.map(|asked| format!("the status stayed {} instead of {asked}", answer.status)),
            priority.map(|asked| format!("the priority stayed {shown} instead of {asked}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!differences.is_empty()).then(|| {
            format!(
                "HaloPSA accepted the change, but {}",
                differences.join(" and ")
            )
        })
    }

    /// Whether `answer` shows values that are neither what this change asked for nor what was there before: someone
    /// else has set them since. A value from before was not changed at all.
    #[must_use]
    pub fn is_overtaken_by(&self, answer: &Ticket) -> bool {
        fn is_other<V: PartialEq>(asked: Option<V>, before: Option<V>, shown: Option<V>) -> bool {
            asked == shown
                || before
                    .zip(shown)
                    .is_some_and(|(before, shown)| before != shown)
        }
        let status = self.status.is_none_or(|asked| {
            is_other(Some(asked), Some(self.premise.status), Some(answer.status))
        });
        let priority = self
            .priority
            .is_none_or(|asked| is_other(Some(asked), self.premise.priority, answer.priority));
        status && priority
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
    /// The text without markup, then as it was written, where HaloPSA shows both.
    pub text: String,
    /// The status that the ticket had afterwards, if HaloPSA says so.
    pub status_after: Option<StatusId>,
    /// When it was written (HaloPSA's clock), if HaloPSA says so.
    pub written_at: Option<Timestamp>,
}

/// The notes of a ticket, as far as HaloPSA showed them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TicketNotes {
    /// What it showed.
    pub notes: Vec<TicketNote>,
    /// Whether that is all there is.
    pub is_whole: bool,
}

/// Who wrote a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteAuthor {
    /// Halogard.
    Halogard,
    /// HaloPSA itself, or an application that acts as an agent as whom no person can sign in.
    Automation,
    /// A person or a machine, by means of this application: the agents' web app and the customers' portal are
    /// applications, as every integration is.
    Application(String),
    /// A technician or a customer; HaloPSA names no application.
    Person,
}

impl NoteAuthor {
    /// Whether a person wrote it. Only a known machine is not a person.
    #[must_use]
    pub fn is_person(&self, machines: &MachineApplications) -> bool {
        match self {
            Self::Halogard | Self::Automation => false,
            Self::Application(name) => !machines.contains(name),
            Self::Person => true,
        }
    }
}

/// Names of applications that act without a person, as HaloPSA shows them; in any letter case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MachineApplications(BTreeSet<String>);

impl MachineApplications {
    /// Liongard's own ticketing, under the name that its guide gives its application.
    pub const LIONGARD: &'static str = "Liongard";

    /// `names`, and [`Self::LIONGARD`].
    #[must_use]
    pub fn with(names: impl IntoIterator<Item = String>) -> Self {
        let names = names.into_iter().map(|name| comparable(&name));
        Self(names.chain([comparable(Self::LIONGARD)]).collect())
    }

    /// Whether `name` is one of them.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(&comparable(name))
    }
}

impl Default for MachineApplications {
    fn default() -> Self {
        Self::with([])
    }
}

/// The name of an application in the form in which two are compared.
fn comparable(name: &str) -> String {
    name.trim().to_lowercase()
}

impl TicketNotes {
    /// Who closed the ticket, as far as the notes show: the author of the first of those that left it in a
    /// closed status until now. A person where they do not show it.
    #[must_use]
    pub fn closer(&self, statuses: &StatusMap, machines: &MachineApplications) -> ClosedBy {
        let mut in_order: Vec<_> = self.notes.iter().collect();
        in_order.sort_unstable_by_key(|note| note.id);
        let mut closing = None;
        for note in in_order {
            if let Some(after) = note.status_after {
                let still = statuses.is_closed(after).then(|| closing.unwrap_or(note));
                closing = still;
            }
        }
        match closing.map(|note| &note.author) {
            Some(NoteAuthor::Halogard) => ClosedBy::Halogard,
            Some(author) if self.is_whole && !author.is_person(machines) => ClosedBy::Automation,
            _ => ClosedBy::Technician,
        }
    }

    /// Whether they show that a person has worked on the ticket. The entry that opened it is not work; the
    /// application that wrote it opened the ticket for an alert, so it is a machine. If HaloPSA kept notes
    /// back, one of them may be a person's.
    #[must_use]
    pub fn show_a_person(&self, machines: &MachineApplications) -> bool {
        let is_opening = |note: &TicketNote| note.id.get() == 1;
        let opener = self.notes.iter().find(|note| is_opening(note));
        let by_a_person = |note: &TicketNote| {
            let by_the_opener = opener.is_some_and(|opener| opener.author == note.author);
            let is_named = matches!(note.author, NoteAuthor::Application(_));
            !is_opening(note) && note.author.is_person(machines) && !(by_the_opener && is_named)
        };
        !self.is_whole || self.notes.iter().any(by_a_person)
    }
}
