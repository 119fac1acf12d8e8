//! Deleting what is older than its age.

use halogard_app::ports::{Clock, PortError, Pruning};
use halogard_domain::time::CLOCK_AHEAD_MAX;
use halogard_domain::{Retention, Timestamp};
use rusqlite::{Connection, params};

use crate::error::StoreError;
use crate::store::{Durability, Store, rows_max};

/// Pages of the file that are given back in one transaction.
const PAGES_MAX: usize = 500;

impl<C: Clock> Pruning for Store<C> {
    fn set_retention(&self, retention: Retention) {
        self.keep_for(retention);
    }

    async fn prune(&self, now: Timestamp, limit: usize) -> Result<usize, PortError> {
        let retention = self.retention();
        let deleted = self
            .write(Durability::ProcessKill, |db| {
                let links = prune_links(db, now, limit)?;
                let journal = prune_journal(db, now.minus(retention.journal), now, limit)?;
                let letters = prune_dead_letters(db, now.minus(retention.dead_letters), limit)?;
                give_back_pages(db)?;
                Ok::<_, StoreError>(links + journal + letters)
            })
            .await?;
        // Other work of the process comes between two calls.
        tokio::task::yield_now().await;
        Ok(deleted)
    }
}

/// Deletes expired links, with the tickets they own.
fn prune_links(db: &Connection, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
    let expired =
        "SELECT alert FROM links WHERE expires_at <= ?1 ORDER BY expires_at, alert LIMIT ?2";
    let bounds = params![now.as_millis(), rows_max(limit)];
    db.prepare_cached(&format!(
        "DELETE FROM ticket_owners WHERE alert IN ({expired})"
    ))?
    .execute(bounds)?;
    let deleted = db
        .prepare_cached(&format!("DELETE FROM links WHERE alert IN ({expired})"))?
        .execute(bounds)?;
    Ok(deleted)
}

/// Deletes the oldest entries of the journal, as far as they were written before `before`.
///
/// Entries are in the order in which they were written, so what comes after a younger one is younger too,
/// whatever its time says: our clock may have been behind. A time in the future says nothing.
fn prune_journal(
    db: &Connection,
    before: Timestamp,
    now: Timestamp,
    limit: usize,
) -> Result<usize, StoreError> {
    db.prepare_cached("INSERT INTO journal_pruning (before) VALUES (?1)")?
        .execute([before.as_millis()])?;
    let deleted = db
        .prepare_cached(
            "DELETE FROM journal WHERE at < ?1 AND id IN (SELECT id FROM journal ORDER BY id LIMIT ?2)
               AND id < coalesce(
                   (SELECT min(id) FROM (SELECT id, at FROM journal ORDER BY id LIMIT ?2)
                    WHERE at >= ?1 AND at <= ?3),
                   9223372036854775807)",
        )?
        .execute(params![
            before.as_millis(),
            rows_max(limit),
            now.plus(CLOCK_AHEAD_MAX).as_millis(),
        ])?;
    db.prepare_cached("DELETE FROM journal_pruning")?
        .execute(())?;
    Ok(deleted)
}

/// Deletes dead letters that were put aside before `before`.
fn prune_dead_letters(
    db: &Connection,
    before: Timestamp,
    limit: usize,
) -> Result<usize, StoreError> {
    let deleted = db
        .prepare_cached(
            "DELETE FROM dead_letters WHERE id IN
                 (SELECT id FROM dead_letters WHERE at < ?1 ORDER BY at, id LIMIT ?2)",
        )?
        .execute(params![before.as_millis(), rows_max(limit)])?;
    Ok(deleted)
}

/// Gives pages that are no longer used back to the file system. Each step of the statement gives back one.
fn give_back_pages(db: &Connection) -> Result<(), StoreError> {
    let mut vacuum = db.prepare_cached(&format!("PRAGMA incremental_vacuum({PAGES_MAX})"))?;
    let mut pages = vacuum.query(())?;
    while pages.next()?.is_some() {}
    Ok(())
}
