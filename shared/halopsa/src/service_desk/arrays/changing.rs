//! Changing tickets in arrays; also on a tenant that demands client, type and status with every change.
//!
//! A change is made to the ticket that it was planned for. A request is sent only as long as what the plan knew is
//! recent, and after a refused one the tickets are looked at again before each further request: halving an array may
//! take longer than a technician needs to take one of its tickets.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use halogard_app::ports::{
    Clock, ErrorCode, PortError, Refusal, RequestBudget, ServiceDesk as _, TicketListing,
};
use halogard_domain::ids::TicketId;
use halogard_domain::ticket::{Premise, TicketChange};
use halogard_domain::{FailureClass, Ticket, Timestamp};
use halogard_http::Transport;

use super::{WriteResults, concerns_one_record, same_error_for_all};
use crate::error::Error;
use crate::failure::repeatable;
use crate::service_desk::{HaloServiceDesk, tickets, unrecognised};
use crate::wire::{TicketRow, TicketWrite};

/// How long tickets are read one by one for one request: what was read first must be recent when it is sent.
const READS_MAX: Duration = Duration::from_secs(7);

/// Why changes were not made.
enum Unmade {
    /// What is known of one of the tickets became too old before the request could be sent.
    TooLate,
    /// HaloPSA refused the request, perhaps because of one of them.
    Refused(PortError),
    /// The request failed.
    Failed(PortError),
}

/// A ticket that was read for its change.
struct ReadForChange {
    change: TicketChange,
    row: TicketRow,
}

/// One answer for each change, by ticket.
type ChangeResults = BTreeMap<TicketId, Result<Ticket, PortError>>;

impl<T: Transport, B: RequestBudget, C: Clock> HaloServiceDesk<T, B, C> {
    /// Makes `changes`, of which no two are about the same ticket. Each names what it changes and nothing
    /// else, unless this tenant was found to demand more.
    pub(in crate::service_desk) async fn change_array(
        &self,
        changes: &[TicketChange],
    ) -> WriteResults<Ticket> {
        let mut answers = if self.demands_identity() {
            self.change_identified(changes).await
        } else {
            match self.post_changes(changes).await {
                Ok(answers) => answers,
                Err(Unmade::Refused(_)) if changes.len() > 1 => {
                    self.change_in_parts(changes, true).await
                }
                Err(Unmade::TooLate) => self.change_in_parts(changes, false).await,
                Err(Unmade::Refused(error)) => self.refused(changes, error).await,
                Err(Unmade::Failed(error)) => same_for_all(changes, &error),
            }
        };
        let answer = |change: &TicketChange| answers.remove(&change.id);
        let answers = changes.iter().map(answer);
        answers
            .map(|answer| answer.unwrap_or_else(|| Err(unrecognised())))
            .collect()
    }

    /// Sends `changes` in one request, as long as what is known of each ticket is recent.
    async fn post_changes(&self, changes: &[TicketChange]) -> Result<ChangeResults, Unmade> {
        let writes = changes.iter().map(tickets::to_change).collect();
        self.post_writes(changes, writes).await
    }

    /// The same with `writes`, one for each of `changes`.
    async fn post_writes(
        &self,
        changes: &[TicketChange],
        writes: Vec<TicketWrite>,
    ) -> Result<ChangeResults, Unmade> {
        let deadlines = changes.iter().map(|change| change.premise.send_before());
        let send_before = deadlines.min().unwrap_or_default();
        let asked_at = self.clock.now();
        if !changes.is_empty() && asked_at >= send_before {
            return Err(Unmade::TooLate);
        }
        match self.client.post_ticket_changes(&writes, send_before).await {
            Ok(rows) => Ok(self.changed(changes, &rows, asked_at).await),
            Err(Error::TooLate { .. }) => Err(Unmade::TooLate),
            Err(error) => {
                let error = repeatable(error);
                Err(match concerns_one_record(&error) {
                    true => Unmade::Refused(error),
                    false => Unmade::Failed(error),
                })
            }
        }
    }

