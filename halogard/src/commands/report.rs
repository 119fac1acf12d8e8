//! `report`: tables for people and programs.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use halogard_app::Store;
use halogard_app::ports::Clock as _;
use halogard_domain::Timestamp;
use halogard_operations::lag::LagStatus;
use halogard_operations::moment::{Direction, in_order, read_time};
use halogard_operations::report::{
    self, HealthReport, IncidentReport, LagReport, PairReport, PeriodEvents,
};
use halogard_runtime::SystemClock;

use super::status::{change_rows, compared, lag_row, status_question};
use crate::opened_store::{self, OpenedStore, StoreCommand, StoreOptions};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage, span};

/// The reports.
#[derive(Clone, Debug, Subcommand)]
pub enum ReportCommand {
    /// One row for each pair: customer, alert, ticket, state, times, seconds to the ticket.
    Pairs(PairsOptions),
    /// How the installation does: problems, what waits, lags, customers that are not mapped; and what happened since.
    Health(SinceOptions),
    /// How long each change took to reach the other side.
    Lag(SinceOptions),
    /// A summary of a time range: alerts raised, tickets opened, the longest wait, events.
    Incident(IncidentOptions),
}

/// Options of `report pairs`.
#[derive(Clone, Debug, Args)]
pub struct PairsOptions {
    /// Only this customer: its name in Liongard, or its environment id.
    #[arg(long, value_name = "CUSTOMER")]
    pub customer: Option<String>,
    /// Print CSV for a spreadsheet.
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `report health` and `report lag`.
#[derive(Clone, Debug, Args)]
pub struct SinceOptions {
    /// From when on: 24h, 7d, 30d, a day or a time.
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub since: String,
    /// Print CSV for a spreadsheet.
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `report incident`.
#[derive(Clone, Debug, Args)]
pub struct IncidentOptions {
    /// From when on: 2h, 7d, a day or a time.
    #[arg(long, value_name = "TIME")]
    pub since: String,
    /// Until when; now when not given.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Prints a report.
pub async fn run(command: &ReportCommand) -> anyhow::Result<ExitCode> {
    let now = SystemClock.now();
    match command {
        ReportCommand::Pairs(options) => {
            let command = ListPairs(options.customer.as_deref());
            let answer = opened_store::run(&options.store, command).await?;
            if options.csv {
                output::result(answer.csv()?.trim_end());
            } else {
                page::print(&answer, options.store.json, write_pairs)?;
            }
        }
        ReportCommand::Health(options) => {
            let since = read_time(&options.since, now, Direction::Past)?;
            let answer = opened_store::run(&options.store, AskHealth(since)).await?;
            if options.csv {
                output::result(answer.csv()?.trim_end());
            } else {
                page::print(&answer, options.store.json, write_health)?;
            }
        }
        ReportCommand::Lag(options) => {
            let since = read_time(&options.since, now, Direction::Past)?;
            let answer = opened_store::run(&options.store, ListLags(since)).await?;
            if options.csv {
                output::result(answer.csv()?.trim_end());
            } else {
                page::print(&answer, options.store.json, write_lag)?;
            }
        }
        ReportCommand::Incident(options) => {
            let time = |text: &str| read_time(text, now, Direction::Past);
            let until = options.until.as_deref().map(time).transpose()?;
            let command = TellIncident {
                since: time(&options.since)?,
                until: until.unwrap_or(now),
            };
            in_order(command.since, command.until)?;
            let answer = opened_store::run(&options.store, command).await?;
            page::print(&answer, options.store.json, write_incident)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists the pairs of a customer, or all.
struct ListPairs<'a>(Option<&'a str>);

impl StoreCommand for ListPairs<'_> {
    type Output = PairReport;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<PairReport> {
        Ok(report::pairs(&opened.store, self.0, SystemClock.now()).await?)
    }
}

/// Asks how the installation does.
struct AskHealth(Timestamp);

impl StoreCommand for AskHealth {
    type Output = HealthReport;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<HealthReport> {
        let question = status_question(&opened).await;
        let now = question.now;
        Ok(report::health(&opened.store, self.0, now, question).await?)
    }
}

/// Lists how long changes took.
struct ListLags(Timestamp);

impl StoreCommand for ListLags {
    type Output = LagReport;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<LagReport> {
        Ok(report::lag(&opened.store, self.0, SystemClock.now()).await?)
    }
}

/// Finds out what happened in a time.
struct TellIncident {
    since: Timestamp,
    until: Timestamp,
}

impl StoreCommand for TellIncident {
    type Output = IncidentReport;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<IncidentReport> {
        let now = SystemClock.now();
        Ok(report::incident(&opened.store, self.since, self.until, now).await?)
    }
}

/// Puts the pairs on a page.
pub fn write_pairs(answer: &PairReport, page: &mut TextPage) {
    if answer.pairs.is_empty() {
        page.line("there is no pair");
        return;
    }
    let rows = answer.pairs.iter().map(|row| {
        let ticket = row.ticket.map(|ticket| format!("#{ticket}"));
        let seconds = row.seconds_to_ticket.map(std::time::Duration::from_secs);
        vec![
            Cell::from(&row.customer),
            row.alert.to_string().into(),
            ticket.unwrap_or_default().into(),
            row.waits_for.as_ref().unwrap_or(&row.state).into(),
            seconds.map(span).unwrap_or_default().into(),
            Cell::from(&row.name),
        ]
    });
    page.rows(
        &[
            "customer",
            "alert",
            "ticket",
            "state",
            "ticket after",
            "name",
        ],
        rows.collect(),
    );
}

/// Puts an incident on a page.
pub fn write_incident(answer: &IncidentReport, page: &mut TextPage) {
    page.line(format!("{} to {}", answer.since, answer.until));
    let longest = answer.longest_seconds_to_ticket;
    let longest = longest.map(std::time::Duration::from_secs);
    page.rows(
        &[],
        vec![
            vec!["alerts raised".into(), answer.raised.to_string().into()],
            vec![
                "with a ticket now".into(),
                answer.with_ticket.to_string().into(),
            ],
            vec![
                "longest until its ticket".into(),
                longest.map(span).unwrap_or_default().into(),
            ],
        ],
    );
    page.gap();
    if answer.events.is_empty() {
        page.line(Cell::new("nothing was done in this time", Mood::Dim));
        return;
    }
    let rows = answer
        .events
        .iter()
        .map(|(event, count)| vec![Cell::from(event), count.to_string().into()]);
    page.rows(&["event", "times"], rows.collect());
}

/// The slowest changes that are shown; CSV and JSON hold all of them.
const SLOWEST_SHOWN: usize = 20;

/// Puts the lags on a page.
pub fn write_lag(answer: &LagReport, page: &mut TextPage) {
    if answer.changes.is_empty() {
        page.line(format!(
            "no change since {} is known to have reached the other side",
            answer.since
        ));
        return;
    }
    write_ways(&answer.ways, page);
    page.gap();
    page.line("The slowest");
    let slowest = answer.changes.iter().take(SLOWEST_SHOWN);
    let rows = slowest.map(|row| {
        let ticket = row.ticket.map(|ticket| format!("#{ticket}"));
        vec![
            page::span(std::time::Duration::from_secs(row.seconds)).into(),
            row.way.words().into(),
            row.alert.to_string().into(),
            ticket.unwrap_or_default().into(),
            Cell::from(&row.customer),
            row.made_at.to_string().into(),
        ]
    });
    page.rows(
        &["", "way", "alert", "ticket", "customer", "made at"],
        rows.collect(),
    );
}

/// Puts the summary of each way on a page.
fn write_ways(ways: &[LagStatus], page: &mut TextPage) {
    page.rows(
        &["", "half within", "95 % within", "longest", "changes"],
        ways.iter().map(lag_row).collect(),
    );
}

/// Puts the health on a page.
pub fn write_health(answer: &HealthReport, page: &mut TextPage) {
    page.line(format!("{} to {}", answer.since, answer.until));
    if answer.problems.is_empty() {
        page.line(Cell::new("nothing needs a person", Mood::Good));
    }
    let problems = answer.problems.iter().map(|problem| {
        let remedy = format!("fix: {}", problem.remedy);
        vec![Cell::new(&problem.what, Mood::Bad), remedy.into()]
    });
    page.rows(&[], problems.collect());
    page.gap();
    let figure = |name: &str, value: usize| vec![Cell::from(name), value.to_string().into()];
    let event = |name: &str, of: fn(&PeriodEvents) -> usize| {
        let (now, before) = (of(&answer.events), of(&answer.before));
        vec![Cell::from(name), format!("{now} ({before} before)").into()]
    };
    let customers = &answer.customers;
    let mut figures = vec![
        event("alerts raised", |events| events.raised),
        event("tickets opened", |events| events.opened),
        event("tickets closed", |events| events.closed),
        figure("pairs in sync", answer.pairs.in_sync),
        figure("pairs behind", answer.pairs.behind),
        figure("pairs that wait", answer.pairs.waiting),
    ];
    figures.push(vec![
        "dead letters".into(),
        answer.dead_letters.to_string().into(),
    ]);
    figures.push(vec![
        "customers with alerts".into(),
        format!(
            "{}: {} mapped, {} ignored, {} not mapped; the config maps {}",
            customers.seen,
            customers.mapped,
            customers.ignored,
            customers.unmapped.len(),
            customers.configured
        )
        .into(),
    ]);
    if let Some(verification) = &answer.verification {
        figures.push(vec![
            "both sides compared".into(),
            compared(verification, answer.at),
        ]);
    }
    page.rows(&[], figures);
    if !customers.unmapped.is_empty() {
        page.line(Cell::new(
            format!("not mapped: {}", customers.unmapped.join(", ")),
            Mood::Caution,
        ));
    }
    if !answer.lags.is_empty() {
        page.gap();
        write_ways(&answer.lags, page);
    }
    if !answer.changes.is_empty() {
        page.gap();
        page.line("Changed in this time");
        page.rows(&[], change_rows(&answer.changes, answer.at));
    }
}
