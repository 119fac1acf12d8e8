//! What an open ticket shows otherwise than its alert and its template say, field by field.

use serde::{Deserialize, Serialize};

use super::Pair;
use crate::policy::Mode;
use crate::ticket::{Assignment, Ticket};
use crate::work::InitialState;

/// A field of a ticket that follows its alert, or the template that it was opened by.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairField {
    /// The key in the title. The rest of a title is not written again once the ticket is open.
    Title,
    /// The status that Liongard's status maps to.
    Status,
    /// The priority that Liongard's priority maps to.
    Priority,
    /// The client.
    Client,
    /// The ticket type.
    Type,
    /// The team.
    Team,
    /// The technician.
    Technician,
    /// The notes about changes of the alert's text.
    Notes,
}

impl PairField {
    /// Every field.
    pub const ALL: [Self; 8] = [
        Self::Title,
        Self::Status,
        Self::Priority,
        Self::Client,
        Self::Type,
        Self::Team,
        Self::Technician,
        Self::Notes,
    ];

    /// The field as people write it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Status => "status",
            Self::Priority => "priority",
            Self::Client => "client",
            Self::Type => "type",
            Self::Team => "team",
            Self::Technician => "technician",
            Self::Notes => "notes",
        }
    }
}

/// Why a field shows something else than alert and template say.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceCause {
    /// A change of the alert has not been written: work is missing.
    NotWritten,
    /// HaloPSA gave the ticket to another client than the one it was requested for: people of that client
    /// may read it.
    OpenedElsewhere,
    /// It is so since the ticket was opened: a rule of HaloPSA set it, or the config was changed since.
    SinceOpening,
    /// It was changed in HaloPSA, which is a person's decision.
    ChangedInHaloPsa,
    /// People merged the ticket with others.
    Merged,
    /// The ticket has as many notes as the config allows.
    NotesExhausted,
}

impl DifferenceCause {
    /// Why the difference is not a mistake; `None` when something is to be done.
    #[must_use]
    pub const fn explanation(self) -> Option<&'static str> {
        match self {
            Self::NotWritten | Self::OpenedElsewhere => None,
            Self::SinceOpening => Some("so since the ticket was opened"),
            Self::ChangedInHaloPsa => Some("changed in HaloPSA"),
            Self::Merged => Some("tickets were merged"),
            Self::NotesExhausted => Some("the ticket has as many notes as the config allows"),
        }
    }
}

/// A field that shows something else than alert and template say.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDifference {
    /// The field.
    pub field: PairField,
    /// What alert and template say.
    pub expected: String,
    /// What the ticket shows.
    pub shown: String,
    /// Why.
    pub cause: DifferenceCause,
}

impl FieldDifference {
    fn new(
        field: PairField,
        expected: &impl ToString,
        shown: &impl ToString,
        cause: DifferenceCause,
    ) -> Self {
        Self {
            field,
            expected: expected.to_string(),
            shown: shown.to_string(),
            cause,
        }
    }
}

