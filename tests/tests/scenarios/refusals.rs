//! HaloPSA refuses: its own sentence is shown, nothing is lost, and it is tried again when it may
//! help.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use halogard_domain::pair_status::PairStatus;
use halogard_simulator::Fault;
use halogard_simulator::liongard::AlertChange;
use halogard_tests::{Scenario, Setup};

/// A setup whose ticket type asks for a field that the template does not fill.
fn with_mandatory_field() -> Setup {
    let mut setup = Setup::managed();
    let types = &mut setup.halo.world.service_desk.ticket_types;
    let alerts = types.iter_mut().find(|kind| kind.id == 5).unwrap();
    alerts.mandatory_fields.push("CFPurchaseOrder".to_owned());
    setup
}

#[tokio::test]
async fn a_missing_mandatory_field_is_named_and_the_alert_is_kept() {
    let setup = with_mandatory_field();
    let mut bundle = Scenario::start(setup.clone()).await;
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;
    let letters = bundle.dead_letters().await;
    assert_eq!(letters.len(), 1, "{letters:#?}");
    let reason = &letters[0].reason;
    assert!(
        reason.contains("Please complete the mandatory field"),
        "{reason}"
    );
    assert!(reason.contains("CFPurchaseOrder"), "{reason}");
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::Refused));
    bundle.run_for(Duration::from_secs(2 * 3600)).await;
    let posts = bundle.requests.all();
    let posts = posts
        .iter()
        .filter(|call| call.method == http::Method::POST && call.target.contains("/Tickets"));
    assert_eq!(posts.count(), 1, "it is not tried again blindly");
    let fixed = Setup {
        template: "custom_fields = { 166 = \"PO-4711\" }".to_owned(),
        ..setup
    };
    bundle.set_policy(fixed.policy());
    bundle.expects_dead_letters = true;
    bundle.conclude().await;
    let ticket = bundle.only_ticket(alert);
    assert_eq!(ticket.custom_fields[&166], "PO-4711");
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::InSync));
}

#[tokio::test]
async fn what_was_mended_in_halopsa_is_noticed_within_hours() {
    let mut bundle = Scenario::managed().await;
    bundle.run_until_quiet().await;
    bundle.halo.faults().next("POST /Tickets", Fault::Empty403);
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;
    let letters = bundle.dead_letters().await;
    assert!(letters[0].reason.contains("permissions"), "{letters:#?}");
    bundle.run_for(Duration::from_secs(8 * 3600)).await;
    bundle.expects_dead_letters = true;
    bundle.conclude().await;
    bundle.only_ticket(alert);
}

#[tokio::test]
async fn a_refused_alert_blocks_no_other_alert() {
    let mut bundle = Scenario::managed().await;
    bundle.run_until_quiet().await;
    // The array of five, the three and the two of its first half, and the first of these alone.
    for _ in 0..4 {
        bundle.halo.faults().next("POST /Tickets", Fault::Empty403);
    }
    let alerts: Vec<i64> = (0..5)
        .map(|customer| bundle.raise(customer, "Rule"))
        .collect();
    bundle.expects_dead_letters = true;
    bundle.conclude().await;
    let with_ticket = alerts
        .iter()
        .filter(|alert| bundle.ticket_of(**alert).is_some());
    assert_eq!(with_ticket.count(), 4);
}

#[tokio::test]
async fn a_note_that_is_refused_holds_up_neither_the_status_nor_the_close() {
    let mut bundle = Scenario::managed().await;
    let (alert, _) = crate::with_ticket(&mut bundle).await;
    bundle.halo.faults().next("POST /Actions", Fault::Empty403);
    bundle
        .liongard
        .change(alert, crate::news("7 accounts now", "Low"))
        .unwrap();
    bundle.run_until_quiet().await;
    assert_eq!(bundle.only_ticket(alert).priority_id, 4);
    bundle.liongard.close(alert).unwrap();
    bundle.expects_dead_letters = true;
    bundle.conclude().await;
    assert!(bundle.only_ticket(alert).closed);
}

