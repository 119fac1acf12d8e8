//! The heart: what is missing between an alert and its ticket.

mod linked;
mod unlinked;

use crate::alert::Alert;
use crate::ids::TicketId;
use crate::link::{Base, Link, TerminalReason};
use crate::policy::{Mode, ParkReason, Policy};
use crate::runs::RunTarget;
use crate::ticket::{Existence, NewTicket, Ticket, TicketChange};
use crate::time::Timestamp;

/// One thing to do. Steps are carried out in order; after a step that only looks, the plan is made
/// anew.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Find out whether the alert gets a ticket of its own or shares that of a storm, or tell its storm
    /// what became of it.
    AssignGroup,
    /// Take the right to open the ticket.
    Claim,
    /// Look in the desk for a ticket that carries our key: an earlier attempt is in doubt.
    FindByKey,
    /// Open the ticket.
    Open(Box<NewTicket>),
    /// This existing ticket is the alert's.
    Adopt(TicketId),
    /// Read the ticket's current state.
    ReadTicket,
    /// Find out whether a person has worked on the ticket, as of now.
    CheckActivity,
    /// Set fields of the open ticket.
    SetFields(TicketChange),
    /// Add a note (safe HTML), once.
    AddNote(String),
    /// Add a note (safe HTML) that counts the alerts which share the ticket, once.
    AddSummaryNote(String),
    /// Let no more alerts share the ticket.
    CloseGroup,
    /// Close the ticket.
    Close(TicketChange),
    /// Open the ticket again, and say why (safe HTML).
    Reopen(TicketChange, String),
    /// Begin the next ticket of the same alert.
    BeginNextTicket,
    /// Have Liongard look: its HaloPSA inspector, or the one that found the alert.
    RequestInspections(Vec<RunTarget>),
    /// Wait for a mapping or a template.
    Park(ParkReason),
    /// Look again at this time.
    Wait(Timestamp),
    /// Record what both sides now agree on.
    SetBase(Base),
    /// Record that no more work is needed.
    Finish(TerminalReason),
}

/// Says what is missing.
///
/// Level-triggered: it looks at states, never at what happened, so the same news twice, late or out
/// of order leads to the same end. Carrying the steps out and planning again yields nothing.
#[must_use]
pub fn plan(
    link: &Link,
    alert: Option<&Alert>,
    ticket: Option<&Ticket>,
    policy: &Policy,
    now: Timestamp,
) -> Vec<Step> {
    let Some(alert) = alert else {
        return Vec::new();
    };
    if let Some(
        ended @ (TerminalReason::TicketDeleted | TerminalReason::TicketDeletedAlertClosed),
    ) = link.terminal_reason
    {
        return after_deletion(ended, alert, policy);
    }
    if link.ticket.is_none() {
        return unlinked::plan(link, alert, policy, now);
    }
    let Some(ticket) = ticket else {
        return vec![Step::ReadTicket];
    };
    match ticket.existence {
        Existence::Deleted => {
            closing_the_group(link, vec![Step::Finish(TerminalReason::TicketDeleted)])
        }
        // A ticket merged into one that is merged back would lead in circles; one that was ours
        // before is not followed again.
        Existence::MergedInto(into) if link.earlier_tickets.contains(&into) => {
            vec![Step::Finish(TerminalReason::TicketDeleted)]
        }
        Existence::MergedInto(into) => vec![Step::Adopt(into)],
        Existence::Present => match policy.choose(alert) {
            Ok((_, template)) => linked::plan(link, alert, ticket, template, policy, now),
            Err(reason) if link.parked == Some(reason) => Vec::new(),
            Err(reason) => vec![Step::Park(reason)],
        },
    }
}

/// `steps`, after which no alert may join the ticket of `link` any more.
fn closing_the_group(link: &Link, steps: Vec<Step>) -> Vec<Step> {
    if link.leader_state().is_some_and(|lead| !lead.summary.closed) {
        vec![Step::CloseGroup]
    } else {
        steps
    }
}

/// A deleted ticket stays deleted. Only an alert that was over and is back gets a new one.
fn after_deletion(ended: TerminalReason, alert: &Alert, policy: &Policy) -> Vec<Step> {
    match (ended, alert.is_closed(), policy.mode) {
        (TerminalReason::TicketDeleted, true, _) => {
            vec![Step::Finish(TerminalReason::TicketDeletedAlertClosed)]
        }
        (TerminalReason::TicketDeletedAlertClosed, false, Mode::Managed) => {
            vec![Step::BeginNextTicket]
        }
        _ => Vec::new(),
    }
}
