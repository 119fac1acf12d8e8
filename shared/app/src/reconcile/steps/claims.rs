//! The right to open tickets: acquired immediately before a request, renewed before the next one.
//!
//! Two things exclude other workers. The *lease* `opening` is for all tickets: HaloPSA gives the same
//! number to two tickets that are opened at the same moment. The *claim* in a link is for one ticket: no
//! two workers open it. Both expire, so that the work of a worker that died can continue. A worker that lives
//! therefore sends a request only while enough is left of both for the longest call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use halogard_domain::continuity::{Completeness, Rival, StoreContinuity};
use halogard_domain::key::InstallationId;
use halogard_domain::link::{CLAIM_LEFT_MIN, CLAIM_TTL, Claim};
use halogard_domain::record::Singleton;
use halogard_domain::ticket::NewTicket;
use halogard_domain::{LinkKey, Timestamp};
use tracing::{error, warn};

use crate::env::Env;
use crate::outcome::Action;
use crate::ports::prelude::*;
use crate::ports::{Admission, LeaseOutcome, OpeningGuard, PortError, SaveError, Stored};
use crate::reconcile::CONFLICTS_MAX;
use crate::reconcile::write_batcher::{ClaimedLink, OpenAnswer, OpenOutcome, OpenRequest};
use crate::reconciler::Reconciler;

/// The lease for opening tickets.
const OPENING_LEASE: &str = "opening";

/// How often an alert is reconciled that waits because another installation opens the tickets.
const YIELD_PAUSE: Duration = Duration::from_secs(300);

/// The longest pause of a worker that finds the lease held by another.
const OPENING_PAUSE: Duration = Duration::from_secs(2);

impl<E: Env> Reconciler<E> {
    /// Opens tickets, each under a claim; one answer for each, in order.
    pub(super) async fn open_claimed(
        &self,
        requests: Vec<OpenRequest>,
    ) -> Vec<Result<OpenAnswer, PortError>> {
        let continuity = match self.checked_continuity(requests.len()).await {
            Ok(continuity) => continuity,
            Err(error) => return requests.iter().map(|_| Err(error.clone())).collect(),
        };
        let own = match self.identity().await {
            Ok(identity) => identity.id,
            Err(error) => return requests.iter().map(|_| Err(error.clone())).collect(),
        };
        let now = self.clock.now();
        let policy = self.policy();
        let rival = continuity.yields_to(&own, &policy.former_installations);
        if let Some(rival) = rival {
            log_yielding(rival, &own, requests.len());
        }
        let mut sent = BTreeSet::new();
        let mut unsent = Vec::with_capacity(requests.len());
        let mut ready = Vec::new();
        for request in requests {
            let key = request.ticket.key.key.clone();
            let link = &request.link.value;
            let alert = link.observed_alert.as_ref();
            let held = alert.and_then(|alert| continuity.hold_until(alert, link.recurrence, now));
            let outcome = match held {
                _ if rival.is_some() => Some(OpenOutcome::Yielded(now.plus(YIELD_PAUSE))),
                Some(until) => Some(OpenOutcome::NotYet(until)),
                // A message about the alert and one about its earlier ticket may be in one batch.
                None if !sent.insert(key.clone()) => Some(OpenOutcome::Superseded),
                None => None,
            };
            if outcome.is_none() {
                ready.push(request);
            }
            unsent.push((key, outcome));
        }
        let tickets: Vec<NewTicket> = ready.iter().map(|it| it.ticket.clone()).collect();
        let claims = OpeningClaims::new(self, ready);
        if !tickets.is_empty() {
            let opened = self.desk.open(&tickets, &claims).await;
            self.release_opening_lease().await;
            if continuity.on_probation && opened.iter().any(Result::is_ok) {
                let ended = self
                    .update_continuity(StoreContinuity::observe_opening)
                    .await;
                if let Err(error) = ended {
                    // The next opening waits once more.
                    warn!(
                        error_type = error.code.as_str(),
                        "end of the probation not stored"
                    );
                }
            }
            claims.record(&tickets, opened);
        }
        let mut opened = claims.into_answers();
        let answer = |(key, outcome): (LinkKey, Option<OpenOutcome>)| match outcome {
            Some(outcome) => Ok(OpenAnswer {
                claimed: None,
                outcome: Ok(outcome),
            }),
            None => opened.remove(&key).ok_or_else(PortError::not_admitted),
        };
        unsent.into_iter().map(answer).collect()
    }

