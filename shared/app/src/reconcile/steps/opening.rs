//! Opening the ticket: claim, look up an attempt in doubt, open once.

use halogard_domain::link::{CLAIM_TTL, Claim, OpeningSnapshot, RefusedWrite, WriteKind};
use halogard_domain::ticket::{HumanActivity, NewTicket};
use halogard_domain::{FailureClass, Ticket};

use super::Next;
use crate::env::Env;
use crate::outcome::Action;
use crate::ports::prelude::*;
use crate::ports::{PortError, Refusal, SearchWithin};
use crate::reconcile::write_batcher::OpenOutcome;
use crate::reconcile::{PairOutcome, PairSession, ReconcileError, in_doubt};
use crate::reconciler::Reconciler;

impl<E: Env> Reconciler<E> {
    /// Claims the right to open the ticket: one conditional write, durable before anything is sent.
    pub(super) async fn claim(
        &self,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let since = self.clock.now();
        session.link.opening = session
            .link
            .observed_alert
            .as_ref()
            .map(OpeningSnapshot::of);
        session.link.claim = Claim::Held {
            since,
            until: since.plus(CLAIM_TTL),
        };
        self.save(session).await?;
        Ok(Next::Continue)
    }

    /// Looks for the ticket of an attempt that is in doubt.
    pub(super) async fn find(&self, session: &mut PairSession<'_>) -> Result<Next, ReconcileError> {
        let since = match session.link.claim {
            Claim::Held { since, .. } | Claim::InDoubt { since } => since,
            Claim::Free => self.clock.now(),
        };
        let alert = session.link.observed_alert.as_ref();
        let mapped = alert.and_then(|alert| session.policy.choose(alert).ok());
        let within = SearchWithin {
            client: mapped.map(|(mapping, _)| mapping.client),
            since,
        };
        let found = self
            .desk
            .find(&session.link.key(session.policy), &within)
            .await?;
        match found.split_first() {
            None => session.link.claim = Claim::Free,
            Some((ticket, others)) => {
                session.link.attach(ticket.id);
                session.link.observe_ticket(ticket.clone());
                let detail = (!others.is_empty())
                    .then(|| format!("{} more tickets carry the same key", others.len()));
                session.record(self.clock.now(), Action::FoundByKey, detail);
            }
        }
        self.save(session).await?;
        Ok(Next::Replan)
    }

    /// Opens the ticket. A lost answer leaves the claim in doubt; so does a crash before the answer is
    /// saved.
    pub(super) async fn open(
        &self,
        ticket: NewTicket,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        match self.submit(ticket, session.batcher).await {
            Ok(OpenOutcome::Opened(opened)) => {
                let now = self.clock.now();
                session.link.attach(opened.id);
                session.link.observe_ticket(Ticket {
                    activity: HumanActivity::None { as_of: now },
                    ..opened
                });
                session.record(now, Action::Opened, None);
                Ok(Next::Replan)
            }
            Ok(OpenOutcome::LeaseHeld(until)) => {
                session.link.claim = Claim::Free;
                Ok(Next::Stop(PairOutcome::Waiting(until)))
            }
            Err(error) if in_doubt(&error) => {
                session.link.claim = Claim::InDoubt {
                    since: self.clock.now(),
                };
                session.record(
                    self.clock.now(),
                    Action::OpenInDoubt,
                    error.message.clone().map(String::from),
                );
                Err(error.into())
            }
            Err(error) => {
                session.link.claim = Claim::Free;
                self.refused(WriteKind::Open, error, session)
            }
        }
    }

    /// Records a write that was refused for good; returns every other failure.
    pub(super) fn refused(
        &self,
        write: WriteKind,
        error: PortError,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let is_our_credential = matches!(error.refusal, Some(Refusal::Unauthorised));
        if error.class != FailureClass::Permanent || is_our_credential {
            return Err(error.into());
        }
        let reason = reason(&error);
        session.link.refused = Some(RefusedWrite {
            write,
            message: reason.clone(),
            policy_fingerprint: session.policy.fingerprint(),
            ticket_changed_at: session
                .link
                .observed_ticket
                .as_ref()
                .map(|seen| seen.changed_at),
            at: self.clock.now(),
        });
        session.record(self.clock.now(), Action::WriteRefused, Some(reason.clone()));
        Ok(Next::Stop(PairOutcome::Refused(reason)))
    }
}

/// Why a write was refused, for a person.
fn reason(error: &PortError) -> String {
    let message = error
        .message
        .clone()
        .map_or_else(|| error.chain(), String::from);
    match &error.refusal {
        Some(Refusal::MissingFields(names)) if !names.is_empty() => {
            format!(
                "{message} (missing: {}; give them a value under custom_fields)",
                names.join(", ")
            )
        }
        Some(Refusal::Forbidden) => {
            format!("{message} (the API agent's permissions do not allow it)")
        }
        _ => message,
    }
}
