//! `report`: the pairs, their lags, an incident, as tables for people and programs.

use std::collections::BTreeMap;

use halogard_app::Store;
use halogard_app::ports::{LinkFilter, PortError};
use halogard_domain::ids::{AlertId, EnvironmentId, TicketId};
use halogard_domain::pair_status::pair_status;
use halogard_domain::{Link, Policy, Timestamp};
use serde::Serialize;

use crate::lag::{ChangeWay, LagSamples, LagStatus, reached_changes};
use crate::moment::Moment;
use crate::policy::policy_in_force;
use crate::scan::for_each_link;
use crate::status::{
    ChangeLine, PairCounts, StatusProblem, StatusQuestion, Verdict, VerificationStatus,
    WaitingCount, status,
};
use crate::waiting::waiting_pair;

/// Journal entries of one pair that an incident's report reads.
const ENTRIES_MAX: usize = 2_000;

/// The answer of `report pairs`: one row for each pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PairReport {
    /// When it was asked.
    pub at: Moment,
    /// The pairs, by alert.
    pub pairs: Vec<PairRow>,
}

/// A pair. Columns are added at the end, and none is ever renamed: programs read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// The answer of `report lag`: how long changes took to reach the other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LagReport {
    /// When it was asked.
    pub at: Moment,
    /// Changes made since then are meant.
    pub since: Moment,
    /// The summary of each way.
    pub ways: Vec<LagStatus>,
    /// The changes, the slowest first.
    pub changes: Vec<LagRow>,
}

/// A change that reached the other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LagRow {
    /// Which way it took.
    pub way: ChangeWay,
    /// The customer, as Liongard names it.
    pub customer: String,
    /// The alert.
    pub alert: AlertId,
    /// The ticket.
    pub ticket: Option<TicketId>,
    /// When the change was made.
    pub made_at: Moment,
    /// When it reached the other side.
    pub reached_at: Moment,
    /// The seconds between the two.
    pub seconds: u64,
}

/// The answer of `report health`: how the installation does, and what happened since a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HealthReport {
    /// When it was asked.
    pub at: Moment,
    /// The beginning of the time that the counts are about.
    pub since: Moment,
    /// Its end.
    pub until: Moment,
    /// Whether a person is needed now.
    pub verdict: Verdict,
    /// What makes it so.
    pub problems: Vec<StatusProblem>,
    /// What happened in this time.
    #[serde(flatten)]
    pub events: PeriodEvents,
    /// What happened in the time of the same length before.
    pub before: PeriodEvents,
    /// The pairs, as they are now.
    pub pairs: PairCounts,
    /// What waits now, by cause.
    pub waiting: Vec<WaitingCount>,
    /// How long changes of this time took to reach the other side.
    pub lags: Vec<LagStatus>,
    /// How many customers are mapped.
    pub customers: CustomerShare,
    /// Messages that no worker could process.
    pub dead_letters: u64,
    /// The last scheduled comparison of both sides; absent before the first.
    pub verification: Option<VerificationStatus>,
    /// Versions, configs and commands that changed something in this time, the newest first.
    pub changes: Vec<ChangeLine>,
}

/// What happened in a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PeriodEvents {
    /// Alerts that Liongard raised.
    pub raised: usize,
    /// Tickets that were opened.
    pub opened: usize,
    /// Tickets that were closed.
    pub closed: usize,
}

/// How many customers are mapped. One without alerts and without a line in the config is known to Liongard only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CustomerShare {
    /// Customers of Liongard whose alerts were seen.
    pub seen: usize,
    /// Customers that the config maps to clients, with or without alerts.
    pub configured: usize,
    /// Of those that were seen: the config maps them.
    pub mapped: usize,
    /// The config ignores them.
    pub ignored: usize,
    /// The others, by name.
    pub unmapped: Vec<String>,
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

/// Answers `report lag` at `now`: how long changes made since `since` took to reach the other side.
///
/// # Errors
///
/// The store cannot be read.
pub async fn lag(
    store: &impl Store,
    since: Timestamp,
    now: Timestamp,
) -> Result<LagReport, PortError> {
    let (mut changes, mut samples) = (Vec::new(), LagSamples::default());
    for_each_link(store, LinkFilter::All, |link| {
        let alert = link.observed_alert.as_ref();
        let customer = alert.map(|alert| alert.environment_name.clone());
        for change in reached_changes(&link).filter(|it| it.made_at >= since) {
            samples.add_change(&change);
            changes.push(LagRow {
                way: change.way,
                customer: customer.clone().unwrap_or_default(),
                alert: link.alert,
                ticket: link.ticket,
                made_at: change.made_at.into(),
                reached_at: change.reached_at.into(),
                seconds: change.reached_at.since(change.made_at).as_secs(),
            });
        }
    })
    .await?;
    changes.sort_by_key(|row| std::cmp::Reverse(row.seconds));
    Ok(LagReport {
        at: now.into(),
        since: since.into(),
        ways: samples.summary(),
        changes,
    })
}

