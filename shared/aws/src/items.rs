//! Items of the table: keys, attributes, and the few ways in which they are read and written.

use std::collections::HashMap;
use std::future::Future;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure,
};
use halogard_app::ports::{Clock, Revision};
use halogard_domain::Timestamp;

use crate::error::AwsError;
use crate::store::Store;

/// The table's partition key: the kind of record, or the record's group.
pub const PK: &str = "pk";
/// The table's sort key: the record.
pub const SK: &str = "sk";
/// When an item may be cleared away, in seconds since 1970. Read by DynamoDB only: it may be two
/// days late, so whether a record still counts is decided by other attributes.
pub const EXPIRES: &str = "expires";
/// The record as JSON.
pub const BODY: &str = "body";
/// Which write of the record this is.
pub const REVISION: &str = "revision";
/// Names the write itself; see [`Store::write_id`].
pub const WRITE: &str = "write";

/// Bytes of the largest item DynamoDB takes, names of attributes included.
pub const ITEM_BYTES_MAX: usize = 400 * 1024;

/// Bytes set aside for everything but the body.
pub const ITEM_OVERHEAD_BYTES: usize = 512;

/// Pages of one list that are read at the most: 10 GB at 1 MB each.
const PAGES_MAX: usize = 10_000;

/// Keys that one request may name.
pub const KEYS_MAX: usize = 100;

/// Rounds in which keys that DynamoDB put off are asked for again.
const ROUNDS_MAX: usize = 5;

/// Pause before the first of these rounds; it doubles.
const PAUSE: Duration = Duration::from_millis(50);

/// Seconds after its end at which an item may be deleted: the clocks of two processes and of DynamoDB may
/// differ.
pub const EXPIRY_MARGIN_SECONDS: i64 = 24 * 60 * 60;

/// The attributes of one item.
pub type Item = HashMap<String, AttributeValue>;

/// The key of an item.
pub fn key(pk: impl Into<String>, sk: impl Into<String>) -> Item {
    HashMap::from([(PK.to_owned(), string(pk)), (SK.to_owned(), string(sk))])
}

/// A text attribute.
pub fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number attribute; DynamoDB keeps 38 digits, so every integer of ours survives.
pub fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// An identity as a sort key: of one length, so that text sorts as numbers do.
pub fn padded(id: u64) -> String {
    format!("{id:020}")
}

/// The sort key of the item that holds `id`, where `size` of them share one.
pub fn block(id: u64, size: u64) -> String {
    padded(id / size)
}

/// When an item that ends at `end` may be deleted, in DynamoDB's form.
pub fn expires_after(end: Timestamp) -> AttributeValue {
    let seconds = end.as_millis().div_euclid(1000);
    number(seconds.saturating_add(EXPIRY_MARGIN_SECONDS))
}

/// The values of [`EXPIRES`] up to which an item has ended at `now`, whether DynamoDB has deleted it or not.
pub fn ended_at(now: Timestamp) -> i64 {
    let seconds = now.as_millis().div_euclid(1000);
    seconds.saturating_add(EXPIRY_MARGIN_SECONDS)
}

/// Whether `item` has ended at `now`.
pub fn has_ended(item: &Item, now: Timestamp) -> bool {
    let expires: Result<i64, _> = AttributeReader(EXPIRES).number(item, EXPIRES);
    expires.is_ok_and(|expires| expires <= ended_at(now))
}

/// Reads attributes of items of one kind.
#[derive(Clone, Copy)]
pub struct AttributeReader(
    /// The kind, for errors.
    pub &'static str,
);

impl AttributeReader {
    /// The text in `attribute`.
    pub fn text<'i>(self, item: &'i Item, attribute: &'static str) -> Result<&'i str, AwsError> {
        let text = item.get(attribute).and_then(|value| value.as_s().ok());
        text.map(String::as_str).ok_or(AwsError::Attribute {
            place: self.0,
            attribute,
        })
    }

    /// The number in `attribute`.
    pub fn number<T: FromStr>(self, item: &Item, attribute: &'static str) -> Result<T, AwsError> {
        let number = item.get(attribute).and_then(|value| value.as_n().ok());
        number
            .and_then(|number| number.parse().ok())
            .ok_or(AwsError::Attribute {
                place: self.0,
                attribute,
            })
    }

