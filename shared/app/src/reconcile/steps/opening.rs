//! Opening the ticket: look up an attempt in doubt, open once.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use halogard_domain::adoption::{AdoptionVerdict, Mismatch, StoreHistory};
use halogard_domain::link::{
    AttemptEnd, Base, Claim, Closure, NamedFields, OpeningSnapshot, REFUSAL_RETRY_AFTER,
    RefusedWrite, WriteKind,
};
use halogard_domain::policy::ClosedBy;
use halogard_domain::ticket::{HumanActivity, NewTicket, TicketDraft};
use halogard_domain::write_result::{ClaimId, WriteResult};
use halogard_domain::{FailureClass, Ticket};

use super::Next;
use crate::env::Env;
use crate::identity::Identity;
use crate::outcome::Action;
use crate::ports::prelude::*;
use crate::ports::{ErrorCode, KeyedTicket, PortError, Refusal, SearchWithin, Stored};
use crate::reconcile::write_batcher::{ClaimedLink, OpenAnswer, OpenOutcome, OpenRequest};
use crate::reconcile::{PairOutcome, PairSession, ReconcileError, in_doubt};
use crate::reconciler::Reconciler;

/// Why an alert gets no ticket after HaloPSA accepted some and showed none.
const UNRECOGNISED: &str = "HaloPSA accepted two tickets for this alert, and neither can be found by its key: a \
    rule or a template may change what new tickets contain. Set `key_field` in the template";

impl<E: Env> Reconciler<E> {
    /// Looks for the ticket of an attempt that is in doubt. Only a search that begins when no ticket can be
    /// missing from HaloPSA's lists any more ends the doubt without one.
    pub(super) async fn find(&self, session: &mut PairSession<'_>) -> Result<Next, ReconcileError> {
        let now = self.clock.now();
        let (since, end) = match session.link.claim {
            Claim::Held { until, .. } => (until, AttemptEnd::Unknown),
            Claim::InDoubt { since, end, .. } => (since, end),
            Claim::Free => (now, AttemptEnd::Unknown),
        };
        // No ticket was ever requested for it: its link may have expired.
        let has_expired = session.link.opening.is_none() && session.link.key.is_none();
        let alert = session.link.observed_alert.as_ref();
        let template = alert.and_then(|alert| session.policy.choose(alert).ok());
        let opening = session.link.opening.as_ref();
        let within = SearchWithin {
            client: opening.and_then(|opening| opening.client),
            ticket_type: opening.and_then(|opening| opening.ticket_type),
            key_field: template.and_then(|(_, template)| template.key_field),
            since,
            unlisted: end == AttemptEnd::RolledBack,
        };
        let key = session.link.key(session.policy);
        let key = self.key_secret().await?.sign(key);
        let mut found = self.desk.find(&key, &within).await?;
        // The latest of the alert's tickets comes first; the sort keeps the order of equal ones.
        found.sort_by_key(|candidate| Reverse(candidate.key.key.recurrence));
        let mut is_found = false;
        for candidate in &found {
            // Once one of them is linked, the others are reported.
            match self.verdict_of_search(candidate, session).await? {
                AdoptionVerdict::Ours => {
                    if session.link.key.as_ref() == Some(&candidate.key.key) {
                        session.apply(WriteResult::Opened {
                            recurrence: session.link.recurrence,
                            ticket: candidate.ticket.clone(),
                        });
                        session.link.forget_first_title();
                    } else {
                        let key = candidate.key.key.clone();
                        session.link.adopt(key, &candidate.ticket);
                        if has_expired {
                            self.assume_closed_before(session).await?;
                        }
                    }
                    session.record(self.clock.now(), Action::FoundByKey, None);
                    is_found = true;
                }
                AdoptionVerdict::Moved(client) => {
                    let key = candidate.key.key.clone();
                    session.link.adopt(key, &candidate.ticket);
                    self.report_moved(candidate, client, session);
                    is_found = true;
                }
                AdoptionVerdict::Unmapped => {
                    self.adopt_unmapped(candidate, session);
                    is_found = true;
                }
                AdoptionVerdict::NotOurs(why) => {
                    self.report_mismatch(candidate, why, session).await?;
                    self.share_with_rival(candidate, session).await?;
                    is_found |= session.link.ticket == Some(candidate.ticket.id);
                }
                AdoptionVerdict::Known
                | AdoptionVerdict::AskAlert
                | AdoptionVerdict::AskWhoOpened => {}
            }
        }
        if !is_found && Claim::is_disproved(since, now, end) {
            session.link.claim = Claim::Free;
            if session.link.hides_its_tickets() {
                let error = PortError::new(FailureClass::Permanent, ErrorCode::HalopsaUnrecognised)
                    .with_message(UNRECOGNISED);
                return self.refused(WriteKind::Open, NamedFields::NONE, error, session);
            }
        } else if !is_found {
            session.link.claim = Claim::InDoubt {
                since,
                searched_at: Some(now),
                end,
            };
        }
        self.save(session).await?;
        Ok(Next::Replan)
    }

