//! `completions`: what a shell completes the command line with.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::output;

/// Options of `completions`.
#[derive(Clone, Debug, Args)]
pub struct CompletionsOptions {
    /// For which shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Runs the command.
pub fn run(options: &CompletionsOptions) -> anyhow::Result<ExitCode> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, name, &mut script);
    output::result(String::from_utf8(script)?.trim_end());
    Ok(ExitCode::SUCCESS)
}
