//! The link between an alert and its ticket: everything that is stored about one pair.

mod accepted;
mod base;
mod claim;
mod observations;
mod refusals;

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::co_owners::CoOwners;
use crate::ids::{AlertId, TicketId};
use crate::key::{InstallationId, LinkKey};
use crate::missing::Missing;
use crate::policy::{Mode, ParkReason, Policy};
use crate::start::{Arrival, StartVerdict, TicketsFor, start_verdict};
use crate::storm::{LeaderState, Membership};
use crate::ticket::Ticket;
use crate::time::Timestamp;
use crate::work::{FoundTicket, InitialState, WorkSign};

pub use accepted::{
    AcceptedChange, Evidence, NOT_CARRIED_OUT_PAUSES, OtherMembers, StateBefore,
    WRITE_VISIBLE_WITHIN,
};
pub use base::{Base, Closure, OpeningSnapshot};
pub use claim::{
    AttemptEnd, CLAIM_LEFT_MIN, CLAIM_TTL, Claim, IN_DOUBT_MAX, IN_DOUBT_SEARCHES, NOTE_CLAIM_TTL,
    NoteClaim, REQUEST_LINGER, ROLLED_BACK_SEARCH,
};
pub use observations::{REPORT_DISORDER_MAX, WRITE_AGE_MAX};
pub use refusals::{NamedFields, REFUSAL_RETRY_AFTER, RefusedWrite, WriteKind};

/// Earlier tickets that a link names. A sweep recognises older ones by the number in their key.
pub const EARLIER_TICKETS_MAX: usize = 20;

/// Reported tickets that a link names. One that is forgotten is reported once more when it changes.
pub const REPORTED_TICKETS_MAX: usize = 20;

/// Requests that HaloPSA may accept without showing a ticket before the alert gets no further one.
/// Probably the tickets exist, and something in HaloPSA hides what they are recognised by.
pub const UNRECOGNISED_MAX: u32 = 2;

