//! The audit trail.

use halogard_app::ports::{Clock, Journal, JournalEntry, PortError};
use halogard_domain::Timestamp;
use halogard_domain::ids::{AlertId, TicketId};
use rusqlite::{Connection, Row, params};

use crate::error::StoreError;
use crate::store::{Durability, Store, rows_max};

impl<C: Clock> Journal for Store<C> {
    async fn append(&self, entries: &[JournalEntry]) -> Result<(), PortError> {
        self.write(Durability::ProcessKill, |db| write_entries(db, entries))
            .await?;
        Ok(())
    }

    async fn journal(&self, alert: AlertId, limit: usize) -> Result<Vec<JournalEntry>, PortError> {
        let since = self.now().minus(self.retention().journal).as_millis();
        let journal = self
            .read(|db| {
                db.prepare_cached(
                    "SELECT at, alert, ticket, what, cause, detail FROM journal
                 WHERE alert = ?1 AND at >= ?3 ORDER BY at, id LIMIT ?2",
                )?
                .query_map(params![alert.get(), rows_max(limit), since], entry)?
                .map(|entry| entry.map_err(StoreError::from))
                .collect()
            })
            .await?;
        Ok(journal)
    }
}

/// Adds `entries` to the trail.
pub fn write_entries(db: &Connection, entries: &[JournalEntry]) -> Result<(), StoreError> {
    let mut insert = db.prepare_cached(
        "INSERT INTO journal (at, alert, ticket, what, cause, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for entry in entries {
        insert.execute(params![
            entry.at.as_millis(),
            entry.alert.map(AlertId::get),
            entry.ticket.map(TicketId::get),
            entry.event,
            entry.cause,
            entry.detail,
        ])?;
    }
    Ok(())
}

/// The entry in `row`.
fn entry(row: &Row<'_>) -> rusqlite::Result<JournalEntry> {
    Ok(JournalEntry {
        at: Timestamp::from_millis(row.get(0)?),
        alert: row.get::<_, Option<u64>>(1)?.map(AlertId::new),
        ticket: row.get::<_, Option<u64>>(2)?.map(TicketId::new),
        event: row.get(3)?,
        cause: row.get(4)?,
        detail: row.get(5)?,
    })
}
