//! Which state of each alert was last queued.

use std::collections::{BTreeMap, BTreeSet};

use halogard_app::ports::{AlertIndex, Clock, PortError, QueuedState, SinceQueued};
use halogard_domain::Timestamp;
use halogard_domain::ids::AlertId;
use rusqlite::params;

use crate::error::StoreError;
use crate::store::{Durability, Store};

impl<C: Clock> AlertIndex for Store<C> {
    async fn load_index(&self) -> Result<BTreeMap<AlertId, QueuedState>, PortError> {
        let index = self
            .read(|db| {
                db.prepare_cached("SELECT alert, fingerprint, queued_at, in_sync, unlisted_since FROM alert_index")?
                    .query_map((), |row| {
                        let entry = QueuedState {
                            fingerprint: row.get::<_, i64>(1)?.cast_unsigned(),
                            queued_at: Timestamp::from_millis(row.get(2)?),
                            since_then: match (row.get(3)?, row.get::<_, Option<i64>>(4)?) {
                                (_, Some(since)) => {
                                    SinceQueued::Unlisted(Timestamp::from_millis(since))
                                }
                                (true, None) => SinceQueued::InSync,
                                (false, None) => SinceQueued::Nothing,
                            },
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
        if entries.is_empty() {
            return Ok(());
        }
        self.write(Durability::ProcessKill, |db| {
            let mut insert = db.prepare_cached(
                "INSERT OR REPLACE INTO alert_index
                     (alert, fingerprint, queued_at, in_sync, unlisted_since)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for (alert, entry) in entries {
                let unlisted_since = match entry.since_then {
                    SinceQueued::Unlisted(since) => Some(since.as_millis()),
                    SinceQueued::Nothing | SinceQueued::InSync => None,
                };
                insert.execute(params![
                    alert.get(),
                    entry.fingerprint.cast_signed(),
                    entry.queued_at.as_millis(),
                    entry.since_then == SinceQueued::InSync,
                    unlisted_since,
                ])?;
            }
            Ok::<_, StoreError>(())
        })
        .await?;
        Ok(())
    }

    async fn remove_from_index(&self, alerts: &BTreeSet<AlertId>) -> Result<(), PortError> {
        if alerts.is_empty() {
            return Ok(());
        }
        self.write(Durability::ProcessKill, |db| {
            let mut delete = db.prepare_cached("DELETE FROM alert_index WHERE alert = ?1")?;
            for alert in alerts {
                delete.execute([alert.get()])?;
            }
            Ok::<_, StoreError>(())
        })
        .await?;
        Ok(())
    }
}
