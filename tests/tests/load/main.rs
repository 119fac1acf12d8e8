//! Progress under load: many pairs need work at once, answers are lost, and permits come one by one.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use halogard_simulator::{Fault, FaultRate};
use halogard_tests::{Scenario, Setup};
use tracing::Level;

/// The technician who works on tickets here.
const TECHNICIAN: i64 = 12;

/// The share of calls that each kind of fault strikes: three kinds make three in a hundred.
const FAULT_SHARE: f64 = 0.01;

/// Answers that do not say what happened.
fn wrong_answers() -> Vec<FaultRate> {
    [
        Fault::DropResponse,
        Fault::Status500AfterEffect,
        Fault::TruncatedBody,
    ]
    .map(|fault| FaultRate {
        fault,
        probability: FAULT_SHARE,
        route: None,
    })
    .to_vec()
}

/// A tenant that allows `requests_max` requests in 300 s, and a bundle that knows.
fn allowing(requests_max: u32, patience: Duration, seed: u64) -> Setup {
    let mut setup = Setup {
        seed,
        patience,
        level: Level::ERROR,
        ..Setup::managed()
    };
    setup.limit.requests_max = requests_max;
    setup.halo.rate_limit.requests_max = usize::try_from(requests_max).unwrap();
    setup
}

/// Raises `count` alerts, in groups of twenty.
async fn raise(scenario: &mut Scenario, count: usize) -> Vec<i64> {
    let mut raised = Vec::new();
    for number in 0..count {
        let customer = i64::try_from(number % 6).unwrap();
        raised.push(scenario.raise(customer, &format!("Rule {number}")));
        if number % 20 == 19 {
            scenario.run_for(Duration::from_secs(5)).await;
        }
    }
    raised
}

/// Pairs that are out of sync at the end of each window of the request budget, until none is or `windows`
/// have passed.
async fn out_of_sync_by_window(scenario: &mut Scenario, windows: usize) -> Vec<usize> {
    let mut out_of_sync = vec![scenario.disagreements().await.len()];
    while out_of_sync.last() != Some(&0) && out_of_sync.len() <= windows {
        scenario.run_for(scenario.setup.limit.window).await;
        out_of_sync.push(scenario.disagreements().await.len());
    }
    out_of_sync
}

/// In each window more pairs are in sync, until all are. A window's end may lie just before a group of
/// messages is due, so two windows together must bring some.
fn expect_progress(out_of_sync: &[usize], case: &str) {
    assert_eq!(out_of_sync.last(), Some(&0), "{case}: {out_of_sync:?}");
    let progresses = out_of_sync
        .windows(3)
        .all(|window| window[2] < window[0] || window[0] == 0);
    assert!(progresses, "{case}: {out_of_sync:?}");
}

/// All alerts close while HaloPSA's list of tickets is not available for two minutes: for each ticket
/// it has to be found out otherwise whether a person has worked on it, and there are fewer requests than
/// tickets.
async fn all_alerts_close_without_sweeps(requests_max: u32, alerts: usize, patience: Duration) {
    let mut scenario = Scenario::start(allowing(requests_max, patience, 0)).await;
    let raised = raise(&mut scenario, alerts).await;
    scenario.run_for(Duration::from_secs(1800)).await;
    scenario.halo.faults().set_random(vec![FaultRate {
        fault: Fault::Gateway502Html,
        probability: 1.0,
        route: Some("GET /Tickets".to_owned()),
    }]);
    for alert in &raised {
        scenario.liongard.close(*alert).unwrap();
    }
    scenario.run_for(Duration::from_secs(120)).await;
    scenario.halo.faults().clear();
    let out_of_sync = out_of_sync_by_window(&mut scenario, 12).await;
    let case = format!("{alerts} alerts, {requests_max} requests, patience {patience:?}");
    expect_progress(&out_of_sync, &case);
    scenario.conclude().await;
}

/// Three in a hundred answers are wrong. Half of the alerts close ten minutes after the last was raised,
/// and persons work on the tickets of the others.
async fn half_of_the_alerts_close(requests_max: u32, alerts: usize, patience: Duration, seed: u64) {
    let mut scenario = Scenario::start(allowing(requests_max, patience, seed)).await;
    scenario.halo.faults().set_random(wrong_answers());
    scenario.liongard.faults().set_random(wrong_answers());
    let raised = raise(&mut scenario, alerts).await;
    scenario.run_for(Duration::from_secs(600)).await;
    for (number, alert) in raised.iter().enumerate() {
        if number % 2 == 0 {
            scenario.liongard.close(*alert).unwrap();
        } else if let Some(ticket) = scenario.ticket_of(*alert) {
            scenario
                .halo
                .add_note(ticket.id, TECHNICIAN, "looking")
                .unwrap();
        }
    }
    let under_faults = out_of_sync_by_window(&mut scenario, 12).await;
    scenario.halo.faults().clear();
    scenario.liongard.faults().clear();
    let case = format!("seed {seed}, {alerts} alerts, patience {patience:?}: {under_faults:?}");
    let out_of_sync = out_of_sync_by_window(&mut scenario, 12).await;
    expect_progress(&out_of_sync, &case);
    scenario.expects_dead_letters = true;
    scenario.conclude().await;
}

/// No waiting for permits, and as long as the program waits.
const PATIENCE: [Duration; 2] = [Duration::ZERO, Duration::from_secs(5)];

#[tokio::test]
async fn alerts_that_close_without_a_sweep_get_in_sync_window_by_window() {
    for patience in PATIENCE {
        for (requests_max, alerts) in [(20, 60), (100, 150)] {
            all_alerts_close_without_sweeps(requests_max, alerts, patience).await;
        }
    }
}

#[tokio::test]
async fn pairs_get_in_sync_under_wrong_answers_with_any_seed() {
    for seed in 1..=4 {
        for patience in PATIENCE {
            half_of_the_alerts_close(30, 80, patience, seed).await;
        }
    }
}

#[tokio::test]
async fn a_thousand_alerts_get_in_sync_without_patience() {
    half_of_the_alerts_close(450, 1000, PATIENCE[0], 0).await;
}

#[tokio::test]
async fn a_thousand_alerts_get_in_sync_with_patience() {
    half_of_the_alerts_close(450, 1000, PATIENCE[1], 0).await;
}