    /// Which write `item` comes from.
    pub fn revision(self, item: &Item) -> Result<Revision, AwsError> {
        Ok(Revision(self.number(item, REVISION)?))
    }
}

/// A list of items with one partition key, in order of their sort keys.
#[derive(Clone, Debug, Default)]
pub struct ItemRange {
    /// The kind of record, for errors.
    pub place: &'static str,
    /// The partition key.
    pub pk: String,
    /// Which of them.
    pub keys: SortKeys,
    /// A filter expression over attributes, without values of its own.
    pub filter: Option<&'static str>,
    /// Items in one page at the most.
    pub page: Option<usize>,
}

/// Which sort keys.
#[derive(Clone, Debug, Default)]
pub enum SortKeys {
    /// All.
    #[default]
    All,
    /// Those after this one.
    After(String),
}

/// A change of some attributes of an item, by name.
pub enum ItemChange {
    /// They take these values.
    Set(Vec<(String, AttributeValue)>),
    /// Sets take these in, and one attribute takes a value.
    Add(Vec<(String, AttributeValue)>, (String, AttributeValue)),
    /// These are taken out.
    Remove(Vec<String>),
}

/// The result of a conditional write.
pub enum SaveOutcome {
    /// It is stored, at this revision.
    Saved(Revision),
    /// Another process wrote since; this is stored, if anything.
    Conflict(Option<Item>),
}

impl<C: Clock> Store<C> {
    /// The item under a key, as it is now.
    pub(crate) async fn item(&self, pk: &str, sk: &str) -> Result<Option<Item>, AwsError> {
        let answer = self
            .dynamodb()
            .get_item()
            .table_name(self.table())
            .set_key(Some(key(pk, sk)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| AwsError::of("DynamoDB GetItem", error))?;
        Ok(answer.item)
    }

    /// The items under `keys`, as far as they exist, as they are now.
    /// Takes at most [`KEYS_MAX`] keys, each once.
    pub(crate) async fn items_under(&self, keys: Vec<Item>) -> Result<Vec<Item>, AwsError> {
        const CALL: &str = "DynamoDB BatchGetItem";
        let invalid_request = |error| AwsError::InvalidRequest {
            call: CALL,
            source: Box::new(error),
        };
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .build()
            .map_err(invalid_request)?;
        let mut left = HashMap::from([(self.table().to_owned(), wanted)]);
        let mut found = Vec::new();
        let mut pause = PAUSE;
        for round in 0..ROUNDS_MAX {
            if round > 0 {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            let answer = self
                .dynamodb()
                .batch_get_item()
                .set_request_items(Some(left))
                .send()
                .await
                .map_err(|error| AwsError::of(CALL, error))?;
            found.extend(
                answer
                    .responses
                    .into_iter()
                    .flat_map(HashMap::into_values)
                    .flatten(),
            );
            left = answer.unprocessed_keys.unwrap_or_default();
            left.retain(|_, keys| !keys.keys().is_empty());
            if left.is_empty() {
                return Ok(found);
            }
        }
        Err(AwsError::Unfinished {
            call: CALL,
            left: left.values().map(|keys| keys.keys().len()).sum(),
            rounds: ROUNDS_MAX,
        })
    }

    /// Stores `item` if the one in its place is still at `revision` (0: if there is none).
    ///
    /// A repeat of a request whose answer was lost finds its own write and knows it by its name.
    pub(crate) async fn save_item(
        &self,
        mut item: Item,
        revision: Revision,
    ) -> Result<SaveOutcome, AwsError> {
        let next = Revision(revision.0 + 1);
        let write = string(self.write_id());
        item.insert(REVISION.to_owned(), number(next.0));
        item.insert(WRITE.to_owned(), write.clone());
        let put = self
            .dynamodb()
            .put_item()
            .table_name(self.table())
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = if revision.0 == 0 {
            put.condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", PK)
        } else {
            put.condition_expression("#revision = :revision")
                .expression_attribute_names("#revision", REVISION)
                .expression_attribute_values(":revision", number(revision.0))
        };
        match put.send().await {
            Ok(_) => Ok(SaveOutcome::Saved(next)),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    let stored = failed.item.clone();
                    let is_ours = stored.as_ref().and_then(|item| item.get(WRITE)) == Some(&write);
                    Ok(if is_ours {
                        SaveOutcome::Saved(next)
                    } else {
                        SaveOutcome::Conflict(stored)
                    })
                }
                _ => Err(AwsError::of("DynamoDB PutItem", error)),
            },
        }
    }

