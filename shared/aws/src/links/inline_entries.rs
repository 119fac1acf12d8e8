//! The newest journal entries of an alert, which are in the item of its link, so that link and entries
//! are one write. Once they fill a write unit of their own they are moved to the journal's partition.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use halogard_app::ports::Clock;
use halogard_domain::ids::AlertId;

use crate::error::AwsError;
use crate::items::{AttributeReader, EXPIRES, Item, PK, WRITE, key, number};
use crate::store::Store;

use super::journal::{ENTRIES, partition};

/// The entries in a link, oldest first, each as JSON.
pub const INLINE_ENTRIES: &str = "journal";
/// How many entries were moved out of a link.
const ARCHIVED: &str = "archived_entries";

/// Bytes of inline entries above which they are moved: one write unit.
const BYTES_MAX: usize = 1024;

/// Entries in a link.
#[derive(Debug)]
pub struct InlineEntries {
    /// Each as JSON, oldest first.
    pub entries: Vec<AttributeValue>,
    /// How many came before them.
    before: usize,
}

impl InlineEntries {
    /// What is in the link `item`.
    pub fn of(item: &Item) -> Self {
        let entries = item
            .get(INLINE_ENTRIES)
            .and_then(|inline| inline.as_l().ok());
        Self {
            entries: entries.cloned().unwrap_or_default(),
            before: AttributeReader(INLINE_ENTRIES)
                .number(item, ARCHIVED)
                .unwrap_or_default(),
        }
    }

    /// Whether it is to be moved.
    pub fn exceeds_limit(&self) -> bool {
        bytes(&self.entries) > BYTES_MAX
    }

    /// The sort key it has once it is moved. A process that crashes while moving leaves the same
    /// entries in both places, and the next move overwrites them.
    pub fn sort_key(&self) -> String {
        format!("archived#{:010}", self.before)
    }
}

/// Bytes of entries.
pub fn bytes(entries: &[AttributeValue]) -> usize {
    let texts = entries.iter().filter_map(|entry| entry.as_s().ok());
    texts.map(String::len).sum()
}

impl<C: Clock> Store<C> {
    /// Moves `inline`, which the write `write` left in the link under `link`, to the journal of `alert`.
    /// They stay where they are if the link was written since: the next save moves them. A copy that
    /// holds as much or more is left as it is: its writer had seen these entries too, or it is our own
    /// write, whose answer was lost.
    pub(crate) async fn archive_entries(
        &self,
        alert: AlertId,
        link: Item,
        inline: InlineEntries,
        write: AttributeValue,
    ) -> Result<(), AwsError> {
        let count = inline.entries.len();
        let after = inline.before + count;
        let mut item = key(partition(Some(alert)), inline.sort_key());
        item.insert(ENTRIES.to_owned(), AttributeValue::L(inline.entries));
        item.insert(EXPIRES.to_owned(), self.journal_expires());
        let copied = self
            .dynamodb()
            .put_item()
            .table_name(self.table())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#pk) OR size(#entries) < :count")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#entries", ENTRIES)
            .expression_attribute_values(":count", number(count))
            .send()
            .await;
        if let Err(error) = copied
            && !error
                .as_service_error()
                .is_some_and(PutItemError::is_conditional_check_failed_exception)
        {
            return Err(AwsError::of("DynamoDB PutItem", error));
        }
        let removed = self
            .dynamodb()
            .update_item()
            .table_name(self.table())
            .set_key(Some(link))
            .update_expression("SET #archived = :after REMOVE #inline")
            .condition_expression("#write = :write")
            .expression_attribute_names("#archived", ARCHIVED)
            .expression_attribute_names("#inline", INLINE_ENTRIES)
            .expression_attribute_names("#write", WRITE)
            .expression_attribute_values(":after", number(after))
            .expression_attribute_values(":write", write)
            .send()
            .await;
        match removed {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(service) if service.is_conditional_check_failed_exception() => Ok(()),
                _ => Err(AwsError::of("DynamoDB UpdateItem", error)),
            },
        }
    }
}
