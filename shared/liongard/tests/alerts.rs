//! Lists of alerts, single alerts, and their number.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails where its ground is missing"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use halogard_domain::ids::AlertId;
use halogard_liongard::{BodyProblem, Error};
use serde_json::json;
use support::alert::whole_alert;
use support::{Harness, answer};

#[tokio::test]
async fn a_date_of_no_known_form_makes_the_record_unreadable_and_is_not_shown() {
    for value in [
        json!("10.09.2021"),
        json!("2021/13/45 19:21:03"),
        json!(20_210_910),
        json!("soon"),
    ] {
        let mut alert = whole_alert();
        alert["UpdatedOn"] = value;
        let body = json!([alert]).to_string();
        let tasks = Harness::answering([body.as_str()])
            .client
            .tasks()
            .await
            .unwrap();
        assert_eq!(
            tasks.unreadable[0].to_string(),
            "alert 7586 (record 0) at UpdatedOn: the value is of another kind"
        );
    }
}

#[tokio::test]
async fn a_bad_record_in_the_middle_is_reported_and_loses_no_other() {
    let body = r#"[
        {"ID":1,"Name":"first"},
        {"ID":2,"Launchpoint":{"ID":"planted-text"}},
        {"Name":"no id"},
        "not a record",
        {"ID":[3]},
        {"ID":4,"Name":"last"}
    ]"#;
    let tasks = Harness::answering([body]).client.tasks().await.unwrap();
    let ids: Vec<u64> = tasks.alerts.iter().map(|alert| alert.id.get()).collect();
    assert_eq!(ids, [1, 4]);
    let reports: Vec<String> = tasks.unreadable.iter().map(ToString::to_string).collect();
    assert_eq!(
        reports,
        [
            "alert 2 (record 1) at Launchpoint.ID: the value is of another kind",
            "record 2 at ID: a needed member is missing",
            "record 3 at .: the value is of another kind",
            "record 4 at ID: the value is of another kind",
        ]
    );
    assert_eq!(tasks.unreadable[0].index, 1);
    assert_eq!(tasks.unreadable[0].id, Some(2));
    assert!(!format!("{tasks:?}").contains("planted-text"));
}

#[tokio::test]
async fn a_list_that_breaks_off_is_an_error_and_no_short_list() {
    let error = Harness::answering([r#"[{"ID":1},{"ID":2,"#])
        .client
        .tasks()
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Body {
                problem: BodyProblem::NotJson,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_success_that_is_no_list_is_an_error() {
    let table = [
        ("<!DOCTYPE html><html>", BodyProblem::Html),
        ("", BodyProblem::Empty),
        ("null", BodyProblem::Unexpected),
        (r#"{"Success":true,"Data":[]}"#, BodyProblem::Unexpected),
        ("[] []", BodyProblem::NotJson),
    ];
    for (body, expected) in table {
        let error = Harness::answering([body]).client.tasks().await.unwrap_err();
        match error {
            Error::Body { problem, route, .. } => {
                assert_eq!((problem, route), (expected, "/api/v1/tasks"), "{body}");
            }
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_empty_list_is_no_alerts() {
    let tasks = Harness::answering(["[]"]).client.tasks().await.unwrap();
    assert_eq!((tasks.alerts.len(), tasks.unreadable.len()), (0, 0));
}

#[tokio::test]
async fn ten_thousand_alerts_are_read() {
    let body = json!(vec![whole_alert(); 10_000]).to_string();
    let tasks = Harness::answering([body.as_str()])
        .client
        .tasks()
        .await
        .unwrap();
    assert_eq!(tasks.alerts.len(), 10_000);
}

#[tokio::test]
async fn one_alert_comes_alone_or_as_a_list_of_one() {
    let id = AlertId::new(7586);
    for body in [
        whole_alert().to_string(),
        json!([whole_alert()]).to_string(),
    ] {
        let harness = Harness::answering([body.as_str()]);
        assert_eq!(harness.client.task(id).await.unwrap().unwrap().id, id);
        assert_eq!(harness.only_sent().path(), "/api/v1/tasks/7586/");
    }
}

#[tokio::test]
async fn an_unknown_alert_is_an_empty_list_null_or_404() {
    let unknown = [
        answer(200, "[]"),
        answer(200, "null"),
        answer(404, r#"{"message":"not found"}"#),
        answer(404, ""),
    ];
    for outcome in unknown {
        let harness = Harness::scripted([outcome]);
        assert_eq!(harness.client.task(AlertId::new(1)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_404_that_is_a_page_says_nothing_of_an_alert() {
    let harness = Harness::scripted([answer(404, "<html>no such site</html>")]);
    let error = harness.client.task(AlertId::new(1)).await.unwrap_err();
    assert_eq!(error.message().unwrap().as_str(), "an HTML page");
}

#[tokio::test]
async fn another_alert_than_the_requested_one_is_an_error() {
    let error = Harness::answering([r#"[{"ID":2}]"#])
        .client
        .task(AlertId::new(1))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Body {
                problem: BodyProblem::OtherRecord,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn one_unreadable_alert_names_the_place_and_not_the_body() {
    let body = r#"[{"ID":1,"Visible":"planted-text"}]"#;
    let error = Harness::answering([body])
        .client
        .task(AlertId::new(1))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the answer to GET /api/v1/tasks/{TaskID} from Liongard is not usable at [0].Visible: \
         the value is of another kind"
    );
    assert!(!format!("{error:?}").contains("planted-text"));
}

#[tokio::test]
async fn the_count_is_a_bare_number() {
    assert_eq!(
        Harness::answering(["2341"])
            .client
            .task_count()
            .await
            .unwrap(),
        2341
    );
    assert_eq!(
        Harness::answering([r#""2341""#])
            .client
            .task_count()
            .await
            .unwrap(),
        2341
    );
    for body in ["null", "-1", "[]", r#"{"count":1}"#] {
        Harness::answering([body])
            .client
            .task_count()
            .await
            .unwrap_err();
    }
}
