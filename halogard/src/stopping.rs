//! The end of the process: no further request to HaloPSA begins, and those under way end.

use std::sync::Arc;

use halogard_app::ports::{BudgetError, Clock, Permit, PermitOutcome, RequestBudget};
use tokio::sync::watch;

/// Says once that the process is to end. Clones say the same.
#[derive(Clone)]
pub struct StopSwitch(Arc<watch::Sender<bool>>);

impl Default for StopSwitch {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl StopSwitch {
    /// The process is to end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether it is to end.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes when the process is to end.
    pub async fn stopped(&self) {
        let mut seen = self.0.subscribe();
        // The sender lives as long as this switch.
        seen.wait_for(|stop| *stop)
            .await
            .map(drop)
            .unwrap_or_default();
    }
}

/// A budget that grants no permit once the process is to end. A caller that waits for one is denied it at once: its
/// message goes back to the queue, and the next process finds it there.
pub struct StoppableBudget<B, C> {
    budget: B,
    clock: C,
    switch: StopSwitch,
}

impl<B, C> StoppableBudget<B, C> {
    /// Grants permits of `budget` until `switch` stops the process.
    pub const fn new(budget: B, clock: C, switch: StopSwitch) -> Self {
        Self {
            budget,
            clock,
            switch,
        }
    }
}

impl<B: RequestBudget, C: Clock> StoppableBudget<B, C> {
    /// What `take` gets, unless the process is to end first.
    async fn until_stopped(
        &self,
        take: impl Future<Output = Result<Permit, BudgetError>>,
    ) -> Result<Permit, BudgetError> {
        tokio::select! {
            biased;
            () = self.switch.stopped() => Err(BudgetError::Exhausted {
                until: self.clock.now(),
            }),
            taken = take => taken,
        }
    }
}

impl<B: RequestBudget, C: Clock> RequestBudget for StoppableBudget<B, C> {
    async fn take(&self) -> Result<Permit, BudgetError> {
        self.until_stopped(self.budget.take()).await
    }

    async fn take_to_begin(&self) -> Result<Permit, BudgetError> {
        self.until_stopped(self.budget.take_to_begin()).await
    }

    async fn settle(&self, permit: Permit, outcome: PermitOutcome) -> Result<(), BudgetError> {
        self.budget.settle(permit, outcome).await
    }
}
