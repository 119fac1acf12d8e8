//! `config apply`: the change that a plan described.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use halogard_app::Store;
use halogard_app::dialect::ProbeWhen;
use halogard_app::ports::Clock as _;
use halogard_domain::config_history::VersionOrigin;
use halogard_domain::words::counted;
use halogard_operations::audit::{self, Operator};
use halogard_operations::config_changes::{
    self, ConfigCandidate, ConfigPlan, PlanDigest, PutInForce,
};
use halogard_operations::doctor::CheckId;
use halogard_runtime::SystemClock;
use serde::Serialize;

use super::plan::{MakePlan, candidate, write_findings};
use super::rewrite;
use crate::confirm::{operator, read_reason};
use crate::dialect_table;
use crate::failure::{FailureKind, Refused};
use crate::opened_store::{
    self, MissingStore, OpenedStore, StoreCommand, StoreLocation, StoreOptions,
};
use crate::page::{self, Cell, Mood, TextPage};
use crate::written_file::{self, Readers};

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
pub(super) enum Planning {
    /// By an earlier command: it is checked once more whether it still fits.
    Earlier(PlanDigest),
    /// A moment ago, where these checks could not be made.
    Now(Vec<CheckId>),
}

/// Puts a candidate in force.
pub(super) struct MakeChange<'a> {
    pub candidate: &'a ConfigCandidate,
    pub planned: Planning,
    pub origin: VersionOrigin,
    pub anyway: bool,
    pub operator: Operator,
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
pub(super) fn refuse_unfit(plan: &ConfigPlan, did: &str, anyway: bool) -> anyhow::Result<()> {
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
