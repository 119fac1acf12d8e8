//! The store is lost: what HaloPSA holds fills it again.

use halogard_domain::pair_status::PairStatus;
use halogard_simulator::Fault;
use halogard_tests::Scenario;

use crate::{DANA, with_ticket};

#[tokio::test]
async fn an_empty_store_adopts_the_tickets_there_are() {
    let mut bundle = Scenario::managed().await;
    let alerts: Vec<i64> = (0..6)
        .map(|customer| bundle.raise(customer, "Rule"))
        .collect();
    bundle.run_until_quiet().await;
    bundle.lose_the_store().await;
    bundle.conclude().await;
    for alert in &alerts {
        bundle.only_ticket(*alert);
        assert_eq!(bundle.pair_status(*alert).await, Some(PairStatus::InSync));
    }
    assert_eq!(bundle.halo.stats().creates.len(), 6);
    bundle.liongard.close(alerts[0]).unwrap();
    bundle.conclude().await;
    assert!(bundle.only_ticket(alerts[0]).closed);
}

#[tokio::test]
async fn no_alert_counts_as_new_until_halopsa_was_searched() {
    let mut bundle = Scenario::managed().await;
    let (alert, _) = with_ticket(&mut bundle).await;
    for _ in 0..4 {
        bundle
            .halo
            .faults()
            .next("GET /Tickets", Fault::Gateway502Html);
    }
    bundle.lose_the_store().await;
    bundle.conclude().await;
    bundle.only_ticket(alert);
    assert_eq!(bundle.halo.stats().creates.len(), 1);
}

#[tokio::test]
async fn what_happened_meanwhile_is_caught_up_with() {
    let mut bundle = Scenario::managed().await;
    let (over, _) = with_ticket(&mut bundle).await;
    let mended = bundle.raise(1, "MFA Disabled");
    bundle.run_until_quiet().await;
    bundle.liongard.close(over).unwrap();
    bundle.liongard.clear_condition(mended).unwrap();
    let ticket = bundle.only_ticket(mended).id;
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.lose_the_store().await;
    bundle.conclude().await;
    assert!(bundle.only_ticket(over).closed);
    assert!(bundle.alert(mended).closed);
    assert_eq!(bundle.halo.stats().creates.len(), 2);
}

#[tokio::test]
async fn the_newest_of_several_tickets_of_an_alert_is_adopted() {
    let mut bundle = Scenario::managed().await;
    let (alert, first) = with_ticket(&mut bundle).await;
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.halo.close_ticket(first, DANA).unwrap();
    bundle.run_until_quiet().await;
    bundle
        .time
        .advance(std::time::Duration::from_secs(9 * 24 * 3600));
    bundle.liongard.reopen(alert).unwrap();
    bundle.run_until_quiet().await;
    let second = bundle.ticket_of(alert).unwrap().id;
    bundle.lose_the_store().await;
    bundle.conclude().await;
    let link = bundle.link(alert).await.unwrap();
    assert_eq!(link.ticket.map(|id| id.get()), Some(second.unsigned_abs()));
    assert_eq!(bundle.halo.stats().creates.len(), 2);
}
