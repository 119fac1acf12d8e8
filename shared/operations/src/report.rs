//! `report`: the pairs, their lags, an incident, as tables for people and programs.

use std::collections::BTreeMap;

use halogard_app::Store;
use halogard_app::ports::{LinkFilter, PortError};
use halogard_domain::ids::{AlertId, EnvironmentId, TicketId};
use halogard_domain::pair_status::pair_status;
use halogard_domain::{Link, Policy, Timestamp};
use serde::Serialize;

use crate::moment::Moment;
use crate::policy::policy_in_force;
use crate::scan::for_each_link;
use crate::waiting::waiting_pair;

/// Journal entries of one pair that an incident's report reads.
const ENTRIES_MAX: usize = 2_000;

/// The answer of `report pairs` and `report lag`: one row for each pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PairReport {
    /// When it was asked.
    pub at: Moment,
    /// The pairs, by alert.
    pub pairs: Vec<PairRow>,
}

/// A pair. Columns are added at the end, and none is ever renamed: programs read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PairRow {
    /// The alert.
    pub alert: AlertId,
    /// The environment.
    pub environment: Option<EnvironmentId>,
    /// The customer, as Liongard names it.
    pub customer: String,
    /// The alert's name.
    pub name: String,
    /// The alert's status.
    pub alert_status: String,
    /// The alert's priority.
    pub alert_priority: String,
    /// The ticket.
    pub ticket: Option<TicketId>,
    /// The pair's state, as a stable word.
    pub state: String,
    /// Why it waits, as a stable word.
    pub waits_for: Option<String>,
    /// When Liongard raised the alert.
    pub raised_at: Option<Moment>,
    /// When its ticket was opened, as far as that is known.
    pub opened_at: Option<Moment>,
    /// The seconds between the two.
    pub seconds_to_ticket: Option<u64>,
    /// When the ticket was closed.
    pub closed_at: Option<Moment>,
}

/// The answer of `report incident`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IncidentReport {
    /// When it was asked.
    pub at: Moment,
    /// The beginning of the time that it is about.
    pub since: Moment,
    /// Its end.
    pub until: Moment,
    /// Alerts that Liongard raised in this time.
    pub raised: usize,
    /// Of them, alerts that have a ticket now.
    pub with_ticket: usize,
    /// The longest that one of them waited for its ticket, in seconds.
    pub longest_seconds_to_ticket: Option<u64>,
    /// What was done in this time, by event.
    pub events: BTreeMap<String, usize>,
    /// The pairs that something happened to, without those that only wait.
    pub alerts: Vec<AlertId>,
}

/// Answers `report pairs` at `now`: the pairs of `customer`, by name or environment, or all of them.
///
/// # Errors
///
/// The store cannot be read.
pub async fn pairs(
    store: &impl Store,
    customer: Option<&str>,
    now: Timestamp,
) -> Result<PairReport, PortError> {
    let policy = policy_in_force(store).await?;
    let mut pairs = Vec::new();
    for_each_link(store, LinkFilter::All, |link| {
        let row = row(&link, policy.as_ref(), now);
        let is_meant = customer.is_none_or(|customer| {
            row.customer.eq_ignore_ascii_case(customer.trim())
                || row
                    .environment
                    .is_some_and(|it| it.to_string() == customer.trim())
        });
        if is_meant {
            pairs.push(row);
        }
    })
    .await?;
    Ok(PairReport {
        at: now.into(),
        pairs,
    })
}

