//! A change that Halogard makes to a ticket.

use serde::{Deserialize, Serialize};

use super::{Existence, Ticket};
use crate::ids::{PriorityId, StatusId, TechnicianId, TicketId};
use crate::link::WRITE_AGE_MAX;
use crate::time::Timestamp;

/// A change of a ticket. It names what changes and nothing else: everything that it does not name stays
/// as the people who work on the ticket left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketChange {
    /// The ticket.
    pub id: TicketId,
    /// The new status.
    pub status: Option<StatusId>,
    /// The new priority.
    pub priority: Option<PriorityId>,
    /// The technician it is assigned to.
    pub technician: Option<TechnicianId>,
    /// The note about the closure.
    pub closure_note: Option<String>,
    /// The state for which the change was planned. The change is not made to a ticket that is read in
    /// another state.
    pub premise: Premise,
}

/// The state of a ticket for which a change was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Premise {
    /// The status.
    pub status: StatusId,
    /// The priority, if HaloPSA reported one.
    pub priority: Option<PriorityId>,
    /// Whether a technician is assigned, if HaloPSA reported that.
    pub assigned: Option<bool>,
    /// When the ticket had last changed (HaloPSA's clock), if HaloPSA said that.
    pub changed_at: Option<Timestamp>,
    /// Until when it is known to have been so (our clock).
    pub as_of: Timestamp,
}

impl Premise {
    /// The state of `ticket` when it was observed.
    #[must_use]
    pub fn of(ticket: &Ticket) -> Self {
        Self {
            status: ticket.status,
            priority: ticket.priority,
            assigned: ticket.assigned,
            changed_at: ticket.is_dated.then_some(ticket.changed_at),
            as_of: ticket.observed_at,
        }
    }

    /// Whether `ticket` is still in this state, and has not changed since in any other way.
    #[must_use]
    pub fn holds_for(&self, ticket: &Ticket) -> bool {
        let now = Self::of(ticket);
        let same_assignment = match (self.assigned, now.assigned) {
            (Some(known), Some(shown)) => known == shown,
            _ => true,
        };
        let times = self.changed_at.zip(now.changed_at);
        let has_changed = times.is_some_and(|(known, shown)| shown > known);
        ticket.existence == Existence::Present
            && (self.status, self.priority) == (now.status, now.priority)
            && same_assignment
            && !has_changed
    }

    /// The last moment before which a change may be sent that was planned for this state. A person may have changed
    /// the ticket since, so later it is read again first.
    #[must_use]
    pub fn send_before(&self) -> Timestamp {
        self.as_of.plus(WRITE_AGE_MAX)
    }
}

impl TicketChange {
    /// A change of `ticket` that changes nothing.
    #[must_use]
    pub fn of(ticket: &Ticket) -> Self {
        Self {
            id: ticket.id,
            status: None,
            priority: None,
            technician: None,
            closure_note: None,
            premise: Premise::of(ticket),
        }
    }

    /// Whether the change may be made to the ticket that is now as `current` shows: it is still as the plan has it, or
    /// as the change would make it, which an earlier request of the same change may have done.
    #[must_use]
    pub fn fits(&self, current: &Ticket) -> bool {
        let is_status_set = self.status.is_some_and(|asked| asked == current.status);
        let has_status =
            is_status_set || (self.status.is_none() && current.status == self.premise.status);
        let has_priority = self
            .priority
            .is_none_or(|asked| Some(asked) == current.priority);
        let is_made = current.is_present()
            && has_status
            && has_priority
            && (self.status.is_some() || self.priority.is_some());
        is_made || self.premise.holds_for(current)
    }

    /// The ticket after this change, which HaloPSA accepted without showing it, given what was `read` since. A read
    /// may lag behind a write: a member that it shows as it was before counts as changed, and the ticket then has no
    /// time of its own. A later read shows whether the change was carried out.
    #[must_use]
    pub fn expected_after(&self, mut read: Ticket) -> Ticket {
        if !read.is_present() {
            return read;
        }
        let is_before = read.status == self.premise.status;
        if let Some(asked) = self
            .status
            .filter(|asked| is_before && *asked != read.status)
        {
            read.status = asked;
            read.is_dated = false;
        }
        let is_before = read.priority == self.premise.priority;
        if let Some(asked) = self.priority
            && is_before
            && read.priority != Some(asked)
        {
            read.priority = Some(asked);
            read.is_dated = false;
        }
        read
    }

    /// What `answer`, HaloPSA's answer to this change, shows otherwise than the change asked for, as a
    /// sentence for a person; `None` if it shows what was asked for.
    ///
    /// Status and priority are compared. HaloPSA may clear the assignment as part of a status change.
    #[must_use]
    pub fn contradicted_by(&self, answer: &Ticket) -> Option<String> {
        let shown = answer
            .priority
            .map_or_else(|| "unset".to_owned(), |shown| shown.to_string());
        let status = self.status.filter(|asked| *asked != answer.status);
        let priority = self
            .priority
            .filter(|asked| Some(*asked) != answer.priority);
        let differences: Vec<String> = [
            status.map(|asked| format!("the status stayed {} instead of {asked}", answer.status)),
            priority.map(|asked| format!("the priority stayed {shown} instead of {asked}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!differences.is_empty()).then(|| {
            format!(
                "HaloPSA accepted the change, but {}",
                differences.join(" and ")
            )
        })
    }

    /// Whether `answer` shows values that are neither what this change asked for nor what was there before: someone
    /// else has set them since. A value from before was not changed at all.
    #[must_use]
    pub fn is_overtaken_by(&self, answer: &Ticket) -> bool {
        fn is_other<V: PartialEq>(asked: Option<V>, before: Option<V>, shown: Option<V>) -> bool {
            asked == shown
                || before
                    .zip(shown)
                    .is_some_and(|(before, shown)| before != shown)
        }
        let status = self.status.is_none_or(|asked| {
            is_other(Some(asked), Some(self.premise.status), Some(answer.status))
        });
        let priority = self
            .priority
            .is_none_or(|asked| is_other(Some(asked), self.premise.priority, answer.priority));
        status && priority
    }
}
