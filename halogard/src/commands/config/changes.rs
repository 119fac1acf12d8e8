//! `config plan | apply | history | undo | show`: what a change of the config does, and the change.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use halogard_app::Store;
use halogard_app::dialect::{ProbeWhen, dialect};
use halogard_app::ports::Clock as _;
use halogard_config::ConfigDifference;
use halogard_domain::config_history::VersionOrigin;
use halogard_domain::dialect::DialectReport;
use halogard_domain::words::counted;
use halogard_operations::audit::{self, Operator};
use halogard_operations::config_changes::{
    self, AlertsOf, ConfigCandidate, ConfigPlan, PlanDigest, PutInForce, UndoTarget, VersionLine,
};
use halogard_operations::doctor::{self, CheckId, Extent, Level, OwnFacts};
use halogard_runtime::SystemClock;
use serde::Serialize;

use super::{chosen, rewrite};
use crate::confirm::{ChangeOptions, confirm, operator, read_reason};
use crate::dialect_table;
use crate::failure::{FailureKind, Refused};
use crate::opened_store::{
    self, MissingStore, OpenedStore, StoreCommand, StoreLocation, StoreOptions,
};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage};
use crate::written_file::{self, Readers};

/// The exit code of a plan that would change something.
const HAS_CHANGES: u8 = 2;

/// Lines of a plan that are shown of one kind; `--json` has all.
const LINES_MAX: usize = 40;

