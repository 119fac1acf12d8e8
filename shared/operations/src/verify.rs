//! `verify`: both sides, record by record, as they are now.

use std::collections::{BTreeMap, BTreeSet};

use halogard_app::Store;
use halogard_app::ports::{AlertListing, AlertSource, LinkFilter, PortError, ServiceDesk};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::policy::Mode;
use halogard_domain::storm::Membership;
use halogard_domain::{Alert, Link, Policy, Ticket, Timestamp};
use serde::Serialize;

use crate::moment::Moment;
use crate::policy::policy_in_force;
use crate::scan::for_each_link;
use crate::waiting::waiting_pair;

/// The answer of `verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyAnswer {
    /// When it was asked.
    pub at: Moment,
    /// Alerts in Liongard's list.
    pub alerts: usize,
    /// Tickets that were read in HaloPSA.
    pub tickets: usize,
    /// How many records are of each kind.
    pub counts: BTreeMap<Symbol, usize>,
    /// Differences that are not explained: work that is missing.
    pub differences: usize,
    /// The records, by alert; those that are equal are left out unless they were asked for.
    pub records: Vec<VerifiedPair>,
}

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
    let mut tickets = match &policy {
        Some(policy) => keyed_tickets(desk, policy).await?,
        None => BTreeMap::new(),
    };
    let listed = alerts.len();
    let mut answer = VerifyAnswer {
        at: now.into(),
        alerts: listed,
        tickets: tickets.len(),
        counts: BTreeMap::new(),
        differences: 0,
        records: Vec::new(),
    };
    let mut owned = BTreeSet::new();
    for link in &links {
        owned.extend(link.ticket);
        owned.extend(&link.earlier_tickets);
        owned.extend(&link.merged_tickets);
        let alert = alerts.remove(&link.alert);
        let ticket = match link.ticket {
            Some(id) if !link.is_ticket_deleted() => match tickets.remove(&id) {
                Some(ticket) => Seen::Ticket(Box::new(ticket)),
                // A closed pair whose title was changed needs no request.
                None if !link.is_under_way() && alert.as_ref().is_none_or(Alert::is_closed) => {
                    Seen::NotAsked
                }
                None => {
                    answer.tickets += 1;
                    match desk.read(id).await {
                        Ok(Some(ticket)) => Seen::Ticket(Box::new(ticket)),
                        Ok(None) => Seen::Gone,
                        Err(error) => Seen::Failed(error.chain()),
                    }
                }
            },
            _ => Seen::None,
        };
        let record = compare(link, alert.as_ref(), &ticket, policy.as_ref(), now);
        answer.add(record, all);
    }
    for alert in alerts.into_values() {
        if !alert.is_closed() && alert.visible {
            let what = "the alert is open, and Halogard has no record of it";
            answer.add(alone(&alert, what), all);
        }
    }
    for (id, ticket) in tickets {
        if !owned.contains(&id) && ticket.is_present() {
            let record = VerifiedPair {
                symbol: Symbol::OnlyHaloPsa,
                alert: None,
                ticket: Some(id),
                customer: None,
                what: "the ticket carries our key and belongs to no pair".to_owned(),
                explained: None,
            };
            answer.add(record, all);
        }
    }
    Ok(answer)
}

impl VerifyAnswer {
    /// The alerts whose pairs differ and can be reconciled once more.
    #[must_use]
    pub fn repairable(&self) -> BTreeSet<AlertId> {
        let records = self.records.iter();
        records
            .filter(|record| record.symbol != Symbol::Same && record.explained.is_none())
            .filter_map(|record| record.alert)
            .collect()
    }

    fn add(&mut self, record: VerifiedPair, all: bool) {
        *self.counts.entry(record.symbol).or_default() += 1;
        let is_same = record.symbol == Symbol::Same;
        self.differences += usize::from(!is_same && record.explained.is_none());
        if all || !is_same {
            self.records.push(record);
        }
    }
}

/// What HaloPSA says of a pair's ticket.
enum Seen {
    /// The pair has none.
    None,
    /// It was not asked: both sides are closed.
    NotAsked,
    Ticket(Box<Ticket>),
    /// There is no such ticket.
    Gone,
    /// It cannot be read.
    Failed(String),
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

/// An alert without a pair.
fn alone(alert: &Alert, what: &str) -> VerifiedPair {
    VerifiedPair {
        symbol: Symbol::OnlyLiongard,
        alert: Some(alert.id),
        ticket: None,
        customer: Some(alert.environment_name.clone()),
        what: what.to_owned(),
        explained: None,
    }
}

/// Compares the pair of `link` with what both sides say now.
fn compare(
    link: &Link,
    alert: Option<&Alert>,
    ticket: &Seen,
    policy: Option<&Policy>,
    now: Timestamp,
) -> VerifiedPair {
    let last = link.observed_alert.as_ref();
    let waiting = policy.and_then(|policy| waiting_pair(link, policy, now));
    let explained = waiting.map(|waiting| waiting.cause.words().to_owned());
    let record = |symbol, what: &str, explained| VerifiedPair {
        symbol,
        alert: Some(link.alert),
        ticket: link.ticket,
        customer: alert.or(last).map(|alert| alert.environment_name.clone()),
        what: what.to_owned(),
        explained,
    };
    // An alert that is no longer listed is as it was last seen.
    let alert_closed = match alert.or(last) {
        Some(alert) => link.is_resolved(alert),
        None => return record(Symbol::Unreadable, "the alert was never read", explained),
    };
    let is_hidden = alert.is_some_and(|alert| !alert.visible);
    let by_others = policy.is_some_and(|policy| policy.mode == Mode::Native);
    match ticket {
        Seen::NotAsked => record(Symbol::Same, "both are closed", None),
        Seen::Failed(said) => record(Symbol::Unreadable, said, None),
        Seen::Gone if alert_closed => record(Symbol::Same, "closed, and the ticket is gone", None),
        Seen::Gone => record(
            Symbol::OnlyLiongard,
            "the alert is open, and its ticket is gone",
            None,
        ),
        Seen::None if link.is_ticket_deleted() => record(
            Symbol::Same,
            "the ticket was deleted",
            Some("a person deleted it".to_owned()),
        ),
        Seen::None
            if alert_closed
                || is_hidden
                || matches!(link.membership, Some(Membership::Member { .. })) =>
        {
            record(Symbol::Same, "no ticket is needed", None)
        }
        Seen::None => record(
            Symbol::OnlyLiongard,
            "the alert is open, and it has no ticket",
            explained.or_else(|| by_others.then(|| "Liongard's own ticketing opens it".to_owned())),
        ),
        Seen::Ticket(ticket) => {
            let statuses = alert.or(last).and_then(|alert| {
                let chosen = policy?.choose(alert).ok()?;
                Some(&chosen.1.statuses)
            });
            let Some(statuses) = statuses else {
                return record(Symbol::Differs, "the config maps it no longer", explained);
            };
            let ticket_closed = statuses.is_closed(ticket.status);
            match (alert_closed, ticket_closed) {
                (true, true) => record(Symbol::Same, "both are closed", None),
                (false, false) => record(Symbol::Same, "both are open", None),
                (true, false) => record(
                    Symbol::Differs,
                    "the alert is closed, the ticket is open",
                    explained,
                ),
                (false, true) => record(
                    Symbol::Differs,
                    "the alert is open, the ticket is closed",
                    explained,
                ),
            }
        }
    }
}
