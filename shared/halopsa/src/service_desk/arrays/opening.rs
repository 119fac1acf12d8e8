//! Opening tickets in arrays, and finding out what a refused array has opened.

use halogard_app::ports::{
    Admission, Clock, KeyedTicket, OpeningGuard, PortError, Refusal, RequestBudget,
};
use halogard_domain::ids::TicketId;
use halogard_domain::key::UnverifiedKey;
use halogard_domain::ticket::NewTicket;
use halogard_domain::{FailureClass, LinkKey, Ticket, Timestamp};
use halogard_http::Transport;

use super::{WriteResults, concerns_one_record, same_error_for_all};
use crate::client::{TicketDetail, TicketQuery};
use crate::service_desk::{HaloServiceDesk, answers, tickets, unrecognised};
use crate::wire::TicketRow;

/// After this many numbers in a row without a ticket, no ticket follows: one may have been deleted,
/// or belong to a client that the agent may not see.
const UNASSIGNED_MIN: u32 = 2;

/// The most tickets read by their numbers: a full array, and what people open meanwhile.
const UNLISTED_MAX: usize = 80;

impl<T: Transport, B: RequestBudget, C: Clock> HaloServiceDesk<T, B, C> {
    /// Opens those of `new` that `guard` admits. No key may occur twice in `new`.
    pub(in crate::service_desk) async fn open_array(
        &self,
        new: &[NewTicket],
        guard: &impl OpeningGuard,
    ) -> WriteResults<Ticket> {
        let keys: Vec<&LinkKey> = new.iter().map(|ticket| &ticket.key.key).collect();
        let Admission {
            admitted,
            send_before,
        } = guard.admit(&keys).await;
        let sent: Vec<NewTicket> = new
            .iter()
            .zip(&admitted)
            .filter(|(_, admitted)| **admitted)
            .map(|(ticket, _)| ticket.clone())
            .collect();
        let mut answers = self
            .open_admitted(&sent, send_before, guard)
            .await
            .into_iter();
        let answer = |admitted: bool| {
            let answer = admitted.then(|| answers.next()).flatten();
            answer.unwrap_or_else(|| Err(PortError::not_admitted()))
        };
        admitted.into_iter().map(answer).collect()
    }

    /// Opens `new` in one request that is sent before `send_before`, or in several that are admitted anew.
    async fn open_admitted(
        &self,
        new: &[NewTicket],
        send_before: Timestamp,
        guard: &impl OpeningGuard,
    ) -> WriteResults<Ticket> {
        let began = self.clock.now();
        let team_of = |ticket: &NewTicket| {
            let name = ticket.draft.team.as_deref();
            name.and_then(|name| self.teams.number_of(name))
        };
        let writes = new
            .iter()
            .map(|ticket| tickets::to_open(ticket, team_of(ticket)));
        let writes: Vec<_> = writes.collect();
        match self.client.post_new_tickets(&writes, send_before).await {
            Ok(rows) => self.opened(new, rows, began).await,
            Err(error) if error.is_rolled_back() => self.after_rollback(new, error.into()).await,
            Err(error) => {
                let error = PortError::from(error);
                if !concerns_one_record(&error) || new.len() < 2 {
                    return same_error_for_all(new, &error);
                }
                self.open_in_halves(new, guard).await
            }
        }
    }

    /// Matches the answer to `new`. A build that returns only the last ticket is asked for the
    /// others; those that it does not return are in doubt.
    async fn opened(
        &self,
        new: &[NewTicket],
        rows: Vec<TicketRow>,
        began: Timestamp,
    ) -> WriteResults<Ticket> {
        let mut answers = Vec::with_capacity(new.len());
        let mut missing = Vec::new();
        let matched = answers::rows_of(new, &rows);
        for (place, (ticket, row)) in new.iter().zip(matched).enumerate() {
            answers.push(match row {
                Some(row) => {
                    let fallback = tickets::opened(ticket, row.id, self.clock.now());
                    // It is open, whatever a second read of it shows.
                    Ok(self.written(row, fallback).await)
                }
                None => {
                    missing.push(place);
                    Err(unrecognised())
                }
            });
        }
        if new.len() > 1 && !missing.is_empty() {
            let found = self.opened_since(new, began).await.unwrap_or_default();
            for place in missing {
                if let (Some(ticket), Some(answer)) = (new.get(place), answers.get_mut(place))
                    && let Some(found) = found.iter().find(|it| it.key == ticket.key.unverified())
                {
                    *answer = Ok(found.ticket.clone());
                }
            }
        }
        answers
    }

