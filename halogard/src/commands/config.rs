//! `config`: the config file, and the config in force on this machine or on a deployed stack.

pub mod apply;
pub mod plan;
pub mod samples;
pub mod undo;
pub mod versions;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use halogard_config::{load, schema, starter};
use halogard_domain::policy::Mode;
use halogard_domain::words::counted;
use halogard_runtime::settings::SettingValues;
use serde::Serialize;

use crate::cli::ModeName;
use crate::failure::{FailureKind, Refused};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage};
use crate::written_file::{self, Readers};
use apply::ApplyOptions;
use plan::PlanOptions;
use samples::TestOptions;
use undo::UndoOptions;
use versions::{HistoryOptions, ShowOptions};

/// The commands for the config file.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write a commented file to start from.
    Init {
        /// Where to; HALOGARD_CONFIG, then halogard.toml when not given.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Who creates the tickets.
        #[arg(long, value_enum, default_value_t = ModeName::Managed)]
        mode: ModeName,
        /// Print the answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check the file and print what is wrong.
    Check {
        /// Which file; HALOGARD_CONFIG, then halogard.toml when not given.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Print the answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the file's JSON schema, for editors.
    Schema,
    /// Show what a file would change: in the config, for waiting alerts, open tickets and new alerts.
    ///
    /// Checks the file against both systems, and writes nothing. Exit code: 0 nothing changes, 2 something does,
    /// 1 the file does not fit or something failed.
    Plan(PlanOptions),
    /// Make exactly the change that a plan described.
    Apply(ApplyOptions),
    /// List the configs that were in force.
    History(HistoryOptions),
    /// Restore the previous config, or another one of the history.
    Undo(UndoOptions),
    /// Check which template and ticket sample alerts get, for your own tests. Makes no request.
    Test(TestOptions),
    /// Print the config in force, or another one of the history.
    Show(ShowOptions),
}

/// Runs the command.
pub async fn run(command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Init { file, mode, json } => init(&chosen(file.as_ref()), *mode, *json)?,
        ConfigCommand::Check { file, json } => check(&chosen(file.as_ref()), *json)?,
        ConfigCommand::Plan(options) => return Box::pin(plan::plan(options)).await,
        ConfigCommand::Apply(options) => return Box::pin(apply::apply(options)).await,
        ConfigCommand::History(options) => return versions::history(options).await,
        ConfigCommand::Undo(options) => return Box::pin(undo::undo(options)).await,
        ConfigCommand::Test(options) => return samples::test(options),
        ConfigCommand::Show(options) => return versions::show(options).await,
        ConfigCommand::Schema => output::result(&serde_json::to_string_pretty(&schema())?),
    }
    Ok(ExitCode::SUCCESS)
}

/// The file that was named, or the one the settings name.
fn chosen(file: Option<&PathBuf>) -> PathBuf {
    file.cloned()
        .unwrap_or_else(|| SettingValues::process().config_file())
}

/// The answer of `config init`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NewConfig<'a> {
    /// The file.
    pub file: &'a Path,
    /// Who creates the tickets.
    pub mode: Mode,
}

/// The answer of `config check`, of a valid file.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ValidConfig<'a> {
    /// The file.
    pub file: &'a Path,
    /// How many templates it has.
    pub templates: usize,
    /// How many rules.
    pub rules: usize,
    /// How many environments it maps.
    pub environments: usize,
    /// What should be reviewed.
    pub warnings: Vec<String>,
}

/// Writes a commented file; never replaces an existing one.
fn init(path: &Path, mode: ModeName, json: bool) -> anyhow::Result<()> {
    match written_file::create(path, starter(mode.into()).as_bytes(), Readers::Usual) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!(
                "{} already exists; choose another file, or edit that one",
                path.display()
            )
        }
        written => written.map_err(|error| written_file::refusal(path, &error))?,
    }
    let answer = NewConfig {
        file: path,
        mode: mode.into(),
    };
    page::print(&answer, json, write_new)
}

/// Puts on a page that a file was written, and what comes next.
pub fn write_new(answer: &NewConfig<'_>, page: &mut TextPage) {
    let file = answer.file.display();
    page.line(Cell::new(format!("wrote {file}"), Mood::Good));
    page.line(format!(
        "next: put your ids into it, then run halogard config check {file}"
    ));
}

/// Replaces the content of the config file at `path` by what `change` makes of it, whole or not at all, and
/// only by a valid config. A running `serve` takes it up.
pub fn rewrite(
    path: &Path,
    change: impl FnOnce(&str) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    // A link keeps leading to the file.
    let path = path
        .canonicalize()
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let before = std::fs::read_to_string(&path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let after = change(&before)?;
    let source = path.display().to_string();
    halogard_config::parse(&source, &after)
        .context("the file was not changed, because the change would make it invalid")?;
    replace(&path, &after).map_err(|error| not_replaced(&source, &error).into())
}

/// Why the config file `source` was not replaced, and what to do: where the program runs as a service its user may not
/// write to the file.
fn not_replaced(source: &str, error: &std::io::Error) -> Refused {
    let remedy = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "run the command as a user who may write to it; or put in by hand what `halogard map` without --write prints, \
             or what `halogard config plan` shows"
        }
        _ => "make room, or mend the disk, and run the command again",
    };
    Refused::new(
        FailureKind::InvalidFile,
        format!("{source} cannot be written: {error}"),
        remedy,
    )
}

/// Writes the file at `path` anew, with its permissions.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let permissions = std::fs::metadata(path)?.permissions();
    written_file::replace(path, text.as_bytes(), Readers::AsOf(permissions))
}

/// Prints what is wrong with a file, or that it is valid.
fn check(path: &Path, json: bool) -> anyhow::Result<()> {
    let config = load(path)?;
    for warning in &config.warnings {
        output::caution(&warning.to_string());
    }
    let policy = &config.policy;
    let answer = ValidConfig {
        file: path,
        templates: policy.templates.len(),
        rules: policy.rules.len(),
        environments: policy.environments.len(),
        warnings: config.warnings.iter().map(ToString::to_string).collect(),
    };
    page::print(&answer, json, write_valid)
}

/// Puts on a page that a file is valid.
pub fn write_valid(answer: &ValidConfig<'_>, page: &mut TextPage) {
    let line = format!(
        "ok {}: {}, {}, {}",
        answer.file.display(),
        counted(answer.templates, "template"),
        counted(answer.rules, "rule"),
        counted(answer.environments, "environment")
    );
    page.line(Cell::new(line, Mood::Good));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_that_may_not_be_written_names_the_way_without() {
        let said = |kind: ErrorKind| not_replaced("halogard.toml", &kind.into()).to_string();
        for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem] {
            let said = said(kind);
            assert!(
                said.starts_with("halogard.toml cannot be written"),
                "{said}"
            );
            assert!(said.contains("`halogard map` without --write"), "{said}");
        }
        let full = said(ErrorKind::StorageFull);
        assert!(!full.contains("halogard map"), "{full}");
    }
}
