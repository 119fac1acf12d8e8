//! `config`: the config file, and the config that is active on a deployed stack.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use halogard_app::dialect::{ProbeWhen, dialect};
use halogard_app::ports::{Clock as _, Revision, SaveError};
use halogard_aws::StoredConfig;
use halogard_config::{load, schema, starter};
use halogard_operations::doctor::{self, Extent, OwnFacts};
use halogard_runtime::SystemClock;
use halogard_runtime::settings::Environment;

use crate::cli::ModeName;
use crate::commands::serve;
use crate::dialect_table;
use crate::output::{self, DIM, GOOD};
use crate::stack::Stack;

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
    },
    /// Check the file and print what is wrong.
    Check {
        /// Which file; HALOGARD_CONFIG, then halogard.toml when not given.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print the file's JSON schema, for editors.
    Schema,
    /// Make the file the active config of a deployed stack, after checking it against both systems.
    Apply {
        /// Which file; HALOGARD_CONFIG, then halogard.toml when not given.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// The stack.
        #[arg(long, value_name = "NAME")]
        stack: String,
        /// Apply it even if the check finds problems.
        #[arg(long)]
        anyway: bool,
    },
    /// Print the active config of a deployed stack.
    Show {
        /// The stack.
        #[arg(long, value_name = "NAME")]
        stack: String,
    },
}

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
            return Box::pin(apply(stack, &file, *anyway)).await;
        }
        ConfigCommand::Show { stack } => return show(stack).await,
        ConfigCommand::Schema => output::result(&serde_json::to_string_pretty(&schema())?),
    }
    Ok(ExitCode::SUCCESS)
}

/// The file that was named, or the one the settings name.
fn chosen(file: Option<&PathBuf>) -> PathBuf {
    file.cloned()
        .unwrap_or_else(|| Environment::process().config_file())
}

/// Writes a commented file; never replaces an existing one.
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
        .context("the file was left as it is; with the change it would not be valid")?;
    replace(&path, &after).with_context(|| format!("{source} cannot be written"))
}

/// Writes a file beside the one at `path`, with its permissions, and puts it in its place.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut file = std::fs::File::create(&beside)?;
    file.set_permissions(std::fs::metadata(path)?.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

/// Prints what is wrong with a file, or that it is valid.
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

/// Makes the config file the active one of a stack, unless the check finds problems.
async fn apply(stack: &str, path: &Path, anyway: bool) -> anyhow::Result<ExitCode> {
    let config = load(path)?;
    for warning in &config.warnings {
        output::caution(&warning.to_string());
    }
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let stack = Stack::find(stack).await?;
    if !config.settings.is_empty() {
        output::caution("[settings] is for one machine; a stack's settings are its parameters");
    }
    let vendors = stack.vendors().await?;
    for remark in &vendors.normalizations {
        output::caution(remark);
    }
    let (desk, source) = (&vendors.desk, &vendors.source);
    let mut report = doctor::check(
        desk,
        source,
        &config.policy,
        &OwnFacts::default(),
        Extent::Everything,
    )
    .await;
    if !report.problems().any(|found| found.scope.is_about_access()) {
        let now = SystemClock.now();
        let store = stack.store()?;
        let probed = dialect(desk, source, &store, ProbeWhen::Always, now);
        let dialect = Box::pin(probed).await?;
        doctor::check_dialect(&dialect, &mut report);
        dialect_table::print(&dialect);
    }
    serve::show(&report, true);
    if report.has_problems() && !anyway {
        bail!("nothing was applied; fix the problems above, or apply it with --anyway");
    }
    let policy = &config.policy;
    let counts = format!(
        "{} templates, {} rules, {} environments",
        policy.templates.len(),
        policy.rules.len(),
        policy.environments.len()
    );
    save(&stack, config.policy, text).await?;
    output::result(&format!(
        "{GOOD}applied{GOOD:#} {}: {counts}; active within a minute",
        path.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Replaces the active config.
async fn save(stack: &Stack, policy: halogard_domain::Policy, text: String) -> anyhow::Result<()> {
    let store = stack.store()?;
    let applied = StoredConfig {
        policy,
        text,
        applied_at: SystemClock.now(),
    };
    let before = store.load_config().await;
    // A config that this version cannot read is an error: the operator should see it first.
    let revision = before?.map_or(Revision::default(), |before| before.revision);
    match store.save_config(&applied, revision).await {
        Ok(_) => Ok(()),
        Err(SaveError::Conflict) => {
            bail!(
                "another config was applied at the same moment; check it with `halogard config show`, then try \
                 again"
            )
        }
        Err(SaveError::Store(error)) => Err(error.into()),
    }
}

/// Prints the active config of a stack.
async fn show(stack: &str) -> anyhow::Result<ExitCode> {
    let stack = Stack::find(stack).await?;
    match stack.store()?.load_config().await? {
        // Line for line what was applied: the printing ends the last one.
        Some(applied) => {
            let text = &applied.value.text;
            output::result(text.strip_suffix('\n').unwrap_or(text));
        }
        None => bail!("no config was applied yet; `halogard config apply` applies one"),
    }
    Ok(ExitCode::SUCCESS)
}
