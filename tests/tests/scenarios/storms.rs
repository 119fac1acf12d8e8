//! Many alerts at once cost few requests: writes go out in arrays.

use halogard_simulator::Fault;
use halogard_simulator::halopsa::ArrayFailure;
use halogard_tests::{Scenario, Setup};

/// Raises this many alerts at six customers.
fn storm(bundle: &mut Scenario, alerts: i64) -> Vec<i64> {
    (0..alerts)
        .map(|number| bundle.raise(number % 6, &format!("Rule {number}")))
        .collect()
}

/// Requests to HaloPSA of `route` so far.
fn requests(bundle: &Scenario, route: &str) -> u64 {
    let traffic = bundle.halo.stats().traffic;
    traffic.by_route.get(route).copied().unwrap_or_default()
}

#[tokio::test]
async fn a_thousand_alerts_are_opened_fifty_in_a_request() {
    // What a webhook, an answer or a list does not show is read.
    let fixed = [
        "webhook-event-only",
        "returnall-ignored",
        "rows-without-last-update",
    ];
    let setup = Setup::managed().fixing(&fixed);
    let mut bundle = Scenario::start(setup).await;
    let alerts = storm(&mut bundle, 1_000);
    bundle.run_until_quiet().await;

    for alert in &alerts {
        bundle.only_ticket(*alert);
    }
    let posted = requests(&bundle, "POST /Tickets");
    println!(
        "1000 alerts: {posted} arrays, {} requests in all",
        bundle.halo.stats().traffic.requests
    );
    assert_eq!(posted, 20, "a thousand in fifties");
    assert_eq!(requests(&bundle, "GET /Tickets/{id}"), 0, "none is read");
    bundle.conclude().await;
}

#[tokio::test]
async fn alerts_that_are_over_close_their_tickets_in_arrays() {
    // Where a write must name more than it changes, tickets are read one by one before it, and what its answer leaves
    // out is read after it. Alerts that are no longer listed are found closed twenty in a poll.
    let fixed = [
        "strict-update",
        "returnall-ignored",
        "closed-alerts-unlisted",
        "limit-60-in-1-min",
    ];
    let mut setup = Setup::managed().fixing(&fixed);
    setup.halo.must_assign_to_close = false;
    let mut bundle = Scenario::start(setup).await;
    let alerts = storm(&mut bundle, 100);
    bundle.run_until_quiet().await;
    let before = requests(&bundle, "POST /Tickets");
    for alert in &alerts {
        bundle.liongard.close(*alert).unwrap();
    }
    bundle.conclude().await;

    let posted = requests(&bundle, "POST /Tickets") - before;
    assert!(posted <= 2, "{posted} arrays for 100 closes");
    for alert in &alerts {
        assert!(bundle.only_ticket(*alert).closed);
    }
}

#[tokio::test]
async fn a_lost_answer_to_an_array_doubles_none_of_its_tickets() {
    for array_failure in [ArrayFailure::NothingKept, ArrayFailure::EarlierKept] {
        let mut setup = Setup::managed();
        setup.halo.array_failure = array_failure;
        let mut bundle = Scenario::start(setup).await;
        bundle.run_until_quiet().await;
        bundle
            .halo
            .faults()
            .next("POST /Tickets", Fault::DropResponse);
        let alerts = storm(&mut bundle, 60);
        bundle.run_until_quiet().await;
        for alert in alerts {
            bundle.only_ticket(alert);
        }
        bundle.conclude().await;
    }
}
