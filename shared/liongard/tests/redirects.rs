//! Where the key goes, and where it never goes.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails where its ground is missing"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use halogard_domain::FailureClass;
use halogard_domain::ids::LaunchpointId;
use halogard_liongard::{Error, LiongardRequestError, RedirectRefusal};
use http::Method;
use support::{Harness, KEY_HEADER, answer, redirect};

/// The host named and the reason, of a redirect that was refused.
fn refusal(error: &Error) -> (Option<&str>, RedirectRefusal) {
    match error {
        Error::Redirected { to_host, why, .. } => (to_host.as_deref(), *why),
        other => panic!("a refused redirect was expected, not {other:?}"),
    }
}

#[tokio::test]
async fn the_key_is_id_and_secret_in_base64_without_basic_and_marked_sensitive() {
    let harness = Harness::answering(["7"]);
    harness.client.task_count().await.unwrap();
    let sent = harness.only_sent();
    assert_eq!(sent.key(), Some(KEY_HEADER));
    assert!(sent.headers["x-roar-api-key"].is_sensitive());
    assert!(!sent.headers.contains_key("authorization"));
    assert_eq!(sent.headers["accept"], "application/json");
    assert_eq!(
        sent.url.as_str(),
        "https://us1.app.liongard.com/api/v1/tasks/count/"
    );
}

#[tokio::test]
async fn a_redirect_within_the_host_is_followed_with_the_same_method_key_and_body() {
    for status in [301, 302, 307, 308] {
        let harness = Harness::scripted([
            redirect(
                status,
                "https://us1.app.liongard.com/api/v1/launchpoints/run/",
            ),
            answer(200, r#"{"results":[{"ID":501}],"errors":[]}"#),
        ]);
        let launchpoint = LaunchpointId::new(501);
        let run = harness
            .client
            .run_launchpoints(&[launchpoint])
            .await
            .unwrap();
        assert!(run.has_started(launchpoint));
        let [first, second] = harness.sent().try_into().unwrap();
        assert_eq!(second.method, Method::POST, "{status}");
        assert_eq!(second.body, first.body);
        assert_eq!(second.headers, first.headers);
        assert_eq!(second.path(), "/api/v1/launchpoints/run/");
    }
}

#[tokio::test]
async fn a_relative_redirect_is_resolved_against_the_requested_address() {
    for location in ["/api/v1/other/?a=b", "../../v1/other/?a=b"] {
        let harness = Harness::scripted([redirect(301, location), answer(200, "[]")]);
        harness.client.environments().await.unwrap();
        let second = &harness.sent()[1];
        assert_eq!(
            second.url.as_str(),
            "https://us1.app.liongard.com/api/v1/other/?a=b"
        );
        assert_eq!(second.key(), Some(KEY_HEADER));
    }
}

#[tokio::test]
async fn the_second_name_of_the_host_may_see_the_key() {
    let target = "https://api.us1.app.liongard.com/v1/environments/";
    let harness = Harness::scripted([redirect(307, target), answer(200, "[]")]);
    harness.client.environments().await.unwrap();
    assert_eq!(harness.sent()[1].url.as_str(), target);
}

#[tokio::test]
async fn the_key_never_leaves_the_allowed_hosts() {
    use RedirectRefusal::{NoTarget, NotEncrypted, OtherHost};
    let table = [
        (
            "https://evil.example/api/v1/tasks/count/",
            Some("evil.example"),
            OtherHost,
        ),
        ("//evil.example/", Some("evil.example"), OtherHost),
        (
            "https://us2.app.liongard.com/",
            Some("us2.app.liongard.com"),
            OtherHost,
        ),
        (
            "https://api.us2.app.liongard.com/",
            Some("api.us2.app.liongard.com"),
            OtherHost,
        ),
        (
            "https://x.us1.app.liongard.com/",
            Some("x.us1.app.liongard.com"),
            OtherHost,
        ),
        (
            "https://us1.app.liongard.com.evil.example/",
            Some("us1.app.liongard.com.evil.example"),
            OtherHost,
        ),
        (
            "https://us1.app.liongard.com@evil.example/",
            Some("evil.example"),
            OtherHost,
        ),
        (
            "https://who@us1.app.liongard.com/",
            Some("us1.app.liongard.com"),
            OtherHost,
        ),
        (
            "https://us1.app.liongard.com:8443/",
            Some("us1.app.liongard.com"),
            OtherHost,
        ),
        (
            "http://us1.app.liongard.com/api/v1/",
            Some("us1.app.liongard.com"),
            NotEncrypted,
        ),
        (
            "ftp://us1.app.liongard.com/",
            Some("us1.app.liongard.com"),
            NotEncrypted,
        ),
        ("http://127.0.0.1/", Some("127.0.0.1"), OtherHost),
        ("https://[", None, NoTarget),
    ];
    for (location, host, why) in table {
        let harness = Harness::scripted([redirect(301, location)]);
        let error = harness.client.task_count().await.unwrap_err();
        assert_eq!(refusal(&error), (host, why), "{location}");
        assert_eq!(error.class(), FailureClass::Permanent);
        assert_eq!(harness.sent().len(), 1, "{location}");
    }
}

#[tokio::test]
async fn a_redirect_that_names_no_target_is_an_error() {
    let harness = Harness::scripted([answer(302, "")]);
    let error = harness.client.task_count().await.unwrap_err();
    assert_eq!(refusal(&error), (None, RedirectRefusal::NoTarget));
}

#[tokio::test]
async fn a_second_redirect_in_a_row_is_an_error() {
    let harness = Harness::scripted([redirect(301, "/a/"), redirect(301, "/b/")]);
    let error = harness.client.task_count().await.unwrap_err();
    assert_eq!(
        refusal(&error),
        (Some("us1.app.liongard.com"), RedirectRefusal::SecondHop)
    );
    assert_eq!(harness.sent().len(), 2);
}

#[tokio::test]
async fn a_refused_redirect_names_the_host_and_the_setting_and_no_path() {
    let harness = Harness::scripted([redirect(301, "https://login.example/session?token=t0p")]);
    let error = harness.client.task_count().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Liongard redirects GET /api/v1/tasks/count to login.example: that is not the \
         configured host; check LIONGARD_URL"
    );
}