    /// Makes `changes` in as few requests as possible, before each of which a list shows whether the tickets are still
    /// as planned. Those that it does not show so are read and changed one by one. A refused request is repeated in
    /// halves; `was_refused` says that one with all of them was.
    async fn change_in_parts(&self, changes: &[TicketChange], was_refused: bool) -> ChangeResults {
        let mut answers = ChangeResults::new();
        let mut alone = Vec::new();
        let mut was_refused = was_refused;
        let mut parts = VecDeque::from([changes.to_vec()]);
        while let Some(part) = parts.pop_front() {
            if self.demands_identity() {
                answers.extend(self.change_identified(&part).await);
                continue;
            }
            let (mut confirmed, doubtful) = match self.confirm(&part).await {
                Ok(sorted) => sorted,
                Err(error) => {
                    answers.extend(same_for_all(&part, &error));
                    continue;
                }
            };
            if was_refused && doubtful.is_empty() {
                // The same array would be refused again.
                parts.push_front(confirmed.split_off(confirmed.len().div_ceil(2)));
            }
            was_refused = false;
            alone.extend(doubtful);
            match self.post_changes(&confirmed).await {
                Ok(made) => answers.extend(made),
                Err(Unmade::Refused(_)) if confirmed.len() > 1 => halve(confirmed, &mut parts),
                Err(Unmade::Refused(error)) => {
                    answers.extend(self.refused(&confirmed, error).await);
                }
                Err(Unmade::TooLate) => {
                    answers.extend(same_for_all(&confirmed, &PortError::not_admitted()));
                }
                Err(Unmade::Failed(error)) => answers.extend(same_for_all(&confirmed, &error)),
            }
        }
        for change in &alone {
            answers.insert(change.id, self.change_alone(change).await);
        }
        answers
    }

    /// Divides `changes` into those whose tickets a list shows as planned, which is then known of them as of now, and
    /// the others.
    async fn confirm(
        &self,
        changes: &[TicketChange],
    ) -> Result<(Vec<TicketChange>, Vec<TicketChange>), PortError> {
        let mut shown = BTreeMap::new();
        for part in changes.chunks(Self::LISTED_MAX) {
            let ids: BTreeSet<TicketId> = part.iter().map(|change| change.id).collect();
            let rows = self.listed(&ids).await?.into_iter();
            shown.extend(rows.filter_map(|TicketListing { id, ticket, .. }| Some((id, ticket?))));
        }
        let (mut confirmed, doubtful): (Vec<_>, Vec<_>) = changes
            .iter()
            .cloned()
            .partition(|change| shown.get(&change.id).is_some_and(|it| change.fits(it)));
        // However long the answer took: nothing newer is to be had from a slow HaloPSA.
        let as_of = self.clock.now();
        for change in &mut confirmed {
            change.premise.as_of = as_of;
        }
        Ok((confirmed, doubtful))
    }

