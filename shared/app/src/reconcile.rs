//! Looking at one pair: load what is known, plan, carry out, remember.

mod steps;
pub(crate) mod write_batcher;

use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::Cause;
use halogard_domain::pair_status::{PairStatus, pair_status};
use halogard_domain::{Alert, FailureClass, Link, LinkKey, Policy, Ticket, Timestamp, plan};

use self::write_batcher::WriteBatcher;
use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{JournalEntry, PortError, Revision, SaveError};
use crate::reconciler::Reconciler;

/// What a look at a pair led to.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing is missing any more, or nothing was, such as for an echo of our own write.
    Done,
    /// There is something to wait for; not a failure.
    Waiting(Timestamp),
    /// The desk refused a write for good; why, in its own words.
    Refused(String),
    /// It concerns no pair of ours.
    NotOurs,
}

/// Why a look broke off.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// A port failed; its class says what may follow.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Somebody else kept writing the same pair.
    #[error("somebody else kept writing this pair")]
    Conflict,
    /// Planning after carrying out the plan still found something to do.
    #[error("the plan for this pair does not settle")]
    Unsettled,
}

impl From<SaveError> for ReconcileError {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Conflict => Self::Conflict,
            SaveError::Store(error) => Self::Port(error),
        }
    }
}

/// How often a look starts over because somebody else wrote the pair meanwhile.
pub(crate) const CONFLICTS_MAX: usize = 5;

/// How often a pair is planned in one look: the longest way is claim, find, open, agree, run.
const PLANS_MAX: usize = 8;

/// The cause of a look that follows an inspector's run.
const RUN_ENDED: &str = Cause::RunEnded { succeeded: true }.as_str();

/// One pair under our hands.
struct PairSession<'a> {
    link: Link,
    revision: Revision,
    /// The link as it is stored, to save changes only.
    stored: Option<Link>,
    policy: &'a Policy,
    /// The looks whose writes go out together with this one's.
    batcher: &'a WriteBatcher,
    cause: &'static str,
    actions: Vec<&'static str>,
    journal: Vec<JournalEntry>,
}

impl<E: Env> Reconciler<E> {
    /// Looks at an alert and its ticket; adds a word for each thing it does to `actions`, however it ends.
    /// Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`ReconcileError`]; nothing is lost by repeating the look later.
    pub(crate) async fn reconcile_alert(
        &self,
        alert: AlertId,
        snapshot: Option<&Alert>,
        cause: &Cause,
        batcher: &WriteBatcher,
        actions: &mut Vec<&'static str>,
    ) -> Result<Outcome, ReconcileError> {
        let policy = self.policy();
        for _ in 0..CONFLICTS_MAX {
            let mut session = self.load_session(alert, &policy, batcher, cause).await?;
            if let Some(snapshot) = snapshot {
                session.link.observe_alert(snapshot.clone());
            } else if session.link.observed_alert.is_none()
                || matches!(cause, Cause::RunEnded { .. })
            {
                match self.liongard.read(alert).await? {
                    Some(alert) => session.link.observe_alert(alert),
                    None if session.link.observed_alert.is_none() => return Ok(Outcome::NotOurs),
                    // No longer listed is not closed.
                    None => {}
                }
            }
            if *cause == Cause::Operator {
                session.link.refused = None;
            }
            if let (Cause::RunEnded { .. }, Some(follow)) =
                (cause, &mut session.link.pending_inspection)
            {
                follow.completed = follow.requested.min(follow.completed + 1);
            }
            match self.converge(session, actions).await {
                Err(ReconcileError::Conflict) => {}
                settled => return settled,
            }
        }
        Err(ReconcileError::Conflict)
    }

    /// Looks at a ticket and its alert, as was asked for at `asked_at`; adds a word for each thing it
    /// does to `actions`, however it ends. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`ReconcileError`]; nothing is lost by repeating the look later.
    pub(crate) async fn reconcile_ticket(
        &self,
        ticket: TicketId,
        snapshot: Option<&Ticket>,
        cause: &Cause,
        asked_at: Timestamp,
        batcher: &WriteBatcher,
        actions: &mut Vec<&'static str>,
    ) -> Result<Outcome, ReconcileError> {
        let policy = self.policy();
        for _ in 0..CONFLICTS_MAX {
            let Some(alert) = self.store.owner(ticket).await? else {
                return self.adopt_by_key(ticket, snapshot, &policy, actions).await;
            };
            let mut session = self.load_session(alert, &policy, batcher, cause).await?;
            if session.link.ticket != Some(ticket) {
                // An earlier ticket of the alert: its story is over.
                return Ok(Outcome::NotOurs);
            }
            match snapshot {
                Some(snapshot) => session.link.observe_ticket(snapshot.clone()),
                None if session.was_read_since(asked_at, cause) => {}
                None => self.read_ticket(&mut session, ticket).await?,
            }
            match self.converge(session, actions).await {
                Err(ReconcileError::Conflict) => {}
                settled => return settled,
            }
        }
        Err(ReconcileError::Conflict)
    }

    /// A ticket nobody remembers, but which may carry our key: the store was lost, or the answer to
    /// its opening was.
    async fn adopt_by_key(
        &self,
        id: TicketId,
        snapshot: Option<&Ticket>,
        policy: &Policy,
        actions: &mut Vec<&'static str>,
    ) -> Result<Outcome, ReconcileError> {
        let Some(ticket) = snapshot.filter(|snapshot| snapshot.id == id) else {
            return Ok(Outcome::NotOurs);
        };
        let Some(key) = LinkKey::find_in(&ticket.summary, &policy.key_prefix) else {
            return Ok(Outcome::NotOurs);
        };
        if !self.adopt(&key, ticket, policy).await? {
            return Ok(Outcome::NotOurs);
        }
        actions.push("found");
        Ok(Outcome::Done)
    }