    /// Passes the items of `range` to `take`, page by page, until it stops or there are no more.
    pub(crate) async fn each_page(
        &self,
        range: ItemRange,
        mut take: impl FnMut(Vec<Item>) -> Result<ControlFlow<()>, AwsError> + Send,
    ) -> Result<(), AwsError> {
        let query = self
            .dynamodb()
            .query()
            .table_name(self.table())
            .consistent_read(true)
            .set_limit(
                range
                    .page
                    .map(|page| i32::try_from(page).unwrap_or(i32::MAX)),
            )
            .set_filter_expression(range.filter.map(str::to_owned))
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", string(range.pk));
        let query = match range.keys {
            SortKeys::All => query.key_condition_expression("#pk = :pk"),
            SortKeys::After(sk) => query
                .key_condition_expression("#pk = :pk AND #sk > :sk")
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":sk", string(sk)),
        };
        let mut start = None;
        for _ in 0..PAGES_MAX {
            let page = query
                .clone()
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| AwsError::of("DynamoDB Query", error))?;
            if take(page.items.unwrap_or_default())?.is_break() {
                return Ok(());
            }
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok(());
            }
        }
        Err(AwsError::TooManyPages {
            place: range.place,
            pages: PAGES_MAX,
        })
    }

    /// Makes `change` to the item under a key, which is made if there is none. Safe to repeat.
    pub(crate) async fn change_item(
        &self,
        pk: &str,
        sk: &str,
        change: ItemChange,
    ) -> Result<(), AwsError> {
        let with_values = |attributes: Vec<(String, AttributeValue)>| {
            attributes
                .into_iter()
                .map(|(name, value)| (name, Some(value)))
                .collect()
        };
        let clauses: Vec<(_, _, Vec<_>)> = match change {
            ItemChange::Set(attributes) => vec![("SET", " = ", with_values(attributes))],
            ItemChange::Add(attributes, set) => vec![
                ("ADD", " ", with_values(attributes)),
                ("SET", " = ", with_values(vec![set])),
            ],
            ItemChange::Remove(names) => {
                let names = names.into_iter().map(|name| (name, None));
                vec![("REMOVE", "", names.collect())]
            }
        };
        let mut update = self
            .dynamodb()
            .update_item()
            .table_name(self.table())
            .set_key(Some(key(pk, sk)));
        let mut expression = Vec::new();
        let mut place = 0;
        for (verb, by, attributes) in clauses {
            let mut operands = Vec::new();
            for (name, value) in attributes {
                update = update.expression_attribute_names(format!("#a{place}"), name);
                operands.push(match value {
                    Some(value) => {
                        update = update.expression_attribute_values(format!(":a{place}"), value);
                        format!("#a{place}{by}:a{place}")
                    }
                    None => format!("#a{place}"),
                });
                place += 1;
            }
            expression.push(format!("{verb} {}", operands.join(", ")));
        }
        let update = update.update_expression(expression.join(" "));
        let updated = update.send().await;
        updated.map_err(|error| AwsError::of("DynamoDB UpdateItem", error))?;
        Ok(())
    }
}

/// Does `jobs`, four at a time, until one fails. Enough to hide the way to the table and back,
/// few enough to leave its throughput to others.
pub async fn try_join_four<J>(jobs: impl Iterator<Item = J> + Send) -> Result<(), AwsError>
where
    J: Future<Output = Result<(), AwsError>> + Send,
{
    // A call is several kilobytes of state, of which four would lie on the stack.
    let jobs = Mutex::new(jobs.map(Box::pin));
    let lane = || async {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
            match job {
                Some(job) => job.await?,
                None => return Ok(()),
            }
        }
    };
    tokio::try_join!(lane(), lane(), lane(), lane())?;
    Ok(())
}
