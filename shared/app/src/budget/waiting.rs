//! A budget that waits for a permit that is near, instead of denying it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::budget::Limit;

use crate::ports::{BudgetError, Clock, Permit, PermitOutcome, RequestBudget};

/// How long a worker's request that finishes work waits for its permit: longer than the shortest window that HaloPSA
/// is said to count in, a minute. A reconciliation that waits so long still ends within the time for which its message
/// is hidden.
pub const FINISH_WAIT_MAX: Duration = Duration::from_secs(90);

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
///
/// Work that has begun may wait longer, because what it has read would be read again for the next attempt
/// ([`finishing_within`](Self::finishing_within)); and while it waits, no other work begins. Under a limit that is always
/// spent, work of several requests would otherwise never finish: every permit that becomes free would go to
/// work that begins.
#[derive(Clone, Debug)]
pub struct WaitingBudget<B, C, W> {
    budget: B,
    clock: C,
    sleep: W,
    max_wait: Duration,
    finish_wait: Duration,
    /// How many requests that finish work wait for a permit.
    finishing: Arc<AtomicUsize>,
}

impl<B, C, W> WaitingBudget<B, C, W> {
    /// The default for the longest wait: long enough for a leased permit, not for a denied one.
    pub const MAX_WAIT: Duration = Limit::LEASE_AHEAD;

    /// How soon a request that begins work asks again while others wait to finish theirs.
    const BEGIN_AGAIN: Duration = Duration::from_secs(1);

    /// Waits with `sleep` for permits of `budget` that are no further away than `max_wait`.
    pub fn new(budget: B, clock: C, sleep: W, max_wait: Duration) -> Self {
        Self {
            budget,
            clock,
            sleep,
            max_wait,
            finish_wait: max_wait,
            finishing: Arc::default(),
        }
    }

    /// The same, where a request that finishes work waits up to `finish_wait`: for workers. A person at a terminal
    /// prefers an answer that says that the budget is spent.
    #[must_use]
    pub fn finishing_within(self, finish_wait: Duration) -> Self {
        Self {
            finish_wait: finish_wait.max(self.max_wait),
            ..self
        }
    }
}

impl<B: RequestBudget, C: Clock, W: Sleep> RequestBudget for WaitingBudget<B, C, W> {
    async fn take(&self) -> Result<Permit, BudgetError> {
        let first = self.budget.take().await;
        let Err(BudgetError::Exhausted { .. } | BudgetError::Reserved { .. }) = first else {
            return first;
        };
        let _waiting = Waiting::begin(&self.finishing);
        self.wait_for(self.finish_wait, || self.budget.take()).await
    }

    async fn take_to_begin(&self) -> Result<Permit, BudgetError> {
        let take = || async {
            if self.finishing.load(Ordering::Relaxed) > 0 {
                let until = self.clock.now().plus(Self::BEGIN_AGAIN);
                return Err(BudgetError::Reserved { until });
            }
            self.budget.take_to_begin().await
        };
        self.wait_for(self.max_wait, take).await
    }

    async fn settle(&self, permit: Permit, outcome: PermitOutcome) -> Result<(), BudgetError> {
        self.budget.settle(permit, outcome).await
    }
}

impl<B: RequestBudget, C: Clock, W: Sleep> WaitingBudget<B, C, W> {
    /// The permit that `take` gets, as soon as there is one within `max_wait`.
    async fn wait_for<F>(
        &self,
        max_wait: Duration,
        take: impl Fn() -> F,
    ) -> Result<Permit, BudgetError>
    where
        F: Future<Output = Result<Permit, BudgetError>>,
    {
        let give_up = self.clock.now().plus(max_wait);
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

/// One request that waits to finish work.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
