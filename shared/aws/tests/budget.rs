//! The request budget, kept in the table, holds for everybody who draws from it.

mod support;

use halogard_app::budget::SharedBudget;
use halogard_aws::Store;
use halogard_conformance::{Bench as _, BudgetBench, MovableClock, suite};
use halogard_domain::budget::Limit;
use support::InTable;

impl BudgetBench for InTable {
    type Budget = SharedBudget<Store<MovableClock>, MovableClock>;

    fn budget(&self, limit: Limit) -> Self::Budget {
        SharedBudget::new(self.store(), limit, self.clock.clone())
    }
}

suite!(InTable: budget);
