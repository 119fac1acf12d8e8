//! Linking a ticket that carries an alert's key, or reporting that it only claims to be the alert's.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use halogard_domain::adoption::{
    Candidate, Mismatch, OpenedBy, StoreHistory, Verdict, judge, judge_native,
};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::key::{Installation, KeySecret};
use halogard_domain::message::Cause;
use halogard_domain::record::Singleton;
use halogard_domain::ticket::{Existence, NoteAuthor};
use halogard_domain::{FailureClass, Policy, Ticket, Timestamp};
use tracing::warn;

use crate::env::Env;
use crate::outcome::Action;
use crate::ports::prelude::*;
use crate::ports::{ErrorCode, JournalEntry, KeyedTicket, PortError, Refusal, Swap};
use crate::reconciler::Reconciler;

use super::steps::Next;
use super::write_batcher::WriteBatcher;
use super::{CONFLICTS_MAX, PairOutcome, PairSession, ReconcileError};

/// Tickets that are remembered before all are forgotten.
const UNPROVEN_MAX: usize = 1000;

/// Tickets whose key has no proof, as this process has queued them: in the same state they need no second
/// look.
#[derive(Default)]
pub(crate) struct UnprovenTickets(Mutex<BTreeMap<TicketId, Timestamp>>);

impl UnprovenTickets {
    /// Remembers the state of `ticket`; whether it is new.
    pub(crate) fn is_new(&self, ticket: &Ticket) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= UNPROVEN_MAX {
            known.clear();
        }
        known.insert(ticket.id, ticket.changed_at) != Some(ticket.changed_at)
    }
}

/// What became of a ticket that carries a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adoption {
    /// It was linked to its alert.
    Adopted,
    /// It is linked, or was, or was reported before.
    Known,
    /// It only claims to be the alert's, which was reported.
    Reported(Action),
}

impl Adoption {
    /// The action in the outcome of a message, if it is one.
    pub(crate) const fn action(self) -> Option<Action> {
        match self {
            Self::Adopted => Some(Action::FoundByKey),
            Self::Known => None,
            Self::Reported(action) => Some(action),
        }
    }
}

impl<E: Env> Reconciler<E> {
    /// The secret by which this installation recognises its keys. The first process that uses a store
    /// stores it; every other one reads it, once.
    pub(crate) async fn key_secret(&self) -> Result<KeySecret, PortError> {
        if let Some(known) = self.known_secret.get() {
            return Ok(known.clone());
        }
        let stored = self.store.load_record::<Installation>(&Singleton).await?;
        let secret = match stored.value.key_secret {
            Some(secret) => secret,
            None => {
                let ours = Installation {
                    key_secret: Some(self.new_secret.clone()),
                };
                let swap = self.store.swap_record(&Singleton, &ours, stored.revision);
                match swap.await? {
                    Swap::Stored(_) => self.new_secret.clone(),
                    Swap::Conflict(first) => first.value.key_secret.ok_or_else(|| {
                        PortError::new(FailureClass::Transient, ErrorCode::StoreFailed)
                            .with_message("the installation's record has no secret")
                    })?,
                }
            }
        };
        Ok(self.known_secret.get_or_init(|| secret).clone())
    }

    /// Links `ticket` to the alert whose key its title carries, if it is the alert's ticket; reports it if
    /// it only claims to be. `None` when it carries no key. Safe to repeat.
    pub(crate) async fn adopt_by_title(
        &self,
        ticket: &Ticket,
        history: StoreHistory,
        policy: &Policy,
        cause: &Cause,
    ) -> Result<Option<Adoption>, ReconcileError> {
        let secret = self.key_secret().await?;
        let Some(key) = secret.choose_in(&ticket.summary, &policy.key_prefix) else {
            return Ok(None);
        };
        let found = KeyedTicket {
            ticket: ticket.clone(),
            key,
        };
        let adopted = self.adopt(&found, history, policy, cause);
        adopted.await.map(Some)
    }

    /// Links `found` to its alert, or reports it.
    pub(crate) async fn adopt(
        &self,
        found: &KeyedTicket,
        history: StoreHistory,
        policy: &Policy,
        cause: &Cause,
    ) -> Result<Adoption, ReconcileError> {
        // Adopting writes nothing to HaloPSA.
        let batcher = WriteBatcher::new(1, 1);
        let key = &found.key.key;
        for _ in 0..CONFLICTS_MAX {
            let mut session = self
                .load_session(key.alert, policy, &batcher, cause)
                .await?;
            let outcome = match self.verdict(found, history, &mut session).await? {
                Verdict::Ours => {
                    if session.link.ticket.is_some() {
                        session.link.begin_next_ticket();
                    }
                    session.link.adopt(key.clone(), &found.ticket);
                    session.record(self.clock.now(), Action::FoundByKey, None);
                    Adoption::Adopted
                }
                Verdict::NotOurs(why) if found.ticket.existence == Existence::Present => {
                    self.report_mismatch(found, why, &mut session).await?
                }
                _ => return Ok(Adoption::Known),
            };
            match self.save(&mut session).await {
                Err(ReconcileError::Conflict) => {}
                other => return other.map(|()| outcome),
            }
        }
        Err(ReconcileError::Conflict)
    }

