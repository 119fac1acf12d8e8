//! One instance from its start to its end: what it asks of the budget, and when.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use halogard_app::budget::SharedBudget;
use halogard_app::ports::{BudgetError, Clock as _, Permit, RequestBudget as _, Seen};
use halogard_domain::Timestamp;
use halogard_domain::budget::{Limit, Share};

use super::sim::{SkewedClock, World};
use super::store::SimStore;

/// The budget as the bundle has it, over the simulated store.
pub type Budget = SharedBudget<SimStore, SkewedClock>;

/// Calls in flight at once, per instance.
const IN_FLIGHT_MAX: usize = 4;

/// Who waits no longer than this goes on; who waits longer ends its invocation and hands back what
/// it holds, as a Lambda function does.
const INVOCATION_PAUSE: Duration = Limit::AHEAD;

/// A permit that was taken just now, for the run to send.
pub struct Ready {
    pub instance: usize,
    pub life: u64,
    pub permit: Permit,
    pub bulk: bool,
}

/// What the tasks of all instances share with the run.
pub struct Desk {
    pub world: Arc<World>,
    pub outbox: Mutex<Vec<Ready>>,
    /// Bulk requests that wait; negative for any number.
    pub left: AtomicI64,
    /// How long urgent changes waited.
    pub waits: Mutex<Vec<i64>>,
}

/// One life of an instance.
#[derive(Clone)]
pub struct Life {
    pub desk: Arc<Desk>,
    pub instance: usize,
    pub life: u64,
    pub clock: SkewedClock,
    pub budget: Budget,
    pub in_flight: Arc<AtomicUsize>,
}

impl Life {
    fn hand_out(&self, permit: Permit, bulk: bool) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let ready = Ready {
            instance: self.instance,
            life: self.life,
            permit,
            bulk,
        };
        self.desk
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
        self.desk.world.sleep_until(at).await;
    }

    /// Sends for as long as there is work.
    pub async fn dispatch(self, share: Share) {
        let budget = self.budget.for_share(share);
        while self.desk.left.load(Ordering::Relaxed) != 0 {
            match budget.take().await {
                Ok(permit) => {
                    self.desk.left.fetch_sub(1, Ordering::Relaxed);
                    self.hand_out(permit, true);
                    self.fewer_than(IN_FLIGHT_MAX).await;
                }
                Err(BudgetError::Spent { until }) => {
                    let pause = until.since(self.clock.now());
                    if pause > INVOCATION_PAUSE {
                        self.fewer_than(1).await;
                        self.hand_back().await;
                    }
                    self.sleep_until(until).await;
                }
                Err(BudgetError::Store { reason }) => {
                    unreachable!("the store never fails: {reason}")
                }
            }
        }
        self.fewer_than(1).await;
        self.hand_back().await;
    }

    pub async fn hand_back(&self) {
        if let Err(error) = self.budget.hand_back().await {
            unreachable!("the store never fails: {error}");
        }
    }

    /// Sends one urgent request as soon as it may.
    pub async fn send_urgently(self) {
        let came = self.desk.world.now();
        let budget = self.budget.for_share(Share::Urgent);
        loop {
            match budget.take().await {
                Ok(permit) => {
                    self.hand_out(permit, false);
                    let wait = self.desk.world.now() - came;
                    self.desk
                        .waits
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(wait);
                    return;
                }
                Err(BudgetError::Spent { until }) => self.sleep_until(until).await,
                Err(BudgetError::Store { reason }) => {
                    unreachable!("the store never fails: {reason}")
                }
            }
        }
    }

    pub async fn settle(self, permit: Permit, seen: Seen) {
        if let Err(error) = self.budget.settle(permit, seen).await {
            unreachable!("the store never fails: {error}");
        }
    }
}
