//! How far sweeps have come.

use halogard_app::ports::{Clock, PortError, Revision, SaveError, Stored, SweepStates};
use halogard_domain::sweep_cursor::SweepCursor;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{StoreError, from_json, to_json};
use crate::store::{Durability, Store};

impl<C: Clock> SweepStates for Store<C> {
    async fn load_swept(&self) -> Result<Stored<SweepCursor>, PortError> {
        Ok(self.read(stored_swept)?)
    }

    async fn save_swept(
        &self,
        swept: &SweepCursor,
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        self.write(Durability::ProcessKill, |db| {
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
fn stored_swept(db: &Connection) -> Result<Stored<SweepCursor>, StoreError> {
    let found = db
        .prepare_cached("SELECT body, revision FROM sweeps")?
        .query_row((), |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))
        .optional()?;
    let (value, revision) = match found {
        Some((body, revision)) => (from_json("sweeps", &body)?, Revision(revision)),
        None => (SweepCursor::default(), Revision::default()),
    };
    Ok(Stored { value, revision })
}

/// Writes how far they have come.
fn write_swept(db: &Connection, swept: &SweepCursor, revision: Revision) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR REPLACE INTO sweeps (id, revision, body) VALUES (1, ?1, ?2)")?
        .execute(params![revision.0, to_json("sweeps", swept)?])?;
    Ok(())
}
