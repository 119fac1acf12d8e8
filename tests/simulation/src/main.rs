#![doc = include_str!("../README.md")]
#![expect(
    clippy::expect_used,
    reason = "a simulation whose own parts fail says nothing about the bundle"
)]

mod clock;
mod coverage;
mod crash_points;
mod faults;
mod oracle;
mod people;
mod process;
mod run;
mod scheduler;
mod sim;
mod simulate;
mod store;
mod story;
mod transport;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs the whole bundle with its vendors and its people under a seeded scheduler.
#[derive(Parser)]
#[command(name = "simulation")]
struct Arguments {
    #[command(subcommand)]
    what: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs stories drawn from seeds, and judges each.
    Simulate(simulate::Options),
    /// Stops the bundle at every point of its main use cases.
    CrashPoints(crash_points::Options),
}

fn main() -> anyhow::Result<ExitCode> {
    let passed = match Arguments::parse().what {
        Command::Simulate(options) => simulate::simulate(&options)?,
        Command::CrashPoints(options) => crash_points::crash_points(&options)?,
    };
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
