//! `backup` and `restore`: a copy of this machine's store.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use halogard_runtime::settings::{self, ServeSettings, SettingValues};

use crate::data_folder;
use crate::output::{self, GOOD};

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
    /// The config file; HALOGARD_CONFIG, then halogard.toml when not given.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Writes a copy of the store while `serve` runs.
pub fn backup(options: &BackupOptions) -> anyhow::Result<ExitCode> {
    let folder = data_dir(options.config.as_ref())?;
    data_folder::back_up(&folder, &options.file, options.with_key)?;
    let key = if options.with_key {
        format!(
            ", and the key that opens its secrets: {}",
            data_folder::key_of_backup(&options.file).display()
        )
    } else {
        "; the key that opens its secrets is not in it, and --with-key adds it".to_owned()
    };
    output::result(&format!(
        "{GOOD}wrote{GOOD:#} {}{key}",
        options.file.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Replaces the store with a copy.
pub async fn restore(options: &RestoreOptions) -> anyhow::Result<ExitCode> {
    let folder = data_dir(options.config.as_ref())?;
    let former = data_folder::restore(
        &folder,
        &options.file,
        options.replace,
        options.without_secrets,
    )
    .await?;
    if let Some(former) = former {
        output::remark(&format!("the former store is kept as {}", former.display()));
    }
    output::result(&format!(
        "{GOOD}restored{GOOD:#} {}; start `halogard serve`: older alerts wait until it has found every ticket \
         that was opened since the backup was made",
        folder.display()
    ));
    Ok(ExitCode::SUCCESS)
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
