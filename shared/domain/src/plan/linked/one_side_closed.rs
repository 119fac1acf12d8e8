//! The alert was closed or came back, and the ticket has not followed.

use super::Pair;
use crate::link::{Base, Closure, WriteKind};
use crate::plan::Step;
use crate::policy::{ClosePolicy, ClosedBy, Mode, ReopenDecision};
use crate::render;
use crate::ticket::{HumanActivity, TicketChange};
use crate::time::Timestamp;

impl Pair<'_> {
    /// The alert was closed; the ticket is open, and no one changed that in HaloPSA.
    pub(super) fn alert_closed(&self) -> Vec<Step> {
        if let Some(due) = self.native_grace_until() {
            return vec![Step::Wait(due)];
        }
        if self.link.is_merged() {
            return self.merged_alert_closed();
        }
        let activity = self.ticket.activity;
        match self.template.close {
            ClosePolicy::Always => self.close(),
            ClosePolicy::Never => self.leave_open(),
            ClosePolicy::Untouched
                if self.link.work.is_some() || activity == HumanActivity::Seen =>
            {
                self.leave_open()
            }
            ClosePolicy::Untouched if activity.is_untouched(self.time) => self.close(),
            ClosePolicy::Untouched => vec![Step::CheckActivity],
        }
    }

    /// The same for a ticket that was merged with others: a person has worked on it. Where it is
    /// always closed, that is done once all its alerts are closed, by the one whose ticket it was.
    fn merged_alert_closed(&self) -> Vec<Step> {
        if self.template.close == ClosePolicy::Always && self.link.may_close() {
            return self.close();
        }
        if self.link.co_owners.is_none() {
            return self.leave_open();
        }
        let mut base = self.seen_with_alert();
        let note = self.change_note(&mut base);
        note.into_iter().chain(self.set_base(base)).collect()
    }

    /// Until when a change of the alert is left to Liongard's own ticketing, if that time has not
    /// passed.
    fn native_grace_until(&self) -> Option<Timestamp> {
        // Liongard may leave the change time empty. The time when we read the report counts then.
        let changed_at = Some(self.alert.changed_at).filter(|at| at.believed_at(self.now) == *at);
        let observed_at = changed_at.unwrap_or_default().max(self.alert.observed_at);
        let due = observed_at.plus(self.policy.native_grace);
        (self.policy.mode == Mode::Native && due > self.now).then_some(due)
    }

    /// Closes the ticket.
    fn close(&self) -> Vec<Step> {
        if self
            .link
            .is_suppressed(WriteKind::Close, self.policy, self.now)
        {
            return Vec::new();
        }
        if let Some(step) = self.settle_found() {
            return vec![step];
        }
        let change = TicketChange {
            status: Some(self.template.statuses.closed),
            technician: self
                .template
                .closing_technician
                .filter(|_| self.ticket.assigned == Some(false)),
            closure_note: Some(render::closure_note(self.alert, self.link.leader_state())),
            ..TicketChange::of(self.ticket)
        };
        let base = Base {
            ticket_status: self.template.statuses.closed,
            ticket_closed: Some(Closure {
                by: ClosedBy::Halogard,
                at: self.now,
            }),
            ..self.seen()
        };
        vec![Step::Close(change), Step::SetBase(base)]
    }

    /// What comes before a ticket is closed that was found a moment ago: one read, once nothing that was done
    /// to it before it was found can be missing from reads any more.
    fn settle_found(&self) -> Option<Step> {
        let settled_at = self.link.found?.settled_at(self.now);
        if settled_at > self.now {
            Some(Step::Wait(settled_at))
        } else if self.link.ticket_as_of < Some(settled_at) {
            Some(Step::ReadTicket)
        } else {
            None
        }
    }

    /// Adds a note that the alert was closed, and leaves the ticket to the technician. In native
    /// mode Liongard's own ticketing adds the note. A refused note must not block the base.
    fn leave_open(&self) -> Vec<Step> {
        let silent = self.policy.mode == Mode::Native
            || self
                .link
                .is_suppressed(WriteKind::AddNote, self.policy, self.now);
        let note = (!silent).then(|| Step::AddNote(render::left_open_note_html(self.alert)));
        note.into_iter().chain(self.set_base(self.seen())).collect()
    }

    /// The alert is open again; its ticket is closed, and no one changed that in HaloPSA.
    pub(super) fn alert_reopened(&self) -> Vec<Step> {
        if let Some(due) = self.native_grace_until() {
            return vec![Step::Wait(due)];
        }
        let at_desk = Closure {
            by: ClosedBy::HaloPsa,
            at: self.ticket.changed_at,
        };
        let closure = self.base.ticket_closed.unwrap_or(at_desk);
        let status = self.ticket.status;
        let decide = |by| {
            let reopen = &self.template.reopen;
            reopen.decide(status, by, closure.at, self.now)
        };
        let depends_on_closer = decide(ClosedBy::Technician) != decide(ClosedBy::Automation);
        if closure.by == ClosedBy::HaloPsa && depends_on_closer {
            return vec![Step::FindCloser];
        }
        match decide(closure.by) {
            ReopenDecision::Reopen if !self.is_of_another_client() => self.reopen(),
            ReopenDecision::Reopen | ReopenDecision::NewTicket
                if self.policy.mode == Mode::Managed =>
            {
                vec![Step::BeginNextTicket]
            }
            ReopenDecision::Reopen | ReopenDecision::NewTicket | ReopenDecision::Leave => {
                self.set_base(self.seen())
            }
        }
    }

    /// Whether the ticket may have been closed by us, for an alert that was closed then and is open again, and a
    /// process stopped before it recorded that: the alert has changed since. A person closes it for the alert as it
    /// is.
    pub(super) fn may_be_closed_unrecorded(&self) -> bool {
        let may_be = self.policy.mode == Mode::Managed
            && self.ticket_closed()
            && !self.own_cause_resolved()
            && !self.link.is_merged();
        let closure = self.seen().ticket_closed;
        may_be && closure.is_some_and(|closure| self.alert.changed_at >= closure.at)
    }

    /// The alert is open and its ticket closed, maybe by us: if so, the alert has come back.
    pub(super) fn after_unrecorded_closing(&self) -> Vec<Step> {
        match self.base.ticket_closed.map(|closure| closure.by) {
            Some(ClosedBy::HaloPsa) => vec![Step::FindCloser],
            Some(ClosedBy::Halogard) => self.alert_reopened(),
            Some(ClosedBy::Technician | ClosedBy::Automation) | None => self.set_base(self.seen()),
        }
    }

    /// Reopens the ticket.
    fn reopen(&self) -> Vec<Step> {
        if self
            .link
            .is_suppressed(WriteKind::Reopen, self.policy, self.now)
        {
            return Vec::new();
        }
        let change = TicketChange {
            status: Some(self.template.statuses.open),
            ..TicketChange::of(self.ticket)
        };
        let base = Base {
            ticket_status: self.template.statuses.open,
            ticket_closed: None,
            // The note contains the alert's text.
            alert_text: self.alert.text_hash(),
            ..self.seen()
        };
        vec![
            Step::Reopen(change, render::reopen_note_html(self.alert)),
            Step::SetBase(base),
        ]
    }
}
