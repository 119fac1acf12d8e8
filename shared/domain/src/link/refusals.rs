//! Writes that HaloPSA refused, and for how long they are not repeated.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::plan::{Step, plan};
use crate::policy::Policy;
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

impl Link {
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

    /// Whether `write` was refused before with this message.
    #[must_use]
    pub fn has_refusal(&self, write: WriteKind, message: &str) -> bool {
        let mut refused = self.refused.iter();
        refused.any(|refused| refused.write == write && refused.message == message)
    }

    /// Records a refusal, which replaces the former one of the same kind.
    pub fn record_refusal(&mut self, refused: RefusedWrite) {
        self.clear_refusal(refused.write);
        self.refused.push(refused);
    }

    /// Forgets that `write` was refused: HaloPSA has accepted it.
    pub fn clear_refusal(&mut self, write: WriteKind) {
        self.refused.retain(|refused| refused.write != write);
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
