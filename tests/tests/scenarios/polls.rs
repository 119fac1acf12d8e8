//! Polls alone keep both sides in step, and believe no list too quickly.

use std::time::Duration;

use halogard_app::poll::Scope;
use halogard_app::ports::{ErrorCode, Lane, WorkQueue as _};
use halogard_domain::pair_status::PairStatus;
use halogard_tests::{Scenario, Setup, WebhookDelivery};
use serde_json::Value;

use crate::{DANA, HALO_INSPECTOR, news, with_ticket};

/// A bundle no webhook ever reaches.
async fn without_webhooks() -> Scenario {
    let setup = Setup {
        webhook_delivery: WebhookDelivery::Never,
        ..Setup::managed()
    };
    Scenario::start(setup).await
}

#[tokio::test]
async fn both_sides_agree_though_no_webhook_ever_comes() {
    let mut bundle = without_webhooks().await;
    let (fixed, ticket) = with_ticket(&mut bundle).await;
    let over = bundle.raise(1, "MFA Disabled");
    let changed = bundle.raise(2, "Certificate Expires Soon");
    bundle.run_until_quiet().await;
    bundle.run_until_writes_land().await;
    bundle.liongard.clear_condition(fixed).unwrap();
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.liongard.close(over).unwrap();
    bundle
        .liongard
        .change(changed, news("In 3 days", "High"))
        .unwrap();
    bundle.conclude().await;
    assert!(bundle.alert(fixed).closed);
    assert_eq!(bundle.runs_of(HALO_INSPECTOR), 1);
    assert!(bundle.only_ticket(over).closed);
    assert_eq!(bundle.only_ticket(changed).priority_id, 2);
}

#[tokio::test]
async fn a_list_that_is_suddenly_shorter_is_an_error_until_it_is_so_three_times() {
    let mut bundle = Scenario::managed().await;
    let alerts: Vec<i64> = (0..12)
        .map(|number| bundle.raise(number % 6, &format!("Rule {number}")))
        .collect();
    bundle.run_until_quiet().await;
    bundle.liongard.truncate_list(Some(2));
    for _ in 0..2 {
        let polled = bundle.process().use_cases.poll_alerts(Scope::Changed);
        let error = polled.await.unwrap_err();
        assert_eq!(error.code, ErrorCode::AlertsShrunk);
    }
    let polled = bundle.process().use_cases.poll_alerts(Scope::Changed);
    let report = polled.await.unwrap();
    assert_eq!((report.listed, report.missing), (2, 10));
    bundle.conclude().await;
    for alert in alerts {
        assert!(!bundle.only_ticket(alert).closed, "missing is not closed");
    }
}

#[tokio::test]
async fn an_alert_that_vanishes_closes_nothing() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.remove_alert(alert).unwrap();
    bundle.conclude().await;
    bundle.run_for(Duration::from_secs(2 * 3600)).await;
    assert!(!bundle.halo.ticket(ticket).unwrap().closed);
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::InSync));
}

#[tokio::test]
async fn a_ticket_closed_for_a_vanished_alert_is_not_opened_again() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.remove_alert(alert).unwrap();
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.conclude().await;
    assert!(bundle.halo.ticket(ticket).unwrap().closed);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_holds_up_no_other() {
    // The answer that is rewritten is a bare list.
    let setup = Setup::managed().fixing(&["tasks-in-lower-data"]);
    let mut bundle = Scenario::start(setup).await;
    let first = bundle.raise(0, "Before it");
    let broken = bundle.raise(1, "The broken one");
    let last = bundle.raise(2, "After it");
    bundle.answer_rewrite.with(|target, body| {
        let listed = target.starts_with("/api/v1/tasks/");
        let mut list: Value = serde_json::from_slice(body).ok().filter(|_| listed)?;
        let record = list.as_array_mut()?.get_mut(1)?;
        record["ID"] = Value::from("not a number");
        Some(list.to_string().into())
    });
    bundle.excuse(broken);
    bundle.conclude().await;
    bundle.only_ticket(first);
    bundle.only_ticket(last);
    assert!(bundle.tickets_of(broken).is_empty());
    assert!(
        bundle
            .logs
            .text()
            .contains("a record of a list has an unexpected form")
    );
    bundle.answer_rewrite.end();
    bundle.conclude().await;
    bundle.only_ticket(broken);
}

