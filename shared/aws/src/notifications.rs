//! Webhooks that were processed.

use std::ops::ControlFlow;
use std::time::Duration;

use halogard_app::ports::{Clock, NotificationCount, Notifications, PortError};
use halogard_domain::Timestamp;
use halogard_domain::hash::hex;
use halogard_domain::message::Notification;
use sha2::{Digest, Sha256};

use crate::error::AwsError;
use crate::items::{AttributeReader, EXPIRES, ItemRange, PK, SK, key, number};
use crate::store::Store;

/// The partition of the signs by which a notification is known again.
const KEYS: &str = "notification";
/// The partition of the counts, by kind.
const COUNTS: &str = "notification_count";
/// When a sign or a kind was last recorded, in milliseconds.
const RECORDED_AT: &str = "recorded_at";
/// How often a kind was recorded.
const COUNT: &str = "count";

/// Reads signs and counts.
const READER: AttributeReader = AttributeReader("notifications");

/// How long after a sign is forgotten it may be cleared away: the clocks of two processes and of
/// DynamoDB may differ.
const RETENTION_MARGIN: Duration = Duration::from_secs(24 * 60 * 60);

impl<C: Clock> Notifications for Store<C> {
    async fn is_known(
        &self,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<bool, PortError> {
        let keys = dedup_keys(notification)
            .map(|dedup_key| key(KEYS, dedup_key))
            .collect();
        let since = now.minus(Self::MEMORY).as_millis();
        for item in self.items_under(keys).await? {
            if READER.number::<i64>(&item, RECORDED_AT)? >= since {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn record(&self, notification: &Notification, now: Timestamp) -> Result<(), PortError> {
        let forgotten = now.plus(Self::MEMORY).plus(RETENTION_MARGIN);
        // The count comes last: a crash before it loses one count of a metric, nothing more.
        for dedup_key in dedup_keys(notification) {
            self.record_key(&dedup_key, now, forgotten).await?;
        }
        Ok(self.count_kind(&notification.kind, now).await?)
    }

    async fn counts(&self) -> Result<Vec<NotificationCount>, PortError> {
        let range = ItemRange {
            place: READER.0,
            pk: COUNTS.to_owned(),
            ..ItemRange::default()
        };
        let mut counts = Vec::new();
        self.each_page(range, |page| {
            for item in &page {
                counts.push(NotificationCount {
                    kind: READER.text(item, SK)?.to_owned(),
                    count: READER.number(item, COUNT)?,
                    last_at: Timestamp::from_millis(READER.number(item, RECORDED_AT)?),
                });
            }
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        Ok(counts)
    }
}

impl<C: Clock> Store<C> {
    /// Remembers `sign` as recorded at `now`, unless it was recorded later.
    async fn record_key(
        &self,
        dedup_key: &str,
        now: Timestamp,
        forgotten: Timestamp,
    ) -> Result<(), AwsError> {
        let mut item = key(KEYS, dedup_key);
        item.insert(RECORDED_AT.to_owned(), number(now.as_millis()));
        let expires = forgotten.as_millis().div_euclid(1000);
        item.insert(EXPIRES.to_owned(), number(expires));
        let put = self
            .dynamodb()
            .put_item()
            .table_name(self.table())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#pk) OR #recorded_at < :now")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#recorded_at", RECORDED_AT)
            .expression_attribute_values(":now", number(now.as_millis()))
            .send()
            .await;
        match put {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(service) if service.is_conditional_check_failed_exception() => Ok(()),
                _ => Err(AwsError::of("DynamoDB PutItem", error)),
            },
        }
    }

    /// Counts one more of `kind`, recorded at `now`; two, should the answer to the first have been lost.
    async fn count_kind(&self, kind: &str, now: Timestamp) -> Result<(), AwsError> {
        self.dynamodb()
            .update_item()
            .table_name(self.table())
            .set_key(Some(key(COUNTS, kind)))
            .update_expression("ADD #count :one SET #recorded_at = :now")
            .expression_attribute_names("#count", COUNT)
            .expression_attribute_names("#recorded_at", RECORDED_AT)
            .expression_attribute_values(":now", number(now.as_millis()))
            .expression_attribute_values(":one", number(1))
            .send()
            .await
            .map_err(|error| AwsError::of("DynamoDB UpdateItem", error))?;
        Ok(())
    }
}

/// The sort keys under which `notification` is known again. Ids come from outside and may be of any
/// length; keys may not.
fn dedup_keys(notification: &Notification) -> impl Iterator<Item = String> {
    let delivery = notification
        .delivery
        .as_deref()
        .map(|id| dedup_key("delivery", id));
    let content = dedup_key("content", &notification.content);
    delivery.into_iter().chain([content])
}

/// `text` as a key of fixed length.
fn dedup_key(known_by: &str, text: &str) -> String {
    format!("{known_by}#{}", hex(&Sha256::digest(text)))
}
