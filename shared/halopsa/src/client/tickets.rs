//! Tickets and their actions.

use std::marker::PhantomData;
use std::sync::atomic::Ordering;

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
        let hides_closed = self.hides_closed();
        let call_for = |page_no| {
            let call = HaloRequest::to(route.clone());
            paged(query.apply_to(call, hides_closed), page_no)
        };
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
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn tickets_page(
        &self,
        query: &TicketQuery,
        page_no: u32,
    ) -> Result<Page<TicketRow>, Error> {
        let call = query.apply_to(HaloRequest::to(route::TICKETS), self.hides_closed());
        let call = paged(call, page_no);
        let mut page: Page<TicketRow> = self
            .page(&call, "tickets", |row| query.matches(row))
            .await?;
        let in_time = page.rows.iter().filter(|row| query.is_in_time(row)).count();
        page.out_of_time = page.rows.len() - in_time;
        page.rows = self.without_future_times(page.rows);
        Ok(page)
    }

    /// Whether this tenant was found to leave closed tickets out of lists that do not ask for them.
    #[must_use]
    pub fn hides_closed(&self) -> bool {
        self.hides_closed.load(Ordering::Relaxed)
    }

    /// Asks for closed tickets from now on, since this tenant leaves them out otherwise.
    pub fn learn_that_closed_are_hidden(&self) {
        if !self.hides_closed.swap(true, Ordering::Relaxed) {
            tracing::info!(
                "HaloPSA leaves closed tickets out of lists that do not name them; they are asked for from now \
                 on"
            );
        }
    }

    /// Compares the times in the answer to a write of ours with HaloPSA's clock: what was written this moment
    /// changed this moment. A difference of whole quarters of an hour is a time zone.
    fn compare_times(&self, written: &[TicketRow]) {
        let Some(theirs) = self.both_clocks().theirs else {
            return;
        };
        let minutes = |row: &TicketRow| {
            let millis = row
                .last_update()?
                .as_millis()
                .saturating_sub(theirs.as_millis());
            Some((millis + millis.signum() * 30_000) / 60_000)
        };
        let off = written
            .iter()
            .filter_map(minutes)
            .find(|minutes| is_a_zone(*minutes));
        if let Some(minutes) = off
            && !self.has_named_zone.swap(true, Ordering::Relaxed)
        {
            tracing::error!(
                minutes,
                "HaloPSA's time of a change of this moment differs from its own clock: it seems to send \
                 local times instead of UTC; set the time zone of the API agent (Configuration → Teams & \
                 Agents → Agents) to UTC"
            );
        }
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
            .writing_records()
            .posting(tickets)?;
        self.posted_tickets(&call).await
    }

    /// [`post_tickets`](Self::post_tickets) for tickets with an id, unless the request could not be sent before
    /// `send_before`: what is known of the tickets is too old from then on.
    ///
    /// # Errors
    ///
    /// [`Error::TooLate`], with nothing sent; otherwise as [`post_tickets`](Self::post_tickets).
    pub async fn post_ticket_changes(
        &self,
        tickets: &[TicketWrite],
        send_before: Timestamp,
    ) -> Result<Vec<TicketRow>, Error> {
        if tickets.is_empty() {
            return Ok(Vec::new());
        }
        let call = HaloRequest::to(route::POST_TICKETS)
            .with("returnall", true)
            .writing_records()
            .sent_before(send_before)
            .posting(tickets)?;
        self.posted_tickets(&call).await
    }

    /// The tickets in the answer to a write.
    async fn posted_tickets(&self, call: &HaloRequest) -> Result<Vec<TicketRow>, Error> {
        let rows = self.read(call, OneOrManySeed::new()).await?;
        self.compare_times(&rows);
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
            .writing_records()
            .sent_before(send_before)
            .posting(tickets)?;
        // The permit may have to be waited for, so this is early; what is learnt is an early time at worst.
        let sent_at = self.clock.now();
        let opened: Vec<TicketRow> = self.read(&call, OneOrManySeed::new()).await?;
        let times = opened.iter().filter_map(TicketRow::last_update);
        if let Some(opened_at) = times.max() {
            self.learn_clock_from_opening(opened_at, sent_at);
        }
        self.compare_times(&opened);
        Ok(opened)
    }

    /// `GET /Actions`: everything written on `ticket`, the system's own entries included. Not
    /// paged by HaloPSA. Spends one request.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn actions(&self, ticket: TicketId) -> Result<Listing<ActionRow>, Error> {
        /// More than a ticket has. Without it some tenants show the newest few.
        const COUNT: u64 = 1000;
        let call = HaloRequest::to(route::ACTIONS)
            .with("ticket_id", ticket)
            .with("count", COUNT)
            .with("includehtmlnote", true);
        self.unpaged_list(&call, "actions", |row: &ActionRow| {
            matches_if_known(Some(ticket), row.ticket_id)
        })
        .await
    }

    /// `POST /Actions`. Spends one request, and none for no actions.
    ///
    /// Not safe to repeat: an action whose answer was lost may exist.
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
            .writing_records()
            .posting(actions)?;
        self.read(&call, OneOrManySeed::new()).await
    }
}

/// Whether a difference of this many minutes is that of two time zones: whole quarters of an hour, give or
/// take a minute, and no more than the widest offset there is.
fn is_a_zone(minutes: i64) -> bool {
    let rest = minutes.rem_euclid(15);
    (14..=14 * 60 + 1).contains(&minutes.abs()) && (rest <= 1 || rest == 14)
}
