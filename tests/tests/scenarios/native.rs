//! Native mode: Liongard's own ticketing opens the tickets; we link, have it look, and repair.

use std::time::Duration;

use halogard_domain::pair_status::PairStatus;
use halogard_simulator::liongard::NativeTicketing;
use halogard_tests::{Scenario, Setup};

use crate::{DANA, HALO_INSPECTOR, news};

/// Liongard's own ticketing, whose alerts name the tickets that it opened.
fn own_tickets() -> Setup {
    Setup::native().fixing(&["foreign-external-id"])
}

/// A bundle whose Liongard leaves tickets behind when alerts close.
async fn drifting() -> Scenario {
    let mut setup = own_tickets();
    setup.liongard.native_ticketing = Some(NativeTicketing {
        drifts: true,
        ..NativeTicketing::default()
    });
    Scenario::start(setup).await
}

#[tokio::test]
async fn liongards_own_ticket_is_linked_and_never_a_second_one_opened() {
    let mut bundle = Scenario::start(own_tickets()).await;
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.conclude().await;
    let ticket = bundle.only_ticket(alert);
    let link = bundle.link(alert).await.unwrap();
    assert_eq!(
        link.ticket.map(|id| id.get()),
        Some(ticket.id.unsigned_abs())
    );
    assert_eq!(bundle.writes(), 0);
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::InSync));
    bundle
        .liongard
        .change(alert, news("8 accounts now", "Low"))
        .unwrap();
    bundle.conclude().await;
    assert_eq!(bundle.writes(), 0, "Liongard reports changes itself");
}

#[tokio::test]
async fn an_alert_without_a_ticket_of_its_own_gets_none_from_us() {
    let mut setup = own_tickets();
    setup.liongard.native_ticketing = None;
    let mut bundle = Scenario::start(setup).await;
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.excuse(alert);
    bundle.conclude().await;
    assert_eq!(bundle.halo.stats().tickets, 0);
}

#[tokio::test]
async fn a_technicians_close_reaches_the_alert_through_the_inspector() {
    let mut bundle = Scenario::start(own_tickets()).await;
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;
    let ticket = bundle.only_ticket(alert).id;
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.conclude().await;
    assert!(bundle.alert(alert).closed);
    assert_eq!(bundle.runs_of(HALO_INSPECTOR), 1);
    assert_eq!(bundle.liongard.stats().ad_hoc_runs.len(), 1, "no other ran");
    assert_eq!(bundle.writes(), 0);
}

#[tokio::test]
async fn a_technicians_reopening_reaches_the_alert_too() {
    let mut bundle = Scenario::start(own_tickets()).await;
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;
    let ticket = bundle.only_ticket(alert).id;
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.run_until_quiet().await;
    bundle.halo.reopen_ticket(ticket, DANA).unwrap();
    bundle.conclude().await;
    assert!(!bundle.alert(alert).closed);
}

#[tokio::test]
async fn a_close_that_liongards_own_ticketing_makes_is_left_to_it() {
    let mut bundle = Scenario::start(own_tickets()).await;
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;
    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;
    assert!(bundle.only_ticket(alert).closed);
    assert_eq!(bundle.writes(), 0);
}

#[tokio::test]
async fn a_ticket_left_behind_is_closed_after_the_grace() {
    let mut bundle = drifting().await;
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;
    bundle.liongard.close(alert).unwrap();
    bundle.run_for(Duration::from_secs(9 * 60)).await;
    assert!(!bundle.only_ticket(alert).closed, "it has ten minutes");
    bundle.conclude().await;
    assert!(bundle.only_ticket(alert).closed);
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::InSync));
}

#[tokio::test]
async fn a_ticket_left_behind_that_a_technician_works_on_stays_open_without_a_note() {
    let mut bundle = drifting().await;
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;
    let ticket = bundle.only_ticket(alert).id;
    bundle
        .halo
        .add_note(ticket, DANA, "Looking into it.")
        .unwrap();
    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;
    assert!(!bundle.only_ticket(alert).closed);
    assert_eq!(bundle.writes(), 0);
}
