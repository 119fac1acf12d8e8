//! The heart: what is missing between an alert and its ticket.

mod both;
mod opening;

use crate::alert::Alert;
use crate::ids::TicketId;
use crate::link::{Base, Ended, Link};
use crate::policy::{Mode, ParkReason, Policy};
use crate::runs::RunTarget;
use crate::ticket::{Fate, NewTicket, Ticket, TicketChange};
use crate::time::Timestamp;

/// One thing to do. Steps are carried out in order; after a step that only looks, the plan is made
/// anew.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Find out whether the alert gets a ticket of its own or shares that of a storm, or tell its storm
    /// what became of it.
    TakePlace,
    /// Take the right to open the ticket.
    Claim,
    /// Look in the desk for a ticket that carries our key: an earlier attempt is in doubt.
    Find,
    /// Open the ticket.
    Open(Box<NewTicket>),
    /// This existing ticket is the alert's.
    Adopt(TicketId),
    /// Read the ticket's current state.
    ReadTicket,
    /// Find out whether a person has worked on the ticket, as of now.
    ReadHands,
    /// Set fields of the open ticket.
    SetFields(TicketChange),
    /// Add a note (safe HTML), once.
    AddNote(String),
    /// Add a note (safe HTML) that counts the alerts which share the ticket, once.
    Digest(String),
    /// Let no more alerts share the ticket.
    EndCrowd,
    /// Close the ticket.
    Close(TicketChange),
    /// Open the ticket again, and say why (safe HTML).
    Reopen(TicketChange, String),
    /// Begin the next ticket of the same alert.
    Renew,
    /// Have Liongard look: its HaloPSA inspector, or the one that found the alert.
    RunInspector(Vec<RunTarget>),
    /// Wait for a mapping or a template.
    Park(ParkReason),
    /// Look again at this time.
    Wait(Timestamp),
    /// Record what both sides now agree on.
    Agree(Base),
    /// Record that no more work is needed.
    Finish(Ended),
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
    if let Some(ended @ (Ended::TicketGone | Ended::TicketGoneAlertOver)) = link.ended {
        return after_the_ticket(ended, alert, policy);
    }
    if link.ticket.is_none() {
        return opening::plan(link, alert, policy, now);
    }
    let Some(ticket) = ticket else {
        return vec![Step::ReadTicket];
    };
    match ticket.fate {
        Fate::Gone => ending_the_crowd(link, vec![Step::Finish(Ended::TicketGone)]),
        // A ticket merged into one that is merged back would lead in circles; one that was ours
        // before is not followed again.
        Fate::MergedInto(into) if link.earlier_tickets.contains(&into) => {
            vec![Step::Finish(Ended::TicketGone)]
        }
        Fate::MergedInto(into) => vec![Step::Adopt(into)],
        Fate::Present => match policy.choose(alert) {
            Ok((_, template)) => both::plan(link, alert, ticket, template, policy, now),
            Err(reason) if link.parked == Some(reason) => Vec::new(),
            Err(reason) => vec![Step::Park(reason)],
        },
    }
}

/// `steps`, after which no alert may join the ticket of `link` any more.
fn ending_the_crowd(link: &Link, steps: Vec<Step>) -> Vec<Step> {
    if link.lead().is_some_and(|lead| !lead.tally.over) {
        vec![Step::EndCrowd]
    } else {
        steps
    }
}

/// A deleted ticket stays deleted. Only an alert that was over and is back gets a new one.
fn after_the_ticket(ended: Ended, alert: &Alert, policy: &Policy) -> Vec<Step> {
    match (ended, alert.is_closed(), policy.mode) {
        (Ended::TicketGone, true, _) => vec![Step::Finish(Ended::TicketGoneAlertOver)],
        (Ended::TicketGoneAlertOver, false, Mode::Managed) => vec![Step::Renew],
        _ => Vec::new(),
    }
}
