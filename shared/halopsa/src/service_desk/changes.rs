//! Lists of changes: one request where that is enough, otherwise page by page from the end.
//!
//! HaloPSA's pages are positions in a list that keeps changing. Without an upper time limit, a ticket
//! that changes joins the list while it is read, and a deleted ticket leaves it; both shift rows across
//! the edge of a page that was just read. Between two times in the past nothing joins the list and no
//! row changes, so its order is the same on each page. Tickets that change again leave the list, which
//! shifts rows to earlier pages only. Those are read last.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use halogard_app::ports::{Changes, Clock, PortError, RequestBudget, TicketListing};
use halogard_domain::Timestamp;
use halogard_domain::ids::TicketId;
use halogard_domain::sweep_cursor::{ChangeRange, INDEX_LAG_MAX, LIST_PAGES_MAX};
use halogard_domain::time::CLOCK_AHEAD_MAX;
use halogard_http::Transport;
use halogard_wire::UnreadableRow;

use super::{HaloServiceDesk, PAGES_MAX, short};
use crate::client::{Page, TicketQuery, TicketState};
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

/// When closed tickets are first asked for by themselves, after the first list.
const CLOSED_CHECK_AFTER: Duration = Duration::from_secs(900);

/// How often they are asked for at least, until one has shown whether lists hold them unasked. The pause doubles
/// up to this, so that a day without closed tickets costs seven requests.
const CLOSED_CHECK_INTERVAL_MAX: Duration = Duration::from_secs(6 * 3600);

/// How far closed tickets are looked back for when a tenant is found to hide them.
const CLOSED_LOOK_BACK: Duration = Duration::from_secs(86_400);

/// Whether lists hold closed tickets unasked, as far as that was checked.
#[derive(Debug)]
pub(super) struct ClosedCheck {
    /// When it is due next, in milliseconds; [`Self::UNSET`] before the first list.
    due_at: AtomicI64,
    /// The pause before that, in milliseconds.
    pause: AtomicI64,
}

impl Default for ClosedCheck {
    fn default() -> Self {
        Self {
            due_at: AtomicI64::new(Self::UNSET),
            pause: AtomicI64::new(0),
        }
    }
}

impl ClosedCheck {
    const UNSET: i64 = i64::MIN;

    /// Whether it is due now; it is then due again after twice the pause. The first one is due
    /// [`CLOSED_CHECK_AFTER`] the first list: a process that lives shorter asks for nothing more.
    fn is_due(&self, now: Timestamp) -> bool {
        let due_at = self.due_at.load(Ordering::Relaxed);
        if due_at != Self::UNSET && now.as_millis() < due_at {
            return false;
        }
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let doubled = self.pause.load(Ordering::Relaxed).saturating_mul(2);
        let longest = millis(CLOSED_CHECK_INTERVAL_MAX);
        let pause = doubled.clamp(millis(CLOSED_CHECK_AFTER), longest);
        self.pause.store(pause, Ordering::Relaxed);
        let next = now.as_millis().saturating_add(pause);
        self.due_at.store(next, Ordering::Relaxed);
        due_at != Self::UNSET
    }

    /// A probe has seen that lists hold them: the pauses begin with the longest.
    pub(super) fn expect_nothing_new(&self) {
        let longest = i64::try_from(CLOSED_CHECK_INTERVAL_MAX.as_millis()).unwrap_or(i64::MAX);
        self.pause.store(longest, Ordering::Relaxed);
    }