    /// Opens those of a refused array that are not open yet, in halves.
    async fn open_in_halves(
        &self,
        new: &[NewTicket],
        guard: &impl OpeningGuard,
    ) -> WriteResults<Ticket> {
        let found = match self.left_behind(new).await {
            Ok(found) => found,
            // Which of them exist is not known.
            Err(error) => return same_error_for_all(new, &in_doubt(error)),
        };
        let is_open =
            |ticket: &NewTicket| found.iter().find(|it| it.key == ticket.key.unverified());
        let left: Vec<NewTicket> = new
            .iter()
            .filter(|ticket| is_open(ticket).is_none())
            .cloned()
            .collect();
        let mut sent = Vec::with_capacity(left.len());
        for half in left.chunks(left.len().div_ceil(2).max(1)) {
            sent.extend(Box::pin(self.open_array(half, guard)).await);
        }
        let mut sent = sent.into_iter();
        new.iter()
            .map(|ticket| match is_open(ticket) {
                Some(open) => Ok(open.ticket.clone()),
                None => sent.next().unwrap_or_else(|| Err(unrecognised())),
            })
            .collect()
    }

    /// The answers after HaloPSA's database ended the request: a part of it may have been committed before, so
    /// the newest tickets are read. One that is not among them stays in doubt until it is searched for once more.
    async fn after_rollback(&self, new: &[NewTicket], error: PortError) -> WriteResults<Ticket> {
        let found = match self.left_behind(new).await {
            Ok(found) => found,
            Err(unread) => {
                tracing::warn!(error = %unread, "what HaloPSA's database kept of a create is not known");
                return same_error_for_all(new, &error);
            }
        };
        let answer = |ticket: &NewTicket| {
            let key = ticket.key.unverified();
            match found.iter().find(|found| found.key == key) {
                Some(open) => Ok(open.ticket.clone()),
                None => Err(PortError {
                    refusal: Some(Refusal::RolledBack),
                    ..error.clone()
                }),
            }
        };
        new.iter().map(answer).collect()
    }

    /// Tickets with keys like those of `new` that a refused array left behind. Spends three requests or a few
    /// more.
    async fn left_behind(&self, new: &[NewTicket]) -> Result<Vec<KeyedTicket>, PortError> {
        let Some(first) = new.first() else {
            return Ok(Vec::new());
        };
        let detail = TicketDetail {
            includedetails: false,
            nocache: true,
        };
        let rows = self.newest_of_all(detail).await?;
        let prefix = &first.key.key.prefix;
        let first_key = |title: &str| UnverifiedKey::all_in(title, prefix).into_iter().next();
        self.keyed_rows(rows, false, first_key).await
    }

    /// The newest tickets of all clients, in no order. HaloPSA's lists may lag, so the numbers after the newest
    /// listed ticket are read, with `detail`, until some are not assigned: reading a ticket by its number does
    /// not lag.
    pub(in crate::service_desk) async fn newest_of_all(
        &self,
        detail: TicketDetail,
    ) -> Result<Vec<TicketRow>, PortError> {
        let query = TicketQuery {
            newest_first: true,
            nocache: true,
            ..TicketQuery::default()
        };
        let mut rows = self.client.tickets_page(&query, 1).await?.rows;
        if let Some(newest) = rows.iter().map(|row| row.id.get()).max() {
            rows.extend(self.tickets_after(newest, detail).await?);
        }
        Ok(rows)
    }

    /// Tickets with a higher number than `newest`, which may not be listed yet.
    async fn tickets_after(
        &self,
        newest: u64,
        detail: TicketDetail,
    ) -> Result<Vec<TicketRow>, PortError> {
        let mut rows = Vec::new();
        let mut unassigned = 0;
        for number in (newest + 1..).take(UNLISTED_MAX) {
            match self.client.ticket(TicketId::new(number), detail).await {
                Ok(row) => {
                    rows.push(row);
                    unassigned = 0;
                }
                Err(error) if error.is_not_found() => unassigned += 1,
                Err(error) => return Err(error.into()),
            }
            if unassigned == UNASSIGNED_MIN {
                return Ok(rows);
            }
        }
        Err(PortError::short_list())
    }

    /// Tickets with keys like those of `new` that were opened since a little before `began`.
    async fn opened_since(
        &self,
        new: &[NewTicket],
        began: Timestamp,
    ) -> Result<Vec<KeyedTicket>, PortError> {
        let Some(first) = new.first() else {
            return Ok(Vec::new());
        };
        let prefix = &first.key.key.prefix;
        let query = TicketQuery {
            search_summary: Some(LinkKey::start(prefix)),
            nocache: true,
            ..TicketQuery::default()
        };
        let first_key = |title: &str| UnverifiedKey::all_in(title, prefix).into_iter().next();
        let (since, _) = self.around(began);
        let (rows, missing) = self.newest_rows(query, since).await?;
        // Which of them exist is not known while some may not have come.
        match missing {
            Some(error) => Err(error),
            None => self.keyed_rows(rows, false, first_key).await,
        }
    }
}

/// The failure of a search for the effect of a write.
fn in_doubt(error: PortError) -> PortError {
    PortError {
        class: FailureClass::InDoubt,
        ..error
    }
}