/// An alert, its ticket, and what both sides last agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The alert. Each alert has one link.
    pub alert: AlertId,
    /// 1 for the first ticket of the alert.
    pub recurrence: u32,
    /// The key with which the ticket was requested, its prefix as it was then; none before the first
    /// request, and in native mode.
    pub key: Option<LinkKey>,
    /// The exclusive right to open the ticket.
    pub claim: Claim,
    /// How often it was acquired: the number of the newest claim.
    pub claim_count: u32,
    /// The alert's state when its ticket was requested.
    pub opening: Option<OpeningSnapshot>,
    /// The ticket, once there is one.
    pub ticket: Option<TicketId>,
    /// Fingerprint of the policy under which the ticket is followed; see [`AppliedPolicy`].
    ///
    /// [`AppliedPolicy`]: crate::policy::AppliedPolicy
    pub policy: Option<u64>,
    /// Earlier tickets of the same alert, oldest first; the newest [`EARLIER_TICKETS_MAX`] of them.
    pub earlier_tickets: Vec<TicketId>,
    /// Those of them that people merged, one into the next, the last one into the current ticket.
    pub merged_tickets: Vec<TicketId>,
    /// Other alerts that have the same ticket, because people merged theirs into it.
    pub co_owners: Option<CoOwners>,
    /// The title that HaloPSA gave the ticket instead of ours when it was opened, if it did.
    pub replaced_title: Option<String>,
    /// Whether the ticket was found at another client than the alert's when a store was filled again, or while the
    /// alert was mapped to no client. A person may have moved it there; nothing is written to it until it is at
    /// the alert's client.
    pub found_elsewhere: bool,
    /// The other installation that opened the ticket, if one did. It keeps the ticket in sync; nothing is written to it
    /// until the config names that installation among the former ones.
    pub rival: Option<InstallationId>,
    /// Requests since the last recognised ticket that HaloPSA accepted, and of which no ticket was found. From
    /// [`UNRECOGNISED_MAX`] on each of them ends in a refusal that only a change lifts.
    pub unrecognised: u32,
    /// Tickets that carry the alert's key, are not its own, and were reported; the newest
    /// [`REPORTED_TICKETS_MAX`] of them.
    pub reported_tickets: Vec<TicketId>,
    /// What both sides last agreed on.
    pub base: Option<Base>,
    /// The newest report about the alert.
    pub observed_alert: Option<Alert>,
    /// The newest report about the ticket.
    pub observed_ticket: Option<Ticket>,
    /// HaloPSA says that it has no such ticket, and not for long enough to be sure.
    pub missing: Option<Missing>,
    /// Until when the ticket is known to be as it was observed (our clock). `None` when a list shows a
    /// newer change that no report has shown yet.
    pub ticket_as_of: Option<Timestamp>,
    /// The change time of the report that the newest one replaced. A report with this time is old.
    pub superseded_change: Option<Timestamp>,
    /// The newest change of the ticket that HaloPSA accepted, until a report shows whether it was carried out.
    pub accepted: Option<AcceptedChange>,
    /// Why there is no ticket for now.
    pub parked: Option<ParkReason>,
    /// Whether the alert came before its customer's alerts got tickets; `None` where that was not asked.
    pub arrival: Option<Arrival>,
    /// Writes that HaloPSA refused: the newest refusal of each kind.
    pub refused: Vec<RefusedWrite>,
    /// Since when each reconciliation has ended with steps that are still missing, although it carried them out.
    pub unsettled_since: Option<Timestamp>,
    /// Inspections that were requested so that Liongard sees the ticket's state.
    pub pending_inspection: Option<PendingInspection>,
    /// When inspections were last requested; kept when they have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inspection_requested_at: Option<Timestamp>,
    /// A note that is being added, or whose response has not been seen.
    pub note_claim: Option<NoteClaim>,
    /// Notes about changes of the alert that Halogard has added to the current ticket.
    pub note_count: u32,
    /// The alert's role in a storm group, once that has been decided.
    pub membership: Option<Membership>,
    /// The ticket right after it was opened, as far as that was seen.
    pub initial: Option<InitialState>,
    /// How the ticket was first seen, if it was found and not opened.
    pub found: Option<FoundTicket>,
    /// What showed that a person has started to work on the ticket.
    pub work: Option<WorkSign>,
    /// Why the pair needs no more work unless something changes.
    pub terminal_reason: Option<TerminalReason>,
}

/// Inspections that were requested so that Liongard sees the ticket's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingInspection {
    /// When they were requested.
    pub requested_at: Timestamp,
    /// Runs that were requested.
    pub requested: u32,
    /// How many of them have ended.
    pub completed: u32,
}

/// Why a pair needs no more work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TerminalReason {
    /// The alert was closed before a ticket was opened.
    NotNeeded,
    /// The ticket was deleted. The alert gets no other ticket while it stays as it is.
    TicketDeleted,
    /// The ticket was deleted and the alert was closed.
    TicketDeletedAlertClosed,
}

impl Link {
    /// A link that contains only the id of its alert.
    #[must_use]
    pub fn new(alert: AlertId) -> Self {
        Self {
            alert,
            recurrence: 1,
            key: None,
            claim: Claim::Free,
            claim_count: 0,
            opening: None,
            ticket: None,
            policy: None,
            earlier_tickets: Vec::new(),
            merged_tickets: Vec::new(),
            co_owners: None,
            replaced_title: None,
            found_elsewhere: false,
            rival: None,
            unrecognised: 0,
            reported_tickets: Vec::new(),
            base: None,
            observed_alert: None,
            observed_ticket: None,
            missing: None,
            ticket_as_of: None,
            superseded_change: None,
            accepted: None,
            parked: None,
            arrival: None,
            refused: Vec::new(),
            unsettled_since: None,
            pending_inspection: None,
            inspection_requested_at: None,
            note_claim: None,
            note_count: 0,
            membership: None,
            initial: None,
            found: None,
            work: None,
            terminal_reason: None,
        }
    }

