//! The token: asked for once, renewed in time, refusals distinguished, never shown.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use std::time::Duration;

use halogard_domain::FailureClass;
use halogard_halopsa::{Error, TokenFailure};
use support::{Harness, SECRET, answer, answer_with, settings, token};

fn refused(code: &str, sentence: &str) -> String {
    format!(r#"{{"error":"{code}","error_description":"{sentence}"}}"#)
}

#[tokio::test]
async fn a_token_request_is_a_form_with_tenant_and_scopes() {
    let harness = Harness::new();
    harness.client.sign_in().await.unwrap();
    let asked = &harness.tokens()[0];
    assert_eq!(asked.method, "POST");
    assert_eq!(asked.query_value("tenant"), Some("acme"));
    assert_eq!(
        asked.headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    assert_eq!(
        asked.body,
        "grant_type=client_credentials&client_id=our-app&client_secret=s3cret-planted\
         &scope=read%3Atickets+edit%3Atickets"
    );
}

#[tokio::test]
async fn one_token_serves_many_calls() {
    let harness = Harness::answering(&["[]", "[]", "[]"]);
    for _ in 0..3 {
        harness.client.priorities().await.unwrap();
    }
    assert_eq!(harness.tokens().len(), 1);
    assert!(
        harness
            .sent()
            .iter()
            .all(|sent| sent.bearer() == Some("Bearer token-1"))
    );
    harness.assert_all_settled();
}

#[tokio::test]
async fn concurrent_calls_request_one_token() {
    let harness = Harness::answering(&["[]", "[]", "[]"]);
    let (a, b, c) = tokio::join!(
        harness.client.teams(),
        harness.client.priorities(),
        harness.client.agents()
    );
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(harness.tokens().len(), 1);
}

#[tokio::test]
async fn a_token_is_renewed_a_minute_before_it_runs_out() {
    let harness = Harness::answering(&["[]", "[]", "[]"]);
    harness.client.teams().await.unwrap();
    harness.advance(Duration::from_secs(3539));
    harness.client.teams().await.unwrap();
    assert_eq!(harness.tokens().len(), 1);
    harness.advance(Duration::from_secs(1));
    harness.client.teams().await.unwrap();
    assert_eq!(harness.tokens().len(), 2);
}

#[tokio::test]
async fn a_token_without_a_life_lives_an_hour() {
    let harness = Harness::answering(&["[]", "[]"]);
    harness.next_token(Ok(answer(200, r#"{"access_token":"bare"}"#)));
    harness.client.teams().await.unwrap();
    harness.advance(Duration::from_secs(3500));
    harness.client.teams().await.unwrap();
    assert_eq!(harness.tokens().len(), 1);
}

#[tokio::test]
async fn a_life_is_read_as_a_number_or_as_text_and_never_costs_the_token() {
    for (life, later, tokens) in [
        (r#""120""#, 61, 2),
        (r#""120""#, 59, 1),
        ("120.5", 59, 1),
        (r#""soon""#, 3500, 1),
        ("null", 3500, 1),
        (r#"{"seconds":120}"#, 3500, 1),
        ("-1", 3500, 1),
    ] {
        let harness = Harness::answering(&["[]", "[]"]);
        let body = format!(r#"{{"access_token":"first","expires_in":{life}}}"#);
        harness.next_token(Ok(answer(200, &body)));
        harness.client.teams().await.unwrap();
        harness.advance(Duration::from_secs(later));
        harness.client.teams().await.unwrap();
        assert_eq!(harness.tokens().len(), tokens, "{life}");
    }
}

#[tokio::test]
async fn a_token_of_less_than_a_minute_is_still_used_more_than_once() {
    let harness = Harness::answering(&["[]", "[]"]);
    harness.next_token(Ok(token(1, 30)));
    harness.client.teams().await.unwrap();
    harness.advance(Duration::from_secs(14));
    harness.client.teams().await.unwrap();
    assert_eq!(harness.tokens().len(), 1);
}

#[tokio::test]
async fn a_401_is_repeated_once_with_a_fresh_token_even_for_a_write() {
    let harness = Harness::new();
    harness.next(Ok(answer(401, "")));
    harness.next(Ok(answer(200, r#"{"id":7}"#)));
    let written = harness
        .client
        .post_tickets(&[Default::default()])
        .await
        .unwrap();
    assert_eq!(written[0].id.get(), 7);
    let bearers: Vec<String> = harness
        .sent()
        .iter()
        .map(|sent| sent.bearer().unwrap().to_owned())
        .collect();
    assert_eq!(bearers, ["Bearer token-1", "Bearer token-2"]);
    harness.assert_all_settled();
}

#[tokio::test]
async fn a_second_401_is_permanent_and_not_repeated() {
    let harness = Harness::new();
    harness.next(Ok(answer(401, "")));
    harness.next(Ok(answer(401, "")));
    let error = harness.client.teams().await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Permanent);
    assert_eq!(harness.sent().len(), 2);
    harness.assert_all_settled();
}

#[tokio::test]
async fn two_calls_refused_at_once_share_the_fresh_token() {
    let harness = Harness::new();
    harness.client.sign_in().await.unwrap();
    for status in [401, 401, 200, 200] {
        harness.next(Ok(answer(status, "[]")));
    }
    let (a, b) = tokio::join!(harness.client.teams(), harness.client.agents());
    assert!(a.is_ok() && b.is_ok());
    assert_eq!(harness.tokens().len(), 2);
    harness.assert_all_settled();
}

#[tokio::test]
async fn each_reason_to_refuse_a_token_is_distinguished() {
    let rows = [
        (
            400,
            refused("invalid_scope", "no"),
            TokenFailure::InvalidScope,
        ),
        (
            400,
            refused("invalid_client", "no"),
            TokenFailure::InvalidClient,
        ),
        (
            401,
            refused("invalid_client", "no"),
            TokenFailure::InvalidClient,
        ),
        (
            400,
            refused("unauthorized_client", "no"),
            TokenFailure::WrongGrant,
        ),
        (
            400,
            refused("unsupported_grant_type", "no"),
            TokenFailure::WrongGrant,
        ),
        (400, refused("server_mood", "no"), TokenFailure::Other),
        (401, String::new(), TokenFailure::Other),
    ];
    for (status, body, expected) in rows {
        let harness = Harness::new();
        harness.next_token(Ok(answer(status, &body)));
        let error = harness.client.teams().await.unwrap_err();
        assert_eq!(error.class(), FailureClass::Permanent);
        let Error::Token { kind, .. } = error else {
            panic!("{status} {body}: {error:?}")
        };
        assert_eq!(kind, expected, "{status} {body}");
        harness.assert_all_settled();
    }
}

#[tokio::test]
async fn an_address_that_is_no_token_server_is_not_blamed_on_the_credentials() {
    let harness = Harness::new();
    harness.next_token(Ok(answer(404, "<html>IIS</html>")));
    let error = harness.client.teams().await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(404));
    assert_eq!(
        error.to_string(),
        "HaloPSA answered POST /auth/token with 404 Not Found; it said: an HTML page"
    );
}

#[tokio::test]
async fn a_failed_token_request_never_leaves_a_write_in_doubt() {
    for answer in [answer(503, ""), answer(200, "{}"), answer(429, "")] {
        let harness = Harness::new();
        harness.next_token(Ok(answer));
        let error = harness
            .client
            .post_tickets(&[Default::default()])
            .await
            .unwrap_err();
        assert_ne!(error.class(), FailureClass::InDoubt, "{error}");
        assert!(harness.sent().is_empty());
    }
}

#[tokio::test]
async fn a_redirect_of_the_token_request_is_not_followed() {
    let harness = Harness::new();
    harness.next_token(Ok(answer_with(
        302,
        "location",
        "https://elsewhere.example/auth/token",
    )));
    let error = harness.client.teams().await.unwrap_err();
    assert!(matches!(
        error,
        Error::Redirected {
            route: "/auth/token",
            ..
        }
    ));
    assert_eq!(harness.tokens().len(), 1);
}

#[tokio::test]
async fn no_error_repeats_the_secret_or_the_token() {
    let harness = Harness::new();
    let echo = format!("client our-app with {SECRET} is unknown");
    harness.next_token(Ok(answer(401, &refused("invalid_client", &echo))));
    let error = harness.client.teams().await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(
        !shown.contains(SECRET) && !shown.contains("our-app"),
        "{shown}"
    );
    assert!(
        shown.contains("client [hidden] with [hidden] is unknown"),
        "{shown}"
    );
}

#[test]
fn settings_and_credentials_show_nothing_when_printed() {
    let settings = settings();
    let shown = format!("{settings:?} {:?}", settings.credentials);
    for hidden in [SECRET, "our-app", "acme"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}