impl Pair<'_> {
    /// What the open ticket shows otherwise than the open alert and its template say. What a plan would
    /// write is the same as what is [`NotWritten`](DifferenceCause::NotWritten) here.
    pub(in crate::plan) fn differences(&self) -> Vec<FieldDifference> {
        if self.is_of_another_client() {
            return self.client().into_iter().collect();
        }
        let mut found = Vec::new();
        // What Halogard did not open was not filed by its template.
        if self.policy.mode == Mode::Managed && self.link.key.is_some() {
            found.extend(self.title());
            found.extend(self.ticket_type());
            found.extend(self.team());
            found.extend(self.technician());
        }
        if self.policy.mode == Mode::Managed {
            found.extend(self.status());
            found.extend(self.priority());
            found.extend(self.notes());
        }
        found.extend(self.client());
        found.sort_by_key(|difference| difference.field);
        found
    }

    fn title(&self) -> Option<FieldDifference> {
        let Ticket { summary, .. } = self.ticket;
        if summary.is_empty() || self.link.wrote_title(summary, self.policy) {
            return None;
        }
        let key = self.link.key(self.policy);
        Some(FieldDifference::new(
            PairField::Title,
            &format!("[{key}…]"),
            summary,
            DifferenceCause::ChangedInHaloPsa,
        ))
    }

    fn status(&self) -> Option<FieldDifference> {
        let wanted = *self.template.statuses.by_slug.get(&self.alert.status)?;
        let cause = || {
            if self.link.co_owners.is_some() {
                DifferenceCause::Merged
            } else if self.wanted_status().is_some() {
                DifferenceCause::NotWritten
            } else {
                DifferenceCause::ChangedInHaloPsa
            }
        };
        let shown = self.ticket.status;
        (wanted != shown).then(|| FieldDifference::new(PairField::Status, &wanted, &shown, cause()))
    }

    fn priority(&self) -> Option<FieldDifference> {
        let wanted = self.template.priorities.of(&self.alert.priority)?;
        let shown = self.ticket.priority?;
        let initial = |initial: &InitialState| initial.priority == Some(shown);
        let cause = || {
            if self.link.co_owners.is_some() {
                DifferenceCause::Merged
            } else if self.wanted_priority().is_some() {
                DifferenceCause::NotWritten
            } else if self.link.initial.as_ref().is_some_and(initial) {
                DifferenceCause::SinceOpening
            } else {
                DifferenceCause::ChangedInHaloPsa
            }
        };
        (wanted != shown)
            .then(|| FieldDifference::new(PairField::Priority, &wanted, &shown, cause()))
    }

    fn client(&self) -> Option<FieldDifference> {
        let (wanted, shown) = (self.mapping.client, self.ticket.client);
        let initial = |initial: &InitialState| initial.client == shown;
        let cause = || {
            if !self.link.merged_tickets.is_empty() {
                DifferenceCause::Merged
            } else if self.link.initial.as_ref().is_some_and(initial) {
                DifferenceCause::OpenedElsewhere
            } else {
                DifferenceCause::ChangedInHaloPsa
            }
        };
        (wanted != shown).then(|| FieldDifference::new(PairField::Client, &wanted, &shown, cause()))
    }

    fn ticket_type(&self) -> Option<FieldDifference> {
        let (wanted, shown) = (self.template.ticket_type, self.ticket.ticket_type);
        let cause = || self.since_opening(|initial| initial.ticket_type == shown);
        (wanted != shown).then(|| FieldDifference::new(PairField::Type, &wanted, &shown, cause()))
    }

    fn team(&self) -> Option<FieldDifference> {
        let wanted = self.template.team.as_ref()?;
        let shown = self.ticket.handling.team.as_ref()?;
        let is_same =
            |one: &str, other: &str| one.trim().to_lowercase() == other.trim().to_lowercase();
        let initial = |initial: &InitialState| {
            let team = initial.handling.team.as_ref();
            team.is_some_and(|team| is_same(team, shown))
        };
        (!is_same(wanted, shown)).then(|| {
            let cause = self.since_opening(initial);
            FieldDifference::new(PairField::Team, wanted, shown, cause)
        })
    }

    fn technician(&self) -> Option<FieldDifference> {
        let wanted = self.template.technician?;
        let assignment = self.ticket.handling.assignment?;
        let shown = match assignment {
            Assignment::To(technician) if technician == wanted => return None,
            Assignment::To(technician) => technician.to_string(),
            Assignment::Unassigned => "unassigned".to_owned(),
        };
        let cause = self.since_opening(|it| it.handling.assignment == Some(assignment));
        Some(FieldDifference::new(
            PairField::Technician,
            &wanted,
            &shown,
            cause,
        ))
    }

    fn notes(&self) -> Option<FieldDifference> {
        if self.alert.text_hash() == self.base.alert_text {
            return None;
        }
        let mut base = self.seen_with_alert();
        let cause = if self.change_note(&mut base).is_some() {
            DifferenceCause::NotWritten
        } else if base.alert_text == self.base.alert_text {
            // The note was refused, which the pair's status says.
            return None;
        } else {
            DifferenceCause::NotesExhausted
        };
        Some(FieldDifference::new(
            PairField::Notes,
            &"the alert's new text",
            &"its former text",
            cause,
        ))
    }

    /// The cause of what no change of the alert can explain.
    fn since_opening(&self, is_initial: impl Fn(&InitialState) -> bool) -> DifferenceCause {
        if self.link.is_merged() {
            DifferenceCause::Merged
        } else if self.link.initial.as_ref().is_some_and(is_initial) {
            DifferenceCause::SinceOpening
        } else {
            DifferenceCause::ChangedInHaloPsa
        }
    }
}
