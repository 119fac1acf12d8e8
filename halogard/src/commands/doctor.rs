//! `doctor`: what is wrong, one line for each thing, with the remedy.

mod addresses;
mod own_facts;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use halogard_app::Store;
use halogard_app::dialect::{ProbeWhen, dialect};
use halogard_app::ports::Clock as _;
use halogard_domain::Policy;
use halogard_domain::dialect::DialectReport;
use halogard_domain::ids::HaloClientId;
use halogard_domain::policy::Mode;
use halogard_domain::words::counted;
use halogard_operations::audit::{self, AuditedAnswer};
use halogard_operations::doctor::{
    self, CheckId, DoctorReport, Extent, Level, Urgency, permissions_document,
};
use halogard_operations::moment::Moment;
use halogard_operations::status::{self, ChangeLine};
use halogard_runtime::SystemClock;
use halogard_runtime::settings::SettingValues;
use serde::Serialize;

use crate::commands::serve::wrong_clock;
use crate::commands::status::change_rows;
use crate::confirm::operator;
use crate::dialect_table;
use crate::failure::Refused;
use crate::metrics::ProcessMetrics;
use crate::opened_store::{self, MissingStore, OpenedStore, StoreCommand, StoreOptions};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage};

/// Options of `doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorOptions {
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
    /// Print only the checks whose ids begin with this, as `halopsa.agent` or `liongard`. All checks are made: some
    /// depend on others.
    #[arg(long, value_name = "GROUP")]
    pub only: Option<String>,
    /// Also list every fact of both vendors' dialect, as it was seen; --json always has them.
    #[arg(long)]
    pub dialect: bool,
    /// Also try what the API says of no right: open one test ticket for this client of HaloPSA, note, assign, close and
    /// change it.
    #[arg(long, value_name = "CLIENT")]
    pub probe_writes: Option<u64>,
    /// Print the rights that the credentials need, and check nothing.
    #[arg(long, conflicts_with_all = ["json", "only", "stack", "dialect", "probe_writes"])]
    pub print_permissions: bool,
}

/// What is printed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DoctorAnswer {
    #[serde(flatten)]
    report: DoctorReport,
    /// How many problems there are.
    problems: usize,
    /// How many warnings there are.
    warnings: usize,
    /// What is known of the dialect of both vendors, if they could be asked.
    dialect: Option<DialectReport>,
    /// What changed within a week, the newest first: a cause is often among it.
    changes: Vec<ChangeLine>,
    /// When it was asked.
    at: Moment,
}

impl DoctorAnswer {
    /// The answer that shows `report` and its sums, beside what changed lately.
    pub fn of(
        report: DoctorReport,
        dialect: Option<DialectReport>,
        changes: Vec<ChangeLine>,
        at: Moment,
    ) -> Self {
        Self {
            problems: report.count(Level::Problem),
            warnings: report.count(Level::Warning),
            report,
            dialect,
            changes,
            at,
        }
    }

    /// What was found.
    pub const fn report(&self) -> &DoctorReport {
        &self.report
    }