#[tokio::test]
async fn a_status_that_is_not_carried_out_holds_up_no_note_and_takes_no_turns_with_it() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = crate::with_ticket(&mut bundle).await;
    bundle
        .halo
        .change_settings(|settings| settings.keeps_status = true);
    let change = |text: &str| AlertChange {
        status: Some("In Progress".to_owned()),
        ..crate::news(text, "Critical")
    };
    bundle.liongard.change(alert, change("7 accounts")).unwrap();
    bundle.run_until_quiet().await;
    assert_eq!(bundle.our_notes(ticket).len(), 1);
    // The next note is refused; the refusal of the status stays in force.
    bundle.halo.faults().next("POST /Actions", Fault::Empty403);
    bundle.liongard.change(alert, change("8 accounts")).unwrap();
    bundle.run_until_quiet().await;
    let refused = bundle.link(alert).await.unwrap().refused;
    assert_eq!(refused.len(), 2, "{refused:#?}");
    let letters = bundle.dead_letters().await;
    assert_eq!(letters.len(), 2, "{letters:#?}");
    bundle
        .halo
        .change_settings(|settings| settings.keeps_status = false);
    bundle.run_for(Duration::from_secs(7 * 3600)).await;
    bundle.expects_dead_letters = true;
    bundle.conclude().await;
    assert_eq!(bundle.only_ticket(alert).status_id, 2);
    assert_eq!(bundle.our_notes(ticket).len(), 2);
    assert_eq!(bundle.link(alert).await.unwrap().refused, []);
}

#[tokio::test]
async fn a_field_that_is_refused_holds_up_no_other() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = crate::with_ticket(&mut bundle).await;
    bundle
        .halo
        .change_settings(|settings| settings.keeps_status = true);
    let change = |priority: &str| AlertChange {
        status: Some("In Progress".to_owned()),
        ..crate::news("7 accounts", priority)
    };
    bundle.liongard.change(alert, change("Critical")).unwrap();
    bundle.run_until_quiet().await;
    let refused = bundle.link(alert).await.unwrap().refused;
    assert_eq!(refused.len(), 1, "{refused:#?}");
    bundle.liongard.change(alert, change("Low")).unwrap();
    bundle.run_for(Duration::from_secs(600)).await;
    assert_eq!(bundle.halo.ticket(ticket).unwrap().priority_id, 4);
    bundle
        .halo
        .change_settings(|settings| settings.keeps_status = false);
    bundle.run_for(Duration::from_secs(7 * 3600)).await;
    bundle.expects_dead_letters = true;
    bundle.conclude().await;
    assert_eq!(bundle.only_ticket(alert).status_id, 2);
}

#[tokio::test]
async fn fields_that_are_refused_together_are_written_one_by_one() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = crate::with_ticket(&mut bundle).await;
    bundle.halo.faults().next("POST /Tickets", Fault::Empty403);
    let change = AlertChange {
        status: Some("In Progress".to_owned()),
        ..crate::news("7 accounts", "Low")
    };
    bundle.liongard.change(alert, change).unwrap();
    bundle.run_for(Duration::from_secs(600)).await;
    let ticket = bundle.halo.ticket(ticket).unwrap();
    assert_eq!((ticket.status_id, ticket.priority_id), (2, 4));
    assert_eq!(bundle.dead_letters().await.len(), 1);
    bundle.expects_dead_letters = true;
    bundle.conclude().await;
    assert_eq!(bundle.link(alert).await.unwrap().refused, []);
}

#[tokio::test]
async fn a_refusal_that_lasts_days_makes_one_dead_letter_whatever_number_it_names() {
    let mut bundle = Scenario::start(with_mandatory_field()).await;
    let asked = AtomicUsize::new(0);
    bundle.answer_rewrite.with(move |_, body| {
        let text = std::str::from_utf8(body).ok()?;
        let number = asked.fetch_add(1, Ordering::Relaxed);
        let numbered = format!("CFPurchaseOrder (request {number})");
        let is_refusal = text.contains("mandatory field");
        is_refusal.then(|| text.replace("CFPurchaseOrder", &numbered).into())
    });
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_for(Duration::from_secs(3 * 24 * 3600)).await;
    let posts = bundle.requests.all();
    let posts = posts
        .iter()
        .filter(|call| call.method == http::Method::POST && call.target.contains("/Tickets"));
    assert!(posts.count() >= 8, "it is tried again");
    let letters = bundle.dead_letters().await;
    assert_eq!(letters.len(), 1, "{letters:#?}");
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::Refused));
}
