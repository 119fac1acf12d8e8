//! `config init`, `config check`, `config schema`, and what `config` does to a stack.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use halogard_config::{load, schema, starter};
use halogard_runtime::settings::Environment;

use crate::cli::{ConfigCommand, ModeName};
use crate::output::{self, DIM, GOOD};
use crate::stack_command;

/// Runs the command.
pub async fn run(command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Init { file, mode } => init(&chosen(file.as_ref()), *mode)?,
        ConfigCommand::Check { file } => check(&chosen(file.as_ref()))?,
        ConfigCommand::Apply {
            file,
            stack,
            anyway,
        } => {
            let file = chosen(file.as_ref());
            return Box::pin(stack_command::apply(stack, &file, *anyway)).await;
        }
        ConfigCommand::Show { stack } => return stack_command::show(stack).await,
        ConfigCommand::Schema => output::result(&serde_json::to_string_pretty(&schema())?),
    }
    Ok(ExitCode::SUCCESS)
}

/// The file that was named, or the one the settings name.
fn chosen(file: Option<&PathBuf>) -> PathBuf {
    file.cloned()
        .unwrap_or_else(|| Environment::process().config_file())
}

/// Writes a commented file; never over one that is there.
fn init(path: &Path, mode: ModeName) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = match file {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!(
                "{} is there already; name another file, or edit that one",
                path.display()
            )
        }
        file => file.with_context(|| format!("{} cannot be written", path.display()))?,
    };
    file.write_all(starter(mode.into()).as_bytes())
        .with_context(|| format!("{} cannot be written", path.display()))?;
    output::result(&format!("{GOOD}wrote{GOOD:#} {}", path.display()));
    output::result(&format!(
        "{DIM}next: put your ids into it, then run{DIM:#} halogard config check {}",
        path.display()
    ));
    Ok(())
}

/// Says what is wrong with a file, or that nothing is.
fn check(path: &Path) -> anyhow::Result<()> {
    let config = load(path)?;
    for warning in &config.warnings {
        output::caution(&warning.to_string());
    }
    let policy = &config.policy;
    output::result(&format!(
        "{GOOD}ok{GOOD:#} {}: {} templates, {} rules, {} environments",
        path.display(),
        policy.templates.len(),
        policy.rules.len(),
        policy.environments.len()
    ));
    Ok(())
}
