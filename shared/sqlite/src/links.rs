//! The pairs, and which state of each alert was last queued.

use std::collections::{BTreeMap, BTreeSet};

use halogard_app::ports::{
    AlertIndex, Clock, JournalEntry, LinkFilter, Links, PortError, QueuedState, Revision,
    SaveError, Stored,
};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::{Link, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{StoreError, from_json, to_json};
use crate::journal::write_entries;
use crate::store::{Durability, Store};

/// Links survive a power cut: a lost claim could open a second ticket.
const DURABILITY: Durability = Durability::PowerLoss;

impl<C: Clock> Links for Store<C> {
    async fn load(&self, alert: AlertId) -> Result<Option<Stored<Link>>, PortError> {
        let found = self
            .read(|db| {
                db.prepare_cached("SELECT body, revision FROM links WHERE alert = ?1")?
                    .query_row([alert.get()], |row| {
                        Ok((row.get::<_, String>(0)?, row.get(1)?))
                    })
                    .optional()?
                    .map(|(body, revision)| {
                        Ok(Stored {
                            value: from_json("links", &body)?,
                            revision: Revision(revision),
                        })
                    })
                    .transpose()
            })
            .await?;
        Ok(found)
    }

    async fn owners(&self, ticket: TicketId) -> Result<BTreeSet<AlertId>, PortError> {
        let owners = self
            .read(|db| {
                db.prepare_cached("SELECT alert FROM ticket_owners WHERE ticket = ?1")?
                    .query_map([ticket.get()], |row| row.get(0).map(AlertId::new))?
                    .map(|alert| alert.map_err(StoreError::from))
                    .collect()
            })
            .await?;
        Ok(owners)
    }

    async fn save(
        &self,
        link: &Link,
        entries: &[JournalEntry],
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        self.write(DURABILITY, |db| {
            if stored_revision(db, link.alert)? != revision {
                return Err(SaveError::Conflict);
            }
            let next = Revision(revision.0 + 1);
            write_link(db, link, next)?;
            write_owners(db, link)?;
            write_entries(db, entries)?;
            Ok(next)
        })
        .await
    }

    async fn list(
        &self,
        filter: LinkFilter,
        after: Option<AlertId>,
        limit: usize,
    ) -> Result<Vec<Link>, PortError> {
        let condition = match filter {
            LinkFilter::All => "",
            LinkFilter::Parked => "AND parked = 1",
            LinkFilter::Refused => "AND refused = 1",
            LinkFilter::Claimed => "AND claimed = 1",
        };
        let sql =
            format!("SELECT body FROM links WHERE alert > ?1 {condition} ORDER BY alert LIMIT ?2");
        let after = after.map_or(-1, |alert| i64::try_from(alert.get()).unwrap_or(i64::MAX));
        let links = self
            .read(|db| {
                db.prepare_cached(&sql)?
                    .query_map(params![after, rows_max(limit)], |row| {
                        row.get::<_, String>(0)
                    })?
                    .map(|body| from_json("links", &body?))
                    .collect::<Result<_, StoreError>>()
            })
            .await?;
        Ok(links)
    }
}

/// The revision of the link of `alert`; 0 when there is none.
fn stored_revision(db: &Connection, alert: AlertId) -> Result<Revision, StoreError> {
    let found = db
        .prepare_cached("SELECT revision FROM links WHERE alert = ?1")?
        .query_row([alert.get()], |row| row.get(0))
        .optional()?;
    Ok(found.map(Revision).unwrap_or_default())
}

/// Writes the row of `link`.
fn write_link(db: &Connection, link: &Link, revision: Revision) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO links (alert, revision, ticket, parked, refused, claimed, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        link.alert.get(),
        revision.0,
        link.ticket.map(TicketId::get),
        link.parked.is_some(),
        !link.refused.is_empty(),
        link.is_claimed(),
        to_json("links", link)?,
    ])?;
    Ok(())
}

/// Writes whose the tickets of `link` are, and forgets those it no longer names.
fn write_owners(db: &Connection, link: &Link) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM ticket_owners WHERE alert = ?1")?
        .execute([link.alert.get()])?;
    let mut insert =
        db.prepare_cached("INSERT OR REPLACE INTO ticket_owners (ticket, alert) VALUES (?1, ?2)")?;
    for ticket in link.earlier_tickets.iter().chain(&link.ticket) {
        insert.execute(params![ticket.get(), link.alert.get()])?;
    }
    Ok(())
}

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

/// A `LIMIT` that SQLite understands.
pub(crate) fn rows_max(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
