//! Halogard keeps Liongard alerts and HaloPSA tickets in sync, in both directions.
//!
//! The program: the worker as one process (`serve`), a demo with both vendors simulated, the simulated
//! vendors alone, and the operator's commands. The parts are put together here and nowhere else.

// The futures of `serve` and of the SDK are nested deeply.
#![recursion_limit = "256"]

mod body;
mod body_memory;
mod cli;
mod clock;
mod commands;
mod confirm;
mod connect;
mod connections;
mod data_folder;
mod dialect_table;
mod engine;
mod failure;
#[cfg(test)]
mod golden;
mod health;
mod http;
mod lane_budget;
mod listener;
mod metrics;
mod opened_store;
mod output;
mod page;
mod permit_leases;
mod refusals;
#[cfg(test)]
mod schemas;
mod stack;
mod stopping;
mod stored_credentials;
mod supervisor;
mod unknown_variables;
mod written_file;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use halogard_runtime::telemetry::{self, LogFormat};

use cli::{Cli, Command};

/// The exit code when something is wrong; usage errors are 2.
const PROBLEM: u8 = 1;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let as_json = failure::asks_for_json(&arguments);
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return failure::say_usage(&error, as_json),
    };
    let format = if cli.log_json {
        output::log_as_json();
        LogFormat::Json
    } else {
        LogFormat::Pretty
    };
    let filter = cli
        .log
        .clone()
        .unwrap_or_else(|| cli.command.log_filter().to_owned());
    if let Err(error) = telemetry::init(format, &filter) {
        output::problem(&error.to_string());
        return ExitCode::from(PROBLEM);
    }
    let code = match run(cli.command) {
        Ok(code) => code,
        Err(error) => failure::say(&error, as_json),
    };
    if output::has_failed() {
        ExitCode::from(PROBLEM)
    } else {
        code
    }
}

/// Runs one command to its end.
fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if command.reads_settings() {
        unknown_variables::say();
    }
    if !command.ends_by_itself() {
        permit_leases::give_back_when_interrupted();
    }
    runtime.block_on(async {
        // As large as the largest command.
        let ended = Box::pin(commands::run(command)).await;
        permit_leases::give_back().await;
        ended
    })
}
