//! What a change of the config does to the alerts and tickets that are known.

use std::collections::BTreeMap;

use halogard_app::Store;
use halogard_app::ports::{LinkFilter, PortError};
use halogard_domain::policy::ParkReason;
use halogard_domain::record::Singleton;
use halogard_domain::start::{Arrival, CustomerStarts};
use halogard_domain::{Alert, Link, Policy, Step, Timestamp, plan};
use serde::Serialize;

use crate::scan::for_each_link;

/// What a change of the config does, by customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConfigEffects {
    /// Alerts that waited and get tickets.
    pub released: Vec<AlertsOf>,
    /// Alerts that keep waiting.
    pub waiting: Vec<AlertsOf>,
    /// Alerts that were open before their customer got tickets, and get none: they are watched.
    pub watched: Vec<AlertsOf>,
    /// Alerts that were there before, and wait until `[start] tickets_for` is chosen.
    pub undecided: Vec<AlertsOf>,
    /// Open tickets that keep the config they were opened with, because the customer or the template of
    /// their alerts is another one.
    pub kept: Vec<AlertsOf>,
    /// Open tickets that are changed with their next report: another status, field or note.
    pub changed: Vec<AlertsOf>,
    /// What new alerts get that are like those known, where it is something else than before.
    pub new_alerts: Vec<RouteChange>,
}

/// Alerts of one customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlertsOf {
    /// The customer, as Liongard names it.
    pub customer: String,
    /// How many alerts.
    pub alerts: usize,
}

/// What new alerts of a customer get.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteChange {
    /// The customer, as Liongard names it.
    pub customer: String,
    /// What they got.
    pub before: String,
    /// What they get.
    pub after: String,
    /// How many known alerts are like them.
    pub known_alerts: usize,
}

/// How many alerts there are, by customer.
#[derive(Default)]
struct Counts(BTreeMap<String, usize>);

impl Counts {
    fn add(&mut self, alert: &Alert) {
        let count = self.0.entry(alert.environment_name.clone()).or_default();
        *count += 1;
    }

    fn lines(self) -> Vec<AlertsOf> {
        let counts = self.0.into_iter();
        counts
            .map(|(customer, alerts)| AlertsOf { customer, alerts })
            .collect()
    }
}

/// What the change from `before` to `after` does to the pairs of `store`.
pub(super) async fn of(
    store: &impl Store,
    before: Option<&Policy>,
    after: &Policy,
    now: Timestamp,
) -> Result<ConfigEffects, PortError> {
    let nothing = Policy::empty(after.mode);
    let before = before.unwrap_or(&nothing);
    let (mut released, mut waiting) = (Counts::default(), Counts::default());
    let (mut watched, mut undecided) = (Counts::default(), Counts::default());
    let (mut kept, mut changed) = (Counts::default(), Counts::default());
    let mut routes: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    let starts = starts_under(store, after, now).await?;
    for_each_link(store, LinkFilter::All, |link| {
        let Some(alert) = &link.observed_alert else {
            return;
        };
        let (old, new) = (route(before, alert), route(after, alert));
        if old != new {
            let customer = alert.environment_name.clone();
            *routes.entry((customer, old, new)).or_default() += 1;
        }
        if link.is_under_way() {
            if !before.treats_alike(after, alert) {
                kept.add(alert);
            } else if steps(&link, before, now) != steps(&link, after, now) {
                changed.add(alert);
            }
        } else if link.ticket.is_none() && link.has_open_cause() {
            let mut link = link.clone();
            if link.arrival != Some(Arrival::TicketRequested) {
                link.arrival = starts.arrival(alert);
            }
            match link.reason_for_no_ticket(alert, after) {
                None if link.parked.is_some() => released.add(alert),
                Some(ParkReason::StartUndecided) => undecided.add(alert),
                Some(ParkReason::BeforeStart) => watched.add(alert),
                Some(reason) if !reason.is_chosen() => waiting.add(alert),
                _ => {}
            }
        }
    })
    .await?;
    let routes = routes.into_iter();
    Ok(ConfigEffects {
        released: released.lines(),
        waiting: waiting.lines(),
        watched: watched.lines(),
        undecided: undecided.lines(),
        kept: kept.lines(),
        changed: changed.lines(),
        new_alerts: routes
            .map(|((customer, before, after), known_alerts)| RouteChange {
                customer,
                before,
                after,
                known_alerts,
            })
            .collect(),
    })
}

/// What is known of the customers' first days once `policy` is in force.
async fn starts_under(
    store: &impl Store,
    policy: &Policy,
    now: Timestamp,
) -> Result<CustomerStarts, PortError> {
    let mut starts = store.load_record::<CustomerStarts>(&Singleton).await?.value;
    starts.begin(policy.environments.keys().copied(), now);
    let mut undecided = 0_u32;
    for_each_link(store, LinkFilter::Parked, |link| {
        let alert = link.observed_alert.as_ref();
        let waits = alert.is_some_and(|alert| starts.is_undecided(alert, policy));
        undecided = undecided.saturating_add(u32::from(waits));
    })
    .await?;
    starts.undecided = undecided;
    Ok(starts)
}

/// What the pair lacks under `policy`.
fn steps(link: &Link, policy: &Policy, now: Timestamp) -> Vec<Step> {
    let (alert, ticket) = (link.observed_alert.as_ref(), link.observed_ticket.as_ref());
    plan(link, alert, ticket, policy, now)
}

/// What `alert` gets under `policy`, in words.
fn route(policy: &Policy, alert: &Alert) -> String {
    match policy.choose(alert) {
        Ok((mapping, template)) => format!("client {}, template {}", mapping.client, template.name),
        Err(ParkReason::Unmapped) => "waits: not mapped".to_owned(),
        Err(ParkReason::NoTemplate) => "waits: no template".to_owned(),
        Err(ParkReason::Ignored) => "no ticket: ignored".to_owned(),
        Err(ParkReason::NotTicketed) => "no ticket: by a rule".to_owned(),
        Err(ParkReason::BeforeStart | ParkReason::StartUndecided) => {
            "no ticket: day one".to_owned()
        }
    }
}
