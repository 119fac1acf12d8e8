//! Deliveries that arrive twice, late, or from another sender.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use halogard_app::intake::Rejection;
use halogard_app::ports::Notifications as _;
use halogard_simulator::halopsa::OutgoingDelivery;
use halogard_tests::setup::planted;
use halogard_tests::{Component, Scenario, Setup, WebhookDelivery};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{DANA, with_ticket};

/// Webhooks that were recorded so far, all kinds together.
async fn recorded(bundle: &Scenario) -> u64 {
    let counts = bundle.process().store.counts().await.unwrap();
    counts.iter().map(|it| it.count).sum()
}

/// A bundle whose HaloPSA signs its webhooks as [`with_another_delivery_id`] does.
async fn signing() -> Scenario {
    let fixed = ["webhook-basic-only", "webhook-hmac-hex", "webhook-batches"];
    Scenario::start(Setup::managed().fixing(&fixed)).await
}

/// The delivery of a technician's note, taken out of the bag before it arrives.
async fn caught(bundle: &mut Scenario) -> OutgoingDelivery {
    let (_, ticket) = with_ticket(bundle).await;
    bundle
        .halo
        .add_note(ticket, DANA, "Looking into it.")
        .unwrap();
    let now = halogard_app::ports::Clock::now(&bundle.time);
    let mut sent = bundle.halo.take_due(now.as_millis());
    sent.pop().unwrap()
}

/// The same news under another id, rightly signed.
fn with_another_delivery_id(delivery: &OutgoingDelivery) -> OutgoingDelivery {
    let mut body: Value = serde_json::from_slice(&delivery.body).unwrap();
    body["id"] = Value::from("another-delivery-id");
    with_body(delivery, &body)
}

/// The delivery with another body, rightly signed.
fn with_body(delivery: &OutgoingDelivery, body: &Value) -> OutgoingDelivery {
    let body = body.to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(planted::WEBHOOK_SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    OutgoingDelivery {
        headers: vec![("X-Halo-Signature".to_owned(), signature)],
        body: body.into(),
        ..delivery.clone()
    }
}

#[tokio::test]
async fn a_delivery_is_recognised_thirty_days_later() {
    let mut bundle = signing().await;
    let delivery = caught(&mut bundle).await;
    bundle.hand_over(&delivery).await.unwrap().unwrap();
    bundle.run_until_quiet().await;
    let before = (recorded(&bundle).await, bundle.requests.count());
    bundle.hand_over(&delivery).await.unwrap().unwrap();
    bundle.run_until_idle().await;
    assert_eq!((recorded(&bundle).await, bundle.requests.count()), before);
    bundle.time.advance(Duration::from_secs(30 * 24 * 3600));
    for again in [delivery.clone(), with_another_delivery_id(&delivery)] {
        bundle.hand_over(&again).await.unwrap().unwrap();
        bundle.run_until_quiet().await;
        assert_eq!(recorded(&bundle).await, before.0, "it was processed again");
    }
    bundle.conclude().await;
}

#[tokio::test]
async fn the_same_report_under_another_id_is_recognised() {
    let mut bundle = signing().await;
    let delivery = caught(&mut bundle).await;
    bundle.hand_over(&delivery).await.unwrap().unwrap();
    bundle.run_until_quiet().await;
    let before = (recorded(&bundle).await, bundle.requests.count());
    bundle
        .hand_over(&with_another_delivery_id(&delivery))
        .await
        .unwrap()
        .unwrap();
    bundle.run_until_idle().await;
    assert_eq!((recorded(&bundle).await, bundle.requests.count()), before);
}

#[tokio::test]
async fn an_old_report_that_arrives_last_changes_nothing() {
    let setup = Setup {
        webhook_delivery: WebhookDelivery::Never,
        ..Setup::managed()
    };
    let mut bundle = Scenario::start(setup).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    let now = halogard_app::ports::Clock::now(&bundle.time);
    drop(bundle.halo.take_due(now.as_millis()));
    bundle
        .halo
        .add_note(ticket, DANA, "Looking into it.")
        .unwrap();
    let now = halogard_app::ports::Clock::now(&bundle.time);
    let old = bundle.halo.take_due(now.as_millis());
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.time.advance(Duration::from_secs(30));
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.run_until_quiet().await;
    let before = (bundle.writes(), bundle.liongard.stats().ad_hoc_runs);
    for delivery in &old {
        bundle.hand_over(delivery).await.unwrap().unwrap();
    }
    bundle.conclude().await;
    let after = (bundle.writes(), bundle.liongard.stats().ad_hoc_runs);
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_forged_delivery_is_turned_away() {
    let mut bundle = signing().await;
    let delivery = caught(&mut bundle).await;
    let forged = OutgoingDelivery {
        body: with_another_delivery_id(&delivery).body,
        ..delivery.clone()
    };
    let elsewhere = OutgoingDelivery {
        url: "https://bundle.example.org/webhooks/halopsa/guessed".to_owned(),
        ..delivery.clone()
    };
    for wrong in [forged, elsewhere] {
        let turned = bundle.hand_over(&wrong).await.unwrap();
        assert!(matches!(turned, Err(Rejection::NotAuthentic)), "{turned:?}");
    }
    bundle.hand_over(&delivery).await.unwrap().unwrap();
    bundle.conclude().await;
}

#[tokio::test]
async fn a_replayed_delivery_without_id_and_time_costs_few_reads_and_hides_no_change() {
    const REPLAYS: usize = 300;
    let mut bundle = signing().await;
    let delivery = caught(&mut bundle).await;
    let ticket = bundle.halo.tickets().pop().unwrap().id;
    bundle.run_until_quiet().await;
    let body = json!({ "event": "Ticket Updated", "object_id": ticket });
    let replayed = with_body(&delivery, &body);
    let target = format!("/api/Tickets/{ticket}");
    let reads = |bundle: &Scenario| {
        let calls = bundle.requests.to(Component::HaloPsa);
        let reads = calls.iter().filter(|call| call.method == http::Method::GET);
        reads
            .filter(|call| call.target.starts_with(&target))
            .count()
    };
    let before = reads(&bundle);
    for _ in 0..REPLAYS {
        bundle.hand_over(&replayed).await.unwrap().unwrap();
        bundle.run_for(Duration::from_secs(1)).await;
    }
    let cost = reads(&bundle) - before;
    println!("{REPLAYS} replays in as many seconds: {cost} reads");
    assert!((1..=REPLAYS / 15 + 1).contains(&cost), "{cost} reads");
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    let now = halogard_app::ports::Clock::now(&bundle.time);
    drop(bundle.halo.take_due(now.as_millis()));
    bundle.hand_over(&replayed).await.unwrap().unwrap();
    bundle.run_for(Duration::from_secs(16)).await;
    assert!(
        bundle.runs_of(crate::HALO_INSPECTOR) > 0,
        "the closing was noticed"
    );
}
