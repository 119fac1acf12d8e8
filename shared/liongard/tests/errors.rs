//! What may follow a failure, and what a person sees of it.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails where its ground is missing"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use std::error::Error as _;
use std::time::Duration;

use halogard_domain::FailureClass::{self, InDoubt, Permanent, Throttled, Transient};
use halogard_domain::ids::LaunchpointId;
use halogard_http::TransportError;
use halogard_liongard::Error;
use halogard_liongard::wire::KeyLifetime;
use support::{Harness, KEY_HEADER, KEY_ID, Outcome, SECRET, answer, answer_with};

/// Names and values.
type Headers = &'static [(&'static str, &'static str)];

/// The failure of a read that got `outcome`.
async fn read(outcome: Outcome) -> Error {
    Harness::scripted([outcome])
        .client
        .task_count()
        .await
        .unwrap_err()
}

/// The failure of a run that got `outcome`.
async fn run(outcome: Outcome) -> Error {
    let launchpoint = LaunchpointId::new(501);
    Harness::scripted([outcome])
        .client
        .run_launchpoints(&[launchpoint])
        .await
        .unwrap_err()
}

/// The sentence kept of a refusal.
async fn message(status: u16, body: &str) -> Option<String> {
    read(answer(status, body))
        .await
        .message()
        .map(ToString::to_string)
}

#[tokio::test]
async fn what_may_follow_depends_on_the_method_and_the_status() {
    let table: [(u16, FailureClass, FailureClass); 14] = [
        (400, Permanent, Permanent),
        (401, Permanent, Permanent),
        (403, Permanent, Permanent),
        (404, Permanent, Permanent),
        (405, Permanent, Permanent),
        (408, Transient, InDoubt),
        (409, Permanent, Permanent),
        (
            429,
            Throttled { retry_after: None },
            Throttled { retry_after: None },
        ),
        (500, Transient, InDoubt),
        (502, Transient, InDoubt),
        (503, Transient, InDoubt),
        (504, Transient, InDoubt),
        (303, Permanent, InDoubt),
        (304, Permanent, Permanent),
    ];
    for (status, of_read, of_run) in table {
        assert_eq!(
            read(answer(status, "")).await.class(),
            of_read,
            "GET {status}"
        );
        assert_eq!(
            run(answer(status, "")).await.class(),
            of_run,
            "POST {status}"
        );
    }
}

#[tokio::test]
async fn what_may_follow_a_missing_answer_depends_on_whether_it_was_sent() {
    let reason = || "why".to_owned();
    let not_sent = || Err(TransportError::NotSent { reason: reason() });
    let no_answer = || Err(TransportError::NoAnswer { reason: reason() });
    let too_large = || Err(TransportError::TooLarge { limit_bytes: 1 });
    assert_eq!(read(not_sent()).await.class(), Transient);
    assert_eq!(run(not_sent()).await.class(), Transient);
    assert_eq!(read(no_answer()).await.class(), Transient);
    assert_eq!(run(no_answer()).await.class(), InDoubt);
    assert_eq!(read(too_large()).await.class(), Permanent);
    assert_eq!(run(too_large()).await.class(), InDoubt);
    assert_eq!(read(answer(200, "<html>")).await.class(), Permanent);
    assert_eq!(run(answer(200, "<html>")).await.class(), InDoubt);
}

#[tokio::test]
async fn a_key_that_may_have_been_made_is_in_doubt_and_a_deleted_one_may_be_deleted_again() {
    let harness = Harness::scripted([answer(500, ""), answer(500, "")]);
    let error = harness
        .client
        .create_access_key(KeyLifetime::Days30)
        .await
        .unwrap_err();
    assert_eq!(error.class(), InDoubt);
    let error = harness.client.delete_access_key("k1").await.unwrap_err();
    assert_eq!(error.class(), Transient);
}

#[tokio::test]
async fn a_refused_key_is_its_own_error() {
    let error = read(answer(
        401,
        r#"{"message":"Session appears to be invalid"}"#,
    ))
    .await;
    assert!(matches!(error, Error::Unauthorised { .. }));
    assert_eq!(
        error.to_string(),
        "Liongard does not accept the access key for GET /api/v1/tasks/count; it said: \
         Session appears to be invalid"
    );
}

