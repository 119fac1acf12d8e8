//! The request budget of `serve`: each request asks for its permit with the priority of the lane whose message it is
//! for, as the functions on AWS do. What a person waits for comes before bulk work then, and bulk work leaves the
//! permits that are reserved to it.

use std::time::Duration;

use halogard_app::budget::{SharedBudget, WaitingBudget};
use halogard_app::ports::{BudgetError, Lane, Permit, PermitOutcome, RequestBudget};
use halogard_domain::budget::Priority;
use halogard_sqlite::Store;

use crate::clock::SleepClock;
use crate::connect::{PatientBudget, Sleeper};

tokio::task_local! {
    /// The priority of what this task does.
    static PRIORITY: Priority;
}

/// Does `work` for messages of `lane`: its requests have the lane's priority.
pub async fn in_lane<F: Future>(lane: Lane, work: F) -> F::Output {
    PRIORITY.scope(lane.priority(), work).await
}

/// A budget whose requests have the priority of their lane, and the normal one outside of every lane.
///
/// What waits to finish in one lane keeps no other lane from its work, so each priority waits by itself.
pub struct LaneBudget<C> {
    urgent: PatientBudget<C>,
    normal: PatientBudget<C>,
    bulk: PatientBudget<C>,
}

impl<C: SleepClock> LaneBudget<C> {
    /// The permits of `shared`. A request that finishes work waits up to `finish_wait` for its permit.
    pub fn new(shared: &SharedBudget<Store<C>, C>, clock: &C, finish_wait: Duration) -> Self {
        let of = |priority| {
            let sleeper = Sleeper(clock.clone());
            let shared = shared.with_priority(priority);
            let patience = PatientBudget::<C>::MAX_WAIT;
            WaitingBudget::new(shared, clock.clone(), sleeper, patience)
                .finishing_within(finish_wait)
        };
        Self {
            urgent: of(Priority::Urgent),
            normal: of(Priority::Normal),
            bulk: of(Priority::Bulk),
        }
    }

    /// The budget of what this task does.
    fn of_task(&self) -> &PatientBudget<C> {
        match PRIORITY.try_with(|priority| *priority) {
            Ok(Priority::Urgent) => &self.urgent,
            Ok(Priority::Bulk) => &self.bulk,
            Ok(Priority::Normal) | Err(_) => &self.normal,
        }
    }
}

impl<C: SleepClock> RequestBudget for LaneBudget<C> {
    async fn take(&self) -> Result<Permit, BudgetError> {
        self.of_task().take().await
    }

    async fn take_to_begin(&self) -> Result<Permit, BudgetError> {
        self.of_task().take_to_begin().await
    }

    async fn settle(&self, permit: Permit, outcome: PermitOutcome) -> Result<(), BudgetError> {
        self.normal.settle(permit, outcome).await
    }
}

#[cfg(test)]
mod tests {
    use halogard_domain::budget::Limit;
    use halogard_runtime::SystemClock;
    use halogard_sqlite::StoreKey;

    use super::*;

    /// A limit whose permits last for the test.
    const LIMIT: Limit = Limit {
        requests_max: 100,
        window: Duration::from_secs(3600),
    };

    #[tokio::test]
    async fn when_bulk_work_has_taken_what_it_may_a_technicians_change_still_gets_a_permit() {
        let store = Store::in_memory(StoreKey::draw().unwrap(), SystemClock).unwrap();
        let shared = SharedBudget::new(store, LIMIT, SystemClock);
        let budget = LaneBudget::new(&shared, &SystemClock, Duration::ZERO);
        let mut taken = 0_u32;
        while let Ok(permit) = in_lane(Lane::Bulk, budget.take()).await {
            budget
                .settle(permit, PermitOutcome::Completed)
                .await
                .unwrap();
            taken += 1;
            assert!(taken < LIMIT.requests_max, "bulk work took every permit");
        }
        assert!(taken > 0);
        assert!(in_lane(Lane::Bulk, budget.take()).await.is_err());
        let permit = in_lane(Lane::Urgent, budget.take()).await.unwrap();
        budget
            .settle(permit, PermitOutcome::Completed)
            .await
            .unwrap();
    }
}
