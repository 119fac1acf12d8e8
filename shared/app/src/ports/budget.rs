//! Permits to send requests to HaloPSA.

use std::future::Future;

use halogard_domain::Timestamp;
use halogard_domain::budget::RateRefusal;

/// Grants permits for the requests that HaloPSA allows in a rolling window.
pub trait RequestBudget: Send + Sync {
    /// Takes a permit to send one request now.
    ///
    /// # Errors
    ///
    /// [`BudgetError::Exhausted`] says when to retry; nothing was taken.
    fn take(&self) -> impl Future<Output = Result<Permit, BudgetError>> + Send;

    /// Takes a permit to send one request now that only begins work. Some permits are not granted to it:
    /// they are left to requests that finish work that has begun.
    ///
    /// # Errors
    ///
    /// [`BudgetError::Reserved`] says when to retry; nothing was taken.
    fn take_to_begin(&self) -> impl Future<Output = Result<Permit, BudgetError>> + Send;

    /// Reports the outcome of the permitted request, as of now.
    ///
    /// The permit's slot is free again one window after this moment. The slot of a permit that is never
    /// settled, because its process died, frees itself later. From a refusal the budget learns that less
    /// is allowed than it assumed.
    ///
    /// # Errors
    ///
    /// The store failed; the outcome is reported with the next lease.
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

    fn take_to_begin(&self) -> impl Future<Output = Result<Permit, BudgetError>> + Send {
        (**self).take_to_begin()
    }

    fn settle(
        &self,
        permit: Permit,
        outcome: PermitOutcome,
    ) -> impl Future<Output = Result<(), BudgetError>> + Send {
        (**self).settle(permit, outcome)
    }
}

/// The outcome of a permitted request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermitOutcome {
    /// It was answered or abandoned, and not refused for exceeding the limit.
    Completed,
    /// It exceeded the limit (429).
    RateLimited(RateRefusal),
}

/// Allows one request. Not `Clone`: one permit, one request.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    /// The slot of the window.
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
    /// Every slot of the window that may be used to begin work is in use until `until`.
    #[error("the rest of the request budget is reserved for work in progress until {until}")]
    Reserved {
        /// When it is worth a retry. Each caller is given a later time than the one before.
        until: Timestamp,
    },
    /// The store behind the budget failed; nothing may be sent unaccounted.
    #[error("the store of the request budget failed: {reason}")]
    Store {
        /// The store's message, without any secret.
        reason: String,
    },
}
