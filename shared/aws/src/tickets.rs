//! Which alerts a ticket may belong to.
//!
//! An entry is made before the link that names the ticket is saved, and is never taken back: what a
//! link names is always entered, and what is entered counts only if the link still names it. So
//! entry and link need no transaction, and whoever saves late can take nothing away.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use halogard_app::ports::Clock;
use halogard_domain::Link;
use halogard_domain::ids::{AlertId, TicketId};

use crate::error::AwsError;
use crate::items::{Keys, Range, Reader, SK, key, padded};
use crate::store::Store;

/// The partition that holds every entry; their sort keys are ticket and alert.
const TICKETS: &str = "ticket";

/// Reads entries.
const READER: Reader = Reader("tickets");

/// Alerts whose entries are remembered before all are forgotten: a few hundred kilobytes.
const ALERTS_MAX: usize = 4096;

/// Tickets known to be entered for each alert, so that a save enters new ones only.
#[derive(Debug, Default)]
pub struct EnteredTickets(Mutex<HashMap<AlertId, BTreeSet<TicketId>>>);

impl EnteredTickets {
    /// Notes that every ticket `link` names is entered.
    pub fn note(&self, link: &Link) {
        let mut known = self.known();
        if known.len() >= ALERTS_MAX {
            known.clear();
        }
        known.entry(link.alert).or_default().extend(named(link));
    }

    /// Tickets `link` names that may not be entered.
    fn missing(&self, link: &Link) -> BTreeSet<TicketId> {
        let known = self.known();
        let known = known.get(&link.alert);
        named(link)
            .filter(|ticket| known.is_none_or(|known| !known.contains(ticket)))
            .collect()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<AlertId, BTreeSet<TicketId>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The current and earlier tickets of `link`.
fn named(link: &Link) -> impl Iterator<Item = TicketId> {
    link.earlier_tickets.iter().copied().chain(link.ticket)
}

impl<C: Clock> Store<C> {
    /// Enters what `link` names, as far as it may not be entered.
    pub(crate) async fn enter_tickets(&self, link: &Link) -> Result<(), AwsError> {
        let missing = self.entered_tickets().missing(link);
        if missing.is_empty() {
            return Ok(());
        }
        let entry = |ticket: &TicketId| {
            let sk = format!("{}#{}", padded(ticket.get()), padded(link.alert.get()));
            key(TICKETS, sk)
        };
        self.put_items(missing.iter().map(entry).collect()).await?;
        self.entered_tickets().note(link);
        Ok(())
    }

    /// The alerts `ticket` was ever entered for, by number.
    pub(crate) async fn alerts_entered_for(
        &self,
        ticket: TicketId,
    ) -> Result<Vec<AlertId>, AwsError> {
        let range = Range {
            place: READER.0,
            pk: TICKETS.to_owned(),
            keys: Keys::BeginningWith(format!("{}#", padded(ticket.get()))),
            ..Range::default()
        };
        let mut alerts = Vec::new();
        self.each_page(range, |page| {
            for item in &page {
                let alert = READER.text(item, SK)?.split_once('#');
                let alert = alert.and_then(|(_, alert)| alert.parse().ok());
                alerts.push(alert.ok_or(AwsError::Attribute {
                    place: READER.0,
                    attribute: SK,
                })?);
            }
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        Ok(alerts)
    }
}
