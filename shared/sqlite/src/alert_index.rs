//! Which state of each alert was last queued.

use std::collections::BTreeMap;

use halogard_app::ports::{AlertIndex, Clock, PortError, QueuedState};
use halogard_domain::Timestamp;
use halogard_domain::ids::AlertId;
use rusqlite::params;

use crate::error::StoreError;
use crate::store::{Durability, Store};

impl<C: Clock> AlertIndex for Store<C> {
    async fn load_index(&self) -> Result<BTreeMap<AlertId, QueuedState>, PortError> {
        let index = self
            .read(|db| {
                db.prepare_cached("SELECT alert, fingerprint, queued_at FROM alert_index")?
                    .query_map((), |row| {
                        let entry = QueuedState {
                            fingerprint: row.get::<_, i64>(1)?.cast_unsigned(),
                            queued_at: Timestamp::from_millis(row.get(2)?),
                        };
                        Ok((AlertId::new(row.get(0)?), entry))
                    })?
                    .map(|entry| entry.map_err(StoreError::from))
                    .collect()
            })
            .await?;
        Ok(index)
    }

    async fn save_index(&self, entries: &BTreeMap<AlertId, QueuedState>) -> Result<(), PortError> {
        self.write(Durability::ProcessKill, |db| {
            let mut insert = db.prepare_cached(
                "INSERT OR REPLACE INTO alert_index (alert, fingerprint, queued_at) VALUES (?1, ?2, ?3)",
            )?;
            for (alert, entry) in entries {
                let fingerprint = entry.fingerprint.cast_signed();
                insert.execute(params![alert.get(), fingerprint, entry.queued_at.as_millis()])?;
            }
            Ok::<_, StoreError>(())
        }).await?;
        Ok(())
    }
}
