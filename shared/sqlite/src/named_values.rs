//! Named values, one row each.

use std::collections::BTreeMap;

use halogard_app::ports::{Clock, NamedValues, PortError};
use rusqlite::params;

use crate::error::StoreError;
use crate::store::{Durability, Store};

impl<C: Clock> NamedValues for Store<C> {
    async fn values(&self) -> Result<BTreeMap<String, i64>, PortError> {
        let values = self
            .read(|db| {
                db.prepare_cached("SELECT name, value FROM named_values")?
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<Result<_, _>>()
                    .map_err(StoreError::from)
            })
            .await?;
        Ok(values)
    }

    async fn set_values(&self, values: &[(&str, i64)]) -> Result<(), PortError> {
        if values.is_empty() {
            return Ok(());
        }
        self.write(Durability::ProcessKill, |db| {
            let mut set = db.prepare_cached(
                "INSERT OR REPLACE INTO named_values (name, value) VALUES (?1, ?2)",
            )?;
            for (name, value) in values {
                set.execute(params![name, value])?;
            }
            Ok::<_, StoreError>(())
        })
        .await?;
        Ok(())
    }
}
