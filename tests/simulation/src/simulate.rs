//! `simulate`: many seeds, a line each, and a summary as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use halogard_simulator::Dialect;
use serde::Serialize;
use tracing::Level;

use crate::coverage::{Coverage, EXPECTED};
use crate::run::{Outcome, run};
use crate::sim::{clock_text, print_line};
use crate::story::{Story, Wishes};

/// What is run.
#[derive(Args)]
pub struct Options {
    /// How many seeds.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Alerts in each story.
    #[arg(long, default_value_t = 12)]
    alerts: usize,
    /// Processes of each kind, where the bundle runs as functions.
    #[arg(long, default_value_t = 2)]
    instances: u32,
    /// Alerts a day; stories last as long as their alerts take. Drawn if absent.
    #[arg(long)]
    per_day: Option<u32>,
    /// The tenant's dialect. Drawn if absent.
    #[arg(long)]
    dialect: Option<Dialect>,
    /// Nothing goes wrong and no one interferes.
    #[arg(long)]
    calm: bool,
    /// Runs each seed twice and compares the hashes.
    #[arg(long)]
    check_determinism: bool,
    /// Prints everything that happens.
    #[arg(long)]
    trace: bool,
    /// Prints the bundle's log as well.
    #[arg(long)]
    log: bool,
    /// Only these events of the story, by number.
    #[arg(long, value_delimiter = ',')]
    only: Vec<usize>,
    /// Looks for a smaller story that fails in the same way.
    #[arg(long)]
    shrink: bool,
    /// Seeds at the same time.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Fails where something was never reached that a long run reaches.
    #[arg(long)]
    expect_coverage: bool,
    /// Prints how often each thing was reached.
    #[arg(long)]
    coverage: bool,
}

/// The sum of all runs.
#[derive(Debug, Default, Serialize)]
struct Summary {
    seeds: u64,
    failed: Vec<u64>,
    violations: BTreeMap<String, u64>,
    alerts: u64,
    tickets: u64,
    requests: u64,
    window_max: usize,
    visits: u64,
    simulated_days: f64,
    elapsed_seconds: f64,
    simulated_days_per_minute: f64,
    converged_seconds_max: u64,
    agreed_late: u64,
    differing_hashes: Vec<u64>,
    never_reached: Vec<&'static str>,
    reached: BTreeMap<String, u64>,
}

/// Runs the seeds; whether all went well.
///
/// # Errors
///
/// The summary cannot be written.
pub fn simulate(options: &Options) -> anyhow::Result<bool> {
    if options.log {
        tracing_subscriber::fmt()
            .with_max_level(Level::DEBUG)
            .without_time()
            .init();
    }
    let wishes = Wishes {
        alerts: options.alerts,
        instances: options.instances,
        dialect: options.dialect.clone(),
        per_day: options.per_day,
        is_calm: options.calm,
    };
    let seeds: Vec<u64> = match options.seed {
        Some(seed) => vec![seed],
        None => (options.from..options.from + options.seeds).collect(),
    };
    let began = elapsed();
    let sum = Mutex::new((Summary::default(), Coverage::default()));
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                while let Some(seed) = take(&next, &seeds) {
                    one_seed(seed, options, &wishes, &sum);
                }
            });
        }
    });
    let (mut summary, coverage) = sum.into_inner().unwrap_or_default();
    summary.elapsed_seconds = (elapsed() - began).as_secs_f64();
    let minutes = summary.elapsed_seconds / 60.0;
    summary.simulated_days_per_minute = summary.simulated_days / minutes.max(f64::EPSILON);
    summary.never_reached = EXPECTED
        .iter()
        .copied()
        .filter(|what| !coverage.counts().contains_key(*what))
        .collect();
    summary.failed.sort_unstable();
    summary.reached.clone_from(coverage.counts());
    if options.coverage {
        for (what, times) in coverage.counts() {
            print_line(&format!("{times:>10}  {what}"));
        }
    }
    print_line(&serde_json::to_string(&summary)?);
    let covered = !options.expect_coverage || summary.never_reached.is_empty();
    Ok(summary.failed.is_empty() && summary.differing_hashes.is_empty() && covered)
}

/// The next seed that no one has taken.
fn take(next: &AtomicU64, seeds: &[u64]) -> Option<u64> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    seeds.get(usize::try_from(index).ok()?).copied()
}

