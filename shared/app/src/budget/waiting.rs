//! A budget that waits for a permit that is near, instead of denying it.

use std::future::Future;
use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::budget::Limit;

use crate::ports::{BudgetError, Clock, Permit, PermitOutcome, RequestBudget};

/// A way to sleep: by the machine's clock or by a test's.
pub trait Sleep: Send + Sync {
    /// Sleeps for `pause`.
    fn sleep(&self, pause: Duration) -> impl Future<Output = ()> + Send;
}

/// A budget whose caller waits when a permit is near.
///
/// Under a backlog permits become free one by one, less than a second apart. One reconciliation takes a
/// few requests: aborting it for a second and starting it again would cost more requests than it saves
/// time. A permit further away than `max_wait` is denied, and nothing sleeps for it.
#[derive(Clone, Debug)]
pub struct WaitingBudget<B, C, W> {
    budget: B,
    clock: C,
    sleep: W,
    max_wait: Duration,
}

impl<B, C, W> WaitingBudget<B, C, W> {
    /// The default for the longest wait: long enough for a leased permit, not for a denied one.
    pub const MAX_WAIT: Duration = Limit::LEASE_AHEAD;

    /// Waits with `sleep` for permits of `budget` that are no further away than `max_wait`.
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
        self.wait_for(|| self.budget.take()).await
    }

    async fn take_to_begin(&self) -> Result<Permit, BudgetError> {
        self.wait_for(|| self.budget.take_to_begin()).await
    }

    async fn settle(&self, permit: Permit, outcome: PermitOutcome) -> Result<(), BudgetError> {
        self.budget.settle(permit, outcome).await
    }
}

impl<B: RequestBudget, C: Clock, W: Sleep> WaitingBudget<B, C, W> {
    /// The permit that `take` gets, as soon as there is one.
    async fn wait_for<F>(&self, take: impl Fn() -> F) -> Result<Permit, BudgetError>
    where
        F: Future<Output = Result<Permit, BudgetError>>,
    {
        let give_up = self.clock.now().plus(self.max_wait);
        loop {
            match take().await {
                Err(BudgetError::Exhausted { until } | BudgetError::Reserved { until })
                    if until <= give_up =>
                {
                    self.wait_until(until).await;
                }
                other => return other,
            }
        }
    }

    /// Waits until `until`, and for at least a millisecond, so that the loop never spins.
    async fn wait_until(&self, until: Timestamp) {
        let pause = until.since(self.clock.now());
        self.sleep.sleep(pause.max(Duration::from_millis(1))).await;
    }
}
