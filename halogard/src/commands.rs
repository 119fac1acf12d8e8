//! The commands, one module each.

mod config;
mod demo;
mod doctor;
mod map;
mod rotate;
mod route;
pub mod serve;
mod simulate;
mod status;
mod webhook;

use std::process::ExitCode;

use crate::cli::Command;

/// Runs one command to its end.
pub async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(options) => demo::run(&options).await,
        Command::Doctor(options) => doctor::run(&options).await,
        Command::Map(options) => map::run(&options).await,
        Command::Route(options) => route::run(&options).await,
        Command::Rotate(options) => rotate::run(&options).await,
        Command::Serve(options) => serve::run(&options).await,
        Command::Status(options) => status::run(&options).await,
        Command::Simulate(options) => simulate::run(&options).await,
        Command::Config(command) => config::run(&command).await,
        Command::Webhook(command) => webhook::run(&command).await,
    }
}
