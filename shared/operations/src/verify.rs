//! `verify`: both sides, record by record and field by field, as they are now.

mod comparison;
mod duplicates;
pub mod scheduled;

use std::collections::{BTreeMap, BTreeSet};

use halogard_app::Store;
use halogard_app::ports::{AlertListing, AlertSource, LinkFilter, PortError, ServiceDesk};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::plan::{DifferenceCause, FieldDifference, PairField};
use halogard_domain::record::Singleton;
use halogard_domain::start::CustomerStarts;
use halogard_domain::{Alert, Link, Policy, Ticket, Timestamp};
use serde::Serialize;

use crate::moment::Moment;
use crate::policy::{FollowedPolicies, policy_in_force};
use crate::scan::for_each_link;

use comparison::{Holds, TicketLookup, compare};
pub use duplicates::{DuplicateGroup, DuplicatesAnswer, duplicates};

/// The answer of `verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifyAnswer {
    /// When it was asked.
    pub at: Moment,
    /// Alerts in Liongard's list.
    pub alerts: usize,
    /// Tickets that were read in HaloPSA.
    pub tickets: usize,
    /// How many records are of each kind.
    pub counts: BTreeMap<Symbol, usize>,
    /// How many records differ in each field, explained or not.
    pub fields: BTreeMap<PairField, usize>,
    /// Differences that are not explained: work that is missing.
    pub differences: usize,
    /// The records, by alert; those that are equal are left out unless they were asked for.
    pub records: Vec<VerifiedPair>,
}

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Symbol {
    /// Both sides agree.
    #[serde(rename = "=")]
    Same,
    /// Alert and ticket differ.
    #[serde(rename = "*")]
    Differs,
    /// An open alert has no ticket.
    #[serde(rename = "+")]
    OnlyLiongard,
    /// A ticket of ours belongs to no alert in Liongard's list.
    #[serde(rename = "-")]
    OnlyHaloPsa,
    /// It could not be read.
    #[serde(rename = "!")]
    Unreadable,
}

impl Symbol {
    /// The symbol as one character.
    #[must_use]
    pub const fn character(self) -> char {
        match self {
            Self::Same => '=',
            Self::Differs => '*',
            Self::OnlyLiongard => '+',
            Self::OnlyHaloPsa => '-',
            Self::Unreadable => '!',
        }
    }
}

/// A record of one side or of both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifiedPair {
    /// What was found.
    pub symbol: Symbol,
    /// The alert.
    pub alert: Option<AlertId>,
    /// The ticket.
    pub ticket: Option<TicketId>,
    /// The customer, as Liongard names it.
    pub customer: Option<String>,
    /// What differs.
    pub what: String,
    /// The fields that differ while both are open.
    pub fields: Vec<FieldDifference>,
    /// Why that is known and no mistake; absent when it is not.
    pub explained: Option<String>,
}

/// Compares both sides at `now`. Reads Liongard's list, the list of HaloPSA's tickets that carry our key, and
/// each other ticket of a pair. `all` keeps the records that are equal.
///
/// # Errors
///
/// A list or the store cannot be read. A ticket that cannot be read is a record of its own.
pub async fn verify(
    store: &impl Store,
    source: &impl AlertSource,
    desk: &impl ServiceDesk,
    now: Timestamp,
    all: bool,
) -> Result<VerifyAnswer, PortError> {
    let policy = policy_in_force(store).await?;
    let mut links = Vec::new();
    for_each_link(store, LinkFilter::All, |link| links.push(link)).await?;
    let mut alerts = alerts(source).await?;
    let tickets = match &policy {
        Some(policy) => keyed_tickets(desk, policy).await?,
        None => BTreeMap::new(),
    };
    let mut answer = VerifyAnswer {
        at: now.into(),
        alerts: alerts.len(),
        tickets: tickets.len(),
        counts: BTreeMap::new(),
        fields: BTreeMap::new(),
        differences: 0,
        records: Vec::new(),
    };
    let starts = store.load_record::<CustomerStarts>(&Singleton).await?.value;
    let holds = Holds::load(store).await?;
    let mut policies = policy.clone().map(FollowedPolicies::new);
    let mut owned = BTreeSet::new();
    for link in &links {
        owned.extend(link.ticket);
        owned.extend(&link.earlier_tickets);
        owned.extend(&link.merged_tickets);
        let alert = alerts.remove(&link.alert);
        let ticket = ticket_of(link, alert.as_ref(), &tickets, desk).await;
        answer.tickets += usize::from(ticket.was_asked_for());
        let policy = match &mut policies {
            Some(policies) => Some(policies.of(store, link).await?),
            None => None,
        };
        let policy = policy.as_deref();
        let record = compare(link, alert.as_ref(), &ticket, policy, &holds, now);
        answer.add(record, all);
    }
    for alert in alerts.into_values() {
        if !alert.is_closed() && alert.visible {
            answer.add(alone(&alert, policy.as_ref(), &starts, now), all);
        }
    }
    for (id, ticket) in tickets {
        if !owned.contains(&id) && ticket.is_present() {
            answer.add(strayed(id), all);
        }
    }
    Ok(answer)
}

