//! Writes in arrays: one request for many records, answers matched by what they are about.
//!
//! Whether the records before a refused one were saved differs by version and is not documented. So
//! after a refused array of creates HaloPSA is asked which of them exist; only the others are sent
//! again, in halves, until the refused record is alone.

use halogard_app::ports::{
    Admission, Clock, ErrorCode, KeyedTicket, OpeningGuard, PortError, Refusal, RequestBudget,
    ServiceDesk as _,
};
use halogard_domain::ids::{NoteId, TicketId};
use halogard_domain::key::MarkedKey;
use halogard_domain::ticket::{NewNote, NewTicket, TicketChange};
use halogard_domain::{FailureClass, LinkKey, Ticket, Timestamp};
use halogard_http::Transport;

use super::{HaloServiceDesk, answers, tickets};
use crate::client::{TicketDetail, TicketQuery};
use crate::failure::repeatable;
use crate::wire::{ActionOutcome, ActionWrite, TicketRow};

/// After so many numbers in a row without a ticket there is none after them: one may have been deleted,
/// or belong to a client that the agent may not see.
const UNASSIGNED_MIN: u32 = 2;

/// The most tickets read by their numbers: a full array, and what people open meanwhile.
const UNLISTED_MAX: usize = 80;

/// One answer for each record, in order.
type Answers<A> = Vec<Result<A, PortError>>;

