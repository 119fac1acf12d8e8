//! The decision: which steps bring an alert and its ticket back in sync.

mod linked;
mod observed;
mod unlinked;

pub use linked::{DifferenceCause, FieldDifference, PairField};

use crate::alert::Alert;
use crate::ids::TicketId;
use crate::link::{Base, Link, TerminalReason};
use crate::missing::Missing;
use crate::policy::{Mode, ParkReason, Policy};
use crate::runs::RunTarget;
use crate::ticket::{Existence, Ticket, TicketChange, TicketDraft};
use crate::time::{PlanTime, Timestamp};
use crate::work::WorkSign;

/// One step of a plan. Steps are executed in order. After a step that only reads, the plan is made
/// again.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Find out whether the alert gets its own ticket or shares that of a storm group; or update
    /// the group with the alert's state.
    AssignGroup,
    /// Search HaloPSA for a ticket that carries our key, because the outcome of an earlier attempt
    /// is unknown.
    FindByKey,
    /// Open the ticket, under a claim that is acquired immediately before the request is sent.
    Open(Box<TicketDraft>),
    /// Link this existing ticket to the alert.
    Adopt(TicketId),
    /// Follow the merge of the ticket into this one.
    FollowMerge(TicketId),
    /// Read the ticket's current state.
    ReadTicket,
    /// Follow the ticket again: it was deleted, and it exists again.
    Resume,
    /// Make sure that the ticket is known as it is now, because it is to be written.
    RefreshTicket,
    /// Find out whether a person has worked on the ticket, as of now.
    CheckActivity,
    /// Record that a person has started to work on the ticket.
    RecordWork(WorkSign),
    /// Record that HaloPSA accepted a change and did not carry it out, unless its notes show that a person
    /// undid it.
    RecordNotCarriedOut,
    /// Find out who closed the ticket in HaloPSA: a person or an automation.
    FindCloser,
    /// Set fields of the open ticket.
    SetFields(TicketChange),
    /// Add a note (safe HTML), once.
    AddNote(String),
    /// Add a note (safe HTML) that counts the alerts that share the ticket, once.
    AddSummaryNote(String),
    /// Close the group that the alert leads to new members.
    CloseGroup,
    /// Close the ticket.
    Close(TicketChange),
    /// Reopen the ticket, and add a note (safe HTML) that says why.
    Reopen(TicketChange, String),
    /// Begin the next ticket of the same alert.
    BeginNextTicket,
    /// Run Liongard's inspectors: the one of HaloPSA, or the one that raised the alert.
    RequestInspections(Vec<RunTarget>),
    /// Wait until the config maps the alert.
    Park(ParkReason),
    /// Reconcile again at this time.
    Wait(Timestamp),
    /// Record what both sides now agree on.
    SetBase(Base),
    /// Record that the pair needs no more work.
    Finish(TerminalReason),
}

impl Step {
    /// Whether the step changes the ticket in HaloPSA, or adds to it.
    #[must_use]
    pub const fn writes_ticket(&self) -> bool {
        matches!(
            self,
            Self::SetFields(_)
                | Self::AddNote(_)
                | Self::AddSummaryNote(_)
                | Self::Close(_)
                | Self::Reopen(..)
        )
    }
}

