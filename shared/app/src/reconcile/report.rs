//! The outcome of one reconciliation, and why one failed.

use halogard_domain::Timestamp;
use halogard_domain::ids::{AlertId, TicketId};

use crate::outcome::Action;
use crate::ports::{ErrorCode, PortError, SaveError};

/// What one reconciliation did, however it ended.
pub(crate) struct Report {
    /// How it ended.
    pub(crate) outcome: Result<PairOutcome, ReconcileError>,
    /// What it did, in order; not empty for some reconciliations that failed.
    pub(crate) actions: Vec<Action>,
    /// The pair afterwards, if it came to one; of several pairs of one ticket the first.
    pub(crate) pair: Option<(AlertId, Option<TicketId>)>,
}

impl From<Result<PairOutcome, ReconcileError>> for Report {
    /// A reconciliation that did nothing.
    fn from(outcome: Result<PairOutcome, ReconcileError>) -> Self {
        Self {
            outcome,
            actions: Vec::new(),
            pair: None,
        }
    }
}

impl Report {
    /// No attempt has succeeded yet.
    pub(super) const fn conflict() -> Self {
        Self {
            outcome: Err(ReconcileError::Conflict),
            actions: Vec::new(),
            pair: None,
        }
    }

    /// Whether another worker's write got in the way.
    pub(super) const fn is_conflict(&self) -> bool {
        matches!(self.outcome, Err(ReconcileError::Conflict))
    }

    /// The outcome of two pairs of one ticket: the one that needs more of the message.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.actions.extend(other.actions);
        let outcome = match (self.outcome, other.outcome) {
            (Err(error), _) | (_, Err(error)) => Err(error),
            (Ok(one), Ok(other)) => Ok(one.and(other)),
        };
        Self {
            outcome,
            actions: self.actions,
            pair: self.pair.or(other.pair),
        }
    }

    /// The outcome of `next`, and what both attempts did.
    pub(super) fn followed_by(mut self, next: Self) -> Self {
        self.actions.extend(next.actions);
        Self {
            outcome: next.outcome,
            actions: self.actions,
            pair: next.pair.or(self.pair),
        }
    }
}

/// How a reconciliation ended that did not fail.
#[derive(Debug)]
pub(crate) enum PairOutcome {
    /// The pair is in sync.
    InSync,
    /// The pair has to wait until this time; not a failure.
    Waiting(Timestamp),
    /// An operator has paused the pair; it is reconciled again at this time.
    Paused(Timestamp),
    /// HaloPSA refused a write for good; why, in its own words.
    Refused(String),
    /// HaloPSA refused a write again, for the same reason as before.
    RefusedAgain,
    /// It concerns no pair of ours.
    NotOurs,
}

impl PairOutcome {
    /// Of the outcomes of two pairs, returns the one that needs more of the message.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Waiting(one), Self::Waiting(other)) => Self::Waiting(one.min(other)),
            (waiting @ Self::Waiting(_), _) | (_, waiting @ Self::Waiting(_)) => waiting,
            (paused @ Self::Paused(_), _) | (_, paused @ Self::Paused(_)) => paused,
            (refused @ Self::Refused(_), _) | (_, refused @ Self::Refused(_)) => refused,
            (Self::RefusedAgain, _) | (_, Self::RefusedAgain) => Self::RefusedAgain,
            (Self::InSync, _) | (_, Self::InSync) => Self::InSync,
            (Self::NotOurs, Self::NotOurs) => Self::NotOurs,
        }
    }
}

/// Why a reconciliation failed. Repeating it later loses nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// A port failed; its class says what may follow.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Another worker kept writing the same record.
    #[error("another worker kept writing this record")]
    Conflict,
    /// After executing the plan several times, planning still finds something to do.
    #[error("the plan for this pair does not converge")]
    Unsettled,
}

impl ReconcileError {
    /// What went wrong, as a stable word.
    pub(crate) const fn code(&self) -> ErrorCode {
        match self {
            Self::Port(error) => error.code,
            Self::Conflict | Self::Unsettled => ErrorCode::PairContended,
        }
    }
}

impl From<SaveError> for ReconcileError {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Conflict => Self::Conflict,
            SaveError::Store(error) => Self::Port(error),
        }
    }
}
