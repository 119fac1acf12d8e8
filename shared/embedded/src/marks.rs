//! Named marks.

use halogard_app::ports::{Clock, Marks, PortError};
use rusqlite::{OptionalExtension, params};

use crate::error::StoreError;
use crate::store::{Durability, Store};

impl<C: Clock> Marks for Store<C> {
    async fn mark(&self, name: &str) -> Result<Option<i64>, PortError> {
        let mark = self.read(|db| {
            Ok(db
                .prepare_cached("SELECT value FROM marks WHERE name = ?1")?
                .query_row([name], |row| row.get(0))
                .optional()?)
        })?;
        Ok(mark)
    }

    async fn set_mark(&self, name: &str, value: i64) -> Result<(), PortError> {
        self.write(Durability::Kill, |db| {
            db.prepare_cached("INSERT OR REPLACE INTO marks (name, value) VALUES (?1, ?2)")?
                .execute(params![name, value])?;
            Ok::<_, StoreError>(())
        })?;
        Ok(())
    }
}
