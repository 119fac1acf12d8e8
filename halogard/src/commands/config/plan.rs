//! `config plan`: what a change of the config would do.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use halogard_app::Store;
use halogard_app::dialect::{ProbeWhen, dialect};
use halogard_app::ports::Clock as _;
use halogard_config::ConfigDifference;
use halogard_domain::dialect::DialectReport;
use halogard_domain::words::counted;
use halogard_operations::config_changes::{
    self, AlertsOf, ConfigCandidate, ConfigPlan, VersionLine,
};
use halogard_operations::doctor::{self, Extent, Level, OwnFacts};
use halogard_runtime::SystemClock;

use super::chosen;
use crate::opened_store::{self, MissingStore, OpenedStore, StoreCommand, StoreOptions};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage};

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

/// Prints what a change would do.
pub async fn plan(options: &PlanOptions) -> anyhow::Result<ExitCode> {
    let candidate = candidate(options.file.as_ref(), &options.store)?;
    let command = MakePlan {
        candidate: &candidate,
        when: ProbeWhen::Outdated,
    };
    let missing = MissingStore::Imagined;
    let planned = opened_store::run_where(&options.store, missing, command).await?;
    let change = apply_command(options, &planned.plan);
    page::print(&planned.plan, options.store.json, |plan, page| {
        write_plan(plan, &change, page);
    })?;
    Ok(match &planned.plan {
        ConfigPlan { problems: 1.., .. } => ExitCode::FAILURE,
        ConfigPlan {
            has_changes: true, ..
        } => ExitCode::from(HAS_CHANGES),
        _ => ExitCode::SUCCESS,
    })
}

/// The config in the file that was named, or in the config file.
pub(super) fn candidate(
    named: Option<&PathBuf>,
    store: &StoreOptions,
) -> anyhow::Result<ConfigCandidate> {
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
pub(super) struct Planned {
    pub plan: ConfigPlan,
    pub dialect: Option<DialectReport>,
}

/// Checks a candidate against both systems and plans the change to it.
pub(super) struct MakePlan<'a> {
    pub candidate: &'a ConfigCandidate,
    pub when: ProbeWhen,
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
    pub async fn planned<S: Store + Clone + 'static>(
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

/// The command that makes the change of `plan`.
fn apply_command(options: &PlanOptions, plan: &ConfigPlan) -> String {
    let mut command = format!("halogard config apply {}", plan.digest);
    let mut add = |option: &str, value: &str| {
        command.push_str(option);
        command.push_str(&shell_word(value));
    };
    let StoreOptions { stack, config, .. } = &options.store;
    if let Some(file) = &options.file {
        add(" ", &file.to_string_lossy());
    }
    if let Some(file) = config {
        add(" --config ", &file.to_string_lossy());
    }
    if let Some(name) = stack {
        add(" --stack ", name);
    }
    command
}

/// `value` as one word of a shell's command line.
fn shell_word(value: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "_-./:@%+=,".contains(it);
    if !value.is_empty() && value.chars().all(is_plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

/// Puts a plan on a page, and the command `change` that makes it.
pub fn write_plan(plan: &ConfigPlan, change: &str, page: &mut TextPage) {
    write_change(plan, page);
    write_digest(plan, change, page);
}

/// Puts on a page what a change does.
pub(super) fn write_change(plan: &ConfigPlan, page: &mut TextPage) {
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

/// Puts the command `change`, which makes the change, on a page.
fn write_digest(plan: &ConfigPlan, change: &str, page: &mut TextPage) {
    if !plan.has_changes {
        return;
    }
    page.gap();
    page.line(format!("digest {}", plan.digest));
    if plan.problems > 0 {
        return;
    }
    page.line(match plan.unchecked.len() {
        0 => format!("{change} makes this change"),
        count => format!(
            "{} could not be made, so {change} refuses this change until they can be; --anyway makes it",
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
pub(super) fn write_findings(plan: &ConfigPlan, page: &mut TextPage) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_for_a_shell_is_quoted_only_where_that_is_needed() {
        let words = ["halogard.toml", "../a-b/c_1.toml", "my file", "it's", ""];
        let quoted = words.map(shell_word);
        assert_eq!(
            quoted,
            [
                "halogard.toml",
                "../a-b/c_1.toml",
                "'my file'",
                r"'it'\''s'",
                "''"
            ]
        );
    }
}
