#![doc = include_str!("cold/README.md")]

mod authority;
mod aws;
mod build;
mod events;
mod http;
mod measure;
mod numbers;
mod process;
mod report;
mod runtime_api;
mod sandbox;
pub mod stopwatch;
mod subject;
mod vendors;

use std::fs;
use std::io::{self, Write as _};

use anyhow::Context as _;
use clap::Args;

use self::build::BuildOutput;
use self::measure::Subjects;
use self::report::Report;
use self::sandbox::Sandbox;

/// How the cold path is measured.
#[derive(Args, Debug)]
pub struct Options {
    /// Starts of each program.
    #[arg(long, default_value_t = 60)]
    runs: usize,
    /// Print one JSON object instead of the table.
    #[arg(long)]
    json: bool,
    /// Measure these functions only, and no bar of the others.
    #[arg(long, value_delimiter = ',', default_values_t = FUNCTIONS.map(str::to_owned))]
    functions: Vec<String>,
    /// Take the binaries as they are; they must have been built before.
    #[arg(long)]
    no_build: bool,
}

/// Every function.
const FUNCTIONS: [&str; 4] = [
    "webhook-intake",
    "inspector-poll",
    "ticket-sync",
    "secret-rotation",
];

/// Measures, prints, and says whether every bar is met.
///
/// # Errors
///
/// Something could not be built, started or understood. A bar that is missed is not an error.
pub fn run(options: &Options) -> anyhow::Result<bool> {
    let workshop = BuildOutput::find()?;
    let functions: Vec<&'static str> = FUNCTIONS
        .into_iter()
        .filter(|function| options.functions.iter().any(|asked| asked == function))
        .collect();
    if !options.no_build {
        workshop.build_peers()?;
        workshop.build_functions(&functions)?;
    }
    let sandbox = Sandbox::build()?;
    let subjects = Subjects::prepare(&workshop, &sandbox, &functions)?;
    let mut report = Report {
        machine: machine()?,
        ..Report::default()
    };
    report.notes.push(format!(
        "peers with the SDK's defaults load {} roots of the system, as they do on Lambda",
        sandbox.authority.system_roots
    ));
    measure::starts(&sandbox, &subjects, options.runs, &mut report)?;
    measure::sizes(&workshop, &subjects, &mut report)?;
    measure::memory(&sandbox, &subjects, &mut report)?;
    if let Some(intake) = subjects.function(measure::INTAKE) {
        measure::work(&sandbox, intake, &subjects, &mut report)?;
    }
    report.machine.push(format!("load after: {}", load()?));
    let text = match options.json {
        true => format!("{}\n", serde_json::to_string(&report)?),
        false => report.text(),
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(report.met())
}

/// The machine.
fn machine() -> anyhow::Result<Vec<String>> {
    let cpus = fs::read_to_string("/proc/cpuinfo").context("no /proc; this needs Linux")?;
    let models: Vec<&str> = cpus
        .lines()
        .filter_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map(|(_, model)| model.trim())
        .collect();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(vec![
        format!(
            "machine: {} × {}, Linux {}",
            models.len(),
            models.first().unwrap_or(&"unknown"),
            kernel.trim()
        ),
        format!("load before: {}", load()?),
    ])
}

/// Processes that wanted to run, over 1, 5 and 15 minutes.
fn load() -> anyhow::Result<String> {
    let load = fs::read_to_string("/proc/loadavg")?;
    Ok(load.split(' ').take(3).collect::<Vec<_>>().join(" "))
}
