//! A pair under reconciliation: loading it, recording what is done to it, saving it.

use halogard_domain::ids::AlertId;
use halogard_domain::key::InstallationId;
use halogard_domain::link::PendingInspection;
use halogard_domain::message::Cause;
use halogard_domain::pair_status::{PairStatus, pair_status};
use halogard_domain::time::PlanTime;
use halogard_domain::write_result::WriteResult;
use halogard_domain::{Link, Policy, Ticket, Timestamp};

use super::write_batcher::WriteBatcher;
use super::{PairOutcome, ReconcileError};
use crate::env::Env;
use crate::outcome::{Action, INSPECTION_ENDED};
use crate::ports::prelude::*;
use crate::ports::{JournalEntry, Revision, SaveError};
use crate::reconciler::Reconciler;

/// How often saving the result of a write is repeated because another worker wrote the link meanwhile.
/// Nothing else knows the result.
const RESULT_SAVES_MAX: usize = 20;

/// The cause of a reconciliation that follows an inspector run.
const RUN_ENDED: &str = Cause::RunEnded { succeeded: true }.as_str();

/// A pair under reconciliation.
pub(super) struct PairSession<'a> {
    pub(super) link: Link,
    pub(super) revision: Revision,
    /// The link as it is stored, so that only changes are saved.
    pub(super) stored: Option<Link>,
    pub(super) policy: &'a Policy,
    /// Collects the writes of all reconciliations of the same queue batch.
    pub(super) batcher: &'a WriteBatcher,
    pub(super) cause: &'static str,
    pub(super) actions: Vec<Action>,
    /// A write was refused; the other steps are carried out all the same.
    pub(super) refusal: Option<PairOutcome>,
    /// When the newest plan was made; before the first one, when this reconciliation began.
    pub(super) asked_at: Timestamp,
    /// Whether the alert was read from Liongard in this reconciliation.
    pub(super) has_read_alert: bool,
    /// The text of the entry that opened the ticket which may be the pair's, once that was read.
    pub(super) opening_entry: Option<String>,
    /// The other installation that opened a ticket which carries the key of the pair, once that was found out.
    pub(super) seen_rival: Option<InstallationId>,
    /// Journal entries that are not saved yet.
    pub(super) journal: Vec<JournalEntry>,
    /// What writes to HaloPSA led to that is not saved yet.
    pub(super) results: Vec<WriteResult>,
}

