//! When an alert closes: what happens to its ticket.

use std::time::Duration;

use halogard_app::ports::Clock as _;
use halogard_domain::pair_status::PairStatus;
use halogard_simulator::halopsa::{AssignmentRule, TicketEdit};
use halogard_simulator::liongard::AlertChange;
use halogard_tests::setup::CLOSING_TECHNICIAN;
use halogard_tests::{Scenario, Setup};

use crate::{DANA, news, with_ticket};

#[tokio::test]
async fn an_untouched_ticket_is_closed_with_its_alert() {
    let mut bundle = Scenario::start(Setup::managed().fixing(&["close-unassigned"])).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;
    let ticket = bundle.halo.ticket(ticket).unwrap();
    assert!(ticket.closed);
    assert_eq!(ticket.agent_id, CLOSING_TECHNICIAN, "it had to be assigned");
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::InSync));
}

#[tokio::test]
async fn a_ticket_that_a_person_works_on_gets_a_note_and_stays_open() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle
        .halo
        .add_note(ticket, DANA, "Looking into it.")
        .unwrap();
    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;
    assert!(!bundle.halo.ticket(ticket).unwrap().closed);
    let notes = bundle.our_notes(ticket);
    assert_eq!(notes.len(), 1, "{notes:#?}");
    assert!(notes[0].contains("stays open"), "{notes:#?}");
    let standing = bundle.pair_status(alert).await;
    assert_eq!(standing, Some(PairStatus::LeftToTechnician));
}

#[tokio::test]
async fn a_touched_ticket_is_closed_where_policy_says_always() {
    let setup = Setup {
        template: "close = \"always\"".to_owned(),
        ..Setup::managed()
    };
    let mut bundle = Scenario::start(setup).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle
        .halo
        .add_note(ticket, DANA, "Looking into it.")
        .unwrap();
    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;
    assert!(bundle.halo.ticket(ticket).unwrap().closed);
}

#[tokio::test]
async fn an_untouched_ticket_is_left_open_where_policy_says_never() {
    let setup = Setup {
        template: "close = \"never\"".to_owned(),
        ..Setup::managed()
    };
    let mut bundle = Scenario::start(setup).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.close(alert).unwrap();
    bundle.excuse(alert);
    bundle.conclude().await;
    assert!(!bundle.halo.ticket(ticket).unwrap().closed);
    assert_eq!(bundle.our_notes(ticket).len(), 1);
}

#[tokio::test]
async fn a_close_refused_for_want_of_an_assignee_is_reported_and_repeated() {
    let setup = Setup {
        closing_technician: false,
        ..Setup::managed().fixing(&["must-assign-wording", "close-unassigned"])
    };
    let mut bundle = Scenario::start(setup.clone()).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.close(alert).unwrap();
    bundle.run_until_quiet().await;
    assert!(!bundle.halo.ticket(ticket).unwrap().closed);
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::Refused));
    let letters = bundle.dead_letters().await;
    assert_eq!(letters.len(), 1, "{letters:#?}");
    assert!(
        letters[0].reason.to_lowercase().contains("assign"),
        "{letters:#?}"
    );
    let fixed = Setup {
        closing_technician: true,
        ..setup
    };
    bundle.set_policy(fixed.policy());
    bundle.expects_dead_letters = true;
    bundle.conclude().await;
    assert!(bundle.halo.ticket(ticket).unwrap().closed);
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::InSync));
}

#[tokio::test]
async fn a_closed_alert_leaves_a_ticket_alone_that_was_closed_before() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.run_until_quiet().await;
    let (writes, at) = (bundle.writes(), bundle.time.now());
    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;
    assert_eq!(bundle.writes(), writes);
    assert!(bundle.halo.ticket(ticket).unwrap().updated_at < at.as_millis());
}

/// Times that the journal of `alert` has `event`.
async fn journaled(bundle: &Scenario, alert: i64, event: &str) -> usize {
    let events = bundle.journal(alert).await;
    events.iter().filter(|it| *it == event).count()
}

