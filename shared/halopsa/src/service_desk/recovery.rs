//! What recovery needs: tickets of ours whose titles show no key any more.

use halogard_app::ports::{Clock, PortError, RequestBudget, TicketListing, TicketTexts};
use halogard_domain::Timestamp;
use halogard_domain::ids::TicketId;
use halogard_http::Transport;

use super::{HaloServiceDesk, PAGES_MAX};
use crate::client::{TicketDetail, TicketQuery};
use crate::error::Error;
use crate::wire::TicketRow;

/// A text that no ticket has. HaloPSA ignores parameters that it does not know: a search for this text that
/// finds something is none.
pub(crate) const TEXT_OF_NO_TICKET: &str = "halogard-9f41c7d2e60b-is-in-no-ticket";

impl<T: Transport, B: RequestBudget, C: Clock> HaloServiceDesk<T, B, C> {
    /// The tickets whose description holds `text`; `None` where HaloPSA does not search descriptions.
    pub(super) async fn search_texts(
        &self,
        text: &str,
    ) -> Result<Option<Vec<TicketListing>>, PortError> {
        let query = |text: &str| TicketQuery {
            search_details: Some(text.to_owned()),
            pages_max: Some(PAGES_MAX),
            nocache: true,
            ..TicketQuery::default()
        };
        let none = self
            .client
            .tickets_page(&query(TEXT_OF_NO_TICKET), 1)
            .await?;
        if none.rows_received() > 0 {
            return Ok(None);
        }
        let found = match self.client.tickets(&query(text)).await {
            Ok(found) => found,
            Err(Error::TooManyPages { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        self.name_odd(&found.rows, &found.unreadable);
        Ok(Some(self.listed(&found.rows)))
    }

    /// Tickets that were opened at or after `since` (our clock), by pages from the newest on.
    pub(super) async fn list_opened_since(
        &self,
        since: Timestamp,
    ) -> Result<Vec<TicketListing>, PortError> {
        let query = TicketQuery {
            newest_first: true,
            nocache: true,
            ..TicketQuery::default()
        };
        let (since, _) = self.around(since);
        let mut rows: Vec<TicketRow> = Vec::new();
        let mut received = 0;
        for page_no in 1..=PAGES_MAX {
            let page = self.client.tickets_page(&query, page_no).await?;
            self.name_odd(&page.rows, &page.unreadable);
            let came = page.rows_received();
            received += came;
            // A tenant that lists in another order is read to the end.
            let is_descending = page.rows.is_sorted_by(|one, next| one.id > next.id);
            let is_older = |row: &TicketRow| row.opened_at.is_some_and(|at| at < since);
            let is_enough = is_descending && page.rows.last().is_some_and(is_older);
            let is_all = page.record_count.is_some_and(|count| received >= count);
            rows.extend(page.rows.into_iter().filter(|row| !is_older(row)));
            if is_enough || is_all || came == 0 {
                return Ok(self.listed(&rows));
            }
        }
        Err(Error::TooManyPages {
            route: crate::route::TICKETS.template,
            cap: PAGES_MAX,
        }
        .into())
    }

    /// The ticket with its description and its custom fields.
    pub(super) async fn texts_of(&self, id: TicketId) -> Result<Option<TicketTexts>, PortError> {
        let detail = TicketDetail {
            includedetails: true,
            nocache: true,
        };
        let row = match self.client.ticket(id, detail).await {
            Ok(row) => row,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(row.to_ticket(self.clock.now()).map(|ticket| TicketTexts {
            ticket,
            details: row.descriptions().cloned().collect(),
            fields: row.custom_texts().cloned().collect(),
        }))
    }

    /// `rows` as listings.
    fn listed(&self, rows: &[TicketRow]) -> Vec<TicketListing> {
        let now = self.clock.now();
        let listing = |row: &TicketRow| TicketListing {
            id: row.id,
            changed_at: row.last_update(),
            ticket: row.to_ticket(now).filter(|_| !row.hides_its_title()),
        };
        rows.iter().map(listing).collect()
    }
}
