//! The request budget of one invocation: no permit for a request that might outlast it.

use halogard_app::budget::SharedBudget;
use halogard_app::ports::{BudgetError, Clock, Permit, PermitOutcome, Records, RequestBudget};

use crate::deadline::Deadline;

/// The shared budget with the priority of the current lane, which gives no permit when too little time is
/// left. A reconciliation without a permit ends as when the budget is exhausted, and its message is
/// deferred without counting as a failure.
pub struct DeadlineAwareBudget<S, C> {
    budget: SharedBudget<S, C>,
    deadline: Deadline,
    clock: C,
}

impl<S, C> DeadlineAwareBudget<S, C> {
    /// `budget`, as long as `deadline` allows a call.
    pub const fn new(budget: SharedBudget<S, C>, deadline: Deadline, clock: C) -> Self {
        Self {
            budget,
            deadline,
            clock,
        }
    }
}

impl<S: Records, C: Clock> DeadlineAwareBudget<S, C> {
    /// The budget with the current priority, if a call may still start.
    fn in_time(&self) -> Result<SharedBudget<S, C>, BudgetError> {
        let now = self.clock.now();
        if self.deadline.allows_call(now) {
            return Ok(self.budget.with_priority(self.deadline.priority()));
        }
        // At once: the next invocation has enough time.
        Err(BudgetError::Exhausted { until: now })
    }
}

impl<S: Records, C: Clock> RequestBudget for DeadlineAwareBudget<S, C> {
    async fn take(&self) -> Result<Permit, BudgetError> {
        self.in_time()?.take().await
    }

    async fn take_to_begin(&self) -> Result<Permit, BudgetError> {
        self.in_time()?.take_to_begin().await
    }

    async fn settle(&self, permit: Permit, outcome: PermitOutcome) -> Result<(), BudgetError> {
        self.budget.settle(permit, outcome).await
    }
}