#[tokio::test]
async fn a_close_that_was_accepted_and_not_carried_out_is_a_refusal() {
    // The answer shows the resulting ticket; of a ticket that was not triaged it shows what was asked for.
    let setup = Setup::managed().fixing(&["untriaged-late"]);
    let mut bundle = Scenario::start(setup).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle
        .halo
        .change_settings(|settings| settings.keeps_status = true);
    bundle.liongard.close(alert).unwrap();
    bundle.run_until_quiet().await;
    assert!(!bundle.halo.ticket(ticket).unwrap().closed);
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::Refused));
    assert_eq!(journaled(&bundle, alert, "closed").await, 0);
    let letters = bundle.dead_letters().await;
    let said = "HaloPSA accepted the change, but the status stayed 1 instead of 9";
    assert_eq!(letters[0].reason, said);
    // Tried again after six hours, and refused for the same reason: no second dead letter.
    bundle.run_for(Duration::from_secs(7 * 3600)).await;
    assert_eq!(journaled(&bundle, alert, "write_refused").await, 2);
    assert_eq!(bundle.dead_letters().await.len(), 1);
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::Refused));
    // Mended in HaloPSA.
    bundle
        .halo
        .change_settings(|settings| settings.keeps_status = false);
    bundle.run_for(Duration::from_secs(7 * 3600)).await;
    bundle.expects_dead_letters = true;
    bundle.conclude().await;
    assert!(bundle.halo.ticket(ticket).unwrap().closed);
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::InSync));
}

#[tokio::test]
async fn a_ticket_that_a_person_took_in_hand_stays_open_without_a_note_of_theirs() {
    let edits = [
        TicketEdit {
            agent_id: Some(DANA),
            ..TicketEdit::default()
        },
        TicketEdit {
            priority_id: Some(2),
            ..TicketEdit::default()
        },
        TicketEdit {
            team: Some("Projects".to_owned()),
            ..TicketEdit::default()
        },
        TicketEdit {
            category: Some("Network>Firewall".to_owned()),
            ..TicketEdit::default()
        },
    ];
    for edit in edits {
        let mut bundle = Scenario::managed().await;
        let (alert, ticket) = with_ticket(&mut bundle).await;
        bundle.run_for(Duration::from_secs(120)).await;
        bundle
            .halo
            .change_ticket(ticket, DANA, edit.clone())
            .unwrap();
        bundle.liongard.close(alert).unwrap();
        bundle.conclude().await;
        assert!(!bundle.halo.ticket(ticket).unwrap().closed, "{edit:?}");
        let standing = bundle.pair_status(alert).await;
        assert_eq!(standing, Some(PairStatus::LeftToTechnician), "{edit:?}");
    }
}

#[tokio::test]
async fn a_ticket_that_a_rule_assigned_when_it_was_opened_is_untouched() {
    let mut setup = Setup::managed();
    setup.halo.assignment_rule = Some(AssignmentRule { agent_id: DANA });
    let mut bundle = Scenario::start(setup).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.run_for(Duration::from_secs(120)).await;
    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;
    assert!(bundle.halo.ticket(ticket).unwrap().closed);
}

#[tokio::test]
async fn a_change_of_ours_that_clears_the_assignment_is_no_persons() {
    let mut setup = Setup::managed();
    setup.halo.status_change_unassigns = true;
    setup.halo.assignment_rule = Some(AssignmentRule { agent_id: DANA });
    let mut bundle = Scenario::start(setup).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.run_for(Duration::from_secs(120)).await;
    let in_progress = AlertChange {
        status: Some("In Progress".to_owned()),
        ..AlertChange::default()
    };
    bundle.liongard.change(alert, in_progress).unwrap();
    bundle.run_for(Duration::from_secs(120)).await;
    assert_eq!(bundle.halo.ticket(ticket).unwrap().agent_id, 1, "cleared");
    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;
    let closed = bundle.halo.ticket(ticket).unwrap();
    assert!(closed.closed);
}

#[tokio::test]
async fn a_close_that_is_refused_for_a_reason_of_its_own_wording_is_tried_with_the_technician() {
    let mut setup = Setup::managed().fixing(&["must-assign-wording", "close-unassigned"]);
    setup.halo.assign_before_closing = "Kein Bearbeiter.";
    let mut bundle = Scenario::start(setup).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;
    let ticket = bundle.halo.ticket(ticket).unwrap();
    assert!(ticket.closed);
    assert_eq!(ticket.agent_id, CLOSING_TECHNICIAN);
}

#[tokio::test]
async fn a_priority_that_the_alert_has_by_now_is_no_persons_work() {
    let mut setup = Setup::managed();
    setup.poll_interval = Duration::from_secs(600);
    let mut bundle = Scenario::start(setup).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    // What a process leaves behind that stopped after it had written the new priority: HaloPSA shows it, and the
    // link knows neither that nor the alert's change.
    let low = news("3 accounts now", "Low");
    bundle.liongard.change(alert, low).unwrap();
    let written = TicketEdit {
        priority_id: Some(4),
        ..TicketEdit::default()
    };
    bundle.halo.change_ticket(ticket, DANA, written).unwrap();
    bundle.run_for(Duration::from_secs(60)).await;
    assert_eq!(bundle.link(alert).await.unwrap().work, None);
    bundle.run_until_quiet().await;
    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;
    assert!(bundle.only_ticket(alert).closed);
}
