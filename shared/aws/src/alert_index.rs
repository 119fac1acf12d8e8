//! Which state of each alert was last queued.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use halogard_app::ports::{AlertIndex, Clock, Indexed, PortError};
use halogard_domain::Timestamp;
use halogard_domain::ids::AlertId;

use crate::error::AwsError;
use crate::items::{Item, Range, Reader, SK, key, number, padded};
use crate::store::Store;

/// The partition that holds the index.
const INDEX: &str = "index";
/// The digest of the state that was queued.
const FACE: &str = "face";
/// When it was queued.
const QUEUED_AT: &str = "queued_at";

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
            for item in &page {
                let (alert, indexed) = entry(item)?;
                index.insert(alert, indexed);
            }
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        Ok(index)
    }

    async fn save_index(&self, entries: &BTreeMap<AlertId, Indexed>) -> Result<(), PortError> {
        let items = entries.iter().map(|(alert, indexed)| {
            let mut item = key(INDEX, padded(alert.get()));
            item.insert(FACE.to_owned(), number(indexed.face));
            item.insert(QUEUED_AT.to_owned(), number(indexed.queued_at.as_millis()));
            item
        });
        Ok(self.put_items(items.collect()).await?)
    }
}

/// The entry in `item`.
fn entry(item: &Item) -> Result<(AlertId, Indexed), AwsError> {
    let alert = READER.text(item, SK)?.parse();
    let alert = alert.map_err(|_| AwsError::Attribute {
        place: READER.0,
        attribute: SK,
    })?;
    let indexed = Indexed {
        face: READER.number(item, FACE)?,
        queued_at: Timestamp::from_millis(READER.number(item, QUEUED_AT)?),
    };
    Ok((alert, indexed))
}
