//! Writing to an existing ticket.

use std::time::Duration;

use halogard_domain::hash::hash64;
use halogard_domain::ids::TicketId;
use halogard_domain::link::{NOTE_CLAIM_TTL, NamedFields, NoteClaim, WriteKind};
use halogard_domain::ticket::{NewNote, Premise, TicketChange};
use halogard_domain::write_result::{PendingNote, WriteResult};
use halogard_domain::{FailureClass, Ticket};

use super::Next;
use crate::env::Env;
use crate::outcome::Action;
use crate::ports::prelude::*;
use crate::ports::{ErrorCode, PortError, Refusal};
use crate::reconcile::{PairOutcome, PairSession, ReconcileError, in_doubt};
use crate::reconciler::Reconciler;

/// Whether HaloPSA may have refused `change`, which closes a ticket, because the ticket is unassigned: it
/// says so, or it says something else of a ticket that no technician is known to have.
fn may_need_assignment(error: &PortError, change: &TicketChange) -> bool {
    let is_bad_request = error.code == ErrorCode::HalopsaRefused
        && error.class == FailureClass::Permanent
        && matches!(error.refusal, None | Some(Refusal::MissingFields(_)));
    let may_be_unassigned = change.premise.assigned != Some(true) && change.technician.is_none();
    error.refusal == Some(Refusal::MustBeAssigned) || (is_bad_request && may_be_unassigned)
}

/// The longest pause when another worker is adding a note to the same ticket.
const NOTE_PAUSE: Duration = Duration::from_secs(2);

impl<E: Env> Reconciler<E> {
    /// Submits a change, with the time until which its ticket is known to be as planned: what becomes too old while it
    /// waits is looked at again before it is sent.
    async fn submit_change(
        &self,
        change: &TicketChange,
        session: &PairSession<'_>,
    ) -> Result<Ticket, PortError> {
        let premise = Premise {
            as_of: session.link.ticket_as_of.unwrap_or_default(),
            ..change.premise
        };
        let change = TicketChange {
            premise,
            ..change.clone()
        };
        self.submit(change, session.batcher).await
    }

    /// Sets fields of the open ticket.
    pub(super) async fn set_fields(
        &self,
        change: &TicketChange,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let changed = self.submit_change(change, session).await;
        self.changed(
            changed,
            change,
            WriteKind::SetFields,
            Action::FieldsSet,
            session,
        )
        .await
    }

    /// Closes the ticket. If HaloPSA refuses, perhaps because it has no assignee, assigns the template's closing
    /// technician, if there is one, and tries once more.
    pub(super) async fn close(
        &self,
        change: TicketChange,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let ticket = change.id;
        if let Some(technician) = change.technician {
            session.apply(WriteResult::AssignmentExpected { ticket, technician });
        }
        let mut closed = self.submit_change(&change, session).await;
        if let (Err(error), Some(technician)) = (&closed, self.closing_technician(session))
            && may_need_assignment(error, &change)
        {
            session.apply(WriteResult::AssignmentExpected { ticket, technician });
            let assigned = TicketChange {
                technician: Some(technician),
                ..change.clone()
            };
            closed = self.submit_change(&assigned, session).await;
        }
        self.changed(closed, &change, WriteKind::Close, Action::Closed, session)
            .await
    }

    /// Reopens the ticket, then adds a note that says why.
    pub(super) async fn reopen(
        &self,
        change: &TicketChange,
        html: &str,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let changed = self.submit_change(change, session).await;
        match self
            .changed(
                changed,
                change,
                WriteKind::Reopen,
                Action::Reopened,
                session,
            )
            .await?
        {
            Next::Continue => self.add_note(html, session).await,
            other => Ok(other),
        }
    }