/// Options of `config plan`.
#[derive(Clone, Debug, Args)]
pub struct PlanOptions {
    /// The new config; the config file when not given.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `config apply`.
#[derive(Clone, Debug, Args)]
pub struct ApplyOptions {
    /// The digest that `config plan` printed.
    #[arg(value_name = "DIGEST")]
    pub digest: PlanDigest,
    /// The file that was planned; the config file when not given. On one machine it replaces the config file.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Apply it even if the check finds problems, or checks cannot be made.
    #[arg(long)]
    pub anyway: bool,
    /// Why, for the history and the audit.
    #[arg(long, value_name = "TEXT", value_parser = read_reason)]
    pub reason: Option<String>,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `config undo`.
#[derive(Clone, Debug, Args)]
pub struct UndoOptions {
    /// Restore this version; the one before the version in force when not given.
    #[arg(long, value_name = "N")]
    pub to: Option<u64>,
    /// Restore it even if the check finds problems, or checks cannot be made.
    #[arg(long)]
    pub anyway: bool,
    /// Whether and why.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `config history`.
#[derive(Clone, Debug, Args)]
pub struct HistoryOptions {
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `config show`.
#[derive(Clone, Debug, Args)]
pub struct ShowOptions {
    /// Print this version; the one in force when not given.
    #[arg(long, value_name = "N")]
    pub version: Option<u64>,
    /// Where.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Prints what a change would do.
pub async fn plan(options: &PlanOptions) -> anyhow::Result<ExitCode> {
    let candidate = candidate(options.file.as_ref(), &options.store)?;
    let command = MakePlan {
        candidate: &candidate,
        when: ProbeWhen::Outdated,
    };
    let missing = MissingStore::Imagined;
    let planned = opened_store::run_where(&options.store, missing, command).await?;
    page::print(&planned.plan, options.store.json, write_plan)?;
    Ok(match &planned.plan {
        ConfigPlan { problems: 1.., .. } => ExitCode::FAILURE,
        ConfigPlan {
            has_changes: true, ..
        } => ExitCode::from(HAS_CHANGES),
        _ => ExitCode::SUCCESS,
    })
}

/// Makes the change that was planned.
pub async fn apply(options: &ApplyOptions) -> anyhow::Result<ExitCode> {
    let candidate = candidate(options.file.as_ref(), &options.store)?;
    let change = MakeChange {
        candidate: &candidate,
        planned: Planning::Earlier(options.digest),
        origin: VersionOrigin::Applied,
        anyway: options.anyway,
        operator: operator(options.reason.as_ref()),
    };
    let made = opened_store::run_where(&options.store, MissingStore::Created, change).await?;
    page::print(&made, options.store.json, write_made)?;
    Ok(ExitCode::SUCCESS)
}

/// Brings an earlier version back.
pub async fn undo(options: &UndoOptions) -> anyhow::Result<ExitCode> {
    let find = FindVersion(options.to);
    let (target, text) = opened_store::run(&options.store, find).await?;
    let number = match target {
        UndoTarget::Restore(number) | UndoTarget::Restored { former: number, .. } => number,
    };
    let name = format!("version {number}");
    let config = halogard_config::parse(&name, &text)
        .context("the version cannot be read by this version of the program")?;
    let candidate = ConfigCandidate::from(config);
    let mut unchecked = Vec::new();
    if let UndoTarget::Restored { former, current } = target {
        output::caution(&format!(
            "version {former} was restored already, as version {current}; a second undo goes no further back: name a \
             version with --to, `halogard config history` lists them"
        ));
    } else {
        let command = MakePlan {
            candidate: &candidate,
            when: ProbeWhen::Outdated,
        };
        let planned = opened_store::run(&options.store, command).await?;
        page::print_plan(|page| write_change(&planned.plan, page));
        refuse_unfit(&planned.plan, "restored", options.anyway)?;
        unchecked = planned.plan.unchecked;
        let question = format!("Restore version {number}?");
        if !confirm(&options.change, &question)? {
            output::remark("nothing was done");
            return Ok(ExitCode::SUCCESS);
        }
    }
    let change = MakeChange {
        candidate: &candidate,
        planned: Planning::Now(unchecked),
        origin: VersionOrigin::Restored(number),
        anyway: options.anyway,
        operator: operator(options.change.reason.as_ref()),
    };
    let made = opened_store::run(&options.store, change).await?;
    page::print(&made, options.store.json, write_made)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the versions that were in force.
pub async fn history(options: &HistoryOptions) -> anyhow::Result<ExitCode> {
    let answer = opened_store::run(&options.store, ReadHistory).await?;
    page::print(&answer, options.store.json, write_history)?;
    Ok(ExitCode::SUCCESS)
}

/// Puts the versions on a page.
pub fn write_history(answer: &config_changes::ConfigHistory, page: &mut TextPage) {
    if answer.versions.is_empty() {
        page.line("no config was applied yet");
    }
    let rows = answer.versions.iter().map(|it| {
        let optional = |text: &Option<String>| Cell::from(text.clone().unwrap_or_default());
        vec![
            it.number.to_string().into(),
            it.applied_at.to_string().into(),
            it.origin.clone().into(),
            optional(&it.actor),
            optional(&it.reason),
        ]
    });
    page.rows(
        &["version", "since", "how", "by", "why"],
        rows.collect::<Vec<_>>(),
    );
}

/// Prints the text of a version.
pub async fn show(options: &ShowOptions) -> anyhow::Result<ExitCode> {
    let text = opened_store::run(&options.store, ReadText(options.version)).await?;
    let Some(shown) = text else {
        bail!("no config was applied yet; start with `halogard config plan`");
    };
    if options.store.json {
        output::result(&page::json(&shown)?);
        return Ok(ExitCode::SUCCESS);
    }
    let text = &shown.text;
    // Line for line what was applied: the printing ends the last one.
    output::result(text.strip_suffix('\n').unwrap_or(text));
    Ok(ExitCode::SUCCESS)
}

/// The config in the file that was named, or in the config file.
fn candidate(named: Option<&PathBuf>, store: &StoreOptions) -> anyhow::Result<ConfigCandidate> {
    let config = halogard_config::load(&chosen(named.or(store.config.as_ref())))?;
    for warning in &config.warnings {
        output::caution(&warning.to_string());
    }
    if store.stack.is_some() && !config.settings.is_empty() {
        output::caution("[settings] is for one machine; a stack's settings are its parameters");
    }
    Ok(config.into())
}

/// A plan, and what is known of both vendors' dialect.
struct Planned {
    plan: ConfigPlan,
    dialect: Option<DialectReport>,
}

/// Checks a candidate against both systems and plans the change to it.
struct MakePlan<'a> {
    candidate: &'a ConfigCandidate,
    when: ProbeWhen,
}

impl StoreCommand for MakePlan<'_> {
    type Output = Planned;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<Planned> {
        self.planned(&opened).await
    }
}

impl MakePlan<'_> {
    async fn planned<S: Store + Clone + 'static>(
        &self,
        opened: &OpenedStore<S>,
    ) -> anyhow::Result<Planned> {
        let vendors = opened.vendors().await?;
        let (desk, source) = (&vendors.desk, &vendors.source);
        let (policy, own, now) = (
            &self.candidate.policy,
            OwnFacts::default(),
            SystemClock.now(),
        );
        let mut report = doctor::check(desk, source, policy, &own, Extent::Everything).await;
        let dialect = if report.problems().any(|found| found.scope.is_about_access()) {
            None
        } else {
            let probed = dialect(desk, source, &opened.store, self.when, now);
            Some(Box::pin(probed).await?)
        };
        if let Some(dialect) = &dialect {
            doctor::check_dialect(dialect, &mut report);
        }
        let plan = config_changes::plan_with(&opened.store, self.candidate, report, now);
        Ok(Planned {
            plan: plan.await?,
            dialect,
        })
    }
}

/// What is printed of a change that was made.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChangeMade {
    #[serde(flatten)]
    pub put: PutInForce,
    /// How many templates the config has.
    pub templates: usize,
    /// How many rules.
    pub rules: usize,
    /// How many environments it maps.
    pub environments: usize,
    /// The checks that could not be made before it was put in force.
    pub unchecked: Vec<CheckId>,
    /// What follows.
    pub next: &'static str,
}

/// When a change was planned.
enum Planning {
    /// By an earlier command: it is checked once more whether it still fits.
    Earlier(PlanDigest),
    /// A moment ago, where these checks could not be made.
    Now(Vec<CheckId>),
}

/// Puts a candidate in force.
struct MakeChange<'a> {
    candidate: &'a ConfigCandidate,
    planned: Planning,
    origin: VersionOrigin,
    anyway: bool,
    operator: Operator,
}