#[tokio::test]
async fn a_day_without_liongard_costs_delay_only() {
    outage(|bundle, out| bundle.liongard.faults().set_random(always_failing(out))).await;
}

#[tokio::test]
async fn a_day_without_halopsa_costs_delay_only() {
    outage(|bundle, out| bundle.halo.faults().set_random(always_failing(out))).await;
}

#[tokio::test]
async fn what_waits_for_a_token_is_not_asked_for_again_every_second() {
    let alerts = 200;
    let mut setup = Setup::managed();
    setup.level = tracing::Level::WARN;
    setup.halo.token_life = Duration::from_secs(300);
    let mut bundle = Scenario::start(setup).await;
    bundle.run_until_quiet().await;
    bundle.halo.faults().set_random(always_failing(true));
    for alert in 0..alerts {
        bundle.raise(alert % 6, &format!("Rule {alert}"));
    }
    // The token of before is over.
    bundle.run_for(Duration::from_secs(600)).await;
    let queue = |bundle: &Scenario| bundle.store_activity.writes()["queue"];
    let before = queue(&bundle);
    bundle.run_for(Duration::from_secs(600)).await;
    let writes = queue(&bundle) - before;
    // A batch of fifty every fifteen seconds, not every second.
    assert!(writes <= 50 * 600 / 15, "{writes} writes to the queue");
}

/// Every request fails, or none.
fn always_failing(out: bool) -> Vec<halogard_simulator::FaultRate> {
    let odds = halogard_simulator::FaultRate {
        fault: halogard_simulator::Fault::Gateway502Html,
        probability: 1.0,
        route: None,
    };
    if out { vec![odds] } else { Vec::new() }
}

/// Things happen on both sides while one of them is away for a day.
async fn outage(switch: impl Fn(&Scenario, bool)) {
    let mut setup = Setup::managed();
    setup.level = tracing::Level::WARN;
    let mut bundle = Scenario::start(setup).await;
    let (over, _) = with_ticket(&mut bundle).await;
    let fixed = bundle.raise(1, "MFA Disabled");
    bundle.run_until_quiet().await;
    let ticket = bundle.only_ticket(fixed).id;
    switch(&bundle, true);
    let fresh = bundle.raise(2, "Certificate Expires Soon");
    bundle.liongard.close(over).unwrap();
    bundle.liongard.clear_condition(fixed).unwrap();
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.run_for(Duration::from_secs(3600)).await;
    let watchers = bundle.process().store.depth(Lane::Runs).await.unwrap();
    assert!(watchers <= 2, "{watchers} watch two inspectors");
    // The clock leaps, or the rounds that fail every fifteen seconds would fill the day.
    for _ in 0..92 {
        bundle.time.advance(Duration::from_secs(14 * 60));
        bundle.run_for(Duration::from_secs(60)).await;
    }
    switch(&bundle, false);
    bundle.conclude().await;
    bundle.only_ticket(fresh);
    assert!(bundle.only_ticket(over).closed);
    assert!(bundle.alert(fixed).closed);
}

#[tokio::test]
async fn an_alert_that_leaves_the_list_when_it_closes_has_its_ticket_closed() {
    let mut setup = Setup {
        webhook_delivery: WebhookDelivery::Never,
        ..Setup::managed()
    };
    setup.liongard.lists_closed_alerts = false;
    let mut bundle = Scenario::start(setup).await;
    let (first, ticket) = with_ticket(&mut bundle).await;
    let alerts: Vec<i64> = (1..6)
        .map(|customer| bundle.raise(customer, "MFA Disabled"))
        .collect();
    bundle.run_until_quiet().await;
    bundle.run_until_writes_land().await;
    // While no process runs, and one after another.
    bundle.liongard.close(first).unwrap();
    bundle.crash().await;
    bundle.run_until_quiet().await;
    assert!(bundle.halo.ticket(ticket).unwrap().closed);
    for alert in &alerts {
        bundle.liongard.close(*alert).unwrap();
        bundle.run_for(Duration::from_secs(90)).await;
    }
    bundle.liongard.reopen(first).unwrap();
    bundle.conclude().await;
    for alert in alerts {
        assert!(bundle.only_ticket(alert).closed);
    }
    assert_eq!(bundle.only_ticket(first).id, ticket);
    assert!(!bundle.halo.ticket(ticket).unwrap().closed, "listed again");
}
