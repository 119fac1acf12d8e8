//! Records with optimistic concurrency, one row each.

use std::str::FromStr;

use halogard_app::ports::{Clock, PortError, Records, Revision, Stored, Swap, record_in_force};
use halogard_domain::{Record, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{StoreError, from_json, to_json};
use crate::store::{Durability, Store};

impl<C: Clock> Records for Store<C> {
    const ONE_MACHINE: bool = true;

    async fn load_record<T: Record>(&self, key: &T::Key) -> Result<Stored<T>, PortError> {
        Ok(self.read(|db| stored(db, key, self.now())).await?)
    }

    async fn swap_record<T: Record>(
        &self,
        key: &T::Key,
        record: &T,
        revision: Revision,
    ) -> Result<Swap<T>, PortError> {
        let swap = self
            .write(Durability::ProcessKill, |db| {
                let newest = stored(db, key, self.now())?;
                if newest.revision != revision {
                    return Ok::<_, StoreError>(Swap::Conflict(newest));
                }
                let next = Revision(revision.0 + 1);
                replace(db, key, record, next)?;
                delete_expired::<T>(db, key, self.now())?;
                Ok(Swap::Stored(next))
            })
            .await?;
        Ok(swap)
    }

    async fn active_records<T>(&self) -> Result<Vec<T::Key>, PortError>
    where
        T: Record<Key: FromStr + Sized>,
    {
        let keys = self
            .read(|db| {
                db.prepare_cached("SELECT key FROM records WHERE partition = ?1 AND active = 1")?
                    .query_map([T::PARTITION], |row| {
                        let key: String = row.get(0)?;
                        key.parse().map_err(|_| {
                            let reason = format!("no key of {}", T::PARTITION);
                            rusqlite::Error::FromSqlConversionFailure(0, Type::Text, reason.into())
                        })
                    })?
                    .map(|key| key.map_err(StoreError::from))
                    .collect()
            })
            .await?;
        Ok(keys)
    }
}

/// The record under `key` as it counts at `now`.
fn stored<T: Record>(
    db: &Connection,
    key: &T::Key,
    now: Timestamp,
) -> Result<Stored<T>, StoreError> {
    let found = db
        .prepare_cached("SELECT body, revision FROM records WHERE partition = ?1 AND key = ?2")?
        .query_row(params![T::PARTITION, key.to_string()], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((body, revision)) = found else {
        return Ok(Stored {
            value: T::default(),
            revision: Revision::default(),
        });
    };
    Ok(Stored {
        value: record_in_force(from_json::<T>(T::PARTITION, &body), now)?,
        revision: Revision(revision),
    })
}

/// Writes the row of `record`.
fn replace<T: Record>(
    db: &Connection,
    key: &T::Key,
    record: &T,
    revision: Revision,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO records (partition, key, revision, active, expires_at, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        T::PARTITION,
        key.to_string(),
        revision.0,
        record.is_active(),
        record.expires_at().map(Timestamp::as_millis),
        to_json(T::PARTITION, record)?,
    ])?;
    Ok(())
}

/// Deletes the expired records of this type under other keys than `key`.
fn delete_expired<T: Record>(
    db: &Connection,
    key: &T::Key,
    now: Timestamp,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "DELETE FROM records WHERE partition = ?1 AND expires_at <= ?2 AND key <> ?3",
    )?
    .execute(params![T::PARTITION, now.as_millis(), key.to_string()])?;
    Ok(())
}
