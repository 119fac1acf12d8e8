//! What was closed comes back.

use std::time::Duration;

use halogard_domain::pair_status::PairStatus;
use halogard_tests::{Scenario, Setup};

use crate::{DANA, HALO_INSPECTOR, with_ticket};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn a_ticket_we_closed_is_opened_again_with_its_alert() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.close(alert).unwrap();
    bundle.run_until_quiet().await;
    assert!(bundle.halo.ticket(ticket).unwrap().closed);
    bundle.liongard.reopen(alert).unwrap();
    bundle.conclude().await;
    assert_eq!(bundle.only_ticket(alert).id, ticket);
    assert!(!bundle.halo.ticket(ticket).unwrap().closed);
    let notes = bundle.our_notes(ticket);
    assert_eq!(notes.len(), 1, "{notes:#?}");
    assert!(notes[0].contains("raised this alert again"), "{notes:#?}");
}

#[tokio::test]
async fn an_alert_that_returns_to_a_ticket_that_was_left_open_is_noted() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.halo.add_note(ticket, DANA, "On it.").unwrap();
    bundle.run_until_quiet().await;
    for (close, last) in [(true, "stays open"), (false, "again"), (true, "stays open")] {
        if close {
            bundle.liongard.close(alert).unwrap();
        } else {
            bundle.liongard.reopen(alert).unwrap();
        }
        bundle.run_until_quiet().await;
        let notes = bundle.our_notes(ticket);
        assert!(notes.last().unwrap().contains(last), "{notes:#?}");
    }
    assert_eq!(bundle.our_notes(ticket).len(), 3);
    bundle.conclude().await;
}

#[tokio::test]
async fn a_ticket_that_a_rule_of_halopsa_closed_is_opened_again_however_long_ago() {
    for (by_rule, same_ticket) in [(true, true), (false, false)] {
        let mut bundle = Scenario::managed().await;
        let (alert, ticket) = with_ticket(&mut bundle).await;
        bundle.liongard.clear_condition(alert).unwrap();
        if by_rule {
            bundle.halo.close_by_rule(ticket).unwrap();
        } else {
            bundle.halo.close_ticket(ticket, DANA).unwrap();
        }
        bundle.run_until_quiet().await;
        bundle.time.advance(DAY * 30);
        bundle.liongard.reopen(alert).unwrap();
        bundle.run_until_quiet().await;
        let is_open = !bundle.halo.ticket(ticket).unwrap().closed;
        assert_eq!(is_open, same_ticket, "by a rule: {by_rule}");
    }
}

#[tokio::test]
async fn a_ticket_a_person_closed_is_opened_again_within_a_week() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.run_until_quiet().await;
    bundle.time.advance(DAY * 6);
    bundle.liongard.reopen(alert).unwrap();
    bundle.conclude().await;
    assert_eq!(bundle.only_ticket(alert).id, ticket);
    assert!(!bundle.halo.ticket(ticket).unwrap().closed);
}

#[tokio::test]
async fn later_than_a_week_the_alert_gets_a_new_ticket() {
    let mut bundle = Scenario::managed().await;
    let (alert, first) = with_ticket(&mut bundle).await;
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.halo.close_ticket(first, DANA).unwrap();
    bundle.run_until_quiet().await;
    bundle.time.advance(DAY * 8);
    bundle.liongard.reopen(alert).unwrap();
    bundle.conclude().await;
    let tickets = bundle.tickets_of(alert);
    assert_eq!(tickets.len(), 2);
    assert!(tickets[0].closed && !tickets[1].closed);
    let key = format!("[LG-{alert}-2.");
    assert!(tickets[1].summary.contains(&key), "{}", tickets[1].summary);
}

#[tokio::test]
async fn a_ticket_stays_closed_where_policy_says_never() {
    let setup = Setup {
        template: "reopen = []\nreopen_fallback = \"leave\"".to_owned(),
        ..Setup::managed()
    };
    let mut bundle = Scenario::start(setup).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.close(alert).unwrap();
    bundle.run_until_quiet().await;
    bundle.liongard.reopen(alert).unwrap();
    bundle.excuse(alert);
    bundle.conclude().await;
    assert_eq!(bundle.only_ticket(alert).id, ticket);
    assert!(bundle.halo.ticket(ticket).unwrap().closed);
}

#[tokio::test]
async fn a_ticket_that_a_technician_reopens_starts_an_inspection() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.close(alert).unwrap();
    bundle.run_until_quiet().await;
    bundle.halo.reopen_ticket(ticket, DANA).unwrap();
    bundle.conclude().await;
    assert!(
        !bundle.halo.ticket(ticket).unwrap().closed,
        "never overruled"
    );
    assert_eq!(bundle.runs_of(HALO_INSPECTOR), 1);
    let standing = bundle.pair_status(alert).await;
    assert_eq!(standing, Some(PairStatus::LeftToTechnician));
}

#[tokio::test]
async fn an_alert_that_flaps_keeps_its_one_ticket() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    for _ in 0..5 {
        bundle.liongard.close(alert).unwrap();
        bundle.run_for(Duration::from_secs(65)).await;
        bundle.liongard.reopen(alert).unwrap();
        bundle.run_for(Duration::from_secs(65)).await;
    }
    bundle.conclude().await;
    assert_eq!(bundle.only_ticket(alert).id, ticket);
}

#[tokio::test]
async fn a_reopening_that_was_accepted_and_not_carried_out_is_a_refusal() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.close(alert).unwrap();
    bundle.run_until_quiet().await;
    bundle
        .halo
        .change_settings(|settings| settings.keeps_status = true);
    bundle.liongard.reopen(alert).unwrap();
    bundle.run_until_quiet().await;
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::Refused));
    let letters = bundle.dead_letters().await;
    assert!(
        letters[0].reason.contains("the status stayed 9"),
        "{letters:#?}"
    );
    assert_eq!(bundle.our_notes(ticket).len(), 0, "it is not open");
    bundle
        .halo
        .change_settings(|settings| settings.keeps_status = false);
    bundle.run_for(Duration::from_secs(7 * 3600)).await;
    bundle.expects_dead_letters = true;
    bundle.conclude().await;
    assert!(!bundle.halo.ticket(ticket).unwrap().closed);
    assert_eq!(bundle.our_notes(ticket).len(), 1);
}
