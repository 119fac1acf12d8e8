//! Notes of a ticket, and who wrote them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::{NoteId, OutcomeId, StatusId, TicketId};
use crate::policy::{ClosedBy, StatusMap};
use crate::time::Timestamp;

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
