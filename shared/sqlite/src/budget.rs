//! The ledger of the request budget.

use halogard_app::ports::{Clock, LedgerStore, PortError, Revision, Stored, Swap};
use halogard_domain::budget::Ledger;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{StoreError, from_json, to_json};
use crate::store::{Durability, Store};

impl<C: Clock> LedgerStore for Store<C> {
    async fn load_ledger(&self) -> Result<Stored<Ledger>, PortError> {
        Ok(self.read(stored)?)
    }

    async fn swap_ledger(&self, ledger: &Ledger, revision: Revision) -> Result<Swap, PortError> {
        let swap = self.write(Durability::ProcessKill, |db| {
            let newest = stored(db)?;
            if newest.revision != revision {
                return Ok::<_, StoreError>(Swap::Conflict(newest));
            }
            let next = Revision(revision.0 + 1);
            put(db, ledger, next)?;
            Ok(Swap::Stored(next))
        })?;
        Ok(swap)
    }
}

/// The ledger; an empty one at revision 0 before the first request.
fn stored(db: &Connection) -> Result<Stored<Ledger>, StoreError> {
    let found = db
        .prepare_cached("SELECT ledger, revision FROM request_budget WHERE id = 1")?
        .query_row((), |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))
        .optional()?;
    Ok(match found {
        Some((ledger, revision)) => Stored {
            value: from_json("request_budget", &ledger)?,
            revision: Revision(revision),
        },
        None => Stored {
            value: Ledger::default(),
            revision: Revision::default(),
        },
    })
}

/// Puts the ledger in its place.
fn put(db: &Connection, ledger: &Ledger, revision: Revision) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO request_budget (id, revision, ledger) VALUES (1, ?1, ?2)",
    )?
    .execute(params![revision.0, to_json("request_budget", ledger)?])?;
    Ok(())
}