    /// Whether the store knows every ticket of ours. If it is behind and a sweep would show that by now, sweeps
    /// for `count` openings: sync cycles may be further apart than a store takes to count as away, and none
    /// of them would be in time.
    async fn checked_continuity(&self, count: usize) -> Result<StoreContinuity, PortError> {
        let stored = self
            .store
            .load_record::<StoreContinuity>(&Singleton)
            .await?;
        let now = self.clock.now();
        let needed_from = stored.value.sweep_needed_from();
        let Some(from) = needed_from.filter(|from| *from <= now) else {
            return Ok(stored.value);
        };
        if stored.value.completeness != Completeness::Behind {
            return Ok(stored.value);
        }
        // However young, a sweep that began before shows nothing.
        self.sweep_for_writes(now.since(from), count).await?;
        let stored = self
            .store
            .load_record::<StoreContinuity>(&Singleton)
            .await?;
        Ok(stored.value)
    }

    /// Gives up the lease for opening tickets.
    async fn release_opening_lease(&self) {
        if let Err(error) = self.store.release_lease(OPENING_LEASE, &self.worker).await {
            // It expires by itself; other workers wait until then.
            warn!(error_type = error.code.as_str(), "lease not released");
        }
    }
}

/// Says that alerts wait, and for whom.
fn log_yielding(rival: &Rival, own: &InstallationId, alerts: usize) {
    error!(
        ticket_id = rival.ticket.get(),
        installation = rival.installation.as_ref().map(InstallationId::as_str),
        own_installation = own.as_str(),
        alerts,
        outcome = Action::SecondInstallation.as_str(),
        "another installation opens tickets in this HaloPSA, and is older: this one opens none. Stop one of \
         them; if the other no longer runs, name it under former_installations"
    );
}

/// The claims of the tickets of one batch.
struct OpeningClaims<'a, E: Env> {
    reconciler: &'a Reconciler<E>,
    openings: Mutex<BTreeMap<LinkKey, Opening>>,
}

/// One ticket that is being opened.
#[derive(Clone)]
struct Opening {
    request: OpenRequest,
    claimed: Option<ClaimedLink>,
    /// How the opening ended, once that is known.
    outcome: Option<Result<OpenOutcome, PortError>>,
}

impl<'a, E: Env> OpeningClaims<'a, E> {
    fn new(reconciler: &'a Reconciler<E>, requests: Vec<OpenRequest>) -> Self {
        let openings = requests.into_iter().map(|request| {
            let opening = Opening {
                request,
                claimed: None,
                outcome: None,
            };
            (opening.request.ticket.key.key.clone(), opening)
        });
        Self {
            reconciler,
            openings: Mutex::new(openings.collect()),
        }
    }

    /// Records the answers of HaloPSA, except for tickets that were never admitted.
    fn record(
        &self,
        tickets: &[NewTicket],
        answers: Vec<Result<halogard_domain::Ticket, PortError>>,
    ) {
        let mut openings = self.lock();
        for (ticket, answer) in tickets.iter().zip(answers) {
            if let Some(opening) = openings.get_mut(&ticket.key.key) {
                let opened = answer.map(OpenOutcome::Opened);
                opening.outcome.get_or_insert(opened);
            }
        }
    }

    /// The outcome of each ticket.
    fn into_answers(self) -> BTreeMap<LinkKey, OpenAnswer> {
        let openings = self.openings.into_inner();
        let openings = openings.unwrap_or_else(PoisonError::into_inner);
        let answer = |(key, opening): (LinkKey, Opening)| {
            let answer = OpenAnswer {
                claimed: opening.claimed,
                outcome: opening
                    .outcome
                    .unwrap_or_else(|| Err(PortError::not_admitted())),
            };
            (key, answer)
        };
        openings.into_iter().map(answer).collect()
    }

