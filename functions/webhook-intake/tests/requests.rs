//! Requests of every kind, and the responses to them.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use halogard_app::intake::BODY_BYTES_MAX;
use halogard_app::ports::Stage;
use halogard_domain::Message;
use serde_json::{Value, json};
use support::{Bench, KEY, TOKEN, Vault, delivery, sample, samples_secret, signature};

const ACCEPTED: u16 = 200;
const REFUSED: u16 = 401;
const TOO_LARGE: (u16, &str) = (413, "{\"error\":\"the body is too large\"}");
const LATER: (u16, &str) = (503, "{\"error\":\"try again later\"}");

#[tokio::test]
async fn a_rejection_does_not_reveal_what_was_wrong() {
    let bench = Bench::default();
    let mut wrong_token = sample("accepted-small-body");
    wrong_token["rawPath"] = json!("/webhooks/halopsa/x");
    let mut wrong_signature = sample("accepted-small-body");
    wrong_signature["headers"]["x-halo-signature"] = json!("x");
    let mut wake_up = sample("wake-up");
    wake_up["rawPath"] = json!("/webhooks/liongard/%ff");
    let refused = bench.answer(&wrong_token).await;
    assert_eq!(refused.0, REFUSED);
    assert_eq!(bench.answer(&wrong_signature).await, refused);
    assert_eq!(bench.answer(&wake_up).await, refused);
}

#[tokio::test]
async fn only_the_bytes_that_were_signed_are_accepted() {
    let bench = Bench::default();
    let body = "{\"event\":\"x – ü \\u0041 \\\"\",\n\t\"object_id\": 12}";
    let good = delivery(TOKEN, KEY, body);
    assert_eq!(bench.answer(&good).await.0, ACCEPTED);
    for (from, to) in [("12", "13"), ("\n", ""), ("\\u0041", "A")] {
        let mut other = good.clone();
        other["body"] = json!(body.replace(from, to));
        assert_eq!(bench.answer(&other).await.0, REFUSED, "{to}");
    }
}

#[tokio::test]
async fn a_binary_body_is_verified_after_base64_decoding() {
    let bench = Bench::default();
    let body = b"{\"event\": \"\xff\xfe\"}";
    let mut event = delivery(TOKEN, KEY, "");
    event["headers"]["x-halo-signature"] = json!(signature(KEY, body));
    event["isBase64Encoded"] = json!(true);
    event["body"] = json!(STANDARD.encode(body));
    // It is JSON except for its encoding, so only its digest is recorded.
    let (status, _) = bench.answer(&event).await;
    assert!(matches!(status, 200 | 400), "{status}");
    event["body"] = json!("no base64!");
    assert_eq!(bench.answer(&event).await.0, REFUSED);
}

#[tokio::test]
async fn a_request_without_a_body_or_headers_is_refused_like_any_other() {
    let bench = Bench::default();
    for (member, value) in [
        ("body", Value::Null),
        ("body", json!(7)),
        ("headers", json!({})),
    ] {
        let mut event = delivery(TOKEN, KEY, "{}");
        event[member] = value;
        assert_eq!(bench.answer(&event).await.0, REFUSED, "{member}");
    }
    let mut event = delivery(TOKEN, KEY, "");
    event.as_object_mut().unwrap().remove("body");
    // The signature of an empty body is right, and an empty body is not JSON.
    assert_eq!(bench.answer(&event).await.0, 400);
}

#[tokio::test]
async fn header_names_are_found_in_any_case() {
    let bench = Bench::default();
    let mut event = delivery(TOKEN, KEY, "{}");
    event["headers"] = json!({"X-HALO-Signature": signature(KEY, b"{}")});
    assert_eq!(bench.answer(&event).await.0, ACCEPTED);
}

#[tokio::test]
async fn the_largest_body_is_accepted_and_one_byte_more_is_not() {
    let bench = Bench::default();
    let fill = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    let largest = fill(BODY_BYTES_MAX);
    assert_eq!(
        bench.answer(&delivery(TOKEN, KEY, &largest)).await.0,
        ACCEPTED
    );
    let larger = delivery(TOKEN, KEY, &fill(BODY_BYTES_MAX + 1));
    assert_eq!(bench.answer(&larger).await, TOO_LARGE);
    // From any sender: the size is checked before anything is read.
    let wrong_path = delivery("another", KEY, &fill(BODY_BYTES_MAX + 1));
    assert_eq!(bench.answer(&wrong_path).await, TOO_LARGE);
    let mut wake_up = sample("wake-up");
    wake_up["body"] = json!("x".repeat(BODY_BYTES_MAX + 1));
    assert_eq!(bench.answer(&wake_up).await, TOO_LARGE);
    // Escapes make it longer in transit and do not count.
    let escaped = format!("\"{}\"", "\\n".repeat(BODY_BYTES_MAX / 2 - 1));
    assert!(json!(escaped).to_string().len() > BODY_BYTES_MAX);
    assert_eq!(
        bench.answer(&delivery(TOKEN, KEY, &escaped)).await.0,
        ACCEPTED
    );
}

