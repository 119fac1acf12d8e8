//! Which state of each alert was last queued.
//!
//! Alerts that follow each other share an item, an attribute for each: a poll that finds ten
//! thousand new ones writes four hundred times, and one that finds a change writes one unit.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use halogard_app::ports::{AlertIndex, Clock, PortError, QueuedState, SinceQueued};
use halogard_domain::Timestamp;
use halogard_domain::ids::AlertId;

use crate::error::AwsError;
use crate::items::{
    AttributeReader, ItemChange, ItemRange, PK, SK, block, key, number, padded, try_join_four,
};
use crate::store::Store;

/// The partition that holds the index.
const INDEX: &str = "alert_index";

/// Alerts that share an item. With numbers of ten digits they fill one write unit.
const BLOCK: u64 = 25;

/// Reads entries.
const READER: AttributeReader = AttributeReader("alert index");

impl<C: Clock> AlertIndex for Store<C> {
    async fn load_index(&self) -> Result<BTreeMap<AlertId, QueuedState>, PortError> {
        let range = ItemRange {
            place: READER.0,
            pk: INDEX.to_owned(),
            ..ItemRange::default()
        };
        let mut index = BTreeMap::new();
        self.each_page(range, |page| {
            for (name, value) in page.iter().flatten() {
                if name != PK && name != SK {
                    let (alert, indexed) = entry(name, value).ok_or(AwsError::Attribute {
                        place: READER.0,
                        attribute: "of an alert",
                    })?;
                    index.insert(alert, indexed);
                }
            }
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        Ok(index)
    }

    async fn save_index(&self, entries: &BTreeMap<AlertId, QueuedState>) -> Result<(), PortError> {
        let mut blocks = BTreeMap::<String, Vec<(String, AttributeValue)>>::new();
        for (alert, indexed) in entries {
            let queued_at = indexed.queued_at.as_millis();
            let mut state = vec![number(indexed.fingerprint), number(queued_at)];
            state.extend(match indexed.since_then {
                SinceQueued::Nothing => None,
                SinceQueued::InSync => Some(AttributeValue::Bool(true)),
                SinceQueued::Unlisted(since) => Some(number(since.as_millis())),
            });
            let state = AttributeValue::L(state);
            blocks
                .entry(block(alert.get(), BLOCK))
                .or_default()
                .push((alert.to_string(), state));
        }
        let changes = blocks.into_iter().map(|(sk, states)| async move {
            self.change_item(INDEX, &sk, ItemChange::Set(states)).await
        });
        Ok(try_join_four(changes).await?)
    }

    async fn remove_from_index(&self, alerts: &BTreeSet<AlertId>) -> Result<(), PortError> {
        let mut blocks = BTreeMap::<u64, Vec<String>>::new();
        for alert in alerts {
            let of_block = blocks.entry(alert.get() / BLOCK).or_default();
            of_block.push(alert.to_string());
        }
        let changes = blocks.into_iter().map(|(place, names)| async move {
            let sk = padded(place);
            self.change_item(INDEX, &sk, ItemChange::Remove(names))
                .await?;
            self.delete_empty_block(place, &sk).await
        });
        Ok(try_join_four(changes).await?)
    }
}

impl<C: Clock> Store<C> {
    /// Deletes the item of a block that holds no alert. An empty item would be read with every poll.
    async fn delete_empty_block(&self, place: u64, sk: &str) -> Result<(), AwsError> {
        let first = place.saturating_mul(BLOCK);
        let alerts = (first..first.saturating_add(BLOCK)).enumerate();
        let absent: Vec<_> = (0..BLOCK)
            .map(|alert| format!("attribute_not_exists(#a{alert})"))
            .collect();
        let mut delete = self
            .dynamodb()
            .delete_item()
            .table_name(self.table())
            .set_key(Some(key(INDEX, sk)))
            .condition_expression(absent.join(" AND "));
        for (number, alert) in alerts {
            delete = delete.expression_attribute_names(format!("#a{number}"), alert.to_string());
        }
        match delete.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(AwsError::of("DynamoDB DeleteItem", error)),
            },
        }
    }
}

/// The time in `value`.
fn time(value: &AttributeValue) -> Option<Timestamp> {
    let millis = value.as_n().ok()?.parse().ok()?;
    Some(Timestamp::from_millis(millis))
}

/// The alert an attribute is named after, and the state it holds: a digest, a time, and what polls found out
/// since, if anything.
fn entry(name: &str, value: &AttributeValue) -> Option<(AlertId, QueuedState)> {
    let (face, queued_at, since_then) = match value.as_l().ok()?.as_slice() {
        [face, queued_at] => (face, queued_at, SinceQueued::Nothing),
        [face, queued_at, AttributeValue::Bool(true)] => (face, queued_at, SinceQueued::InSync),
        [face, queued_at, unlisted] => (face, queued_at, SinceQueued::Unlisted(time(unlisted)?)),
        _ => return None,
    };
    let indexed = QueuedState {
        fingerprint: face.as_n().ok()?.parse().ok()?,
        queued_at: time(queued_at)?,
        since_then,
    };
    Some((AlertId::new(name.parse().ok()?), indexed))
}
