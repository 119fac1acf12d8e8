//! How a pair stands, in a word a person understands.

use serde::{Deserialize, Serialize};

use crate::link::{Ended, Link};
use crate::policy::{ParkReason, Policy};
use crate::storm::Place;
use crate::ticket::Fate;
use crate::time::Timestamp;

/// How a pair stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Both sides tell the same story.
    InStep,
    /// Work is under way or waits for its time.
    Underway,
    /// The alert waits for a mapping or a template.
    Parked(ParkReason),
    /// The desk refused what we wanted to write; a person is needed.
    Refused,
    /// The ticket is closed; Liongard has been asked to look and has not followed yet.
    AwaitingLiongard,
    /// The ticket is closed, and Liongard still finds the condition after looking again.
    ResolvedInPsaOnly,
    /// The alert is over; the ticket stays open because a person works on it, or by policy.
    LeftToTechnician,
    /// It shares the ticket of another alert of its rule and customer.
    InStorm,
    /// The ticket was deleted.
    TicketGone,
}

/// How `link` stands under `policy` at `now`.
#[must_use]
pub fn standing(link: &Link, policy: &Policy, now: Timestamp) -> Standing {
    if link
        .refused
        .as_ref()
        .is_some_and(|refused| link.still_refused(refused.write, policy, now))
    {
        return Standing::Refused;
    }
    if let Some(reason) = link.parked {
        return Standing::Parked(reason);
    }
    match link.ended {
        Some(Ended::NeverNeeded) => return Standing::InStep,
        Some(Ended::TicketGone | Ended::TicketGoneAlertOver) => return Standing::TicketGone,
        None => {}
    }
    if let Some(Place::Joined { .. }) = link.place {
        return Standing::InStorm;
    }
    let (Some(alert), Some(ticket), Some(base)) = (&link.alert_seen, &link.ticket_seen, &link.base)
    else {
        return Standing::Underway;
    };
    if ticket.fate != Fate::Present {
        return Standing::TicketGone;
    }
    let alert_closed = link.is_over(alert);
    let ticket_closed = base.ticket_closed.is_some();
    if alert_closed != base.alert_closed || ticket.status != base.ticket_status {
        return Standing::Underway;
    }
    match (alert_closed, ticket_closed) {
        (true, true) | (false, false) => Standing::InStep,
        (true, false) => Standing::LeftToTechnician,
        (false, true) => match link.follow {
            Some(follow) if follow.ended < follow.asked => Standing::AwaitingLiongard,
            _ => Standing::ResolvedInPsaOnly,
        },
    }
}
