//! Named values.

use halogard_app::ports::{Clock, NamedValues, PortError};
use rusqlite::{OptionalExtension, params};

use crate::error::StoreError;
use crate::store::{Durability, Store};

impl<C: Clock> NamedValues for Store<C> {
    async fn value(&self, name: &str) -> Result<Option<i64>, PortError> {
        let value = self
            .read(|db| {
                Ok(db
                    .prepare_cached("SELECT value FROM named_values WHERE name = ?1")?
                    .query_row([name], |row| row.get(0))
                    .optional()?)
            })
            .await?;
        Ok(value)
    }

    async fn set_value(&self, name: &str, value: i64) -> Result<(), PortError> {
        self.write(Durability::ProcessKill, |db| {
            db.prepare_cached("INSERT OR REPLACE INTO named_values (name, value) VALUES (?1, ?2)")?
                .execute(params![name, value])?;
            Ok::<_, StoreError>(())
        })
        .await?;
        Ok(())
    }
}
