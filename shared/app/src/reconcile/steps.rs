//! Executing one step of a plan.

mod batched;
mod claims;
mod co_owners;
mod grouping;
mod missing;
mod opening;
mod writing;

use std::time::Duration;

use halogard_domain::ids::TicketId;
use halogard_domain::link::{Base, PendingInspection, TerminalReason, WRITE_AGE_MAX};
use halogard_domain::message::Message;
use halogard_domain::plan::Step;
use halogard_domain::policy::ClosedBy;
use halogard_domain::runs::{RunTarget, Runs};
use halogard_domain::ticket::{ACTIVITY_TTL, HumanActivity, TicketNotes};
use halogard_domain::work::WorkSign;
use halogard_domain::write_result::WriteResult;
use halogard_domain::{FailureClass, Timestamp};
use tracing::{debug, warn};

use super::{PairOutcome, PairSession, ReconcileError};
use crate::env::Env;
use crate::outcome::Action;
use crate::ports::prelude::*;
use crate::ports::{ErrorCode, Lane, PortError, Refusal};
use crate::reconcile::write_batcher::SweepForChanges;
use crate::reconciler::Reconciler;

/// What follows a step.
pub(in crate::reconcile) enum Next {
    /// The next step of the same plan.
    Continue,
    /// The step observed something new: plan again.
    Replan,
    /// Nothing more can be done now.
    Stop(PairOutcome),
}

impl<E: Env> Reconciler<E> {
    /// Executes `step`; `session` takes in what it changes.
    pub(super) async fn execute(
        &self,
        step: Step,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let now = self.clock.now();
        match step {
            Step::AssignGroup => self.resolve_membership(session).await,
            Step::FindByKey => self.find(session).await,
            Step::Open(draft) => self.open(*draft, session).await,
            Step::RefreshTicket => self.refresh_ticket(session).await,
            Step::CheckActivity => self.check_activity(session).await,
            Step::RecordWork(WorkSign::Priority) if !session.has_read_alert => {
                // A process that stopped after it had written the alert's new priority leaves the same state.
                session.has_read_alert = true;
                if let Some(alert) = self.liongard.read(session.link.alert).await? {
                    session.link.observe_current_alert(alert);
                }
                Ok(Next::Replan)
            }
            Step::RecordWork(sign) => {
                session.link.work = Some(sign);
                session.record(now, Action::WorkSeen, Some(sign.to_string()));
                Ok(Next::Replan)
            }
            Step::RecordNotCarriedOut => self.record_not_carried_out(session).await,
            Step::FindCloser => self.find_closer(session).await,
            Step::SetFields(change) => self.set_fields(&change, session).await,
            Step::AddNote(html) => self.add_note(&html, session).await,
            Step::AddSummaryNote(html) => {
                let summary = session.link.leader_state().map(|lead| &lead.summary);
                let reported = summary.map(|summary| (summary.joined, summary.open));
                let next = self.add_note(&html, session).await?;
                if let (Next::Continue, Some((joined, open))) = (&next, reported) {
                    let at = self.clock.now();
                    session.apply(WriteResult::SummaryReported { joined, open, at });
                }
                Ok(next)
            }
            Step::CloseGroup => self.close_group(session).await,
            Step::Close(change) => {
                // Another alert may have joined a moment ago: its link names the ticket, ours does
                // not know it yet.
                let known = session.link.co_owners.clone();
                self.refresh_co_owners(session).await?;
                if session.link.co_owners == known {
                    self.close(change, session).await
                } else {
                    Ok(Next::Replan)
                }
            }
            Step::Reopen(change, html) => self.reopen(&change, &html, session).await,
            Step::RequestInspections(targets) => self.request_runs(&targets, session).await,
            Step::Wait(until) => Ok(Next::Stop(PairOutcome::Waiting(until))),
            Step::Adopt(ticket) => self.adopt_native(ticket, session).await,
            Step::FollowMerge(into) => {
                session.link.follow_merge(into);
                self.refresh_co_owners(session).await?;
                session.record(now, Action::MergeFollowed, None);
                Ok(Next::Replan)
            }
            Step::ReadTicket => {
                let is_first = session.link.observed_ticket.is_none();
                if let Some(ticket) = session.link.ticket {
                    self.read_ticket(session, ticket).await?;
                }
                if is_first {
                    session.record_if_of_another_client(now);
                }
                Ok(Next::Replan)
            }
            Step::Resume => {
                session.link.terminal_reason = None;
                session.record(now, Action::TicketRestored, None);
                Ok(Next::Replan)
            }
            Step::BeginNextTicket => {
                session.link.begin_next_ticket();
                session.record(now, Action::NextTicketStarted, None);
                Ok(Next::Replan)
            }
            Step::Park(reason) => {
                session.link.parked = Some(reason);
                session.record(now, Action::Parked, Some(reason.as_str().to_owned()));
                Ok(Next::Continue)
            }
            Step::SetBase(base) => {
                session.set_base(base);
                Ok(Next::Continue)
            }
            Step::Finish(reason) => {
                session.link.terminal_reason = Some(reason);
                session.link.parked = None;
                session.link.membership = None;
                session.link.missing = None;
                let action = match reason {
                    TerminalReason::NotNeeded => Action::NotNeeded,
                    TerminalReason::TicketDeleted | TerminalReason::TicketDeletedAlertClosed => {
                        Action::TicketDeleted
                    }
                };
                session.record(now, action, None);
                Ok(Next::Continue)
            }
        }
    }

