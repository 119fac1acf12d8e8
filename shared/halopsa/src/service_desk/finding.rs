//! Finding the ticket of a request whose outcome is unknown. No single way is certain: titles are replaced
//! by rules, searches compare in their own way, and lists lag behind.

use halogard_app::ports::{
    Clock, ErrorCode, KeyedPage, KeyedTicket, PortError, RequestBudget, SearchWithin,
    ServiceDesk as _,
};
use halogard_domain::ids::{HaloClientId, TicketId};
use halogard_domain::key::{SignedKey, UnverifiedKey};
use halogard_domain::sweep_cursor::{EndlessList, KeyedListPlace, KeyedPageShape, LIST_PAGES_MAX};
use halogard_domain::ticket::Existence;
use halogard_domain::{FailureClass, LinkKey, Timestamp};
use halogard_http::Transport;

use super::{HaloServiceDesk, Titled};
use crate::client::{Listing, TicketDetail, TicketQuery};
use crate::error::Error;
use crate::route;
use crate::wire::TicketRow;

/// The most pages of a search for one key. A search that answers more does not compare as it should.
const SEARCH_PAGES_MAX: u32 = 3;

/// The most pages of a client's newest tickets. No client gets a thousand tickets between a request and
/// the search for its ticket.
const CLIENT_PAGES_MAX: u32 = 10;

/// The most tickets whose text is read because their titles show no key.
const TEXTS_MAX: usize = 10;

impl<T: Transport, B: RequestBudget, C: Clock> HaloServiceDesk<T, B, C> {
    /// Searches by title, then among the client's newest tickets, then among those that lists may not show yet
    /// where `within` says so, then among the deleted ones. Among the client's tickets and the unlisted ones the
    /// custom field for the key and the end of the text count as well as the title.
    /// Usually spends one to three requests.
    pub(super) async fn search(
        &self,
        key: &SignedKey,
        within: &SearchWithin,
    ) -> Result<Vec<KeyedTicket>, PortError> {
        let by_title = TicketQuery {
            search_summary: Some(key.key.to_string()),
            nocache: true,
            begins_work: true,
            pages_max: Some(SEARCH_PAGES_MAX),
            ..TicketQuery::default()
        };
        let deleted = TicketQuery {
            deleted: true,
            begins_work: false,
            ..by_title.clone()
        };
        let by_title = self.search_titles(&by_title, key, within.client).await?;
        if !by_title.tickets.is_empty() {
            return Ok(by_title.tickets);
        }
        let newest = match within.client {
            Some(client) => self.search_newest(client, key, within).await?,
            None => KeyedTickets::default(),
        };
        if !newest.tickets.is_empty() {
            return Ok(newest.tickets);
        }
        if within.unlisted {
            let unlisted = self.search_unlisted(key, within).await?;
            if !unlisted.is_empty() {
                return Ok(unlisted);
            }
        }
        let deleted = self.search_titles(&deleted, key, within.client).await?;
        if !deleted.tickets.is_empty() {
            return Ok(deleted.tickets);
        }
        // A search that is short of rows has not found that there is nothing.
        let missing = by_title.missing.or(newest.missing).or(deleted.missing);
        missing.map_or(Ok(Vec::new()), Err)
    }

