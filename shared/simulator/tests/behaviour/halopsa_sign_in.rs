//! Tokens, scopes, secrets.

use std::time::Duration;

use axum::body::Body;
use http::Request;
use serde_json::json;

use crate::caller::{HaloHarness, SCOPES, send};

#[tokio::test]
async fn a_token_says_what_it_is_and_for_how_long() {
    let tenant = HaloHarness::stock().await;
    let token = tenant
        .request_token("first-secret-of-the-sample", "read:tickets")
        .await
        .json();
    assert_eq!(token["expires_in"], 3600);
    assert_eq!(token["token_type"], "Bearer");
    assert_eq!(token["scope"], "read:tickets");
}

#[tokio::test]
async fn one_unknown_scope_spoils_the_whole_request() {
    let tenant = HaloHarness::stock().await;
    for bad in [
        "read:tickets write:tickets",
        "read:teams",
        "read:tickets edit:assets",
    ] {
        let answer = tenant
            .request_token("first-secret-of-the-sample", bad)
            .await;
        assert_eq!(
            (answer.status, answer.json()["error"].clone()),
            (400, json!("invalid_scope"))
        );
    }
}

#[tokio::test]
async fn a_wrong_secret_is_an_invalid_client() {
    let answer = HaloHarness::stock()
        .await
        .request_token("guess", SCOPES)
        .await;
    assert_eq!(
        (answer.status, answer.json()["error"].clone()),
        (401, json!("invalid_client"))
    );
}

#[tokio::test]
async fn another_tenant_and_a_body_that_is_no_form_are_refused() {
    let tenant = HaloHarness::stock().await;
    let other = Request::post("/auth/token?tenant=elsewhere")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from("grant_type=client_credentials"));
    assert_eq!(
        send(&tenant.halo.router(), other.unwrap()).await.status,
        400
    );
    let no_form = Request::post("/auth/token")
        .header("content-type", "application/json")
        .body(Body::from("{}"));
    assert_eq!(
        send(&tenant.halo.router(), no_form.unwrap()).await.status,
        400
    );
}

#[tokio::test]
async fn a_replaced_secret_counts_at_once_and_old_tokens_live_on() {
    let tenant = HaloHarness::stock().await;
    tenant
        .halo
        .replace_secret("8d3f6a52-halogard-sync", "second")
        .unwrap();
    assert_eq!(
        tenant
            .request_token("first-secret-of-the-sample", SCOPES)
            .await
            .status,
        401
    );
    assert_eq!(tenant.request_token("second", SCOPES).await.status, 200);
    assert_eq!(tenant.get("/Status").await.status, 200);
}

#[tokio::test]
async fn a_token_ends_after_an_hour_with_an_empty_401() {
    let tenant = HaloHarness::stock().await;
    tenant.clock.advance(Duration::from_secs(3599));
    assert_eq!(tenant.get("/Status").await.status, 200);
    tenant.clock.advance(Duration::from_secs(1));
    let answer = tenant.get("/Status").await;
    assert_eq!((answer.status, answer.text().as_str()), (401, ""));
}

#[tokio::test]
async fn a_missing_scope_is_an_empty_403() {
    let mut tenant = HaloHarness::stock().await;
    let token = tenant
        .request_token("first-secret-of-the-sample", "read:customers")
        .await
        .json();
    token["access_token"]
        .as_str()
        .unwrap()
        .clone_into(&mut tenant.token);
    let answer = tenant.get("/Tickets").await;
    assert_eq!((answer.status, answer.text().as_str()), (403, ""));
    assert_eq!(tenant.get("/Client").await.status, 200);
    assert_eq!(tenant.get("/Webhook").await.status, 403);
}

#[tokio::test]
async fn authinfo_and_discovery_need_no_token() {
    let tenant = HaloHarness::stock().await;
    let ask = |path: &str| {
        Request::get(path)
            .header("host", "127.0.0.1:1")
            .body(Body::empty())
            .unwrap()
    };
    let info = send(&tenant.halo.router(), ask("/api/AuthInfo"))
        .await
        .json();
    assert_eq!(info["auth_url"], "http://127.0.0.1:1/auth");
    assert_eq!(info["tenant_id"], "harbourstreet");
    let document = send(
        &tenant.halo.router(),
        ask("/auth/.well-known/openid-configuration"),
    )
    .await
    .json();
    assert_eq!(document["token_endpoint"], "http://127.0.0.1:1/auth/token");
}

#[tokio::test]
async fn paths_are_found_in_any_letter_case() {
    let tenant = HaloHarness::stock().await;
    assert_eq!(tenant.get("/STATUS").await.status, 200);
    assert_eq!(tenant.get("/tickettype/5").await.json()["name"], "Alert");
}