impl StoreCommand for MakeChange<'_> {
    type Output = ChangeMade;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<ChangeMade> {
        let (store, candidate) = (&opened.store, self.candidate);
        let (planned, unchecked) = match &self.planned {
            Planning::Earlier(planned) => {
                let is_due = config_changes::is_due(store, *planned, candidate).await?;
                let unchecked = match is_due {
                    true => self.check(&opened).await?,
                    false => Vec::new(),
                };
                (Some(*planned), unchecked)
            }
            Planning::Now(unchecked) => (None, unchecked.clone()),
        };
        let (origin, now) = (self.origin, SystemClock.now());
        let operator = Some(&self.operator);
        let put =
            config_changes::put_in_force(store, candidate, origin, operator, planned, now).await?;
        if !put.was_in_force {
            let (command, done) = match origin {
                VersionOrigin::Restored(number) => {
                    ("config undo", format!("restored version {number}"))
                }
                _ => ("config apply", "put in force".to_owned()),
            };
            let done = match unchecked.is_empty() {
                true => done,
                false => format!("{done}; not checked: {}", names_of(&unchecked)),
            };
            let subject = format!("version {}", put.version);
            audit::record(store, &self.operator, command, &subject, &done, now).await?;
        }
        let next = match &opened.location {
            StoreLocation::Machine(machine) => {
                write_file(&machine.config_file, &candidate.text)?;
                "a running serve applies it with its next poll"
            }
            StoreLocation::Stack(_) => "active within a minute",
        };
        let policy = &candidate.policy;
        Ok(ChangeMade {
            put,
            templates: policy.templates.len(),
            rules: policy.rules.len(),
            environments: policy.environments.len(),
            unchecked,
            next,
        })
    }
}

impl MakeChange<'_> {
    /// Checks the candidate against both systems once more, and prints what is found. Returns the checks that could not
    /// be made.
    async fn check<S: Store + Clone + 'static>(
        &self,
        opened: &OpenedStore<S>,
    ) -> anyhow::Result<Vec<CheckId>> {
        let command = MakePlan {
            candidate: self.candidate,
            when: ProbeWhen::Outdated,
        };
        let planned = command.planned(opened).await?;
        if let Some(dialect) = &planned.dialect {
            dialect_table::print_line(dialect);
        }
        page::print_plan(|page| write_findings(&planned.plan, page));
        refuse_unfit(&planned.plan, "applied", self.anyway)?;
        Ok(planned.plan.unchecked)
    }
}

