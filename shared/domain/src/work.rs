//! Work on a ticket that leaves no note: a person assigns it, or files it under something else.
//!
//! HaloPSA does not say who changed a field, so the ticket is compared with its state right after it was
//! opened: neither what HaloPSA's rules do with a new ticket nor what we write counts as work.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::ids::{HaloClientId, PriorityId, TechnicianId, TicketTypeId};
use crate::link::{Base, Link};
use crate::policy::{Mapping, Template};
use crate::sweep_cursor::INDEX_LAG_MAX;
use crate::ticket::{Assignment, Handling, Ticket};
use crate::time::Timestamp;

/// How long after it was opened a change of a ticket is taken for one that a rule of HaloPSA made (by
/// HaloPSA's clock). No person reads and assigns a ticket that fast.
pub const RULES_SETTLE: Duration = Duration::from_secs(10);

/// A ticket right after it was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitialState {
    /// The customer.
    pub client: HaloClientId,
    /// The type.
    pub ticket_type: TicketTypeId,
    /// The priority, if HaloPSA reported one.
    pub priority: Option<PriorityId>,
    /// Who had it and what it was filed under.
    pub handling: Handling,
    /// The title, whole; empty where it is not known.
    pub title: String,
    /// When that was (HaloPSA's clock).
    pub at: Timestamp,
}

impl InitialState {
    /// The state of `ticket`.
    #[must_use]
    pub fn of(ticket: &Ticket) -> Self {
        Self {
            client: ticket.client,
            ticket_type: ticket.ticket_type,
            priority: ticket.priority,
            handling: ticket.handling.clone(),
            title: ticket.summary.clone(),
            at: ticket.changed(),
        }
    }

    /// What the ticket was requested with, where its first state is not known. The priority is the one it was
    /// found with: what was requested follows the alert's.
    fn requested(mapping: &Mapping, template: &Template, found: Option<FoundTicket>) -> Self {
        let assignment = template
            .technician
            .map_or(Assignment::Unassigned, Assignment::To);
        Self {
            client: mapping.client,
            ticket_type: template.ticket_type,
            priority: found.and_then(|found| found.priority),
            handling: Handling {
                assignment: Some(assignment),
                team: template.team.clone(),
                category: template.category.clone(),
            },
            title: String::new(),
            at: Timestamp::default(),
        }
    }

    /// Takes in a later report, if HaloPSA's rules may still have been at work.
    pub(crate) fn settle(&mut self, report: &Ticket) {
        if report.changed().since(self.at) > RULES_SETTLE {
            return;
        }
        let Handling {
            assignment,
            team,
            category,
        } = report.handling.clone();
        self.client = report.client;
        self.ticket_type = report.ticket_type;
        self.priority = report.priority.or(self.priority);
        let known = &mut self.handling;
        known.assignment = assignment.or(known.assignment);
        known.team = team.or_else(|| known.team.take());
        known.category = category.or_else(|| known.category.take());
        // A list may cut titles.
        if !report.summary.is_empty()
            && !letters(&self.title).starts_with(&letters(&report.summary))
        {
            report.summary.clone_into(&mut self.title);
        }
    }
}

/// A ticket that was found by its key, as it was seen first. A list shows it late, so a person may have
/// changed it a moment before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundTicket {
    /// When it was seen (our clock).
    pub at: Timestamp,
    /// Its priority then.
    pub priority: Option<PriorityId>,
}

impl FoundTicket {
    /// `ticket`, which was found.
    #[must_use]
    pub const fn of(ticket: &Ticket) -> Self {
        Self {
            at: ticket.observed_at,
            priority: ticket.priority,
        }
    }

    /// From when on a read shows everything that was done to the ticket before it was found.
    #[must_use]
    pub fn settled_at(&self, now: Timestamp) -> Timestamp {
        self.at.believed_at(now).plus(INDEX_LAG_MAX)
    }
}

