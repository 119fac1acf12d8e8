//! The pairs, with their journal and the index of the tickets they name.

mod inline_entries;
mod journal;
mod ticket_owners;
mod waiting;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use halogard_app::ports::{
    Clock, JournalEntry, LinkFilter, Links, PortError, Revision, SaveError, Stored,
};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::{Link, Timestamp};
use tracing::debug;

use crate::error::{AwsError, from_json, to_json};
use crate::items::{
    AttributeReader, BODY, EXPIRES, ITEM_BYTES_MAX, ITEM_OVERHEAD_BYTES, Item, ItemRange, KEYS_MAX,
    PK, REVISION, SortKeys, WRITE, ended_at, expires_after, has_ended, key, number, padded, string,
};
use crate::store::Store;

use inline_entries::{INLINE_ENTRIES, InlineEntries};
use journal::encode_entry;
pub use ticket_owners::TicketOwnerCache;
use ticket_owners::named;
pub use waiting::WaitingLinks;

/// The partition that holds every link.
pub const LINKS: &str = "link";

/// Reads links.
const READER: AttributeReader = AttributeReader("links");

/// Bytes set aside in a link's item for the newest entries of its journal.
const INLINE_ENTRIES_BYTES: usize = 8 * 1024;

impl<C: Clock> Links for Store<C> {
    async fn load(&self, alert: AlertId) -> Result<Option<Stored<Link>>, PortError> {
        let item = self.item(LINKS, &padded(alert.get())).await?;
        let Some(item) = item.filter(|item| !has_ended(item, self.now())) else {
            return Ok(None);
        };
        let value: Link = from_json(READER.0, READER.text(&item, BODY)?)?;
        // Whatever a stored link names was indexed before it.
        self.ticket_owners().remember(&value);
        self.waiting_links().note(&value);
        Ok(Some(Stored {
            value,
            revision: READER.revision(&item)?,
        }))
    }

    async fn load_many(&self, alerts: &BTreeSet<AlertId>) -> Result<Vec<Link>, PortError> {
        let alerts: Vec<AlertId> = alerts.iter().copied().collect();
        let mut links = Vec::new();
        for chunk in alerts.chunks(KEYS_MAX) {
            let keys = chunk.iter().map(|alert| key(LINKS, padded(alert.get())));
            for item in self.items_under(keys.collect()).await? {
                if !has_ended(&item, self.now()) {
                    links.push(from_json(READER.0, READER.text(&item, BODY)?)?);
                }
            }
        }
        Ok(links)
    }

    async fn owners(&self, ticket: TicketId) -> Result<BTreeSet<AlertId>, PortError> {
        // Entries outlive what they say, so the links themselves are asked.
        let mut owners = BTreeSet::new();
        for alert in self.indexed_alerts(ticket).await? {
            let Some(link) = self.load(alert).await? else {
                continue;
            };
            if named(&link.value).any(|named| named == ticket) {
                owners.insert(alert);
            }
        }
        Ok(owners)
    }

    async fn save(
        &self,
        link: &Link,
        entries: &[JournalEntry],
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        let now = self.now();
        let expires_at = link.expires_at(&self.retention(), now);
        let update = Update::of(link, entries, expires_at)?;
        self.index_tickets(link).await?;
        if link.may_wait() {
            let next = Revision(revision.0 + 1);
            self.enter_waiting(link.alert, next).await?;
        }
        let place = key(LINKS, padded(link.alert.get()));
        let write = string(self.write_id());
        let saved = self.update_link(place.clone(), update, revision, &write);
        let Some((next, inline)) = saved.await? else {
            return Err(SaveError::Conflict);
        };
        let waited = self.waiting_links().note(link);
        if waited
            && !link.may_wait()
            && let Err(error) = self.leave_waiting(link.alert, next).await
        {
            debug!(%error, "an entry of the waiting links stays until they are listed");
        }
        if inline.exceeds_limit()
            && let Err(error) = self.archive_entries(link.alert, place, inline, write).await
        {
            debug!(%error, "journal entries stay in their link until the next save");
        }
        Ok(next)
    }

