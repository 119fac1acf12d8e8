//! Writing to a ticket that exists.

use std::time::Duration;

use halogard_domain::hash::hash64;
use halogard_domain::link::{CLAIM_TTL, NoteClaim, WriteKind};
use halogard_domain::ticket::{NewNote, Ticket, TicketChange};

use super::Next;
use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{PortError, Refusal};
use crate::reconcile::{Outcome, PairSession, ReconcileError, in_doubt};
use crate::reconciler::Reconciler;

/// How long a look that finds another one adding a note stays away at the most.
const NOTE_PAUSE: Duration = Duration::from_secs(2);

impl<E: Env> Reconciler<E> {
    /// Sets fields of the open ticket.
    pub(super) async fn set_fields(
        &self,
        change: &TicketChange,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let changed = self.change_batched(change.clone(), session.batcher).await;
        self.changed(changed, WriteKind::SetFields, "fields_set", session)
            .await
    }

    /// Closes the ticket. One that must be assigned first, and of which that was not known, is given
    /// to the template's closing technician, where there is one.
    pub(super) async fn close(
        &self,
        change: TicketChange,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let mut closed = self.change_batched(change.clone(), session.batcher).await;
        if let (Err(error), Some(technician)) = (&closed, self.closing_technician(session))
            && error.refusal == Some(Refusal::MustBeAssigned)
        {
            let assigned = TicketChange {
                technician: Some(technician),
                ..change
            };
            closed = self.change_batched(assigned, session.batcher).await;
        }
        self.changed(closed, WriteKind::Close, "closed", session)
            .await
    }

    /// Opens the ticket again, then says why.
    pub(super) async fn reopen(
        &self,
        change: &TicketChange,
        html: &str,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let changed = self.change_batched(change.clone(), session.batcher).await;
        match self
            .changed(changed, WriteKind::Reopen, "reopened", session)
            .await?
        {
            Next::Continue => self.add_note(html, session).await,
            other => Ok(other),
        }
    }

    /// Adds a note, once: the attempt is recorded before it is made, and one in doubt is looked for
    /// before it is made again.
    pub(super) async fn add_note(
        &self,
        html: &str,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let Some(ticket) = session.link.ticket else {
            return Ok(Next::Replan);
        };
        let alert = session.link.observed_alert.as_ref();
        let Some((_, template)) = alert.and_then(|alert| session.policy.choose(alert).ok()) else {
            return Ok(Next::Replan);
        };
        let key = session.link.key(session.policy);
        let mark = hash64(&[&key.to_string(), html]);
        let reference = format!("Halogard {key} {mark:016x}");
        let now = self.clock.now();
        if let Some(claim) = session.link.note_claim {
            if now < claim.until {
                // Another look is at it, or one died a moment ago.
                let until = claim.until.min(now.plus(NOTE_PAUSE));
                return Ok(Next::Stop(Outcome::Waiting(until)));
            }
            if claim.text_hash == mark {
                let notes = self.desk.notes(ticket).await?;
                if notes.iter().any(|note| note.text.contains(&reference)) {
                    session.link.note_claim = None;
                    session.link.note_count = session.link.note_count.saturating_add(1);
                    return Ok(Next::Continue);
                }
            }
        }
        let until = now.plus(CLAIM_TTL);
        session.link.note_claim = Some(NoteClaim {
            text_hash: mark,
            until,
        });
        self.save(session).await?;
        let outcome = template.outcome;
        let note = NewNote {
            ticket,
            outcome,
            html: format!("{html}<p>{reference}</p>"),
            reference,
        };
        match self.add_note_batched(note, session.batcher).await {
            Ok(_) => {
                session.link.note_claim = None;
                session.link.note_count = session.link.note_count.saturating_add(1);
                session.record(self.clock.now(), "noted", None);
                Ok(Next::Continue)
            }
            Err(error) if in_doubt(&error) => {
                let until = self.clock.now();
                session.link.note_claim = Some(NoteClaim {
                    text_hash: mark,
                    until,
                });
                Err(error.into())
            }
            Err(error) => {
                session.link.note_claim = None;
                self.refused(WriteKind::AddNote, error, session)
            }
        }
    }

    /// Takes in the answer to a change.
    async fn changed(
        &self,
        answer: Result<Ticket, PortError>,
        write: WriteKind,
        what: &'static str,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        match answer {
            Ok(ticket) => {
                session.link.observe_ticket(ticket);
                session.link.refused = None;
                session.record(self.clock.now(), what, None);
                Ok(Next::Continue)
            }
            Err(error) if error.refusal == Some(Refusal::NotFound) => {
                let Some(id) = session.link.ticket else {
                    return Ok(Next::Replan);
                };
                match self.desk.read(id).await? {
                    // It is there, and yet the desk does not find it for this change.
                    Some(_) => self.refused(write, error, session),
                    None => {
                        self.read_ticket(session, id).await?;
                        Ok(Next::Replan)
                    }
                }
            }
            Err(error) => self.refused(write, error, session),
        }
    }

    /// Who is given tickets that must be assigned before they may be closed.
    fn closing_technician(
        &self,
        session: &PairSession<'_>,
    ) -> Option<halogard_domain::ids::TechnicianId> {
        let alert = session.link.observed_alert.as_ref()?;
        session.policy.choose(alert).ok()?.1.closing_technician
    }
}
