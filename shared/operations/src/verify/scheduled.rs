//! The comparison of both sides on a schedule.
//!
//! It compares the pairs that polls know, by alert number, some in each step. A step reads Liongard's list once and asks
//! HaloPSA for a hundred tickets with one request. How far it is stands in the store, so the next step may be made by
//! another process, at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use halogard_app::Store;
use halogard_app::ports::{
    AlertListing, AlertSource, PortError, QueuedState, SaveError, ServiceDesk, keys,
};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::record::Singleton;
use halogard_domain::start::CustomerStarts;
use halogard_domain::vendor::Vendor;
use halogard_domain::verification::{
    DifferenceExample, DifferenceKind, SETTLED_AFTER, Verification, VerificationPass,
    VerificationResult, VerificationTally,
};
use halogard_domain::{Alert, Link, Policy, Ticket, Timestamp};
use tracing::info;

use super::comparison::{Holds, TicketLookup, compare};
use super::{Symbol, VerifiedPair, alone};
use crate::policy::FollowedPolicies;

/// Pairs of one step at most: their alerts are held while Liongard's list arrives.
const STEP_MAX: usize = 2_000;

/// Tickets that one step reads singly at most, because no list shows enough of them.
const READS_MAX: u64 = 100;

/// A new store is compared for the first time when it has worked for this long.
const FIRST_AFTER: Duration = Duration::from_secs(3600);

/// Links that are loaded at once.
const LOADED_AT_ONCE: usize = 200;

/// What a call of [`ScheduledVerification::advance`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerificationStep {
    /// Nothing: no comparison is due, or what it needs is paused.
    NotDue,
    /// Some pairs were compared.
    Advanced,
    /// The last pairs were compared.
    Ended(VerificationResult),
}

/// How a comparison ended, as the log says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerificationOutcome {
    /// All pairs were compared.
    Verified,
}

impl VerificationOutcome {
    /// Every outcome.
    pub const ALL: [Self; 1] = [Self::Verified];

    /// The word in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
        }
    }
}

/// Both vendors, asked with the part of the request budget that nothing else needs.
pub struct ScheduledVerification<'a, A, D> {
    /// Liongard.
    pub source: &'a A,
    /// HaloPSA.
    pub desk: &'a D,
}