#[tokio::test]
async fn an_insufficient_role_is_distinguished() {
    assert!(run(answer(403, "")).await.is_forbidden());
    assert!(!run(answer(401, "")).await.is_forbidden());
}

#[tokio::test]
async fn retry_after_is_a_fraction_a_date_or_absent_and_is_clamped() {
    const DATE: (&str, &str) = ("date", "Mon, 05 Jan 2026 10:00:00 GMT");
    let table: [(Headers, Option<f64>); 6] = [
        (&[], None),
        (&[("retry-after", "12.75")], Some(12.75)),
        (&[("retry-after", "86400")], Some(300.0)),
        // No pause HTTP knows: the work takes its own, which is longer than the least one.
        (&[("retry-after", "-4")], None),
        (
            &[("retry-after", "Mon, 05 Jan 2026 10:00:42 GMT"), DATE],
            Some(42.0),
        ),
        // This client has no clock.
        (&[("retry-after", "Mon, 05 Jan 2026 10:00:42 GMT")], None),
    ];
    for (headers, expected) in table {
        let error = read(answer_with(429, headers, r#"{"error":"slow down"}"#)).await;
        let retry_after = expected.map(Duration::from_secs_f64);
        assert_eq!(error.class(), Throttled { retry_after }, "{headers:?}");
    }
}

#[tokio::test]
async fn liongards_message_is_found_in_each_of_its_forms() {
    let table = [
        (r#"{"message":"no such thing"}"#, "no such thing"),
        (
            r#"{"Success":false,"Message":"Enitity not found"}"#,
            "Enitity not found",
        ),
        (
            r#"{"Success":false,"Message":"Bad request","ValidationErrors":[
                {"path":"Sorting","message":"Expected Array but instead got: undefined."},
                {"message":"more"}]}"#,
            "Bad request; Sorting: Expected Array but instead got: undefined.; more",
        ),
        (r#"{"error":"too many requests"}"#, "too many requests"),
        (r#""just text""#, "just text"),
        ("plain\n  text", "plain text"),
        ("<!DOCTYPE html><html>503</html>", "an HTML page"),
    ];
    for (body, expected) in table {
        assert_eq!(
            message(400, body).await.as_deref(),
            Some(expected),
            "{body}"
        );
    }
    assert_eq!(message(400, "").await, None);
    assert_eq!(message(400, "  ").await, None);
}

#[tokio::test]
async fn secrets_are_removed_from_liongards_message() {
    let table = [
        format!("key {KEY_ID} is gone"),
        format!("secret was {SECRET} sorry"),
        format!("header {KEY_HEADER} is odd"),
        "ask jane.doe@example.net".to_owned(),
        "AccessKeySecret: abc def".to_owned(),
        "token=abc".to_owned(),
        "Bearer abc".to_owned(),
        "Basic abc".to_owned(),
        "see https://us1.app.liongard.com/login?x=abc".to_owned(),
        "run 3f2b8c1e-9d4a-4e6f-8a7b-1c2d3e4f5a6b ended".to_owned(),
    ];
    for sentence in table {
        let body = serde_json::json!({ "message": sentence }).to_string();
        for status in [400, 401, 500] {
            let error = read(answer(status, &body)).await;
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("[hidden]"), "{shown}");
            for planted in [KEY_ID, SECRET, KEY_HEADER, "jane.doe", "abc", "3f2b8c1e"] {
                assert!(!shown.contains(planted), "{shown}");
            }
        }
    }
}

#[tokio::test]
async fn an_error_names_the_route_unfilled_and_its_cause_once() {
    let outcome = Err(TransportError::NoAnswer {
        reason: "timed out".into(),
    });
    let harness = Harness::scripted([outcome]);
    let error = harness
        .client
        .launchpoint(LaunchpointId::new(501))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "no answer to GET /api/v1/launchpoints/{LaunchpointID} from Liongard"
    );
    assert_eq!(
        error.source().unwrap().to_string(),
        "no whole answer from the server: timed out"
    );
}

#[tokio::test]
async fn a_key_of_any_characters_can_be_sent() {
    // Base64 makes every key fit for a header.
    let harness = Harness::answering(["1"]);
    let mut key = support::key();
    key.secret = "ü\n\u{0}: \u{1F511}".into();
    assert_eq!(harness.client.with_key(key).task_count().await.unwrap(), 1);
}
