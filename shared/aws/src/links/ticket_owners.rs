//! Which alerts a ticket may belong to.
//!
//! An entry is made before the link that names the ticket is saved, and no save takes it back: what a
//! link names is always indexed, and what is indexed counts only if the link still names it. So
//! entry and link need no transaction, and a late save removes nothing. Entries are deleted once their
//! links have expired.
//!
//! Tickets that follow each other share an item, and those opened together are indexed together:
//! a caller that arrives during a write waits for the next one, which indexes all waiting tickets.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use halogard_app::ports::{Clock, Links as _, NamedValues as _, PortError};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::{Link, Timestamp};
use tokio::sync::Mutex as Turn;

use crate::error::AwsError;
use crate::items::{
    AttributeReader, Item, ItemChange, ItemRange, PK, SK, SortKeys, block, key, number, padded,
    try_join_four,
};
use crate::store::Store;

/// The partition that holds every entry.
const TICKETS: &str = "ticket_owner";

/// Tickets that share an item. With numbers of ten digits on both sides they fill one write unit.
const BLOCK: u64 = 48;

/// The day on which an entry was last made in a block, in days since 1970.
const ENTERED_ON: &str = "entered_on";

/// Reads blocks.
const READER: AttributeReader = AttributeReader("ticket owners");

/// The named value that says from which block on old entries are looked for.
const PRUNED_TO: &str = "ticket_owners_pruned_to";

/// Most blocks that are read in one call: one page of 1 MB.
const PRUNED_BLOCKS_MAX: usize = 500;

/// Days by which the clocks of two processes may differ, and a save may follow its entry.
const MARGIN_DAYS: i64 = 2;

/// Alerts whose entries are remembered before all are forgotten: a few hundred kilobytes.
const ALERTS_MAX: usize = 4096;

/// What is known to be indexed, and what waits to be.
#[derive(Debug, Default)]
pub struct TicketOwnerCache {
    /// Tickets known to be indexed for each alert, so that a save enters new ones only.
    known: Mutex<HashMap<AlertId, BTreeSet<TicketId>>>,
    waiting: Mutex<BTreeSet<(TicketId, AlertId)>>,
    /// Held by the caller that writes.
    turn: Turn<()>,
}

impl TicketOwnerCache {
    /// Notes that every ticket `link` names is indexed.
    pub fn remember(&self, link: &Link) {
        self.remember_all(named(link).map(|ticket| (ticket, link.alert)));
    }

    /// Notes what is indexed.
    fn remember_all(&self, indexed: impl IntoIterator<Item = (TicketId, AlertId)>) {
        let mut known = open(&self.known);
        if known.len() >= ALERTS_MAX {
            known.clear();
        }
        for (ticket, alert) in indexed {
            known.entry(alert).or_default().insert(ticket);
        }
    }

    /// What `link` names and may not be indexed.
    fn missing(&self, link: &Link) -> BTreeSet<(TicketId, AlertId)> {
        let known = open(&self.known);
        let known = known.get(&link.alert);
        named(link)
            .filter(|ticket| known.is_none_or(|known| !known.contains(ticket)))
            .map(|ticket| (ticket, link.alert))
            .collect()
    }
}

/// The current and earlier tickets of `link`.
pub(crate) fn named(link: &Link) -> impl Iterator<Item = TicketId> {
    link.earlier_tickets.iter().copied().chain(link.ticket)
}

