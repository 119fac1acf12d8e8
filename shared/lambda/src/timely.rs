//! The request budget of one invocation: no permit when its request might outlast the invocation.

use halogard_app::budget::SharedBudget;
use halogard_app::ports::{BudgetError, Clock, LedgerStore, Permit, RequestBudget, Seen};

use crate::watch::Watch;

/// The shared budget, which gives no permit when too little time is left, and asks in the name of
/// the lane that is being worked off. A look without a permit breaks off as it does when the budget
/// is spent, and its message goes back to the queue without counting as a failure.
pub struct TimelyBudget<S, C> {
    budget: SharedBudget<S, C>,
    watch: Watch,
    clock: C,
}

impl<S, C> TimelyBudget<S, C> {
    /// `budget`, as long as `watch` allows a call.
    pub const fn new(budget: SharedBudget<S, C>, watch: Watch, clock: C) -> Self {
        Self {
            budget,
            watch,
            clock,
        }
    }
}

impl<S: LedgerStore, C: Clock> RequestBudget for TimelyBudget<S, C> {
    async fn take(&self) -> Result<Permit, BudgetError> {
        let now = self.clock.now();
        if !self.watch.allows_a_call(now) {
            // At once: the next invocation has time enough.
            return Err(BudgetError::Spent { until: now });
        }
        self.budget.for_share(self.watch.share()).take().await
    }

    async fn settle(&self, permit: Permit, seen: Seen) -> Result<(), BudgetError> {
        self.budget.settle(permit, seen).await
    }
}
