//! The work queue, and its dead letters.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use halogard_app::ports::{
    Clock, DeadLetter, Delivery, Lane, Outgoing, PortError, Unreadable, WorkQueue, WorkSink,
    deferred_until,
};
use halogard_domain::time::CLOCK_AHEAD_MAX;
use halogard_domain::{Message, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::error::{RowDecodeError, StoreError, to_json};
use crate::store::{Durability, Store, rows_max};

/// A power cut may lose messages and bring others back: sweeps repair the first, and every message
/// may come twice.
const DURABILITY: Durability = Durability::ProcessKill;

impl<C: Clock> WorkSink for Store<C> {
    async fn send(&self, lane: Lane, messages: &[Outgoing]) -> Result<(), PortError> {
        self.change(|db, now| {
            for outgoing in messages {
                let body = to_json("queue", &outgoing.message)?;
                let not_before = outgoing.not_before;
                let until = not_before.and_then(|time| deferred_until(time, now));
                let visible_at = until.unwrap_or(now);
                enqueue(db, lane.name(), &body, now, visible_at)?;
            }
            Ok(())
        })
        .await
    }
}

impl<C: Clock> WorkQueue for Store<C> {
    async fn receive(
        &self,
        lane: Lane,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, PortError> {
        // An idle worker looks often; only a message to take is worth the write lock.
        let now = self.now();
        let is_empty = self
            .read(|db| {
                Ok(waiting(db, lane, now, 1)?.is_empty() && !any_hidden_in_the_future(db, now)?)
            })
            .await?;
        if is_empty {
            return Ok(Vec::new());
        }
        self.change(|db, now| {
            show_hidden_in_the_future(db, now)?;
            let visible = waiting(db, lane, now, max)?;
            for message in &visible {
                hide(db, message, now.plus(visibility), now)?;
            }
            Ok(visible.into_iter().map(VisibleRow::deliver).collect())
        })
        .await
    }

    async fn ack(&self, lane: Lane, receipt: &str) -> Result<(), PortError> {
        self.settle(lane, receipt, |db, message| {
            db.prepare_cached("DELETE FROM queue WHERE id = ?1")?
                .execute([message.id])?;
            Ok(())
        })
        .await
    }

    async fn defer(
        &self,
        lane: Lane,
        receipt: &str,
        not_before: Timestamp,
    ) -> Result<(), PortError> {
        self.settle(lane, receipt, |db, message| {
            let count = message.receive_count.saturating_sub(1);
            make_visible(db, message.id, not_before, count, self.now())
        })
        .await
    }

    async fn retry(
        &self,
        lane: Lane,
        receipt: &str,
        not_before: Timestamp,
    ) -> Result<(), PortError> {
        self.settle(lane, receipt, |db, message| {
            make_visible(
                db,
                message.id,
                not_before,
                message.receive_count,
                self.now(),
            )
        })
        .await
    }

    async fn dead_letter(&self, lane: Lane, receipt: &str, reason: &str) -> Result<(), PortError> {
        let now = self.now();
        self.settle(lane, receipt, |db, message| {
            db.prepare_cached(
                "INSERT INTO dead_letters (lane, body, reason, at, receive_count)
                 SELECT lane, body, ?2, ?3, receive_count FROM queue WHERE id = ?1",
            )?
            .execute(params![message.id, reason, now.as_millis()])?;
            db.prepare_cached("DELETE FROM queue WHERE id = ?1")?
                .execute([message.id])?;
            Ok(())
        })
        .await
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, PortError> {
        let letters = self
            .read(|db| {
                db.prepare_cached(
                    "SELECT id, lane, body, reason, at, receive_count FROM dead_letters
                 ORDER BY at, id LIMIT ?1",
                )?
                .query_map([rows_max(limit)], dead_letter)?
                .map(|letter| letter.map_err(StoreError::from))
                .collect()
            })
            .await?;
        Ok(letters)
    }

    async fn dead_letter_count(&self) -> Result<u64, PortError> {
        let count = self
            .read(|db| {
                Ok(db
                    .prepare_cached("SELECT count(*) FROM dead_letters")?
                    .query_row([], |row| row.get(0))?)
            })
            .await?;
        Ok(count)
    }

    async fn redrive(&self, id: &str) -> Result<bool, PortError> {
        self.change(|db, now| {
            let letter: Option<(String, String)> = db
                .prepare_cached(
                    "DELETE FROM dead_letters WHERE id = CAST(?1 AS INTEGER)
                       AND CAST(id AS TEXT) = ?1
                     RETURNING lane, body",
                )?
                .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            if let Some((lane, body)) = &letter {
                enqueue(db, lane, body, now, now)?;
            }
            Ok(letter.is_some())
        })
        .await
    }

    async fn discard_dead_letters(&self, ids: &[String]) -> Result<usize, PortError> {
        self.change(|db, _| {
            let mut delete = db.prepare_cached(
                "DELETE FROM dead_letters WHERE id = CAST(?1 AS INTEGER) AND CAST(id AS TEXT) = ?1",
            )?;
            let mut discarded = 0;
            for id in ids {
                discarded += delete.execute([id])?;
            }
            Ok(discarded)
        })
        .await
    }

    async fn depth(&self, lane: Lane) -> Result<u64, PortError> {
        let depth = self
            .read(|db| {
                Ok(db
                    .prepare_cached("SELECT count(*) FROM queue WHERE lane = ?1")?
                    .query_row([lane.name()], |row| row.get(0))?)
            })
            .await?;
        Ok(depth)
    }
}

impl<C: Clock> Store<C> {
    /// Puts `body` on `lane` as it is, readable or not.
    ///
    /// For tests and repair: bodies that an older or newer version wrote, or that no version wrote.
    ///
    /// # Errors
    ///
    /// The store failed; nothing was sent.
    pub fn send_raw(&self, lane: Lane, body: &str) -> Result<(), PortError> {
        Ok(self.write_blocking(DURABILITY, |db| {
            let now = self.now();
            enqueue(db, lane.name(), body, now, now)
        })?)
    }

    /// Makes the messages visible at once that a crashed process had received. Their deliveries count:
    /// a message may be what caused the crash.
    ///
    /// For the start of the worker, which holds the worker lock; operator commands receive nothing.
    ///
    /// # Errors
    ///
    /// The store failed; safe to repeat.
    pub fn requeue_in_flight(&self) -> Result<usize, PortError> {
        let requeued = self.write_blocking(DURABILITY, |db| {
            let now = self.now();
            Ok::<_, StoreError>(
                db.prepare_cached(
                    "UPDATE queue SET visible_at = min(visible_at, ?1), in_flight = 0 WHERE in_flight = 1",
                )?
                .execute([now.as_millis()])?,
            )
        })?;
        Ok(requeued)
    }

    /// Changes the queue at one point in time.
    async fn change<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>, Timestamp) -> Result<T, StoreError> + Send,
    ) -> Result<T, PortError> {
        Ok(self.write(DURABILITY, |db| work(db, self.now())).await?)
    }

    /// Does `work` to the message of `receipt`, if that delivery has not run out.
    async fn settle(
        &self,
        lane: Lane,
        receipt: &str,
        work: impl FnOnce(&Transaction<'_>, &InFlightRow) -> Result<(), StoreError> + Send,
    ) -> Result<(), PortError> {
        self.change(|db, now| match in_flight(db, lane, receipt, now)? {
            Some(message) => work(db, &message),
            None => Ok(()),
        })
        .await
    }
}

/// Names one delivery of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Receipt {
    id: i64,
    /// The how-manieth delivery, those given back free of charge included: never the same twice.
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

/// The text is no receipt of this queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct InvalidReceipt;

/// A message that is about to be handed out.
struct VisibleRow {
    receipt: Receipt,
    body: String,
    sent_at: Timestamp,
    receive_count: u32,
}

impl VisibleRow {
    /// The message in `row`, as it will be once it is handed out.
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
    fn deliver(self) -> Delivery {
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
struct InFlightRow {
    id: i64,
    receive_count: u32,
}

/// Whether messages were hidden in the future: under a clock that was ahead, until a time that means
/// nothing any more.
fn any_hidden_in_the_future(db: &Connection, now: Timestamp) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM queue WHERE hidden_at > ?1)")?
        .query_row([now.plus(CLOCK_AHEAD_MAX).as_millis()], |row| row.get(0))?)
}

/// Makes them visible. A message that comes too early does no harm.
fn show_hidden_in_the_future(db: &Connection, now: Timestamp) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE queue SET visible_at = ?2, hidden_at = ?2, in_flight = 0 WHERE hidden_at > ?1",
    )?
    .execute([now.plus(CLOCK_AHEAD_MAX).as_millis(), now.as_millis()])?;
    Ok(())
}

/// Puts one message on `lane`.
fn enqueue(
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

/// Messages of `lane` that may be handed out at `now`, the longest waiting first.
fn waiting(
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

/// Notes that `message` is handed out, and hides it.
fn hide(
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
fn in_flight(
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
fn make_visible(
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
fn dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
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
