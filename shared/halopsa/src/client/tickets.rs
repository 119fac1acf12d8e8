//! Tickets and their actions.

use std::marker::PhantomData;

use halogard_app::ports::{Clock, RequestBudget};
use halogard_domain::Timestamp;
use halogard_domain::ids::TicketId;
use halogard_http::Transport;

use super::pages::{Listing, Page, paged};
use super::query::{TicketDetail, TicketQuery, matches_if_known};
use super::request::HaloRequest;
use super::{Client, route};
use crate::error::Error;
use crate::route::HaloRoute;
use crate::wire::{ActionRow, ActionWrite, OneOrManySeed, TicketRow, TicketWrite};

impl<T: Transport, B: RequestBudget, C: Clock> Client<T, B, C> {
    /// `GET /Tickets`, all pages. Spends one request per 100 tickets.
    ///
    /// Rows that contradict `query` are set aside and counted.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyPages`] when there is more than the query allows;
    /// [`Error::PageRepeated`] when the list does not move on.
    pub async fn tickets(&self, query: &TicketQuery) -> Result<Listing<TicketRow>, Error> {
        let pages_max = query.pages_max.unwrap_or(TicketQuery::PAGES_MAX);
        let route = HaloRoute {
            begins_work: query.begins_work,
            ..route::TICKETS
        };
        let call_for = |page_no| paged(query.apply_to(HaloRequest::to(route.clone())), page_no);
        let mut list = self
            .all_pages(call_for, "tickets", pages_max, |row| query.matches(row))
            .await?;
        list.rows = self.without_future_times(list.rows);
        Ok(list)
    }

    /// `GET /Tickets`, page `page_no` of at most 100 rows; the first is 1. Spends one request.
    ///
    /// # Errors
    ///
    /// As any read.
    pub async fn tickets_page(
        &self,
        query: &TicketQuery,
        page_no: u32,
    ) -> Result<Page<TicketRow>, Error> {
        let call = paged(query.apply_to(HaloRequest::to(route::TICKETS)), page_no);
        let mut page = self
            .page(&call, "tickets", |row| query.matches(row))
            .await?;
        page.rows = self.without_future_times(page.rows);
        Ok(page)
    }

    /// `rows` without times that have not come, by either clock.
    fn without_future_times(&self, rows: Vec<TicketRow>) -> Vec<TicketRow> {
        let latest = self.both_clocks().latest_for_either();
        rows.into_iter().map(|row| row.changed_by(latest)).collect()
    }

    /// `GET /Tickets/{id}`. Spends one request.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`] for a ticket that is deleted or unknown.
    pub async fn ticket(&self, id: TicketId, detail: TicketDetail) -> Result<TicketRow, Error> {
        let call = HaloRequest::to(route::TICKET)
            .of(id.get())
            .with_flag("includedetails", detail.includedetails)
            .with_flag("nocache", detail.nocache);
        let row = self.read(&call, PhantomData::<TicketRow>).await?;
        Ok(row.changed_by(self.both_clocks().latest_for_either()))
    }

    /// `POST /Tickets`: creates those without an id, changes those with one. Spends one request,
    /// and none for no tickets.
    ///
    /// Not safe to repeat: a create whose answer was lost may have created. Creates in parallel
    /// collide on a default tenant; send one request at a time. The answers are matched to
    /// `tickets` by content, not by place: a build that ignores `returnall` answers with the last
    /// one only.
    ///
    /// # Errors
    ///
    /// Of class `InDoubt` whenever the work may have been done.
    pub async fn post_tickets(&self, tickets: &[TicketWrite]) -> Result<Vec<TicketRow>, Error> {
        if tickets.is_empty() {
            return Ok(Vec::new());
        }
        let call = HaloRequest::to(route::POST_TICKETS)
            .with("returnall", true)
            .posting(tickets)?;
        let rows = self.read(&call, OneOrManySeed::new()).await?;
        Ok(self.without_future_times(rows))
    }

    /// [`post_tickets`](Self::post_tickets) for tickets without an id, unless the request could not be sent
    /// before `send_before`: the right to open them ends soon after.
    ///
    /// # Errors
    ///
    /// [`Error::TooLate`], with nothing sent; otherwise as [`post_tickets`](Self::post_tickets).
    pub async fn post_new_tickets(
        &self,
        tickets: &[TicketWrite],
        send_before: Timestamp,
    ) -> Result<Vec<TicketRow>, Error> {
        if tickets.is_empty() {
            return Ok(Vec::new());
        }
        let call = HaloRequest::to(route::POST_TICKETS)
            .with("returnall", true)
            .sent_before(send_before)
            .posting(tickets)?;
        self.read(&call, OneOrManySeed::new()).await
    }

    /// `GET /Actions`: everything written on `ticket`, the system's own entries included. Not
    /// paged by HaloPSA. Spends one request.
    ///
    /// # Errors
    ///
    /// As any read.
    pub async fn actions(&self, ticket: TicketId) -> Result<Listing<ActionRow>, Error> {
        /// More than a ticket has. Without it some tenants show the newest few.
        const COUNT: u64 = 1000;
        let call = HaloRequest::to(route::ACTIONS)
            .with("ticket_id", ticket)
            .with("count", COUNT);
        self.unpaged_list(&call, "actions", |row: &ActionRow| {
            matches_if_known(Some(ticket), row.ticket_id)
        })
        .await
    }

    /// `POST /Actions`. Spends one request, and none for no actions.
    ///
    /// Not safe to repeat: an action whose answer was lost may stand there.
    ///
    /// # Errors
    ///
    /// Of class `InDoubt` whenever the work may have been done.
    pub async fn post_actions(&self, actions: &[ActionWrite]) -> Result<Vec<ActionRow>, Error> {
        if actions.is_empty() {
            return Ok(Vec::new());
        }
        let call = HaloRequest::to(route::POST_ACTIONS)
            .with("returnall", true)
            .posting(actions)?;
        self.read(&call, OneOrManySeed::new()).await
    }
}
