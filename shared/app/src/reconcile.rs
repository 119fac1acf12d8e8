//! Reconciling one pair: load it, plan, execute the plan, save.

mod adoption;
mod report;
mod rivals;
mod session;
mod steps;
pub(crate) mod write_batcher;

use std::collections::{BTreeMap, BTreeSet};

use halogard_domain::adoption::StoreHistory;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::link::Claim;
use halogard_domain::message::Cause;
use halogard_domain::start::Arrival;
use halogard_domain::{Alert, FailureClass, Policy, Ticket, Timestamp, plan};

pub(crate) use self::adoption::{Adoption, Reporting};
pub use self::report::ReconcileError;
pub(crate) use self::report::{PairOutcome, Report};
pub(crate) use self::rivals::RivalChecks;
use self::session::PairSession;
use self::write_batcher::WriteBatcher;
use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{PortError, QueuedState};
use crate::reconciler::Reconciler;

/// How often a read-modify-write is repeated because another worker wrote the record meanwhile.
pub(crate) const CONFLICTS_MAX: usize = 5;

/// How often one reconciliation plans. The longest sequence is: find, open, set the base, request
/// an inspection.
const PLANS_MAX: usize = 8;

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
        let now = self.clock.now();
        // What was seen under a clock that was ahead proves nothing: it is read anew.
        let is_possible = |seen: &&Alert| seen.observed_at.believed_at(now) == seen.observed_at;
        let is_ordered = |seen: &&Alert| {
            let known = link.observed_alert.as_ref();
            !known.is_some_and(|known| known.is_contradicted_by(seen))
        };
        let believed = snapshot.filter(is_possible).filter(is_ordered);
        if let Some(snapshot) = believed {
            link.observe_alert(snapshot.clone());
        } else if link.observed_alert.is_none()
            || snapshot.is_some()
            || matches!(
                cause,
                Cause::RunEnded { .. } | Cause::Operator | Cause::TicketRequested
            )
        {
            match self.liongard.read(alert).await? {
                Some(alert) => {
                    // A poll compares with what it knows. It would take an alert that returns from this
                    // state to the one before for one that never changed.
                    let read = QueuedState::new(alert.fingerprint(), self.clock.now());
                    self.store
                        .save_index(&BTreeMap::from([(alert.id, read)]))
                        .await?;
                    link.observe_current_alert(alert);
                }
                None => match snapshot {
                    Some(snapshot) => link.observe_alert(snapshot.clone()),
                    None if link.observed_alert.is_none() => return Ok(None),
                    // An alert that is no longer listed is not closed.
                    None => {}
                },
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
        if matches!(cause, Cause::Operator | Cause::TicketRequested) {
            link.refused.clear();
            link.unrecognised = 0;
        }
        if *cause == Cause::TicketRequested {
            link.arrival = Some(Arrival::TicketRequested);
        }
        if let (Cause::RunEnded { .. }, Some(inspection)) = (cause, &mut link.pending_inspection) {
            inspection.completed = inspection.requested.min(inspection.completed + 1);
            let ended = *inspection;
            session.record_inspection_end(ended, cause, now);
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
        let now = self.clock.now();
        let is_possible = |seen: &&Ticket| seen.observed_at.believed_at(now) == seen.observed_at;
        let mut news = TicketNews {
            ticket,
            // What was seen under a clock that was ahead proves nothing: it is read anew.
            snapshot: snapshot.filter(is_possible).cloned(),
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
        if news.owners.len() > 1 || session.link.co_owners.is_some() {
            self.share_with(news.owners, &mut session).await?;
        }
        let report = news.snapshot.as_ref();
        // A row without a time of change may be older than what is known.
        let can_be_ordered = |it: &&Ticket| it.is_dated && !session.link.is_in_doubt(it);
        match report.filter(|it| news.is_current || can_be_ordered(it)) {
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
            pair: None,
        }
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
                // A conflict means starting over, whatever the result of the plan.
                (saved, outcome) => saved.and(outcome),
            },
            pair: Some((session.link.alert, session.link.ticket)),
            actions: session.actions,
        }
    }

    /// Plans and executes; `session` takes in what is observed.
    async fn plan_and_run(
        &self,
        session: &mut PairSession<'_>,
    ) -> Result<PairOutcome, ReconcileError> {
        if session.link.lacks_arrival(session.policy) {
            session.link.arrival = self.arrival_of(&session.link).await?;
        }
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
                session.plan_time(now),
            );
            session.asked_at = now;
            if steps.is_empty() {
                session.record_if_alert_stayed_open(now);
                session.link.drop_lapsed_refusals(session.policy, now);
                session.link.unsettled_since = None;
                return Ok(session.refusal.take().unwrap_or(PairOutcome::InSync));
            }
            if let Some(until) = self.pair_paused_until(&session.link).await? {
                return Ok(PairOutcome::Paused(until));
            }
            for step in steps {
                match self.execute(step, session).await? {
                    steps::Next::Continue => {}
                    steps::Next::Replan => break,
                    steps::Next::Stop(outcome) => return Ok(outcome),
                }
            }
        }
        session.note_unsettled(self.clock.now());
        Err(ReconcileError::Unsettled)
    }
}

/// Whether an error leaves open whether a write took effect.
fn in_doubt(error: &PortError) -> bool {
    error.class == FailureClass::InDoubt
}