    /// Makes sure that the ticket is known as it is now. A sweep that did not list it as changed saves the
    /// read: one request for all tickets of the batch.
    async fn refresh_ticket(&self, session: &mut PairSession<'_>) -> Result<Next, ReconcileError> {
        let Some(ticket) = session.link.ticket else {
            return Ok(Next::Replan);
        };
        match self.unchanged_until(session, WRITE_AGE_MAX).await? {
            Some(at) => session.link.ticket_as_of = Some(at),
            None => {
                self.read_ticket(session, ticket).await?;
            }
        }
        Ok(Next::Replan)
    }

    /// Finds out whether a person has worked on the ticket. If none had at an earlier time, a sweep says
    /// whether the ticket has changed since: one request for all tickets of the batch. Only what a sweep
    /// cannot say is read from the notes. The entry that opened the ticket does not count as a person's
    /// work.
    async fn check_activity(&self, session: &mut PairSession<'_>) -> Result<Next, ReconcileError> {
        let owned_by_person = session.is_owned_by_person();
        let seen = session.link.observed_ticket.as_ref();
        let Some((id, known)) = seen.map(|seen| (seen.id, seen.activity)) else {
            return Ok(Next::Replan);
        };
        let swept = match known {
            HumanActivity::None { .. } if !owned_by_person => {
                self.unchanged_until(session, ACTIVITY_TTL).await?
            }
            _ => None,
        };
        let activity = match swept {
            _ if owned_by_person => HumanActivity::Seen,
            Some(as_of) => {
                session.link.ticket_as_of = session.link.ticket_as_of.max(Some(as_of));
                HumanActivity::None { as_of }
            }
            None => {
                // Together, because each ages while the other is read.
                let time = session.plan_time(self.clock.now());
                if !session.link.is_ticket_current(time) {
                    self.refresh_ticket(session).await?;
                }
                let asked_at = self.clock.now();
                let Some(notes) = self.notes_of(id, session).await? else {
                    return Ok(Next::Replan);
                };
                if notes.show_a_person(&session.policy.machine_applications) {
                    HumanActivity::Seen
                } else {
                    HumanActivity::None { as_of: asked_at }
                }
            }
        };
        if let Some(seen) = &mut session.link.observed_ticket {
            seen.activity = activity;
        }
        Ok(Next::Replan)
    }

    /// The notes of the pair's ticket; `None` when HaloPSA does not have that ticket, which is then recorded.
    async fn notes_of(
        &self,
        id: TicketId,
        session: &mut PairSession<'_>,
    ) -> Result<Option<TicketNotes>, ReconcileError> {
        let error = match self.desk.notes(id).await {
            Ok(notes) => return Ok(Some(notes)),
            Err(error) => error,
        };
        if error.refusal == Some(Refusal::NotFound) && !self.read_ticket(session, id).await? {
            return Ok(None);
        }
        Err(error.into())
    }

    /// Finds out who closed the ticket in HaloPSA.
    async fn find_closer(&self, session: &mut PairSession<'_>) -> Result<Next, ReconcileError> {
        let Some(id) = session.link.ticket else {
            return Ok(Next::Replan);
        };
        let Some(notes) = self.notes_of(id, session).await? else {
            return Ok(Next::Replan);
        };
        let alert = session.link.observed_alert.as_ref();
        let template = alert.and_then(|alert| session.policy.choose(alert).ok());
        let closer = template.map_or(ClosedBy::Technician, |(_, template)| {
            notes.closer(&template.statuses, &session.policy.machine_applications)
        });
        let closure = session.link.base.as_mut();
        if let Some(closure) = closure.and_then(|base| base.ticket_closed.as_mut()) {
            closure.by = closer;
        }
        Ok(Next::Replan)
    }

