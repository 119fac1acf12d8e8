//! What the parts of a sync cycle led to.

use crate::ports::ErrorCode;

/// A part of a sync cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncTask {
    /// Reading HaloPSA's changed tickets.
    Sweep,
    /// Reading Liongard's alerts.
    Poll,
    /// Queuing inspector runs whose message was lost.
    Runs,
    /// Queuing the pairs that a changed policy releases.
    Policy,
    /// Discarding the dead letters of pairs that are in sync.
    DeadLetters,
    /// Deleting what is older than its age.
    Prune,
}

impl SyncTask {
    /// The word in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Poll => "poll",
            Self::Runs => "runs",
            Self::Policy => "policy",
            Self::DeadLetters => "dead_letters",
            Self::Prune => "prune",
        }
    }
}

/// How a part of a sync cycle ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskEnd {
    /// It did everything; holds the number of messages queued.
    Complete(usize),
    /// It left the rest to the next cycle; holds the number of messages queued.
    Partial(usize),
    /// It was not due, so it says nothing about how old the known state is.
    Skipped,
    /// An operator has paused it.
    Paused,
    /// It failed; holds what went wrong.
    Failed(ErrorCode),
}

impl TaskEnd {
    /// The word in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete(_) => "complete",
            Self::Partial(_) => "partial",
            Self::Skipped => "skipped",
            Self::Paused => "paused",
            Self::Failed(_) => "failed",
        }
    }

    /// The number of messages queued.
    #[must_use]
    pub const fn queued(self) -> usize {
        match self {
            Self::Complete(queued) | Self::Partial(queued) => queued,
            Self::Skipped | Self::Paused | Self::Failed(_) => 0,
        }
    }

    /// Whether everything was read, so that the known state is as new as the task.
    #[must_use]
    pub const fn is_complete(self) -> bool {
        match self {
            Self::Complete(_) => true,
            Self::Partial(_) | Self::Skipped | Self::Paused | Self::Failed(_) => false,
        }
    }
}

/// How a sweep ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SweepOutcome {
    /// Every change was listed.
    Swept,
    /// Tickets that carry our key were searched for, because the store is new.
    InitialSweep,
    /// A long range is left until it has settled.
    Deferred,
    /// Another sweep saved first and continues.
    Superseded,
}

impl SweepOutcome {
    /// The word in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Swept => "swept",
            Self::InitialSweep => "initial_sweep",
            Self::Deferred => "deferred",
            Self::Superseded => "superseded",
        }
    }

    /// How the part of the cycle ended that queued this many messages.
    pub(crate) const fn ended(self, queued: usize) -> TaskEnd {
        match self {
            Self::Swept | Self::InitialSweep => TaskEnd::Complete(queued),
            Self::Deferred | Self::Superseded => TaskEnd::Partial(queued),
        }
    }
}
