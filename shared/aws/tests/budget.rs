//! The request budget, kept in the table, holds for every instance that draws from it.

mod support;

use halogard_app::budget::SharedBudget;
use halogard_aws::Store;
use halogard_conformance::{BudgetFixture, ManualClock, StoreFixture as _, suite};
use halogard_domain::budget::Limit;
use support::DynamoDbFixture;

impl BudgetFixture for DynamoDbFixture {
    type Budget = SharedBudget<Store<ManualClock>, ManualClock>;

    fn budget(&self, limit: Limit) -> Self::Budget {
        SharedBudget::new(self.store(), limit, self.clock.clone())
    }
}

suite!(DynamoDbFixture: budget);