    /// Lists hold them: it is not due any more.
    fn settle(&self) {
        self.due_at.store(i64::MAX, Ordering::Relaxed);
    }
}

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
        let hidden = self.hidden_closed_rows(&page, since).await?;
        let mut changes = self.changes_of_first(page, since, asked_at).await?;
        if !hidden.is_empty() {
            let hidden = self.changes(&hidden, &[], asked_at, None);
            changes.listings.extend(hidden.listings);
        }
        Ok(changes)
    }

    /// What the first page of the changes since `since` shows, or everything where it does not say enough.
    async fn changes_of_first(
        &self,
        page: Page<TicketRow>,
        since: Timestamp,
        asked_at: Timestamp,
    ) -> Result<Changes, PortError> {
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
        let is_full =
            received == u64::from(PAGE_ROWS) && page.filtered_out == 0 && page.out_of_time == 0;
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

    /// Closed tickets that `page`, the first of the changes since `since`, leaves out: none where HaloPSA lists
    /// them unasked, as the vendor's tenants were seen to do.
    ///
    /// Asks for closed tickets by themselves, ever more rarely, until one of them shows which it is. When this finds that they are hidden, those of the last day are brought: sweeps have passed them.
    async fn hidden_closed_rows(
        &self,
        page: &Page<TicketRow>,
        since: Timestamp,
    ) -> Result<Vec<TicketRow>, PortError> {
        let now = self.clock.now();
        if self.client.hides_closed() || !self.closed_check.is_due(now) {
            return Ok(Vec::new());
        }
        let closed = TicketQuery {
            lastupdatefromdate: Some(since),
            newest_first: true,
            state: TicketState::Closed,
            ..TicketQuery::default()
        };
        let found = match self.client.tickets_page(&closed, 1).await {
            Ok(found) => found,
            // Nothing depends on it now.
            Err(_) => return Ok(Vec::new()),
        };
        let listed: BTreeSet<_> = page.rows.iter().map(|row| row.id).collect();
        let count = page.record_count.unwrap_or(u64::MAX);
        let is_all = page.rows_received() >= count;
        let lowest = listed.first().copied();
        // One that changed since is not proof.
        let should_be_listed = |row: &&TicketRow| {
            let is_in_reach = is_all || lowest.is_some_and(|lowest| row.id >= lowest);
            let settled = row
                .last_update()
                .is_none_or(|at| at <= now.minus(INDEX_LAG_MAX));
            is_in_reach && settled
        };
        let known: Vec<_> = found.rows.iter().filter(should_be_listed).collect();
        if known.is_empty() {
            return Ok(Vec::new());
        }
        if known.iter().any(|row| listed.contains(&row.id)) {
            self.closed_check.settle();
            return Ok(Vec::new());
        }
        self.client.learn_that_closed_are_hidden();
        let missed = TicketQuery {
            lastupdatefromdate: Some(since.minus(CLOSED_LOOK_BACK)),
            pages_max: Some(PAGES_MAX),
            state: TicketState::Closed,
            ..TicketQuery::default()
        };
        Ok(self.client.tickets(&missed).await?.rows)
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
            self.odd_records
                .report([not_listed(list.received, counted)]);
        }
        Ok(self.changes(&list.rows, &list.unreadable, asked_at, None))
    }

    /// What rows show. One that could not be read is listed by its number, to be read by itself.
    pub(super) fn changes(
        &self,
        rows: &[TicketRow],
        unreadable: &[UnreadableRow],
        asked_at: Timestamp,
        rest: Option<ChangeRange>,
    ) -> Changes {
        let listing = |row: &TicketRow| TicketListing {
            id: row.id,
            changed_at: row.last_update(),
            ticket: Some(row)
                .filter(|row| row.odd.is_empty())
                .and_then(|row| row.to_ticket(asked_at)),
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
            self.odd_records.report([not_listed(came, due)]);
        }
    }
}

impl Page<TicketRow> {
    /// How many rows came, and how many were due on this page of `range`; `None` where HaloPSA did not
    /// keep to the range or does not count.
    fn received_of(&self, range: &ChangeRange) -> Option<(u64, u64)> {
        let keeps_to_it = self.filtered_out == 0 && self.out_of_time == 0;
        let count = self.record_count.filter(|_| keeps_to_it)?;
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
        Ok(pages) if pages <= LIST_PAGES_MAX => Ok(pages),
        _ => Err(Error::TooManyPages {
            route: route::TICKETS.template,
            cap: LIST_PAGES_MAX,
        }
        .into()),
    }
}