/// Answers `report health`: how the installation does, and what happened from `since` until `until`.
///
/// # Errors
///
/// The store cannot be read.
pub async fn health<S: Store>(
    store: &S,
    since: Timestamp,
    until: Timestamp,
    question: StatusQuestion,
) -> Result<HealthReport, PortError> {
    let now = question.now;
    let status = status(store, question).await?;
    let policy = policy_in_force(store).await?;
    let mut report = HealthReport {
        at: now.into(),
        since: since.into(),
        until: until.into(),
        verdict: status.verdict,
        problems: status.problems,
        events: PeriodEvents::default(),
        before: PeriodEvents::default(),
        pairs: status.pairs,
        waiting: status.waiting,
        lags: lag(store, since, now).await?.ways,
        customers: CustomerShare::default(),
        dead_letters: status.dead_letters,
        verification: status.verification,
        changes: status.changes,
    };
    report
        .changes
        .retain(|change| since <= change.at.0 && change.at.0 < until);
    let length = until.since(since);
    let mut environments = BTreeMap::<EnvironmentId, String>::new();
    for_each_link(store, LinkFilter::All, |link| {
        let Some(alert) = &link.observed_alert else {
            return;
        };
        environments.insert(alert.environment, alert.environment_name.clone());
        report.events.count(&link, alert.raised_at, since, until);
        let earlier = since.minus(length);
        report.before.count(&link, alert.raised_at, earlier, since);
    })
    .await?;
    report.customers.seen = environments.len();
    report.customers.configured = policy.as_ref().map_or(0, |it| it.environments.len());
    for (environment, name) in environments {
        let customers = &mut report.customers;
        let policy = policy.as_ref();
        if policy.is_some_and(|it| it.environments.contains_key(&environment)) {
            customers.mapped += 1;
        } else if policy.is_some_and(|it| it.ignored_environments.contains(&environment)) {
            customers.ignored += 1;
        } else {
            customers.unmapped.push(name);
        }
    }
    report.customers.unmapped.sort_unstable();
    Ok(report)
}

impl PeriodEvents {
    /// Counts what happened to the pair of `link`, whose alert was raised at `raised_at`, from `since` until `until`.
    fn count(&mut self, link: &Link, raised_at: Timestamp, since: Timestamp, until: Timestamp) {
        let is_meant = |at: Timestamp| since <= at && at < until;
        self.raised += usize::from(is_meant(raised_at));
        let opened = link.initial.as_ref().is_some_and(|it| is_meant(it.at));
        self.opened += usize::from(opened);
        let closure = link.base.as_ref().and_then(|base| base.ticket_closed);
        self.closed += usize::from(closure.is_some_and(|it| is_meant(it.at)));
    }
}

impl PairReport {
    /// The rows as CSV with a header, for a spreadsheet: what a cell could take for a formula gets a leading
    /// apostrophe.
    ///
    /// # Errors
    ///
    /// A row cannot be written, which no row is.
    pub fn csv(&self) -> Result<String, csv::Error> {
        let rows = self.pairs.iter().map(|row| {
            [
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
            ]
        });
        const HEADER: [&str; 13] = [
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
        ];
        written(HEADER, rows)
    }
}

impl LagReport {
    /// The changes as CSV with a header.
    ///
    /// # Errors
    ///
    /// A row cannot be written, which no row is.
    pub fn csv(&self) -> Result<String, csv::Error> {
        let rows = self.changes.iter().map(|row| {
            [
                row.way.words().to_owned(),
                cell(&row.customer),
                row.alert.to_string(),
                number(row.ticket.map(TicketId::get)),
                time(Some(row.made_at)),
                time(Some(row.reached_at)),
                row.seconds.to_string(),
            ]
        });
        const HEADER: [&str; 7] = [
            "way",
            "customer",
            "alert",
            "ticket",
            "made_at",
            "reached_at",
            "seconds",
        ];
        written(HEADER, rows)
    }
}

impl HealthReport {
    /// The figures as CSV with a header, one a row.
    ///
    /// # Errors
    ///
    /// A row cannot be written, which no row is.
    pub fn csv(&self) -> Result<String, csv::Error> {
        let figure = |name: &str, value: usize| [name.to_owned(), value.to_string()];
        let mut rows = vec![
            ["at".to_owned(), time(Some(self.at))],
            ["since".to_owned(), time(Some(self.since))],
            figure("problems", self.problems.len()),
            figure("alerts_raised", self.events.raised),
            figure("tickets_opened", self.events.opened),
            figure("tickets_closed", self.events.closed),
            figure("pairs", self.pairs.total),
            figure("pairs_in_sync", self.pairs.in_sync),
            figure("pairs_behind", self.pairs.behind),
            figure("pairs_waiting", self.pairs.waiting),
            ["dead_letters".to_owned(), self.dead_letters.to_string()],
            figure("customers_seen", self.customers.seen),
            figure("customers_mapped", self.customers.mapped),
            figure("customers_ignored", self.customers.ignored),
            figure("customers_unmapped", self.customers.unmapped.len()),
            figure("customers_in_config", self.customers.configured),
        ];
        if let Some(verification) = &self.verification {
            let count: u64 = verification.differences.values().sum();
            rows.push(["differences".to_owned(), count.to_string()]);
        }
        for waiting in &self.waiting {
            let name = format!("waiting_{}", waiting.cause.name().replace('-', "_"));
            rows.push(figure(&name, waiting.count));
        }
        for lag in &self.lags {
            let way = lag.way.replace(' ', "_");
            rows.push([format!("{way}_p50_seconds"), lag.p50_seconds.to_string()]);
            rows.push([format!("{way}_p95_seconds"), lag.p95_seconds.to_string()]);
        }
        written(["figure", "value"], rows)
    }
}

/// A CSV text with `header` and `rows`.
fn written<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row)?;
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A time in a cell.
fn time(at: Option<Moment>) -> String {
    at.map(|at| at.0.to_string()).unwrap_or_default()
}

/// A number in a cell.
fn number(number: Option<u64>) -> String {
    number.map(|it| it.to_string()).unwrap_or_default()
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
