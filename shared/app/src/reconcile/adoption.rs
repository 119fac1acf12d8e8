//! Linking a ticket that carries an alert's key, or reporting that it only claims to be the alert's.

use std::collections::BTreeSet;

use halogard_domain::adoption::{
    AdoptionVerdict, Candidate, Mismatch, OpenedBy, StoreHistory, judge, judge_native,
};
use halogard_domain::ids::{AlertId, HaloClientId, TicketId};
use halogard_domain::key::{InstallationId, Reference, UnverifiedKey};
use halogard_domain::message::Cause;
use halogard_domain::ticket::{Existence, NoteAuthor, TicketNote};
use halogard_domain::{Policy, Ticket};
use tracing::warn;

use crate::env::Env;
use crate::identity::Identity;
use crate::outcome::Action;
use crate::ports::prelude::*;
use crate::ports::{JournalEntry, KeyedTicket, PortError, Refusal};
use crate::reconciler::Reconciler;
use crate::recovery::keys_in;

use super::steps::Next;
use super::write_batcher::WriteBatcher;
use super::{CONFLICTS_MAX, PairOutcome, PairSession, ReconcileError};

/// When a ticket that only claims to be an alert's is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reporting {
    /// At once: a message is being processed, whose actions are counted.
    Now,
    /// With the message that is queued for the ticket.
    Later,
}

/// What was done about a ticket that carries a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adoption {
    /// It was linked to its alert; how.
    Adopted(Action),
    /// It is linked, or was, or was reported before.
    Known,
    /// It only claims to be the alert's, which the message that is queued for it will report and count.
    NotOurs,
    /// It only claims to be the alert's, which was reported.
    Reported(Action),
}

/// What asking one alert for a ticket led to.
enum Claimed {
    /// This became of the ticket.
    Decided(Adoption),
    /// The ticket is of the alert with this key.
    OfAnother(UnverifiedKey),
}

impl Adoption {
    /// The action in the outcome of a message, if it is one.
    pub(crate) const fn action(self) -> Option<Action> {
        match self {
            Self::Known | Self::NotOurs => None,
            Self::Adopted(action) | Self::Reported(action) => Some(action),
        }
    }
}

