//! A change of a ticket that HaloPSA accepted, until a later report shows whether it was carried out.
//!
//! HaloPSA may answer a change with success and carry it out minutes later, or never. The state from before
//! the change, shown after it, is therefore no news by itself: a person's act has a later time of change. What
//! is still shown when reads no longer lag was not carried out.
//!
//! A later time of change says that someone acted, and not on what. Where HaloPSA's answer showed that time to
//! be later than before, the change was carried out, and the former priority is a person's. Where it did not,
//! no one has seen the new priority yet: what else the ticket shows, or an entry of that time, says whether the
//! act was on something else.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::hash::hash64;
use crate::ids::{HaloClientId, PriorityId, StatusId, TicketTypeId};
use crate::policy::Policy;
use crate::ticket::{Handling, MachineApplications, Ticket, TicketChange, TicketNotes};
use crate::time::Timestamp;

use super::{Base, Link, NamedFields, RefusedWrite, WriteKind};

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

/// How far the time of an entry may be from the ticket's time of change where the entry was the change.
const ENTRY_APART_MAX: Duration = Duration::from_secs(2);

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
    /// The same as far as it can be believed: where HaloPSA's clock is ahead, that is when it was seen.
    pub believed_change: Timestamp,
    /// Whether the answer shows a later time of change than was known before, which nothing but the priority
    /// explains.
    pub is_proved: bool,
    /// Whether something speaks against it: the answer shows no later time of change than was known before,
    /// a report shows the state from before, or the same change was not carried out before. The ticket is then
    /// read once reads no longer lag.
    pub is_doubtful: bool,
    /// How often in a row the same change was not carried out before.
    pub failures: u32,
    /// What the ticket showed before, and what was agreed on then; of several changes that no report has
    /// shown, the newest last.
    pub before: Vec<StateBefore>,
    /// What else the answer shows of the ticket.
    pub answered: Box<OtherMembers>,
}

/// What a ticket shows beside what a change asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherMembers {
    /// Its status.
    pub status: StatusId,
    /// The client.
    pub client: HaloClientId,
    /// The type.
    pub ticket_type: TicketTypeId,
    /// Who has it and what it is filed under.
    pub handling: Handling,
    /// Hash of its title; `None` where that was not reported.
    pub title: Option<u64>,
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
    /// It shows the priority from before, which no one has seen otherwise, and a later time of change.
    Unseen {
        /// The state from before.
        before: &'a StateBefore,
        /// Whether it shows what that later change was: one of something else.
        is_explained: bool,
    },
    /// Someone has changed the ticket since.
    Overtaken,
}

impl AcceptedChange {
    /// The fields that were asked for, of a change of fields.
    #[must_use]
    pub fn fields(&self) -> NamedFields {
        if self.write != WriteKind::SetFields {
            return NamedFields::NONE;
        }
        NamedFields {
            status: self.status.is_some(),
            priority: self.priority.is_some(),
        }
    }

