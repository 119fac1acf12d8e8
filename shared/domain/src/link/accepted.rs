//! A change of a ticket that HaloPSA accepted, until a later report shows what became of it.
//!
//! HaloPSA may answer a change with success and carry it out minutes later, or never. The state from before
//! the change, shown after it, is therefore no news by itself: a person's act has a later time of change. What
//! is still shown when reads no longer lag was not carried out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{PriorityId, StatusId};
use crate::policy::Policy;
use crate::ticket::{Ticket, TicketChange};
use crate::time::Timestamp;

use super::{Base, Link, RefusedWrite, WriteKind};

/// How long after an accepted write a read may still show the ticket as it was before.
pub const WRITE_VISIBLE_WITHIN: Duration = Duration::from_secs(300);

/// After how long a change is made again that was accepted and not carried out: about a day in all. Then it
/// waits until something changes.
pub const NOT_CARRIED_OUT_PAUSES: [Duration; 4] = [
    Duration::from_secs(15 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(6 * 60 * 60),
    Duration::from_secs(17 * 60 * 60),
];

/// Unconfirmed changes of one ticket that a link names. One that is forgotten is taken for carried out.
const BEFORE_MAX: usize = 5;

/// A change that HaloPSA accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedChange {
    /// The kind of write.
    pub write: WriteKind,
    /// The status that was asked for.
    pub status: Option<StatusId>,
    /// The priority that was asked for.
    pub priority: Option<PriorityId>,
    /// When the answer was seen (our clock).
    pub answered_at: Timestamp,
    /// The time of change in the answer (HaloPSA's clock). Whatever has a later one was done by someone else.
    pub changed_at: Timestamp,
    /// Whether something speaks against it: the answer shows no later time of change than was known before,
    /// a read shows the state from before, or the same change was not carried out before. The ticket is then
    /// read once reads no longer lag.
    pub is_doubtful: bool,
    /// How often in a row the same change was not carried out before.
    pub failures: u32,
    /// What the ticket showed before, and what was agreed on then; of several changes that no report has
    /// shown, the newest last.
    pub before: Vec<StateBefore>,
}

/// A ticket before it was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateBefore {
    /// Its status.
    pub status: StatusId,
    /// Its priority.
    pub priority: Option<PriorityId>,
    /// What both sides had agreed on.
    pub base: Option<Base>,
}

/// What a report says about an accepted change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence<'a> {
    /// It shows what was asked for.
    Shown,
    /// It shows the state from before, and reads may lag.
    Early,
    /// It shows the state from before, and nothing else explains that.
    NotCarriedOut(&'a StateBefore),
    /// Someone has changed the ticket since.
    Overtaken,
}

impl AcceptedChange {
    /// What a report about the changed ticket says.
    #[must_use]
    pub fn evidence(&self, report: &Ticket) -> Evidence<'_> {
        let status = self.status.is_none_or(|asked| asked == report.status);
        let priority = self
            .priority
            .is_none_or(|asked| report.priority.is_none_or(|shown| shown == asked));
        if status && priority {
            return Evidence::Shown;
        }
        // Without a time of its own a report does not say whether anyone has acted since.
        if !report.is_present() || (report.is_dated && report.changed() > self.changed_at) {
            return Evidence::Overtaken;
        }
        let is_as_before = |before: &&StateBefore| {
            (self.status.is_none() || report.status == before.status)
                && (self.priority.is_none() || report.priority == before.priority)
        };
        match self.before.iter().rev().find(is_as_before) {
            None => Evidence::Overtaken,
            Some(_) if self.reads_may_lag(report.observed_at) => Evidence::Early,
            Some(before) => Evidence::NotCarriedOut(before),
        }
    }

    /// When the ticket is read if nothing has shown until then what became of the change.
    #[must_use]
    pub fn read_at(&self) -> Timestamp {
        self.answered_at.plus(WRITE_VISIBLE_WITHIN)
    }

    fn reads_may_lag(&self, at: Timestamp) -> bool {
        at.is_within(WRITE_VISIBLE_WITHIN, self.answered_at)
    }

    /// This change, which follows `earlier`, of which no report has shown what became.
    fn following(mut self, earlier: Option<Self>) -> Self {
        let Some(earlier) = earlier.filter(|it| it.write == self.write) else {
            return self;
        };
        if earlier.answered_at == self.answered_at {
            return earlier;
        }
        self.status = self.status.or(earlier.status);
        self.priority = self.priority.or(earlier.priority);
        self.is_doubtful |= earlier.is_doubtful;
        self.before.splice(..0, earlier.before);
        let excess = self.before.len().saturating_sub(BEFORE_MAX);
        self.before.drain(..excess);
        self
    }
}

