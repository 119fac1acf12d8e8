//! `serve --dry-run`: which tickets the first poll would open, by customer. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use halogard_app::Store;
use halogard_app::ports::{AlertListing as _, AlertSource, PortError};
use halogard_domain::ids::AlertId;
use halogard_domain::policy::{Mode, ParkReason};
use halogard_domain::record::Singleton;
use halogard_domain::start::{Arrival, CustomerStarts, UNDECIDED_MAX};
use halogard_domain::{Alert, Link, Policy, Timestamp};
use serde::Serialize;

use crate::moment::Moment;

/// Links that are read at once.
const CHUNK: usize = 200;

/// The answer of `serve --dry-run`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DayOneAnswer {
    /// When it was asked.
    pub at: Moment,
    /// Alerts that Liongard lists, and that are open and not hidden.
    pub open_alerts: usize,
    /// Tickets that would be opened.
    pub would_open: usize,
    /// Alerts that would wait until the operator chooses which of them get tickets.
    pub undecided: usize,
    /// Whether the operator must choose before they get tickets.
    pub must_choose: bool,
    /// The customers, those with most tickets first.
    pub customers: Vec<CustomerDayOne>,
}

/// What the open alerts of a customer would get.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CustomerDayOne {
    /// The customer, as Liongard names it.
    pub customer: String,
    /// Its environment.
    pub environment: u64,
    /// A ticket.
    pub would_open: usize,
    /// They have a ticket.
    pub have_ticket: usize,
    /// None, by the operator's choice: they would be watched.
    pub watched: usize,
    /// None until the operator chooses.
    pub undecided: usize,
    /// None until the config maps the customer or names a template.
    pub waiting: usize,
    /// When the oldest of them was raised.
    pub oldest: Option<Moment>,
}

/// Reads Liongard's list and says what each open alert would get under `policy`.
///
/// # Errors
///
/// The list cannot be read to its end, or the store cannot be read.
pub async fn preview<S: Store, L: AlertSource>(
    store: &S,
    liongard: &L,
    policy: &Policy,
    now: Timestamp,
) -> Result<DayOneAnswer, PortError> {
    let mut alerts = Vec::new();
    let mut listing = liongard.list().await?;
    while let Some(part) = listing.next().await? {
        let open = |alert: &Alert| alert.visible && !alert.is_closed();
        alerts.extend(part.alerts.into_iter().filter(open));
    }
    let mut starts = store.load_record::<CustomerStarts>(&Singleton).await?.value;
    starts.begin(policy.environments.keys().copied(), now);
    let links = links_of(store, &alerts).await?;
    let has_ticket = |alert: &Alert| links.get(&alert.id).is_some_and(|it| it.ticket.is_some());
    let undecided = alerts
        .iter()
        .filter(|alert| !has_ticket(alert) && starts.is_undecided(alert, policy))
        .count();
    starts.undecided = u32::try_from(undecided).unwrap_or(u32::MAX);
    let mut customers: BTreeMap<u64, CustomerDayOne> = BTreeMap::new();
    for alert in &alerts {
        let environment = alert.environment.get();
        let customer = customers
            .entry(environment)
            .or_insert_with(|| CustomerDayOne {
                customer: alert.environment_name.clone(),
                environment,
                ..CustomerDayOne::default()
            });
        let raised = Moment(alert.raised_at);
        customer.oldest = Some(customer.oldest.map_or(raised, |oldest| oldest.min(raised)));
        *customer.count_of(alert, links.get(&alert.id), policy, &starts) += 1;
    }
    let mut customers: Vec<CustomerDayOne> = customers.into_values().collect();
    customers.sort_by(|one, other| {
        let key = |it: &CustomerDayOne| (it.would_open + it.undecided, it.waiting);
        key(other)
            .cmp(&key(one))
            .then_with(|| one.customer.cmp(&other.customer))
    });
    Ok(DayOneAnswer {
        at: now.into(),
        open_alerts: alerts.len(),
        would_open: customers.iter().map(|it| it.would_open).sum(),
        undecided,
        must_choose: starts.undecided > UNDECIDED_MAX,
        customers,
    })
}

/// The links of `alerts`.
async fn links_of(
    store: &impl Store,
    alerts: &[Alert],
) -> Result<BTreeMap<AlertId, Link>, PortError> {
    let mut links = BTreeMap::new();
    for chunk in alerts.chunks(CHUNK) {
        let ids: BTreeSet<AlertId> = chunk.iter().map(|alert| alert.id).collect();
        let loaded = store.load_many(&ids).await?.into_iter();
        links.extend(loaded.map(|link| (link.alert, link)));
    }
    Ok(links)
}

impl CustomerDayOne {
    /// The count to which `alert` adds.
    fn count_of(
        &mut self,
        alert: &Alert,
        link: Option<&Link>,
        policy: &Policy,
        starts: &CustomerStarts,
    ) -> &mut usize {
        let mut link = link.cloned().unwrap_or_else(|| Link::new(alert.id));
        if link.ticket.is_some() || (policy.mode != Mode::Managed && alert.native_ticket.is_some())
        {
            return &mut self.have_ticket;
        }
        if link.arrival != Some(Arrival::TicketRequested) {
            link.arrival = starts.arrival(alert);
        }
        match link.reason_for_no_ticket(alert, policy) {
            None if policy.mode == Mode::Managed => &mut self.would_open,
            None => &mut self.waiting,
            Some(ParkReason::StartUndecided) => &mut self.undecided,
            Some(reason) if reason.is_chosen() => &mut self.watched,
            Some(_) => &mut self.waiting,
        }
    }
}