    /// What a report about the changed ticket says.
    #[must_use]
    pub fn evidence(&self, report: &Ticket) -> Evidence<'_> {
        let shows_status = self.shows_status(report);
        if shows_status && self.shows_priority(report) {
            return Evidence::Shown;
        }
        let is_as_before = |before: &&StateBefore| {
            (shows_status || report.status == before.status)
                && (self.shows_priority(report) || report.priority == before.priority)
        };
        let before = self.before.iter().rev().find(is_as_before);
        let Some(before) = before.filter(|_| report.is_present()) else {
            return Evidence::Overtaken;
        };
        // Without a time of its own a report does not say whether anyone has acted since.
        if report.is_dated && self.is_before_change_of(report) {
            // A status that was set and set back is a person's: a status takes effect wherever a change does.
            return if self.is_proved || !shows_status {
                Evidence::Overtaken
            } else {
                Evidence::Unseen {
                    before,
                    is_explained: self.answered.differ_from(report),
                }
            };
        }
        if self.reads_may_lag(report.observed_at) {
            Evidence::Early
        } else {
            Evidence::NotCarriedOut(before)
        }
    }

    /// Whether `report` shows a later time of change than the answer. Reports of one time may be believed to be of
    /// different times.
    fn is_before_change_of(&self, report: &Ticket) -> bool {
        report.changed_at > self.changed_at && report.changed() > self.believed_change
    }

    /// Whether `report` shows the status that was asked for, if one was.
    fn shows_status(&self, report: &Ticket) -> bool {
        self.status.is_none_or(|asked| asked == report.status)
    }

    /// Whether `report` shows the priority that was asked for, if one was.
    fn shows_priority(&self, report: &Ticket) -> bool {
        self.priority
            .is_none_or(|asked| report.priority.is_none_or(|shown| shown == asked))
    }

    /// When the ticket is read if nothing has shown by then whether the change was carried out.
    #[must_use]
    pub fn read_at(&self) -> Timestamp {
        self.answered_at.plus(WRITE_VISIBLE_WITHIN)
    }

    fn reads_may_lag(&self, at: Timestamp) -> bool {
        at.is_within(WRITE_VISIBLE_WITHIN, self.answered_at)
    }

    /// This change, which follows `earlier`, about which no report has shown whether it was carried out.
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
        self.is_proved &= earlier.is_proved || earlier.priority.is_none();
        let unknown = |state: &StateBefore| !self.before.contains(state);
        let earlier: Vec<StateBefore> = earlier.before.into_iter().filter(unknown).collect();
        self.before.splice(..0, earlier);
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
        let is_later = known.is_none_or(|known| {
            answer.changed_at > known.changed_at && answer.changed() > known.changed()
        });
        let fields = NamedFields::of(write, change);
        let refused = self.refused.iter().filter(|it| it.concerns(write, fields));
        let failures = refused.map(|it| it.not_carried_out).max().unwrap_or(0);
        // The premise may be what an earlier change asked for. Another worker may settle that one meanwhile.
        let earlier = self.accepted.iter().filter(|it| it.write == write);
        let mut before: Vec<StateBefore> = earlier.flat_map(|it| it.before.clone()).collect();
        before.push(StateBefore {
            status: change.premise.status,
            priority: change.premise.priority,
            base: self.base.clone(),
        });
        // A change of the status explains it as well.
        let is_of_one_member = change.status.is_none() || change.priority.is_none();
        AcceptedChange {
            write,
            status: change.status,
            priority: change.priority,
            answered_at,
            changed_at: answer.changed_at,
            believed_change: answer.changed(),
            is_proved: is_later && answer.is_dated && is_of_one_member,
            is_doubtful: !is_later || !answer.is_dated || failures > 0,
            failures,
            before,
            answered: Box::new(OtherMembers::of(answer)),
        }
    }

    /// Remembers a change that HaloPSA accepted, unless a report has shown whether it was carried out.
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

    /// Forgets the accepted change if `report` shows whether it was carried out.
    pub(crate) fn settle_accepted(&mut self, report: &Ticket) {
        self.accepted = self
            .accepted
            .take()
            .filter(|accepted| accepted.is_open_after(report));
        if let Some(accepted) = &mut self.accepted {
            accepted.is_doubtful |= accepted.evidence(report) != Evidence::Shown;
        }
    }

    /// The refusal that an accepted change amounts to that was not carried out, under `policy` at `now`; `None`
    /// unless the ticket as observed shows that.
    #[must_use]
    pub fn not_carried_out(&self, policy: &Policy, now: Timestamp) -> Option<RefusedWrite> {
        let (accepted, ticket) = (self.accepted.as_ref()?, self.observed_ticket.as_ref()?);
        match accepted.evidence(ticket) {
            Evidence::NotCarriedOut(_) => {}
            // It may land yet, until reads no longer lag.
            Evidence::Unseen { .. } if !accepted.reads_may_lag(now) => {}
            _ => return None,
        }
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
            fields: NamedFields::missing_in(ticket, accepted.write, &asked),
            message: asked.contradicted_by(ticket).unwrap_or_default(),
            policy_fingerprint: policy.fingerprint(),
            ticket_changed_at: Some(ticket.changed_at),
            at: now,
            retry_at: pause.map(|pause| now.plus(*pause)),
            not_carried_out: accepted.failures.saturating_add(1),
        })
    }

    /// Whether the ticket, as observed, may have been changed last by a person who set the priority back, given
    /// its `notes`. Where the ticket does not show when it changed, a person who worked on it may have.
    #[must_use]
    pub fn may_have_been_undone(
        &self,
        notes: &TicketNotes,
        machines: &MachineApplications,
    ) -> bool {
        let Some(ticket) = &self.observed_ticket else {
            return false;
        };
        if !ticket.is_dated {
            return notes.show_a_person(machines);
        }
        let at = ticket.changed_at;
        let is_of_that_time =
            |written: Timestamp| at.since(written).max(written.since(at)) <= ENTRY_APART_MAX;
        let mut written = notes.notes.iter().filter_map(|note| note.written_at);
        !written.any(is_of_that_time)
    }

    /// Whether the ticket shows a former priority of which it is not known yet if anyone chose it.
    pub(crate) fn has_unseen_priority(&self) -> bool {
        let (Some(accepted), Some(ticket)) = (&self.accepted, &self.observed_ticket) else {
            return false;
        };
        matches!(accepted.evidence(ticket), Evidence::Unseen { .. })
    }

    /// Whether the notes of the ticket are needed to know if an accepted change was undone by a person.
    #[must_use]
    pub fn needs_notes_about_accepted(&self) -> bool {
        let (Some(accepted), Some(ticket)) = (&self.accepted, &self.observed_ticket) else {
            return false;
        };
        let is_explained = match accepted.evidence(ticket) {
            Evidence::Unseen { is_explained, .. } => is_explained,
            _ => true,
        };
        !ticket.is_dated || !is_explained
    }

    /// Takes back what an accepted change was believed to have led to, so that it is missing again, and
    /// records `refused` in its place.
    pub(crate) fn take_back_accepted(&mut self, refused: &RefusedWrite) {
        let Some(accepted) = self.accepted.take() else {
            return;
        };
        let Some(ticket) = &self.observed_ticket else {
            return;
        };
        if let Evidence::NotCarriedOut(before) | Evidence::Unseen { before, .. } =
            accepted.evidence(ticket)
            && let (Some(base), Some(former)) = (&mut self.base, &before.base)
        {
            if !accepted.shows_status(ticket) {
                base.alert_closed = former.alert_closed;
                base.alert_status = former.alert_status.clone();
                base.ticket_closed = former.ticket_closed;
                base.ticket_status = former.ticket_status;
            }
            if !accepted.shows_priority(ticket) {
                base.alert_priority = former.alert_priority.clone();
                base.ticket_priority = former.ticket_priority;
            }
        }
        self.record_refusal(refused.clone());
    }
}

