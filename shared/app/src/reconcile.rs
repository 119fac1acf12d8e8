//! Reconciling one pair: load it, plan, execute the plan, save.

mod adoption;
mod rivals;
mod steps;
pub(crate) mod write_batcher;

use std::collections::BTreeSet;

use halogard_domain::adoption::StoreHistory;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::link::Claim;
use halogard_domain::message::Cause;
use halogard_domain::pair_status::{PairStatus, pair_status};
use halogard_domain::write_result::WriteResult;
use halogard_domain::{Alert, FailureClass, Link, Policy, Ticket, Timestamp, plan};

pub(crate) use self::adoption::{Adoption, Reporting};
pub(crate) use self::rivals::RivalChecks;
use self::write_batcher::WriteBatcher;
use crate::env::Env;
use crate::outcome::Action;
use crate::ports::prelude::*;
use crate::ports::{ErrorCode, JournalEntry, PortError, Revision, SaveError};
use crate::reconciler::Reconciler;

/// What one reconciliation did, however it ended.
pub(crate) struct Report {
    /// How it ended.
    pub(crate) outcome: Result<PairOutcome, ReconcileError>,
    /// What it did, in order; not empty for some reconciliations that failed.
    pub(crate) actions: Vec<Action>,
}

impl From<Result<PairOutcome, ReconcileError>> for Report {
    /// A reconciliation that did nothing.
    fn from(outcome: Result<PairOutcome, ReconcileError>) -> Self {
        Self {
            outcome,
            actions: Vec::new(),
        }
    }
}

impl Report {
    /// No attempt has succeeded yet.
    const fn conflict() -> Self {
        Self {
            outcome: Err(ReconcileError::Conflict),
            actions: Vec::new(),
        }
    }

    /// Whether another worker's write got in the way.
    const fn is_conflict(&self) -> bool {
        matches!(self.outcome, Err(ReconcileError::Conflict))
    }

    /// What two pairs of one ticket came to: of both outcomes the one that needs more of the message.
    fn and(mut self, other: Self) -> Self {
        self.actions.extend(other.actions);
        let outcome = match (self.outcome, other.outcome) {
            (Err(error), _) | (_, Err(error)) => Err(error),
            (Ok(one), Ok(other)) => Ok(one.and(other)),
        };
        Self {
            outcome,
            actions: self.actions,
        }
    }

    /// The outcome of `next`, and what both attempts did.
    fn followed_by(mut self, next: Self) -> Self {
        self.actions.extend(next.actions);
        Self {
            outcome: next.outcome,
            actions: self.actions,
        }
    }
}

/// How a reconciliation ended that did not fail.
#[derive(Debug)]
pub(crate) enum PairOutcome {
    /// The pair is in sync.
    InSync,
    /// The pair has to wait until this time; not a failure.
    Waiting(Timestamp),
    /// HaloPSA refused a write for good; why, in its own words.
    Refused(String),
    /// HaloPSA refused a write again, for the same reason as before.
    RefusedAgain,
    /// It concerns no pair of ours.
    NotOurs,
}

impl PairOutcome {
    /// Of the outcomes of two pairs the one that needs more of the message.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Waiting(one), Self::Waiting(other)) => Self::Waiting(one.min(other)),
            (waiting @ Self::Waiting(_), _) | (_, waiting @ Self::Waiting(_)) => waiting,
            (refused @ Self::Refused(_), _) | (_, refused @ Self::Refused(_)) => refused,
            (Self::RefusedAgain, _) | (_, Self::RefusedAgain) => Self::RefusedAgain,
            (Self::InSync, _) | (_, Self::InSync) => Self::InSync,
            (Self::NotOurs, Self::NotOurs) => Self::NotOurs,
        }
    }
}

/// Why a reconciliation failed. Repeating it later loses nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// A port failed; its class says what may follow.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Another worker kept writing the same record.
    #[error("another worker kept writing this record")]
    Conflict,
    /// After executing the plan several times, planning still finds something to do.
    #[error("the plan for this pair does not converge")]
    Unsettled,
}

impl ReconcileError {
    /// What went wrong, as a stable word.
    pub(crate) const fn code(&self) -> ErrorCode {
        match self {
            Self::Port(error) => error.code,
            Self::Conflict | Self::Unsettled => ErrorCode::SweepContended,
        }
    }
}

impl From<SaveError> for ReconcileError {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Conflict => Self::Conflict,
            SaveError::Store(error) => Self::Port(error),
        }
    }
}

/// How often a read-modify-write is repeated because another worker wrote the record meanwhile.
pub(crate) const CONFLICTS_MAX: usize = 5;

/// How often saving the result of a write is repeated for the same reason. Nothing else knows it.
const RESULT_SAVES_MAX: usize = 20;

