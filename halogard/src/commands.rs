//! The commands, one module each.

pub mod audit;
pub mod backup;
pub mod completions;
pub mod config;
pub mod connect;
pub mod demo;
pub mod dlq;
pub mod doctor;
pub mod explain;
pub mod inspect;
pub mod link;
pub mod man;
pub mod map;
pub mod notify;
pub mod pause;
pub mod report;
pub mod resync;
pub mod rotate;
pub mod route;
pub mod serve;
pub mod simulate;
pub mod status;
pub mod support_bundle;
pub mod transfer;
pub mod verify;
pub mod webhook;

use std::process::ExitCode;

use halogard_operations::resync::ResyncKind;

use crate::cli::Command;

/// Runs one command to its end.
pub async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(options) => demo::run(&options).await,
        Command::Doctor(options) => doctor::run(&options).await,
        Command::Map(options) => map::run(&options).await,
        Command::Notify(command) => notify::run(&command).await,
        Command::Route(options) => route::run(&options).await,
        Command::Rotate(options) => rotate::run(&options).await,
        Command::Serve(options) => serve::run(&options).await,
        Command::Explain(options) => explain::run(&options).await,
        Command::Inspect(options) => inspect::run(&options).await,
        Command::Dlq(command) => dlq::run(&command).await,
        Command::Resync(options) => resync::run(&options, ResyncKind::Resync).await,
        Command::Replay(options) => resync::run(&options, ResyncKind::Replay).await,
        Command::Pause(options) => pause::pause(&options).await,
        Command::Resume(options) => pause::resume(&options).await,
        Command::Snooze(options) => pause::snooze(&options).await,
        Command::Verify(options) => verify::run(&options).await,
        Command::Link(options) => link::link(&options).await,
        Command::Unlink(options) => link::unlink(&options).await,
        Command::Backup(options) => backup::backup(&options),
        Command::Restore(options) => backup::restore(&options).await,
        Command::SupportBundle(options) => support_bundle::run(&options).await,
        Command::Report(command) => report::run(&command).await,
        Command::Export(options) => transfer::export(&options).await,
        Command::Import(options) => transfer::import(&options).await,
        Command::Audit(command) => audit::run(&command).await,
        Command::Status(options) => status::run(&options).await,
        Command::Simulate(options) => simulate::run(&options).await,
        Command::Config(command) => config::run(&command).await,
        Command::Connect(options) => connect::run(&options).await,
        Command::Webhook(command) => webhook::run(&command).await,
        Command::Completions(options) => completions::run(&options),
        Command::Man(options) => man::run(&options),
    }
}
