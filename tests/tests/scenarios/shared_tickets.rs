//! Many alerts of one rule at one customer share a ticket.

use std::time::Duration;

use halogard_domain::pair_status::PairStatus;
use halogard_domain::storm::StormPolicy;
use halogard_simulator::Fault;
use halogard_simulator::halopsa::TicketView;
use halogard_tests::{Scenario, Setup};

use crate::DANA;

/// A bundle that gives three alerts of a rule tickets of their own.
fn three_tickets() -> Setup {
    Setup {
        storms: Some(StormPolicy {
            tickets_max: 3,
            ..StormPolicy::default()
        }),
        ..Setup::managed()
    }
}

/// Raises this many alerts of one rule at one customer.
fn raise(bundle: &mut Scenario, alerts: usize) -> Vec<i64> {
    (0..alerts).map(|_| bundle.raise(0, "Disk full")).collect()
}

/// The tickets that are about them all, without deleted ones.
fn tickets(bundle: &Scenario) -> Vec<TicketView> {
    let mut tickets = bundle.halo.tickets();
    tickets.retain(|ticket| ticket.summary.contains("[LG-"));
    tickets
}

/// The ticket of many alerts.
#[track_caller]
fn shared_ticket(bundle: &Scenario) -> TicketView {
    let mut shared = tickets(bundle);
    shared.retain(|ticket| ticket.summary.contains("Storm: "));
    assert_eq!(shared.len(), 1, "{shared:#?}");
    shared.remove(0)
}

/// How many of `alerts` share a ticket of another.
async fn sharing(bundle: &Scenario, alerts: &[i64]) -> usize {
    let mut count = 0;
    for alert in alerts {
        count += usize::from(bundle.pair_status(*alert).await == Some(PairStatus::InStorm));
    }
    count
}

#[tokio::test]
async fn a_hundred_alerts_of_one_rule_make_four_tickets() {
    let mut bundle = Scenario::start(three_tickets()).await;
    let before = bundle.writes();
    let alerts = raise(&mut bundle, 100);
    bundle.run_for(Duration::from_secs(120)).await;
    assert_eq!(tickets(&bundle).len(), 4);
    assert_eq!(sharing(&bundle, &alerts).await, 96);
    assert_eq!(bundle.writes() - before, 4, "and nothing else");

    bundle.run_until_quiet().await;
    let shared = shared_ticket(&bundle);
    let notes = bundle.our_notes(shared.id);
    assert_eq!(notes.len(), 1, "{notes:#?}");
    assert!(
        notes[0].contains("96 more alerts of this rule, 96 of them open."),
        "{notes:#?}"
    );
    bundle.conclude().await;
}

#[tokio::test]
async fn who_joins_later_is_counted_once_in_half_an_hour() {
    let mut bundle = Scenario::start(three_tickets()).await;
    let mut alerts = raise(&mut bundle, 10);
    for _ in 0..18 {
        bundle.run_for(Duration::from_secs(300)).await;
        alerts.extend(raise(&mut bundle, 2));
    }
    bundle.run_until_quiet().await;
    assert_eq!(tickets(&bundle).len(), 4);
    assert_eq!(sharing(&bundle, &alerts).await, 42);
    let notes = bundle.our_notes(shared_ticket(&bundle).id);
    assert_eq!(notes.len(), 3, "{notes:#?}");
    assert!(notes[2].contains("42 more alerts"), "{notes:#?}");
    bundle.conclude().await;
}

#[tokio::test]
async fn the_shared_ticket_is_closed_when_all_are_over() {
    let mut bundle = Scenario::start(three_tickets()).await;
    let alerts = raise(&mut bundle, 20);
    bundle.run_until_quiet().await;
    let shared = shared_ticket(&bundle).id;
    for alert in &alerts[..19] {
        bundle.liongard.close(*alert).unwrap();
    }
    bundle.run_until_quiet().await;
    assert!(!bundle.halo.ticket(shared).unwrap().closed, "one is open");
    bundle.liongard.close(alerts[19]).unwrap();
    bundle.conclude().await;
    assert!(tickets(&bundle).iter().all(|ticket| ticket.closed));
}

#[tokio::test]
async fn after_an_hour_of_calm_alerts_get_their_own_tickets_again() {
    let mut bundle = Scenario::start(three_tickets()).await;
    raise(&mut bundle, 10);
    bundle.run_until_quiet().await;
    bundle.run_for(Duration::from_secs(3_700)).await;
    let alerts = raise(&mut bundle, 3);
    bundle.run_until_quiet().await;
    for alert in alerts {
        bundle.only_ticket(alert);
    }
    assert_eq!(tickets(&bundle).len(), 7);
    bundle.conclude().await;
}

#[tokio::test]
async fn a_technician_who_closes_the_shared_ticket_ends_the_storm() {
    let mut bundle = Scenario::start(three_tickets()).await;
    let alerts = raise(&mut bundle, 10);
    bundle.run_until_quiet().await;
    let shared = shared_ticket(&bundle).id;
    bundle.halo.close_ticket(shared, DANA).unwrap();
    bundle.run_until_quiet().await;
    bundle.run_for(Duration::from_secs(1_000)).await;
    let next = raise(&mut bundle, 1);
    bundle.run_until_quiet().await;
    bundle.only_ticket(next[0]);

    // An alert that was closed with the ticket and comes back has no open ticket to join.
    let back = alerts[9];
    bundle.liongard.close(back).unwrap();
    bundle.run_until_quiet().await;
    bundle.liongard.reopen(back).unwrap();
    bundle.run_until_quiet().await;
    bundle.only_ticket(back);
    for alert in &alerts {
        bundle.excuse(*alert);
    }
    bundle.conclude().await;
}

#[tokio::test]
async fn a_crash_at_any_moment_of_a_storm_loses_and_doubles_nothing() {
    for crash_after in 1..12 {
        let mut bundle = Scenario::start(three_tickets()).await;
        bundle.run_until_quiet().await;
        let alerts = raise(&mut bundle, 30);
        for _ in 0..crash_after {
            bundle.step().await;
            bundle.crash().await;
        }
        bundle.run_until_quiet().await;
        assert_eq!(tickets(&bundle).len(), 4, "after {crash_after} crashes");
        assert_eq!(sharing(&bundle, &alerts).await, 26);
        bundle.conclude().await;
    }
}

#[tokio::test]
async fn a_lost_answer_in_a_storm_doubles_nothing() {
    let mut bundle = Scenario::start(three_tickets()).await;
    bundle.run_until_quiet().await;
    let tickets_route = "POST /Tickets";
    bundle
        .halo
        .faults()
        .next(tickets_route, Fault::DropResponse);
    let alerts = raise(&mut bundle, 30);
    bundle.run_until_quiet().await;
    assert_eq!(tickets(&bundle).len(), 4);
    assert_eq!(sharing(&bundle, &alerts).await, 26);
    bundle.conclude().await;
}

#[tokio::test]
async fn without_the_policy_every_alert_gets_its_ticket() {
    let mut bundle = Scenario::managed().await;
    let alerts = raise(&mut bundle, 30);
    bundle.run_until_quiet().await;
    for alert in alerts {
        bundle.only_ticket(alert);
    }
    bundle.conclude().await;
}
