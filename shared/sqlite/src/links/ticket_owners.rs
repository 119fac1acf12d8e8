//! Which alerts a ticket may belong to: a row for each ticket that a link names.

use std::collections::BTreeSet;

use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::{Link, Timestamp};
use rusqlite::{Connection, params};

use crate::error::StoreError;

/// The alerts whose links name `ticket`.
pub fn owners(
    db: &Connection,
    ticket: TicketId,
    now: Timestamp,
) -> Result<BTreeSet<AlertId>, StoreError> {
    db.prepare_cached(
        "SELECT alert FROM ticket_owners JOIN links USING (alert)
         WHERE ticket_owners.ticket = ?1 AND (expires_at IS NULL OR expires_at > ?2)",
    )?
    .query_map(params![ticket.get(), now.as_millis()], |row| {
        row.get(0).map(AlertId::new)
    })?
    .map(|alert| alert.map_err(StoreError::from))
    .collect()
}

/// Enters every ticket that `link` names, and deletes the rows of those it no longer names.
pub fn write_owners(db: &Connection, link: &Link) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM ticket_owners WHERE alert = ?1")?
        .execute([link.alert.get()])?;
    let mut insert =
        db.prepare_cached("INSERT OR REPLACE INTO ticket_owners (ticket, alert) VALUES (?1, ?2)")?;
    for ticket in link.earlier_tickets.iter().chain(&link.ticket) {
        insert.execute(params![ticket.get(), link.alert.get()])?;
    }
    Ok(())
}