    /// Tickets with exactly this key in their titles. None where the search answers more than it should
    /// and the client's own tickets are searched as well.
    async fn search_titles(
        &self,
        query: &TicketQuery,
        key: &SignedKey,
        client: Option<HaloClientId>,
    ) -> Result<KeyedTickets, PortError> {
        let exact = |title: &str| exact_key(title, key);
        match self.client.tickets(query).await {
            Ok(listing) => self.keyed_listing(listing, query, exact).await,
            Err(error @ Error::TooManyPages { .. }) if client.is_some() => {
                tracing::warn!(%error, "a search for a key answers too many tickets");
                Ok(KeyedTickets::default())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The newest tickets of `client` that carry the key anywhere.
    async fn search_newest(
        &self,
        client: HaloClientId,
        key: &SignedKey,
        within: &SearchWithin,
    ) -> Result<KeyedTickets, PortError> {
        let query = TicketQuery {
            client_id: Some(client),
            include_custom_fields: within.key_field,
            nocache: true,
            ..TicketQuery::default()
        };
        let (since, _) = self.around(within.since);
        let (rows, missing) = self.newest_rows(query, since).await?;
        let mut found = KeyedTickets {
            tickets: Vec::new(),
            missing,
        };
        let in_field = |row: &TicketRow| is_in_field(row, key, within);
        for row in &rows {
            let title = row.summary.as_deref().unwrap_or_default();
            let marked = in_field(row).then(|| key.unverified());
            if let Some(marked) = marked.or_else(|| exact_key(title, key)) {
                let keyed = self.keyed(row, marked, false).await?;
                found.tickets.extend(keyed);
            }
        }
        found.tickets.sort_by_key(|found| found.ticket.id);
        if !found.tickets.is_empty() {
            return Ok(found);
        }
        // HaloPSA may have replaced the title.
        let around = self.around(within.since);
        let unmarked = rows
            .iter()
            .filter(|row| is_unmarked(row, key, within, around));
        for row in unmarked.take(TEXTS_MAX) {
            let detail = TicketDetail {
                includedetails: true,
                nocache: true,
            };
            let read = match self.client.ticket(row.id, detail).await {
                Ok(read) => read,
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error.into()),
            };
            if read.describes(&key.reference()) || in_field(&read) {
                let keyed = self.keyed(&read, key.unverified(), false).await?;
                found.tickets.extend(keyed);
            }
        }
        Ok(found)
    }

    /// The newest tickets that carry the key anywhere, those that lists do not show yet among them.
    async fn search_unlisted(
        &self,
        key: &SignedKey,
        within: &SearchWithin,
    ) -> Result<Vec<KeyedTicket>, PortError> {
        let detail = TicketDetail {
            includedetails: true,
            nocache: true,
        };
        let mut found = Vec::new();
        for row in self.newest_of_all(detail).await? {
            let title = row.summary.as_deref().unwrap_or_default();
            let is_marked = row.describes(&key.reference()) || is_in_field(&row, key, within);
            let marked = is_marked.then(|| key.unverified());
            if let Some(marked) = exact_key(title, key).or(marked) {
                found.extend(self.keyed(&row, marked, false).await?);
            }
        }
        found.sort_by_key(|found| found.ticket.id);
        Ok(found)
    }

    /// The tickets of `query` back to `since`, the newest first; and why there may be others. They are asked for in
    /// the order of their numbers, and the first one that was opened before `since` ends it: how HaloPSA's filter
    /// by date is spelt differs between its documents and its clients.
    pub(super) async fn newest_rows(
        &self,
        query: TicketQuery,
        since: Timestamp,
    ) -> Result<(Vec<TicketRow>, Option<PortError>), PortError> {
        let query = TicketQuery {
            newest_first: true,
            ..query
        };
        let is_older = |row: &TicketRow| row.opened_at.is_some_and(|at| at < since);
        let mut rows = Vec::new();
        let mut missing = None;
        let mut received = 0;
        for page_no in 1..=CLIENT_PAGES_MAX {
            let page = self.client.tickets_page(&query, page_no).await?;
            self.name_odd(&page.rows, &page.unreadable);
            let came = page.rows_received();
            received += came;
            let is_enough = page.rows.iter().any(is_older);
            let is_all = page.record_count.is_some_and(|count| received >= count);
            for odd in &page.unreadable {
                match odd.id {
                    Some(id) => rows.extend(self.read_row(TicketId::new(id)).await?),
                    None => missing = Some(title_unknown()),
                }
            }
            for row in page.rows {
                let read = if row.hides_its_title() {
                    self.read_row(row.id).await?
                } else {
                    Some(row)
                };
                match read {
                    Some(row) if row.hides_its_title() => missing = Some(title_unknown()),
                    read => rows.extend(read),
                }
            }
            if is_enough || is_all {
                break;
            }
            if came == 0 {
                let short = page.record_count;
                let short = short.and_then(|count| self.shortfall(&query, received, count));
                missing = missing.or(short);
                break;
            }
        }
        Ok((rows, missing))
    }

    /// The error of a search that brought `came` of `counted` rows; `None` once it has come so short before.
    fn shortfall(&self, query: &TicketQuery, came: u64, counted: u64) -> Option<PortError> {
        let (text, client) = (&query.search_summary, query.client_id);
        let what = format!("{text:?} {client:?} {}", query.deleted);
        self.shortfalls.error(what, came, counted, self.clock.now())
    }

    /// A page of all tickets whose titles carry a key with `prefix`. A row that is counted and never listed
    /// is not a reason to stop.
    pub(super) async fn keyed_page(
        &self,
        prefix: &str,
        place: Option<&KeyedListPlace>,
    ) -> Result<KeyedPage, PortError> {
        let query = TicketQuery {
            search_summary: Some(LinkKey::start(prefix)),
            ..TicketQuery::default()
        };
        let page_no = place.map_or(1, KeyedListPlace::page);
        let page = self.client.tickets_page(&query, page_no).await?;
        let received = page.rows_received();
        let shape = KeyedPageShape {
            received,
            count: page.record_count,
            first_row: page.rows.first().map(|row| row.id),
        };
        let rest = match place {
            None => KeyedListPlace::after_first_page(shape),
            Some(place) => place.after(shape),
        };
        let rest = rest.map_err(|why| PortError::from(endless(why, page_no)))?;
        if place.is_none() && matches!(rest, Some(KeyedListPlace::Backwards { .. })) {
            return Ok(KeyedPage {
                tickets: Vec::new(),
                rest,
            });
        }
        let listing = Listing {
            rows: page.rows,
            filtered_out: page.filtered_out,
            unreadable: page.unreadable,
            received,
            record_count: None,
            pages: 1,
        };
        let first_key = |title: &str| UnverifiedKey::all_in(title, prefix).into_iter().next();
        let found = self.keyed_listing(listing, &query, first_key).await?;
        self.odd_records
            .report(found.missing.map(|missing| missing.to_string()));
        Ok(KeyedPage {
            tickets: found.tickets.into_iter().map(|it| it.ticket).collect(),
            rest,
        })
    }

    /// Those of a list that have a key. A row that cannot be read as far as it matters is read by itself.
    async fn keyed_listing(
        &self,
        listing: Listing<TicketRow>,
        query: &TicketQuery,
        key_of: impl Fn(&str) -> Option<UnverifiedKey>,
    ) -> Result<KeyedTickets, PortError> {
        self.name_odd(&listing.rows, &listing.unreadable);
        let mut found = KeyedTickets {
            tickets: Vec::new(),
            missing: listing
                .is_short()
                .then(|| listing.record_count.unwrap_or_default())
                .and_then(|count| self.shortfall(query, listing.received, count)),
        };
        let mut untitled = Vec::new();
        for odd in &listing.unreadable {
            match odd.id {
                Some(id) => untitled.push(TicketId::new(id)),
                None => found.miss(),
            }
        }
        let (hidden, rows): (Vec<_>, Vec<_>) = listing
            .rows
            .into_iter()
            .partition(TicketRow::hides_its_title);
        untitled.extend(hidden.iter().map(|row| row.id));
        for id in untitled {
            match self.read_titled(id).await? {
                Some(Titled::Ticket(ticket)) => {
                    let key = key_of(&ticket.summary);
                    found
                        .tickets
                        .extend(key.map(|key| KeyedTicket { ticket, key }));
                }
                Some(Titled::Gone) => {}
                None => found.miss(),
            }
        }
        found
            .tickets
            .extend(self.keyed_rows(rows, query.deleted, key_of).await?);
        found.tickets.sort_by_key(|found| found.ticket.id);
        Ok(found)
    }

    /// Those of `rows` that have a key.
    pub(super) async fn keyed_rows(
        &self,
        rows: Vec<TicketRow>,
        deleted: bool,
        key_of: impl Fn(&str) -> Option<UnverifiedKey>,
    ) -> Result<Vec<KeyedTicket>, PortError> {
        let mut found = Vec::new();
        for row in rows {
            if let Some(key) = key_of(row.summary.as_deref().unwrap_or_default()) {
                found.extend(self.keyed(&row, key, deleted).await?);
            }
        }
        Ok(found)
    }

    /// The ticket of `row`, which carries `key`; read where the row is too thin. A list of `deleted` ones
    /// may hold others as well: one that is not marked as deleted is read, too.
    async fn keyed(
        &self,
        row: &TicketRow,
        key: UnverifiedKey,
        deleted: bool,
    ) -> Result<Option<KeyedTicket>, PortError> {
        let shown = row.to_ticket(self.clock.now());
        let is_certain = row.odd.is_empty() && (!deleted || row.deleted == Some(true));
        let ticket = match shown {
            Some(ticket) if is_certain => Some(ticket),
            shown => match self.read(row.id).await? {
                Some(read) => Some(read),
                None => shown.map(|mut gone| {
                    gone.existence = Existence::Deleted;
                    gone
                }),
            },
        };
        Ok(ticket.map(|ticket| KeyedTicket { ticket, key }))
    }
}

/// Tickets that carry a key of ours.
#[derive(Default)]
pub(super) struct KeyedTickets {
    /// Those found, the oldest first.
    pub(super) tickets: Vec<KeyedTicket>,
    /// Why there may be others.
    pub(super) missing: Option<PortError>,
}

impl KeyedTickets {
    /// Notes a ticket whose title stayed unknown.
    fn miss(&mut self) {
        self.missing.get_or_insert_with(title_unknown);
    }
}

/// The error of a list that does not end, of which `page` was read.
fn endless(why: EndlessList, page: u32) -> Error {
    let route = route::TICKETS.template;
    match why {
        EndlessList::PageRepeated => Error::PageRepeated { route, page },
        EndlessList::TooManyPages => Error::TooManyPages {
            route,
            cap: LIST_PAGES_MAX,
        },
    }
}

/// A list has a ticket whose title is unknown.
fn title_unknown() -> PortError {
    PortError::new(FailureClass::Transient, ErrorCode::HalopsaShortList)
        .with_message("a row came whose title could not be read")
}

/// The key of `key` in a title, with the proof as it is there; one with the right proof first.
fn exact_key(title: &str, key: &SignedKey) -> Option<UnverifiedKey> {
    let all = UnverifiedKey::all_in(title, &key.key.prefix).into_iter();
    let is_same_or_later = |marked: &UnverifiedKey| {
        marked.key.alert == key.key.alert && marked.key.recurrence >= key.key.recurrence
    };
    let same: Vec<_> = all.filter(is_same_or_later).collect();
    let proven = same.iter().find(|marked| **marked == key.unverified());
    proven.or(same.first()).cloned()
}

/// Whether the custom field for the key holds that of `key`.
fn is_in_field(row: &TicketRow, key: &SignedKey, within: &SearchWithin) -> bool {
    let text = within.key_field.and_then(|field| row.custom_text(field));
    text.is_some_and(|text| text == key.to_string())
}

/// Whether `row` may be the ticket that was requested, under a title without any key.
fn is_unmarked(
    row: &TicketRow,
    key: &SignedKey,
    within: &SearchWithin,
    (from, until): (Timestamp, Timestamp),
) -> bool {
    let title = row.summary.as_deref().unwrap_or_default();
    let in_time = |at: Timestamp| at >= from && at <= until;
    let same_type = within.ticket_type.is_none()
        || row.tickettype_id.is_none()
        || row.tickettype_id == within.ticket_type;
    UnverifiedKey::all_in(title, &key.key.prefix).is_empty()
        && same_type
        && row.opened_at.is_none_or(in_time)
}
