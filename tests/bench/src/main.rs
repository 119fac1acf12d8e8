//! The measurements behind the figures in the documents. Each prints its table and whether it meets its bars.

mod cold;
mod limiter;
mod report;
mod requests;
mod verify;
mod years;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures the bundle against stated peers.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    #[command(subcommand)]
    what: Measurement,
}

/// The measurements.
#[derive(Subcommand)]
enum Measurement {
    /// Start, size, memory and work per event of the functions.
    Cold(cold::Options),
    /// Use of HaloPSA's limit, refusals, drain times and lanes, on four models of a server.
    Limiter(limiter::Options),
    /// Requests to HaloPSA and store writes per alert.
    Requests(requests::Options),
    /// Requests and time of the scheduled comparison of both sides.
    Verify(verify::Options),
    /// Size, time and cost of the store after years of alerts.
    Years(years::Options),
}

fn main() -> anyhow::Result<ExitCode> {
    let met = match Arguments::parse().what {
        Measurement::Cold(options) => cold::run(&options)?,
        Measurement::Limiter(options) => limiter::run(&options)?,
        Measurement::Requests(options) => requests::run(&options)?,
        Measurement::Verify(options) => verify::run(&options)?,
        Measurement::Years(options) => years::run(&options)?,
    };
    Ok(if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
