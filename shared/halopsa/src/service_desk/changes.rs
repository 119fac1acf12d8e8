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
use halogard_domain::sweep_cursor::ChangeRange;
use halogard_http::Transport;

use super::{HaloServiceDesk, PAGES_MAX, complete, short};
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
        let is_all = page
            .record_count
            .is_some_and(|count| rows_received(&page) >= count);
        if is_all || rows_received(&page) == 0 && page.record_count.is_none() {
            return Ok(Changes {
                listings: listings(&page.rows, asked_at),
                rest: None,
            });
        }
        let newest = page.rows.iter().filter_map(TicketRow::last_update).max();
        let is_full = rows_received(&page) == u64::from(PAGE_ROWS) && page.filtered_out == 0;
        match (newest, page.record_count) {
            (Some(newest), Some(count)) if is_full => Ok(Changes {
                listings: listings(&page.rows, asked_at),
                rest: Some(ChangeRange {
                    since,
                    until: newest.plus(RANGE_SLACK),
                    pages: pages(count)?,
                    count: u32::try_from(count).unwrap_or(u32::MAX),
                }),
            }),
            _ => self.all_changes(since).await,
        }
    }

    /// The next page of `range`. Uses one request; more only where HaloPSA does not respect the range.
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
        let page = self.client.tickets_page(&query, range.pages).await?;
        let Some(count) = page.record_count.filter(|_| page.filtered_out == 0) else {
            return self.all_changes(range.since).await;
        };
        let before = u64::from(range.pages.saturating_sub(1)) * u64::from(PAGE_ROWS);
        let due = count.saturating_sub(before).min(u64::from(PAGE_ROWS));
        if rows_received(&page) < due {
            return Err(short(page.rows.len(), due));
        }
        if rows_received(&page) > due {
            return Err(Error::PageRepeated {
                route: route::TICKETS.template,
                page: range.pages,
            }
            .into());
        }
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
        Ok(Changes {
            listings: listings(&page.rows, asked_at),
            rest: (left > 0).then_some(rest),
        })
    }

    /// Every ticket that changed at or after `since`, in one go.
    async fn all_changes(&self, since: Timestamp) -> Result<Changes, PortError> {
        let query = TicketQuery {
            lastupdatefromdate: Some(since),
            pages_max: Some(PAGES_MAX),
            ..TicketQuery::default()
        };
        let asked_at = self.clock.now();
        let rows = complete(self.client.tickets(&query).await?)?;
        Ok(Changes {
            listings: listings(&rows, asked_at),
            rest: None,
        })
    }
}

/// Rows that came with `page`.
fn rows_received(page: &Page<TicketRow>) -> u64 {
    u64::try_from(page.rows.len() + page.filtered_out).unwrap_or(u64::MAX)
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

/// What rows show.
fn listings(rows: &[TicketRow], asked_at: Timestamp) -> Vec<TicketListing> {
    let listing = |row: &TicketRow| TicketListing {
        id: row.id,
        changed_at: row.last_update(),
        // Without the time of its change a state cannot be put in order: it would count as older than
        // everything, and the change would be missed.
        ticket: row.last_update().and_then(|_| row.to_ticket(asked_at)),
    };
    rows.iter().map(listing).collect()
}
