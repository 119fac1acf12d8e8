//! The work queue, and its dead letters.

mod rows;

use std::time::Duration;

use halogard_app::ports::{
    Clock, DeadLetter, Delivery, Lane, Outgoing, PortError, WorkQueue, WorkSink, deferred_until,
};
use halogard_domain::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use self::rows::{
    InFlightRow, VisibleRow, any_hidden_in_the_future, dead_letter, enqueue, hide, in_flight,
    make_visible, show_hidden_in_the_future, waiting,
};
use crate::error::{StoreError, to_json};
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
        receipts: &[&str],
        not_before: Timestamp,
    ) -> Result<(), PortError> {
        self.change(|db, now| {
            for receipt in receipts {
                if let Some(message) = in_flight(db, lane, receipt, now)? {
                    let count = message.receive_count.saturating_sub(1);
                    make_visible(db, message.id, not_before, count, now)?;
                }
            }
            Ok(())
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

    async fn oldest(&self, lane: Lane) -> Result<Option<Timestamp>, PortError> {
        let oldest: Option<i64> = self
            .read(|db| {
                Ok(db
                    .prepare_cached("SELECT min(sent_at) FROM queue WHERE lane = ?1")?
                    .query_row([lane.name()], |row| row.get(0))?)
            })
            .await?;
        Ok(oldest.map(Timestamp::from_millis))
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
