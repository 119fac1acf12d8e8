//! Writes that HaloPSA refused, and for how long they are not repeated.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::plan::{Step, plan};
use crate::policy::Policy;
use crate::ticket::{Ticket, TicketChange};
use crate::time::Timestamp;

use super::Link;

/// How long a refused write is not repeated while nothing that we can see has changed. The cause of
/// most refusals is fixed in HaloPSA, where we cannot see it.
pub const REFUSAL_RETRY_AFTER: Duration = Duration::from_secs(6 * 60 * 60);

/// A write that HaloPSA refused. It is tried again when what led to it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedWrite {
    /// The kind of write.
    pub write: WriteKind,
    /// Of a change of fields: those that were refused.
    #[serde(default)]
    pub fields: NamedFields,
    /// HaloPSA's own message, redacted.
    pub message: String,
    /// Fingerprint of the policy that was in force.
    pub policy_fingerprint: u64,
    /// Change time of the ticket that was to be written, if there was one.
    pub ticket_changed_at: Option<Timestamp>,
    /// When it was refused.
    pub at: Timestamp,
    /// When it is tried again although nothing has changed; `None` where only a change leads to another
    /// attempt.
    pub retry_at: Option<Timestamp>,
    /// How often in a row HaloPSA accepted it without carrying it out.
    pub not_carried_out: u32,
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

/// The fields of a ticket that a change names. A refusal of one holds up no other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedFields {
    /// The status.
    pub status: bool,
    /// The priority.
    pub priority: bool,
}

impl NamedFields {
    /// No field: of a write that is no change of fields.
    pub const NONE: Self = Self {
        status: false,
        priority: false,
    };
    /// The status alone.
    pub const STATUS: Self = Self {
        status: true,
        priority: false,
    };
    /// The priority alone.
    pub const PRIORITY: Self = Self {
        status: false,
        priority: true,
    };
    /// Both.
    pub const BOTH: Self = Self {
        status: true,
        priority: true,
    };

    /// Those that `change` names, as a write of this kind; only a change of fields names some.
    #[must_use]
    pub const fn of(write: WriteKind, change: &TicketChange) -> Self {
        match write {
            WriteKind::SetFields => Self {
                status: change.status.is_some(),
                priority: change.priority.is_some(),
            },
            WriteKind::Open | WriteKind::AddNote | WriteKind::Close | WriteKind::Reopen => {
                Self::NONE
            }
        }
    }

    /// Those of [`of`](Self::of) that `ticket` does not show as `change` asked for.
    #[must_use]
    pub fn missing_in(ticket: &Ticket, write: WriteKind, change: &TicketChange) -> Self {
        let named = Self::of(write, change);
        Self {
            status: named.status && change.status != Some(ticket.status),
            priority: named.priority
                && ticket.priority.is_some()
                && change.priority != ticket.priority,
        }
    }

    /// Whether a field is in both.
    const fn overlap(self, other: Self) -> bool {
        (self.status && other.status) || (self.priority && other.priority)
    }
}

impl RefusedWrite {
    /// Whether it is of this kind and concerns one of `fields`, if it concerns some.
    pub(super) fn concerns(&self, write: WriteKind, fields: NamedFields) -> bool {
        let is_of_all = self.fields == NamedFields::NONE || fields == NamedFields::NONE;
        self.write == write && (is_of_all || self.fields.overlap(fields))
    }

    /// Whether it says the same as `message`, whatever times, numbers and ids either of them names.
    fn says(&self, message: &str) -> bool {
        let words = |text: &str| -> Vec<String> {
            let words = text.split_whitespace();
            let words = words.filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
            words.map(str::to_owned).collect()
        };
        words(&self.message) == words(message)
    }
}

impl Link {
    /// Whether `write` was refused recently and nothing that led to the refusal has changed since.
    #[must_use]
    pub fn is_suppressed(&self, write: WriteKind, policy: &Policy, now: Timestamp) -> bool {
        let refused = self.refused.iter().find(|refused| refused.write == write);
        refused.is_some_and(|refused| self.is_in_force(refused, policy, now))
    }