/// How often one reconciliation plans. The longest sequence is: find, open, set the base, request
/// an inspection.
const PLANS_MAX: usize = 8;

/// The cause of a reconciliation that follows an inspector run.
const RUN_ENDED: &str = Cause::RunEnded { succeeded: true }.as_str();

/// What is reported of a ticket, for all its alerts.
struct TicketNews<'a> {
    ticket: TicketId,
    /// Its state, once it is known.
    snapshot: Option<Ticket>,
    /// Whether the snapshot was read just now.
    is_current: bool,
    requested_at: Timestamp,
    owners: &'a BTreeSet<AlertId>,
}

/// A pair under reconciliation.
struct PairSession<'a> {
    link: Link,
    revision: Revision,
    /// The link as it is stored, so that only changes are saved.
    stored: Option<Link>,
    policy: &'a Policy,
    /// Collects the writes of all reconciliations of the same queue batch.
    batcher: &'a WriteBatcher,
    cause: &'static str,
    actions: Vec<Action>,
    /// A write was refused; the other steps are carried out all the same.
    refusal: Option<PairOutcome>,
    /// Journal entries that are not saved yet.
    journal: Vec<JournalEntry>,
    /// What writes to HaloPSA led to that is not saved yet.
    results: Vec<WriteResult>,
}

impl<E: Env> Reconciler<E> {
    /// Reconciles an alert with its ticket. Safe to repeat.
    pub(crate) async fn reconcile_alert(
        &self,
        alert: AlertId,
        snapshot: Option<&Alert>,
        cause: &Cause,
        batcher: &WriteBatcher,
    ) -> Report {
        let mut report = Report::conflict();
        for _ in 0..CONFLICTS_MAX {
            let attempt = self.try_reconcile_alert(alert, snapshot, cause, batcher);
            report = report.followed_by(attempt.await);
            if !report.is_conflict() {
                break;
            }
        }
        report
    }

    /// Reconciles an alert once.
    async fn try_reconcile_alert(
        &self,
        alert: AlertId,
        snapshot: Option<&Alert>,
        cause: &Cause,
        batcher: &WriteBatcher,
    ) -> Report {
        let policy = self.policy();
        let session = self.observe_alert(alert, snapshot, cause, &policy, batcher);
        match session.await {
            Ok(Some(session)) => self.converge(session).await,
            Ok(None) => Ok(PairOutcome::NotOurs).into(),
            Err(error) => Err(error).into(),
        }
    }

