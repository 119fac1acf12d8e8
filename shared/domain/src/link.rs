//! The link between an alert and its ticket: everything that is stored about one pair.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::ids::{AlertId, HaloClientId, PriorityId, StatusId, TicketId, TicketTypeId};
use crate::key::LinkKey;
use crate::missing::Missing;
use crate::policy::{ClosedBy, ParkReason, Policy, StatusMap};
use crate::sharing::Sharing;
use crate::slug::Slug;
use crate::storm::{LeaderState, Membership};
use crate::sweep_cursor::INDEX_LAG_MAX;
use crate::ticket::{HumanActivity, Ticket};
use crate::time::{CLOCK_AHEAD_MAX, Timestamp};
use crate::write_result::ClaimId;

/// How long a claim excludes other workers from opening the same ticket. Longer than any call may
/// take.
pub const CLAIM_TTL: Duration = Duration::from_secs(90);

/// What must be left of a claim when the request that it guards is sent: the longest call to HaloPSA, and
/// ten seconds for clocks that differ.
pub const CLAIM_LEFT_MIN: Duration = Duration::from_secs(40);

/// How long HaloPSA may go on with a request that ended without a response. Its gateway gives up after
/// about a minute.
pub const REQUEST_LINGER: Duration = Duration::from_secs(60);

/// How long the ticket of a request with an unknown outcome may be missing from HaloPSA's lists. A search
/// that begins later and finds nothing proves that there is none.
pub const IN_DOUBT_MAX: Duration = INDEX_LAG_MAX.saturating_add(REQUEST_LINGER);

/// When the ticket of such a request is searched for, counted from the request's end. Most are found by
/// the first search; only after the last one may the ticket be opened again.
pub const IN_DOUBT_SEARCHES: [Duration; 3] = [
    Duration::from_secs(15),
    Duration::from_secs(60),
    IN_DOUBT_MAX,
];

/// How long a refused write is not repeated while nothing that we can see has changed. The cause of
/// most refusals is fixed in HaloPSA, where we cannot see it.
pub const REFUSAL_RETRY_AFTER: Duration = Duration::from_secs(6 * 60 * 60);

/// How old what is known of a ticket may be when it is written. Older knowledge is refreshed first: a
/// person may have changed the ticket meanwhile. A poll that finds changed alerts sweeps HaloPSA before it
/// queues them, and their writes follow within seconds.
pub const WRITE_AGE_MAX: Duration = Duration::from_secs(15);

/// How far the clocks of HaloPSA's servers may differ. A report that differs from what is known, with a
/// time of change at most this much earlier, may be newer all the same; the ticket is read to decide.
pub const REPORT_DISORDER_MAX: Duration = Duration::from_secs(60);

/// How long after an accepted write a read may still show the ticket as it was before.
pub const WRITE_VISIBLE_WITHIN: Duration = Duration::from_secs(300);

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
    pub sharing: Option<Sharing>,
    /// The title that HaloPSA gave the ticket in place of ours when it was opened, if it did.
    pub replaced_title: Option<String>,
    /// Requests since the last recognised ticket that HaloPSA accepted, and of which no ticket was found.
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
    /// Why there is no ticket for now.
    pub parked: Option<ParkReason>,
    /// Writes that HaloPSA refused: the newest refusal of each kind.
    pub refused: Vec<RefusedWrite>,
    /// Inspections that were requested so that Liongard sees the ticket's state.
    pub pending_inspection: Option<PendingInspection>,
    /// A note that is being added, or whose response has not been seen.
    pub note_claim: Option<NoteClaim>,
    /// Notes about changes of the alert that Halogard has added to the current ticket.
    pub note_count: u32,
    /// The alert's role in a storm group, once that has been decided.
    pub membership: Option<Membership>,
    /// Why the pair needs no more work unless something changes.
    pub terminal_reason: Option<TerminalReason>,
}