    /// Those of the `wanted` fields that are written now. What was refused waits; fields that were refused
    /// together are written one by one, because one of them may be what HaloPSA accepts.
    #[must_use]
    pub fn unsuppressed(
        &self,
        wanted: NamedFields,
        policy: &Policy,
        now: Timestamp,
    ) -> NamedFields {
        let is_refused = |fields: NamedFields| {
            let mut refused = self.refused.iter();
            refused.any(|it| {
                let is_meant = it.fields == fields || it.fields == NamedFields::NONE;
                it.write == WriteKind::SetFields && is_meant && self.is_in_force(it, policy, now)
            })
        };
        let left = NamedFields {
            status: wanted.status && !is_refused(NamedFields::STATUS),
            priority: wanted.priority && !is_refused(NamedFields::PRIORITY),
        };
        if left == NamedFields::BOTH && is_refused(NamedFields::BOTH) {
            NamedFields::PRIORITY
        } else {
            left
        }
    }

    /// Whether any write is [suppressed](Self::is_suppressed).
    #[must_use]
    pub fn has_suppressed_write(&self, policy: &Policy, now: Timestamp) -> bool {
        let mut refused = self.refused.iter();
        refused.any(|refused| self.is_in_force(refused, policy, now))
    }

    fn is_in_force(&self, refused: &RefusedWrite, policy: &Policy, now: Timestamp) -> bool {
        // A time in the future was written under a wrong clock.
        refused.at.believed_at(now) == refused.at
            && refused.retry_at.is_none_or(|retry_at| now < retry_at)
            && refused.policy_fingerprint == policy.fingerprint()
            && refused.ticket_changed_at
                == self.observed_ticket.as_ref().map(|seen| seen.changed_at)
    }

    /// Whether a write was refused so long ago that it is tried once more: the cause may have been fixed
    /// in HaloPSA.
    #[must_use]
    pub fn has_refusal_to_retry(&self, now: Timestamp) -> bool {
        let is_due = |refused: &RefusedWrite| refused.retry_at.is_some_and(|at| at <= now);
        self.refused.iter().any(is_due)
    }

    /// Whether `write`, which names `fields`, was refused before with this message.
    #[must_use]
    pub fn has_refusal(&self, write: WriteKind, fields: NamedFields, message: &str) -> bool {
        let mut refused = self.refused.iter();
        refused.any(|refused| refused.concerns(write, fields) && refused.says(message))
    }

    /// Records a refusal, which replaces the former one of the same write.
    pub fn record_refusal(&mut self, refused: RefusedWrite) {
        self.refused
            .retain(|it| (it.write, it.fields) != (refused.write, refused.fields));
        self.refused.push(refused);
    }

    /// Forgets that `write`, which names `fields`, was refused: HaloPSA has accepted it.
    pub fn clear_refusal(&mut self, write: WriteKind, fields: NamedFields) {
        self.refused
            .retain(|refused| !refused.concerns(write, fields));
    }

    /// Forgets refusals that suppress nothing any more. To be called when no step is missing. Without them a refused
    /// write that is still wanted is a step; if there is none, the writes are no longer wanted: what they were about
    /// is gone, or is as it was to be.
    pub fn drop_lapsed_refusals(&mut self, policy: &Policy, now: Timestamp) {
        let mut refused = std::mem::take(&mut self.refused);
        refused.retain(|refused| self.is_in_force(refused, policy, now));
        if refused.is_empty() {
            return;
        }
        let (alert, ticket) = (self.observed_alert.as_ref(), self.observed_ticket.as_ref());
        let steps = plan(self, alert, ticket, policy, now);
        if steps.iter().any(|step| !matches!(step, Step::SetBase(_))) {
            self.refused = refused;
        }
    }
}
