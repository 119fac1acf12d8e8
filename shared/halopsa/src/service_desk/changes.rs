//! Lists of changes: one request where that is enough, otherwise page by page from the end.
//!
//! HaloPSA's pages are positions in a list that keeps changing. Without an upper time limit, a ticket
//! that changes joins the list while it is read, and a deleted ticket leaves it; both shift rows across
//! the edge of a page that was just read. Between two times in the past nothing joins the list and no
//! row changes, so its order is the same on each page. Tickets that change again leave the list, which
//! shifts rows to earlier pages only. Those are read last.

use std::time::Duration;

use halogard_app::ports::{Changes, Clock, PortError, RequestBudget, TicketListing};
use halogard_domain::Timestamp;
use halogard_domain::ids::TicketId;
use halogard_domain::sweep_cursor::ChangeRange;
use halogard_domain::time::CLOCK_AHEAD_MAX;
use halogard_http::Transport;
use halogard_wire::UnreadableRow;

use super::{HaloServiceDesk, PAGES_MAX, short};
use crate::client::{Page, TicketQuery};
use crate::error::Error;
use crate::route;
use crate::wire::TicketRow;

/// Rows of a full page.
const PAGE_ROWS: u32 = TicketQuery::PAGE_ROWS;

/// How far a range extends beyond the newest change that it must contain. Whether HaloPSA includes the
/// ends of a range is not known. With this margin the next range may begin one millisecond before the
/// end of this one and one after that change, and nothing is listed twice, however many tickets changed
/// at the same time. Shorter than a round trip to HaloPSA, so the end is past when the range is
/// requested.
const RANGE_SLACK: Duration = Duration::from_millis(2);

impl<T: Transport, B: RequestBudget, C: Clock> HaloServiceDesk<T, B, C> {
    /// Tickets that changed at or after `since`, the newest first. If a ticket changed a moment ago it
    /// is among them, and its time limits the end of a range in the past. Uses one request; more only
    /// where HaloPSA omits a field that a range needs.
    pub(super) async fn first_page_of_changes(
        &self,
        since: Timestamp,
    ) -> Result<Changes, PortError> {
        let query = TicketQuery {
            lastupdatefromdate: Some(since),
            newest_first: true,
            ..TicketQuery::default()
        };
        let asked_at = self.clock.now();
        let page = self.client.tickets_page(&query, 1).await?;
        let received = page.rows_received();
        let is_all = page.record_count.is_some_and(|count| received >= count);
        if is_all || received == 0 && page.record_count.is_none() {
            return Ok(self.changes(&page.rows, &page.unreadable, asked_at, None));
        }
        // A time that has not come by HaloPSA's own clock says nothing about where the changes end.
        let latest = self
            .client
            .both_clocks()
            .of_the_desk()
            .plus(CLOCK_AHEAD_MAX);
        let times = page.rows.iter().filter_map(TicketRow::last_update);
        let newest = times.filter(|at| *at <= latest).max();
        let is_full = received == u64::from(PAGE_ROWS) && page.filtered_out == 0;
        match (newest, page.record_count) {
            (Some(newest), Some(count)) if is_full => {
                let rest = ChangeRange {
                    since,
                    until: newest.plus(RANGE_SLACK),
                    pages: pages(count)?,
                    count: u32::try_from(count).unwrap_or(u32::MAX),
                };
                Ok(self.changes(&page.rows, &page.unreadable, asked_at, Some(rest)))
            }
            _ => self.all_changes(since).await,
        }
    }

    /// The next page of `range`. Uses one request; more only where HaloPSA does not respect the range, or its
    /// own count.
    pub(super) async fn next_page_of_changes(
        &self,
        range: &ChangeRange,
    ) -> Result<Changes, PortError> {
        let query = TicketQuery {
            lastupdatefromdate: Some(range.since),
            lastupdatetodate: Some(range.until),
            newest_first: true,
            ..TicketQuery::default()
        };
        let asked_at = self.clock.now();
        let mut page = self.client.tickets_page(&query, range.pages).await?;
        if page
            .received_of(range)
            .is_some_and(|(came, due)| came < due)
        {
            let again = self.client.tickets_page(&query, range.pages).await?;
            // The same answer twice is how HaloPSA counts: a row may be counted and never listed. Any other
            // list is still moving.
            if ids(&again) == ids(&page) && again.record_count == page.record_count {
                self.name_short(&again, range);
            } else if let Some((came, due)) = again.received_of(range)
                && came < due
            {
                return Err(short(came, due));
            }
            page = again;
        }
        let Some((came, due)) = page.received_of(range) else {
            return self.all_changes(range.since).await;
        };
        if came > due {
            return Err(Error::PageRepeated {
                route: route::TICKETS.template,
                page: range.pages,
            }
            .into());
        }
        let count = page.record_count.unwrap_or_default();
        let joined = count > u64::from(range.count);
        let left = if joined {
            // The index had lagged: what was read may have moved away from what was not.
            pages(count)?
        } else {
            pages(count)?.min(range.pages.saturating_sub(1))
        };
        let rest = ChangeRange {
            pages: left,
            count: u32::try_from(count).unwrap_or(u32::MAX),
            ..range.clone()
        };
        let rest = (left > 0).then_some(rest);
        Ok(self.changes(&page.rows, &page.unreadable, asked_at, rest))
    }

