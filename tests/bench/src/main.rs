//! The measurements behind the figures in the documents. Each prints its table and whether it meets its bars.

mod cold;
mod limiter;
mod report;
mod requests;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures the bundle against stated peers.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

/// The measurements.
#[derive(Subcommand)]
enum What {
    /// Start, size, memory and work per event of the functions.
    Cold(cold::Options),
    /// Use of HaloPSA's limit, refusals, drain times and lanes, on four models of a server.
    Limiter(limiter::Options),
    /// Requests to HaloPSA and store writes per alert.
    Requests(requests::Options),
}

fn main() -> anyhow::Result<ExitCode> {
    let met = match Arguments::parse().what {
        What::Cold(options) => cold::run(&options)?,
        What::Limiter(options) => limiter::run(&options)?,
        What::Requests(options) => requests::run(&options)?,
    };
    Ok(if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
