//! Linking a ticket that carries an alert's key, or reporting that it only claims to be the alert's.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use halogard_domain::adoption::{
    Candidate, Mismatch, OpenedBy, StoreHistory, Verdict, judge, judge_native,
};
use halogard_domain::continuity::{Continuity, Rival};
use halogard_domain::ids::{AlertId, HaloClientId, TicketId};
use halogard_domain::key::{Installation, InstallationId, KeySecret, Reference};
use halogard_domain::message::Cause;
use halogard_domain::record::Singleton;
use halogard_domain::ticket::{Existence, NoteAuthor, TicketNote};
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
const SEEN_MAX: usize = 10_000;

/// Tickets that this process has seen to, each in one state: in the same state they need no second look.
#[derive(Default)]
pub(crate) struct SeenTickets(Mutex<BTreeMap<TicketId, Timestamp>>);

impl SeenTickets {
    /// Remembers the ticket as it was when it last changed; whether that is new.
    pub(crate) fn is_new(&self, ticket: TicketId, changed_at: Timestamp) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= SEEN_MAX {
            known.clear();
        }
        known.insert(ticket, changed_at) != Some(changed_at)
    }

    /// Whether the ticket was seen in this state.
    pub(crate) fn knows(&self, ticket: TicketId, changed_at: Timestamp) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&ticket) == Some(&changed_at)
    }
}

/// Who an installation is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// What it signs keys with.
    pub(crate) secret: KeySecret,
    /// What it names itself in the tickets that it opens.
    pub(crate) id: InstallationId,
}

impl Identity {
    /// The identity that is stored, if one is.
    fn of(installation: &Installation) -> Option<Self> {
        let secret = installation.key_secret.clone()?;
        let id = installation.id()?;
        Some(Self { secret, id })
    }
}

/// Limits the requests that ask whether another installation opened a ticket: anyone can write titles.
#[derive(Default)]
pub(crate) struct RivalChecks(Mutex<VecDeque<Timestamp>>);

impl RivalChecks {
    /// Tickets that are asked about in any [`Self::WINDOW`].
    const MOST: usize = 10;

    /// See [`Self::MOST`].
    const WINDOW: Duration = Duration::from_secs(300);

    /// Whether one more may be asked about at `now`.
    fn admit(&self, now: Timestamp) -> bool {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|at| now.is_within(Self::WINDOW, *at));
        let admits = made.len() < Self::MOST;
        if admits {
            made.push_back(now);
        }
        admits
    }
}

/// When a ticket that only claims to be an alert's is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reporting {
    /// At once: a message is being processed, whose actions are counted.
    Now,
    /// With the message that is queued for the ticket.
    Later,
}

/// What became of a ticket that carries a key.
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
    /// The secret by which this installation recognises its keys.
    pub(crate) async fn key_secret(&self) -> Result<KeySecret, PortError> {
        self.identity().await.map(|identity| identity.secret)
    }

    /// Who this installation is. The first process that uses a store stores it; every other one reads it,
    /// once.
    pub(crate) async fn identity(&self) -> Result<Identity, PortError> {
        if let Some(known) = self.known_identity.get() {
            return Ok(known.clone());
        }
        let stored = self.store.load_record::<Installation>(&Singleton).await?;
        let installation = if stored.value.key_secret.is_some() {
            stored.value
        } else {
            let ours = Installation {
                key_secret: Some(self.new_secret.clone()),
                born_at: self.clock.now(),
            };
            let swap = self.store.swap_record(&Singleton, &ours, stored.revision);
            match swap.await? {
                Swap::Stored(_) => ours,
                Swap::Conflict(first) => first.value,
            }
        };
        let identity = Identity::of(&installation).ok_or_else(|| {
            PortError::new(FailureClass::Transient, ErrorCode::StoreFailed)
                .with_message("the installation's record has no secret")
        })?;
        Ok(self.known_identity.get_or_init(|| identity).clone())
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

    /// Links `found` to its alert, or reports it as `reporting` says.
    pub(crate) async fn adopt(
        &self,
        found: &KeyedTicket,
        reporting: Reporting,
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
                    session.adopt(found);
                    session.record(self.clock.now(), Action::FoundByKey, None);
                    Adoption::Adopted(Action::FoundByKey)
                }
                Verdict::Moved(client) => {
                    session.adopt(found);
                    self.report_moved(found, client, &mut session);
                    Adoption::Adopted(Action::FoundElsewhere)
                }
                Verdict::NotOurs(_) if reporting == Reporting::Later => {
                    return Ok(Adoption::NotOurs);
                }
                Verdict::NotOurs(why) if found.ticket.existence == Existence::Present => {
                    let reported = self.report_mismatch(found, why, &mut session).await?;
                    self.share_with_rival(found, reported, &mut session).await?;
                    reported
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

    /// Links the ticket of another installation to an alert that has none: one ticket is enough, whichever
    /// installation goes on.
    async fn share_with_rival(
        &self,
        found: &KeyedTicket,
        reported: Adoption,
        session: &mut PairSession<'_>,
    ) -> Result<(), ReconcileError> {
        let is_rivals = reported == Adoption::Reported(Action::SecondInstallation);
        if is_rivals
            && session.link.ticket.is_none()
            && self.verdict(found, StoreHistory::New, session).await? == Verdict::Ours
        {
            session.adopt(found);
            session.record(self.clock.now(), Action::FoundByKey, None);
        }
        Ok(())
    }

    /// Whether another installation opened `found` with our application, after this store knew every ticket
    /// of its predecessor. Remembers it if so.
    async fn is_by_another_installation(
        &self,
        found: &KeyedTicket,
    ) -> Result<bool, ReconcileError> {
        let ticket = found.ticket.id;
        let continuity = self.store.load_record::<Continuity>(&Singleton).await?;
        let now = self.clock.now();
        if found.key.proof.is_none()
            || !continuity.value.may_show_a_rival(ticket)
            || !self.rival_checks.admit(now)
        {
            return Ok(false);
        }
        let Some(opening) = self.opening_note(ticket).await? else {
            return Ok(false);
        };
        if opening.author != NoteAuthor::Halogard {
            return Ok(false);
        }
        let prefix = &found.key.key.prefix;
        let mut references = Reference::all_in(&opening.text, prefix);
        if references.is_empty()
            && let Some(texts) = self.desk.read_texts(ticket).await?
        {
            let details = texts.details.iter();
            references.extend(details.flat_map(|text| Reference::all_in(text, prefix)));
        }
        let same = |it: &Reference| it.key.key == found.key.key;
        let reference = references.into_iter().find(same);
        let installation = reference.and_then(|it| it.installation);
        let own = self.identity().await?.id;
        // A person may have changed the proof in a title of ours.
        if installation.as_ref() == Some(&own) {
            return Ok(false);
        }
        let former = &self.policy().former_installations;
        let is_former = |id: &InstallationId| former.iter().any(|it| it == id.as_str());
        if installation.as_ref().is_some_and(is_former) {
            return Ok(false);
        }
        let rival = Rival {
            installation,
            ticket,
            seen_at: now,
        };
        self.update_continuity(|continuity| continuity.observe_rival(rival.clone(), former))
            .await?;
        Ok(true)
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
        let opening = self.opening_note(ticket.id).await?;
        Ok(match opening.map(|note| note.author) {
            Some(NoteAuthor::Halogard) => OpenedBy::Us,
            Some(_) => OpenedBy::Other,
            None => OpenedBy::NotShown,
        })
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
        let action = if !is_proven && self.is_by_another_installation(found).await? {
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
    fn adopt(&mut self, found: &KeyedTicket) {
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
