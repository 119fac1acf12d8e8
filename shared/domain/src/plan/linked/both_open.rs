//! Alert and ticket are open: fields and notes of the ticket follow the alert.

use super::Pair;
use crate::ids::{PriorityId, StatusId};
use crate::link::{Base, NamedFields, WriteKind};
use crate::plan::Step;
use crate::policy::Mode;
use crate::render;
use crate::ticket::TicketChange;

impl Pair<'_> {
    /// Both are open: Liongard's changes are written to the ticket, unless a person changed the
    /// same field.
    pub(super) fn both_open(&self) -> Vec<Step> {
        if self.policy.mode == Mode::Native {
            return self.set_base(self.seen_with_alert());
        }
        let mut base = self.seen_with_alert();
        let mut steps = Vec::new();
        // Its fields are the other alerts' too, if there are some. The note says what changed.
        if self.link.co_owners.is_none() {
            steps.extend(self.field_change(&mut base).map(Step::SetFields));
        }
        steps.extend(self.change_note(&mut base));
        let (summary, wait) = self.summary_note();
        steps.extend(summary);
        steps.extend(self.set_base(base));
        steps.extend(wait);
        steps
    }

    /// The change of fields that is made now, if one is wanted. `base` keeps what cannot be written now.
    fn field_change(&self, base: &mut Base) -> Option<TicketChange> {
        let (status, priority) = (self.wanted_status(), self.wanted_priority());
        let wanted = NamedFields {
            status: status.is_some(),
            priority: priority.is_some(),
        };
        let written = self.link.unsuppressed(wanted, self.policy, self.now);
        if wanted.status && !written.status {
            base.alert_status = self.base.alert_status.clone();
        }
        if wanted.priority && !written.priority {
            base.alert_priority = self.base.alert_priority.clone();
        }
        let change = TicketChange {
            status: status.filter(|_| written.status),
            priority: priority.filter(|_| written.priority),
            ..TicketChange::of(self.ticket)
        };
        base.ticket_status = change.status.unwrap_or(self.ticket.status);
        base.ticket_priority = change.priority.or(self.ticket.priority);
        (written != NamedFields::NONE).then_some(change)
    }

    /// The note about a change of the alert, if it has one to report. `base` keeps what cannot be
    /// reported now.
    pub(super) fn change_note(&self, base: &mut Base) -> Option<Step> {
        let is_shared = self.link.co_owners.is_some();
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
        let co_owners = self.link.co_owners.as_ref();
        let others_open = co_owners.is_some_and(|co_owners| !co_owners.open.is_empty());
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
    pub(super) fn wanted_status(&self) -> Option<StatusId> {
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
    pub(super) fn wanted_priority(&self) -> Option<PriorityId> {
        let mapped = |slug| self.template.priorities.of(slug);
        let follows = self.ticket.priority == mapped(&self.base.alert_priority);
        let changed = self.alert.priority != self.base.alert_priority;
        mapped(&self.alert.priority)
            .filter(|priority| changed && follows && Some(*priority) != self.ticket.priority)
    }
}
