//! The rows of the queue and of the dead letters, and the statements about single rows.

use std::fmt;
use std::str::FromStr;

use halogard_app::ports::{DeadLetter, Delivery, Lane, Unreadable, deferred_until};
use halogard_domain::time::CLOCK_AHEAD_MAX;
use halogard_domain::{Message, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::{RowDecodeError, StoreError};
use crate::store::rows_max;

/// Names one delivery of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Receipt {
    id: i64,
    /// The number of the delivery, counting those that were deferred: never the same twice.
    delivery: u32,
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.id, self.delivery)
    }
}

impl FromStr for Receipt {
    type Err = InvalidReceipt;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, delivery) = text.split_once('.').ok_or(InvalidReceipt)?;
        Ok(Self {
            id: id.parse().map_err(|_| InvalidReceipt)?,
            delivery: delivery.parse().map_err(|_| InvalidReceipt)?,
        })
    }
}

/// The text is not a receipt of this queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct InvalidReceipt;

/// A message that is about to be delivered.
pub(super) struct VisibleRow {
    receipt: Receipt,
    body: String,
    sent_at: Timestamp,
    receive_count: u32,
}

impl VisibleRow {
    /// The message in `row`, as it will be once it is delivered.
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            receipt: Receipt {
                id: row.get(0)?,
                delivery: row.get::<_, u32>(1)?.saturating_add(1),
            },
            body: row.get(2)?,
            sent_at: Timestamp::from_millis(row.get(3)?),
            receive_count: row.get::<_, u32>(4)?.saturating_add(1),
        })
    }

    /// The message the worker has received.
    pub(super) fn deliver(self) -> Delivery {
        let message = serde_json::from_str::<Message>(&self.body);
        Delivery {
            message: message.map_err(|error| Unreadable {
                body: self.body,
                reason: RowDecodeError::from(error).to_string(),
            }),
            receipt: self.receipt.to_string(),
            receive_count: self.receive_count,
            sent_at: self.sent_at,
        }
    }
}

/// A message that a worker has received.
pub(super) struct InFlightRow {
    pub(super) id: i64,
    pub(super) receive_count: u32,
}

/// Whether messages were hidden in the future: under a clock that was ahead, until a time that means
/// nothing any more.
pub(super) fn any_hidden_in_the_future(
    db: &Connection,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM queue WHERE hidden_at > ?1)")?
        .query_row([now.plus(CLOCK_AHEAD_MAX).as_millis()], |row| row.get(0))?)
}

/// Makes them visible. A message that comes too early does no harm.
pub(super) fn show_hidden_in_the_future(db: &Connection, now: Timestamp) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE queue SET visible_at = ?2, hidden_at = ?2, in_flight = 0 WHERE hidden_at > ?1",
    )?
    .execute([now.plus(CLOCK_AHEAD_MAX).as_millis(), now.as_millis()])?;
    Ok(())
}

/// Puts one message on `lane`.
pub(super) fn enqueue(
    db: &Connection,
    lane: &str,
    body: &str,
    now: Timestamp,
    visible_at: Timestamp,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO queue (lane, body, sent_at, visible_at, hidden_at) VALUES (?1, ?2, ?3, ?4, ?3)",
    )?
    .execute(params![lane, body, now.as_millis(), visible_at.as_millis()])?;
    Ok(())
}

/// Messages of `lane` that may be delivered at `now`, the longest waiting first.
pub(super) fn waiting(
    db: &Connection,
    lane: Lane,
    now: Timestamp,
    max: usize,
) -> Result<Vec<VisibleRow>, StoreError> {
    db.prepare_cached(
        "SELECT id, delivery_count, body, sent_at, receive_count FROM queue
         WHERE lane = ?1 AND visible_at <= ?2 ORDER BY visible_at, id LIMIT ?3",
    )?
    .query_map(
        params![lane.name(), now.as_millis(), rows_max(max)],
        VisibleRow::of,
    )?
    .map(|message| message.map_err(StoreError::from))
    .collect()
}

/// Notes that `message` is delivered, and hides it.
pub(super) fn hide(
    db: &Connection,
    message: &VisibleRow,
    until: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE queue SET visible_at = ?2, delivery_count = ?3, receive_count = ?4, in_flight = 1,
             hidden_at = ?5
         WHERE id = ?1",
    )?
    .execute(params![
        message.receipt.id,
        until.as_millis(),
        message.receipt.delivery,
        message.receive_count,
        now.as_millis(),
    ])?;
    Ok(())
}

/// The message that `receipt` names; `None` when it is settled, delivered to another worker, or free to
/// be.
pub(super) fn in_flight(
    db: &Connection,
    lane: Lane,
    receipt: &str,
    now: Timestamp,
) -> Result<Option<InFlightRow>, StoreError> {
    let Ok(receipt) = receipt.parse::<Receipt>() else {
        return Ok(None);
    };
    let found = db
        .prepare_cached(
            "SELECT id, receive_count FROM queue
             WHERE id = ?1 AND delivery_count = ?2 AND in_flight = 1 AND lane = ?3 AND visible_at > ?4",
        )?
        .query_row(
            params![receipt.id, receipt.delivery, lane.name(), now.as_millis()],
            |row| {
                Ok(InFlightRow {
                    id: row.get(0)?,
                    receive_count: row.get(1)?,
                })
            },
        )
        .optional()?;
    Ok(found)
}

/// Makes message `id` visible again from `not_before` on.
pub(super) fn make_visible(
    db: &Connection,
    id: i64,
    not_before: Timestamp,
    receive_count: u32,
    now: Timestamp,
) -> Result<(), StoreError> {
    let visible_at = deferred_until(not_before, now).unwrap_or_else(|| not_before.min(now));
    db.prepare_cached(
        "UPDATE queue SET visible_at = ?2, receive_count = ?3, in_flight = 0, hidden_at = ?4
         WHERE id = ?1",
    )?
    .execute(params![
        id,
        visible_at.as_millis(),
        receive_count,
        now.as_millis()
    ])?;
    Ok(())
}

/// The dead letter in `row`.
pub(super) fn dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    let lane: String = row.get(1)?;
    Ok(DeadLetter {
        id: row.get::<_, i64>(0)?.to_string(),
        lane: Lane::ALL
            .into_iter()
            .find(|known| known.name() == lane)
            .ok_or_else(|| {
                let reason = format!("there is no lane {lane}");
                rusqlite::Error::FromSqlConversionFailure(1, Type::Text, reason.into())
            })?,
        body: row.get(2)?,
        reason: row.get(3)?,
        at: Timestamp::from_millis(row.get(4)?),
        receive_count: row.get(5)?,
    })
}
