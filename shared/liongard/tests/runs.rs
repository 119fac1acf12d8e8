//! Asking for runs, and following them.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails where its ground is missing"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use halogard_domain::ids::LaunchpointId;
use halogard_domain::{FailureClass, Timestamp};
use halogard_liongard::Error;
use halogard_liongard::wire::{RunOutcome, TimelineRow};
use http::Method;
use serde_json::{Value, json};
use support::Harness;

#[tokio::test]
async fn runs_are_requested_by_post_and_may_fail_in_part() {
    let harness = Harness::answering([
        r#"{"results":[{"ID":501}],"errors":[{"ID":502,"Message":"disabled, ask a.b@example.net"}]}"#,
    ]);
    let asked = [
        LaunchpointId::new(501),
        LaunchpointId::new(502),
        LaunchpointId::new(503),
    ];
    let run = harness.client.run_launchpoints(&asked).await.unwrap();
    let started: Vec<bool> = asked.iter().map(|id| run.has_started(*id)).collect();
    assert_eq!(started, [true, false, false]);
    let message = run.refusal_of(asked[1]).unwrap().message.as_ref().unwrap();
    assert_eq!(message.as_str(), "disabled, ask [hidden]");
    assert!(run.refusal_of(asked[2]).is_none());
    let sent = harness.only_sent();
    assert_eq!(sent.method, Method::POST);
    assert_eq!(sent.path(), "/api/v1/launchpoints/run");
    assert_eq!(sent.json(), json!({"LaunchPoints": [501, 502, 503]}));
}

#[tokio::test]
async fn a_refusal_that_names_no_launchpoint_is_of_those_that_did_not_start() {
    let harness =
        Harness::answering([r#"{"results":[{"ID":501}],"errors":[{"Message":"no agent"}]}"#]);
    let [started, other] = [501, 502].map(LaunchpointId::new);
    let run = harness
        .client
        .run_launchpoints(&[started, other])
        .await
        .unwrap();
    assert!(run.refusal_of(started).is_none());
    let message = run.refusal_of(other).unwrap().message.as_ref().unwrap();
    assert_eq!(message.as_str(), "no agent");
}

#[tokio::test]
async fn requesting_no_runs_sends_nothing() {
    let harness = Harness::scripted([]);
    let run = harness.client.run_launchpoints(&[]).await.unwrap();
    assert_eq!((run.started.len(), run.errors.len()), (0, 0));
    assert!(harness.sent().is_empty());
}

#[tokio::test]
async fn a_page_in_place_of_an_answer_to_a_run_leaves_it_in_doubt() {
    for body in ["", "<html>", "{"] {
        let error = Harness::answering([body])
            .client
            .run_launchpoints(&[LaunchpointId::new(501)])
            .await;
        let error = error.unwrap_err();
        assert!(matches!(error, Error::Body { .. }), "{body}: {error:?}");
        assert_eq!(error.class(), FailureClass::InDoubt);
    }
}

#[tokio::test]
async fn a_timeline_is_filtered_again_and_newest_first() {
    let body = r#"[
        {"ID":10,"Launchpoint":{"ID":501}},
        {"ID":12,"Launchpoint":{"ID":"501"}},
        {"ID":13,"Launchpoint":{"ID":999}},
        {"ID":14,"Launchpoint":null},
        {"ID":11,"Launchpoint":{"ID":501}}
    ]"#;
    let harness = Harness::answering([body]);
    let runs = harness
        .client
        .timeline(LaunchpointId::new(501))
        .await
        .unwrap()
        .expect("the runs of one launchpoint");
    let ids: Vec<u64> = runs.iter().map(|run| run.id.get()).collect();
    assert_eq!(ids, [12, 11, 10]);
    let sent = harness.only_sent();
    let [(name, condition)] = sent.query().try_into().unwrap();
    assert_eq!(name, "conditions[]");
    let condition: Value = serde_json::from_str(&condition).unwrap();
    assert_eq!(
        condition,
        json!({"path": "Launchpoint/ID", "op": "=", "value": 501})
    );
}

#[tokio::test]
async fn a_run_is_read_with_its_times() {
    let body = r#"{"ID":1294715,"Launchpoint":{"ID":501,"Alias":"AD"},"Status":"Completed","AdHoc":true,
        "ExitCode":0,"ExitMessage":"","ScheduledAt":"2026/01/05 02:10:00","ProcessingAt":"2026/01/05 02:10:01",
        "RunningAt":"2026/01/05 02:10:02","FinishedAt":"2026/01/05 02:14:09","CreatedOn":"2026/01/05 02:10:00"}"#;
    let run: TimelineRow = serde_json::from_str(body).unwrap();
    assert_eq!(run.ad_hoc, Some(true));
    assert_eq!(
        run.running_at,
        Some(Timestamp::from_millis(1_767_579_002_000))
    );
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
}

#[tokio::test]
async fn how_a_run_does_is_read_from_its_end_and_its_code() {
    let at = "2026/01/05 02:14:09";
    let underway = "underway";
    let table = [
        (
            json!({"Status":"Completed","FinishedAt":at,"ExitCode":0}),
            "succeeded",
        ),
        (json!({"Status":"Completed","FinishedAt":at}), "succeeded"),
        (json!({"Status":"completed","ExitCode":"0"}), "succeeded"),
        (json!({"Status":"Completed"}), "succeeded"),
        (
            json!({"Status":"Strange","FinishedAt":at,"ExitCode":0}),
            "succeeded",
        ),
        (json!({"FinishedAt":at,"ExitCode":0}), "succeeded"),
        (
            json!({"Status":"Completed","FinishedAt":at,"ExitCode":1,"ExitMessage":"no login"}),
            "failed 1 no login",
        ),
        (json!({"Status":"Completed","ExitCode":-1}), "failed -1 "),
        (json!({"Status":"Failed","FinishedAt":at}), "failed ? "),
        (json!({"Status":"Error","FinishedAt":at}), "failed ? "),
        (json!({"Status":"Timed out","FinishedAt":at}), "failed ? "),
        (json!({"Status":"Timeout","FinishedAt":at}), "failed ? "),
        (json!({"Status":"Cancelled","FinishedAt":at}), "failed ? "),
        (json!({"Status":"Finished","FinishedAt":at}), "succeeded"),
        (json!({"FinishedAt":at}), "succeeded"),
        (json!({"Status":"Scheduled"}), underway),
        (json!({"Status":"Processing","ExitCode":0}), underway),
        (json!({"Status":"Running","FinishedAt":""}), underway),
        (json!({"Status":"Failed","ExitCode":1}), underway),
        (json!({"Status":null}), underway),
    ];
    for (mut run, expected) in table {
        run["ID"] = json!(1);
        let row: TimelineRow = serde_json::from_value(run.clone()).unwrap();
        let outcome = match row.outcome() {
            RunOutcome::Underway => "underway".to_owned(),
            RunOutcome::Succeeded => "succeeded".to_owned(),
            RunOutcome::Failed { exit_code, message } => {
                let code = exit_code.map_or("?".to_owned(), |code| code.to_string());
                format!(
                    "failed {code} {}",
                    message.as_ref().map_or("", |message| message.as_str())
                )
            }
        };
        assert_eq!(outcome, expected, "{run}");
    }
}
