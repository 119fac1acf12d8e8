//! Writing to a ticket that exists.

use std::time::Duration;

use halogard_domain::link::{CLAIM_LIFE, NoteClaim, Write};
use halogard_domain::text::digest;
use halogard_domain::ticket::{NewNote, Ticket, TicketChange};

use super::Next;
use crate::bundle::{Bundle, Liongard, Store};
use crate::ports::{Clock, PortError, Refusal, TicketDesk};
use crate::reconcile::{Hold, LookError, Looked, in_doubt};

/// How long a look that finds another one adding a note stays away at the most.
const NOTE_PAUSE: Duration = Duration::from_secs(2);

impl<D: TicketDesk, L: Liongard, S: Store, C: Clock> Bundle<D, L, S, C> {
    /// Sets fields of the open ticket.
    pub(super) async fn set_fields(
        &self,
        change: &TicketChange,
        hold: &mut Hold<'_>,
    ) -> Result<Next, LookError> {
        let changed = self.change_together(change.clone(), hold.gather).await;
        self.changed(changed, Write::SetFields, "fields_set", hold)
            .await
    }

    /// Closes the ticket. One that must be assigned first, and of which that was not known, is given
    /// to the template's closing technician, where there is one.
    pub(super) async fn close(
        &self,
        change: TicketChange,
        hold: &mut Hold<'_>,
    ) -> Result<Next, LookError> {
        let mut closed = self.change_together(change.clone(), hold.gather).await;
        if let (Err(error), Some(technician)) = (&closed, self.closing_technician(hold))
            && error.refusal == Some(Refusal::MustBeAssigned)
        {
            let assigned = TicketChange {
                technician: Some(technician),
                ..change
            };
            closed = self.change_together(assigned, hold.gather).await;
        }
        self.changed(closed, Write::Close, "closed", hold).await
    }

    /// Opens the ticket again, then says why.
    pub(super) async fn reopen(
        &self,
        change: &TicketChange,
        html: &str,
        hold: &mut Hold<'_>,
    ) -> Result<Next, LookError> {
        let changed = self.change_together(change.clone(), hold.gather).await;
        match self
            .changed(changed, Write::Reopen, "reopened", hold)
            .await?
        {
            Next::GoOn => self.add_note(html, hold).await,
            other => Ok(other),
        }
    }

    /// Adds a note, once: the attempt is recorded before it is made, and one in doubt is looked for
    /// before it is made again.
    pub(super) async fn add_note(
        &self,
        html: &str,
        hold: &mut Hold<'_>,
    ) -> Result<Next, LookError> {
        let Some(ticket) = hold.link.ticket else {
            return Ok(Next::PlanAgain);
        };
        let alert = hold.link.alert_seen.as_ref();
        let Some((_, template)) = alert.and_then(|alert| hold.policy.choose(alert).ok()) else {
            return Ok(Next::PlanAgain);
        };
        let key = hold.link.key(hold.policy);
        let mark = digest(&[&key.to_string(), html]);
        let reference = format!("Halogard {key} {mark:016x}");
        let now = self.clock.now();
        if let Some(claim) = hold.link.note {
            if now < claim.until {
                // Another look is at it, or one died a moment ago.
                let until = claim.until.min(now.plus(NOTE_PAUSE));
                return Ok(Next::Leave(Looked::Later(until)));
            }
            if claim.mark == mark {
                let notes = self.desk.notes(ticket).await?;
                if notes.iter().any(|note| note.text.contains(&reference)) {
                    hold.link.note = None;
                    hold.link.notes = hold.link.notes.saturating_add(1);
                    return Ok(Next::GoOn);
                }
            }
        }
        let until = now.plus(CLAIM_LIFE);
        hold.link.note = Some(NoteClaim { mark, until });
        self.keep(hold).await?;
        let outcome = template.outcome;
        let note = NewNote {
            ticket,
            outcome,
            html: format!("{html}<p>{reference}</p>"),
            reference,
        };
        match self.add_note_together(note, hold.gather).await {
            Ok(_) => {
                hold.link.note = None;
                hold.link.notes = hold.link.notes.saturating_add(1);
                hold.tell(self.clock.now(), "noted", None);
                Ok(Next::GoOn)
            }
            Err(error) if in_doubt(&error) => {
                let until = self.clock.now();
                hold.link.note = Some(NoteClaim { mark, until });
                Err(error.into())
            }
            Err(error) => {
                hold.link.note = None;
                self.refused(Write::AddNote, error, hold)
            }
        }
    }

    /// Takes in the answer to a change.
    async fn changed(
        &self,
        answer: Result<Ticket, PortError>,
        write: Write,
        what: &'static str,
        hold: &mut Hold<'_>,
    ) -> Result<Next, LookError> {
        match answer {
            Ok(ticket) => {
                hold.link.hear_ticket(ticket);
                hold.link.refused = None;
                hold.tell(self.clock.now(), what, None);
                Ok(Next::GoOn)
            }
            Err(error) if error.refusal == Some(Refusal::NotFound) => {
                let Some(id) = hold.link.ticket else {
                    return Ok(Next::PlanAgain);
                };
                match self.desk.read(id).await? {
                    // It is there, and yet the desk does not find it for this change.
                    Some(_) => self.refused(write, error, hold),
                    None => {
                        self.read_ticket(hold, id).await?;
                        Ok(Next::PlanAgain)
                    }
                }
            }
            Err(error) => self.refused(write, error, hold),
        }
    }

    /// Who is given tickets that must be assigned before they may be closed.
    fn closing_technician(&self, hold: &Hold<'_>) -> Option<halogard_domain::ids::TechnicianId> {
        let alert = hold.link.alert_seen.as_ref()?;
        hold.policy.choose(alert).ok()?.1.closing_technician
    }
}