fn open<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<C: Clock> Store<C> {
    /// Enters what `link` names, as far as it may not be indexed.
    pub(crate) async fn index_tickets(&self, link: &Link) -> Result<(), AwsError> {
        let indexed = self.ticket_owners();
        let missing = indexed.missing(link);
        if missing.is_empty() {
            return Ok(());
        }
        open(&indexed.waiting).extend(missing);
        let _turn = indexed.turn.lock().await;
        let missing = indexed.missing(link);
        if missing.is_empty() {
            // The previous writer has indexed it as well.
            return Ok(());
        }
        let mut due = std::mem::take(&mut *open(&indexed.waiting));
        // Perhaps taken by a worker whose write failed.
        due.extend(missing);
        self.index(&due).await?;
        indexed.remember_all(due);
        Ok(())
    }

    /// Enters what is `due`, one write for each item.
    async fn index(&self, due: &BTreeSet<(TicketId, AlertId)>) -> Result<(), AwsError> {
        let mut blocks = BTreeMap::<String, BTreeMap<String, Vec<String>>>::new();
        for (ticket, alert) in due {
            let tickets = blocks.entry(block(ticket.get(), BLOCK)).or_default();
            let alerts = tickets.entry(ticket.to_string()).or_default();
            alerts.push(alert.to_string());
        }
        let changes = blocks.into_iter().map(|(sk, tickets)| async move {
            let sets = tickets
                .into_iter()
                .map(|(ticket, alerts)| (ticket, AttributeValue::Ns(alerts)));
            let today = (ENTERED_ON.to_owned(), number(day(self.now())));
            let change = ItemChange::Add(sets.collect(), today);
            self.change_item(TICKETS, &sk, change).await
        });
        try_join_four(changes).await
    }

    /// The alerts `ticket` was ever indexed for, by number.
    pub(crate) async fn indexed_alerts(
        &self,
        ticket: TicketId,
    ) -> Result<BTreeSet<AlertId>, AwsError> {
        let item = self.item(TICKETS, &block(ticket.get(), BLOCK)).await?;
        let Some(alerts) = item.and_then(|mut item| item.remove(&ticket.to_string())) else {
            return Ok(BTreeSet::new());
        };
        numbers(&alerts)
    }

    /// Deletes entries whose links have expired from the next blocks of the index; returns how many blocks had
    /// some. Starts over at the end of the index.
    ///
    /// A block in which an entry was made within the age of links is left as it is: none of its links that
    /// are over has expired.
    pub(crate) async fn prune_ticket_owners(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, PortError> {
        let begin = self.value(PRUNED_TO).await?.unwrap_or(-1);
        let page = limit.clamp(1, PRUNED_BLOCKS_MAX);
        let blocks = self.blocks_after(begin, page).await?;
        let last = match blocks.last() {
            Some(block) if blocks.len() >= page => READER.text(block, SK)?.parse().unwrap_or(-1),
            _ => -1,
        };
        let links_days = i64::try_from(self.retention().links.as_secs() / DAY_SECONDS);
        let oldest = day(now) - links_days.unwrap_or(i64::MAX) - MARGIN_DAYS;
        let mut deleted = 0;
        for block in &blocks {
            let entered_on: i64 = READER.number(block, ENTERED_ON)?;
            if entered_on < oldest {
                deleted += usize::from(self.prune_block(block).await?);
            }
        }
        if last != begin {
            self.set_value(PRUNED_TO, last).await?;
        }
        Ok(deleted)
    }

    /// The first blocks after the one of this number.
    async fn blocks_after(&self, number: i64, page: usize) -> Result<Vec<Item>, AwsError> {
        let range = ItemRange {
            place: READER.0,
            pk: TICKETS.to_owned(),
            keys: u64::try_from(number).map_or(SortKeys::All, |it| SortKeys::After(padded(it))),
            filter: None,
            page: Some(page),
        };
        let mut blocks = Vec::new();
        self.each_page(range, |page| {
            blocks = page;
            Ok(ControlFlow::Break(()))
        })
        .await?;
        Ok(blocks)
    }

    /// Deletes the entries of `block` that no link names; says whether there were any. Deletes none if an entry
    /// is made there meanwhile.
    async fn prune_block(&self, block: &Item) -> Result<bool, PortError> {
        let mut entries = BTreeMap::new();
        for (name, value) in block {
            if ![PK, SK, ENTERED_ON].contains(&name.as_str()) {
                entries.insert(name.as_str(), numbers(value)?);
            }
        }
        let alerts = entries.values().flatten().copied().collect();
        let links = self.load_many(&alerts).await?;
        let in_use: BTreeSet<String> = links
            .iter()
            .flat_map(named)
            .map(|ticket| ticket.to_string())
            .collect();
        let all = entries.len();
        entries.retain(|ticket, _| !in_use.contains(*ticket));
        if entries.is_empty() {
            return Ok(false);
        }
        let (pk, sk) = (TICKETS, READER.text(block, SK)?);
        let seen = block.get(ENTERED_ON).cloned();
        let seen = seen.unwrap_or(AttributeValue::Null(true));
        let result = if entries.len() == all {
            let delete = self.dynamodb().delete_item().table_name(self.table());
            let deleted = delete
                .set_key(Some(key(pk, sk)))
                .condition_expression("#on = :seen")
                .expression_attribute_names("#on", ENTERED_ON)
                .expression_attribute_values(":seen", seen)
                .send()
                .await;
            unless_changed("DynamoDB DeleteItem", deleted, |error| {
                error.is_conditional_check_failed_exception()
            })
        } else {
            let update = self.dynamodb().update_item().table_name(self.table());
            let mut update = update
                .set_key(Some(key(pk, sk)))
                .condition_expression("#on = :seen")
                .expression_attribute_names("#on", ENTERED_ON)
                .expression_attribute_values(":seen", seen);
            let mut places = Vec::new();
            for (place, ticket) in entries.keys().enumerate() {
                update = update.expression_attribute_names(format!("#a{place}"), *ticket);
                places.push(format!("#a{place}"));
            }
            let update = update.update_expression(format!("REMOVE {}", places.join(", ")));
            unless_changed("DynamoDB UpdateItem", update.send().await, |error| {
                error.is_conditional_check_failed_exception()
            })
        };
        Ok(result?)
    }
}

/// Whether a conditional write was made; `false` when its condition did not hold.
fn unless_changed<T, E>(
    call: &'static str,
    outcome: Result<T, SdkError<E, HttpResponse>>,
    is_condition: impl FnOnce(&E) -> bool,
) -> Result<bool, AwsError>
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    match outcome {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(is_condition) => Ok(false),
        Err(error) => Err(AwsError::of(call, error)),
    }
}

/// The alerts in an attribute of a block.
fn numbers(value: &AttributeValue) -> Result<BTreeSet<AlertId>, AwsError> {
    let wrong_type = || AwsError::Attribute {
        place: READER.0,
        attribute: "of a ticket",
    };
    let alerts = value.as_ns().map_err(|_| wrong_type())?;
    let id = |alert: &String| alert.parse().map(AlertId::new).map_err(|_| wrong_type());
    alerts.iter().map(id).collect()
}

/// Seconds of a day.
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// The day of `time`, in days since 1970.
fn day(time: Timestamp) -> i64 {
    let millis = i64::try_from(DAY_SECONDS * 1000).unwrap_or(i64::MAX);
    time.as_millis().div_euclid(millis)
}