/// Answers `report incident` at `now`: what happened from `since` until `until`.
///
/// # Errors
///
/// The store cannot be read.
pub async fn incident(
    store: &impl Store,
    since: Timestamp,
    until: Timestamp,
    now: Timestamp,
) -> Result<IncidentReport, PortError> {
    let mut report = IncidentReport {
        at: now.into(),
        since: since.into(),
        until: until.into(),
        raised: 0,
        with_ticket: 0,
        longest_seconds_to_ticket: None,
        events: BTreeMap::new(),
        alerts: Vec::new(),
    };
    let is_meant = |at: Timestamp| since <= at && at < until;
    let mut touched = Vec::new();
    for_each_link(store, LinkFilter::All, |link| {
        let Some(alert) = &link.observed_alert else {
            return;
        };
        if is_meant(alert.raised_at) {
            report.raised += 1;
            report.with_ticket += usize::from(link.ticket.is_some());
            report.longest_seconds_to_ticket = report
                .longest_seconds_to_ticket
                .max(seconds_to_ticket(&link));
        }
        let ticket = link.observed_ticket.as_ref();
        let changed = ticket.is_some_and(|ticket| ticket.changed_at >= since);
        if alert.raised_at < until && (alert.changed_at >= since || changed) {
            touched.push(link.alert);
        }
    })
    .await?;
    for alert in touched {
        let journal = store.journal(alert, ENTRIES_MAX).await?;
        let mut has_event = false;
        for entry in journal.iter().filter(|entry| is_meant(entry.at)) {
            *report.events.entry(entry.event.clone()).or_default() += 1;
            has_event = true;
        }
        if has_event {
            report.alerts.push(alert);
        }
    }
    Ok(report)
}

/// The rows as CSV with a header, for a spreadsheet: what a cell could take for a formula gets a leading
/// apostrophe.
///
/// # Errors
///
/// A row cannot be written, which no row is.
pub fn csv(report: &PairReport) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "alert",
        "environment",
        "customer",
        "name",
        "alert_status",
        "alert_priority",
        "ticket",
        "state",
        "waits_for",
        "raised_at",
        "opened_at",
        "seconds_to_ticket",
        "closed_at",
    ])?;
    let time = |at: Option<Moment>| at.map(|at| at.0.to_string()).unwrap_or_default();
    for row in &report.pairs {
        let number = |number: Option<u64>| number.map(|it| it.to_string()).unwrap_or_default();
        writer.write_record([
            row.alert.to_string(),
            number(row.environment.map(EnvironmentId::get)),
            cell(&row.customer),
            cell(&row.name),
            cell(&row.alert_status),
            cell(&row.alert_priority),
            number(row.ticket.map(TicketId::get)),
            row.state.clone(),
            row.waits_for.clone().unwrap_or_default(),
            time(row.raised_at),
            time(row.opened_at),
            number(row.seconds_to_ticket),
            time(row.closed_at),
        ])?;
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Text that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// The row of `link`.
fn row(link: &Link, policy: Option<&Policy>, now: Timestamp) -> PairRow {
    let alert = link.observed_alert.as_ref();
    let word = |value: serde_json::Value| match value {
        serde_json::Value::String(word) => word,
        // `{"parked":"unmapped"}`
        other => other.to_string().replace(['{', '}', '"'], ""),
    };
    let state = policy.map(|policy| pair_status(link, policy, now));
    let waiting = policy.and_then(|policy| waiting_pair(link, policy, now));
    let closure = link.base.as_ref().and_then(|base| base.ticket_closed);
    PairRow {
        alert: link.alert,
        environment: alert.map(|alert| alert.environment),
        customer: alert
            .map(|it| it.environment_name.clone())
            .unwrap_or_default(),
        name: alert.map(|it| it.name.clone()).unwrap_or_default(),
        alert_status: alert.map(|it| it.status.to_string()).unwrap_or_default(),
        alert_priority: alert.map(|it| it.priority.to_string()).unwrap_or_default(),
        ticket: link.ticket,
        state: word(serde_json::to_value(state).unwrap_or_default()),
        waits_for: waiting.map(|it| word(serde_json::to_value(it.cause).unwrap_or_default())),
        raised_at: alert.map(|it| it.raised_at.into()),
        opened_at: link.initial.as_ref().map(|it| it.at.into()),
        seconds_to_ticket: seconds_to_ticket(link),
        closed_at: closure.map(|it| it.at.into()),
    }
}

/// The seconds from the alert to its first ticket, as far as the opening was seen.
fn seconds_to_ticket(link: &Link) -> Option<u64> {
    let (alert, initial) = (link.observed_alert.as_ref()?, link.initial.as_ref()?);
    (link.recurrence == 1).then(|| initial.at.since(alert.raised_at).as_secs())
}