impl<A: AlertSource, D: ServiceDesk> ScheduledVerification<'_, A, D> {
    /// Compares further pairs at `now`, if `policy` schedules a comparison and one is under way or due.
    ///
    /// # Errors
    ///
    /// A vendor or the store failed. What was compared before counts; the next call goes on.
    pub async fn advance(
        &self,
        store: &impl Store,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<VerificationStep, PortError> {
        let Some(cadence) = policy.schedule.verify else {
            return Ok(VerificationStep::NotDue);
        };
        let Some(first_poll) = store.value(keys::FIRST_POLL_AT).await? else {
            return Ok(VerificationStep::NotDue);
        };
        let first_at = Timestamp::from_millis(first_poll).plus(FIRST_AFTER);
        if now < first_at {
            return Ok(VerificationStep::NotDue);
        }
        let holds = Holds::load(store).await?;
        let is_paused = |vendor| holds.pauses.of_vendor(vendor, now).is_some();
        if is_paused(Vendor::HaloPsa) || is_paused(Vendor::Liongard) {
            return Ok(VerificationStep::NotDue);
        }
        let stored = store.load_record::<Verification>(&Singleton).await?;
        let Some(pass) = stored.value.pass_at(cadence, first_at, now) else {
            return Ok(VerificationStep::NotDue);
        };
        let starts = store.load_record::<CustomerStarts>(&Singleton).await?.value;
        let mut step = Step {
            policy,
            policies: FollowedPolicies::new(policy.clone()),
            holds,
            starts,
            pass,
            reads: 0,
            now,
        };
        let ended = self.take(&mut step, store).await;
        let mut verification = stored.value;
        let done = match ended {
            Ok(true) => {
                verification.end(step.pass, now);
                let result = verification.last.clone();
                result.map_or(VerificationStep::NotDue, VerificationStep::Ended)
            }
            Ok(false) | Err(_) => {
                verification.go_on(step.pass);
                VerificationStep::Advanced
            }
        };
        let saved = store.save_record(&Singleton, &verification, stored.revision);
        match saved.await {
            Ok(_) => {}
            // Another process made the same step.
            Err(SaveError::Conflict) => return Ok(VerificationStep::Advanced),
            Err(SaveError::Store(error)) => return Err(error),
        }
        ended?;
        if let VerificationStep::Ended(result) = &done {
            info!(
                pairs = result.tally.pairs,
                requests = result.tally.requests,
                differences = result.tally.count(),
                outcome = VerificationOutcome::Verified.as_str(),
                "both sides were compared"
            );
        }
        Ok(done)
    }

    /// Compares the next pairs; says whether they were the last.
    async fn take(&self, step: &mut Step<'_>, store: &impl Store) -> Result<bool, PortError> {
        let index = store.load_index().await?;
        let is_first = step.pass.after.is_none();
        let next = |id: &AlertId| step.pass.after.is_none_or(|after| *id > after);
        let ids: BTreeSet<AlertId> = index.keys().copied().filter(next).take(STEP_MAX).collect();
        let mut alerts = BTreeMap::new();
        let mut unknown = BTreeMap::new();
        let mut list = self.source.list().await?;
        while let Some(part) = list.next().await? {
            for alert in part.alerts {
                if ids.contains(&alert.id) {
                    alerts.insert(alert.id, alert);
                } else if is_first && unknown.len() < STEP_MAX && step.is_unknown(&alert, &index) {
                    unknown.insert(alert.id, alert);
                }
            }
        }
        if is_first {
            step.compare_unknown(unknown, store).await?;
        }
        let ordered: Vec<AlertId> = ids.iter().copied().collect();
        for ids in ordered.chunks(LOADED_AT_ONCE) {
            let wanted = ids.iter().copied().collect();
            let links = store.load_many(&wanted).await?;
            let mut links: BTreeMap<AlertId, Link> =
                links.into_iter().map(|link| (link.alert, link)).collect();
            let mut shown = BTreeMap::new();
            for tickets in tickets_of(&links).chunks(D::LISTED_MAX) {
                let rows = self.desk.listed(&tickets.iter().copied().collect()).await?;
                step.pass.tally.requests += 1;
                shown.extend(rows.into_iter().map(|row| (row.id, row.ticket)));
            }
            for id in ids {
                let alert = alerts.get(id);
                match links.remove(id) {
                    Some(link) => {
                        let lookup = self.lookup(step, &link, alert, &shown).await?;
                        let Some(lookup) = lookup else {
                            return Ok(false);
                        };
                        step.compare(&link, alert, &lookup, store).await?;
                    }
                    None => step.compare_without_link(alert),
                }
                step.pass.after = Some(*id);
            }
        }
        Ok(ordered.len() < STEP_MAX)
    }

    /// What HaloPSA says of the ticket of `link`; `None` when this step has read enough tickets.
    async fn lookup(
        &self,
        step: &mut Step<'_>,
        link: &Link,
        alert: Option<&Alert>,
        shown: &BTreeMap<TicketId, Option<Ticket>>,
    ) -> Result<Option<TicketLookup>, PortError> {
        let Some(id) = link.ticket.filter(|_| !link.is_ticket_deleted()) else {
            return Ok(Some(TicketLookup::None));
        };
        // A list that hides titles, as some tenants' do, is not enough.
        let row = shown.get(&id).cloned().flatten();
        if let Some(ticket) = row.filter(|row| !row.summary.is_empty()) {
            return Ok(Some(TicketLookup::Listed(Box::new(ticket))));
        }
        // A closed pair that no list shows needs no request.
        if !link.is_under_way() && alert.is_none_or(Alert::is_closed) {
            return Ok(Some(TicketLookup::NotAsked));
        }
        if step.reads == READS_MAX {
            return Ok(None);
        }
        step.reads += 1;
        let read = self.desk.read(id).await?;
        step.pass.tally.requests += 1;
        Ok(Some(match read {
            Some(ticket) => TicketLookup::Read(Box::new(ticket)),
            None => TicketLookup::Gone,
        }))
    }
}

