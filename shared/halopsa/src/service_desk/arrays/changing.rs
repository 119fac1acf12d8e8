//! Changing tickets in arrays; also on a tenant that demands client, type and status with every change.

use halogard_app::ports::{Clock, ErrorCode, PortError, Refusal, RequestBudget, ServiceDesk as _};
use halogard_domain::ticket::TicketChange;
use halogard_domain::{FailureClass, Ticket, Timestamp};
use halogard_http::Transport;

use super::{WriteResults, concerns_one_record, same_error_for_all};
use crate::failure::repeatable;
use crate::service_desk::{HaloServiceDesk, tickets, unrecognised};
use crate::wire::TicketRow;

impl<T: Transport, B: RequestBudget, C: Clock> HaloServiceDesk<T, B, C> {
    /// Makes `changes`, of which no two are about the same ticket. Each names what it changes and nothing
    /// else, unless this tenant was found to demand more.
    pub(in crate::service_desk) async fn change_array(
        &self,
        changes: &[TicketChange],
    ) -> WriteResults<Ticket> {
        if self.demands_identity() {
            return self.change_identified(changes).await;
        }
        let writes: Vec<_> = changes.iter().map(tickets::to_change).collect();
        let asked_at = self.clock.now();
        match self.client.post_tickets(&writes).await.map_err(repeatable) {
            Ok(rows) => self.changed(changes, &rows, asked_at).await,
            Err(error) if !concerns_one_record(&error) => same_error_for_all(changes, &error),
            Err(error) => match changes {
                [change] if error.refusal == Some(Refusal::NotFound) => {
                    vec![self.change_of_unknown(change, error).await]
                }
                [] | [_] => same_error_for_all(changes, &error),
                _ => self.change_in_halves(changes).await,
            },
        }
    }

    /// Makes `changes` in two arrays. Setting the same values again does no harm.
    async fn change_in_halves(&self, changes: &[TicketChange]) -> WriteResults<Ticket> {
        let mut answers = Vec::with_capacity(changes.len());
        for half in changes.chunks(changes.len().div_ceil(2).max(1)) {
            answers.extend(Box::pin(self.change_array(half)).await);
        }
        answers
    }

    /// HaloPSA says the same of a ticket that does not exist and of a change that lacks client and type.
    /// If the ticket exists, this tenant demands them, with this change and all later ones.
    async fn change_of_unknown(
        &self,
        change: &TicketChange,
        error: PortError,
    ) -> Result<Ticket, PortError> {
        match self.client.ticket(change.id, Self::CURRENT_STATE).await {
            Ok(_) => {
                self.learn_that_identity_is_demanded();
                let mut answers = self.change_identified(std::slice::from_ref(change)).await;
                answers.pop().unwrap_or(Err(error))
            }
            Err(read) if read.is_not_found() => Err(error),
            Err(read) => Err(read.into()),
        }
    }

    /// Makes `changes` on a tenant that demands client, type and status with each: every ticket is read,
    /// and what was read is sent back. A ticket that is no longer as it was when its change was planned is
    /// not changed.
    async fn change_identified(&self, changes: &[TicketChange]) -> WriteResults<Ticket> {
        let mut refused = Vec::new();
        let mut writes = Vec::with_capacity(changes.len());
        let mut sent = Vec::with_capacity(changes.len());
        for (place, change) in changes.iter().enumerate() {
            match self.identity_for(change).await {
                Ok(row) => {
                    writes.push(tickets::to_identified_change(change, &row));
                    sent.push(change.clone());
                }
                Err(error) => refused.push((place, error)),
            }
        }
        let asked_at = self.clock.now();
        let answers = match self.client.post_tickets(&writes).await.map_err(repeatable) {
            Ok(rows) => self.changed(&sent, &rows, asked_at).await,
            Err(error) if concerns_one_record(&error) && sent.len() > 1 => {
                self.change_in_halves(&sent).await
            }
            Err(error) => same_error_for_all(&sent, &error),
        };
        let mut answers = answers.into_iter();
        let mut refused = refused.into_iter().peekable();
        (0..changes.len())
            .map(
                |place| match refused.next_if(|(refused, _)| *refused == place) {
                    Some((_, error)) => Err(error),
                    None => answers.next().unwrap_or_else(|| Err(unrecognised())),
                },
            )
            .collect()
    }

    /// The ticket of `change` as it is now, if it is still as the change expects it.
    async fn identity_for(&self, change: &TicketChange) -> Result<TicketRow, PortError> {
        let asked_at = self.clock.now();
        let row = self.client.ticket(change.id, Self::CURRENT_STATE).await?;
        match row.to_ticket(asked_at) {
            Some(current) if !change.premise.holds_for(&current) => {
                let mut outdated =
                    PortError::new(FailureClass::Transient, ErrorCode::HalopsaOutdated);
                outdated.refusal = Some(Refusal::Outdated(Box::new(current)));
                Err(outdated)
            }
            _ => Ok(row),
        }
    }

    /// The tickets in the answer to `changes`. A ticket that the answer does not show, or not wholly, is
    /// read.
    async fn changed(
        &self,
        changes: &[TicketChange],
        rows: &[TicketRow],
        asked_at: Timestamp,
    ) -> WriteResults<Ticket> {
        let mut answers = Vec::with_capacity(changes.len());
        for change in changes {
            let row = rows.iter().find(|row| row.id == change.id);
            answers.push(
                match row.and_then(|row| tickets::shown_by(row, change, asked_at)) {
                    Some(shown) => Ok(shown),
                    None => self.read_changed(change).await,
                },
            );
        }
        answers
    }

    /// The ticket of a change that was accepted, as far as a read shows it so soon.
    async fn read_changed(&self, change: &TicketChange) -> Result<Ticket, PortError> {
        let read = self.read(change.id).await?;
        read.map(|read| change.expected_after(read)).ok_or_else(|| {
            let mut gone = PortError::new(FailureClass::Permanent, ErrorCode::HalopsaRefused);
            gone.refusal = Some(Refusal::NotFound);
            gone
        })
    }
}
