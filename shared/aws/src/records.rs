//! Records with optimistic concurrency, one item each.

use std::ops::ControlFlow;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use halogard_app::ports::{Clock, PortError, Records, Revision, Stored, Swap, record_in_force};
use halogard_domain::{Record, Timestamp};

use crate::error::{AwsError, from_json, to_json};
use crate::items::{
    AttributeReader, BODY, EXPIRES, ITEM_BYTES_MAX, ITEM_OVERHEAD_BYTES, Item, ItemRange, SK,
    SaveOutcome, key, number, string,
};
use crate::store::Store;

/// Stands on a record that is on the list of active records of its type.
const ACTIVE: &str = "active";

/// How long after its expiry a record may be deleted: the clocks of two processes and of DynamoDB
/// may differ.
const RETENTION_SECONDS: i64 = 24 * 60 * 60;

impl<C: Clock> Records for Store<C> {
    async fn load_record<T: Record>(&self, key: &T::Key) -> Result<Stored<T>, PortError> {
        let item = self.item(T::PARTITION, &key.to_string()).await?;
        Ok(stored(item.as_ref(), self.now())?)
    }

    async fn swap_record<T: Record>(
        &self,
        key: &T::Key,
        record: &T,
        revision: Revision,
    ) -> Result<Swap<T>, PortError> {
        let item = item(key, record)?;
        Ok(match self.save_item(item, revision).await? {
            SaveOutcome::Saved(revision) => Swap::Stored(revision),
            SaveOutcome::Conflict(item) => Swap::Conflict(stored(item.as_ref(), self.now())?),
        })
    }

    async fn active_records<T>(&self) -> Result<Vec<T::Key>, PortError>
    where
        T: Record<Key: FromStr + Sized>,
    {
        let range = ItemRange {
            place: T::PARTITION,
            pk: T::PARTITION.to_owned(),
            filter: Some("attribute_exists(active)"),
            ..ItemRange::default()
        };
        let mut keys = Vec::new();
        self.each_page(range, |page| {
            for item in &page {
                let key = AttributeReader(T::PARTITION).text(item, SK)?;
                keys.push(key.parse().map_err(|_| AwsError::Attribute {
                    place: T::PARTITION,
                    attribute: SK,
                })?);
            }
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        Ok(keys)
    }
}

/// The item that holds `record`, without its revision.
fn item<T: Record>(sort_key: &T::Key, record: &T) -> Result<Item, AwsError> {
    let body = to_json(T::PARTITION, record)?;
    let most = ITEM_BYTES_MAX - ITEM_OVERHEAD_BYTES;
    if body.len() > most {
        return Err(AwsError::TooLarge {
            place: T::PARTITION,
            name: sort_key.to_string(),
            bytes: body.len(),
            most,
            remedy: "what it holds; a config by its comments and by customers without alerts",
        });
    }
    let mut item = key(T::PARTITION, sort_key.to_string());
    item.insert(BODY.to_owned(), string(body));
    if record.is_active() {
        item.insert(ACTIVE.to_owned(), AttributeValue::Bool(true));
    }
    if let Some(expires_at) = record.expires_at() {
        let seconds = expires_at.as_millis().div_euclid(1000);
        let expires = seconds.saturating_add(RETENTION_SECONDS);
        item.insert(EXPIRES.to_owned(), number(expires));
    }
    Ok(item)
}

/// The record in `item` as it counts at `now`.
fn stored<T: Record>(item: Option<&Item>, now: Timestamp) -> Result<Stored<T>, AwsError> {
    let Some(item) = item else {
        return Ok(Stored {
            value: T::default(),
            revision: Revision::default(),
        });
    };
    let reader = AttributeReader(T::PARTITION);
    let decoded = reader
        .text(item, BODY)
        .and_then(|body| from_json::<T>(T::PARTITION, body));
    Ok(Stored {
        value: record_in_force(decoded, now)?,
        revision: reader.revision(item)?,
    })
}
