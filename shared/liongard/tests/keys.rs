//! Access keys, as a rotation uses them.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails where its ground is missing"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use halogard_domain::FailureClass;
use halogard_liongard::wire::KeyLifetime;
use halogard_liongard::{Error, LiongardRequestError};
use http::Method;
use secrecy::ExposeSecret;
use serde_json::json;
use support::{Harness, answer};

#[tokio::test]
async fn a_key_makes_its_successor_and_never_one_that_only_installs_agents() {
    let one = json!({"AccessKeyId":"0a1b2c3d4e5f60718293","AccessKeySecret":"planted-new-secret",
        "Status":1,"ExpirationDate":"2026-04-05T10:00:00.000Z","Secret":null});
    for body in [one.to_string(), json!([one]).to_string()] {
        let harness = Harness::answering([body.as_str()]);
        let key = harness
            .client
            .create_access_key(KeyLifetime::Days90)
            .await
            .unwrap();
        assert_eq!(key.id, "0a1b2c3d4e5f60718293");
        assert_eq!(key.secret.expose_secret(), "planted-new-secret");
        assert!(key.expires_on.is_some());
        assert!(!format!("{key:?}").contains("planted"));
        let sent = harness.only_sent();
        assert_eq!(sent.path(), "/api/v1/access-keys");
        assert_eq!(
            sent.json(),
            json!({"isAgentInstallKey": false, "daysUntilExpiration": "90"})
        );
    }
}

#[tokio::test]
async fn a_made_key_without_a_secret_is_in_doubt_and_shows_nothing() {
    for body in [
        "[]",
        r#"{"AccessKeyId":"planted"}"#,
        r#"{"AccessKeyId":"planted","AccessKeySecret":null}"#,
    ] {
        let error = Harness::answering([body])
            .client
            .create_access_key(KeyLifetime::Unlimited)
            .await;
        let error = error.unwrap_err();
        assert_eq!(error.class(), FailureClass::InDoubt, "{body}");
        assert!(!format!("{error:?}").contains("planted"));
    }
}

#[tokio::test]
async fn keys_are_listed_and_deleted() {
    let harness = Harness::scripted([
        answer(
            200,
            r#"[{"AccessKeyId":"k1","ExpirationDate":null,"isAgentInstallKey":false}]"#,
        ),
        answer(200, "1"),
        answer(200, ""),
    ]);
    let keys = harness.client.access_keys().await.unwrap();
    assert_eq!((keys[0].id.as_str(), keys[0].expires_on), ("k1", None));
    harness.client.delete_access_key("k1").await.unwrap();
    harness.client.delete_access_key("k1").await.unwrap();
    let sent = harness.sent();
    assert_eq!(
        (sent[1].method.clone(), sent[1].path()),
        (Method::DELETE, "/api/v1/access-keys/k1")
    );
    harness.assert_script_used_up();
}

#[tokio::test]
async fn an_id_that_could_name_another_place_deletes_nothing() {
    for id in ["", "..", ".", "a/b", "a?b", "a b", "%2e%2e", "ä"] {
        let harness = Harness::scripted([]);
        let error = harness.client.delete_access_key(id).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Request {
                    source: LiongardRequestError::NotAnAccessKeyId,
                    ..
                }
            ),
            "{id}"
        );
    }
}
