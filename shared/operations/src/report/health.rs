//! `report health`: how the installation does, and what happened since a time.

use std::collections::BTreeMap;

use halogard_app::Store;
use halogard_app::ports::{LinkFilter, PortError};
use halogard_domain::ids::EnvironmentId;
use halogard_domain::{Link, Timestamp};
use serde::Serialize;

use super::lag::lag;
use super::table::{time, written};
use crate::lag::LagStatus;
use crate::moment::Moment;
use crate::policy::policy_in_force;
use crate::scan::for_each_link;
use crate::status::{
    ChangeLine, PairCounts, StatusProblem, StatusQuestion, Verdict, VerificationStatus,
    WaitingCount, status,
};

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