    /// Acquires or renews the lease; the outcome for every ticket if that fails.
    async fn lease(&self) -> Option<Result<OpenOutcome, PortError>> {
        let Reconciler {
            store,
            clock,
            worker,
            ..
        } = self.reconciler;
        let now = clock.now();
        match store
            .acquire_lease(OPENING_LEASE, worker, now.plus(CLAIM_TTL))
            .await
        {
            Ok(LeaseOutcome::Acquired) => None,
            Ok(LeaseOutcome::HeldByOther { until }) => {
                let retry_at = until.min(now.plus(OPENING_PAUSE));
                Some(Ok(OpenOutcome::NotYet(retry_at)))
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Acquires or renews the claim of `opening`, and returns it with the result.
    async fn claim(&self, mut opening: Opening) -> Opening {
        let claimed = match &opening.claimed {
            None => self.acquire(&opening.request).await,
            Some(claimed) => self.renew(claimed).await,
        };
        match claimed {
            Ok(claimed) => opening.claimed = Some(claimed),
            Err(SaveError::Conflict) => opening.outcome = Some(Ok(OpenOutcome::Superseded)),
            Err(SaveError::Store(error)) => opening.outcome = Some(Err(error)),
        }
        opening
    }

    /// Acquires the claim: one conditional write, durable before anything is sent.
    async fn acquire(&self, request: &OpenRequest) -> Result<ClaimedLink, SaveError> {
        let Reconciler {
            store,
            clock,
            worker,
            ..
        } = self.reconciler;
        let mut link = request.link.value.clone();
        let claim = link.acquire_claim(worker, clock.now());
        let revision = store
            .save(&link, &request.journal, request.link.revision)
            .await?;
        let link = Stored {
            value: link,
            revision,
        };
        Ok(ClaimedLink { link, claim })
    }

    /// Renews the claim. Other workers may have saved the link meanwhile, as long as the claim is the same.
    async fn renew(&self, claimed: &ClaimedLink) -> Result<ClaimedLink, SaveError> {
        let Reconciler { store, clock, .. } = self.reconciler;
        for _ in 0..CONFLICTS_MAX {
            let Some(mut stored) = store.load(claimed.link.value.alert).await? else {
                break;
            };
            if !stored.value.renew_claim(&claimed.claim, clock.now()) {
                break;
            }
            match store.save(&stored.value, &[], stored.revision).await {
                Ok(revision) => {
                    stored.revision = revision;
                    let claim = claimed.claim.clone();
                    return Ok(ClaimedLink {
                        link: stored,
                        claim,
                    });
                }
                Err(SaveError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(SaveError::Conflict)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LinkKey, Opening>> {
        self.openings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Env> OpeningGuard for OpeningClaims<'_, E> {
    async fn admit(&self, keys: &[&LinkKey]) -> Admission {
        let pending: Vec<Opening> = {
            let openings = self.lock();
            let pending = keys.iter().filter_map(|key| openings.get(*key));
            let pending = pending.filter(|opening| opening.outcome.is_none());
            pending.cloned().collect()
        };
        let pending = match self.lease().await {
            None => join_all(pending.into_iter().map(|opening| self.claim(opening))).await,
            Some(refused) => {
                let refuse = |opening| Opening {
                    outcome: Some(refused.clone()),
                    ..opening
                };
                pending.into_iter().map(refuse).collect()
            }
        };
        let earliest = self.reconciler.clock.now().plus(CLAIM_LEFT_MIN);
        let mut openings = self.lock();
        for opening in pending {
            openings.insert(opening.request.ticket.key.key.clone(), opening);
        }
        let expires = |key: &&LinkKey| {
            let opening = openings.get(*key)?;
            let claimed = opening.claimed.as_ref()?;
            match (&opening.outcome, &claimed.link.value.claim) {
                (None, Claim::Held { until, .. }) if *until > earliest => Some(*until),
                _ => None,
            }
        };
        let expires: Vec<Option<Timestamp>> = keys.iter().map(expires).collect();
        let first = expires.iter().flatten().min().copied().unwrap_or_default();
        Admission {
            admitted: expires.iter().map(Option::is_some).collect(),
            send_before: first.minus(CLAIM_LEFT_MIN),
        }
    }
}
