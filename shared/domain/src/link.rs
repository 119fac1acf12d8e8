//! What is remembered about one alert and its ticket.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::ids::{AlertId, PriorityId, StatusId, TicketId};
use crate::key::LinkKey;
use crate::policy::{ClosedBy, ParkReason, Policy, StatusMap};
use crate::slug::Slug;
use crate::storm::{LeaderState, Membership};
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// How long a claim keeps others from opening the same ticket. Longer than any call may take.
pub const CLAIM_TTL: Duration = Duration::from_secs(90);

/// How long after a create of unknown outcome its ticket may still appear: gateways answer before
/// the service has finished.
pub const IN_DOUBT_SETTLE: Duration = Duration::from_secs(15);

/// How long a refusal keeps a write from being tried again when nothing we can see has changed. Most
/// refusals are mended in HaloPSA, where we cannot see it.
pub const REFUSAL_RETRY_AFTER: Duration = Duration::from_secs(6 * 60 * 60);

/// This alert belongs to that ticket, and what both sides last agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The alert; one link each.
    pub alert: AlertId,
    /// 1 for the first ticket of the alert.
    pub recurrence: u32,
    /// The right to open the ticket.
    #[serde(default)]
    pub claim: Claim,
    /// What the alert said when its ticket was asked for.
    #[serde(default)]
    pub opening: Option<OpeningSnapshot>,
    /// The ticket, once there is one.
    #[serde(default)]
    pub ticket: Option<TicketId>,
    /// Earlier tickets of the same alert, oldest first.
    #[serde(default)]
    pub earlier_tickets: Vec<TicketId>,
    /// What both sides last agreed on.
    #[serde(default)]
    pub base: Option<Base>,
    /// The newest report about the alert.
    #[serde(default)]
    pub observed_alert: Option<Alert>,
    /// The newest report about the ticket.
    #[serde(default)]
    pub observed_ticket: Option<Ticket>,
    /// Why there is no ticket for now.
    #[serde(default)]
    pub parked: Option<ParkReason>,
    /// A write that the desk refused for good.
    #[serde(default)]
    pub refused: Option<RefusedWrite>,
    /// An inspector was asked to tell Liongard about the ticket.
    #[serde(default)]
    pub pending_inspection: Option<PendingInspection>,
    /// A note that is being added, or whose answer has not been seen.
    #[serde(default)]
    pub note_claim: Option<NoteClaim>,
    /// Our notes about changes of the alert, on the current ticket.
    #[serde(default)]
    pub note_count: u32,
    /// Where the alert stands in a storm, once that was decided.
    #[serde(default)]
    pub membership: Option<Membership>,
    /// The pair needs no more work unless something changes.
    #[serde(default)]
    pub terminal_reason: Option<TerminalReason>,
}

/// The right to open the ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Claim {
    /// Nobody's, and no earlier attempt is in doubt.
    #[default]
    Free,
    /// Somebody is opening it.
    Held {
        /// When it was taken.
        since: Timestamp,
        /// When it runs out.
        until: Timestamp,
    },
    /// An attempt ended without an answer: the ticket may exist.
    InDoubt {
        /// When the attempt was last known to be under way.
        since: Timestamp,
    },
}

/// The right to add a note, until its answer is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteClaim {
    /// Digest of its text.
    pub text_hash: u64,
    /// Until then whoever took it may still be at it.
    pub until: Timestamp,
}

/// What both sides last agreed on, field by field. Our own writes come back as news and equal it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The alert was over.
    pub alert_closed: bool,
    /// The alert's status word.
    pub alert_status: Slug,
    /// The alert's priority word.
    pub alert_priority: Slug,
    /// Digest of the alert's text.
    pub alert_text: u64,
    /// The ticket's status.
    pub ticket_status: StatusId,
    /// How the ticket was closed, if it was.
    pub ticket_closed: Option<Closure>,
    /// The ticket's priority.
    pub ticket_priority: Option<PriorityId>,
}

/// What an alert said when its ticket was asked for: until both sides agree, this is what the ticket
/// is known to say, even when its answer was lost and the alert has changed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningSnapshot {
    /// The alert's status word.
    pub status: Slug,
    /// The alert's priority word.
    pub priority: Slug,
    /// Digest of the alert's text.
    pub text: u64,
}

impl OpeningSnapshot {
    /// What `alert` says now.
    #[must_use]
    pub fn of(alert: &Alert) -> Self {
        Self {
            status: alert.status.clone(),
            priority: alert.priority.clone(),
            text: alert.text_hash(),
        }
    }
}

/// How a ticket was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// Who closed it.
    pub by: ClosedBy,
    /// When.
    pub at: Timestamp,
}

/// A write the desk refused for good; tried again when what led to it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedWrite {
    /// What was refused.
    pub write: WriteKind,
    /// The desk's own sentence, redacted.
    pub message: String,
    /// The policy it was tried under.
    pub policy_fingerprint: u64,
    /// The ticket's state it was tried on, if there was one.
    pub ticket_changed_at: Option<Timestamp>,
    /// When.
    pub at: Timestamp,
}

/// The kinds of writes to the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteKind {
    /// Opening the ticket.
    Open,
    /// Setting fields of an open ticket.
    SetFields,
    /// Adding a note.
    AddNote,
    /// Closing it.
    Close,
    /// Opening it again.
    Reopen,
}

/// An inspector was asked to tell Liongard about the ticket's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingInspection {
    /// When Liongard was asked to look.
    pub requested_at: Timestamp,
    /// Runs that were asked for.
    pub requested: u32,
    /// How many of them have come to their end.
    pub completed: u32,
}

