//! The audit trail.
//!
//! What is told with a link stands in the link, and is moved here when it has grown long; see
//! [`Tail`]. What is told without one is an item for each alert and millisecond, to whose end entries
//! are added: the table itself keeps their order, whoever adds them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use halogard_app::ports::{Clock, Entry, Journal, PortError};
use halogard_domain::Timestamp;
use halogard_domain::ids::AlertId;

use crate::error::{AwsError, from_json, to_json};
use crate::items::{Item, Range, Reader, SK, four_at_once, key, padded, string};
use crate::links::LINKS;
use crate::store::Store;
use crate::tail::Tail;

/// The partition of what concerns no alert; an alert's own has its number behind it.
const STORY: &str = "story";
/// The entries of one moment, oldest first, each as JSON.
pub const ENTRIES: &str = "entries";
/// The names of the writes that added them.
const WRITES: &str = "writes";

/// Reads entries.
const READER: Reader = Reader("journal");

impl<C: Clock> Journal for Store<C> {
    async fn append(&self, entries: &[Entry]) -> Result<(), PortError> {
        let mut moments: BTreeMap<(Option<AlertId>, Timestamp), Vec<AttributeValue>> =
            BTreeMap::new();
        for entry in entries {
            moments
                .entry((entry.alert, entry.at))
                .or_default()
                .push(kept(entry)?);
        }
        let additions = moments
            .into_iter()
            .map(|((alert, at), added)| self.add_to_story(alert, at, added));
        Ok(four_at_once(additions).await?)
    }

    async fn story(&self, alert: AlertId, limit: usize) -> Result<Vec<Entry>, PortError> {
        let link = self.item(LINKS, &padded(alert.get())).await?;
        let mut tail = link.as_ref().map(Tail::of);
        let range = Range {
            place: READER.0,
            pk: partition(Some(alert)),
            ..Range::default()
        };
        let mut story = Vec::new();
        self.each_page(range, |page| {
            for item in &page {
                let mut entries = entries_in(item)?;
                let place = READER.text(item, SK)?;
                // It is being moved, or that broke off: the longer copy is the newer.
                let copy = tail.take_if(|tail| tail.place() == place);
                if let Some(copy) = &copy
                    && copy.entries.len() > entries.len()
                {
                    entries = &copy.entries;
                }
                story.extend(entries.iter().map(entry).collect::<Result<Vec<_>, _>>()?);
            }
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        let tail = tail.map(|tail| tail.entries).unwrap_or_default();
        story.extend(tail.iter().map(entry).collect::<Result<Vec<_>, _>>()?);
        story.sort_by_key(|entry: &Entry| entry.at);
        story.truncate(limit);
        Ok(story)
    }
}

impl<C: Clock> Store<C> {
    /// Adds what happened to `alert` at `at`. A repeat of a request whose answer was lost adds
    /// nothing.
    async fn add_to_story(
        &self,
        alert: Option<AlertId>,
        at: Timestamp,
        added: Vec<AttributeValue>,
    ) -> Result<(), AwsError> {
        let write = self.write_name();
        let updated = self
            .dynamodb()
            .update_item()
            .table_name(self.table())
            .set_key(Some(key(partition(alert), moment(at))))
            .update_expression(
                "SET #entries = list_append(if_not_exists(#entries, :none), :added) \
                 ADD #writes :writes",
            )
            .condition_expression("NOT contains(#writes, :write)")
            .expression_attribute_names("#entries", ENTRIES)
            .expression_attribute_names("#writes", WRITES)
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":added", AttributeValue::L(added))
            .expression_attribute_values(":writes", AttributeValue::Ss(vec![write.clone()]))
            .expression_attribute_values(":write", string(write))
            .send()
            .await;
        match updated {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(AwsError::of("DynamoDB UpdateItem", error)),
            },
        }
    }
}

/// The partition of what happened to `alert`.
pub fn partition(alert: Option<AlertId>) -> String {
    alert.map_or_else(|| STORY.to_owned(), |alert| format!("{STORY}#{alert}"))
}

/// The sort key of what happened at `at`. Whatever happened before 1970 happened at once.
fn moment(at: Timestamp) -> String {
    format!("{:019}", at.as_millis().max(0))
}

/// `entry` as it is kept: as JSON.
pub fn kept(entry: &Entry) -> Result<AttributeValue, AwsError> {
    Ok(string(to_json(READER.0, entry)?))
}

/// The entries in `item`.
fn entries_in(item: &Item) -> Result<&Vec<AttributeValue>, AwsError> {
    let entries = item.get(ENTRIES).and_then(|entries| entries.as_l().ok());
    entries.ok_or(AwsError::Attribute {
        place: READER.0,
        attribute: ENTRIES,
    })
}

/// The entry kept as `json`.
fn entry(json: &AttributeValue) -> Result<Entry, AwsError> {
    let json = json.as_s().map_err(|_| AwsError::Attribute {
        place: READER.0,
        attribute: ENTRIES,
    })?;
    from_json(READER.0, json)
}
