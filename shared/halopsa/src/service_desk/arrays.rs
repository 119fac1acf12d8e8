//! Writes in arrays: one request for many records, answers matched by what they are about.
//!
//! Whether the records before a refused one were saved differs by version and is not documented. So
//! after a refused array of creates HaloPSA is asked which of them exist; only the others are sent
//! again, in halves, until the refused record is alone.

mod changing;
mod opening;

use halogard_app::ports::{Clock, PortError, Refusal, RequestBudget, ServiceDesk as _};
use halogard_domain::FailureClass;
use halogard_domain::ids::NoteId;
use halogard_domain::ticket::NewNote;
use halogard_http::Transport;

use super::HaloServiceDesk;
use crate::wire::{ActionOutcome, ActionWrite};

/// One answer for each record, in order.
type WriteResults<A> = Vec<Result<A, PortError>>;

impl<T: Transport, B: RequestBudget, C: Clock> HaloServiceDesk<T, B, C> {
    /// Adds `notes`. After a refused array each ticket is asked whether it has its note.
    pub(super) async fn add_note_array(&self, notes: &[NewNote]) -> WriteResults<NoteId> {
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
fn same_error_for_all<Q, A>(records: &[Q], error: &PortError) -> WriteResults<A> {
    records.iter().map(|_| Err(error.clone())).collect()
}
