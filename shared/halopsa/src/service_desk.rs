//! The ticket desk: HaloPSA behind the port that the use cases know.

mod arrays;
mod authors;
mod changes;
mod tickets;

use std::time::Duration;

use halogard_app::ports::{
    Changes, Clock, ErrorCode, OpeningGuard, PortError, RequestBudget, SearchWithin, ServiceDesk,
};
use halogard_domain::ids::{NoteId, TechnicianId, TicketId};
use halogard_domain::sweep_cursor::ChangeRange;
use halogard_domain::ticket::{NewNote, NewTicket, TicketChange, TicketNote};
use halogard_domain::{FailureClass, LinkKey, Ticket, Timestamp};
use halogard_http::Transport;
use tokio::sync::OnceCell;

use crate::client::{Client, Listing, TicketDetail, TicketQuery};
use crate::wire::TicketRow;

/// How far before and after an attempt its ticket is looked for: clocks differ, gateways linger.
const SEARCH_SLACK: Duration = Duration::from_secs(3600);

/// The most pages of a sweep or of a search for our own tickets: forty thousand tickets, within the limit
/// of one window.
const PAGES_MAX: u32 = 400;

/// HaloPSA as a service desk.
pub struct HaloServiceDesk<T, B, C> {
    client: Client<T, B, C>,
    clock: C,
    /// The client id of our application: marks notes as ours.
    application: String,
    /// The technician we act as; asked for once, `None` where HaloPSA does not say.
    acting_as: OnceCell<Option<TechnicianId>>,
}

impl<T: Transport, B: RequestBudget, C: Clock> HaloServiceDesk<T, B, C> {
    /// The desk behind `client`, whose application has the client id `application`.
    pub fn new(client: Client<T, B, C>, clock: C, application: String) -> Self {
        Self {
            client,
            clock,
            application,
            acting_as: OnceCell::new(),
        }
    }

    /// The client, for what is no business of the desk.
    pub fn client(&self) -> &Client<T, B, C> {
        &self.client
    }

    /// Lists tickets that carry a key of ours, each with its key.
    async fn with_keys(
        &self,
        query: TicketQuery,
        prefix: &str,
    ) -> Result<Vec<(LinkKey, Ticket)>, PortError> {
        let deleted = query.deleted;
        let rows = complete(self.client.tickets(&query).await?)?;
        let mut found = Vec::new();
        for row in rows {
            let title = row.summary.as_deref().unwrap_or_default();
            let Some(key) = LinkKey::find_in(title, prefix) else {
                continue;
            };
            let ticket = match row.to_ticket(self.clock.now()) {
                Some(ticket) => Some(ticket),
                None => self.read(row.id).await?,
            };
            found.extend(ticket.map(|ticket| (key, tickets::marked_deleted(ticket, deleted))));
        }
        found.sort_by_key(|(_, ticket)| ticket.id);
        Ok(found)
    }

    /// The ticket in the answer to a write, completed by what was written; read again when the
    /// answer does not say when it changed, since everything is ordered by that.
    async fn written(&self, row: TicketRow, fallback: Ticket) -> Result<Ticket, PortError> {
        if row.last_update().is_none()
            && let Ok(Some(read)) = self.read(fallback.id).await
        {
            return Ok(read);
        }
        Ok(tickets::fill_missing(&row, fallback, self.clock.now()))
    }
}

