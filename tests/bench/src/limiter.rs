//! The request budget against simulated servers: `bench limiter`.
//!
//! A discrete-event simulation that drives the production limiter through its ports: instances with
//! clocks of their own, a store with delays, networks with delays, and servers that count in four ways.

mod fleet;
mod instance;
mod peers;
mod server;
mod sim;
mod store;
mod tables;
mod workload;

use crate::report::Report;

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Hours instead of days, and fewer cells: some twenty seconds.
    #[arg(long)]
    quick: bool,
    /// The first seed; each cell has its own.
    #[arg(long, default_value_t = 20_261_121)]
    seed: u64,
    /// Runs of each cell, each with a seed of its own.
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// Only one of the tables.
    #[arg(long, value_parser = tables::names())]
    only: Option<String>,
}

/// Measures; `false` when a bar is missed.
pub fn run(options: &Options) -> anyhow::Result<bool> {
    let extent = if options.quick {
        tables::Extent::Hours
    } else {
        tables::Extent::Days
    };
    let mut report = Report::begin("The request budget, measured", options.seed);
    tables::all(
        extent,
        options.seed,
        options.runs,
        options.only.as_deref(),
        |section| report.add(&section),
    );
    Ok(report.end())
}