    /// Whether `candidate`, which a search found, is the ticket of the pair. Titles are not trusted: where the entry that
    /// opened it names another alert, it is that one's.
    async fn verdict_of_search(
        &self,
        candidate: &KeyedTicket,
        session: &mut PairSession<'_>,
    ) -> Result<AdoptionVerdict, ReconcileError> {
        let verdict = self
            .verdict(candidate, StoreHistory::Known, session)
            .await?;
        if !matches!(verdict, AdoptionVerdict::Ours | AdoptionVerdict::Moved(_)) {
            return Ok(verdict);
        }
        let asked = BTreeSet::from([session.link.alert]);
        let other = self
            .key_of_another(candidate, verdict, &asked, session)
            .await?;
        Ok(other.map_or(verdict, |other| {
            AdoptionVerdict::NotOurs(Mismatch::OfAnotherAlert(other.key.alert))
        }))
    }

    /// The pair was closed on both sides when its link expired: what has changed since is the alert. The
    /// notes of the ticket say whether a person may have closed it.
    async fn assume_closed_before(
        &self,
        session: &mut PairSession<'_>,
    ) -> Result<(), ReconcileError> {
        let link = &session.link;
        let (Some(alert), Some(ticket)) = (&link.observed_alert, &link.observed_ticket) else {
            return Ok(());
        };
        let Ok((_, template)) = session.policy.choose(alert) else {
            return Ok(());
        };
        if !template.statuses.is_closed(ticket.status) {
            return Ok(());
        }
        let notes = self.desk.notes(ticket.id).await?;
        let by = if notes.show_a_person(&session.policy.machine_applications) {
            ClosedBy::HaloPsa
        } else {
            ClosedBy::Halogard
        };
        session.link.base = Some(Base {
            alert_closed: true,
            ticket_closed: Some(Closure {
                by,
                at: ticket.changed_at,
            }),
            ..Base::of(alert, ticket, &template.statuses, None)
        });
        Ok(())
    }