#[tokio::test]
async fn the_messages_of_a_body_of_any_size_fit_into_a_queue() {
    let bench = Bench::default();
    let ticket = |summary: &str| {
        json!([{
            "id": "d".repeat(5_000), "object_id": 7, "event": "ü\u{1}".repeat(9_000),
            "timestamp": "2026-11-21T16:00:00Z",
            "ticket": {"id": 7, "client_id": 1, "tickettype_id": 2, "status_id": 3,
                "last_update": "2026-11-21T15:59:00Z", "summary": summary},
        }])
        .to_string()
    };
    let mut largest = 0;
    for summary in [
        "\u{1}".repeat(1_000),
        "\u{1}".repeat(1_001),
        "x".repeat(6_000_000),
    ] {
        let event = delivery(TOKEN, KEY, &ticket(&summary));
        assert_eq!(bench.answer(&event).await.0, ACCEPTED);
        let taken = bench.queues.taken();
        let snapshots: Vec<bool> = taken
            .iter()
            .filter_map(|(_, message)| match message {
                Message::ReconcileTicket { snapshot, .. } => Some(snapshot.is_some()),
                _ => None,
            })
            .collect();
        assert_eq!(snapshots, [summary.len() <= 1_000], "{taken:?}");
        for (_, message) in &taken {
            largest = largest.max(serde_json::to_string(message).unwrap().len());
        }
    }
    assert!(
        largest < 16 * 1024,
        "{largest} bytes: ten of them are far below 256 KiB"
    );
}

#[tokio::test]
async fn a_delivery_that_cannot_be_queued_is_answered_503() {
    let bench = Bench::default();
    bench.queues.broken.store(true, Ordering::SeqCst);
    assert_eq!(bench.answer(&sample("accepted-batch")).await, LATER);
    assert_eq!(bench.answer(&sample("wake-up")).await, LATER);
    bench.queues.broken.store(false, Ordering::SeqCst);
    assert_eq!(bench.answer(&sample("accepted-batch")).await.0, ACCEPTED);
}

#[tokio::test]
async fn health_checks_and_unknown_paths_need_no_secret() {
    let bench = Bench::with(Vault::default());
    assert_eq!(bench.answer(&sample("health")).await, (200, "ok\n"));
    assert_eq!(bench.answer(&sample("wrong-method")).await, (405, ""));
    let mut nowhere = sample("accepted-small-body");
    nowhere["rawPath"] = json!("/metrics");
    assert_eq!(bench.answer(&nowhere).await, (404, ""));
    assert_eq!(bench.vault.reads(), 0);
}

#[tokio::test]
async fn without_a_secret_every_delivery_is_answered_503() {
    let unusable = [
        None,
        Some(json!("a text")),
        Some(json!({})),
        Some(json!({"halopsa_webhook_token": 7})),
        Some(
            json!({"halopsa_webhook_token": "with white space inside", "halopsa_webhook_secret": KEY}),
        ),
        Some(json!({"halopsa_webhook_token": "a-short-token", "halopsa_webhook_secret": KEY})),
        Some(json!({"halopsa_webhook_token": TOKEN, "halopsa_webhook_secret": "a-short-key"})),
        // The path token alone, which the secret does not allow.
        Some(json!({"halopsa_webhook_token": TOKEN})),
        Some(json!({"halopsa_webhook_token": TOKEN, "halopsa_webhook_password": "x"})),
    ];
    for secret in unusable {
        let vault = Vault::default();
        if let Some(secret) = &secret {
            vault.put(Stage::Current, secret);
        }
        let bench = Bench::with(vault);
        assert_eq!(
            bench.answer(&sample("accepted-small-body")).await,
            LATER,
            "{secret:?}"
        );
        assert_eq!(
            bench.answer(&sample("refused-wrong-token")).await,
            LATER,
            "{secret:?}"
        );
    }
}

#[tokio::test]
async fn the_path_token_alone_suffices_where_the_secret_allows_it() {
    let bench = Bench::with(Vault::with(
        Stage::Current,
        &json!({"halopsa_webhook_token": TOKEN, "halopsa_webhook_allow_token_only": "true"}),
    ));
    let mut event = sample("accepted-small-body");
    event["headers"] = json!({});
    assert_eq!(bench.answer(&event).await.0, ACCEPTED);
}

#[tokio::test]
async fn a_version_without_credential_does_not_weaken_the_current_one() {
    let vault = Vault::with(Stage::Current, &samples_secret());
    vault.put(
        Stage::Previous,
        &json!({"halopsa_webhook_token": "the-token-before-this-one"}),
    );
    let bench = Bench::with(vault);
    let mut event = sample("accepted-small-body");
    event["rawPath"] = json!("/webhooks/halopsa/the-token-before-this-one");
    assert_eq!(bench.answer(&event).await.0, ACCEPTED);
    event["headers"] = json!({});
    assert_eq!(bench.answer(&event).await.0, REFUSED);
}