    /// The answers to one change that HaloPSA refused, or to several.
    async fn refused(&self, changes: &[TicketChange], error: PortError) -> ChangeResults {
        match changes {
            [change] if error.refusal == Some(Refusal::NotFound) => {
                let answer = self.change_of_unknown(change, error).await;
                ChangeResults::from([(change.id, answer)])
            }
            _ => same_for_all(changes, &error),
        }
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
                self.change_alone(change).await
            }
            Err(read) if read.is_not_found() => Err(error),
            Err(read) => Err(read.into()),
        }
    }

    /// Makes a change to a ticket that is read immediately before.
    async fn change_alone(&self, change: &TicketChange) -> Result<Ticket, PortError> {
        let read = self.read_for(change).await?;
        let write = match self.demands_identity() {
            true => tickets::to_identified_change(&read.change, &read.row),
            false => tickets::to_change(&read.change),
        };
        let changes = [read.change];
        match self.post_writes(&changes, vec![write]).await {
            Ok(mut answers) => answers
                .remove(&change.id)
                .unwrap_or_else(|| Err(unrecognised())),
            Err(Unmade::TooLate) => Err(PortError::not_admitted()),
            Err(Unmade::Refused(error) | Unmade::Failed(error)) => Err(error),
        }
    }

    /// Makes `changes` on a tenant that demands client, type and status with each: every ticket is read,
    /// and what was read is sent back. A ticket that is no longer as it was when its change was planned is
    /// not changed.
    async fn change_identified(&self, changes: &[TicketChange]) -> ChangeResults {
        let mut answers = ChangeResults::new();
        let mut read: Vec<ReadForChange> = Vec::new();
        for change in changes {
            match self.read_for(change).await {
                Ok(ticket) => read.push(ticket),
                Err(error) => drop(answers.insert(change.id, Err(error))),
            }
            let first = read.first().map(|first| first.change.premise.as_of);
            if first.is_some_and(|first| self.clock.now().since(first) >= READS_MAX) {
                answers.extend(self.post_identified(std::mem::take(&mut read)).await);
            }
        }
        answers.extend(self.post_identified(read).await);
        answers
    }

    /// Sends changes of tickets that were read for them. A refused request is repeated in halves, for which the tickets
    /// are read again; where reading all of them took too long, each is read and changed alone.
    async fn post_identified(&self, read: Vec<ReadForChange>) -> ChangeResults {
        let write = |it: &ReadForChange| tickets::to_identified_change(&it.change, &it.row);
        let writes = read.iter().map(write).collect();
        let changes: Vec<TicketChange> = read.into_iter().map(|it| it.change).collect();
        match self.post_writes(&changes, writes).await {
            Ok(answers) => answers,
            Err(Unmade::Refused(_)) if changes.len() > 1 => {
                let mut answers = ChangeResults::new();
                for half in changes.chunks(changes.len().div_ceil(2)) {
                    answers.extend(Box::pin(self.change_identified(half)).await);
                }
                answers
            }
            Err(Unmade::TooLate) => {
                let mut answers = ChangeResults::new();
                for change in &changes {
                    answers.insert(change.id, self.change_alone(change).await);
                }
                answers
            }
            Err(Unmade::Refused(error) | Unmade::Failed(error)) => same_for_all(&changes, &error),
        }
    }

    /// The ticket of `change` as it is now, if the change fits it. What is known of it is as of now.
    async fn read_for(&self, change: &TicketChange) -> Result<ReadForChange, PortError> {
        let asked_at = self.clock.now();
        let row = self.client.ticket(change.id, Self::CURRENT_STATE).await?;
        if let Some(current) = row.to_ticket(asked_at)
            && !change.fits(&current)
        {
            let mut outdated = PortError::new(FailureClass::Transient, ErrorCode::HalopsaOutdated);
            outdated.refusal = Some(Refusal::Outdated(Box::new(current)));
            return Err(outdated);
        }
        let premise = Premise {
            as_of: self.clock.now(),
            ..change.premise
        };
        let change = TicketChange {
            premise,
            ..change.clone()
        };
        Ok(ReadForChange { change, row })
    }

    /// The tickets in the answer to `changes`. A ticket that the answer does not show, or not wholly, is
    /// read.
    async fn changed(
        &self,
        changes: &[TicketChange],
        rows: &[TicketRow],
        asked_at: Timestamp,
    ) -> ChangeResults {
        let mut answers = ChangeResults::new();
        for change in changes {
            let row = rows.iter().find(|row| row.id == change.id);
            let shown = row.and_then(|row| tickets::shown_by(row, change, asked_at));
            let answer = match shown {
                Some(shown) => Ok(shown),
                None => self.read_changed(change).await,
            };
            answers.insert(change.id, answer);
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

/// Puts both halves of `changes` before the other parts.
fn halve(mut changes: Vec<TicketChange>, parts: &mut VecDeque<Vec<TicketChange>>) {
    let second = changes.split_off(changes.len().div_ceil(2));
    parts.push_front(second);
    parts.push_front(changes);
}

/// The same error for every change.
fn same_for_all(changes: &[TicketChange], error: &PortError) -> ChangeResults {
    let answers = same_error_for_all(changes, error).into_iter();
    changes
        .iter()
        .map(|change| change.id)
        .zip(answers)
        .collect()
}
