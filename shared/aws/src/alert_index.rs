//! Which state of each alert was last queued.
//!
//! Alerts that follow each other share an item, an attribute for each: a poll that finds ten
//! thousand new ones writes four hundred times, and one that finds a change writes one unit.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use aws_sdk_dynamodb::types::AttributeValue;
use halogard_app::ports::{AlertIndex, Clock, PortError, QueuedState};
use halogard_domain::Timestamp;
use halogard_domain::ids::AlertId;

use crate::error::AwsError;
use crate::items::{AttributeReader, ItemChange, ItemRange, PK, SK, block, number, try_join_four};
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
            let state = AttributeValue::L(vec![number(indexed.fingerprint), number(queued_at)]);
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
}

/// The alert an attribute is named after, and the state it holds: a digest and a time.
fn entry(name: &str, value: &AttributeValue) -> Option<(AlertId, QueuedState)> {
    let [face, queued_at] = value.as_l().ok()?.as_slice() else {
        return None;
    };
    let indexed = QueuedState {
        fingerprint: face.as_n().ok()?.parse().ok()?,
        queued_at: Timestamp::from_millis(queued_at.as_n().ok()?.parse().ok()?),
    };
    Some((AlertId::new(name.parse().ok()?), indexed))
}
