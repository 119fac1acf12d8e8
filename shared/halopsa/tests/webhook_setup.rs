//! Webhooks are changed as a whole, with their secret, and read back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use std::sync::Arc;

use halogard_app::ports::{PortError, WebhookAuthentication, WebhookSetup as _};
use halogard_domain::FailureClass;
use halogard_halopsa::HaloWebhookSetup;
use serde_json::{Value, json};
use support::{Harness, answering, settings};

/// The number of the webhook.
const ID: &str = "0b9c";

/// A webhook as HaloPSA shows it, with `members` otherwise.
fn shown(members: &Value) -> Value {
    let mut webhook = json!({
        "id": ID, "name": "Halogard", "type": 0, "method": 0, "active": true, "disabled": false,
        "url": "https://example.net/webhooks/halopsa/planted-token", "content_type": "application/json",
        "payload_type": 1, "authentication_type": 1.0, "basic_username": "halogard",
        "basic_password": "", "authentication_header": "", "events": [{"id": 11, "eventno": 76}],
    });
    for (name, value) in members.as_object().unwrap() {
        webhook[name] = value.clone();
    }
    webhook
}

fn basic() -> WebhookAuthentication {
    WebhookAuthentication::Basic {
        username: "halogard".into(),
        password: "planted-password".into(),
    }
}

fn hmac() -> WebhookAuthentication {
    WebhookAuthentication::Hmac {
        header: "X-Halo-Signature".into(),
        key: "planted-key".into(),
    }
}

async fn activate(
    harness: &Harness,
    authentication: &WebhookAuthentication,
) -> Result<(), PortError> {
    setup(harness).activate(ID, authentication).await
}

type Setup = HaloWebhookSetup<
    Arc<support::ScriptedTransport>,
    Arc<support::CountingBudget>,
    Arc<support::ManualClock>,
>;

fn setup(harness: &Harness) -> Setup {
    HaloWebhookSetup::new(
        settings(),
        Arc::clone(&harness.transport),
        Arc::clone(&harness.budget),
        Arc::clone(&harness.clock),
    )
}

#[tokio::test]
async fn a_webhook_is_switched_on_with_its_secret() {
    let signing = json!({"authentication_type": 3});
    let open = json!({"authentication_type": 0});
    let table = [
        (json!({}), basic(), json!("planted-password")),
        (signing.clone(), hmac(), json!("planted-key")),
        // It authenticates in another way than our settings say: a person decides.
        (signing, basic(), Value::Null),
        (json!({}), hmac(), Value::Null),
        (open, basic(), Value::Null),
        (json!({}), WebhookAuthentication::TokenOnly, Value::Null),
    ];
    for (members, authentication, secret) in table {
        let after = shown(&members);
        let mut before = after.clone();
        before["active"] = json!(false);
        before["disabled"] = json!(true);
        let harness = answering(&[before, json!([after]), after.clone()]);
        activate(&harness, &authentication).await.unwrap();
        let written = harness.sent()[1].json()[0].clone();
        assert_eq!(written["basic_password"], secret, "{authentication:?}");
        assert_eq!(
            (&written["active"], &written["disabled"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(written["url"], after["url"]);
        harness.assert_all_settled();
    }
}

#[tokio::test]
async fn what_a_change_or_a_test_did_to_the_rest_of_a_webhook_is_named() {
    let broken = [
        (json!({"url": ""}), "url"),
        (json!({"events": []}), "events"),
        (json!({"active": false}), "active"),
        (json!({"method": 1}), "method"),
        (json!({"authentication_type": 0}), "authentication_type"),
    ];
    for (members, named) in broken {
        for is_test in [false, true] {
            let after = shown(&members);
            let harness = answering(&[shown(&json!({})), json!([after]), after.clone()]);
            let done = if is_test {
                setup(&harness).send_test(ID).await
            } else {
                activate(&harness, &basic()).await
            };
            let error = done.unwrap_err();
            assert_eq!(error.class, FailureClass::Permanent);
            let message = error.message.unwrap().to_string();
            assert!(message.contains(&format!("written: {named};")), "{message}");
            assert!(!message.contains("planted"), "{message}");
            harness.assert_all_settled();
        }
    }
    let harness = answering(&[
        shown(&json!({})),
        json!([shown(&json!({}))]),
        shown(&json!({})),
    ]);
    setup(&harness).send_test(ID).await.unwrap();
    assert_eq!(harness.sent()[1].json()[0]["_test"], true);
}