impl<E: Env> Reconciler<E> {
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
        let Some(key) = secret.choose_in(&ticket.summary, policy.prefixes()) else {
            return Ok(None);
        };
        let found = KeyedTicket {
            ticket: ticket.clone(),
            key,
        };
        let adopted = self.adopt(&found, Reporting::Now, history, policy, cause);
        adopted.await.map(Some)
    }

    /// Links `found` to its alert, or reports it as `reporting` says. People paste keys into titles: where the
    /// ticket turns out to be of another alert, that one is asked.
    pub(crate) async fn adopt(
        &self,
        found: &KeyedTicket,
        reporting: Reporting,
        history: StoreHistory,
        policy: &Policy,
        cause: &Cause,
    ) -> Result<Adoption, ReconcileError> {
        let mut asked = BTreeSet::new();
        let mut found = found.clone();
        loop {
            asked.insert(found.key.key.alert);
            let claimed = self.adopt_as(&found, &asked, reporting, history, policy, cause);
            match claimed.await? {
                Claimed::Decided(adoption) => return Ok(adoption),
                Claimed::OfAnother(key) => found.key = key,
            }
        }
    }

    /// The same under one of its keys. The alerts in `asked` are not asked again.
    async fn adopt_as(
        &self,
        found: &KeyedTicket,
        asked: &BTreeSet<AlertId>,
        reporting: Reporting,
        history: StoreHistory,
        policy: &Policy,
        cause: &Cause,
    ) -> Result<Claimed, ReconcileError> {
        // Adopting writes nothing to HaloPSA.
        let batcher = WriteBatcher::new(1, 1);
        let key = &found.key.key;
        for _ in 0..CONFLICTS_MAX {
            let mut session = self
                .load_session(key.alert, policy, &batcher, cause)
                .await?;
            let verdict = self.verdict(found, history, &mut session).await?;
            let is_mismatch = matches!(verdict, AdoptionVerdict::NotOurs(_));
            // A key without proof is worth no request, except in a new store; nor is what was reported before.
            let has_weight = history == StoreHistory::New
                || (reporting == Reporting::Now && self.key_secret().await?.verifies(&found.key));
            let is_reported = session.link.reported_tickets.contains(&found.ticket.id);
            let is_worth_a_look = !is_mismatch || (has_weight && !is_reported);
            if is_worth_a_look {
                let other = self.key_of_another(found, verdict, asked, &session).await?;
                if let Some(other) = other {
                    return Ok(Claimed::OfAnother(other));
                }
            }
            let outcome = match verdict {
                AdoptionVerdict::Ours => {
                    session.adopt(found);
                    session.record(self.clock.now(), Action::FoundByKey, None);
                    Adoption::Adopted(Action::FoundByKey)
                }
                AdoptionVerdict::Moved(client) => {
                    session.adopt(found);
                    self.report_moved(found, client, &mut session);
                    Adoption::Adopted(Action::FoundElsewhere)
                }
                AdoptionVerdict::Unmapped => {
                    self.adopt_unmapped(found, &mut session);
                    Adoption::Adopted(Action::FoundByKey)
                }
                AdoptionVerdict::NotOurs(_) if reporting == Reporting::Later => {
                    return Ok(Claimed::Decided(Adoption::NotOurs));
                }
                AdoptionVerdict::NotOurs(why) if found.ticket.existence == Existence::Present => {
                    let reported = self.report_mismatch(found, why, &mut session).await?;
                    self.share_with_rival(found, &mut session).await?;
                    reported
                }
                _ => return Ok(Claimed::Decided(Adoption::Known)),
            };
            match self.save(&mut session).await {
                Err(ReconcileError::Conflict) => {}
                other => return other.map(|()| Claimed::Decided(outcome)),
            }
        }
        Err(ReconcileError::Conflict)
    }

    /// The key of the alert for which our application opened `found`, if that is none of those in `asked`. The end of
    /// the entry that opened it names it, or else its text. Reading them costs a request, so that is done only where
    /// the title shows keys of several alerts, or one of an alert that has a ticket.
    pub(super) async fn key_of_another(
        &self,
        found: &KeyedTicket,
        verdict: AdoptionVerdict,
        asked: &BTreeSet<AlertId>,
        session: &PairSession<'_>,
    ) -> Result<Option<UnverifiedKey>, ReconcileError> {
        let secret = self.key_secret().await?;
        let id = found.ticket.id;
        let title = &found.ticket.summary;
        let prefixes = session.policy.prefixes();
        let shown = prefixes.flat_map(|prefix| UnverifiedKey::all_in(title, prefix));
        let others: Vec<_> = shown.filter(|it| !asked.contains(&it.key.alert)).collect();
        let is_new = |key: &UnverifiedKey| !asked.contains(&key.key.alert);
        match verdict {
            AdoptionVerdict::Ours | AdoptionVerdict::Moved(_) | AdoptionVerdict::Unmapped => {
                let entry = session.opening_entry.as_deref().unwrap_or_default();
                let mut written = secret.choose(keys_in(entry, session.policy));
                if written.is_none() && !others.is_empty() {
                    written = self.key_in_texts(id, entry).await?;
                }
                Ok(written.filter(is_new))
            }
            AdoptionVerdict::NotOurs(Mismatch::HasTicket(_)) => {
                let opening = self.opening_note(id).await?;
                let is_ours = |note: &TicketNote| note.author == NoteAuthor::Halogard;
                if !opening.as_ref().is_none_or(is_ours) {
                    return Ok(None);
                }
                let entry = opening.map(|note| note.text).unwrap_or_default();
                let written = self.key_in_texts(id, &entry).await?;
                match written {
                    Some(key) => Ok(Some(key).filter(is_new)),
                    None => Ok(secret.choose(others)),
                }
            }
            _ => Ok(None),
        }
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
            // Nothing can be written to a ticket that does not exist; whether it is gone is read again.
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
    ) -> Result<AdoptionVerdict, ReconcileError> {
        let mut candidate = Candidate {
            ticket: &found.ticket,
            key: &found.key.key,
            is_proven: self.key_secret().await?.verifies(&found.key),
            opened_by: OpenedBy::NotAsked,
        };
        session.opening_entry = None;
        loop {
            match judge(&session.link, &candidate, session.policy, history) {
                AdoptionVerdict::AskAlert => match self.liongard.read(session.link.alert).await? {
                    Some(alert) => session.link.observe_current_alert(alert),
                    None => return Ok(AdoptionVerdict::NotOurs(Mismatch::NoSuchAlert)),
                },
                AdoptionVerdict::AskWhoOpened => {
                    let opening = self.opening_note(found.ticket.id).await?;
                    candidate.opened_by = match opening.as_ref().map(|note| &note.author) {
                        Some(NoteAuthor::Halogard) => OpenedBy::Us,
                        Some(_) => OpenedBy::Other,
                        None => OpenedBy::NotShown,
                    };
                    session.opening_entry = opening.map(|note| note.text);
                }
                AdoptionVerdict::Ours | AdoptionVerdict::Moved(_)
                    if history == StoreHistory::Known && self.is_of_another(session).await? =>
                {
                    let why = Mismatch::OfAnotherInstallation;
                    return Ok(AdoptionVerdict::NotOurs(why));
                }
                decided => return Ok(decided),
            }
        }
    }

    /// Whether the entry that opened the ticket which may be the pair's names another installation, one that is not
    /// over: people paste keys into the titles of its tickets. Its reference stands at the end, after what the alert
    /// says.
    async fn is_of_another(&self, session: &PairSession<'_>) -> Result<bool, PortError> {
        let entry = session.opening_entry.as_deref().unwrap_or_default();
        let prefixes = session.policy.prefixes();
        let references = prefixes.filter_map(|prefix| Reference::all_in(entry, prefix).pop());
        let Identity { secret, id } = self.identity().await?;
        let former = &session.policy.former_installations;
        let is_other = |reference: Reference| {
            let named = reference.installation.filter(|it| *it != id);
            let runs = |it: InstallationId| !former.iter().any(|over| over == it.as_str());
            !secret.verifies(&reference.key) && named.is_some_and(runs)
        };
        Ok(references.into_iter().any(is_other))
    }

    /// The entry that opened a ticket; `None` where HaloPSA does not show it.
    pub(crate) async fn opening_note(
        &self,
        ticket: TicketId,
    ) -> Result<Option<TicketNote>, PortError> {
        match self.desk.notes(ticket).await {
            Ok(shown) => Ok(shown.notes.into_iter().find(|note| note.id.get() == 1)),
            Err(error) if matches!(error.refusal, Some(Refusal::NotFound | Refusal::Forbidden)) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Reports that the ticket of the pair is at `client`, to which the alert does not belong, and that
    /// nothing is written to it there.
    pub(super) fn report_moved(
        &self,
        found: &KeyedTicket,
        client: HaloClientId,
        session: &mut PairSession<'_>,
    ) {
        session.link.found_elsewhere = true;
        let action = Action::FoundElsewhere;
        warn!(
            alert_id = session.link.alert.get(),
            ticket_id = found.ticket.id.get(),
            link_key = %found.key.key,
            client_id = client.get(),
            outcome = action.as_str(),
            "the alert's ticket is at another client; nothing is written to it there"
        );
        let detail = format!("ticket {} is at client {client}", found.ticket.id);
        session.record(self.clock.now(), action, Some(detail));
    }

    /// Links `found`, which may be at another client than the one to which the alert will be mapped.
    pub(super) fn adopt_unmapped(&self, found: &KeyedTicket, session: &mut PairSession<'_>) {
        session.adopt(found);
        session.link.found_elsewhere = true;
        session.record(self.clock.now(), Action::FoundByKey, None);
    }

    /// Reports, once, that an earlier ticket of the pair is open beside the current one; says whether it did.
    pub(super) fn report_beside(&self, ticket: &Ticket, session: &mut PairSession<'_>) -> bool {
        if !session.link.is_open_beside(ticket, session.policy)
            || !session.link.report_ticket(ticket.id)
        {
            return false;
        }
        let action = Action::DuplicateTicket;
        let current = session.link.ticket.map(TicketId::get);
        warn!(
            alert_id = session.link.alert.get(),
            ticket_id = ticket.id.get(),
            linked_ticket = current,
            outcome = action.as_str(),
            "an earlier ticket of the alert is open beside its current one"
        );
        let detail = format!("earlier ticket {} is open as well", ticket.id);
        session.record(self.clock.now(), action, Some(detail));
        true
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
        session.seen_rival = if is_proven {
            None
        } else {
            self.installation_of(found).await?
        };
        let action = if session.seen_rival.is_some() {
            Action::SecondInstallation
        } else {
            action
        };
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

impl PairSession<'_> {
    /// Links `found`, after the ticket that the pair has had.
    pub(super) fn adopt(&mut self, found: &KeyedTicket) {
        if self.link.ticket.is_some() {
            self.link.begin_next_ticket();
        }
        self.link.adopt(found.key.key.clone(), &found.ticket);
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
