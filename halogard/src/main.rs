//! Halogard keeps Liongard alerts and HaloPSA tickets in step, both ways.
//!
//! The program: a demo of the whole, the bundle as one process, both vendors simulated, and the
//! config file's checker. Parts are put together here and nowhere else.

mod cli;
mod config_command;
mod connect;
mod demo;
mod engine;
mod http;
mod kept;
mod metrics;
mod output;
mod pace;
mod rotate;
mod serve;
mod simulate;
mod stack;
mod stack_command;

use std::process::ExitCode;

use clap::Parser;
use halogard_runtime::telemetry::{self, LogFormat};

use cli::{Cli, Command, WebhookCommand};

/// The exit code when something is wrong; usage errors are 2, from the argument parser.
const PROBLEM: u8 = 1;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let format = if cli.log_json {
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
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            output::problem(&format!("{error:#}"));
            ExitCode::from(PROBLEM)
        }
    }
}

/// Runs one command to its end.
fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            Command::Demo(options) => demo::run(&options).await,
            Command::Rotate(options) => rotate::run(&options).await,
            Command::Serve(options) => serve::run(&options).await,
            Command::Simulate(options) => simulate::run(&options).await,
            Command::Config(command) => config_command::run(&command).await,
            Command::Webhook(WebhookCommand::Url { stack }) => {
                stack_command::webhook_url(&stack).await
            }
        }
    })
}
