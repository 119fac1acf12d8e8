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
async fn a_bad_record_in_the_middle_is_reported_and_loses_no_other() {
    let body = r#"[
        {"ID":1,"Name":"first"},
        {"ID":2,"ID":"planted-text"},
        {"Name":"no id"},
        "not a record",
        {"ID":[3]},
        {"ID":5 "Name":"planted-text"},
        {"ID":4,"Name":"last"}
    ]"#;
    let tasks = Harness::answering([body]).tasks().await.unwrap();
    let ids: Vec<u64> = tasks.alerts.iter().map(|alert| alert.id.get()).collect();
    assert_eq!(ids, [1, 4]);
    let reports: Vec<String> = tasks.unreadable.iter().map(ToString::to_string).collect();
    assert_eq!(
        reports,
        [
            "2 (row 1) at .: the value is of another kind",
            "row 2 at ID: a needed member is missing",
            "row 3 at .: the value is of another kind",
            "row 4 at ID: the value is of another kind",
            "row 5 at .: it is not whole JSON",
        ]
    );
    assert!(!format!("{tasks:?}").contains("planted-text"));
}

#[tokio::test]
async fn a_list_is_the_same_wherever_it_is_cut_into_pieces() {
    let odd =
        r#"{"ID":2,"Name":"a \"b\" [c] {d}, \\","Description":"\ud83d half","Rule":{"Name":"}]"}}"#;
    let body = format!("\u{feff} [ {}, {odd} ,7,[],{{}} ] ", whole_alert());
    let whole = Harness::answering([body.as_str()]).tasks().await.unwrap();
    assert_eq!((whole.alerts.len(), whole.unreadable.len()), (2, 3));
    let bytes = body.as_bytes();
    for cut in 0..bytes.len() {
        let pieces = [&bytes[..cut], &bytes[cut..]];
        assert_eq!(
            Harness::streaming(&pieces).tasks().await.unwrap(),
            whole,
            "cut at {cut}"
        );
    }
}

#[tokio::test]
async fn what_came_before_a_list_broke_off_is_known_to_be_a_part() {
    let harness = Harness::streaming(&[br#"[{"ID":1},{"ID":2}"#]);
    let mut stream = harness.client.tasks().await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().alerts.len(), 1);
    assert!(matches!(stream.next().await, Err(Error::Body { .. })));
}

#[tokio::test]
async fn a_list_that_breaks_off_is_an_error_and_no_short_list() {
    let error = Harness::answering([r#"[{"ID":1},{"ID":2,"#])
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
        (r#"{"Success":true,"Rows":[]}"#, BodyProblem::Unexpected),
        ("[] []", BodyProblem::NotJson),
    ];
    for (body, expected) in table {
        let error = Harness::answering([body]).tasks().await.unwrap_err();
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
    let tasks = Harness::answering(["[]"]).tasks().await.unwrap();
    assert_eq!((tasks.alerts.len(), tasks.unreadable.len()), (0, 0));
}

#[tokio::test]
async fn a_list_of_eighty_megabytes_is_read_a_record_at_a_time() {
    let mut alert = whole_alert();
    alert["Description"] = json!("x".repeat(2_900));
    let one = alert.to_string();
    let pieces: Vec<&[u8]> = (0..23_001)
        .flat_map(|place| [if place == 0 { &b"["[..] } else { b"," }, one.as_bytes()])
        .chain([&b"]"[..]])
        .collect();
    let size: usize = pieces.iter().map(|piece| piece.len()).sum();
    assert!(size > 80_000_000, "{size}");
    let harness = Harness::streaming(&pieces);
    let mut stream = harness.client.tasks().await.unwrap();
    let (mut count, mut most) = (0, 0);
    while let Some(part) = stream.next().await.unwrap() {
        count += part.alerts.len();
        most = most.max(part.alerts.len());
    }
    assert_eq!((count, most), (23_001, 1));
}

#[tokio::test]
async fn ten_thousand_alerts_are_read() {
    let body = json!(vec![whole_alert(); 10_000]).to_string();
    let tasks = Harness::answering([body.as_str()]).tasks().await.unwrap();
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
    let body = r#"[{"ID":"planted-text"}]"#;
    let error = Harness::answering([body])
        .client
        .task(AlertId::new(1))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the answer to GET /api/v1/tasks/{TaskID} from Liongard is not usable at [0].ID: \
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
