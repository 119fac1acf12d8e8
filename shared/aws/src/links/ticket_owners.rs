//! Which alerts a ticket may belong to.
//!
//! An entry is made before the link that names the ticket is saved, and is never taken back: what a
//! link names is always indexed, and what is indexed counts only if the link still names it. So
//! entry and link need no transaction, and a late save removes nothing.
//!
//! Tickets that follow each other share an item, and those opened together are indexed together:
//! a caller that arrives during a write waits for the next one, which indexes all waiting tickets.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_sdk_dynamodb::types::AttributeValue;
use halogard_app::ports::Clock;
use halogard_domain::Link;
use halogard_domain::ids::{AlertId, TicketId};
use tokio::sync::Mutex as Turn;

use crate::error::AwsError;
use crate::items::{ItemChange, block, try_join_four};
use crate::store::Store;

/// The partition that holds every entry.
const TICKETS: &str = "ticket_owner";

/// Tickets that share an item. With numbers of ten digits on both sides they fill one write unit.
const BLOCK: u64 = 50;

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
            let change = ItemChange::Add(sets.collect());
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
        let wrong_type = || AwsError::Attribute {
            place: "tickets",
            attribute: "of a ticket",
        };
        let alerts = alerts.as_ns().map_err(|_| wrong_type())?;
        let id = |alert: &String| alert.parse().map(AlertId::new).map_err(|_| wrong_type());
        alerts.iter().map(id).collect()
    }
}
