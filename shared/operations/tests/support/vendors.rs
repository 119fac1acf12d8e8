//! Both vendors as a test says they are, to be read only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use halogard_app::ports::{
    AlertList, AlertListing, AlertSource, Changes, EnvironmentInfo, ErrorCode, KeyedPage,
    KeyedTicket, OpeningGuard, PortError, SearchWithin, ServiceDesk, TicketListing, TicketTexts,
};
use halogard_domain::FailureClass;
use halogard_domain::ids::{AlertId, NoteId, TicketId};
use halogard_domain::key::SignedKey;
use halogard_domain::sweep_cursor::{ChangeRange, KeyedListPlace};
use halogard_domain::ticket::{NewNote, NewTicket, TicketChange, TicketNotes};
use halogard_domain::{Alert, Ticket, Timestamp};

/// A Liongard that lists these alerts.
#[derive(Default)]
pub struct ListedAlerts(pub Vec<Alert>);

/// The rest of a list.
struct Rest(Option<AlertList>);

impl AlertListing for Rest {
    async fn next(&mut self) -> Result<Option<AlertList>, PortError> {
        Ok(self.0.take())
    }
}

impl AlertSource for ListedAlerts {
    async fn list(&self) -> Result<impl AlertListing + Send, PortError> {
        Ok(Rest(Some(AlertList {
            alerts: self.0.clone(),
            ..AlertList::default()
        })))
    }

    async fn read(&self, id: AlertId) -> Result<Option<Alert>, PortError> {
        Ok(self.0.iter().find(|alert| alert.id == id).cloned())
    }

    async fn environments(&self) -> Result<Vec<EnvironmentInfo>, PortError> {
        Err(not_asked())
    }
}

/// A HaloPSA with these tickets, each of which it lists as a keyed one.
#[derive(Default)]
pub struct Tickets(
    pub BTreeMap<TicketId, Ticket>,
    /// How many of the next requests for a list get no permit.
    pub AtomicU32,
);

impl Tickets {
    /// These.
    pub fn of(tickets: impl IntoIterator<Item = Ticket>) -> Self {
        let by_number = tickets.into_iter().map(|ticket| (ticket.id, ticket));
        Self(by_number.collect(), AtomicU32::new(0))
    }
}

impl ServiceDesk for Tickets {
    async fn find(&self, _: &SignedKey, _: &SearchWithin) -> Result<Vec<KeyedTicket>, PortError> {
        Err(not_asked())
    }

    async fn list_keyed(
        &self,
        _: &str,
        _: Option<&KeyedListPlace>,
    ) -> Result<KeyedPage, PortError> {
        Ok(KeyedPage {
            tickets: self.0.values().cloned().collect(),
            rest: None,
        })
    }

    async fn find_in_texts(&self, _: &str) -> Result<Option<Vec<TicketListing>>, PortError> {
        Err(not_asked())
    }

    async fn opened_since(&self, _: Timestamp) -> Result<Vec<TicketListing>, PortError> {
        Err(not_asked())
    }

    async fn read_texts(&self, _: TicketId) -> Result<Option<TicketTexts>, PortError> {
        Err(not_asked())
    }

    async fn open(&self, _: &[NewTicket], _: &impl OpeningGuard) -> Vec<Result<Ticket, PortError>> {
        vec![Err(not_asked())]
    }

    async fn read(&self, id: TicketId) -> Result<Option<Ticket>, PortError> {
        Ok(self.0.get(&id).cloned())
    }

    async fn listed(&self, ids: &BTreeSet<TicketId>) -> Result<Vec<TicketListing>, PortError> {
        let without_permit = |count: u32| count.checked_sub(1);
        if (self.1)
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, without_permit)
            .is_ok()
        {
            return Err(PortError::not_admitted());
        }
        let shown = self.0.values().filter(|ticket| ids.contains(&ticket.id));
        let row = |ticket: &Ticket| TicketListing {
            id: ticket.id,
            changed_at: Some(ticket.changed_at),
            ticket: Some(ticket.clone()),
        };
        Ok(shown.map(row).collect())
    }

    async fn is_marked_deleted(&self, _: TicketId) -> Result<bool, PortError> {
        Err(not_asked())
    }

    async fn notes(&self, _: TicketId) -> Result<TicketNotes, PortError> {
        Err(not_asked())
    }

    async fn change(&self, _: &[TicketChange]) -> Vec<Result<Ticket, PortError>> {
        vec![Err(not_asked())]
    }

    async fn add_notes(&self, _: &[NewNote]) -> Vec<Result<NoteId, PortError>> {
        vec![Err(not_asked())]
    }

    fn desk_time(&self) -> Option<Timestamp> {
        None
    }

    async fn changed_since(&self, _: Timestamp) -> Result<Changes, PortError> {
        Err(not_asked())
    }

    async fn next_page(&self, _: &ChangeRange) -> Result<Changes, PortError> {
        Err(not_asked())
    }
}

/// The answer to what no command of these tests asks for.
fn not_asked() -> PortError {
    PortError::new(FailureClass::Permanent, ErrorCode::HalopsaRefused)
}
