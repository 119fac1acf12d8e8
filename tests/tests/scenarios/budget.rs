//! HaloPSA's limit is kept, and nothing that waits for it counts as failed.

use std::time::Duration;

use halogard_app::SWEEP_INTERVAL;
use halogard_domain::budget::Limit;
use halogard_simulator::{RateLimit, RefusedRequests, RetryAfter};
use halogard_tests::{Scenario, Setup};

use crate::DANA;

/// A tenant that allows this many requests in 300 s, and a bundle that knows; `fixed` are facts that the scenario is
/// about.
fn allowing(requests_max: u32, fixed: &[&str]) -> Setup {
    // What an answer leaves out is looked for, and its message retried: that is no waiting.
    let fixed = [fixed, &["returnall-ignored"]].concat();
    let mut setup = Setup::managed().fixing(&fixed);
    // As the program does it: a sweep a minute would need the whole of the smallest limit.
    setup.sweep_interval = SWEEP_INTERVAL;
    setup.limit = Limit {
        requests_max,
        window: Duration::from_secs(300),
    };
    setup.halo.rate_limit = RateLimit {
        requests_max: usize::try_from(requests_max).unwrap(),
        window: Duration::from_secs(300),
        refused: RefusedRequests::Counted,
        retry_after: RetryAfter::Absent,
        shows_remaining: false,
    };
    setup
}

/// Nothing was refused, and nothing was counted as a failure.
fn expect_patience(bundle: &Scenario) {
    assert_eq!(bundle.halo.stats().traffic.rejected_429, 0);
    let log = bundle.logs.text();
    assert!(
        !log.contains("message will be retried"),
        "waiting is not a failure"
    );
}

#[tokio::test]
async fn twenty_alerts_get_their_tickets_five_requests_at_a_time() {
    let mut bundle = Scenario::start(allowing(5, &[])).await;
    let alerts: Vec<i64> = (0..20)
        .map(|number| bundle.raise(number % 6, &format!("Rule {number}")))
        .collect();
    bundle.conclude().await;
    for alert in alerts {
        bundle.only_ticket(alert);
    }
    expect_patience(&bundle);
}

#[tokio::test]
async fn a_crash_does_not_forget_what_was_spent() {
    // A list that is counted too large costs three requests, and no process of a scenario waits to finish one, as the
    // program does: each minute the first of them would use the slot that has just become free.
    let setup = allowing(5, &["record-count-larger"]);
    let mut bundle = Scenario::start(setup).await;
    for number in 0..6 {
        bundle.raise(number, "Rule");
    }
    for _ in 0..12 {
        bundle.run_for(Duration::from_secs(40)).await;
        bundle.crash().await;
    }
    bundle.conclude().await;
    expect_patience(&bundle);
}

#[tokio::test]
async fn a_limit_lower_than_we_know_of_costs_delay_only() {
    let mut setup = allowing(60, &[]);
    setup.limit = Limit::DEFAULT;
    setup.batch_max = 1;
    let mut bundle = Scenario::start(setup).await;
    let alerts: Vec<i64> = (0..90)
        .map(|number| bundle.raise(number % 6, &format!("Rule {number}")))
        .collect();
    bundle.run_until_quiet().await;
    for alert in &alerts {
        bundle.only_ticket(*alert);
    }
    let ticket = bundle.only_ticket(alerts[0]).id;
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    assert!(bundle.halo.stats().traffic.rejected_429 > 0);
    bundle.conclude().await;
}
