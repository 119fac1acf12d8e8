//! The pairs, with their journal and the index of the tickets they name.

mod journal;
mod ticket_owners;

use std::collections::BTreeSet;

use halogard_app::ports::{
    Clock, JournalEntry, LinkFilter, Links, PortError, Revision, SaveError, Stored,
};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::{Link, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{StoreError, from_json, to_json};
use crate::store::{Durability, Store, rows_max};

use journal::write_entries;
use ticket_owners::{owners, write_owners};

/// Links survive a power cut: a lost claim could open a second ticket.
const DURABILITY: Durability = Durability::PowerLoss;

impl<C: Clock> Links for Store<C> {
    async fn load(&self, alert: AlertId) -> Result<Option<Stored<Link>>, PortError> {
        let found = self
            .read(|db| {
                db.prepare_cached(
                    "SELECT body, revision FROM links
                     WHERE alert = ?1 AND (expires_at IS NULL OR expires_at > ?2)",
                )?
                .query_row(params![alert.get(), self.now().as_millis()], |row| {
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

    async fn load_many(&self, alerts: &BTreeSet<AlertId>) -> Result<Vec<Link>, PortError> {
        let mut links = Vec::new();
        // Each a call of its own: other work of the process comes between them.
        for alert in alerts {
            links.extend(self.load(*alert).await?.map(|stored| stored.value));
        }
        Ok(links)
    }

    async fn owners(&self, ticket: TicketId) -> Result<BTreeSet<AlertId>, PortError> {
        Ok(self.read(|db| owners(db, ticket, self.now())).await?)
    }

    async fn save(
        &self,
        link: &Link,
        entries: &[JournalEntry],
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        self.write(DURABILITY, |db| {
            let now = self.now();
            if stored_revision(db, link.alert, now)? != revision {
                return Err(SaveError::Conflict);
            }
            let next = Revision(revision.0 + 1);
            let expires_at = link.expires_at(&self.retention(), now);
            write_link(db, link, next, expires_at)?;
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
            LinkFilter::Waiting => "AND waiting = 1",
            LinkFilter::Claimed => "AND claimed = 1",
        };
        let sql = format!(
            "SELECT body FROM links WHERE alert > ?1 {condition}
                   AND (expires_at IS NULL OR expires_at > ?3) ORDER BY alert LIMIT ?2"
        );
        let after = after.map_or(-1, |alert| i64::try_from(alert.get()).unwrap_or(i64::MAX));
        let links = self
            .read(|db| {
                db.prepare_cached(&sql)?
                    .query_map(
                        params![after, rows_max(limit), self.now().as_millis()],
                        |row| row.get::<_, String>(0),
                    )?
                    .map(|body| from_json("links", &body?))
                    .collect::<Result<_, StoreError>>()
            })
            .await?;
        Ok(links)
    }
}

/// The revision of the link of `alert`; 0 when there is none.
fn stored_revision(
    db: &Connection,
    alert: AlertId,
    now: Timestamp,
) -> Result<Revision, StoreError> {
    let found = db
        .prepare_cached(
            "SELECT revision FROM links
             WHERE alert = ?1 AND (expires_at IS NULL OR expires_at > ?2)",
        )?
        .query_row(params![alert.get(), now.as_millis()], |row| row.get(0))
        .optional()?;
    Ok(found.map(Revision).unwrap_or_default())
}

/// Writes the row of `link`.
fn write_link(
    db: &Connection,
    link: &Link,
    revision: Revision,
    expires_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO links
             (alert, revision, ticket, parked, refused, waiting, claimed, expires_at, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        link.alert.get(),
        revision.0,
        link.ticket.map(TicketId::get),
        link.parked.is_some(),
        !link.refused.is_empty(),
        link.may_wait(),
        link.is_claimed(),
        expires_at.map(Timestamp::as_millis),
        to_json("links", link)?,
    ])?;
    Ok(())
}