impl<E: Env> Reconciler<E> {
    /// Loads the pair of `alert`.
    pub(super) async fn load_session<'a>(
        &self,
        alert: AlertId,
        policy: &'a Policy,
        batcher: &'a WriteBatcher,
        cause: &Cause,
    ) -> Result<PairSession<'a>, ReconcileError> {
        let asked_at = self.clock.now();
        let stored = self.store.load(alert).await?;
        let revision = stored
            .as_ref()
            .map_or(Revision::default(), |stored| stored.revision);
        let stored = stored.map(|stored| stored.value);
        let mut link = stored.clone().unwrap_or_else(|| Link::new(alert));
        link.correct_times(asked_at);
        let mut session = PairSession {
            link,
            revision,
            stored,
            policy,
            batcher,
            cause: cause.as_str(),
            actions: Vec::new(),
            refusal: None,
            asked_at,
            has_read_alert: false,
            opening_entry: None,
            seen_rival: None,
            journal: Vec::new(),
            results: Vec::new(),
        };
        self.refresh_group(&mut session).await?;
        if session.link.co_owners.is_some() || *cause == Cause::SharedTicket {
            self.refresh_co_owners(&mut session).await?;
        }
        Ok(session)
    }

    /// Saves the link and its new journal entries, if there is anything new. If another worker saved
    /// first, saves what writes to HaloPSA led to in the newest link, and reports the conflict: only the
    /// plan has to be made again.
    pub(super) async fn save(&self, session: &mut PairSession<'_>) -> Result<(), ReconcileError> {
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

    /// Saves what writes to HaloPSA led to in the newest link, and what was reported of both sides: a message whose
    /// write was refused is not processed again, and nothing else may bring the report.
    async fn save_results(&self, session: &mut PairSession<'_>) -> Result<(), ReconcileError> {
        for _ in 0..RESULT_SAVES_MAX {
            let Some(mut stored) = self.store.load(session.link.alert).await? else {
                break;
            };
            let newest = &mut stored.value;
            newest.correct_times(self.clock.now());
            if let Some(alert) = &session.link.observed_alert {
                newest.observe_alert(alert.clone());
            }
            if let Some(ticket) = session.reported_ticket() {
                newest.observe_ticket(ticket.clone());
            }
            for result in &session.results {
                newest.apply(result);
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
    /// The time of a plan that is made at `now`, or of a read for it.
    pub(super) const fn plan_time(&self, now: Timestamp) -> PlanTime {
        PlanTime {
            now,
            asked_at: self.asked_at,
        }
    }

    /// Records an action for the report and for the journal.
    pub(super) fn record(&mut self, at: Timestamp, action: Action, detail: Option<String>) {
        self.actions.push(action);
        self.note(at, action.as_str(), detail);
    }

    /// Adds an entry to the journal.
    fn note(&mut self, at: Timestamp, event: &str, detail: Option<String>) {
        self.journal.push(JournalEntry {
            at,
            alert: Some(self.link.alert),
            ticket: self.link.ticket,
            event: event.to_owned(),
            cause: self.cause.to_owned(),
            detail,
        });
    }

    /// Notes that the plan finds steps missing however often they are carried out.
    pub(super) fn note_unsettled(&mut self, now: Timestamp) {
        if self.link.unsettled_since.is_none() {
            self.link.unsettled_since = Some(now);
            self.record(now, Action::Unsettled, None);
        }
    }

    /// Records that one of the inspections has ended that the pair waits for.
    pub(super) fn record_inspection_end(
        &mut self,
        inspection: PendingInspection,
        cause: &Cause,
        now: Timestamp,
    ) {
        let how = match cause {
            Cause::RunEnded { succeeded: true } => "it succeeded",
            _ => "it failed or was not started",
        };
        let PendingInspection {
            requested,
            completed,
            ..
        } = inspection;
        // No action: Halogard did nothing to the pair.
        self.note(
            now,
            INSPECTION_ENDED,
            Some(format!("{completed} of {requested}, {how}")),
        );
    }

    /// Records a difference that stays: the inspector ran again and still finds the condition.
    pub(super) fn record_if_alert_stayed_open(&mut self, now: Timestamp) {
        let run_changed_nothing = self.cause == RUN_ENDED && self.actions.is_empty();
        if run_changed_nothing
            && pair_status(&self.link, self.policy, now) == PairStatus::ResolvedInPsaOnly
        {
            let detail = "resolved in PSA, still open in Liongard".to_owned();
            self.record(now, Action::ConditionPersists, Some(detail));
        }
    }

    /// The ticket as it was last reported. The answer to a change is no report: it shows what was asked for,
    /// whether that was carried out or not, and the result of the change brings it.
    fn reported_ticket(&self) -> Option<&Ticket> {
        let seen = self.link.observed_ticket.as_ref()?;
        let of = |it: &Ticket| (it.observed_at, it.changed_at, it.status, it.priority);
        let is_answer = |result: &WriteResult| match result {
            WriteResult::Changed { ticket, .. } => of(ticket) == of(seen),
            _ => false,
        };
        (!self.results.iter().any(is_answer)).then_some(seen)
    }

    /// Whether the ticket is known as it was after a webhook requested it: many webhooks for one ticket
    /// then cost one read.
    pub(super) fn was_read_since(&self, requested_at: Timestamp, cause: &Cause) -> bool {
        let as_of = self.link.ticket_as_of;
        matches!(cause, Cause::Webhook { .. }) && as_of.is_some_and(|as_of| as_of > requested_at)
    }

    /// Releases a parked alert as soon as the policy gives it a ticket.
    pub(super) fn release_if_mapped(&mut self) {
        let alert = self.link.observed_alert.as_ref();
        let gets_ticket = alert.is_some_and(|alert| {
            let reason = self.link.reason_for_no_ticket(alert, self.policy);
            reason.is_none()
        });
        if gets_ticket {
            self.link.parked = None;
        }
    }
}