impl Link {
    /// What is remembered of `change`, to which `answer` was seen at `answered_at`. `self` is the link as it
    /// was when the change was planned.
    #[must_use]
    pub fn accepted_change(
        &self,
        write: WriteKind,
        change: &TicketChange,
        answer: &Ticket,
        answered_at: Timestamp,
    ) -> AcceptedChange {
        let known = self.observed_ticket.as_ref();
        let is_later = known.is_none_or(|known| answer.changed() > known.changed());
        let refused = self.refused.iter().find(|refused| refused.write == write);
        let failures = refused.map_or(0, |refused| refused.not_carried_out);
        AcceptedChange {
            write,
            status: change.status,
            priority: change.priority,
            answered_at,
            changed_at: answer.changed(),
            is_doubtful: !is_later || !answer.is_dated || failures > 0,
            failures,
            before: vec![StateBefore {
                status: change.premise.status,
                priority: change.premise.priority,
                base: self.base.clone(),
            }],
        }
    }

    /// Remembers a change that HaloPSA accepted, unless a report has shown what became of it.
    pub(crate) fn accept_change(
        &mut self,
        change: &AcceptedChange,
        earlier: Option<AcceptedChange>,
    ) {
        let change = change.clone().following(earlier);
        let is_later = |seen: &&Ticket| seen.observed_at > change.answered_at;
        let is_open = match self.observed_ticket.as_ref().filter(is_later) {
            Some(seen) => change.is_open_after(seen),
            None => true,
        };
        self.accepted = is_open.then_some(change);
    }

    /// Forgets the accepted change if `report` shows what became of it.
    pub(crate) fn settle_accepted(&mut self, report: &Ticket) {
        self.accepted = self
            .accepted
            .take()
            .filter(|accepted| accepted.is_open_after(report));
    }

    /// The refusal that an accepted change amounts to that was not carried out, under `policy` at `now`; `None`
    /// unless the ticket as observed shows that.
    #[must_use]
    pub fn not_carried_out(&self, policy: &Policy, now: Timestamp) -> Option<RefusedWrite> {
        let (accepted, ticket) = (self.accepted.as_ref()?, self.observed_ticket.as_ref()?);
        let Evidence::NotCarriedOut(_) = accepted.evidence(ticket) else {
            return None;
        };
        let asked = TicketChange {
            status: accepted.status,
            priority: accepted.priority,
            ..TicketChange::of(ticket)
        };
        let pause = usize::try_from(accepted.failures)
            .ok()
            .and_then(|failures| NOT_CARRIED_OUT_PAUSES.get(failures));
        Some(RefusedWrite {
            write: accepted.write,
            message: asked.contradicted_by(ticket).unwrap_or_default(),
            policy_fingerprint: policy.fingerprint(),
            ticket_changed_at: Some(ticket.changed_at),
            at: now,
            retry_at: pause.map(|pause| now.plus(*pause)),
            not_carried_out: accepted.failures.saturating_add(1),
        })
    }

    /// Takes back what an accepted change was believed to have led to, so that it is missing again, and
    /// records `refused` in its place.
    pub(crate) fn take_back_accepted(&mut self, refused: &RefusedWrite) {
        let Some(accepted) = self.accepted.take() else {
            return;
        };
        let evidence = self
            .observed_ticket
            .as_ref()
            .map(|it| accepted.evidence(it));
        if let Some(Evidence::NotCarriedOut(before)) = evidence
            && let (Some(base), Some(former)) = (&mut self.base, &before.base)
        {
            // What a note said about the text was said.
            *base = Base {
                alert_text: base.alert_text,
                ..former.clone()
            };
        }
        self.record_refusal(refused.clone());
    }
}

impl AcceptedChange {
    /// Whether what became of it is still open once `report` was seen.
    fn is_open_after(&self, report: &Ticket) -> bool {
        match self.evidence(report) {
            Evidence::Shown => report.observed_at <= self.answered_at,
            Evidence::Early | Evidence::NotCarriedOut(_) => true,
            Evidence::Overtaken => false,
        }
    }
}