impl<T: Transport, B: RequestBudget, C: Clock> HaloServiceDesk<T, B, C> {
    /// Opens those of `new` that `guard` admits. No key may occur twice in `new`.
    pub(super) async fn open_array(
        &self,
        new: &[NewTicket],
        guard: &impl OpeningGuard,
    ) -> Answers<Ticket> {
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
    ) -> Answers<Ticket> {
        let began = self.clock.now();
        let writes: Vec<_> = new.iter().map(tickets::to_open).collect();
        match self.client.post_new_tickets(&writes, send_before).await {
            Ok(rows) => self.opened(new, rows, began).await,
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
    ) -> Answers<Ticket> {
        let mut answers = Vec::with_capacity(new.len());
        let mut missing = Vec::new();
        let matched = answers::rows_of(new, &rows);
        for (place, (ticket, row)) in new.iter().zip(matched).enumerate() {
            answers.push(match row {
                Some(row) => {
                    let fallback = tickets::opened(ticket, row.id, self.clock.now());
                    // It is open, whatever becomes of a second look at it.
                    self.written(row.clone(), fallback).await
                }
                None => {
                    missing.push(place);
                    Err(super::unrecognised())
                }
            });
        }
        if new.len() > 1 && !missing.is_empty() {
            let found = self.opened_since(new, began).await.unwrap_or_default();
            for place in missing {
                if let (Some(ticket), Some(answer)) = (new.get(place), answers.get_mut(place))
                    && let Some(found) = found.iter().find(|it| it.key == ticket.key.marked())
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
    ) -> Answers<Ticket> {
        let found = match self.left_behind(new).await {
            Ok(found) => found,
            // Which of them exist is not known.
            Err(error) => return same_error_for_all(new, &in_doubt(error)),
        };
        let is_open = |ticket: &NewTicket| found.iter().find(|it| it.key == ticket.key.marked());
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
                None => sent.next().unwrap_or_else(|| Err(super::unrecognised())),
            })
            .collect()
    }

    /// Tickets with keys like those of `new` that a refused array left behind. HaloPSA's lists may lag, so
    /// the numbers after the newest listed ticket are read until some are not assigned: reading a ticket
    /// by its number does not lag. Spends three requests or a few more.
    async fn left_behind(&self, new: &[NewTicket]) -> Result<Vec<KeyedTicket>, PortError> {
        let Some(first) = new.first() else {
            return Ok(Vec::new());
        };
        let query = TicketQuery {
            newest_first: true,
            nocache: true,
            ..TicketQuery::default()
        };
        let mut rows = self.client.tickets_page(&query, 1).await?.rows;
        if let Some(newest) = rows.iter().map(|row| row.id.get()).max() {
            rows.extend(self.tickets_after(newest).await?);
        }
        let prefix = &first.key.key.prefix;
        let first_key = |title: &str| MarkedKey::all_in(title, prefix).into_iter().next();
        self.keyed_rows(rows, false, first_key).await
    }

    /// Tickets with a higher number than `newest`, which may not be listed yet.
    async fn tickets_after(&self, newest: u64) -> Result<Vec<TicketRow>, PortError> {
        let detail = TicketDetail {
            includedetails: false,
            nocache: true,
        };
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
        Err(super::unrecognised())
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
        let first_key = |title: &str| MarkedKey::all_in(title, prefix).into_iter().next();
        let (since, _) = self.around(began);
        let (rows, missing) = self.newest_rows(query, since).await?;
        // Which of them exist is not known while some may not have come.
        match missing {
            Some(error) => Err(error),
            None => self.keyed_rows(rows, false, first_key).await,
        }
    }

    /// Makes `changes`, of which no two are about the same ticket. Each names what it changes and nothing
    /// else, unless this tenant was found to demand more.
    pub(super) async fn change_array(&self, changes: &[TicketChange]) -> Answers<Ticket> {
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
    async fn change_in_halves(&self, changes: &[TicketChange]) -> Answers<Ticket> {
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
    async fn change_identified(&self, changes: &[TicketChange]) -> Answers<Ticket> {
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
                    None => answers.next().unwrap_or_else(|| Err(super::unrecognised())),
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
    ) -> Answers<Ticket> {
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

    /// The ticket of a change that was accepted.
    async fn read_changed(&self, change: &TicketChange) -> Result<Ticket, PortError> {
        self.read(change.id).await?.ok_or_else(|| {
            let mut gone = PortError::new(FailureClass::Permanent, ErrorCode::HalopsaRefused);
            gone.refusal = Some(Refusal::NotFound);
            gone
        })
    }

    /// Adds `notes`. After a refused array each ticket is asked whether it has its note.
    pub(super) async fn add_note_array(&self, notes: &[NewNote]) -> Answers<NoteId> {
        let write = |note: &NewNote| {
            let outcome = ActionOutcome::Id(note.outcome);
            ActionWrite::internal(note.ticket, outcome, note.html.clone())
        };
        let writes: Vec<_> = notes.iter().map(write).collect();
        match self.client.post_actions(&writes).await {
            Ok(rows) => {
                rows.iter().for_each(|row| self.learn_own_name(row));
                let mut answers = Vec::with_capacity(notes.len());
                for note in notes {
                    let row = rows.iter().find(|row| row.ticket_id == Some(note.ticket));
                    let alone = rows
                        .last()
                        .filter(|row| notes.len() == 1 && row.ticket_id.is_none());
                    answers.push(match row.or(alone) {
                        Some(row) => Ok(row.id),
                        None => self.note_of(note).await,
                    });
                }
                answers
            }
            Err(error) => {
                let error = PortError::from(error);
                if !concerns_one_record(&error) || notes.len() < 2 {
                    return same_error_for_all(notes, &error);
                }
                let mut answers = Vec::with_capacity(notes.len());
                for note in notes {
                    answers.push(match self.note_of(note).await {
                        Err(error) if error.class == FailureClass::InDoubt => {
                            let alone = Box::pin(self.add_note_array(std::slice::from_ref(note)));
                            alone.await.pop().unwrap_or(Err(error))
                        }
                        known => known,
                    });
                }
                answers
            }
        }
    }

    /// The note that its ticket shows; in doubt when it shows none.
    async fn note_of(&self, note: &NewNote) -> Result<NoteId, PortError> {
        let notes = self.notes(note.ticket).await?;
        let mut shown = notes.notes.iter();
        match shown.find(|it| it.text.contains(&note.reference)) {
            Some(found) => Ok(found.id),
            None if notes.is_whole => Err(super::unrecognised()),
            None => Err(PortError::short_list()),
        }
    }
}

/// Whether an array may have been refused because of a single record: an agent may lack access to one
/// client only.
fn concerns_one_record(error: &PortError) -> bool {
    error.class == FailureClass::Permanent && error.refusal != Some(Refusal::Unauthorised)
}

/// The same answer for every record.
fn same_error_for_all<Q, A>(records: &[Q], error: &PortError) -> Answers<A> {
    records.iter().map(|_| Err(error.clone())).collect()
}

/// The failure of a search for the effect of a write.
fn in_doubt(error: PortError) -> PortError {
    PortError {
        class: FailureClass::InDoubt,
        ..error
    }
}