    /// Links the ticket that Liongard names for the alert, once HaloPSA shows that it can be the alert's;
    /// otherwise reports it, once, and leaves it alone.
    pub(super) async fn adopt_native(
        &self,
        id: TicketId,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let seen = self.desk.read(id).await?;
        let alert = session.link.observed_alert.as_ref();
        let judged = match (&seen, alert) {
            (Some(ticket), Some(alert)) => judge_native(alert, ticket, session.policy),
            // Nothing can be written to a ticket that is not there; whether it is gone is read again.
            _ => Ok(()),
        };
        let now = self.clock.now();
        if let Err(why) = judged {
            if session.link.report_ticket(id) {
                warn!(
                    alert_id = session.link.alert.get(),
                    ticket_id = id.get(),
                    reason = %why,
                    outcome = Action::ForeignTicket.as_str(),
                    "the ticket that Liongard names for an alert is not the alert's; it is left alone"
                );
                session.record(now, Action::ForeignTicket, Some(why.to_string()));
            }
            return Ok(Next::Stop(PairOutcome::InSync));
        }
        session.link.attach(id);
        if let Some(ticket) = seen {
            session.link.observe_current_ticket(ticket);
        }
        session.record(now, Action::Adopted, None);
        Ok(Next::Replan)
    }

    /// Whether `found` is the ticket of the pair. Asks Liongard for an alert that the pair does not know,
    /// and HaloPSA who opened the ticket, if that decides.
    pub(super) async fn verdict(
        &self,
        found: &KeyedTicket,
        history: StoreHistory,
        session: &mut PairSession<'_>,
    ) -> Result<Verdict, ReconcileError> {
        let mut candidate = Candidate {
            ticket: &found.ticket,
            key: &found.key.key,
            is_proven: self.key_secret().await?.verifies(&found.key),
            opened_by: OpenedBy::NotAsked,
        };
        loop {
            match judge(&session.link, &candidate, session.policy, history) {
                Verdict::AskAlert => match self.liongard.read(session.link.alert).await? {
                    Some(alert) => session.link.observe_alert(alert),
                    None => return Ok(Verdict::NotOurs(Mismatch::NoSuchAlert)),
                },
                Verdict::AskWhoOpened => {
                    candidate.opened_by = self.opened_by(&found.ticket).await?
                }
                decided => return Ok(decided),
            }
        }
    }

    /// Who opened `ticket`.
    async fn opened_by(&self, ticket: &Ticket) -> Result<OpenedBy, PortError> {
        let notes = match self.desk.notes(ticket.id).await {
            Ok(notes) => notes.notes,
            Err(error) if matches!(error.refusal, Some(Refusal::NotFound | Refusal::Forbidden)) => {
                return Ok(OpenedBy::NotShown);
            }
            Err(error) => return Err(error),
        };
        let opening = notes.iter().find(|note| note.id.get() == 1);
        Ok(match opening.map(|note| &note.author) {
            Some(NoteAuthor::Halogard) => OpenedBy::Us,
            Some(_) => OpenedBy::Other,
            None => OpenedBy::NotShown,
        })
    }

    /// Reports, once, that `found` only claims to be the ticket of the pair: an entry in the journal of the
    /// alert, and a line in the log. A link is not made for the sake of a report: anyone can write numbers
    /// of alerts.
    pub(super) async fn report_mismatch(
        &self,
        found: &KeyedTicket,
        why: Mismatch,
        session: &mut PairSession<'_>,
    ) -> Result<Adoption, ReconcileError> {
        let is_proven = self.key_secret().await?.verifies(&found.key);
        let action = match why {
            Mismatch::HasTicket(_) if is_proven => Action::DuplicateTicket,
            _ => Action::ForeignKey,
        };
        if !session.link.report_ticket(found.ticket.id) {
            return Ok(Adoption::Known);
        }
        let alert = session.link.alert;
        log_mismatch(alert, found, why, action);
        let entry = JournalEntry {
            at: self.clock.now(),
            alert: Some(alert),
            ticket: Some(found.ticket.id),
            event: action.as_str().to_owned(),
            cause: session.cause.to_owned(),
            detail: Some(why.to_string()),
        };
        session.actions.push(action);
        if session.stored.is_some() {
            session.journal.push(entry);
        } else {
            self.store.append(&[entry]).await?;
            // Nothing of this pair is worth storing.
            session.stored = Some(session.link.clone());
        }
        Ok(Adoption::Reported(action))
    }
}

/// Writes the line that names both tickets.
fn log_mismatch(alert: AlertId, found: &KeyedTicket, why: Mismatch, action: Action) {
    let linked_ticket = match why {
        Mismatch::HasTicket(ticket) => Some(ticket.get()),
        _ => None,
    };
    warn!(
        alert_id = alert.get(),
        ticket_id = found.ticket.id.get(),
        link_key = %found.key.key,
        linked_ticket,
        reason = %why,
        outcome = action.as_str(),
        "a ticket carries the key of an alert and is not its ticket"
    );
}