    /// Loads the pair of `alert` and merges the alert's newest state into it; `None` when Liongard does
    /// not know the alert, or it is closed and its link may have expired. The ticket of an open one whose
    /// link may have expired is searched for.
    async fn observe_alert<'a>(
        &self,
        alert: AlertId,
        snapshot: Option<&Alert>,
        cause: &Cause,
        policy: &'a Policy,
        batcher: &'a WriteBatcher,
    ) -> Result<Option<PairSession<'a>>, ReconcileError> {
        let mut session = self.load_session(alert, policy, batcher, cause).await?;
        let link = &mut session.link;
        if let Some(snapshot) = snapshot {
            link.observe_alert(snapshot.clone());
        } else if link.observed_alert.is_none() || matches!(cause, Cause::RunEnded { .. }) {
            match self.liongard.read(alert).await? {
                Some(alert) => link.observe_alert(alert),
                None if link.observed_alert.is_none() => return Ok(None),
                // An alert that is no longer listed is not closed.
                None => {}
            }
        }
        let seen = link.observed_alert.as_ref();
        if session.stored.is_none()
            && let Some(seen) = seen
            && self.may_have_expired(seen, policy).await?
        {
            if seen.is_closed() {
                // There is nothing to do, and a link would hide that a search is needed once it is open.
                return Ok(None);
            }
            link.claim = Claim::in_doubt(seen.raised_at);
        }
        if *cause == Cause::Operator {
            link.refused.clear();
            link.unrecognised = 0;
        }
        if let (Cause::RunEnded { .. }, Some(inspection)) = (cause, &mut link.pending_inspection) {
            inspection.completed = inspection.requested.min(inspection.completed + 1);
        }
        Ok(Some(session))
    }

    /// Reconciles a ticket with its alert. `requested_at` is when the request was queued. Safe to repeat.
    pub(crate) async fn reconcile_ticket(
        &self,
        ticket: TicketId,
        snapshot: Option<&Ticket>,
        cause: &Cause,
        requested_at: Timestamp,
        batcher: &WriteBatcher,
    ) -> Report {
        let mut report = Report::conflict();
        for _ in 0..CONFLICTS_MAX {
            let attempt = self.try_reconcile_ticket(ticket, snapshot, cause, requested_at, batcher);
            report = report.followed_by(attempt.await);
            if !report.is_conflict() {
                break;
            }
        }
        report
    }

    /// Reconciles a ticket once.
    async fn try_reconcile_ticket(
        &self,
        ticket: TicketId,
        snapshot: Option<&Ticket>,
        cause: &Cause,
        requested_at: Timestamp,
        batcher: &WriteBatcher,
    ) -> Report {
        let policy = self.policy();
        let owners = match self.store.owners(ticket).await {
            Ok(owners) => owners,
            Err(error) => return Err(error.into()).into(),
        };
        if owners.is_empty() {
            return self.adopt_snapshot(ticket, snapshot, cause, &policy).await;
        }
        let mut news = TicketNews {
            ticket,
            snapshot: snapshot.cloned(),
            is_current: false,
            requested_at,
            owners: &owners,
        };
        // One alert that cannot be reconciled keeps no other from it.
        let mut report = Report::from(Ok(PairOutcome::NotOurs));
        for alert in &owners {
            let session = match self.load_session(*alert, &policy, batcher, cause).await {
                Ok(session) => self.observe_news(&mut news, session, cause).await,
                Err(error) => Err(error),
            };
            report = report.and(match session {
                Ok(Some(session)) => self.converge(session).await,
                // An earlier ticket of a recurring alert: it is no longer kept in sync.
                Ok(None) => Ok(PairOutcome::NotOurs).into(),
                Err(error) => Err(error).into(),
            });
        }
        report
    }

    /// Merges what is reported of a ticket into the pair of one of its owners; `None` when the ticket is
    /// no longer that alert's.
    async fn observe_news<'a>(
        &self,
        news: &mut TicketNews<'_>,
        mut session: PairSession<'a>,
        cause: &Cause,
    ) -> Result<Option<PairSession<'a>>, ReconcileError> {
        if session.link.ticket != Some(news.ticket) {
            let undone = self.undo_merge(news.ticket, &mut session).await?;
            let reported = match &news.snapshot {
                Some(ticket) if !undone => self.report_beside(ticket, &mut session),
                _ => false,
            };
            return Ok((undone || reported).then_some(session));
        }
        if news.owners.len() > 1 || session.link.sharing.is_some() {
            self.share_with(news.owners, &mut session).await?;
        }
        let report = news.snapshot.as_ref();
        match report.filter(|it| news.is_current || !session.link.is_in_doubt(it)) {
            // A report may be older than the deletion. A deleted ticket is back when it can be read.
            Some(_) if session.link.is_ticket_deleted() => {
                self.read_ticket(&mut session, news.ticket).await?;
            }
            Some(current) if news.is_current => {
                session.link.observe_current_ticket(current.clone());
            }
            Some(snapshot) => session.link.observe_ticket(snapshot.clone()),
            None if session.was_read_since(news.requested_at, cause) => {}
            None => {
                if self.read_ticket(&mut session, news.ticket).await? {
                    // Read once for all its alerts.
                    news.snapshot = session.link.observed_ticket.clone();
                    news.is_current = true;
                }
            }
        }
        Ok(Some(session))
    }

    /// Handles a ticket that no pair names: the store, or the answer to the request that opened it, was lost;
    /// or it only claims to be ours.
    async fn adopt_snapshot(
        &self,
        id: TicketId,
        snapshot: Option<&Ticket>,
        cause: &Cause,
        policy: &Policy,
    ) -> Report {
        let Some(ticket) = snapshot.filter(|snapshot| snapshot.id == id) else {
            return Ok(PairOutcome::NotOurs).into();
        };
        let adoption = match self
            .adopt_by_title(ticket, StoreHistory::Known, policy, cause)
            .await
        {
            Ok(adoption) => adoption,
            Err(error) => return Err(error).into(),
        };
        let outcome = match adoption {
            Some(Adoption::Adopted(_)) => PairOutcome::InSync,
            _ => PairOutcome::NotOurs,
        };
        let action = adoption.and_then(Adoption::action);
        Report {
            outcome: Ok(outcome),
            actions: action.into_iter().collect(),
        }
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
        let mut session = PairSession {
            link: stored.clone().unwrap_or_else(|| Link::new(alert)),
            revision,
            stored,
            policy,
            batcher,
            cause: cause.as_str(),
            actions: Vec::new(),
            refusal: None,
            journal: Vec::new(),
            results: Vec::new(),
        };
        self.refresh_group(&mut session).await?;
        if session.link.sharing.is_some() || *cause == Cause::SharedTicket {
            self.refresh_sharing(&mut session).await?;
        }
        Ok(session)
    }

    /// Plans and executes until nothing is missing, then saves what was observed and done, also after a
    /// failure.
    async fn converge(&self, mut session: PairSession<'_>) -> Report {
        let former = match self.former_policy(&mut session.link, session.policy).await {
            Ok(former) => former,
            Err(error) => return Err(error.into()).into(),
        };
        let mut session = PairSession {
            policy: former.as_ref().unwrap_or(session.policy),
            ..session
        };
        let outcome = self.plan_and_run(&mut session).await;
        if session.link.ticket.is_some() && session.link.policy.is_none() && former.is_none() {
            session.link.policy = Some(self.policy_fingerprint());
        }
        let had_results = !session.results.is_empty();
        let saved = match self.enqueue_sharing(&session).await {
            Ok(()) => self.save(&mut session).await,
            Err(error) => Err(error.into()),
        };
        let were_merged = had_results && session.results.is_empty() && saved.is_err();
        Report {
            outcome: match (saved, outcome) {
                // HaloPSA's refusal, or its silence, is recorded and does not depend on the plan.
                (_, outcome @ (Ok(PairOutcome::Refused(_)) | Err(ReconcileError::Port(_))))
                    if were_merged =>
                {
                    outcome
                }
                // A conflict means starting over, whatever the plan came to.
                (saved, outcome) => saved.and(outcome),
            },
            actions: session.actions,
        }
    }

    /// Plans and executes; `session` takes in what is observed.
    async fn plan_and_run(
        &self,
        session: &mut PairSession<'_>,
    ) -> Result<PairOutcome, ReconcileError> {
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
                session.link.drop_lapsed_refusals(session.policy, now);
                return Ok(session.refusal.take().unwrap_or(PairOutcome::InSync));
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

    /// Saves the link and its new journal entries, if there is anything new. If another worker saved
    /// first, saves what writes to HaloPSA led to in the newest link, and reports the conflict: only the
    /// plan has to be made again.
    async fn save(&self, session: &mut PairSession<'_>) -> Result<(), ReconcileError> {
        if session.stored.as_ref() == Some(&session.link) && session.journal.is_empty() {
            return Ok(());
        }
        let (link, journal) = (&session.link, &session.journal);
        match self.store.save(link, journal, session.revision).await {
            Ok(revision) => {
                session.revision = revision;
                session.stored = Some(session.link.clone());
                session.journal.clear();
                session.results.clear();
                Ok(())
            }
            Err(SaveError::Conflict) if !session.results.is_empty() => {
                self.save_results(session).await?;
                Err(ReconcileError::Conflict)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Saves what writes to HaloPSA led to in the newest link.
    async fn save_results(&self, session: &mut PairSession<'_>) -> Result<(), ReconcileError> {
        for _ in 0..RESULT_SAVES_MAX {
            let Some(mut stored) = self.store.load(session.link.alert).await? else {
                break;
            };
            for result in &session.results {
                stored.value.apply(result);
            }
            let saved = self
                .store
                .save(&stored.value, &session.journal, stored.revision);
            match saved.await {
                Ok(_) => {
                    session.journal.clear();
                    session.results.clear();
                    return Ok(());
                }
                Err(SaveError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ReconcileError::Conflict)
    }
}

impl PairSession<'_> {
    /// Records an action for the report and for the journal.
    fn record(&mut self, at: Timestamp, action: Action, detail: Option<String>) {
        self.actions.push(action);
        self.journal.push(JournalEntry {
            at,
            alert: Some(self.link.alert),
            ticket: self.link.ticket,
            event: action.as_str().to_owned(),
            cause: self.cause.to_owned(),
            detail,
        });
    }

    /// Records a difference that stays: the inspector ran again and still finds the condition.
    fn record_if_alert_stayed_open(&mut self, now: Timestamp) {
        let run_changed_nothing = self.cause == RUN_ENDED && self.actions.is_empty();
        if run_changed_nothing
            && pair_status(&self.link, self.policy, now) == PairStatus::ResolvedInPsaOnly
        {
            let detail = "resolved in PSA, still open in Liongard".to_owned();
            self.record(now, Action::ResolvedInPsaOnly, Some(detail));
        }
    }

    /// Whether the ticket is known as it was after a webhook requested it: many webhooks for one ticket
    /// then cost one read.
    fn was_read_since(&self, requested_at: Timestamp, cause: &Cause) -> bool {
        let as_of = self.link.ticket_as_of;
        matches!(cause, Cause::Webhook { .. }) && as_of.is_some_and(|as_of| as_of > requested_at)
    }

    /// Releases a parked alert as soon as the policy has a client and a template for it.
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

/// Whether an error leaves open whether a write took effect.
fn in_doubt(error: &PortError) -> bool {
    error.class == FailureClass::InDoubt
}