/// The exclusive right to open the ticket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Claim {
    /// No one holds it, and no earlier attempt is in doubt.
    #[default]
    Free,
    /// A worker is opening the ticket.
    Held {
        /// The worker.
        holder: String,
        /// Distinguishes this claim from all others of the link. A worker whose claim expired and was
        /// taken over finds another number, and stops.
        number: u32,
        /// When it was acquired.
        since: Timestamp,
        /// When it expires.
        until: Timestamp,
    },
    /// An attempt ended without a response: the ticket may exist.
    InDoubt {
        /// When the attempt was last known to be under way.
        since: Timestamp,
        /// When the last search began that did not find the ticket.
        searched_at: Option<Timestamp>,
    },
}

impl Claim {
    /// An attempt that was last known to be under way at `since`. Its ticket was not searched for yet.
    #[must_use]
    pub const fn in_doubt(since: Timestamp) -> Self {
        Self::InDoubt {
            since,
            searched_at: None,
        }
    }

    /// Whether this is the claim `id`.
    #[must_use]
    pub fn is(&self, id: &ClaimId) -> bool {
        matches!(self, Self::Held { holder, number, .. }
            if (holder, number) == (&id.holder, &id.number))
    }

    /// When the ticket of an attempt is searched for next that was last known to be under way at
    /// `since`. The search that begins at or after the end of the doubt is the last one.
    #[must_use]
    pub fn next_search(since: Timestamp, searched_at: Option<Timestamp>) -> Timestamp {
        IN_DOUBT_SEARCHES
            .map(|delay| since.plus(delay))
            .into_iter()
            .find(|due| searched_at.is_none_or(|searched_at| searched_at < *due))
            .unwrap_or_else(|| since.plus(IN_DOUBT_MAX))
    }

    /// Whether a search that began at `searched_at` proves that the attempt opened no ticket.
    #[must_use]
    pub fn is_disproved(since: Timestamp, searched_at: Timestamp) -> bool {
        searched_at >= since.plus(IN_DOUBT_MAX)
    }
}

/// The exclusive right to add a note, until the response is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteClaim {
    /// Hash of the note's text.
    pub text_hash: u64,
    /// Until then the holder may still be adding the note.
    pub until: Timestamp,
}

/// What both sides last agreed on, field by field. Our own writes come back as changes and equal
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Whether the alert was closed.
    pub alert_closed: bool,
    /// The alert's status.
    pub alert_status: Slug,
    /// The alert's priority.
    pub alert_priority: Slug,
    /// Hash of the alert's text.
    pub alert_text: u64,
    /// The ticket's status.
    pub ticket_status: StatusId,
    /// How the ticket was closed, if it was.
    pub ticket_closed: Option<Closure>,
    /// The ticket's priority.
    pub ticket_priority: Option<PriorityId>,
}

/// The alert's state when its ticket was requested. Until both sides agree, this is what the ticket
/// is known to show, even if the response was lost and the alert has changed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningSnapshot {
    /// The alert's status.
    pub status: Slug,
    /// The alert's priority.
    pub priority: Slug,
    /// Hash of the alert's text.
    pub text: u64,
    /// The customer for whom it was requested, whatever the config maps now; `None` once the ticket is
    /// linked.
    pub client: Option<HaloClientId>,
    /// The type with which it was requested, likewise.
    pub ticket_type: Option<TicketTypeId>,
}

impl OpeningSnapshot {
    /// The state of `alert`, whose ticket is requested for `client` with this type.
    #[must_use]
    pub fn of(alert: &Alert, client: HaloClientId, ticket_type: TicketTypeId) -> Self {
        Self {
            status: alert.status.clone(),
            priority: alert.priority.clone(),
            text: alert.text_hash(),
            client: Some(client),
            ticket_type: Some(ticket_type),
        }
    }
}

/// How a ticket was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// Who closed it.
    pub by: ClosedBy,
    /// When it was closed.
    pub at: Timestamp,
}

/// A write that HaloPSA refused. It is tried again when what led to it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedWrite {
    /// The kind of write.
    pub write: WriteKind,
    /// HaloPSA's own message, redacted.
    pub message: String,
    /// Fingerprint of the policy that was in force.
    pub policy_fingerprint: u64,
    /// Change time of the ticket that was to be written, if there was one.
    pub ticket_changed_at: Option<Timestamp>,
    /// When it was refused.
    pub at: Timestamp,
}

