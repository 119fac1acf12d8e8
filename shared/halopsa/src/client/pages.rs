//! Lists, whole or by the page, each row checked against what was asked for.

use std::collections::HashSet;

use halogard_app::ports::{Clock, RequestBudget};
use halogard_http::Transport;
use halogard_wire::UnreadableRow;
use serde::de::DeserializeOwned;

use super::Client;
use super::request::HaloRequest;
use crate::error::Error;
use crate::wire::{ListSeed, Row, Rows};

/// Rows per page. Source: vendor OpenAPI, which names it as the maximum; larger pages work on some
/// tenants.
pub(super) const PAGE_SIZE: u32 = 100;

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<R> {
    /// The rows that match what was asked for.
    pub rows: Vec<R>,
    /// Rows that were sent although they do not match. HaloPSA ignores parameters it does not
    /// know, so a filter that stopped working shows here and nowhere else.
    pub filtered_out: usize,
    /// How many of `rows` changed outside the times asked for: HaloPSA does not keep to them, or writes
    /// times that are not UTC.
    pub out_of_time: usize,
    /// Rows that could not be read.
    pub unreadable: Vec<UnreadableRow>,
    /// How many rows match in all, by HaloPSA's count.
    pub record_count: Option<u64>,
}

impl<R> Page<R> {
    /// How many rows came.
    #[must_use]
    pub fn rows_received(&self) -> u64 {
        as_count(self.rows.len() + self.filtered_out + self.unreadable.len())
    }
}

/// A whole list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing<R> {
    /// The rows that match what was asked for, each once.
    pub rows: Vec<R>,
    /// Rows that were sent although they do not match; see [`Page::filtered_out`].
    pub filtered_out: usize,
    /// Rows that could not be read.
    pub unreadable: Vec<UnreadableRow>,
    /// Rows that came, each once.
    pub received: u64,
    /// How many rows match in all, by HaloPSA's count on the last page.
    pub record_count: Option<u64>,
    /// How many pages were read; each was one request of the budget.
    pub pages: u32,
}

impl<R> Listing<R> {
    /// Whether fewer rows came than HaloPSA counts. What is missing from such a list is not gone.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.record_count.is_some_and(|count| self.received < count)
    }

    /// A list that comes in one piece.
    fn from_page(page: Page<R>) -> Self {
        let received = page.rows_received();
        let Page {
            rows,
            filtered_out,
            unreadable,
            record_count,
            ..
        } = page;
        Self {
            rows,
            filtered_out,
            unreadable,
            received,
            record_count,
            pages: 1,
        }
    }
}

/// A length as the wire counts.
fn as_count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// `call`, asking for one page in an order that does not move while one reads on.
pub(super) fn paged(call: HaloRequest, page_no: u32) -> HaloRequest {
    call.with("pageinate", true)
        .with("page_size", PAGE_SIZE)
        .with("page_no", page_no)
        .with("order", "id")
}

impl<T: Transport, B: RequestBudget, C: Clock> Client<T, B, C> {
    /// Reads one list as it comes, without the rows that cannot be read.
    pub(super) async fn rows<R>(
        &self,
        call: &HaloRequest,
        name: &'static str,
    ) -> Result<Vec<R>, Error>
    where
        R: DeserializeOwned,
    {
        let list: Rows<R> = self.read(call, ListSeed::named(name)).await?;
        for odd in &list.unreadable {
            tracing::warn!(
                list = call.route.template,
                place = %odd,
                "a row of a list of HaloPSA cannot be read; the list is used without it"
            );
        }
        Ok(list.rows)
    }

    /// Reads one page and sets aside what does not belong.
    pub(super) async fn page<R>(
        &self,
        call: &HaloRequest,
        name: &'static str,
        belongs: impl Fn(&R) -> bool,
    ) -> Result<Page<R>, Error>
    where
        R: DeserializeOwned,
    {
        let list: Rows<R> = self.read(call, ListSeed::named(name)).await?;
        let sent = list.rows.len();
        let rows: Vec<R> = list.rows.into_iter().filter(belongs).collect();
        Ok(Page {
            filtered_out: sent - rows.len(),
            out_of_time: 0,
            rows,
            unreadable: list.unreadable,
            record_count: list.record_count,
        })
    }

    /// Reads a list that is not paged and sets aside what does not belong.
    pub(super) async fn unpaged_list<R>(
        &self,
        call: &HaloRequest,
        name: &'static str,
        belongs: impl Fn(&R) -> bool,
    ) -> Result<Listing<R>, Error>
    where
        R: DeserializeOwned,
    {
        self.page(call, name, belongs).await.map(Listing::from_page)
    }

    /// Reads pages until there are as many different rows as HaloPSA counts, or an empty page.
    ///
    /// Never assumes that the page size was honoured. `call_for` makes the call for a page, the
    /// first being 1.
    pub(super) async fn all_pages<R>(
        &self,
        call_for: impl Fn(u32) -> HaloRequest,
        name: &'static str,
        pages_max: u32,
        belongs: impl Fn(&R) -> bool,
    ) -> Result<Listing<R>, Error>
    where
        R: DeserializeOwned + Row,
    {
        let mut seen = HashSet::new();
        let mut whole = Listing {
            rows: Vec::new(),
            filtered_out: 0,
            unreadable: Vec::new(),
            received: 0,
            record_count: None,
            pages: 0,
        };
        loop {
            let page = whole.pages + 1;
            let call = call_for(page);
            if page > pages_max {
                return Err(Error::TooManyPages {
                    route: call.route.template,
                    cap: pages_max,
                });
            }
            let list: Rows<R> = self.read(&call, ListSeed::named(name)).await?;
            whole.pages = page;
            whole.record_count = list.record_count;
            let is_empty = list.rows.is_empty() && list.unreadable.is_empty();
            let known = whole.received;
            let mut on_this_page = HashSet::new();
            for row in list.rows {
                if !seen.insert(row.key()) {
                    // Within one page HaloPSA lists it twice, and counts it twice; on a later page it has
                    // moved there, and was counted once.
                    whole.received += u64::from(on_this_page.contains(&row.key()));
                    continue;
                }
                on_this_page.insert(row.key());
                whole.received += 1;
                if belongs(&row) {
                    whole.rows.push(row);
                } else {
                    whole.filtered_out += 1;
                }
            }
            for odd in list.unreadable {
                if odd.id.is_none_or(|id| seen.insert(id)) {
                    whole.received += 1;
                    whole.unreadable.push(odd);
                }
            }
            let is_all = list
                .record_count
                .is_some_and(|count| whole.received >= count);
            if is_empty || is_all {
                return Ok(whole);
            }
            if whole.received == known {
                return Err(Error::PageRepeated {
                    route: call.route.template,
                    page,
                });
            }
        }
    }
}
