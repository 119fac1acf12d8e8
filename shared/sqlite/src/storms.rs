//! The storms of each rule at each customer.

use halogard_app::ports::{Clock, PortError, Revision, SaveError, Stored, StormStates};
use halogard_domain::storm::{StormKey, Storms};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{StoreError, from_json, to_json};
use crate::store::{Durability, Store};

impl<C: Clock> StormStates for Store<C> {
    async fn load_storms(&self, key: StormKey) -> Result<Stored<Storms>, PortError> {
        Ok(self.read(|db| stored_storms(db, key))?)
    }

    async fn save_storms(
        &self,
        key: StormKey,
        storms: &Storms,
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        self.write(Durability::ProcessKill, |db| {
            if stored_storms(db, key)?.revision != revision {
                return Err(SaveError::Conflict);
            }
            let next = Revision(revision.0 + 1);
            db.prepare_cached(
                "INSERT OR REPLACE INTO storms (key, revision, body) VALUES (?1, ?2, ?3)",
            )
            .map_err(StoreError::from)?
            .execute(params![key.to_string(), next.0, to_json("storms", storms)?])
            .map_err(StoreError::from)?;
            Ok(next)
        })
    }
}

/// The storms of `key`; none, at revision 0, where there never was one.
fn stored_storms(db: &Connection, key: StormKey) -> Result<Stored<Storms>, StoreError> {
    let found = db
        .prepare_cached("SELECT body, revision FROM storms WHERE key = ?1")?
        .query_row([key.to_string()], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?))
        })
        .optional()?;
    match found {
        Some((body, revision)) => Ok(Stored {
            value: from_json("storms", &body)?,
            revision: Revision(revision),
        }),
        None => Ok(Stored {
            value: Storms::default(),
            revision: Revision::default(),
        }),
    }
}