/// The kinds of writes to HaloPSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteKind {
    /// Opening the ticket.
    Open,
    /// Setting fields of an open ticket.
    SetFields,
    /// Adding a note.
    AddNote,
    /// Closing the ticket.
    Close,
    /// Reopening the ticket.
    Reopen,
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

/// Whether what was true at `as_of` may be relied on for a write at `now`.
#[must_use]
pub fn is_recent_for_a_write(as_of: Timestamp, now: Timestamp) -> bool {
    as_of <= now.plus(CLOCK_AHEAD_MAX) && now.since(as_of) <= WRITE_AGE_MAX
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
            sharing: None,
            replaced_title: None,
            unrecognised: 0,
            reported_tickets: Vec::new(),
            base: None,
            observed_alert: None,
            observed_ticket: None,
            missing: None,
            ticket_as_of: None,
            superseded_change: None,
            parked: None,
            refused: Vec::new(),
            pending_inspection: None,
            note_claim: None,
            note_count: 0,
            membership: None,
            terminal_reason: None,
        }
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

    /// Whether a worker is writing the ticket or a note, or was and never recorded how that ended.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        self.claim != Claim::Free || self.note_claim.is_some()
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
        let others_open = |sharing: &Sharing| !sharing.open.is_empty();
        self.is_own_cause_resolved(alert) && !self.sharing.as_ref().is_some_and(others_open)
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
        !self.merged_tickets.is_empty() || self.sharing.is_some()
    }

    /// Whether Halogard may close the ticket for this alert. A ticket that ours was merged into is
    /// a person's, or closed by the alert whose own it is.
    #[must_use]
    pub fn may_close(&self) -> bool {
        self.merged_tickets.is_empty() && self.sharing.as_ref().is_none_or(|it| it.closes)
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

    /// Whether no further ticket is requested, because HaloPSA accepted requests without showing a ticket.
    #[must_use]
    pub const fn stopped_opening(&self) -> bool {
        self.unrecognised >= UNRECOGNISED_MAX
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

    /// Notes that `ticket` was reported; `false` when it had been before.
    pub fn report_ticket(&mut self, ticket: TicketId) -> bool {
        if self.reported_tickets.contains(&ticket) {
            return false;
        }
        self.reported_tickets.push(ticket);
        keep_newest(&mut self.reported_tickets, REPORTED_TICKETS_MAX);
        true
    }

    /// Merges a report about the alert. An older report changes nothing.
    pub fn observe_alert(&mut self, alert: Alert) {
        debug_assert_eq!(alert.id, self.alert, "a report reached the wrong link");
        self.observed_alert = Some(match self.observed_alert.take() {
            Some(known) => known.newer(alert),
            None => alert,
        });
    }

    /// Merges a report about the ticket: a webhook, or a row of a list. An older report, or one about
    /// another ticket, changes nothing.
    pub fn observe_ticket(&mut self, ticket: Ticket) {
        if self.ticket != Some(ticket.id) {
            return;
        }
        // It has shown itself since.
        self.missing = self
            .missing
            .filter(|missing| ticket.observed_at <= missing.since);
        // A webhook may be late: what it says was true when the ticket changed.
        let as_of = ticket.changed().min(ticket.observed_at);
        match self.observed_ticket.take() {
            None => self.set_observed_ticket(ticket, as_of),
            Some(known) => {
                let before = known.clone();
                let newer = known.newer(ticket);
                if before.differs_from(&newer) || before.changed_at != newer.changed_at {
                    self.superseded_change = Some(before.changed_at);
                    self.set_observed_ticket(newer, as_of);
                } else {
                    self.observed_ticket = Some(newer);
                }
            }
        }
    }

    /// Merges what HaloPSA itself says about the ticket: the answer to a read or to a write. The request
    /// began at the ticket's `observed_at`; what was known before that is older, whatever time it shows.
    pub fn observe_current_ticket(&mut self, ticket: Ticket) {
        if self.ticket != Some(ticket.id) {
            return;
        }
        self.missing = self
            .missing
            .filter(|missing| ticket.observed_at <= missing.since);
        let as_of = ticket.observed_at;
        match self.observed_ticket.take() {
            Some(known) if self.shows_before_write(&known, &ticket) => {
                self.set_observed_ticket(known, as_of);
            }
            Some(known) if as_of >= known.observed_at => {
                let is_same_change = known.changed_at == ticket.changed_at;
                let activity = if is_same_change {
                    known.activity.max(ticket.activity)
                } else {
                    self.superseded_change = Some(known.changed_at);
                    ticket.activity
                };
                self.set_observed_ticket(Ticket { activity, ..ticket }, as_of);
            }
            Some(known) => {
                self.observed_ticket = Some(known);
                self.observe_ticket(ticket);
            }
            None => self.set_observed_ticket(ticket, as_of),
        }
    }

    /// Whether `read` shows the ticket as it was before the newest change: a write is accepted before it is
    /// visible everywhere.
    fn shows_before_write(&self, known: &Ticket, read: &Ticket) -> bool {
        self.superseded_change == Some(read.changed_at)
            && read.changed_at < known.changed_at
            && read.observed_at.since(known.observed_at) <= WRITE_VISIBLE_WITHIN
    }

    fn set_observed_ticket(&mut self, ticket: Ticket, as_of: Timestamp) {
        // A later time than the report's own was read from a clock that has been set back since.
        let known = self
            .ticket_as_of
            .filter(|known| *known <= ticket.observed_at.max(as_of));
        self.ticket_as_of = Some(known.map_or(as_of, |known| known.max(as_of)));
        self.observed_ticket = Some(ticket);
    }

    /// Whether `report` tells something new about the ticket, or may do so.
    #[must_use]
    pub fn is_news(&self, report: &Ticket) -> bool {
        self.observed_ticket.as_ref().is_none_or(|known| {
            let is_same = known.changed_at == report.changed_at && !known.differs_from(report);
            !is_same && (report.changed() > known.changed() || self.is_in_doubt(report))
        })
    }

    /// Whether only a read of the ticket can decide if `report` is newer than what is known: it shows another
    /// state, and its time is a little earlier, as that of a server with another clock may be.
    #[must_use]
    pub fn is_in_doubt(&self, report: &Ticket) -> bool {
        self.observed_ticket.as_ref().is_some_and(|known| {
            known.differs_from(report)
                && report.changed() <= known.changed()
                && known.changed().since(report.changed()) <= REPORT_DISORDER_MAX
                && self.superseded_change != Some(report.changed_at)
        })
    }

    /// Records that `ticket` has changed in a way that no report has shown yet. Says whether that was new.
    pub fn mark_ticket_outdated(&mut self, ticket: TicketId) -> bool {
        if self.ticket != Some(ticket) {
            return false;
        }
        let mut is_new = self.ticket_as_of.take().is_some();
        if let Some(seen) = &mut self.observed_ticket
            && matches!(seen.activity, HumanActivity::None { .. })
        {
            seen.activity = HumanActivity::Unknown;
            is_new = true;
        }
        is_new
    }

    /// Whether the ticket is known to be as observed, recently enough at `now` to write to it.
    #[must_use]
    pub fn is_ticket_current(&self, now: Timestamp) -> bool {
        self.ticket_as_of
            .is_some_and(|as_of| is_recent_for_a_write(as_of, now))
    }

    /// Acquires the right to open the ticket for `holder` at `now`.
    pub fn acquire_claim(&mut self, holder: &str, now: Timestamp) -> ClaimId {
        self.claim_count = self.claim_count.saturating_add(1);
        let id = ClaimId {
            holder: holder.to_owned(),
            number: self.claim_count,
        };
        self.claim = Claim::Held {
            holder: id.holder.clone(),
            number: id.number,
            since: now,
            until: now.plus(CLAIM_TTL),
        };
        id
    }

    /// Renews the claim `id` at `now`; `false` if another worker took it over.
    pub fn renew_claim(&mut self, id: &ClaimId, now: Timestamp) -> bool {
        let is_ours = self.claim.is(id);
        if let Claim::Held { until, .. } = &mut self.claim
            && is_ours
        {
            *until = now.plus(CLAIM_TTL).max(*until);
        }
        is_ours
    }

    /// Makes `ticket` the ticket of this link.
    pub fn attach(&mut self, ticket: TicketId) {
        if self.ticket != Some(ticket) {
            self.earlier_tickets.extend(self.ticket);
            self.earlier_tickets.retain(|earlier| *earlier != ticket);
            keep_newest(&mut self.earlier_tickets, EARLIER_TICKETS_MAX);
            self.replaced_title = None;
            self.merged_tickets.clear();
            self.sharing = None;
            self.missing = None;
            self.observed_ticket = None;
            self.ticket_as_of = None;
            self.superseded_change = None;
            self.note_claim = None;
            self.note_count = 0;
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

    /// Whether `write` was refused recently and nothing that led to the refusal has changed since.
    #[must_use]
    pub fn is_suppressed(&self, write: WriteKind, policy: &Policy, now: Timestamp) -> bool {
        let refused = self.refused.iter().find(|refused| refused.write == write);
        refused.is_some_and(|refused| self.is_in_force(refused, policy, now))
    }

    /// Whether any write is [suppressed](Self::is_suppressed).
    #[must_use]
    pub fn has_suppressed_write(&self, policy: &Policy, now: Timestamp) -> bool {
        let mut refused = self.refused.iter();
        refused.any(|refused| self.is_in_force(refused, policy, now))
    }

    fn is_in_force(&self, refused: &RefusedWrite, policy: &Policy, now: Timestamp) -> bool {
        now.is_within(REFUSAL_RETRY_AFTER, refused.at)
            && refused.policy_fingerprint == policy.fingerprint()
            && refused.ticket_changed_at
                == self.observed_ticket.as_ref().map(|seen| seen.changed_at)
    }

    /// Whether `write` was refused before with this message.
    #[must_use]
    pub fn has_refusal(&self, write: WriteKind, message: &str) -> bool {
        let mut refused = self.refused.iter();
        refused.any(|refused| refused.write == write && refused.message == message)
    }

    /// Records a refusal in place of the former one of the same kind.
    pub fn record_refusal(&mut self, refused: RefusedWrite) {
        self.clear_refusal(refused.write);
        self.refused.push(refused);
    }

    /// Forgets that `write` was refused: HaloPSA has accepted it.
    pub fn clear_refusal(&mut self, write: WriteKind) {
        self.refused.retain(|refused| refused.write != write);
    }

    /// Forgets refusals that suppress nothing any more. To be called when no step is missing: the refused
    /// writes are no longer wanted.
    pub fn drop_lapsed_refusals(&mut self, policy: &Policy, now: Timestamp) {
        let mut refused = std::mem::take(&mut self.refused);
        refused.retain(|refused| self.is_in_force(refused, policy, now));
        self.refused = refused;
    }
}

/// Drops the oldest of `tickets` beyond `max`.
fn keep_newest(tickets: &mut Vec<TicketId>, max: usize) {
    let excess = tickets.len().saturating_sub(max);
    tickets.drain(..excess);
}

impl Base {
    /// The current state of both sides. Who closed the ticket is taken from `before`.
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

    /// The base of a pair that has never agreed: both open, the alert as it was when the ticket was
    /// requested, and everything else as it is now.
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
        let (status, priority, text) = opening.map_or_else(
            || (&alert.status, &alert.priority, alert.text_hash()),
            |opening| (&opening.status, &opening.priority, opening.text),
        );
        Self {
            alert_closed: false,
            alert_status: status.clone(),
            alert_priority: priority.clone(),
            alert_text: text,
            ticket_status: open_status,
            ticket_closed: None,
            ticket_priority: ticket.priority,
        }
    }
}