    /// Whether `policy` needs to know when the alert came, and the link does not say it yet, or not by the present
    /// count of alerts.
    #[must_use]
    pub fn lacks_arrival(&self, policy: &Policy) -> bool {
        let Some(alert) = self.observed_alert.as_ref() else {
            return false;
        };
        let choice = policy.tickets_for(alert.environment);
        let is_open_question = match (choice, self.arrival) {
            (None, Some(Arrival::BeforeStart { .. })) => true,
            (None | Some(TicketsFor::NewAlerts), arrival) => arrival.is_none(),
            (Some(TicketsFor::All | TicketsFor::Since(_)), _) => false,
        };
        is_open_question
            && policy.mode == Mode::Managed
            && self.ticket.is_none()
            && !alert.is_closed()
            && policy.choose(alert).is_ok()
    }

    /// Why the alert gets no ticket under `policy` for now; `None` where it gets one, has one, or it is not known
    /// yet.
    #[must_use]
    pub fn reason_for_no_ticket(&self, alert: &Alert, policy: &Policy) -> Option<ParkReason> {
        if let Err(reason) = policy.choose(alert) {
            return Some(reason);
        }
        match self.start_verdict(alert, policy) {
            StartVerdict::NoTicket(reason) => Some(reason),
            StartVerdict::Ticket | StartVerdict::NotKnown => None,
        }
    }

    /// What the operator's choice for day one means for the alert. An alert that was over, or had a ticket, and is
    /// open again is a new one.
    #[must_use]
    pub fn start_verdict(&self, alert: &Alert, policy: &Policy) -> StartVerdict {
        let is_new_again = self.recurrence > 1 || self.terminal_reason.is_some();
        if policy.mode != Mode::Managed || self.ticket.is_some() || is_new_again {
            return StartVerdict::Ticket;
        }
        start_verdict(policy.tickets_for(alert.environment), alert, self.arrival)
    }

