//! The audit trail.
//!
//! What happened to an alert in one millisecond is one item, to whose end entries are added: the
//! table itself keeps their order, whoever adds them, and a look that has several things to tell
//! writes once.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use halogard_app::ports::{Clock, Entry, Journal, PortError};
use halogard_domain::Timestamp;
use halogard_domain::ids::AlertId;

use crate::error::{AwsError, from_json, to_json};
use crate::items::{Item, Range, Reader, four_at_once, key, string};
use crate::store::Store;

/// The partition of what concerns no alert; an alert's own has its number behind it.
const STORY: &str = "story";
/// The entries of one moment, oldest first, each as JSON.
const ENTRIES: &str = "entries";
/// The names of the writes that added them.
const WRITES: &str = "writes";

/// Reads entries.
const READER: Reader = Reader("journal");

impl<C: Clock> Journal for Store<C> {
    async fn append(&self, entries: &[Entry]) -> Result<(), PortError> {
        let mut moments: BTreeMap<(Option<AlertId>, Timestamp), Vec<AttributeValue>> =
            BTreeMap::new();
        for entry in entries {
            let json = string(to_json(READER.0, entry)?);
            moments
                .entry((entry.alert, entry.at))
                .or_default()
                .push(json);
        }
        let additions = moments
            .into_iter()
            .map(|((alert, at), added)| self.add_to_story(alert, at, added));
        Ok(four_at_once(additions).await?)
    }

    async fn story(&self, alert: AlertId, limit: usize) -> Result<Vec<Entry>, PortError> {
        let mut story: Vec<Entry> = Vec::new();
        if limit == 0 {
            return Ok(story);
        }
        let range = Range {
            place: READER.0,
            pk: partition(Some(alert)),
            page: Some(limit),
            ..Range::default()
        };
        self.each_page(range, |page| {
            for item in &page {
                let room = limit - story.len();
                for json in entries_in(item)?.iter().take(room) {
                    story.push(entry(json)?);
                }
            }
            Ok(if story.len() == limit {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })
        .await?;
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
fn partition(alert: Option<AlertId>) -> String {
    alert.map_or_else(|| STORY.to_owned(), |alert| format!("{STORY}#{alert}"))
}

/// The sort key of what happened at `at`. Whatever happened before 1970 happened at once.
fn moment(at: Timestamp) -> String {
    format!("{:019}", at.as_millis().max(0))
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