/// The tickets that a list may show for `links`.
fn tickets_of(links: &BTreeMap<AlertId, Link>) -> Vec<TicketId> {
    let live = links.values().filter(|link| !link.is_ticket_deleted());
    let tickets: BTreeSet<TicketId> = live.filter_map(|link| link.ticket).collect();
    tickets.into_iter().collect()
}

/// One step.
struct Step<'a> {
    policy: &'a Policy,
    policies: FollowedPolicies,
    holds: Holds,
    starts: CustomerStarts,
    pass: VerificationPass,
    /// Tickets that were read singly.
    reads: u64,
    now: Timestamp,
}

impl Step<'_> {
    /// Whether `alert` needs a record of ours and polls have none.
    fn is_unknown(&self, alert: &Alert, index: &BTreeMap<AlertId, QueuedState>) -> bool {
        !index.contains_key(&alert.id)
            && alert.visible
            && !alert.is_closed()
            && self.has_settled(alert.changed_at)
    }

    /// Whether what changed at `at` has had the time to reach the other side.
    fn has_settled(&self, at: Timestamp) -> bool {
        !self.now.is_within(SETTLED_AFTER, at)
    }

    /// Compares `alerts`, which polls do not know, unless there are links of them.
    async fn compare_unknown(
        &mut self,
        mut alerts: BTreeMap<AlertId, Alert>,
        store: &impl Store,
    ) -> Result<(), PortError> {
        let ids: Vec<AlertId> = alerts.keys().copied().collect();
        for ids in ids.chunks(LOADED_AT_ONCE) {
            for link in store.load_many(&ids.iter().copied().collect()).await? {
                alerts.remove(&link.alert);
            }
        }
        for alert in alerts.into_values() {
            let record = alone(&alert, Some(self.policy), &self.starts, self.now);
            add(&mut self.pass.tally, &record);
        }
        Ok(())
    }

    /// Compares an alert that polls have queued and that has no link.
    fn compare_without_link(&mut self, alert: Option<&Alert>) {
        let Some(alert) = alert else {
            return;
        };
        if !alert.is_closed() && alert.visible && self.has_settled(alert.changed_at) {
            let record = alone(alert, Some(self.policy), &self.starts, self.now);
            add(&mut self.pass.tally, &record);
        }
    }

    /// Compares the pair of `link`.
    async fn compare(
        &mut self,
        link: &Link,
        alert: Option<&Alert>,
        ticket: &TicketLookup,
        store: &impl Store,
    ) -> Result<(), PortError> {
        self.pass.tally.pairs += 1;
        let policy = self.policies.of(store, link).await?;
        let record = compare(link, alert, ticket, Some(&policy), &self.holds, self.now);
        let changes = [
            alert.map(|alert| alert.changed_at),
            ticket.ticket().map(|ticket| ticket.changed_at),
        ];
        if changes.into_iter().flatten().all(|at| self.has_settled(at)) {
            add(&mut self.pass.tally, &record);
        }
        Ok(())
    }
}

/// Adds `record` to `tally`, if it is a difference without a known cause.
fn add(tally: &mut VerificationTally, record: &VerifiedPair) {
    let kind = match record.symbol {
        Symbol::Same => return,
        Symbol::Differs => DifferenceKind::Differs,
        Symbol::OnlyLiongard => DifferenceKind::OnlyLiongard,
        Symbol::OnlyHaloPsa => DifferenceKind::OnlyHaloPsa,
        Symbol::Unreadable => DifferenceKind::Unreadable,
    };
    let Some(alert) = record.alert.filter(|_| record.explained.is_none()) else {
        return;
    };
    let what = match record.fields.as_slice() {
        [] => record.what.clone(),
        // The values may name people.
        fields => {
            let names: Vec<&str> = fields.iter().map(|it| it.field.words()).collect();
            format!("{} differs", names.join(", "))
        }
    };
    let example = DifferenceExample {
        alert,
        ticket: record.ticket,
        what,
    };
    tally.add(kind, example);
}