/// Why a pair needs no more work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TerminalReason {
    /// The alert was over before a ticket was opened.
    NotNeeded,
    /// The ticket is gone; nobody is made to look at it again while the alert stays as it is.
    TicketDeleted,
    /// The ticket is gone and the alert is over.
    TicketDeletedAlertClosed,
}

impl Link {
    /// A link that knows nothing but its alert.
    #[must_use]
    pub fn new(alert: AlertId) -> Self {
        Self {
            alert,
            recurrence: 1,
            claim: Claim::Free,
            opening: None,
            ticket: None,
            earlier_tickets: Vec::new(),
            base: None,
            observed_alert: None,
            observed_ticket: None,
            parked: None,
            refused: None,
            pending_inspection: None,
            note_claim: None,
            note_count: 0,
            membership: None,
            terminal_reason: None,
        }
    }

    /// Whether somebody is at work on the ticket or a note, or was and never said how it ended.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        self.claim != Claim::Free || self.note_claim.is_some()
    }

    /// What it knows of the crowd that shares its ticket, if it leads one.
    #[must_use]
    pub const fn leader_state(&self) -> Option<&LeaderState> {
        match &self.membership {
            Some(Membership::Leader(lead)) => Some(lead),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub const fn leader_state_mut(&mut self) -> Option<&mut LeaderState> {
        match &mut self.membership {
            Some(Membership::Leader(lead)) => Some(lead),
            _ => None,
        }
    }

    /// Whether what the ticket is about is over: `alert`, and every alert that shares the ticket.
    #[must_use]
    pub fn is_resolved(&self, alert: &Alert) -> bool {
        alert.is_closed()
            && self
                .leader_state()
                .is_none_or(|lead| lead.summary.open == 0)
    }

    /// The key of the current ticket.
    #[must_use]
    pub fn key(&self, policy: &Policy) -> LinkKey {
        LinkKey {
            prefix: policy.key_prefix.clone(),
            alert: self.alert,
            recurrence: self.recurrence,
        }
    }

    /// Takes in a report about the alert; an older one changes nothing.
    pub fn observe_alert(&mut self, alert: Alert) {
        debug_assert_eq!(alert.id, self.alert, "a report reached the wrong link");
        self.observed_alert = Some(match self.observed_alert.take() {
            Some(known) => known.newer(alert),
            None => alert,
        });
    }

    /// Takes in a report about the ticket; an older one, or one about another ticket, changes
    /// nothing.
    pub fn observe_ticket(&mut self, ticket: Ticket) {
        if self.ticket != Some(ticket.id) {
            return;
        }
        self.observed_ticket = Some(match self.observed_ticket.take() {
            Some(known) => known.newer(ticket),
            None => ticket,
        });
    }

    /// Makes `ticket` the ticket of this link.
    pub fn attach(&mut self, ticket: TicketId) {
        if self.ticket != Some(ticket) {
            self.earlier_tickets.extend(self.ticket);
            self.observed_ticket = None;
            self.note_claim = None;
            self.note_count = 0;
        }
        self.ticket = Some(ticket);
        self.claim = Claim::Free;
        self.parked = None;
        self.refused = None;
        self.terminal_reason = None;
    }

    /// Begins the next ticket of the same alert.
    pub fn begin_next_ticket(&mut self) {
        let mut next = Self::new(self.alert);
        next.recurrence = self.recurrence.saturating_add(1);
        next.earlier_tickets = std::mem::take(&mut self.earlier_tickets);
        next.earlier_tickets.extend(self.ticket);
        next.observed_alert = self.observed_alert.take();
        *self = next;
    }

    /// Whether `write` was refused for good, not long ago, and nothing that led to it has changed
    /// since.
    #[must_use]
    pub fn is_suppressed(&self, write: WriteKind, policy: &Policy, now: Timestamp) -> bool {
        self.refused.as_ref().is_some_and(|refused| {
            refused.write == write
                && now.since(refused.at) < REFUSAL_RETRY_AFTER
                && refused.policy_fingerprint == policy.fingerprint()
                && refused.ticket_changed_at
                    == self.observed_ticket.as_ref().map(|seen| seen.changed_at)
        })
    }
}

impl Base {
    /// What both sides show now, keeping who closed the ticket.
    #[must_use]
    pub fn of(alert: &Alert, ticket: &Ticket, statuses: &StatusMap, before: Option<&Self>) -> Self {
        let closed = statuses.is_closed(ticket.status);
        let known = before.and_then(|base| base.ticket_closed);
        let by_desk = Closure {
            by: ClosedBy::HaloPsa,
            at: ticket.changed_at,
        };
        Self {
            alert_closed: alert.is_closed(),
            alert_status: alert.status.clone(),
            alert_priority: alert.priority.clone(),
            alert_text: alert.text_hash(),
            ticket_status: ticket.status,
            ticket_closed: closed.then(|| known.unwrap_or(by_desk)),
            ticket_priority: ticket.priority,
        }
    }

    /// What a pair is taken to have agreed on before it ever agreed: both open, the alert as it was
    /// when the ticket was asked for, and everything else as it is now.
    #[must_use]
    pub fn assumed(
        alert: &Alert,
        ticket: &Ticket,
        statuses: &StatusMap,
        opening: Option<&OpeningSnapshot>,
    ) -> Self {
        let open_status = if statuses.is_closed(ticket.status) {
            statuses.open
        } else {
            ticket.status
        };
        let opening = opening
            .cloned()
            .unwrap_or_else(|| OpeningSnapshot::of(alert));
        Self {
            alert_closed: false,
            alert_status: opening.status,
            alert_priority: opening.priority,
            alert_text: opening.text,
            ticket_status: open_status,
            ticket_closed: None,
            ticket_priority: ticket.priority,
        }
    }
}
