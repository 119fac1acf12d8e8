//! The audit trail.
//!
//! Entries saved with a link are in its item, and are moved here when they have grown long; see
//! [`InlineEntries`]. Entries without a link go to one item for each alert and millisecond, to whose end they
//! are appended: the table keeps their order, whichever process appends them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use halogard_app::ports::{Clock, Journal, JournalEntry, PortError};
use halogard_domain::Timestamp;
use halogard_domain::ids::AlertId;

use crate::error::{AwsError, from_json, to_json};
use crate::items::{
    AttributeReader, EXPIRES, Item, ItemRange, SK, expires_after, key, padded, string,
    try_join_four,
};
use crate::store::Store;

use super::LINKS;
use super::inline_entries::InlineEntries;

/// The partition of what concerns no alert; an alert's own has its number behind it.
const JOURNAL: &str = "journal";
/// The entries of one moment, oldest first, each as JSON.
pub const ENTRIES: &str = "entries";
/// The names of the writes that added them.
const WRITES: &str = "writes";

/// Reads entries.
const READER: AttributeReader = AttributeReader("journal");

impl<C: Clock> Journal for Store<C> {
    async fn append(&self, entries: &[JournalEntry]) -> Result<(), PortError> {
        let mut moments: BTreeMap<(Option<AlertId>, Timestamp), Vec<AttributeValue>> =
            BTreeMap::new();
        for entry in entries {
            moments
                .entry((entry.alert, entry.at))
                .or_default()
                .push(encode_entry(entry)?);
        }
        let additions = moments
            .into_iter()
            .map(|((alert, at), added)| self.append_entries(alert, at, added));
        Ok(try_join_four(additions).await?)
    }

    async fn journal(&self, alert: AlertId, limit: usize) -> Result<Vec<JournalEntry>, PortError> {
        let link = self.item(LINKS, &padded(alert.get())).await?;
        let mut inline = link.as_ref().map(InlineEntries::of);
        let range = ItemRange {
            place: READER.0,
            pk: partition(Some(alert)),
            ..ItemRange::default()
        };
        let mut journal = Vec::new();
        self.each_page(range, |page| {
            for item in &page {
                let mut entries = entries_in(item)?;
                let place = READER.text(item, SK)?;
                // It is being moved, or that broke off: the longer copy is the newer.
                let copy = inline.take_if(|inline| inline.sort_key() == place);
                if let Some(copy) = &copy
                    && copy.entries.len() > entries.len()
                {
                    entries = &copy.entries;
                }
                journal.extend(entries.iter().map(entry).collect::<Result<Vec<_>, _>>()?);
            }
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        let inline = inline.map(|inline| inline.entries).unwrap_or_default();
        journal.extend(inline.iter().map(entry).collect::<Result<Vec<_>, _>>()?);
        let since = self.now().minus(self.retention().journal);
        journal.retain(|entry: &JournalEntry| entry.at >= since);
        journal.sort_by_key(|entry: &JournalEntry| entry.at);
        journal.truncate(limit);
        Ok(journal)
    }
}

impl<C: Clock> Store<C> {
    /// When entries that are written now may be deleted.
    pub(crate) fn journal_expires(&self) -> AttributeValue {
        expires_after(self.now().plus(self.retention().journal))
    }

    /// Adds what happened to `alert` at `at`. A repeat of a request whose answer was lost adds
    /// nothing.
    async fn append_entries(
        &self,
        alert: Option<AlertId>,
        at: Timestamp,
        added: Vec<AttributeValue>,
    ) -> Result<(), AwsError> {
        let write = self.write_id();
        let updated = self
            .dynamodb()
            .update_item()
            .table_name(self.table())
            .set_key(Some(key(partition(alert), sort_key(at))))
            .update_expression(
                "SET #entries = list_append(if_not_exists(#entries, :none), :added), \
                 #expires = :expires ADD #writes :writes",
            )
            .condition_expression("NOT contains(#writes, :write)")
            .expression_attribute_names("#entries", ENTRIES)
            .expression_attribute_names("#writes", WRITES)
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_values(":expires", self.journal_expires())
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
    alert.map_or_else(|| JOURNAL.to_owned(), |alert| format!("{JOURNAL}#{alert}"))
}

/// The sort key of what happened at `at`. Whatever happened before 1970 happened at once.
fn sort_key(at: Timestamp) -> String {
    format!("{:019}", at.as_millis().max(0))
}

/// `entry` as it is kept: as JSON.
pub fn encode_entry(entry: &JournalEntry) -> Result<AttributeValue, AwsError> {
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
fn entry(json: &AttributeValue) -> Result<JournalEntry, AwsError> {
    let json = json.as_s().map_err(|_| AwsError::Attribute {
        place: READER.0,
        attribute: ENTRIES,
    })?;
    from_json(READER.0, json)
}