    /// Makes `ticket`, which carries `key`, the ticket of its alert, unless that has one. Safe to
    /// repeat.
    pub(crate) async fn adopt(
        &self,
        key: &LinkKey,
        ticket: &Ticket,
        policy: &Policy,
    ) -> Result<bool, ReconcileError> {
        // It writes nothing to the desk.
        let batcher = WriteBatcher::of(1, 1);
        for _ in 0..CONFLICTS_MAX {
            let mut session = self
                .load_session(key.alert, policy, &batcher, &Cause::Sweep)
                .await?;
            let known = session.link.ticket.is_some() && session.link.recurrence >= key.recurrence;
            let newer_needed = session.link.recurrence > key.recurrence;
            if known || newer_needed {
                return Ok(false);
            }
            session.link.recurrence = key.recurrence;
            session.link.attach(ticket.id);
            session.link.observe_ticket(ticket.clone());
            session.record(self.clock.now(), "found", None);
            match self.save(&mut session).await {
                Err(ReconcileError::Conflict) => {}
                other => return other.map(|()| true),
            }
        }
        Err(ReconcileError::Conflict)
    }

    /// Loads the pair of `alert`.
    async fn load_session<'a>(
        &self,
        alert: AlertId,
        policy: &'a Policy,
        batcher: &'a WriteBatcher,
        cause: &Cause,
    ) -> Result<PairSession<'a>, ReconcileError> {
        let stored = self.store.load(alert).await?;
        let revision = stored
            .as_ref()
            .map_or(Revision::default(), |stored| stored.revision);
        let stored = stored.map(|stored| stored.value);
        let link = stored.clone().unwrap_or_else(|| Link::new(alert));
        let cause = cause.as_str();
        let mut session = PairSession {
            link,
            revision,
            stored,
            policy,
            batcher,
            cause,
            actions: Vec::new(),
            journal: Vec::new(),
        };
        self.refresh_group(&mut session).await?;
        Ok(session)
    }

    /// Plans and carries out until nothing is missing.
    async fn converge(
        &self,
        mut session: PairSession<'_>,
        actions: &mut Vec<&'static str>,
    ) -> Result<Outcome, ReconcileError> {
        let outcome = self.plan_and_run(&mut session).await;
        actions.append(&mut session.actions);
        // Whatever happened, what was learnt is kept; a conflict here means to start over.
        self.save(&mut session).await?;
        outcome
    }

    /// Plans and carries out; what is learnt stays in `session`.
    async fn plan_and_run(&self, session: &mut PairSession<'_>) -> Result<Outcome, ReconcileError> {
        for _ in 0..PLANS_MAX {
            session.release_if_mapped();
            let (alert, ticket) = (
                session.link.observed_alert.clone(),
                session.link.observed_ticket.clone(),
            );
            let now = self.clock.now();
            let steps = plan(
                &session.link,
                alert.as_ref(),
                ticket.as_ref(),
                session.policy,
                now,
            );
            if steps.is_empty() {
                session.record_if_alert_stayed_open(now);
                return Ok(Outcome::Done);
            }
            for step in steps {
                match self.execute(step, session).await? {
                    steps::Next::Continue => {}
                    steps::Next::Replan => break,
                    steps::Next::Stop(outcome) => return Ok(outcome),
                }
            }
        }
        Err(ReconcileError::Unsettled)
    }

    /// Stores the pair with what is to be told of it, if there is anything new.
    async fn save(&self, session: &mut PairSession<'_>) -> Result<(), ReconcileError> {
        if session.stored.as_ref() != Some(&session.link) || !session.journal.is_empty() {
            let (link, journal) = (&session.link, &session.journal);
            session.revision = self.store.save(link, journal, session.revision).await?;
            session.stored = Some(session.link.clone());
            session.journal.clear();
        }
        Ok(())
    }
}

impl PairSession<'_> {
    /// Notes what was done, for the outcome and for the story.
    fn record(&mut self, at: Timestamp, what: &'static str, detail: Option<String>) {
        self.actions.push(what);
        self.journal.push(JournalEntry {
            at,
            alert: Some(self.link.alert),
            ticket: self.link.ticket,
            event: what.to_owned(),
            cause: self.cause.to_owned(),
            detail,
        });
    }

    /// Shows a difference that stays: Liongard has looked again, and still finds the condition.
    fn record_if_alert_stayed_open(&mut self, now: Timestamp) {
        let looked_again = self.cause == RUN_ENDED && self.actions.is_empty();
        if looked_again
            && pair_status(&self.link, self.policy, now) == PairStatus::ResolvedInPsaOnly
        {
            let detail = "resolved in PSA, still open in Liongard".to_owned();
            self.record(now, "resolved_in_psa_only", Some(detail));
        }
    }

    /// Whether the ticket was read after a webhook asked for it: a storm of them about one ticket
    /// costs one read, not one each.
    fn was_read_since(&self, asked_at: Timestamp, cause: &Cause) -> bool {
        let seen = self.link.observed_ticket.as_ref();
        matches!(cause, Cause::Webhook { .. })
            && seen.is_some_and(|seen| seen.observed_at > asked_at)
    }

    /// A parked alert is released as soon as the policy has a place for it.
    fn release_if_mapped(&mut self) {
        let mapped = self
            .link
            .observed_alert
            .as_ref()
            .is_some_and(|alert| self.policy.choose(alert).is_ok());
        if mapped {
            self.link.parked = None;
        }
    }
}

/// Whether an error leaves open what happened to a write.
fn in_doubt(error: &PortError) -> bool {
    error.class == FailureClass::InDoubt
}
