//! How far sweeps have come.

use halogard_app::ports::{Clock, PortError, Revision, SaveError, Stored, SweepStates};
use halogard_domain::sweep::Swept;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{StoreError, from_json, to_json};
use crate::store::{Durability, Store};

impl<C: Clock> SweepStates for Store<C> {
    async fn load_swept(&self) -> Result<Stored<Swept>, PortError> {
        Ok(self.read(stored_swept)?)
    }

    async fn save_swept(&self, swept: &Swept, revision: Revision) -> Result<Revision, SaveError> {
        self.write(Durability::Kill, |db| {
            if stored_swept(db)?.revision != revision {
                return Err(SaveError::Conflict);
            }
            let next = Revision(revision.0 + 1);
            write_swept(db, swept, next)?;
            Ok(next)
        })
    }
}

/// How far sweeps have come; not begun, at revision 0, where there never was one.
fn stored_swept(db: &Connection) -> Result<Stored<Swept>, StoreError> {
    let found = db
        .prepare_cached("SELECT body, revision FROM sweeps")?
        .query_row((), |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))
        .optional()?;
    let (value, revision) = match found {
        Some((body, revision)) => (from_json("sweeps", &body)?, Revision(revision)),
        None => (Swept::default(), Revision::default()),
    };
    Ok(Stored { value, revision })
}

/// Writes how far they have come.
fn write_swept(db: &Connection, swept: &Swept, revision: Revision) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR REPLACE INTO sweeps (id, revision, body) VALUES (1, ?1, ?2)")?
        .execute(params![revision.0, to_json("sweeps", swept)?])?;
    Ok(())
}