/// A config that does not fit both systems, or of which that is not known, is not put in force.
fn refuse_unfit(plan: &ConfigPlan, did: &str, anyway: bool) -> anyhow::Result<()> {
    if anyway {
        return Ok(());
    }
    if plan.problems > 0 {
        bail!("nothing was {did}; fix the problems above, or add --anyway");
    }
    if !plan.unchecked.is_empty() {
        let message = format!(
            "nothing was {did}: {} could not be made: {}",
            counted(plan.unchecked.len(), "check"),
            names_of(&plan.unchecked)
        );
        let remedy =
            "run the command again when they can be made, as the lines above say, or add --anyway";
        return Err(Refused::new(FailureKind::Unchecked, message, remedy).into());
    }
    Ok(())
}

/// The ids of `checks`.
fn names_of(checks: &[CheckId]) -> String {
    let names: Vec<&str> = checks.iter().map(|it| it.as_str()).collect();
    names.join(", ")
}

/// Makes `text` the content of the config file, if it is not.
fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    match std::fs::read_to_string(path) {
        Ok(there) if there == text => Ok(()),
        Ok(_) => rewrite(path, |_| Ok(text.to_owned())),
        Err(_) => written_file::replace(path, text.as_bytes(), Readers::Usual)
            .with_context(|| format!("{} cannot be written", path.display())),
    }
}

/// Finds the version to bring back, and reads its text, or that of the one that has been brought back.
struct FindVersion(Option<u64>);

impl StoreCommand for FindVersion {
    type Output = (UndoTarget, String);

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<(UndoTarget, String)> {
        let store = &opened.store;
        let target = config_changes::undo_target(store, self.0).await?;
        let number = match target {
            UndoTarget::Restore(number) => Some(number),
            UndoTarget::Restored { .. } => None,
        };
        let text = config_changes::text_of(store, number).await?;
        Ok((target, text.unwrap_or_default()))
    }
}

/// Reads the history.
struct ReadHistory;

impl StoreCommand for ReadHistory {
    type Output = config_changes::ConfigHistory;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<Self::Output> {
        Ok(config_changes::history(&opened.store).await?)
    }
}

/// The answer of `config show`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ShownConfig {
    /// Its number.
    pub version: Option<u64>,
    /// The text, as it was applied.
    pub text: String,
}

/// Reads the text of a version.
struct ReadText(Option<u64>);

impl StoreCommand for ReadText {
    type Output = Option<ShownConfig>;

    async fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> anyhow::Result<Self::Output> {
        let store = &opened.store;
        let in_force = config_changes::in_force(store).await?;
        let version = self.0.or_else(|| in_force.current().map(|it| it.number));
        let text = config_changes::text_of(store, self.0).await?;
        Ok(text.map(|text| ShownConfig { version, text }))
    }
}

/// Puts a plan on a page, and what makes the change.
pub fn write_plan(plan: &ConfigPlan, page: &mut TextPage) {
    write_change(plan, page);
    write_digest(plan, page);
}

