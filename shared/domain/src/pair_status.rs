//! The status of a pair, in words that operators understand.

use serde::{Deserialize, Serialize};

use crate::link::{Base, Claim, Link, TerminalReason};
use crate::policy::{ParkReason, Policy};
use crate::storm::Membership;
use crate::ticket::Existence;
use crate::time::Timestamp;

/// The status of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairStatus {
    /// Both sides agree.
    InSync,
    /// Work is under way or scheduled.
    InProgress,
    /// The alert waits for a mapping or a template.
    Parked(ParkReason),
    /// The alert is watched and gets no ticket, by the operator's choice.
    WatchedOnly,
    /// HaloPSA refused a write; a person is needed.
    Refused,
    /// The ticket is closed. An inspection was requested and has not ended yet.
    AwaitingLiongard,
    /// The ticket is closed, and Liongard still finds the condition after another inspection.
    ResolvedInPsaOnly,
    /// The alert is closed; the ticket stays open because a person works on it, or by policy.
    LeftToTechnician,
    /// The alert shares the ticket of another alert of its rule and customer.
    InStorm,
    /// The ticket was deleted.
    TicketDeleted,
}

impl Link {
    /// Whether the pair may wait for a person, Liongard or HaloPSA: stores keep a list of such links, so that
    /// what waits is found without reading every link. Some on it do not wait under the policy in force.
    #[must_use]
    pub fn may_wait(&self) -> bool {
        let differs = |base: &Base| base.alert_closed != base.ticket_closed.is_some();
        self.parked.is_some()
            || !self.refused.is_empty()
            || self.found_elsewhere
            || self.hides_its_tickets()
            || self.does_not_converge()
            || !self.reported_tickets.is_empty()
            || matches!(self.claim, Claim::InDoubt { .. })
            || self.terminal_reason == Some(TerminalReason::TicketDeleted)
            || (!self.is_ticket_deleted() && self.base.as_ref().is_some_and(differs))
    }
}

/// The status of `link` under `policy` at `now`.
#[must_use]
pub fn pair_status(link: &Link, policy: &Policy, now: Timestamp) -> PairStatus {
    if link.is_ticket_deleted() {
        return PairStatus::TicketDeleted;
    }
    if link.has_suppressed_write(policy, now) {
        return PairStatus::Refused;
    }
    if let Some(reason) = link.parked {
        return if reason.is_chosen() {
            PairStatus::WatchedOnly
        } else {
            PairStatus::Parked(reason)
        };
    }
    if link.terminal_reason == Some(TerminalReason::NotNeeded) {
        return PairStatus::InSync;
    }
    if let Some(Membership::Member { .. }) = link.membership {
        return PairStatus::InStorm;
    }
    if link.missing.is_some() {
        return PairStatus::InProgress;
    }
    let (Some(alert), Some(ticket), Some(base)) =
        (&link.observed_alert, &link.observed_ticket, &link.base)
    else {
        return PairStatus::InProgress;
    };
    if ticket.existence != Existence::Present {
        return PairStatus::TicketDeleted;
    }
    let alert_closed = link.is_resolved(alert);
    let ticket_closed = base.ticket_closed.is_some();
    if alert_closed != base.alert_closed || ticket.status != base.ticket_status {
        return PairStatus::InProgress;
    }
    match (alert_closed, ticket_closed) {
        (true, true) | (false, false) => PairStatus::InSync,
        (true, false) => PairStatus::LeftToTechnician,
        (false, true) => match link.pending_inspection {
            Some(follow) if follow.completed < follow.requested => PairStatus::AwaitingLiongard,
            _ => PairStatus::ResolvedInPsaOnly,
        },
    }
}
