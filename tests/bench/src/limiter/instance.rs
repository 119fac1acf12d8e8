//! One instance from start to end: the permits it requests, and when.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use halogard_app::budget::SharedBudget;
use halogard_app::ports::{BudgetError, Clock as _, Permit, PermitOutcome, RequestBudget as _};
use halogard_domain::Timestamp;
use halogard_domain::budget::{Limit, Priority};

use super::sim::{SkewedClock, World};
use super::store::SimStore;

/// The budget as the bundle has it, over the simulated store.
pub type Budget = SharedBudget<SimStore, SkewedClock>;

/// Calls in flight at once, per instance.
const IN_FLIGHT_MAX: usize = 4;

/// The longest that an instance waits for a permit. For a longer wait it ends its invocation and returns its permits, as a
/// Lambda function does.
const INVOCATION_PAUSE: Duration = Limit::LEASE_AHEAD;

/// A permit that was taken just now, for the run to send.
pub struct Ready {
    pub instance: usize,
    pub life: u64,
    pub permit: Permit,
    pub bulk: bool,
}

/// State that the tasks of all instances share with the run.
pub struct Shared {
    pub world: Arc<World>,
    pub outbox: Mutex<Vec<Ready>>,
    /// Bulk requests that wait; negative for any number.
    pub left: AtomicI64,
    /// How long urgent changes waited.
    pub waits: Mutex<Vec<i64>>,
}

/// An instance from one start to its end.
#[derive(Clone)]
pub struct Instance {
    pub shared: Arc<Shared>,
    pub instance: usize,
    pub life: u64,
    pub clock: SkewedClock,
    pub budget: Budget,
    pub in_flight: Arc<AtomicUsize>,
}

impl Instance {
    fn hand_out(&self, permit: Permit, bulk: bool) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let ready = Ready {
            instance: self.instance,
            life: self.life,
            permit,
            bulk,
        };
        self.shared
            .outbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(ready);
    }

    /// Waits until fewer than `max` calls are in flight.
    async fn fewer_than(&self, max: usize) {
        std::future::poll_fn(|_| {
            if self.in_flight.load(Ordering::Relaxed) < max {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    async fn sleep_until(&self, time: Timestamp) {
        let at = self.clock.world_time(time);
        self.shared.world.sleep_until(at).await;
    }

    /// Sends for as long as there is work.
    pub async fn dispatch(self, priority: Priority) {
        let budget = self.budget.with_priority(priority);
        while self.shared.left.load(Ordering::Relaxed) != 0 {
            match budget.take().await {
                Ok(permit) => {
                    self.shared.left.fetch_sub(1, Ordering::Relaxed);
                    self.hand_out(permit, true);
                    self.fewer_than(IN_FLIGHT_MAX).await;
                }
                Err(BudgetError::Exhausted { until } | BudgetError::Reserved { until }) => {
                    let pause = until.since(self.clock.now());
                    if pause > INVOCATION_PAUSE {
                        self.fewer_than(1).await;
                        self.release_unused().await;
                    }
                    self.sleep_until(until).await;
                }
                Err(BudgetError::Store { reason }) => {
                    unreachable!("the store never fails: {reason}")
                }
            }
        }
        self.fewer_than(1).await;
        self.release_unused().await;
    }

    pub async fn release_unused(&self) {
        if let Err(error) = self.budget.release_unused().await {
            unreachable!("the store never fails: {error}");
        }
    }

    /// Sends one urgent request as soon as it may.
    pub async fn send_urgently(self) {
        let came = self.shared.world.now();
        let budget = self.budget.with_priority(Priority::Urgent);
        loop {
            match budget.take().await {
                Ok(permit) => {
                    self.hand_out(permit, false);
                    let wait = self.shared.world.now() - came;
                    self.shared
                        .waits
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(wait);
                    return;
                }
                Err(BudgetError::Exhausted { until } | BudgetError::Reserved { until }) => {
                    self.sleep_until(until).await;
                }
                Err(BudgetError::Store { reason }) => {
                    unreachable!("the store never fails: {reason}")
                }
            }
        }
    }

    pub async fn settle(self, permit: Permit, seen: PermitOutcome) {
        if let Err(error) = self.budget.settle(permit, seen).await {
            unreachable!("the store never fails: {error}");
        }
    }
}
