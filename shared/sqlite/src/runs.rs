//! The runs of each inspector.

use halogard_app::ports::{Clock, PortError, Revision, RunStates, SaveError, Stored};
use halogard_domain::runs::{RunTarget, Runs};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{StoreError, from_json, to_json};
use crate::store::{Durability, Store};

impl<C: Clock> RunStates for Store<C> {
    async fn load_runs(&self, target: RunTarget) -> Result<Stored<Runs>, PortError> {
        Ok(self.read(|db| stored_runs(db, target))?)
    }

    async fn save_runs(
        &self,
        target: RunTarget,
        runs: &Runs,
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        self.write(Durability::ProcessKill, |db| {
            if stored_runs(db, target)?.revision != revision {
                return Err(SaveError::Conflict);
            }
            let next = Revision(revision.0 + 1);
            write_runs(db, target, runs, next)?;
            Ok(next)
        })
    }

    async fn busy_targets(&self) -> Result<Vec<RunTarget>, PortError> {
        let targets = self.read(|db| {
            db.prepare_cached("SELECT target FROM runs WHERE busy = 1")?
                .query_map((), |row| row.get::<_, String>(0))?
                .map(|target| from_json("runs", &target?))
                .collect::<Result<_, StoreError>>()
        })?;
        Ok(targets)
    }
}

/// The runs of `target`; none, at revision 0, when nobody ever asked.
fn stored_runs(db: &Connection, target: RunTarget) -> Result<Stored<Runs>, StoreError> {
    let found = db
        .prepare_cached("SELECT body, revision FROM runs WHERE target = ?1")?
        .query_row([to_json("runs", &target)?], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?))
        })
        .optional()?;
    match found {
        Some((body, revision)) => Ok(Stored {
            value: from_json("runs", &body)?,
            revision: Revision(revision),
        }),
        None => Ok(Stored {
            value: Runs::default(),
            revision: Revision::default(),
        }),
    }
}

/// Writes the row of `target`.
fn write_runs(
    db: &Connection,
    target: RunTarget,
    runs: &Runs,
    revision: Revision,
) -> Result<(), StoreError> {
    let busy = runs.requested || runs.in_flight.is_some();
    db.prepare_cached(
        "INSERT OR REPLACE INTO runs (target, revision, busy, body) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        to_json("runs", &target)?,
        revision.0,
        busy,
        to_json("runs", runs)?
    ])?;
    Ok(())
}