    /// Adds a note exactly once: the attempt is saved before it is sent, and an attempt in doubt is looked
    /// up before it is repeated.
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
        let text_hash = hash64(&[&key.to_string(), html]);
        let reference = format!("Halogard {key} {text_hash:016x}");
        let pending = PendingNote { ticket, text_hash };
        let now = self.clock.now();
        if let Some(claim) = session.link.note_claim {
            if now < claim.until {
                // Another worker is adding it, or crashed a moment ago.
                let until = claim.until.min(now.plus(NOTE_PAUSE));
                return Ok(Next::Stop(PairOutcome::Waiting(until)));
            }
            if claim.text_hash == text_hash {
                let Some(notes) = self.notes_of(ticket, session).await? else {
                    return Ok(Next::Replan);
                };
                let mut shown = notes.notes.iter();
                if shown.any(|note| note.text.contains(&reference)) {
                    session.apply(WriteResult::NoteAdded(pending));
                    return Ok(Next::Continue);
                }
                if !notes.is_whole {
                    // It may be among those that did not come.
                    return Err(PortError::short_list().into());
                }
            }
        }
        let until = now.plus(NOTE_CLAIM_TTL);
        session.link.note_claim = Some(NoteClaim { text_hash, until });
        self.save(session).await?;
        let outcome = template.outcome;
        let note = NewNote {
            ticket,
            outcome,
            html: format!("{html}<p>{reference}</p>"),
            reference,
        };
        match self.submit(note, session.batcher).await {
            Ok(_) => {
                session.apply(WriteResult::NoteAdded(pending));
                session.record(self.clock.now(), Action::Noted, None);
                Ok(Next::Continue)
            }
            Err(error) if in_doubt(&error) => {
                session.apply(WriteResult::NoteInDoubt {
                    note: pending,
                    since: self.clock.now(),
                });
                Err(error.into())
            }
            Err(error) => {
                session.apply(WriteResult::NoteNotAdded(pending));
                let write = WriteKind::AddNote;
                self.refused_or_gone(write, NamedFields::NONE, error, ticket, session)
                    .await
            }
        }
    }

    /// Handles the answer to `change`. An answer that shows what was there before is a refusal. One that shows what
    /// someone else has set since, or another status than the plan was made for, means that a person was faster: the
    /// plan is made again. So it is after a lost answer, once the ticket was read: a person may have changed it since.
    async fn changed(
        &self,
        answer: Result<Ticket, PortError>,
        change: &TicketChange,
        write: WriteKind,
        action: Action,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let error = match answer {
            Ok(ticket) => {
                let contradiction = change.contradicted_by(&ticket);
                let is_overtaken = change.is_overtaken_by(&ticket);
                let expected_status = change.status.unwrap_or(change.premise.status);
                let is_as_planned = ticket.status == expected_status;
                let members = match write {
                    WriteKind::SetFields => session.link.written_members(change, &ticket),
                    _ => None,
                };
                if let Some(contradiction) = contradiction {
                    let missing = NamedFields::missing_in(&ticket, write, change);
                    session.apply(WriteResult::Contradicted(ticket));
                    if let Some(members) = members {
                        session.apply(members);
                    }
                    if is_overtaken {
                        return Ok(Next::Replan);
                    }
                    let error = PortError::new(FailureClass::Permanent, ErrorCode::HalopsaNotDone);
                    let error = error.with_message(contradiction);
                    return self.refused(write, missing, error, session);
                }
                let at = self.clock.now();
                let accepted = session.link.accepted_change(write, change, &ticket, at);
                let accepted = Box::new(accepted);
                session.apply(WriteResult::Changed { accepted, ticket });
                if let Some(members) = members {
                    session.apply(members);
                }
                session.record(at, action, None);
                return Ok(if is_as_planned {
                    Next::Continue
                } else {
                    Next::Replan
                });
            }
            Err(error) => error,
        };
        let Some(id) = session.link.ticket else {
            return Ok(Next::Replan);
        };
        if in_doubt(&error) {
            session.apply(WriteResult::ChangeInDoubt(id));
        }
        match &error.refusal {
            Some(Refusal::Outdated(ticket)) => {
                session.link.observe_current_ticket((**ticket).clone());
                Ok(Next::Replan)
            }
            _ => {
                let fields = NamedFields::of(write, change);
                self.refused_or_gone(write, fields, error, id, session)
                    .await
            }
        }
    }

    /// Records that HaloPSA refused a write to the ticket `id`, unless it says that there is no such ticket and a
    /// read says so as well.
    async fn refused_or_gone(
        &self,
        write: WriteKind,
        fields: NamedFields,
        error: PortError,
        id: TicketId,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        if error.refusal == Some(Refusal::NotFound) && !self.read_ticket(session, id).await? {
            return Ok(Next::Replan);
        }
        self.refused(write, fields, error, session)
    }

    /// Records that HaloPSA accepted a change and did not carry it out, unless a person may have undone it. Where
    /// the ticket alone does not show that none has, its notes are read.
    pub(super) async fn record_not_carried_out(
        &self,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let now = self.clock.now();
        let Some(refused) = session.link.not_carried_out(session.policy, now) else {
            return Ok(Next::Replan);
        };
        if let Some(id) = session.link.ticket
            && session.link.needs_notes_about_accepted()
        {
            let Some(notes) = self.notes_of(id, session).await? else {
                return Ok(Next::Replan);
            };
            let machines = &session.policy.machine_applications;
            if session.link.may_have_been_undone(&notes, machines) {
                session.link.accepted = None;
                return Ok(Next::Replan);
            }
        }
        let (message, is_last) = (refused.message.clone(), refused.retry_at.is_none());
        session.apply(WriteResult::NotCarriedOut(refused));
        session.record(now, Action::NotCarriedOut, Some(message.clone()));
        if is_last {
            session.refusal = Some(PairOutcome::Refused(message));
        }
        Ok(Next::Replan)
    }

    /// The technician assigned to tickets that must be assigned before they can be closed.
    fn closing_technician(
        &self,
        session: &PairSession<'_>,
    ) -> Option<halogard_domain::ids::TechnicianId> {
        let alert = session.link.observed_alert.as_ref()?;
        session.policy.choose(alert).ok()?.1.closing_technician
    }
}