/// Runs one seed, prints its line and adds it to the sum.
fn one_seed(seed: u64, options: &Options, wishes: &Wishes, sum: &Mutex<(Summary, Coverage)>) {
    let mut story = Story::from_seed(seed, wishes);
    if !options.only.is_empty() {
        story = story.with_only(&options.only.iter().copied().collect());
    }
    let began = elapsed();
    let outcome = run(story.clone(), Vec::new(), options.trace);
    let took = elapsed() - began;
    let repeated = options
        .check_determinism
        .then(|| run(story.clone(), Vec::new(), false).hash);
    print_line(&line(&outcome, took, story.events.len()));
    for violation in &outcome.violations {
        print_line(&format!(
            "    {} {}: {}",
            clock_text(violation.at),
            violation.kind,
            violation.text
        ));
    }
    if options.shrink && !outcome.violations.is_empty() {
        shrink(&story, &outcome);
    }
    let mut sum = sum
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let (summary, coverage) = &mut *sum;
    summary.seeds += 1;
    if !outcome.violations.is_empty() {
        summary.failed.push(seed);
    }
    for violation in &outcome.violations {
        *summary
            .violations
            .entry(violation.kind.to_owned())
            .or_default() += 1;
    }
    summary.alerts += u64::try_from(outcome.alerts).unwrap_or(0);
    summary.tickets += u64::try_from(outcome.tickets).unwrap_or(0);
    summary.requests += outcome.requests;
    summary.window_max = summary.window_max.max(outcome.window_max);
    summary.visits += outcome.visits;
    summary.simulated_days += outcome.simulated.as_secs_f64() / 86_400.0;
    let converged = outcome.converged_after.unwrap_or_default().as_secs();
    summary.converged_seconds_max = summary.converged_seconds_max.max(converged);
    let late = outcome.coverage.counts().get("end: agreed late");
    summary.agreed_late += late.copied().unwrap_or_default();
    if repeated.is_some_and(|hash| hash != outcome.hash) {
        summary.differing_hashes.push(seed);
        print_line(&format!("    seed {seed} gives two different runs"));
    }
    coverage.merge(&outcome.coverage);
}

/// The line of one seed.
fn line(outcome: &Outcome, took: Duration, events: usize) -> String {
    let verdict = if outcome.violations.is_empty() {
        "ok  "
    } else {
        "FAIL"
    };
    let converged = outcome
        .converged_after
        .map_or("never".to_owned(), |it| format!("{} s", it.as_secs()));
    format!(
        "seed {:<6} {verdict} {:<34} events {events:<5} alerts {:<5} tickets {:<5} requests {:<6} window {:<4} agreed after {converged:<8} hash {:016x} {:.2} s",
        outcome.seed,
        outcome.shape,
        outcome.alerts,
        outcome.tickets,
        outcome.requests,
        outcome.window_max,
        outcome.hash,
        took.as_secs_f64(),
    )
}

/// Prints the smallest part of `story` that is found to fail as `outcome` did.
fn shrink(story: &Story, outcome: &Outcome) {
    let Some(kind) = outcome.violations.first().map(|it| it.kind) else {
        return;
    };
    let fails = |kept: &BTreeSet<usize>| {
        let outcome = run(story.with_only(kept), Vec::new(), false);
        outcome.violations.iter().any(|it| it.kind == kind)
    };
    let mut kept: BTreeSet<usize> = (0..story.events.len()).collect();
    let mut size = kept.len().div_ceil(2);
    while size > 0 {
        let all: Vec<usize> = kept.iter().copied().collect();
        let mut smaller = false;
        for part in all.chunks(size) {
            let rest: BTreeSet<usize> = kept
                .iter()
                .copied()
                .filter(|index| !part.contains(index))
                .collect();
            if rest.len() < kept.len() && fails(&rest) {
                kept = rest;
                smaller = true;
            }
        }
        if size == 1 && !smaller {
            break;
        }
        if !smaller || size > kept.len() {
            size = if size == 1 { 1 } else { size / 2 };
        }
    }
    print_line(&format!(
        "    {} of {} events fail as well ({kind}):",
        kept.len(),
        story.events.len()
    ));
    for index in &kept {
        if let Some((at, event)) = story.events.get(*index) {
            print_line(&format!(
                "    {index:>5}  {:>10.3} s  {event:?}",
                at.as_secs_f64()
            ));
        }
    }
    let only: Vec<String> = kept.iter().map(ToString::to_string).collect();
    print_line(&format!(
        "    replay: simulate --seed {} --trace --only {}",
        story.seed,
        only.join(",")
    ));
}

/// The time that has really passed since the program began.
#[expect(
    clippy::disallowed_methods,
    reason = "how fast the simulation is is measured on the real clock, and changes nothing in it"
)]
fn elapsed() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let now = Instant::now();
    now - *BEGAN.get_or_init(|| now)
}
