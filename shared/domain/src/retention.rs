//! How long records are kept, and which links need no more attention.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::link::{Link, TerminalReason};
use crate::storm::Membership;
use crate::ticket::Ticket;
use crate::time::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// A link that [is over](Link::is_over), after its last save.
    pub links: Duration,
    /// An entry of the journal.
    pub journal: Duration,
    /// A dead letter, in a store that keeps them itself.
    pub dead_letters: Duration,
}

impl Retention {
    /// The shortest age of a link: an alert that was raised later has its link if it ever had one.
    pub const LINKS_MIN: Duration = DAY.saturating_mul(30);
}

impl Default for Retention {
    /// Who asks about an alert asks within a year. A dead letter of a month ago has been repaired by the
    /// polls since, or is visible as a pair.
    fn default() -> Self {
        Self {
            links: DAY.saturating_mul(365),
            journal: DAY.saturating_mul(365),
            dead_letters: DAY.saturating_mul(30),
        }
    }
}

impl Link {
    /// Whether the pair is closed on both sides and nothing about it waits, is in doubt, or was refused.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let Some(alert) = &self.observed_alert else {
            return false;
        };
        let waits = self.is_claimed()
            || self.parked.is_some()
            || !self.refused.is_empty()
            || self.missing.is_some();
        let leads_open_group = self.leader_state().is_some_and(|lead| !lead.summary.closed);
        if waits || leads_open_group || !self.is_resolved(alert) {
            return false;
        }
        match (&self.membership, self.terminal_reason, self.ticket) {
            (_, Some(TerminalReason::TicketDeleted), _) => false,
            (_, Some(TerminalReason::NotNeeded | TerminalReason::TicketDeletedAlertClosed), _) => {
                true
            }
            (Some(Membership::Member { open, .. }), None, None) => !open,
            (_, None, None) => false,
            (_, None, Some(_)) => self.is_closed_as_agreed(),
        }
    }

    /// Whether both sides agreed that alert and ticket are closed, and the ticket is as it was then.
    fn is_closed_as_agreed(&self) -> bool {
        let Some(base) = &self.base else {
            return false;
        };
        let is_as_agreed =
            |ticket: &Ticket| ticket.is_present() && ticket.status == base.ticket_status;
        base.alert_closed
            && base.ticket_closed.is_some()
            && self.observed_ticket.as_ref().is_some_and(is_as_agreed)
    }

    /// When the link expires that is saved at `now`; `None` while it is not over. The vendors' times
    /// count as well: our clock may be behind.
    #[must_use]
    pub fn expires_at(&self, retention: &Retention, now: Timestamp) -> Option<Timestamp> {
        let alert = self.observed_alert.as_ref().map(|alert| alert.changed_at);
        let ticket = self.observed_ticket.as_ref().map(|it| it.changed_at);
        let last = [alert, ticket]
            .into_iter()
            .flatten()
            .fold(now, Timestamp::max);
        self.is_over().then(|| last.plus(retention.links))
    }

    /// Whether a change of the alert, or its absence, may still concern the ticket.
    #[must_use]
    pub fn has_open_ticket(&self) -> bool {
        let is_closed = self
            .base
            .as_ref()
            .is_some_and(|base| base.ticket_closed.is_some());
        self.is_claimed() || (self.ticket.is_some() && !self.is_ticket_deleted() && !is_closed)
    }
}