    /// Opens the ticket under a claim. A lost answer leaves the claim in doubt; so does a crash before the
    /// answer is saved.
    pub(super) async fn open(
        &self,
        draft: TicketDraft,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let key = session.link.next_key(session.policy);
        let Identity { secret, id } = self.identity().await?;
        let ticket = NewTicket {
            key: secret.sign(key),
            installation: id,
            draft,
        };
        self.follow_dialect().await;
        let OpenAnswer { claimed, outcome } = self
            .submit(session.open_request(ticket), session.batcher)
            .await?;
        let claim = claimed.map(|claimed| session.take_over(claimed));
        let now = self.clock.now();
        match outcome {
            Ok(OpenOutcome::Opened(opened)) => {
                session.apply(WriteResult::Opened {
                    recurrence: session.link.recurrence,
                    ticket: Ticket {
                        activity: HumanActivity::None { as_of: now },
                        ..opened
                    },
                });
                session.record(now, Action::Opened, None);
                Ok(Next::Replan)
            }
            Ok(OpenOutcome::Yielded(until)) => {
                // Counted each time, so that the alarm lasts as long as alerts wait.
                session.actions.push(Action::SecondInstallation);
                session.release(claim);
                Ok(Next::Stop(PairOutcome::Waiting(until)))
            }
            Ok(OpenOutcome::NotYet(until)) => {
                session.release(claim);
                Ok(Next::Stop(PairOutcome::Waiting(until)))
            }
            Ok(OpenOutcome::Superseded) => Err(ReconcileError::Conflict),
            Err(error) if in_doubt(&error) => {
                if let Some(claim) = claim {
                    if error.code == ErrorCode::HalopsaUnrecognised {
                        session.apply(WriteResult::Unrecognised(claim.clone()));
                    }
                    let end = match error.refusal {
                        Some(Refusal::RolledBack) => AttemptEnd::RolledBack,
                        _ => AttemptEnd::Unknown,
                    };
                    session.apply(WriteResult::OpenInDoubt {
                        claim,
                        since: now,
                        end,
                    });
                }
                let message = error.message.clone().map(String::from);
                session.record(now, Action::OpenInDoubt, message);
                Err(error.into())
            }
            Err(error) => {
                session.release(claim);
                self.refused(WriteKind::Open, NamedFields::NONE, error, session)
            }
        }
    }

    /// Records a write that was refused for good; returns every other failure. The plan is made again
    /// without the refused write: what else is missing does not wait for it.
    pub(super) fn refused(
        &self,
        write: WriteKind,
        fields: NamedFields,
        error: PortError,
        session: &mut PairSession<'_>,
    ) -> Result<Next, ReconcileError> {
        let is_our_credential = matches!(error.refusal, Some(Refusal::Unauthorised));
        if error.class != FailureClass::Permanent || is_our_credential {
            return Err(error.into());
        }
        let reason = reason(&error);
        let seen = session.link.observed_ticket.as_ref();
        let ticket_changed_at = seen.map(|seen| seen.changed_at);
        let is_known = session.link.has_refusal(write, fields, &reason);
        let at = self.clock.now();
        // Another ticket would be as hidden as those before it.
        let is_hidden = write == WriteKind::Open && session.link.hides_its_tickets();
        session.apply(WriteResult::Refused(RefusedWrite {
            write,
            fields,
            message: reason.clone(),
            policy_fingerprint: session.policy.fingerprint(),
            ticket_changed_at,
            at,
            retry_at: (!is_hidden).then(|| at.plus(REFUSAL_RETRY_AFTER)),
            not_carried_out: 0,
        }));
        session.record(self.clock.now(), Action::WriteRefused, Some(reason.clone()));
        if is_known {
            session.refusal.get_or_insert(PairOutcome::RefusedAgain);
        } else {
            session.refusal = Some(PairOutcome::Refused(reason));
        }
        Ok(Next::Replan)
    }
}

impl PairSession<'_> {
    /// The request to open `ticket`, and the link as it will be claimed.
    fn open_request(&self, ticket: NewTicket) -> OpenRequest {
        let mut link = self.link.clone();
        let (client, ticket_type) = (ticket.draft.client, ticket.draft.ticket_type);
        let alert = link.observed_alert.as_ref();
        link.opening = alert.map(|alert| OpeningSnapshot::of(alert, client, ticket_type));
        link.key = Some(ticket.key.key.clone());
        OpenRequest {
            ticket,
            link: Stored {
                value: link,
                revision: self.revision,
            },
            journal: self.journal.clone(),
        }
    }

    /// Goes on with the link as it was stored with the claim.
    fn take_over(&mut self, claimed: ClaimedLink) -> ClaimId {
        let ClaimedLink { link, claim } = claimed;
        self.link = link.value.clone();
        self.stored = Some(link.value);
        self.revision = link.revision;
        self.journal.clear();
        claim
    }

    /// Gives up the claim under which nothing was opened.
    fn release(&mut self, claim: Option<ClaimId>) {
        if let Some(claim) = claim {
            self.apply(WriteResult::NotOpened(claim));
        }
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
