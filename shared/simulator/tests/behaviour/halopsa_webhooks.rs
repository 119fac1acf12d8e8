//! Webhooks: bound, signed, batched, lost, doubled, overtaken.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use halogard_simulator::SimClock as _;
use halogard_simulator::halopsa::{
    Batching, DeliveryResult, OutgoingDelivery, PayloadSize, WebhookAuth, WebhookSpec,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::caller::HaloHarness;

/// Takes what is due now.
fn due(tenant: &HaloHarness) -> Vec<OutgoingDelivery> {
    tenant.halo.take_due(tenant.clock.now_millis())
}

/// Registers a webhook with every event bound.
fn listen(tenant: &HaloHarness, spec: &WebhookSpec) -> String {
    let id = tenant.halo.register_webhook(spec);
    tenant.halo.bind_all_events(&id).unwrap();
    id
}

/// A webhook with nothing special.
fn plain() -> WebhookSpec {
    WebhookSpec::to("http://127.0.0.1:1/webhooks/halopsa/t", WebhookAuth::None)
}

/// Event names of deliveries, in order.
fn events(deliveries: &[OutgoingDelivery]) -> Vec<String> {
    let event = |delivery: &OutgoingDelivery| {
        let body: Value = serde_json::from_slice(&delivery.body).unwrap();
        body["event"].as_str().unwrap().to_owned()
    };
    deliveries.iter().map(event).collect()
}

#[tokio::test]
async fn a_webhook_without_notifications_never_fires() {
    let tenant = HaloHarness::stock().await;
    let id = tenant
        .post(
            "/Webhook",
            &json!([{ "name": "h", "url": "http://x", "events": [{ "eventno": 3 }] }]),
        )
        .await
        .json()["id"]
        .clone();
    tenant.create("a").await;
    assert!(due(&tenant).is_empty());
    let row = json!([{ "webhook_id": id, "type": "-2", "delivery_method": "6", "eventno": "3", "name": "new" }]);
    assert_eq!(tenant.post("/Notification", &row).await.status, 201);
    tenant.create("b").await;
    assert_eq!(events(&due(&tenant)), ["new ticket logged"]);
    let details = tenant
        .get(&format!(
            "/Webhook/{}?includedetails=true",
            id.as_str().unwrap()
        ))
        .await
        .json();
    assert_eq!(details["events"][0]["eventno"], 3);
}

#[tokio::test]
async fn one_close_fires_several_events_with_different_ids() {
    let tenant = HaloHarness::stock().await;
    let id = tenant.create("a").await;
    listen(&tenant, &plain());
    tenant.halo.close_ticket(id, 12).unwrap();
    let events_due = due(&tenant);
    assert_eq!(
        events(&events_due),
        ["ticket status changed", "ticket closed", "ticket updated"]
    );
    assert_ne!(events_due[0].id, events_due[1].id);
    let body: Value = serde_json::from_slice(&events_due[0].body).unwrap();
    assert_eq!(
        (
            &body["object_id"],
            &body["ticket"]["status_id"],
            &body["agent_id"]
        ),
        (&json!(id), &json!(9), &json!(12))
    );
    assert!(body["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn our_own_writes_fire_events() {
    let tenant = HaloHarness::stock().await;
    listen(&tenant, &plain());
    tenant.create("a").await;
    assert_eq!(events(&due(&tenant)), ["new ticket logged"]);
}

#[tokio::test]
async fn the_signature_is_base64_of_the_hmac_of_the_raw_body() {
    let tenant = HaloHarness::stock().await;
    let auth = WebhookAuth::Hmac {
        header: "X-Halo-Signature".to_owned(),
        secret: "s3".to_owned(),
    };
    listen(&tenant, &WebhookSpec::to("http://x", auth));
    tenant.create("a").await;
    let delivery = due(&tenant).remove(0);
    let mut mac = Hmac::<Sha256>::new_from_slice(b"s3").unwrap();
    mac.update(&delivery.body);
    let expected = STANDARD.encode(mac.finalize().into_bytes());
    assert!(
        delivery
            .headers
            .contains(&("X-Halo-Signature".to_owned(), expected))
    );
}

#[tokio::test]
async fn other_credentials_travel_in_their_headers() {
    let cases = [
        (
            WebhookAuth::Basic {
                username: "u".to_owned(),
                password: "p".to_owned(),
            },
            ("authorization", "Basic dTpw"),
        ),
        (
            WebhookAuth::Bearer {
                token: "t".to_owned(),
            },
            ("authorization", "Bearer t"),
        ),
        (
            WebhookAuth::ApiKey {
                header: "X-Api-Key".to_owned(),
                key: "k".to_owned(),
            },
            ("X-Api-Key", "k"),
        ),
    ];
    for (auth, (name, value)) in cases {
        let tenant = HaloHarness::stock().await;
        listen(&tenant, &WebhookSpec::to("http://x", auth));
        tenant.create("a").await;
        assert!(
            due(&tenant)[0]
                .headers
                .contains(&(name.to_owned(), value.to_owned()))
        );
    }
}

#[tokio::test]
async fn a_payload_is_small_full_or_only_the_event() {
    let bodies = |size| async move {
        let tenant = HaloHarness::stock().await;
        let id = tenant.create("a").await;
        listen(
            &tenant,
            &WebhookSpec {
                payload: size,
                ..plain()
            },
        );
        tenant.halo.add_note(id, 12, "note").unwrap();
        serde_json::from_slice::<Value>(&due(&tenant)[0].body).unwrap()
    };
    let small = bodies(PayloadSize::Small).await;
    assert!(small["ticket"].get("details").is_none() && small.get("action").is_none());
    let full = bodies(PayloadSize::Full).await;
    assert_eq!(
        (&full["action"]["note"], &full["ticket"]["_canupdate"]),
        (&json!("note"), &json!(true))
    );
    let bare = bodies(PayloadSize::EventOnly).await;
    assert!(bare.get("ticket").is_none() && bare["object_id"].is_i64());
}

#[tokio::test]
async fn a_batch_is_sent_when_full_or_due() {
    let tenant = HaloHarness::stock().await;
    let batching = Some(Batching {
        same_event_only: false,
        delay_seconds: 30,
        events_max: 2,
    });
    listen(
        &tenant,
        &WebhookSpec {
            batching,
            ..plain()
        },
    );
    tenant.create("a").await;
    assert!(due(&tenant).is_empty());
    tenant.create("b").await;
    let full = due(&tenant);
    assert_eq!(
        serde_json::from_slice::<Value>(&full[0].body)
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    tenant.create("c").await;
    tenant.clock.advance(Duration::from_secs(30));
    assert_eq!(
        tenant.halo.next_delivery_due(),
        Some(tenant.clock.now_millis())
    );
    assert_eq!(due(&tenant).len(), 1);
}

#[tokio::test]
async fn deliveries_get_lost_doubled_and_overtaken_as_the_seed_has_it() {
    let tenant = HaloHarness::with(|settings| {
        settings.delivery_behaviour.lost = 0.3;
        settings.delivery_behaviour.duplicated = 0.3;
        settings.delivery_behaviour.reordered = 0.3;
    })
    .await;
    listen(&tenant, &plain());
    for number in 0..40 {
        tenant.create(&format!("t{number}")).await;
        tenant.clock.advance(Duration::from_secs(1));
    }
    tenant.clock.advance(Duration::from_secs(60));
    let made = due(&tenant);
    let order: Vec<i64> = made
        .iter()
        .map(|delivery| {
            serde_json::from_slice::<Value>(&delivery.body).unwrap()["object_id"]
                .as_i64()
                .unwrap()
        })
        .collect();
    let lost = tenant
        .halo
        .deliveries()
        .iter()
        .filter(|record| record.lost)
        .count();
    assert!(lost > 0);
    assert!(order.windows(2).any(|pair| pair[0] == pair[1]), "{order:?}");
    assert!(order.windows(2).any(|pair| pair[0] > pair[1]), "{order:?}");
}

#[tokio::test]
async fn a_failed_delivery_is_not_repeated_unless_the_tenant_repeats() {
    for (retries, again) in [(0, 0), (1, 1)] {
        let tenant =
            HaloHarness::with(|settings| settings.delivery_behaviour.retries = retries).await;
        let id = listen(&tenant, &plain());
        tenant.create("a").await;
        let first = due(&tenant).remove(0);
        tenant
            .halo
            .record_delivery(&first, &DeliveryResult::answered(503));
        tenant.clock.advance(Duration::from_secs(600));
        assert_eq!(due(&tenant).len(), again);
        let log = tenant
            .get(&format!("/WebhookEvent?webhook_id={id}"))
            .await
            .json();
        assert_eq!(log["webhookevents"][0]["responsestatus"], 503);
    }
}

#[tokio::test]
async fn a_webhook_that_keeps_failing_may_switch_itself_off() {
    let tenant =
        HaloHarness::with(|settings| settings.delivery_behaviour.auto_disable_attempts = 2).await;
    let id = listen(&tenant, &plain());
    for _ in 0..2 {
        tenant.create("a").await;
        let delivery = due(&tenant).remove(0);
        tenant
            .halo
            .record_delivery(&delivery, &DeliveryResult::answered(500));
    }
    tenant.create("b").await;
    assert!(due(&tenant).is_empty());
    assert_eq!(
        tenant.get(&format!("/Webhook/{id}")).await.json()["disabled"],
        true
    );
}

#[tokio::test]
async fn a_definition_hides_its_secret_and_is_deleted_with_its_notifications() {
    let tenant = HaloHarness::stock().await;
    let auth = WebhookAuth::Hmac {
        header: "X".to_owned(),
        secret: "planted".to_owned(),
    };
    let id = listen(&tenant, &WebhookSpec::to("http://x", auth));
    assert!(!tenant.get("/Webhook").await.text().contains("planted"));
    assert_eq!(
        tenant
            .call("DELETE", &format!("/Webhook/{id}"), None)
            .await
            .status,
        200
    );
    assert_eq!(tenant.get("/Notification").await.json(), json!([]));
}