impl AcceptedChange {
    /// Whether it is still unknown after `report` whether the change was carried out.
    fn is_open_after(&self, report: &Ticket) -> bool {
        match self.evidence(report) {
            Evidence::Shown => report.observed_at <= self.answered_at,
            Evidence::Early | Evidence::NotCarriedOut(_) | Evidence::Unseen { .. } => true,
            Evidence::Overtaken => false,
        }
    }
}

impl OtherMembers {
    /// What `ticket` shows.
    fn of(ticket: &Ticket) -> Self {
        let is_titled = !ticket.summary.is_empty();
        Self {
            status: ticket.status,
            client: ticket.client,
            ticket_type: ticket.ticket_type,
            handling: ticket.handling.clone(),
            title: is_titled.then(|| hash64(&[&ticket.summary])),
        }
    }

    /// Whether `report` shows something else, as far as both say.
    fn differ_from(&self, report: &Ticket) -> bool {
        fn differ<V: PartialEq>(one: Option<&V>, other: Option<&V>) -> bool {
            one.zip(other).is_some_and(|(one, other)| one != other)
        }
        let now = Self::of(report);
        let (before, after) = (&self.handling, &now.handling);
        self.status != now.status
            || self.client != now.client
            || self.ticket_type != now.ticket_type
            || differ(self.title.as_ref(), now.title.as_ref())
            || differ(before.assignment.as_ref(), after.assignment.as_ref())
            || differ(before.team.as_ref(), after.team.as_ref())
            || differ(before.category.as_ref(), after.category.as_ref())
    }
}
