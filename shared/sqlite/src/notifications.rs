//! Which webhooks were worked off.

use halogard_app::ports::{Clock, NotificationCount, Notifications, PortError};
use halogard_domain::Timestamp;
use halogard_domain::message::Notification;
use rusqlite::{Connection, params};

use crate::error::StoreError;
use crate::store::{Durability, Store};

impl<C: Clock> Notifications for Store<C> {
    async fn is_known(
        &self,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<bool, PortError> {
        let known = self
            .read(|db| {
                Ok(db
                    .prepare_cached(
                        "SELECT EXISTS (
                         SELECT 1 FROM notifications
                         WHERE (key_kind, dedup_key) IN (('delivery', ?1), ('content', ?2))
                           AND recorded_at >= ?3
                     )",
                    )?
                    .query_row(
                        params![
                            notification.delivery,
                            notification.content,
                            remembered_since::<C>(now)
                        ],
                        |row| row.get(0),
                    )?)
            })
            .await?;
        Ok(known)
    }

    async fn record(&self, notification: &Notification, now: Timestamp) -> Result<(), PortError> {
        self.write(Durability::ProcessKill, |db| {
            if let Some(delivery) = &notification.delivery {
                remember(db, "delivery", delivery, now)?;
            }
            remember(db, "content", &notification.content, now)?;
            count(db, &notification.kind, now)?;
            db.prepare_cached("DELETE FROM notifications WHERE recorded_at < ?1")?
                .execute([remembered_since::<C>(now)])?;
            Ok::<_, StoreError>(())
        })
        .await?;
        Ok(())
    }

    async fn counts(&self) -> Result<Vec<NotificationCount>, PortError> {
        let counts = self
            .read(|db| {
                db.prepare_cached(
                    "SELECT kind, count, last_at FROM notification_counts ORDER BY kind",
                )?
                .query_map((), |row| {
                    Ok(NotificationCount {
                        kind: row.get(0)?,
                        count: row.get(1)?,
                        last_at: Timestamp::from_millis(row.get(2)?),
                    })
                })?
                .map(|count| count.map_err(StoreError::from))
                .collect()
            })
            .await?;
        Ok(counts)
    }
}

/// The earliest recording that still counts at `now`.
fn remembered_since<C: Clock>(now: Timestamp) -> i64 {
    now.minus(<Store<C> as Notifications>::MEMORY).as_millis()
}

/// Notes one of the dedup_key by which a notification is known again.
fn remember(
    db: &Connection,
    key_kind: &str,
    dedup_key: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO notifications (key_kind, dedup_key, recorded_at) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET recorded_at = max(recorded_at, excluded.recorded_at)",
    )?
    .execute(params![key_kind, dedup_key, now.as_millis()])?;
    Ok(())
}

/// Counts one more of `kind`, recorded at `now`.
fn count(db: &Connection, kind: &str, now: Timestamp) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO notification_counts (kind, count, last_at) VALUES (?1, 1, ?2)
         ON CONFLICT DO UPDATE SET count = count + 1, last_at = ?2",
    )?
    .execute(params![kind, now.as_millis()])?;
    Ok(())
}