    /// When a sweep began that did not list the ticket as changed, within the last `age` or since the plan asked
    /// for it; `None` where no sweep says so.
    async fn unchanged_until(
        &self,
        session: &PairSession<'_>,
        age: Duration,
    ) -> Result<Option<Timestamp>, ReconcileError> {
        if session.link.ticket_as_of.is_none() {
            return Ok(None);
        }
        let mut swept_at = self.last_full_sweep().await?;
        let is_fresh = |at: &Timestamp| session.plan_time(self.clock.now()).is_fresh(*at, age);
        if swept_at.is_some() && swept_at.filter(is_fresh).is_none() {
            match self.submit(SweepForChanges, session.batcher).await {
                Ok(()) => swept_at = self.last_full_sweep().await?,
                // Without a permit for the list there is none for the ticket.
                Err(error) if error.retry_at.is_some() => return Err(error.into()),
                Err(error) => {
                    debug!(%error, "sweep before writes failed; each ticket is read instead")
                }
            }
        }
        let Some(swept_at) = swept_at.filter(is_fresh) else {
            return Ok(None);
        };
        // A sweep that found the ticket changed has said so in the stored link.
        let stored = self.store.load(session.link.alert).await?;
        if stored.is_some_and(|stored| stored.revision != session.revision) {
            return Err(ReconcileError::Conflict);
        }
        Ok(Some(swept_at))
    }

    /// Sweeps for `count` tickets that are to be written, unless that was done a moment ago, and less than `age`.
    pub(super) async fn sweep_for_writes(
        &self,
        age: Duration,
        count: usize,
    ) -> Result<(), PortError> {
        let age = age.min(WRITE_AGE_MAX / 2);
        match self.sweep_if_older_than(age, count).await {
            Ok(_) => Ok(()),
            Err(ReconcileError::Port(error)) => Err(error),
            Err(ReconcileError::Conflict | ReconcileError::Unsettled) => Err(PortError::new(
                FailureClass::Transient,
                ErrorCode::PairContended,
            )),
        }
    }

    /// Requests inspector runs, and enqueues the messages that advance them.
    async fn request_runs(
        &self,
        targets: &[RunTarget],
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let now = self.clock.now();
        for target in targets {
            self.request_run(*target, session).await?;
        }
        let requested = u32::try_from(targets.len()).unwrap_or(u32::MAX);
        session.link.pending_inspection = Some(PendingInspection {
            requested_at: now,
            requested,
            completed: 0,
        });
        session.link.inspection_requested_at = Some(now);
        session.record(now, Action::InspectionRequested, None);
        Ok(Next::Continue)
    }

    /// Requests a run of one target. Requesting it again changes nothing.
    async fn request_run(
        &self,
        target: RunTarget,
        session: &PairSession<'_>,
    ) -> Result<(), ReconcileError> {
        let is_watched = self
            .store
            .update_record(&target, |runs: &mut Runs| {
                runs.request(session.link.alert);
                runs.is_watched(self.clock.now())
            })
            .await?;
        if is_watched {
            return Ok(());
        }
        let advance = Message::advance_run(target).into();
        Ok(self.store.send(Lane::Runs, &[advance]).await?)
    }
}

impl PairSession<'_> {
    /// Whether the ticket is neither ours nor Liongard's own: a person opened it and ours was merged into
    /// it, or a person rewrote its title. A report without a title does not decide this.
    fn is_owned_by_person(&self) -> bool {
        let native = self
            .link
            .observed_alert
            .as_ref()
            .and_then(|alert| alert.native_ticket);
        self.link.observed_ticket.as_ref().is_some_and(|seen| {
            let ours = self.link.wrote_title(&seen.summary, self.policy);
            !seen.summary.is_empty() && !ours && native != Some(seen.id)
        })
    }

    /// Records the finding that people merged the ticket into one of another customer.
    fn record_if_of_another_client(&mut self, now: Timestamp) {
        let alert = self.link.observed_alert.as_ref();
        let mapped = alert.and_then(|alert| self.policy.choose(alert).ok());
        let (Some((mapping, _)), Some(seen)) = (mapped, &self.link.observed_ticket) else {
            return;
        };
        let (client, theirs) = (mapping.client, seen.client);
        if self.link.merged_tickets.is_empty() || client == theirs {
            return;
        }
        warn!(
            alert_id = self.link.alert.get(),
            ticket_id = seen.id.get(),
            client_id = theirs.get(),
            "the ticket was merged into one of another client; nothing is written to it"
        );
        let detail = format!("it is a ticket of client {theirs}, the alert is of client {client}");
        self.record(now, Action::MergedAcrossClients, Some(detail));
    }

    /// Sets the base: what both sides now agree on.
    fn set_base(&mut self, base: Base) {
        let agreed = WriteResult::Agreed {
            before: self.link.base.clone(),
            after: base,
        };
        if self.results.is_empty() {
            // Nothing was written: after a conflict the plan is made again.
            self.link.apply(&agreed);
        } else {
            self.apply(agreed);
        }
    }

    /// Takes in what a write led to, for this link and, if another worker saves first, for the newest.
    fn apply(&mut self, result: WriteResult) {
        self.link.apply(&result);
        self.results.push(result);
    }
}