#[tokio::test]
async fn a_stand_in_on_this_machine_may_redirect_in_plain_http_to_itself_only() {
    let origin = "http://127.0.0.1:8080/";
    let harness = Harness::at(
        origin,
        [redirect(301, "/api/v1/tasks/count/"), answer(200, "7")],
    );
    assert_eq!(harness.client.task_count().await.unwrap(), 7);
    for location in [
        "http://127.0.0.1:9090/",
        "http://localhost:8080/",
        "http://api.127.0.0.1:8080/",
    ] {
        let harness = Harness::at(origin, [redirect(301, location)]);
        harness.client.task_count().await.unwrap_err();
        assert_eq!(harness.sent().len(), 1, "{location}");
    }
}

#[tokio::test]
async fn a_base_in_plain_http_elsewhere_sends_nothing() {
    let harness = Harness::at("http://us1.app.liongard.com/", []);
    let error = harness.client.task_count().await.unwrap_err();
    assert!(matches!(
        error,
        Error::Request {
            source: LiongardRequestError::NotEncrypted,
            ..
        }
    ));
    assert!(harness.sent().is_empty());
}

#[tokio::test]
async fn a_run_is_not_repeated_when_its_answer_was_lost() {
    let harness = Harness::scripted([answer(502, "<html>bad gateway</html>")]);
    let error = harness
        .client
        .run_launchpoints(&[LaunchpointId::new(501)])
        .await
        .unwrap_err();
    assert_eq!(error.class(), FailureClass::InDoubt);
    assert_eq!(harness.sent().len(), 1);
}

#[tokio::test]
async fn a_client_with_another_key_calls_the_same_tenant() {
    let harness = Harness::answering(["7"]);
    let mut other = support::key();
    other.id = "other".into();
    harness.client.with_key(other).task_count().await.unwrap();
    let sent = harness.only_sent();
    assert_ne!(sent.key(), Some(KEY_HEADER));
    assert_eq!(sent.url.host_str(), Some("us1.app.liongard.com"));
}
