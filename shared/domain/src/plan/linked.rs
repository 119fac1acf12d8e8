//! An alert and its ticket: what changed on which side since both agreed, and what follows from it.

use std::collections::BTreeSet;

use crate::alert::Alert;
use crate::ids::{PriorityId, StatusId};
use crate::link::{Base, Closure, Link, WriteKind, is_recent_for_a_write};
use crate::plan::{Step, closing_the_group};
use crate::policy::{ClosePolicy, ClosedBy, Mapping, Mode, Policy, ReopenDecision, Template};
use crate::render;
use crate::runs::RunTarget;
use crate::ticket::{HumanActivity, Ticket, TicketChange};
use crate::time::Timestamp;
use crate::work::{WorkSign, sign_of_work};

/// The steps for a linked pair: a three-way merge per field of the base, Liongard's value and
/// HaloPSA's value.
pub(super) fn plan(
    link: &Link,
    alert: &Alert,
    ticket: &Ticket,
    mapping: &Mapping,
    template: &Template,
    policy: &Policy,
    now: Timestamp,
) -> Vec<Step> {
    let assumed = || Base::assumed(alert, ticket, &template.statuses, link.opening.as_ref());
    let base = link.base.clone().unwrap_or_else(assumed);
    let pair = Pair {
        link,
        alert,
        ticket,
        mapping,
        template,
        policy,
        now,
        base,
    };
    if let Some(sign) = pair.new_sign_of_work() {
        return vec![Step::RecordWork(sign)];
    }
    let steps = pair.steps();
    if steps.iter().any(Step::writes_ticket) && !pair.is_current_for(&steps) {
        return vec![Step::RefreshTicket];
    }
    let agreed = Step::SetBase(pair.base.clone());
    let missing = if link.base.is_some() && steps == [agreed] {
        Vec::new()
    } else {
        steps
    };
    if missing.is_empty() && pair.ticket_closed() {
        closing_the_group(link, missing)
    } else {
        missing
    }
}

/// One alert, its ticket, and everything that decides about them.
struct Pair<'a> {
    link: &'a Link,
    alert: &'a Alert,
    ticket: &'a Ticket,
    mapping: &'a Mapping,
    template: &'a Template,
    policy: &'a Policy,
    now: Timestamp,
    base: Base,
}