    /// Whether the alert has a ticket and not both of them are closed.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        let both_closed = |base: &Base| base.alert_closed && base.ticket_closed.is_some();
        self.ticket.is_some()
            && !self.is_ticket_deleted()
            && !self.base.as_ref().is_some_and(both_closed)
    }

    /// Whether the pair ended because its ticket was deleted.
    #[must_use]
    pub const fn is_ticket_deleted(&self) -> bool {
        matches!(
            self.terminal_reason,
            Some(TerminalReason::TicketDeleted | TerminalReason::TicketDeletedAlertClosed)
        )
    }

    /// Why the pair ends now that its ticket is known to be deleted. What counts is whether the alert was closed
    /// after the ticket was gone, however late that was proven.
    #[must_use]
    pub fn reason_of_deletion(&self) -> TerminalReason {
        if self.missing.is_some_and(|missing| missing.alert_was_closed) {
            TerminalReason::TicketDeletedAlertClosed
        } else {
            TerminalReason::TicketDeleted
        }
    }

    /// Whether the newest report about the alert shows it closed.
    #[must_use]
    pub fn is_alert_closed(&self) -> bool {
        self.observed_alert.as_ref().is_some_and(Alert::is_closed)
    }

    /// What the alert knows about its group, if it leads one.
    #[must_use]
    pub const fn leader_state(&self) -> Option<&LeaderState> {
        match &self.membership {
            Some(Membership::Leader(lead)) => Some(lead),
            _ => None,
        }
    }

    /// The leader's state, for a change.
    pub const fn leader_state_mut(&mut self) -> Option<&mut LeaderState> {
        match &mut self.membership {
            Some(Membership::Leader(lead)) => Some(lead),
            _ => None,
        }
    }

    /// Whether the cause of the ticket is resolved: `alert` is closed, and so is every alert that
    /// shares the ticket.
    #[must_use]
    pub fn is_resolved(&self, alert: &Alert) -> bool {
        let others_open = |co_owners: &CoOwners| !co_owners.open.is_empty();
        self.is_own_cause_resolved(alert) && !self.co_owners.as_ref().is_some_and(others_open)
    }

    /// The same without the alerts that share the ticket because tickets were merged: `alert` is
    /// closed, and so is every alert of the group it leads.
    #[must_use]
    pub fn is_own_cause_resolved(&self, alert: &Alert) -> bool {
        alert.is_closed()
            && self
                .leader_state()
                .is_none_or(|lead| lead.summary.open == 0)
    }

    /// Whether the alert, or one of the group it leads, is open as far as is known.
    #[must_use]
    pub fn has_open_cause(&self) -> bool {
        let alert = self.observed_alert.as_ref();
        alert.is_none_or(|alert| !self.is_own_cause_resolved(alert))
    }

    /// Whether the ticket was merged with others: people work with it as they see fit.
    #[must_use]
    pub const fn is_merged(&self) -> bool {
        !self.merged_tickets.is_empty() || self.co_owners.is_some()
    }

    /// Whether Halogard may close the ticket for this alert. A ticket that ours was merged into is
    /// a person's, or closed by the alert whose own it is.
    #[must_use]
    pub fn may_close(&self) -> bool {
        self.merged_tickets.is_empty() && self.co_owners.as_ref().is_none_or(|it| it.closes)
    }

    /// The key of the current ticket: the one it was requested with, or the one it would be requested
    /// with now.
    #[must_use]
    pub fn key(&self, policy: &Policy) -> LinkKey {
        self.key.clone().unwrap_or_else(|| self.next_key(policy))
    }

    /// The key with which a ticket would be requested now.
    #[must_use]
    pub fn next_key(&self, policy: &Policy) -> LinkKey {
        LinkKey {
            prefix: policy.key_prefix.clone(),
            alert: self.alert,
            recurrence: self.recurrence,
        }
    }

    /// Whether HaloPSA has accepted enough requests without showing a ticket that the next one waits until
    /// the config or an operator puts that right.
    #[must_use]
    pub const fn hides_its_tickets(&self) -> bool {
        self.unrecognised >= UNRECOGNISED_MAX
    }

    /// Whether what Halogard does about the pair leads to nothing: its plans find the same steps missing again, or
    /// HaloPSA accepts a change again and again and does not carry it out.
    #[must_use]
    pub fn does_not_converge(&self) -> bool {
        let is_repeated = |accepted: &AcceptedChange| accepted.is_doubtful && accepted.failures > 0;
        self.unsettled_since.is_some() || self.accepted.as_ref().is_some_and(is_repeated)
    }

    /// Whether another installation, which runs as far as is known, keeps the ticket in sync.
    #[must_use]
    pub fn is_of_rival(&self, policy: &Policy) -> bool {
        let former = &policy.former_installations;
        let runs = |rival: &InstallationId| !former.iter().any(|it| it == rival.as_str());
        self.rival.as_ref().is_some_and(runs)
    }

    /// Whether a title is one that we wrote: it carries our key, or it is the one by which HaloPSA
    /// replaced ours when the ticket was opened.
    #[must_use]
    pub fn wrote_title(&self, title: &str, policy: &Policy) -> bool {
        self.replaced_title.as_deref() == Some(title)
            || LinkKey::find_in(title, &self.key(policy).prefix).is_some()
    }

    /// Remembers the title that HaloPSA gave the ticket when it was opened, if it is not ours.
    pub(crate) fn note_title(&mut self, title: &str) {
        let is_ours = |key: &LinkKey| LinkKey::find_in(title, &key.prefix).is_some();
        if !title.is_empty() && self.key.as_ref().is_some_and(|key| !is_ours(key)) {
            self.replaced_title = Some(title.to_owned());
        }
    }

    /// Names `ticket` among the earlier ones.
    pub(crate) fn name_earlier_ticket(&mut self, ticket: TicketId) {
        self.earlier_tickets.push(ticket);
        keep_newest(&mut self.earlier_tickets, EARLIER_TICKETS_MAX);
    }

    /// Whether `ticket`, one of the earlier ones, is open beside the current one: it was deleted and restored,
    /// or a person reopened it.
    #[must_use]
    pub fn is_open_beside(&self, ticket: &Ticket, policy: &Policy) -> bool {
        let alert = self.observed_alert.as_ref();
        let chosen = alert.and_then(|alert| policy.choose(alert).ok());
        let is_open = |ticket: &Ticket| {
            let statuses = chosen.as_ref().map(|(_, template)| &template.statuses);
            ticket.is_present() && statuses.is_some_and(|it| !it.is_closed(ticket.status))
        };
        self.earlier_tickets.contains(&ticket.id)
            && !self.merged_tickets.contains(&ticket.id)
            && is_open(ticket)
            && self.observed_ticket.as_ref().is_some_and(is_open)
    }

    /// Notes that `ticket` was reported; `false` when it had been before.
    pub fn report_ticket(&mut self, ticket: TicketId) -> bool {
        if self.reported_tickets.contains(&ticket) {
            return false;
        }
        self.reported_tickets.push(ticket);
        keep_newest(&mut self.reported_tickets, REPORTED_TICKETS_MAX);
        true
    }

    /// Makes `ticket` the ticket of this link.
    pub fn attach(&mut self, ticket: TicketId) {
        if self.ticket != Some(ticket) {
            self.earlier_tickets.extend(self.ticket);
            self.earlier_tickets.retain(|earlier| *earlier != ticket);
            keep_newest(&mut self.earlier_tickets, EARLIER_TICKETS_MAX);
            self.replaced_title = None;
            self.merged_tickets.clear();
            self.co_owners = None;
            self.missing = None;
            self.observed_ticket = None;
            self.ticket_as_of = None;
            self.superseded_change = None;
            self.accepted = None;
            self.note_claim = None;
            self.note_count = 0;
            self.initial = None;
            self.found = None;
            self.work = None;
            self.rival = None;
            self.unsettled_since = None;
        }
        self.ticket = Some(ticket);
        self.unrecognised = 0;
        self.claim = Claim::Free;
        self.parked = None;
        self.refused.clear();
        self.terminal_reason = None;
    }

    /// Follows the merge of the current ticket into `into`.
    pub fn follow_merge(&mut self, into: TicketId) {
        let mut merged = std::mem::take(&mut self.merged_tickets);
        merged.extend(self.ticket);
        self.move_to(into, merged);
    }

    /// Goes back to `ticket`, which is no longer merged into another. Returns whether it was.
    pub fn undo_merge(&mut self, ticket: TicketId) -> bool {
        let mut merged = self.merged_tickets.clone();
        let Some(place) = merged.iter().position(|earlier| *earlier == ticket) else {
            return false;
        };
        merged.truncate(place);
        self.move_to(ticket, merged);
        true
    }

    /// Attaches `ticket`, which `merged` led to. What both sides agreed on stays as far as it
    /// concerns the alert; nothing was ever agreed on about this ticket.
    fn move_to(&mut self, ticket: TicketId, merged: Vec<TicketId>) {
        self.attach(ticket);
        self.merged_tickets = merged;
        if let Some(base) = self.base.take() {
            self.opening = Some(OpeningSnapshot {
                status: base.alert_status,
                priority: base.alert_priority,
                text: base.alert_text,
                client: None,
                ticket_type: None,
            });
        }
    }

    /// Makes `ticket`, which carries `key`, the ticket of this link.
    pub fn adopt(&mut self, key: LinkKey, ticket: &Ticket) {
        debug_assert_eq!(key.alert, self.alert, "a ticket reached the wrong link");
        self.recurrence = key.recurrence;
        self.key = Some(key);
        self.attach(ticket.id);
        self.found_elsewhere = false;
        self.found = Some(FoundTicket::of(ticket));
        self.observe_ticket(ticket.clone());
    }

    /// Begins the next ticket of the same alert.
    pub fn begin_next_ticket(&mut self) {
        let mut next = Self::new(self.alert);
        next.recurrence = self.recurrence.saturating_add(1);
        next.claim_count = self.claim_count;
        next.earlier_tickets = std::mem::take(&mut self.earlier_tickets);
        next.earlier_tickets.extend(self.ticket);
        keep_newest(&mut next.earlier_tickets, EARLIER_TICKETS_MAX);
        next.reported_tickets = std::mem::take(&mut self.reported_tickets);
        next.observed_alert = self.observed_alert.take();
        *self = next;
    }
}

/// Drops the oldest of `tickets` beyond `max`.
fn keep_newest(tickets: &mut Vec<TicketId>, max: usize) {
    let excess = tickets.len().saturating_sub(max);
    tickets.drain(..excess);
}
