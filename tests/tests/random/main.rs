//! Random scenarios: random events, random faults, a process that crashes, and both sides that
//! agree in the end. Everything follows from the seed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod dialects;
mod faults;
mod script;

use std::time::Duration;

use halogard_tests::dialect_in_force::stride;
use halogard_tests::{CaseMatrix, Scenario};

use script::Script;

/// Scenarios run by each test; the two tests run in parallel.
const SEEDS: u64 = 75;

/// Scenarios that run a second time, to compare the two fingerprints.
const RUN_TWICE: u64 = 5;

/// Two sweeps, the longest pause after failures in a row, and an inspector's run.
const CONVERGES_WITHIN: Duration = Duration::from_secs(2 * 60 + 900 + 300);

/// How many hours longer that may take under a dialect.
const HOURS_UNDER_A_DIALECT: u32 = 30;

/// Runs the scenario of `seed` to its end; returns the fingerprint of all that happened.
async fn run_seed(seed: u64) -> u64 {
    let script = Script::from_seed(seed);
    let mut bundle = Scenario::start(script.setup()).await;
    faults::inject_faults(&bundle, seed);
    script.apply(&mut bundle).await;
    faults::clear_faults(&bundle);
    bundle.run_for(CONVERGES_WITHIN).await;
    // What a tenant accepts and drops is made again over a day, and one with a low limit is slow.
    let patience = if bundle.setup.dialect.switches().is_empty() {
        0
    } else {
        HOURS_UNDER_A_DIALECT
    };
    for _ in 0..patience {
        if bundle.disagreements().await.is_empty() {
            break;
        }
        bundle.run_for(Duration::from_secs(3600)).await;
    }
    let problems = bundle.disagreements().await;
    assert!(problems.is_empty(), "out of step: {}", problems.join("\n"));
    // What a burst of odd answers brought among the dead letters was reconciled again.
    bundle.expects_dead_letters = true;
    bundle.conclude().await;
    bundle.fingerprint()
}

/// Runs the scenarios of `seeds`.
fn run_seeds(name: &'static str, seeds: impl Iterator<Item = u64>) {
    let mut grid = CaseMatrix::new(name);
    for seed in seeds.step_by(stride()) {
        grid.case(&format!("seed {seed}"), run_seed(seed));
    }
    grid.finish();
}

#[test]
fn both_sides_agree_after_any_story_with_an_even_seed() {
    run_seeds("chance, even seeds", (0..SEEDS).map(|seed| seed * 2));
}

#[test]
fn both_sides_agree_after_any_story_with_an_odd_seed() {
    run_seeds("chance, odd seeds", (0..SEEDS).map(|seed| seed * 2 + 1));
}

#[test]
fn the_same_seed_repeats_the_same_run() {
    let mut grid = CaseMatrix::new("chance, run twice");
    for seed in (0..RUN_TWICE).step_by(stride()) {
        let first = grid.case(&format!("seed {seed}"), run_seed(seed));
        let second = grid.case(&format!("seed {seed} again"), run_seed(seed));
        assert_eq!(first, second, "seed {seed} gives two different runs");
    }
    grid.finish();
}