    /// 1 where there is a problem.
    pub const fn exit_code(&self) -> ExitCode {
        match self.problems {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}

/// Runs the command.
pub async fn run(options: &DoctorOptions) -> anyhow::Result<ExitCode> {
    if options.print_permissions {
        output::result(permissions_document().trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(group) = &options.only
        && let Some(near) = DoctorReport::near_groups(group)
    {
        let remedy = format!("did you mean one of: {}?", near.join(", "));
        let message = format!("there is no check and no group of checks {group:?}");
        return Err(Refused::unknown(message, remedy).into());
    }
    let mut first = DoctorReport::default();
    let policy = match &options.store.stack {
        Some(_) => None,
        None => local_policy(options, &mut first),
    };
    let examined = Examine {
        policy,
        report: first.clone(),
        probed_client: options.probe_writes.map(HaloClientId::new),
    };
    let missing = MissingStore::Imagined;
    let examined = match opened_store::run_where(&options.store, missing, examined).await {
        Ok(answer) => answer,
        Err(error) => {
            first.problem(
                CheckId::Store,
                format!("{error:#}"),
                "fix the problem above; the checks of both vendors need the store\u{2019}s request budget",
            );
            Examined {
                report: first,
                dialect: None,
                changes: Vec::new(),
            }
        }
    };
    let Examined {
        mut report,
        dialect,
        changes,
    } = examined;
    report.complete();
    if let Some(group) = &options.only {
        report = report.only(group);
    }
    let answer = DoctorAnswer::of(report, dialect, changes, SystemClock.now().into());
    page::print(&answer, options.store.json, write_page)?;
    if let Some(dialect) = answer.dialect.as_ref().filter(|_| !options.store.json) {
        match options.dialect {
            true => dialect_table::print(dialect),
            false => dialect_table::print_line(dialect),
        }
    }
    Ok(answer.exit_code())
}

/// The policy of this machine's config file; a problem where there is none.
fn local_policy(options: &DoctorOptions, report: &mut DoctorReport) -> Option<Policy> {
    let named = options.store.config.clone();
    let file = named.unwrap_or_else(|| SettingValues::process().config_file());
    match halogard_config::load(&file) {
        Ok(config) => {
            report.done(CheckId::Config);
            for warning in &config.warnings {
                report.warning(CheckId::Config, warning.to_string(), "");
            }
            Some(config.policy)
        }
        Err(error) => {
            report.problem(
                CheckId::Config,
                error.to_string(),
                "`halogard config init` writes a commented file; `halogard config check` reads yours",
            );
            None
        }
    }
}

/// Examines everything that needs the store.
struct Examine {
    /// That of this machine's file; a stack has its own.
    policy: Option<Policy>,
    report: DoctorReport,
    /// The client for which a test ticket is opened.
    probed_client: Option<HaloClientId>,
}

/// What an examination showed.
struct Examined {
    report: DoctorReport,
    /// What is known of the dialect, if both vendors could be asked.
    dialect: Option<DialectReport>,
    changes: Vec<ChangeLine>,
}

impl StoreCommand for Examine {
    type Output = Examined;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<Self::Output> {
        let policy = match self.policy {
            Some(policy) => Some(policy),
            None => opened.configured_policy().await.ok(),
        };
        let (mut report, known) = examine(&opened, policy.clone(), self.report).await?;
        // Known only where both vendors could be asked.
        if let (Some(client), Some(policy), Some(_)) = (self.probed_client, policy, &known) {
            probe_writes(&opened, &policy, client, &mut report).await?;
        }
        let changes = status::changes(&opened.store, SystemClock.now());
        Ok(Examined {
            report,
            dialect: known,
            changes: changes.await?,
        })
    }
}

/// Adds to `report` what is found with the opened store, by `policy` or else by the one that the operator configured.
/// Returns what is known of the dialect as well, if both vendors could be asked.
pub async fn examine<S: Store + Clone + 'static>(
    opened: &OpenedStore<S>,
    policy: Option<Policy>,
    mut report: DoctorReport,
) -> anyhow::Result<(DoctorReport, Option<DialectReport>)> {
    report.done(CheckId::Store);
    let policy = match policy {
        Some(policy) => Some(policy),
        None => opened.configured_policy().await.ok(),
    };
    let calls = Arc::new(ProcessMetrics::default());
    let vendors = match opened.vendors_in_share(Arc::clone(&calls) as _).await {
        Ok(vendors) => vendors,
        Err(error) => {
            report.problem(
                    CheckId::Settings,
                    format!("{error:#}"),
                    "set it in the environment or under [settings]; docs/settings.md lists every setting",
                );
            return Ok((report, None));
        }
    };
    report.done(CheckId::Settings);
    let facts = own_facts::gather(opened).await;
    // Without a config there is nothing to look up but the access itself.
    let extent = match policy {
        Some(_) => Extent::Everything,
        None => Extent::Access,
    };
    let policy = policy.unwrap_or_else(|| Policy::empty(Mode::Managed));
    let (desk, source) = (&vendors.desk, &vendors.source);
    let found = doctor::check(desk, source, &policy, &facts, extent).await;
    let reached = !found.problems().any(|it| it.scope.is_about_access());
    report.append(found);
    if !reached {
        addresses::name_exchanged(opened, &mut report).await?;
    }
    clocks(&calls, &mut report);
    let mut known = None;
    if reached {
        let now = SystemClock.now();
        let seen = dialect(desk, source, &opened.store, ProbeWhen::Outdated, now).await?;
        doctor::check_dialect(&seen, &mut report);
        known = Some(seen);
    }
    Ok((report, known))
}

/// Opens the test ticket of a probe and does with it what workers do. Each template has rights of its own; the first
/// is tried.
async fn probe_writes<S: Store + Clone + 'static>(
    opened: &OpenedStore<S>,
    policy: &Policy,
    client: HaloClientId,
    report: &mut DoctorReport,
) -> anyhow::Result<()> {
    if policy.mode == Mode::Observe {
        report.cannot_tell(
            CheckId::ProbeOpen,
            "in observe mode nothing is written, so no test ticket is opened".to_owned(),
            "choose another mode first",
        );
        return Ok(());
    }
    let Some(template) = policy.templates.values().next() else {
        report.cannot_tell(
            CheckId::ProbeOpen,
            "the config has no template for a test ticket".to_owned(),
            "add one",
        );
        return Ok(());
    };
    let now = SystemClock.now();
    let desk = opened.vendors().await?.desk;
    doctor::probe_writes(&desk, template, client, now, report).await;
    let subject = format!("client {client}");
    let done = "a test ticket was requested";
    let command = "doctor --probe-writes";
    let done = AuditedAnswer::of(done, report);
    audit::record(&opened.store, &operator(None), command, &subject, done, now).await?;
    Ok(())
}

/// Compares this machine's clock with those of the answers.
fn clocks(calls: &ProcessMetrics, report: &mut DoctorReport) {
    for (vendor, ahead) in calls.clocks_ahead().iter() {
        report.done(CheckId::Clock);
        if let Some(said) = wrong_clock(*vendor, *ahead) {
            report.warning(CheckId::Clock, said, "");
        }
    }
}

/// Puts the report on a page: one line for each thing, the remedy below it, the sums last.
pub fn write_page(answer: &DoctorAnswer, page: &mut TextPage) {
    for found in &answer.report.findings {
        let mood = match found.level {
            Level::Ok => Mood::Good,
            Level::Skipped | Level::CannotTell => Mood::Dim,
            Level::Warning => Mood::Caution,
            Level::Problem => Mood::Bad,
        };
        let line = format!(
            "{}: {} [{}]",
            found.level.as_str(),
            found.thing,
            found.id.as_str()
        );
        page.line(Cell::new(line, mood));
        if !found.remedy.is_empty() {
            page.rows(
                &[],
                vec![vec![
                    format!(
                        "fix ({}, {}):",
                        found.owner.as_str(),
                        found.urgency.map_or("no hurry", Urgency::as_str)
                    )
                    .into(),
                    found.remedy.clone().into(),
                ]],
            );
        }
    }
    let is_wrong = answer.problems + answer.warnings > 0;
    if is_wrong && !answer.changes.is_empty() {
        page.gap();
        page.line("Changed lately");
        page.rows(&[], change_rows(&answer.changes, answer.at));
    }
    page.gap();
    let count = |level| answer.report.count(level);
    page.line(format!(
        "{} ok, {}, {}, {} {}, {} skipped",
        count(Level::Ok),
        counted(count(Level::Warning), "warning"),
        counted(count(Level::Problem), "problem"),
        count(Level::CannotTell),
        Level::CannotTell.as_str(),
        count(Level::Skipped)
    ));
}
