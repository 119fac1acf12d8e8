//! `man`: the manual pages.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};

use crate::cli::Cli;
use crate::output;

/// Options of `man`.
#[derive(Clone, Debug, Args)]
pub struct ManOptions {
    /// Writes a page for each command into this folder, which is made if it is missing, instead of printing the first one.
    #[arg(value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
}

/// Runs the command.
pub fn run(options: &ManOptions) -> anyhow::Result<ExitCode> {
    let command = Cli::command();
    match &options.folder {
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(command, folder))
                .with_context(|| format!("{} cannot be written to", folder.display()))?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            output::result(String::from_utf8(page)?.trim_end());
        }
    }
    Ok(ExitCode::SUCCESS)
}
