//! `backup` and `restore`: a copy of this machine's store.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use halogard_runtime::settings::{self, ServeSettings, SettingValues};
use serde::Serialize;

use crate::confirm::{ChangeOptions, confirm, operator};
use crate::data_folder::{self, Restore};
use crate::output;
use crate::page::{self, Cell, Mood, TextPage};

/// Options of `backup`.
#[derive(Clone, Debug, Args)]
pub struct BackupOptions {
    /// The new file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write the key that opens the stored secrets to FILE.key.
    #[arg(long)]
    pub with_key: bool,
    /// The config file; HALOGARD_CONFIG, then halogard.toml when not given.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the answer as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Options of `restore`.
#[derive(Clone, Debug, Args)]
pub struct RestoreOptions {
    /// The backup.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Replace the existing store, which is kept beside it.
    #[arg(long)]
    pub replace: bool,
    /// Restore without the secrets in it, whose key is lost; the credentials are entered again.
    #[arg(long)]
    pub without_secrets: bool,
    /// Whether and why.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// The config file; HALOGARD_CONFIG, then halogard.toml when not given.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the answer as JSON.
    #[arg(long)]
    pub json: bool,
}

/// The answer of `backup`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BackedUp {
    /// The copy.
    pub file: PathBuf,
    /// The key that opens its secrets, where it was asked for.
    pub key: Option<PathBuf>,
}

/// The answer of `restore`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Restored {
    /// The data folder.
    pub folder: PathBuf,
    /// Where the former store is kept, if there was one.
    pub former: Option<PathBuf>,
}

/// Writes a copy of the store while `serve` runs.
pub fn backup(options: &BackupOptions) -> anyhow::Result<ExitCode> {
    let folder = data_dir(options.config.as_ref())?;
    data_folder::back_up(&folder, &options.file, options.with_key)?;
    let answer = BackedUp {
        file: options.file.clone(),
        key: options
            .with_key
            .then(|| data_folder::key_of_backup(&options.file)),
    };
    page::print(&answer, options.json, write_backup)?;
    Ok(ExitCode::SUCCESS)
}

/// Replaces the store with a copy.
pub async fn restore(options: &RestoreOptions) -> anyhow::Result<ExitCode> {
    let folder = data_dir(options.config.as_ref())?;
    let restore = Restore {
        folder: &folder,
        backup: &options.file,
        replace: options.replace,
        without_secrets: options.without_secrets,
    };
    restore.check()?;
    let question = format!(
        "Restore {} into {}?",
        options.file.display(),
        folder.display()
    );
    if !confirm(&options.change, &question)? {
        output::remark("nothing was done");
        return Ok(ExitCode::SUCCESS);
    }
    let former = restore
        .run(&operator(options.change.reason.as_ref()))
        .await?;
    let answer = Restored { folder, former };
    page::print(&answer, options.json, write_restore)?;
    Ok(ExitCode::SUCCESS)
}

/// Puts what was written on a page.
pub fn write_backup(answer: &BackedUp, page: &mut TextPage) {
    let key = match &answer.key {
        Some(key) => format!(", and the key that opens its secrets: {}", key.display()),
        None => "; the key that opens its secrets is not in it, and --with-key adds it".to_owned(),
    };
    let line = format!("wrote {}{key}", answer.file.display());
    page.line(Cell::new(line, Mood::Good));
}

/// Puts what was restored on a page.
pub fn write_restore(answer: &Restored, page: &mut TextPage) {
    if let Some(former) = &answer.former {
        page.line(format!("the former store is kept as {}", former.display()));
    }
    let line = format!(
        "restored {}; start `halogard serve`: older alerts wait until it has found every ticket that was opened since \
         the backup was made",
        answer.folder.display()
    );
    page.line(Cell::new(line, Mood::Good));
}

/// The data folder that the settings name.
fn data_dir(config: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    let process = SettingValues::process();
    let file = config.cloned().unwrap_or_else(|| process.config_file());
    // A machine on which a store is restored may have no config yet.
    let given = file.exists().then(|| halogard_config::load(&file));
    let environment = match given {
        Some(Ok(config)) => process.or(config.settings),
        Some(Err(unreadable)) => {
            data_folder::refuse_to_guess(&process, &file, &unreadable)?;
            process
        }
        None => process,
    };
    let (serve, _) = settings::read::<ServeSettings>(&environment)?;
    Ok(serve.data_dir)
}