/// Returns the steps that are missing.
///
/// Level-triggered: it compares states, never events, so the same report twice, late or out of
/// order leads to the same result. Executing the steps and planning again yields no steps.
#[must_use]
pub fn plan(
    link: &Link,
    alert: Option<&Alert>,
    ticket: Option<&Ticket>,
    policy: &Policy,
    time: impl Into<PlanTime>,
) -> Vec<Step> {
    let time = time.into();
    let now = time.now;
    let Some(alert) = alert else {
        return Vec::new();
    };
    let is_observed = link.is_of_rival(policy) && !link.is_ticket_deleted();
    if policy.mode == Mode::Observe || is_observed {
        return observed_plan(link, alert, ticket, policy, now);
    }
    if link.is_ticket_deleted() {
        return after_deletion(link, alert, ticket, policy, now);
    }
    if link.ticket.is_none() {
        return unlinked::plan(link, alert, policy, now);
    }
    if let Some(missing) = unproven_absence(link, ticket) {
        return vec![if missing.read_again_at > now {
            Step::Wait(missing.read_again_at)
        } else {
            Step::ReadTicket
        }];
    }
    let Some(ticket) = ticket else {
        return vec![Step::ReadTicket];
    };
    match ticket.existence {
        Existence::Deleted => {
            closing_the_group(link, vec![Step::Finish(link.reason_of_deletion())])
        }
        // Merges can form a circle: none of the tickets remains.
        Existence::MergedInto(into) if link.merged_tickets.contains(&into) => {
            closing_the_group(link, vec![Step::Finish(TerminalReason::TicketDeleted)])
        }
        Existence::MergedInto(into) => vec![Step::FollowMerge(into)],
        Existence::Present => match policy.choose(alert) {
            Ok((mapping, template)) => {
                linked::plan(link, alert, ticket, mapping, template, policy, time)
            }
            Err(reason) if link.parked == Some(reason) => Vec::new(),
            Err(reason) => vec![Step::Park(reason)],
        },
    }
}

/// The steps for a pair that is only observed; a ticket that HaloPSA does not show is read again first.
fn observed_plan(
    link: &Link,
    alert: &Alert,
    ticket: Option<&Ticket>,
    policy: &Policy,
    now: Timestamp,
) -> Vec<Step> {
    match unproven_absence(link, ticket) {
        Some(missing) if missing.read_again_at > now => vec![Step::Wait(missing.read_again_at)],
        Some(_) => vec![Step::ReadTicket],
        None => observed::plan(link, alert, ticket, policy),
    }
}

/// Since when HaloPSA has not shown the ticket, until that is known to be a deletion.
fn unproven_absence(link: &Link, ticket: Option<&Ticket>) -> Option<Missing> {
    let is_deleted = ticket.is_some_and(|it| it.existence == Existence::Deleted);
    link.missing.filter(|_| !is_deleted)
}

/// `steps`, but first closes the group that the alert leads.
fn closing_the_group(link: &Link, steps: Vec<Step>) -> Vec<Step> {
    if link.leader_state().is_some_and(|lead| !lead.summary.closed) {
        vec![Step::CloseGroup]
    } else {
        steps
    }
}

/// A deleted ticket stays deleted until it shows itself again. Only an alert that was closed and is
/// open again gets a new one. The ticket is read once more with each report of the alert: it may
/// have been restored, and nothing said so.
fn after_deletion(
    link: &Link,
    alert: &Alert,
    ticket: Option<&Ticket>,
    policy: &Policy,
    now: Timestamp,
) -> Vec<Step> {
    if ticket.is_some_and(Ticket::is_present) {
        return vec![Step::Resume];
    }
    let is_older = |ticket: &Ticket| ticket.observed_at < alert.observed_at;
    if alert.observed_at <= now && ticket.is_some_and(is_older) {
        return vec![Step::ReadTicket];
    }
    match (link.terminal_reason, alert.is_closed(), policy.mode) {
        (Some(TerminalReason::TicketDeleted), true, _) => {
            vec![Step::Finish(TerminalReason::TicketDeletedAlertClosed)]
        }
        (Some(TerminalReason::TicketDeletedAlertClosed), false, Mode::Managed) => {
            vec![Step::BeginNextTicket]
        }
        _ => Vec::new(),
    }
}

/// What the open ticket of `link` shows otherwise than its open alert and its template say; nothing where one
/// of them is closed, or the policy gives the alert no ticket.
#[must_use]
pub fn field_differences(
    link: &Link,
    alert: &Alert,
    ticket: &Ticket,
    policy: &Policy,
    now: Timestamp,
) -> Vec<FieldDifference> {
    let Ok((mapping, template)) = policy.choose(alert) else {
        return Vec::new();
    };
    let is_open = !link.is_resolved(alert) && !template.statuses.is_closed(ticket.status);
    if !is_open || !ticket.is_present() {
        return Vec::new();
    }
    linked::Pair::of(link, alert, ticket, mapping, template, policy, now.into()).differences()
}
