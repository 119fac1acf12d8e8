//! The right to send one request to HaloPSA.

use std::future::Future;
use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::budget::Ledger;

use super::{PortError, Revision, Stored};

/// Hands out the requests that HaloPSA allows in a rolling window, to everybody who asks.
pub trait RequestBudget: Send + Sync {
    /// Takes the right to send one request now.
    ///
    /// # Errors
    ///
    /// [`BudgetError::Exhausted`] says when to come back; nothing was taken.
    fn take(&self) -> impl Future<Output = Result<Permit, BudgetError>> + Send;

    /// Reports what became of the permitted request, just now.
    ///
    /// The permit may be used again one window after this moment. A permit that is never settled,
    /// because its holder died, frees itself later. From a refusal the budget learns that less is
    /// allowed than it thought.
    ///
    /// # Errors
    ///
    /// The store failed, and nobody else knows yet; what was reported is kept and told with the
    /// next lease.
    fn settle(
        &self,
        permit: Permit,
        outcome: PermitOutcome,
    ) -> impl Future<Output = Result<(), BudgetError>> + Send;
}

impl<B: RequestBudget> RequestBudget for std::sync::Arc<B> {
    fn take(&self) -> impl Future<Output = Result<Permit, BudgetError>> + Send {
        (**self).take()
    }

    fn settle(
        &self,
        permit: Permit,
        outcome: PermitOutcome,
    ) -> impl Future<Output = Result<(), BudgetError>> + Send {
        (**self).settle(permit, outcome)
    }
}

/// What became of a permitted request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermitOutcome {
    /// It was answered, or given up on; not refused for being one too many.
    Completed,
    /// It was one too many (429).
    RateLimited {
        /// How long the answer asked us to stay away, if it said.
        retry_after: Option<Duration>,
    },
}

/// The right to send one request. Not `Clone`: one permit, one request.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    /// Which slot of the window this is.
    pub slot: u64,
}

/// Why no request may be sent now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// Every slot of the window is in use until `until`.
    #[error("the request budget is spent until {until}")]
    Exhausted {
        /// When the next slot frees.
        until: Timestamp,
    },
    /// The store behind the budget failed; nothing may be sent unaccounted.
    #[error("the store of the request budget failed: {reason}")]
    Store {
        /// What the store said, without any secret.
        reason: String,
    },
}

/// Keeps the ledger of the request budget that every instance shares.
pub trait LedgerStore: Send + Sync {
    /// The ledger; an empty one at revision 0 when there is none yet.
    fn load_ledger(&self) -> impl Future<Output = Result<Stored<Ledger>, PortError>> + Send;

    /// Puts `ledger` in the place of the one read at `revision`, unless somebody else was faster.
    fn swap_ledger(
        &self,
        ledger: &Ledger,
        revision: Revision,
    ) -> impl Future<Output = Result<Swap, PortError>> + Send;
}

/// What became of a swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swap {
    /// It is stored, at this revision.
    Stored(Revision),
    /// Somebody else was faster; this is stored instead.
    Conflict(Stored<Ledger>),
}