impl Pair<'_> {
    /// Whether the ticket is known recently enough to carry out `steps`. Closing changes the status only,
    /// so it suffices to know that no person has worked on the ticket until a moment ago.
    fn is_current_for(&self, steps: &[Step]) -> bool {
        let closes = steps.iter().any(|step| matches!(step, Step::Close(_)));
        let untouched_until = match self.ticket.activity {
            HumanActivity::None { as_of } if closes && self.link.ticket_as_of.is_some() => {
                Some(as_of)
            }
            _ => None,
        };
        self.link.is_ticket_current(self.now)
            || untouched_until.is_some_and(|as_of| is_recent_for_a_write(as_of, self.now))
    }

    /// The missing steps, the last of which records what both sides agree on once the others are
    /// done.
    fn steps(&self) -> Vec<Step> {
        let resolved = self.link.is_resolved(self.alert);
        let alert_changed_side = resolved != self.base.alert_closed;
        let ticket_changed_side = self.ticket_closed() != self.base.ticket_closed.is_some();
        match (resolved, self.ticket_closed()) {
            (true, true) => vec![Step::SetBase(self.seen())],
            (_, false) if self.is_of_another_client() => self.set_base(self.seen()),
            (false, false) => self.both_open(),
            // A change in HaloPSA is a person's decision. It is never overruled; Liongard is asked
            // to check.
            (_, _) if ticket_changed_side => self.request_inspections(),
            (true, false) if alert_changed_side => self.alert_closed(),
            (false, true) if alert_changed_side && !self.own_cause_resolved() => {
                self.alert_reopened()
            }
            // A known difference that stays.
            (_, _) => self.set_base(self.seen()),
        }
    }

    /// What shows that a person has taken the open ticket in hand, if that is news.
    fn new_sign_of_work(&self) -> Option<WorkSign> {
        let Self {
            link,
            alert,
            ticket,
            mapping,
            template,
            ..
        } = self;
        // People work with a merged ticket in any case.
        let is_asked = link.work.is_none() && !self.ticket_closed() && !link.is_merged();
        is_asked
            .then(|| sign_of_work(link, &self.base, alert, ticket, mapping, template))
            .flatten()
    }

    /// Whether people merged the ticket into one of another customer, or it was found there. Nothing
    /// about this alert is written to it: its readers are not this customer's.
    fn is_of_another_client(&self) -> bool {
        let may_be = self.link.found_elsewhere || !self.link.merged_tickets.is_empty();
        may_be && self.ticket.client != self.mapping.client
    }

    /// Whether the alert is closed, and the group it leads: others may share the ticket and be open.
    fn own_cause_resolved(&self) -> bool {
        self.link.is_own_cause_resolved(self.alert)
    }

    /// Whether the ticket's status counts as closed.
    fn ticket_closed(&self) -> bool {
        self.template.statuses.is_closed(self.ticket.status)
    }

    /// The current state of both sides, except that status, priority and text of the alert stay as
    /// they are in the base: they enter it only when they have been written to the ticket.
    fn seen(&self) -> Base {
        Base {
            alert_status: self.base.alert_status.clone(),
            alert_priority: self.base.alert_priority.clone(),
            alert_text: self.base.alert_text,
            ..self.seen_with_alert()
        }
    }

    /// The current state of both sides.
    fn seen_with_alert(&self) -> Base {
        Base {
            alert_closed: self.link.is_resolved(self.alert),
            ..Base::of(
                self.alert,
                self.ticket,
                &self.template.statuses,
                Some(&self.base),
            )
        }
    }

    /// Records `base`. If a person changed the ticket's status, asks Liongard to check first; a
    /// reopened ticket agrees with its open alert again, so there is nothing to check.
    fn set_base(&self, base: Base) -> Vec<Step> {
        let reopened = self.base.ticket_closed.is_some() && !self.ticket_closed();
        let changed_in_halopsa = self.ticket.status != self.base.ticket_status && !reopened;
        let run = changed_in_halopsa.then(|| Step::RequestInspections(vec![RunTarget::HaloPsa]));
        run.into_iter().chain([Step::SetBase(base)]).collect()
    }

    /// The ticket was closed or reopened in HaloPSA.
    fn request_inspections(&self) -> Vec<Step> {
        if self.ticket_closed() && self.own_cause_resolved() {
            // Only others that share the ticket are open; each asks for itself.
            return vec![Step::SetBase(self.seen())];
        }
        vec![
            Step::RequestInspections(self.targets()),
            Step::SetBase(self.seen()),
        ]
    }

    /// The inspectors that make Liongard see the ticket's state. Liongard's HaloPSA inspector knows
    /// only tickets of Liongard's own ticketing. For a ticket that Halogard opened, the inspector
    /// that raised the alert runs as well, and those of all alerts that share the ticket.
    fn targets(&self) -> Vec<RunTarget> {
        let mut targets = vec![RunTarget::HaloPsa];
        if self.policy.mode == Mode::Managed && self.ticket_closed() {
            let sharing = self
                .link
                .leader_state()
                .map(|lead| &lead.summary.launchpoints);
            let sharing = sharing.into_iter().flatten().copied();
            let launchpoints: BTreeSet<_> =
                self.alert.launchpoint.into_iter().chain(sharing).collect();
            targets.extend(launchpoints.into_iter().map(RunTarget::Launchpoint));
        }
        targets
    }

    /// The alert was closed; the ticket is open, and no one changed that in HaloPSA.
    fn alert_closed(&self) -> Vec<Step> {
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
            ClosePolicy::Untouched if activity.is_untouched(self.now) => self.close(),
            ClosePolicy::Untouched => vec![Step::CheckActivity],
        }
    }

    /// The same for a ticket that was merged with others: a person has worked on it. Where it is
    /// always closed, that is done once all its alerts are closed, by the one whose ticket it was.
    fn merged_alert_closed(&self) -> Vec<Step> {
        if self.template.close == ClosePolicy::Always && self.link.may_close() {
            return self.close();
        }
        if self.link.sharing.is_none() {
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
        let observed_at = self.alert.changed_at.max(self.alert.observed_at);
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
    fn alert_reopened(&self) -> Vec<Step> {
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

    /// Both are open: Liongard's changes are written to the ticket, unless a person changed the
    /// same field.
    fn both_open(&self) -> Vec<Step> {
        if self.policy.mode == Mode::Native {
            return self.set_base(self.seen_with_alert());
        }
        let unchanged = TicketChange::of(self.ticket);
        let wanted = if self.link.sharing.is_some() {
            // Its fields are the other alerts' too. The note says what changed.
            unchanged.clone()
        } else {
            TicketChange {
                status: self.wanted_status(),
                priority: self.wanted_priority(),
                ..unchanged.clone()
            }
        };
        let mut base = self.seen_with_alert();
        let mut steps = Vec::new();
        if wanted != unchanged {
            if self
                .link
                .is_suppressed(WriteKind::SetFields, self.policy, self.now)
            {
                base.alert_status = self.base.alert_status.clone();
                base.alert_priority = self.base.alert_priority.clone();
            } else {
                base.ticket_status = wanted.status.unwrap_or(self.ticket.status);
                base.ticket_priority = wanted.priority.or(self.ticket.priority);
                steps.push(Step::SetFields(wanted));
            }
        }
        steps.extend(self.change_note(&mut base));
        let (summary, wait) = self.summary_note();
        steps.extend(summary);
        steps.extend(self.set_base(base));
        steps.extend(wait);
        steps
    }

    /// The note about a change of the alert, if it has one to report. `base` keeps what cannot be
    /// reported now.
    fn change_note(&self, base: &mut Base) -> Option<Step> {
        let is_shared = self.link.sharing.is_some();
        // The last note said that the alert was closed and that the ticket stays open.
        let returned = self.base.alert_closed && !base.alert_closed;
        // When the last alert of the ticket was closed, a note said so.
        let closing_noted = self.base.alert_closed && self.alert.is_closed();
        let status_changed = base.alert_status != self.base.alert_status && !closing_noted;
        let fields_changed = status_changed || base.alert_priority != self.base.alert_priority;
        let has_news = base.alert_text != self.base.alert_text
            || (is_shared && fields_changed)
            || (returned && !self.alert.is_closed());
        if !has_news || self.policy.mode == Mode::Native {
            return None;
        }
        if self
            .link
            .is_suppressed(WriteKind::AddNote, self.policy, self.now)
        {
            base.alert_text = self.base.alert_text;
            base.alert_closed = self.base.alert_closed;
            if is_shared {
                base.alert_status = self.base.alert_status.clone();
                base.alert_priority = self.base.alert_priority.clone();
            }
            return None;
        }
        let left = self.notes_left()?;
        let sharing = self.link.sharing.as_ref();
        let others_open = sharing.is_some_and(|sharing| !sharing.open.is_empty());
        Some(Step::AddNote(if returned && !self.alert.is_closed() {
            render::reopen_note_html(self.alert)
        } else if is_shared && status_changed && self.alert.is_closed() {
            render::shared_closed_note_html(self.alert, others_open)
        } else {
            render::change_note_html(self.alert, left)
        }))
    }

    /// How many more change notes the ticket may get; `None` when the maximum is reached.
    fn notes_left(&self) -> Option<u32> {
        let max = self
            .policy
            .storms
            .as_ref()
            .map_or(u32::MAX, |it| it.notes_max);
        max.checked_sub(self.link.note_count)
            .filter(|left| *left > 0)
    }

    /// The summary note of the group, now or when it is due.
    fn summary_note(&self) -> (Option<Step>, Option<Step>) {
        let refused = self
            .link
            .is_suppressed(WriteKind::AddNote, self.policy, self.now);
        let lead = self
            .link
            .leader_state()
            .filter(|lead| lead.has_unreported() && !refused);
        let (Some(lead), Some(left)) = (lead, self.notes_left()) else {
            return (None, None);
        };
        let due = lead.summary_due_at(&self.policy.storms.clone().unwrap_or_default());
        if due > self.now {
            (None, Some(Step::Wait(due)))
        } else {
            (
                Some(Step::AddSummaryNote(render::summary_note_html(lead, left))),
                None,
            )
        }
    }

    /// The status that Liongard's new status maps to, unless a person has set another status than
    /// the one its previous status maps to.
    fn wanted_status(&self) -> Option<StatusId> {
        let statuses = &self.template.statuses;
        let mapped = |slug| statuses.by_slug.get(slug).copied();
        let former = mapped(&self.base.alert_status).unwrap_or(statuses.open);
        let follows = self.ticket.status == former;
        let changed = self.alert.status != self.base.alert_status;
        mapped(&self.alert.status)
            .filter(|status| changed && follows && *status != self.ticket.status)
    }

    /// The priority that Liongard's new priority maps to, unless a person has set another priority
    /// than the one its previous priority maps to.
    fn wanted_priority(&self) -> Option<PriorityId> {
        let mapped = |slug| self.template.priorities.of(slug);
        let follows = self.ticket.priority == mapped(&self.base.alert_priority);
        let changed = self.alert.priority != self.base.alert_priority;
        mapped(&self.alert.priority)
            .filter(|priority| changed && follows && Some(*priority) != self.ticket.priority)
    }
}
