//! The request budget: the domain's arithmetic on one stored ledger.

use halogard_app::ports::{BudgetError, Clock, Permit, RequestBudget};
use halogard_domain::Timestamp;
use halogard_domain::budget::{Ledger, Limit};
use rusqlite::{Connection, OptionalExtension};

use crate::error::{StoreError, from_json, to_json};
use crate::store::{Durability, Store};

/// The requests that HaloPSA allows, shared by everybody who uses the store.
///
/// All budgets of one store draw from one ledger, whatever limit each of them was given: a limit
/// that was lowered counts the slots that are in use already.
pub struct Budget<C> {
    store: Store<C>,
    limit: Limit,
}

impl<C: Clock> Store<C> {
    /// The request budget under `limit`.
    #[must_use]
    pub fn budget(&self, limit: Limit) -> Budget<C> {
        Budget {
            store: self.clone(),
            limit,
        }
    }
}

impl<C> Clone for Budget<C> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            limit: self.limit,
        }
    }
}

impl<C: Clock> RequestBudget for Budget<C> {
    async fn take(&self) -> Result<Permit, BudgetError> {
        self.change(|ledger, now| {
            let slot = ledger
                .take(now, &self.limit)
                .map_err(|until| BudgetError::Spent { until })?;
            Ok(Permit { slot })
        })
    }

    async fn settle(&self, permit: Permit) -> Result<(), BudgetError> {
        self.change(|ledger, now| {
            ledger.settle(permit.slot, now, &self.limit);
            Ok(())
        })
    }
}

impl<C: Clock> Budget<C> {
    /// Changes the ledger by `change`; leaves it as it was when that fails.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Ledger, Timestamp) -> Result<T, BudgetError>,
    ) -> Result<T, BudgetError> {
        self.store.write(Durability::Kill, |db| {
            let mut ledger = load(db)?;
            let outcome = change(&mut ledger, self.store.now())?;
            save(db, &ledger)?;
            Ok(outcome)
        })
    }
}

/// The ledger; an empty one before the first request.
fn load(db: &Connection) -> Result<Ledger, StoreError> {
    let found: Option<String> = db
        .prepare_cached("SELECT ledger FROM request_budget WHERE id = 1")?
        .query_row((), |row| row.get(0))
        .optional()?;
    match found {
        Some(text) => from_json("request_budget", &text),
        None => Ok(Ledger::default()),
    }
}

/// Replaces the ledger.
fn save(db: &Connection, ledger: &Ledger) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR REPLACE INTO request_budget (id, ledger) VALUES (1, ?1)")?
        .execute([to_json("request_budget", ledger)?])?;
    Ok(())
}