    async fn list(
        &self,
        filter: LinkFilter,
        after: Option<AlertId>,
        limit: usize,
    ) -> Result<Vec<Link>, PortError> {
        let mut links = Vec::new();
        if limit == 0 {
            return Ok(links);
        }
        let filter = match filter {
            LinkFilter::All => None,
            LinkFilter::Parked => {
                let parked = |link: &Link| link.parked.is_some();
                return Ok(self.waiting(parked, after, limit).await?);
            }
            LinkFilter::Refused => {
                let refused = |link: &Link| !link.refused.is_empty();
                return Ok(self.waiting(refused, after, limit).await?);
            }
            LinkFilter::Waiting => return Ok(self.waiting(Link::may_wait, after, limit).await?),
            // Reads every link. Only a process that has the store to itself asks, and none has this one.
            LinkFilter::Claimed => Some("attribute_exists(claimed)"),
        };
        let range = ItemRange {
            place: READER.0,
            pk: LINKS.to_owned(),
            keys: after.map_or(SortKeys::All, |alert| SortKeys::After(padded(alert.get()))),
            filter,
            // A page is measured before it is filtered.
            page: filter.is_none().then_some(limit),
        };
        self.each_page(range, |page| {
            let now = self.now();
            let present = page.iter().filter(|item| !has_ended(item, now));
            for item in present.take(limit - links.len()) {
                links.push(from_json(READER.0, READER.text(item, BODY)?)?);
            }
            Ok(if links.len() == limit {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })
        .await?;
        Ok(links)
    }
}

impl<C: Clock> Store<C> {
    /// Makes `update` if the link is still at `revision`, under the name `write`; brings what stands
    /// in it of its journal then. `None`: another process wrote since.
    async fn update_link(
        &self,
        place: Item,
        update: Update,
        revision: Revision,
        write: &AttributeValue,
    ) -> Result<Option<(Revision, InlineEntries)>, AwsError> {
        let next = Revision(revision.0 + 1);
        let request = update
            .into_request(self.dynamodb().update_item())
            .table_name(self.table())
            .set_key(Some(place))
            .expression_attribute_values(":next", number(next.0))
            .expression_attribute_values(":write", write.clone())
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let request = if revision.0 == 0 {
            request
                .condition_expression("attribute_not_exists(#pk) OR #expires <= :ended")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_values(":ended", number(ended_at(self.now())))
        } else {
            request
                .condition_expression("#revision = :revision")
                .expression_attribute_values(":revision", number(revision.0))
        };
        let stored = match request.send().await {
            Ok(updated) => updated.attributes,
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    let stored = failed.item.clone();
                    // Our own write, whose answer was lost, is not a conflict.
                    stored.filter(|item| item.get(WRITE) == Some(write))
                }
                _ => return Err(AwsError::of("DynamoDB UpdateItem", error)),
            },
        };
        Ok(stored.map(|item| (next, InlineEntries::of(&item))))
    }
}

/// A link as it is stored, but for its revision.
struct Update {
    body: String,
    is_claimed: bool,
    /// When it may be deleted.
    expires_at: Option<Timestamp>,
    entries: Vec<AttributeValue>,
}

impl Update {
    /// The update that stores `link` with `entries`.
    ///
    /// A link that does not fit is an error, not cut: its text's digest detects changes of the alert,
    /// and a person must be notified of it.
    fn of(
        link: &Link,
        entries: &[JournalEntry],
        expires_at: Option<Timestamp>,
    ) -> Result<Self, AwsError> {
        let body = to_json(READER.0, link)?;
        let entries: Vec<_> = entries.iter().map(encode_entry).collect::<Result<_, _>>()?;
        let most = ITEM_BYTES_MAX - ITEM_OVERHEAD_BYTES - INLINE_ENTRIES_BYTES;
        let bytes =
            body.len() + inline_entries::bytes(&entries).saturating_sub(INLINE_ENTRIES_BYTES);
        if bytes > most {
            return Err(AwsError::link_too_large(link.alert, bytes, most));
        }
        Ok(Self {
            body,
            is_claimed: link.is_claimed(),
            expires_at,
            entries,
        })
    }

    /// The same as an update's expression, which names `:next` and `:write` and leaves them open.
    fn into_request(self, request: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
        let mut set = "SET #body = :body, #revision = :next, #write = :write".to_owned();
        let mut request = request
            .expression_attribute_names("#body", BODY)
            .expression_attribute_names("#revision", REVISION)
            .expression_attribute_names("#write", WRITE)
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_values(":body", string(self.body));
        if let Some(expires_at) = self.expires_at {
            set.push_str(", #expires = :expires");
            request = request.expression_attribute_values(":expires", expires_after(expires_at));
        }
        let mut removed = Vec::new();
        if self.is_claimed {
            set.push_str(", claimed = :on");
            request = request.expression_attribute_values(":on", AttributeValue::Bool(true));
        } else {
            removed.push("claimed");
        }
        if !self.entries.is_empty() {
            set.push_str(", #inline = list_append(if_not_exists(#inline, :none), :entries)");
            request = request
                .expression_attribute_names("#inline", INLINE_ENTRIES)
                .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
                .expression_attribute_values(":entries", AttributeValue::L(self.entries));
        }
        removed.extend(self.expires_at.is_none().then_some("#expires"));
        if !removed.is_empty() {
            set.push_str(&format!(" REMOVE {}", removed.join(", ")));
        }
        request.update_expression(set)
    }
}