/// Puts on a page what a change does.
fn write_change(plan: &ConfigPlan, page: &mut TextPage) {
    match &plan.in_force {
        Some(version) => page.line(in_force_line(version)),
        None => page.line("in force: no config yet"),
    }
    if !plan.has_changes {
        page.line(Cell::new("nothing changes", Mood::Good));
        write_findings(plan, page);
        return;
    }
    page.gap();
    let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let rows = plan.differences.iter().take(LINES_MAX).map(|it| {
        vec![
            it.path.clone().into(),
            Cell::new(or_none(&it.before), Mood::Bad),
            Cell::new(or_none(&it.after), Mood::Good),
        ]
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        page.rows(&["key", "before", "after"], rows);
        more(plan.differences.len(), page);
    } else if plan.in_force.is_some() {
        page.line("only comments or the order of customers differ");
    }
    if plan
        .differences
        .iter()
        .any(ConfigDifference::is_of_settings)
    {
        page.line("settings take effect with the next start of serve");
    }
    let effects = &plan.effects;
    write_alerts("waiting alerts that get tickets", &effects.released, page);
    write_alerts("alerts that keep waiting", &effects.waiting, page);
    write_alerts(
        "alerts of day one that are watched, without tickets",
        &effects.watched,
        page,
    );
    write_alerts(
        "alerts of day one that wait until [start] tickets_for is chosen",
        &effects.undecided,
        page,
    );
    write_alerts(
        "open tickets that keep the config they were opened with",
        &effects.kept,
        page,
    );
    write_alerts(
        "open tickets that change with their next report",
        &effects.changed,
        page,
    );
    if !effects.new_alerts.is_empty() {
        page.gap();
        page.line("new alerts like those known");
        let rows = effects.new_alerts.iter().take(LINES_MAX).map(|it| {
            vec![
                it.customer.clone().into(),
                it.before.clone().into(),
                it.after.clone().into(),
                it.known_alerts.to_string().into(),
            ]
        });
        page.rows(
            &["customer", "before", "after", "known"],
            rows.collect::<Vec<_>>(),
        );
        more(effects.new_alerts.len(), page);
    }
    write_findings(plan, page);
}

/// Puts what makes the change on a page.
fn write_digest(plan: &ConfigPlan, page: &mut TextPage) {
    if !plan.has_changes {
        return;
    }
    page.gap();
    page.line(format!("digest {}", plan.digest));
    if plan.problems > 0 {
        return;
    }
    let apply = format!("halogard config apply {}", plan.digest);
    page.line(match plan.unchecked.len() {
        0 => format!("{apply} makes this change"),
        count => format!(
            "{} could not be made, so {apply} refuses this change until they can be; --anyway makes it",
            counted(count, "check")
        ),
    });
}

/// The line about the version in force.
fn in_force_line(version: &VersionLine) -> String {
    format!(
        "in force: version {} since {} ({})",
        version.number, version.applied_at, version.origin
    )
}

/// A heading with the sum, and the customers.
fn write_alerts(heading: &str, alerts: &[AlertsOf], page: &mut TextPage) {
    if alerts.is_empty() {
        return;
    }
    page.gap();
    let total: usize = alerts.iter().map(|it| it.alerts).sum();
    page.line(format!("{heading}: {total}"));
    let rows = alerts.iter().take(LINES_MAX);
    let rows = rows.map(|it| vec![it.alerts.to_string().into(), it.customer.clone().into()]);
    page.rows(&[], rows.collect());
    more(alerts.len(), page);
}

/// Says how many lines are left out.
fn more(all: usize, page: &mut TextPage) {
    if all > LINES_MAX {
        page.line(format!("  and {} more; --json prints all", all - LINES_MAX));
    }
}

/// What the check found.
fn write_findings(plan: &ConfigPlan, page: &mut TextPage) {
    if plan.findings.is_empty() {
        return;
    }
    page.gap();
    for finding in &plan.findings {
        let mood = match finding.level {
            Level::Problem => Mood::Bad,
            Level::Warning => Mood::Caution,
            Level::Ok | Level::CannotTell | Level::Skipped => Mood::Dim,
        };
        page.line(Cell::new(finding.to_string(), mood));
    }
}

/// Puts a change on a page.
pub fn write_made(made: &ChangeMade, page: &mut TextPage) {
    let version = made.put.version;
    let counts = format!(
        "{}, {}, {}",
        counted(made.templates, "template"),
        counted(made.rules, "rule"),
        counted(made.environments, "environment")
    );
    let line = match made.put.was_in_force {
        true => format!("version {version} is in force already: {counts}"),
        false => format!("applied as version {version}: {counts}; {}", made.next),
    };
    page.line(Cell::new(line, Mood::Good));
    if !made.unchecked.is_empty() {
        let line = format!("not checked: {}", names_of(&made.unchecked));
        page.line(Cell::new(line, Mood::Caution));
    }
}