impl VerifyAnswer {
    /// The alerts whose pairs differ and can be reconciled once more.
    #[must_use]
    pub fn repairable(&self) -> BTreeSet<AlertId> {
        // Halogard does not move a ticket to another client: its readers may have answered it.
        let is_moved_only = |record: &VerifiedPair| {
            let mut causes = record.fields.iter().map(|difference| difference.cause);
            !record.fields.is_empty() && causes.all(|cause| cause != DifferenceCause::NotWritten)
        };
        let records = self.records.iter();
        records
            .filter(|record| record.symbol != Symbol::Same && record.explained.is_none())
            .filter(|record| !is_moved_only(record))
            .filter_map(|record| record.alert)
            .collect()
    }

    fn add(&mut self, record: VerifiedPair, all: bool) {
        *self.counts.entry(record.symbol).or_default() += 1;
        for difference in &record.fields {
            *self.fields.entry(difference.field).or_default() += 1;
        }
        let is_same = record.symbol == Symbol::Same;
        self.differences += usize::from(!is_same && record.explained.is_none());
        if all || !is_same {
            self.records.push(record);
        }
    }
}

/// What HaloPSA says of the ticket of `link`, whose alert is `alert` now: as it is `listed`, or asked for.
async fn ticket_of(
    link: &Link,
    alert: Option<&Alert>,
    listed: &BTreeMap<TicketId, Ticket>,
    desk: &impl ServiceDesk,
) -> TicketLookup {
    let Some(id) = link.ticket.filter(|_| !link.is_ticket_deleted()) else {
        return TicketLookup::None;
    };
    if let Some(ticket) = listed.get(&id) {
        return TicketLookup::Listed(Box::new(ticket.clone()));
    }
    // A closed pair whose title was changed needs no request.
    if !link.is_under_way() && alert.is_none_or(Alert::is_closed) {
        return TicketLookup::NotAsked;
    }
    match desk.read(id).await {
        Ok(Some(ticket)) => TicketLookup::Read(Box::new(ticket)),
        Ok(None) => TicketLookup::Gone,
        Err(error) => TicketLookup::Failed(error.chain()),
    }
}

/// Every alert, as Liongard lists it now.
async fn alerts(source: &impl AlertSource) -> Result<BTreeMap<AlertId, Alert>, PortError> {
    let mut listing = source.list().await?;
    let mut alerts = BTreeMap::new();
    while let Some(part) = listing.next().await? {
        alerts.extend(part.alerts.into_iter().map(|alert| (alert.id, alert)));
    }
    Ok(alerts)
}

/// Every ticket whose title carries a key of ours, as HaloPSA lists it now.
async fn keyed_tickets(
    desk: &impl ServiceDesk,
    policy: &Policy,
) -> Result<BTreeMap<TicketId, Ticket>, PortError> {
    let mut tickets = BTreeMap::new();
    for prefix in policy.prefixes() {
        let mut place = None;
        loop {
            let page = desk.list_keyed(prefix, place.as_ref()).await?;
            tickets.extend(page.tickets.into_iter().map(|ticket| (ticket.id, ticket)));
            place = page.rest;
            if place.is_none() {
                break;
            }
        }
    }
    Ok(tickets)
}

/// An alert without a pair, which is a difference unless the config wants no ticket for it.
fn alone(
    alert: &Alert,
    policy: Option<&Policy>,
    starts: &CustomerStarts,
    now: Timestamp,
) -> VerifiedPair {
    let mut link = Link::new(alert.id);
    link.arrival = starts.arrival(alert);
    link.parked = policy.and_then(|policy| link.reason_for_no_ticket(alert, policy));
    if link.parked.is_some() {
        let (none, holds) = (TicketLookup::None, Holds::default());
        return compare(&link, Some(alert), &none, policy, &holds, now);
    }
    VerifiedPair {
        symbol: Symbol::OnlyLiongard,
        alert: Some(alert.id),
        ticket: None,
        customer: Some(alert.environment_name.clone()),
        what: "the alert is open, and Halogard has no record of it".to_owned(),
        fields: Vec::new(),
        explained: None,
    }
}

/// A ticket without a pair.
fn strayed(ticket: TicketId) -> VerifiedPair {
    VerifiedPair {
        symbol: Symbol::OnlyHaloPsa,
        alert: None,
        ticket: Some(ticket),
        customer: None,
        what: "the ticket carries our key and belongs to no pair".to_owned(),
        fields: Vec::new(),
        explained: None,
    }
}