    /// Every ticket that changed at or after `since`, in one go. A list that ends before its count, with an
    /// empty page after it, is all there is: HaloPSA may count rows that it does not list.
    async fn all_changes(&self, since: Timestamp) -> Result<Changes, PortError> {
        let query = TicketQuery {
            lastupdatefromdate: Some(since),
            pages_max: Some(PAGES_MAX),
            ..TicketQuery::default()
        };
        let asked_at = self.clock.now();
        let list = self.client.tickets(&query).await?;
        if list.is_short() {
            let counted = list.record_count.unwrap_or_default();
            self.odd_records.name([not_listed(list.received, counted)]);
        }
        Ok(self.changes(&list.rows, &list.unreadable, asked_at, None))
    }

    /// What rows show. One that could not be read is listed by its number, to be read by itself.
    fn changes(
        &self,
        rows: &[TicketRow],
        unreadable: &[UnreadableRow],
        asked_at: Timestamp,
        rest: Option<ChangeRange>,
    ) -> Changes {
        let listing = |row: &TicketRow| TicketListing {
            id: row.id,
            changed_at: row.last_update(),
            // Without the time of its change a state cannot be put in order: it would count as older than
            // everything, and the change would be missed.
            ticket: row
                .last_update()
                .filter(|_| row.odd.is_empty())
                .and_then(|_| row.to_ticket(asked_at)),
        };
        let by_number = |row: &UnreadableRow| {
            row.id.map(|id| TicketListing {
                id: TicketId::new(id),
                changed_at: None,
                ticket: None,
            })
        };
        let listings = rows.iter().map(listing);
        Changes {
            listings: listings
                .chain(unreadable.iter().filter_map(by_number))
                .collect(),
            rest,
            set_aside: self.name_odd(rows, unreadable),
        }
    }

    /// Names the rows that `page` of `range` lacks.
    fn name_short(&self, page: &Page<TicketRow>, range: &ChangeRange) {
        if let Some((came, due)) = page.received_of(range) {
            self.odd_records.name([not_listed(came, due)]);
        }
    }
}

impl Page<TicketRow> {
    /// How many rows came, and how many were due on this page of `range`; `None` where HaloPSA did not
    /// keep to the range or does not count.
    fn received_of(&self, range: &ChangeRange) -> Option<(u64, u64)> {
        let count = self.record_count.filter(|_| self.filtered_out == 0)?;
        let before = u64::from(range.pages.saturating_sub(1)) * u64::from(PAGE_ROWS);
        let due = count.saturating_sub(before).min(u64::from(PAGE_ROWS));
        Some((self.rows_received(), due))
    }
}

/// The numbers of the tickets of a page, in the order sent.
fn ids(page: &Page<TicketRow>) -> Vec<u64> {
    let readable = page.rows.iter().map(|row| row.id.get());
    readable
        .chain(page.unreadable.iter().filter_map(|row| row.id))
        .collect()
}

/// Rows that are counted and not listed.
fn not_listed(came: u64, counted: u64) -> String {
    format!("list: {counted} rows counted, {came} listed")
}

/// Pages that hold `count` rows.
fn pages(count: u64) -> Result<u32, PortError> {
    let pages = count.div_ceil(u64::from(PAGE_ROWS));
    match u32::try_from(pages) {
        Ok(pages) if pages <= PAGES_MAX => Ok(pages),
        _ => Err(Error::TooManyPages {
            route: route::TICKETS.template,
            cap: PAGES_MAX,
        }
        .into()),
    }
}
