//! What Liongard's documents leave open: each plausible reading leads to the same result.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails where its ground is missing"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use bytes::Bytes;
use halogard_app::ports::{AlertSource, Clock, Inspectors, RunProgress};
use halogard_domain::alert::AlertState;
use halogard_domain::ids::{AlertId, LaunchpointId, RunId};
use halogard_domain::runs::RunMark;
use halogard_domain::{FailureClass, Timestamp};
use halogard_http::TransportError;
use halogard_liongard::wire::KeyLifetime;
use halogard_liongard::{BodyProblem, Error};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use support::alert::whole_alert;
use support::{Harness, Outcome, answer};

const ALERT: AlertId = AlertId::new(7586);
const LAUNCHPOINT: LaunchpointId = LaunchpointId::new(501);

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_767_600_000_000)
    }
}

/// A page for people, as a web framework sends it for an address that it does not know.
fn no_such_page() -> Outcome {
    answer(404, "<html>Cannot GET /api/v1/tasks/7586/</html>")
}

fn not_found() -> Outcome {
    answer(404, r#"{"message":"Not Found"}"#)
}

/// The paths of the requests so far.
fn paths(harness: &Harness) -> Vec<String> {
    let sent = harness.sent();
    sent.iter().map(|it| it.path().to_owned()).collect()
}

#[tokio::test]
async fn a_list_of_alerts_is_the_same_in_any_envelope() {
    let rows = json!([whole_alert(), {"ID": 2, "Name": "a [b] {c}"}]);
    let bare = Harness::answering([rows.to_string().as_str()]);
    let bare = bare.tasks().await.unwrap();
    let envelopes = [
        format!(r#"{{"Data":{rows}}}"#),
        format!(r#"{{"data":{rows}}}"#),
        format!(r#" {{ "Success" : true, "Message":"a [ b", "Data" : {rows} , "Errors": [] }} "#),
        format!(r#"{{"Success":true,"Data":{rows},"Pagination":null}}"#),
        format!(r#"{{"Data":{rows},"Pagination":{{"TotalRows":2,"TotalPages":1}}}}"#),
        format!(r#"{{"Pagination":{{"TotalRows":2}},"Data":{rows}}}"#),
    ];
    for body in envelopes {
        let whole = Harness::answering([body.as_str()]).tasks().await;
        assert_eq!(whole.unwrap(), bare, "{body}");
        for cut in 0..body.len() {
            let pieces = [&body.as_bytes()[..cut], &body.as_bytes()[cut..]];
            let read = Harness::streaming(&pieces).tasks().await;
            assert_eq!(read.unwrap(), bare, "{body} cut at {cut}");
        }
    }
    let empty = Harness::answering([r#"{"Data":[]}"#]).tasks().await;
    assert!(empty.unwrap().alerts.is_empty());
}

#[tokio::test]
async fn one_page_of_a_list_is_not_read_as_everything() {
    let bodies = [
        r#"{"Data":[{"ID":1}],"Pagination":{"TotalRows":300,"HasMoreRows":true}}"#,
        r#"{"Pagination":{"TotalRows":300},"Data":[{"ID":1}]}"#,
        r#"{"data":[{"ID":1}],"pagination":{"CurrentPage":1}}"#,
        r#"{"Data":[{"ID":1}],"Pagination":"of another form"}"#,
    ];
    for body in bodies {
        let error = Harness::answering([body]).tasks().await.unwrap_err();
        let paged = |error: &Error| {
            matches!(
                error,
                Error::Body {
                    problem: BodyProblem::Paged,
                    ..
                }
            )
        };
        assert!(paged(&error), "{body}: {error:?}");
        assert!(error.to_string().contains("one page"), "{error}");
        let others = Harness::answering([body]).client.launchpoints().await;
        assert!(paged(&others.unwrap_err()), "{body}");
    }
    let refused = r#"{"Success":false,"Data":[]}"#;
    let error = Harness::answering([refused]).tasks().await.unwrap_err();
    assert!(error.to_string().contains("reports a failure"), "{error}");
}

#[tokio::test]
async fn records_and_other_lists_are_the_same_in_an_envelope() {
    let environments = json!([{"ID": 8801, "Name": "Northwind Dental"}]);
    for body in [
        environments.to_string(),
        json!({"Success": true, "Data": environments}).to_string(),
        json!({"data": environments}).to_string(),
    ] {
        let client = Harness::answering([body.as_str()]).client;
        let rows = client.environments().await.unwrap();
        assert_eq!(rows[0].id.get(), 8801, "{body}");
    }
    for body in [
        json!({"Data": whole_alert()}).to_string(),
        json!({"Success": true, "Data": [whole_alert()]}).to_string(),
    ] {
        let row = Harness::answering([body.as_str()]).client.task(ALERT).await;
        assert_eq!(row.unwrap().unwrap().id, ALERT, "{body}");
    }
}

#[tokio::test]
async fn an_address_that_is_only_found_without_its_slash_is_asked_for_so_from_then_on() {
    for first in [not_found as fn() -> Outcome, no_such_page] {
        let alert = whole_alert().to_string();
        let harness = Harness::scripted([
            first(),
            answer(200, &alert),
            answer(200, &alert),
            not_found(),
        ]);
        for _ in 0..2 {
            let row = harness.client.task(ALERT).await.unwrap();
            assert_eq!(row.unwrap().id, ALERT);
        }
        // Once the form is known, what is not found does not exist.
        assert_eq!(harness.client.task(AlertId::new(9)).await.unwrap(), None);
        assert_eq!(
            paths(&harness),
            [
                "/api/v1/tasks/7586/",
                "/api/v1/tasks/7586",
                "/api/v1/tasks/7586",
                "/api/v1/tasks/9"
            ]
        );
        harness.assert_script_used_up();
    }
}

#[tokio::test]
async fn an_alert_that_is_found_under_neither_address_is_unknown() {
    let harness = Harness::scripted([not_found(), not_found()]);
    assert_eq!(harness.client.task(ALERT).await.unwrap(), None);
    assert_eq!(harness.sent().len(), 2);
    // Where records were found with a slash, one request is enough.
    let alert = whole_alert().to_string();
    let harness = Harness::scripted([answer(200, &alert), not_found()]);
    harness.client.task(ALERT).await.unwrap().unwrap();
    assert_eq!(harness.client.task(AlertId::new(9)).await.unwrap(), None);
    assert_eq!(harness.sent().len(), 2);
}

#[tokio::test]
async fn an_alert_is_not_unknown_where_its_other_address_was_not_answered() {
    let table = [
        (
            answer(502, "<html>Bad gateway</html>"),
            FailureClass::Transient,
        ),
        (answer(500, "{}"), FailureClass::Transient),
        (
            answer(429, "{}"),
            FailureClass::Throttled { retry_after: None },
        ),
        (
            Err(TransportError::NoAnswer {
                reason: "closed".into(),
            }),
            FailureClass::Transient,
        ),
        (answer(401, "{}"), FailureClass::Permanent),
    ];
    for (other, class) in table {
        let case = format!("{other:?}");
        let alert = whole_alert().to_string();
        let harness = Harness::scripted([not_found(), other, not_found(), answer(200, &alert)]);
        let error = harness.client.task(ALERT).await.unwrap_err();
        assert_eq!(error.class(), class, "{case}");
        // Nothing was learnt from it.
        let row = harness.client.task(ALERT).await.unwrap();
        assert_eq!(row.unwrap().id, ALERT, "{case}");
        harness.assert_script_used_up();
    }
    for other in [answer(400, "{}"), answer(403, "{}"), answer(405, "{}")] {
        let case = format!("{other:?}");
        let harness = Harness::scripted([not_found(), other]);
        assert_eq!(harness.client.task(ALERT).await.unwrap(), None, "{case}");
    }
}

#[tokio::test]
async fn an_alert_is_closed_if_either_of_its_words_says_so() {
    let closed = AlertState::Closed;
    let table = [
        (
            json!({"Reserved": "done", "Name": "Closed - Complete"}),
            closed,
        ),
        (json!({"Reserved": "3", "Name": "Closed"}), closed),
        (
            json!({"Reserved": "new", "Name": "Closed - Complete"}),
            closed,
        ),
        (
            json!({"Reserved": "closed", "Name": "Abgeschlossen"}),
            closed,
        ),
        (json!({"Name": "Closed - Incomplete"}), closed),
        (json!("Closed - Complete"), closed),
        (json!({"Reserved": "3", "Name": "Open"}), AlertState::Open),
        (json!({"Reserved": "new", "Name": "Neu"}), AlertState::Open),
        // Compared as a whole: this is another word.
        (
            json!({"Reserved": "4", "Name": "Closed, awaiting review"}),
            AlertState::Unknown,
        ),
        (json!({"Reserved": "7"}), AlertState::Unknown),
        (json!(null), AlertState::Unknown),
    ];
    for (status, expected) in table {
        let mut row = whole_alert();
        row["Status"] = status.clone();
        let source = Harness::answering([row.to_string().as_str()]).source(Still);
        let alert = source.read(ALERT).await.unwrap().unwrap();
        assert_eq!(alert.state(), expected, "{status}");
    }
}

/// A timeline of `count` runs of other launchpoints, with one of ours at its end.
fn timeline_of_all_launchpoints(count: u64) -> Value {
    let others = (1..=count).map(|id| json!({"ID": id, "Launchpoint": {"ID": 9}}));
    let ours = json!({"ID": count + 1, "Launchpoint": {"ID": 501}, "AdHoc": true,
        "FinishedAt": "2026/01/05 02:14:09", "ExitCode": 0});
    others.chain([ours]).collect()
}

fn counter(asked_for: u64) -> String {
    json!({"ID": 501, "Alias": "AD", "TotalAdHocRuns": asked_for}).to_string()
}

#[tokio::test]
async fn runs_are_followed_by_the_counters_where_the_timeline_is_not_filtered() {
    let timeline = timeline_of_all_launchpoints(1_000).to_string();
    let harness = Harness::scripted([
        answer(200, &timeline),
        answer(200, &counter(7)),
        answer(200, &counter(7)),
        answer(200, &counter(8)),
    ]);
    let source = harness.source(Still);
    let before = source.newest_run(LAUNCHPOINT).await.unwrap();
    assert_eq!(before, Some(RunMark::AskedFor(7)));
    let progress = || source.progress(LAUNCHPOINT, before);
    assert_eq!(progress().await.unwrap(), RunProgress::NotListed);
    assert_eq!(progress().await.unwrap(), RunProgress::Counted);
    // The timeline was read once, and never again.
    let expected = ["/api/v1/timeline/"]
        .into_iter()
        .chain(["/api/v1/launchpoints/501/"; 3]);
    assert_eq!(paths(&harness), expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_few_runs_of_others_are_left_out() {
    let timeline = timeline_of_all_launchpoints(20).to_string();
    let source = Harness::scripted([answer(200, &timeline), answer(200, &timeline)]).source(Still);
    let newest = source.newest_run(LAUNCHPOINT).await.unwrap();
    assert_eq!(newest, Some(RunMark::Run(RunId::new(21))));
    let before = Some(RunMark::Run(RunId::new(20)));
    let progress = source.progress(LAUNCHPOINT, before).await.unwrap();
    assert_eq!(progress, RunProgress::Succeeded);
}

#[tokio::test]
async fn a_timeline_of_all_launchpoints_is_not_read_to_its_end() {
    let (start, rest) = (
        timeline_of_all_launchpoints(300).to_string(),
        "planted: never read",
    );
    let start = start.trim_end_matches(']').to_owned() + ",";
    let harness = Harness::streaming(&[start.as_bytes(), rest.as_bytes()]);
    // What follows is not JSON, and is not read.
    assert_eq!(harness.client.timeline(LAUNCHPOINT).await.unwrap(), None);
    assert!(!Bytes::from(start).is_empty());
}

#[tokio::test]
async fn any_success_means_that_the_run_was_asked_for() {
    for body in [
        "{}",
        "[]",
        "501",
        r#""ok""#,
        "null",
        r#"{"results":null}"#,
        r#"{"results":[{"ID":null}]}"#,
        r#"{"results":{"ID":501}}"#,
        r#"{"message":"queued"}"#,
    ] {
        let source = Harness::answering([body]).source(Still);
        source.run(LAUNCHPOINT).await.expect(body);
    }
}

#[tokio::test]
async fn a_new_key_is_read_under_each_name_of_its_secret() {
    for name in ["AccessKeySecret", "SecretAccessKey", "Secret"] {
        let body = json!({"AccessKeyId": "new-id", name: "new-secret"}).to_string();
        let client = Harness::answering([body.as_str()]).client;
        let made = client.create_access_key(KeyLifetime::Unlimited).await;
        assert_eq!(made.unwrap().secret.expose_secret(), "new-secret", "{name}");
    }
    let without = Harness::answering([r#"{"AccessKeyId":"new-id"}"#]).client;
    let made = without.create_access_key(KeyLifetime::Unlimited).await;
    assert!(made.is_err());
}

#[tokio::test]
async fn a_view_of_several_customers_is_no_customer_to_map() {
    let body = json!([
        {"ID": 1, "Name": "Northwind", "Status": 1},
        {"ID": 2, "Name": "Everybody", "Status": 1, "IsCustomerView": true},
        {"ID": 3, "Name": "Old", "Status": 0},
    ]);
    let source = Harness::answering([body.to_string().as_str()]).source(Still);
    let active = source.environments().await.unwrap();
    let active: Vec<bool> = active.iter().map(|it| it.active).collect();
    assert_eq!(active, [true, false, false]);
}