impl Link {
    /// Takes note that the ticket was found in a list, which may cut titles: the first one is not known.
    pub fn forget_first_title(&mut self) {
        if let Some(initial) = &mut self.initial {
            initial.title.clear();
        }
    }

    /// Takes note that Halogard is about to assign the ticket to `technician`: that it is so afterwards is
    /// no person's work, however the request ends.
    pub fn expect_assignment(&mut self, technician: TechnicianId) {
        if let Some(initial) = &mut self.initial {
            initial.handling.assignment = Some(Assignment::To(technician));
        }
    }
}

/// What shows that a person has started to work on a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkSign {
    /// It was assigned to another technician.
    Assigned,
    /// It has another priority.
    Priority,
    /// It is with another team.
    Team,
    /// It has another type.
    Type,
    /// It has another category.
    Category,
    /// It belongs to another client.
    Client,
    /// It has another title.
    Title,
}

impl fmt::Display for WorkSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed = match self {
            Self::Assigned => return f.write_str("the ticket was assigned in HaloPSA"),
            Self::Priority => "priority",
            Self::Team => "team",
            Self::Type => "type",
            Self::Category => "category",
            Self::Client => "client",
            Self::Title => "title",
        };
        write!(f, "the ticket's {changed} was changed in HaloPSA")
    }
}

/// What shows that a person has started to work on `ticket`, if anything does.
///
/// HaloPSA clears the assignment with some changes of the status, ours included, so an unassigned ticket
/// shows nothing. A priority that the alert has or had is one that Halogard writes.
#[must_use]
pub fn sign_of_work(
    link: &Link,
    base: &Base,
    alert: &Alert,
    ticket: &Ticket,
    mapping: &Mapping,
    template: &Template,
) -> Option<WorkSign> {
    let requested = || InitialState::requested(mapping, template, link.found);
    let initial = link.initial.clone().unwrap_or_else(requested);
    let (before, now) = (&initial.handling, &ticket.handling);
    let assigned = matches!(now.assignment, Some(Assignment::To(_)));
    let ours = [&alert.priority, &base.alert_priority].map(|slug| template.priorities.of(slug));
    let other_priority =
        differ(initial.priority, ticket.priority) && !ours.contains(&ticket.priority);
    let signs = [
        (
            assigned && differ(before.assignment, now.assignment),
            WorkSign::Assigned,
        ),
        (other_priority, WorkSign::Priority),
        (
            differ(
                comparable(before.team.as_ref()),
                comparable(now.team.as_ref()),
            ),
            WorkSign::Team,
        ),
        (initial.ticket_type != ticket.ticket_type, WorkSign::Type),
        (
            differ(
                comparable(before.category.as_ref()),
                comparable(now.category.as_ref()),
            ),
            WorkSign::Category,
        ),
        (initial.client != ticket.client, WorkSign::Client),
        (
            is_rewritten(link, &initial.title, &ticket.summary),
            WorkSign::Title,
        ),
    ];
    signs
        .into_iter()
        .find_map(|(is_shown, sign)| is_shown.then_some(sign))
}

/// Whether the title of a ticket that we opened is another one than `before`, or has words behind it. A list may cut
/// titles, so the beginning of `before` is not another one. Where `before` is not known, whether words stand before our
/// key, with which our titles begin.
fn is_rewritten(link: &Link, before: &str, now: &str) -> bool {
    let Some(key) = link.key.as_ref().filter(|_| !now.is_empty()) else {
        return false;
    };
    if before.is_empty() {
        return key.is_preceded_in(now);
    }
    !letters(before).starts_with(&letters(now))
}

/// What two forms of one title have in common: a list may write it otherwise.
fn letters(title: &str) -> String {
    let letters = title.chars().filter(|it| it.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Whether both are known and not the same.
fn differ<V: PartialEq>(before: Option<V>, now: Option<V>) -> bool {
    before.zip(now).is_some_and(|(before, now)| before != now)
}

/// A name in the form in which two are compared.
fn comparable(name: Option<&String>) -> Option<String> {
    name.map(|name| name.trim().to_lowercase())
}