impl<T: Transport, B: RequestBudget, C: Clock> ServiceDesk for HaloServiceDesk<T, B, C> {
    /// Three ways, because none is certain: the search by title, the list of what the client got
    /// around that time, and the deleted ones. Spends one to three requests.
    async fn find(&self, key: &LinkKey, within: &SearchWithin) -> Result<Vec<Ticket>, PortError> {
        let by_title = TicketQuery {
            search_summary: Some(key.marker()),
            nocache: true,
            begins_work: true,
            ..TicketQuery::default()
        };
        let by_time = within.client.map(|client| TicketQuery {
            client_id: Some(client),
            occurred: Some((
                within.since.minus(SEARCH_SLACK),
                within.since.plus(SEARCH_SLACK),
            )),
            nocache: true,
            pages_max: Some(PAGES_MAX),
            ..TicketQuery::default()
        });
        let deleted = TicketQuery {
            deleted: true,
            begins_work: false,
            ..by_title.clone()
        };
        for query in [Some(by_title), by_time, Some(deleted)]
            .into_iter()
            .flatten()
        {
            let found = self.with_keys(query, &key.prefix).await?;
            let exact: Vec<Ticket> = found
                .into_iter()
                .filter(|(found, _)| found == key)
                .map(|(_, ticket)| ticket)
                .collect();
            if !exact.is_empty() {
                return Ok(exact);
            }
        }
        Ok(Vec::new())
    }

    async fn find_all_with_key(&self, prefix: &str) -> Result<Vec<Ticket>, PortError> {
        let query = TicketQuery {
            search_summary: Some(LinkKey::marker_start(prefix)),
            pages_max: Some(PAGES_MAX),
            ..TicketQuery::default()
        };
        let found = self.with_keys(query, prefix).await?;
        Ok(found.into_iter().map(|(_, ticket)| ticket).collect())
    }

    async fn open(
        &self,
        tickets: &[NewTicket],
        guard: &impl OpeningGuard,
    ) -> Vec<Result<Ticket, PortError>> {
        self.open_array(tickets, guard).await
    }

    async fn read(&self, id: TicketId) -> Result<Option<Ticket>, PortError> {
        let detail = TicketDetail {
            includedetails: false,
            nocache: true,
        };
        // What changes while the answer is on its way was not seen.
        let asked_at = self.clock.now();
        match self.client.ticket(id, detail).await {
            Ok(row) => match row.to_ticket(asked_at) {
                // The state of this moment, whether it says when it came about or not.
                Some(ticket) if row.last_update().is_none() => Ok(Some(Ticket {
                    changed_at: ticket.observed_at,
                    ..ticket
                })),
                Some(ticket) => Ok(Some(ticket)),
                None => Err(
                    PortError::new(FailureClass::Permanent, ErrorCode::HalopsaUnexpected)
                        .with_message("the ticket shows no status, client or type to this agent"),
                ),
            },
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn notes(&self, id: TicketId) -> Result<Vec<TicketNote>, PortError> {
        let actions = complete(self.client.actions(id).await?)?;
        let acting_as = self.acting_as().await;
        Ok(actions
            .iter()
            .map(|row| self.to_note(row, acting_as))
            .collect())
    }

    async fn change(&self, changes: &[TicketChange]) -> Vec<Result<Ticket, PortError>> {
        self.change_array(changes).await
    }

    async fn add_notes(&self, notes: &[NewNote]) -> Vec<Result<NoteId, PortError>> {
        self.add_note_array(notes).await
    }

    async fn changed_since(&self, since: Timestamp) -> Result<Changes, PortError> {
        self.first_page_of_changes(since).await
    }

    async fn next_page(&self, range: &ChangeRange) -> Result<Changes, PortError> {
        self.next_page_of_changes(range).await
    }
}

/// The rows of a list that came whole. One that did not hides what it lacks: never news.
fn complete<R>(listing: Listing<R>) -> Result<Vec<R>, PortError> {
    if listing.is_short() {
        let came = listing.rows.len() + listing.filtered_out;
        return Err(short(came, listing.record_count.unwrap_or_default()));
    }
    Ok(listing.rows)
}

/// Fewer rows came than there are.
fn short(came: usize, of: u64) -> PortError {
    PortError::new(FailureClass::Transient, ErrorCode::HalopsaShortList)
        .with_message(format!("{came} of {of} rows came"))
}

/// A write that was accepted, with an answer that does not show it.
fn unrecognised() -> PortError {
    PortError::new(FailureClass::InDoubt, ErrorCode::HalopsaUnexpected)
        .with_message("the answer does not show what was written")
}
