//! Which state of each alert was last queued.
//!
//! Alerts that follow each other share an item, an attribute for each: a poll that finds ten
//! thousand new ones writes four hundred times, and one that finds a change writes one unit.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use aws_sdk_dynamodb::types::AttributeValue;
use halogard_app::ports::{AlertIndex, Clock, Indexed, PortError};
use halogard_domain::Timestamp;
use halogard_domain::ids::AlertId;

use crate::error::AwsError;
use crate::items::{Change, PK, Range, Reader, SK, block, four_at_once, number};
use crate::store::Store;

/// The partition that holds the index.
const INDEX: &str = "index";

/// Alerts that share an item. With numbers of ten digits they fill one write unit.
const BLOCK: u64 = 25;

/// Reads entries.
const READER: Reader = Reader("alert index");

impl<C: Clock> AlertIndex for Store<C> {
    async fn load_index(&self) -> Result<BTreeMap<AlertId, Indexed>, PortError> {
        let range = Range {
            place: READER.0,
            pk: INDEX.to_owned(),
            ..Range::default()
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

    async fn save_index(&self, entries: &BTreeMap<AlertId, Indexed>) -> Result<(), PortError> {
        let mut blocks = BTreeMap::<String, Vec<(String, AttributeValue)>>::new();
        for (alert, indexed) in entries {
            let queued_at = indexed.queued_at.as_millis();
            let state = AttributeValue::L(vec![number(indexed.face), number(queued_at)]);
            blocks
                .entry(block(alert.get(), BLOCK))
                .or_default()
                .push((alert.to_string(), state));
        }
        let changes = blocks.into_iter().map(|(sk, states)| async move {
            self.change_item(INDEX, &sk, Change::Set(states)).await
        });
        Ok(four_at_once(changes).await?)
    }
}

/// The alert an attribute is named after, and the state it holds: a digest and a time.
fn entry(name: &str, value: &AttributeValue) -> Option<(AlertId, Indexed)> {
    let [face, queued_at] = value.as_l().ok()?.as_slice() else {
        return None;
    };
    let indexed = Indexed {
        face: face.as_n().ok()?.parse().ok()?,
        queued_at: Timestamp::from_millis(queued_at.as_n().ok()?.parse().ok()?),
    };
    Some((AlertId::new(name.parse().ok()?), indexed))
}
