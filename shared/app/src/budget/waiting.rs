//! A budget that waits for a moment rather than say no.

use std::future::Future;
use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::budget::Limit;

use crate::ports::{BudgetError, Clock, Permit, PermitOutcome, RequestBudget};

/// A way to let time pass.
pub trait Sleep: Send + Sync {
    /// Waits for `pause`.
    fn sleep(&self, pause: Duration) -> impl Future<Output = ()> + Send;
}

/// A budget whose holder waits when a permit is near.
///
/// Under a backlog permits come one by one, less than a second apart. A look at a pair takes a few
/// requests; to break it off for a second, and to begin it again, would cost more requests than it
/// saves time. What is further away than the max_wait goes is denied as before: nobody sleeps for it.
#[derive(Clone, Debug)]
pub struct WaitingBudget<B, C, W> {
    budget: B,
    clock: C,
    sleep: W,
    max_wait: Duration,
}

impl<B, C, W> WaitingBudget<B, C, W> {
    /// How long is waited at most, unless told otherwise: for what is leased, not for what is
    /// denied.
    pub const MAX_WAIT: Duration = Limit::LEASE_AHEAD;

    /// Waits by `wait` for permits of `budget` that are no further away than `max_wait`.
    pub fn new(budget: B, clock: C, sleep: W, max_wait: Duration) -> Self {
        Self {
            budget,
            clock,
            sleep,
            max_wait,
        }
    }
}

impl<B: RequestBudget, C: Clock, W: Sleep> RequestBudget for WaitingBudget<B, C, W> {
    async fn take(&self) -> Result<Permit, BudgetError> {
        let give_up = self.clock.now().plus(self.max_wait);
        loop {
            match self.budget.take().await {
                Err(BudgetError::Exhausted { until }) if until <= give_up => {
                    self.wait_until(until).await;
                }
                other => return other,
            }
        }
    }

    async fn settle(&self, permit: Permit, outcome: PermitOutcome) -> Result<(), BudgetError> {
        self.budget.settle(permit, outcome).await
    }
}

impl<B: RequestBudget, C: Clock, W: Sleep> WaitingBudget<B, C, W> {
    /// Waits until `until`, and a moment at least: a loop that does not wait is none.
    async fn wait_until(&self, until: Timestamp) {
        let pause = until.since(self.clock.now());
        self.sleep.sleep(pause.max(Duration::from_millis(1))).await;
    }
}
