//! Environments, inspectors and launchpoints.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails where its ground is missing"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use halogard_domain::ids::{EnvironmentId, LaunchpointId};
use halogard_liongard::{BodyProblem, Error};
use serde_json::json;
use support::Harness;

#[tokio::test]
async fn environments_are_read_with_a_tier_of_either_form() {
    let body = r#"[
        {"ID":8801,"Name":"Northwind Dental","ShortName":"NWD","Status":1,"Visible":true,
         "Tier":{"Type":"Core","CanDowngrade":false},"CreatedOn":"2025-02-03T09:00:00.000Z",
         "UpdatedOn":null,"CreatedBy":{"ID":12}},
        {"ID":8802,"Name":"Old","Status":0,"Tier":"Essential"},
        {"ID":8803,"Name":"Hidden","Visible":false}
    ]"#;
    let rows = Harness::answering([body])
        .client
        .environments()
        .await
        .unwrap();
    assert_eq!(rows[0].id, EnvironmentId::new(8801));
    assert_eq!(rows[0].tier.as_ref().unwrap().kind.as_deref(), Some("Core"));
    assert_eq!(
        rows[1].tier.as_ref().unwrap().kind.as_deref(),
        Some("Essential")
    );
    let active: Vec<bool> = rows.iter().map(|row| row.is_active()).collect();
    assert_eq!(active, [true, false, false]);
}

#[tokio::test]
async fn a_list_of_environments_with_a_bad_record_is_no_shorter_list() {
    let error = Harness::answering([r#"[{"ID":1},{"Name":"x"}]"#])
        .client
        .environments()
        .await;
    match error.unwrap_err() {
        Error::Body { path, problem, .. } => {
            assert_eq!((path.as_str(), problem), ("[1].ID", BodyProblem::Missing));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_environment_is_an_object_or_a_list_of_one() {
    for body in [r#"{"ID":5,"Name":"A"}"#, r#"[{"ID":"5","Name":"A"}]"#] {
        let harness = Harness::answering([body]);
        let row = harness
            .client
            .environment(EnvironmentId::new(5))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(row.name.as_deref(), Some("A"));
        assert_eq!(harness.only_sent().path(), "/api/v1/environments/5/");
    }
}

#[tokio::test]
async fn version_two_counts_pages_beside_the_rows_or_inside() {
    let paging =
        json!({"TotalRows":3,"HasMoreRows":true,"CurrentPage":1,"TotalPages":2,"PageSize":2});
    let rows = json!([{"ID":1,"Name":"A"},{"ID":2,"Name":"B"}]);
    let beside = json!({"Success":true,"Data":rows,"Pagination":paging});
    let inside = json!({"Success":true,"Data":{"Environments":rows,"Pagination":paging}});
    for body in [beside, inside] {
        let harness = Harness::answering([body.to_string().as_str()]);
        let page = harness.client.environments_v2(1).await.unwrap();
        assert_eq!(page.rows.len(), 2, "{body}");
        let paging = page.paging.unwrap();
        assert_eq!(
            (paging.total_rows, paging.has_more_rows),
            (Some(3), Some(true))
        );
        let sent = harness.only_sent();
        assert_eq!(
            sent.url.as_str(),
            "https://us1.app.liongard.com/api/v2/environments/?page=1&pageSize=100"
        );
    }
}

#[tokio::test]
async fn version_two_may_send_one_record_without_a_list_and_no_count() {
    let body = r#"{"Success":true,"Data":{"ID":1,"Name":"A"}}"#;
    let page = Harness::answering([body])
        .client
        .environments_v2(1)
        .await
        .unwrap();
    assert_eq!((page.rows.len(), page.paging), (1, None));
}

#[tokio::test]
async fn version_two_without_success_is_refused_with_its_own_message() {
    let body = r#"{"Success":false,"Message":"Enitity not found"}"#;
    let error = Harness::answering([body])
        .client
        .environments_v2(1)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Liongard refused GET /api/v2/environments/; it said: Enitity not found"
    );
}

#[tokio::test]
async fn version_two_without_an_envelope_is_an_error_that_names_the_place() {
    let table = [
        ("[]", ".", BodyProblem::Unexpected),
        (r#"{"Data":[]}"#, "Success", BodyProblem::Missing),
        (r#"{"Success":true}"#, "Data", BodyProblem::Missing),
        (
            r#"{"Success":true,"Data":7}"#,
            "Data",
            BodyProblem::Unexpected,
        ),
        (
            r#"{"Success":true,"Data":[{"ID":1},{}]}"#,
            "Data[1].ID",
            BodyProblem::Missing,
        ),
        (
            r#"{"Success":true,"Data":{"Pagination":{}}}"#,
            "Data.Environments",
            BodyProblem::Missing,
        ),
    ];
    for (body, place, expected) in table {
        match Harness::answering([body])
            .client
            .environments_v2(1)
            .await
            .unwrap_err()
        {
            Error::Body { path, problem, .. } => {
                assert_eq!((path.as_str(), problem), (place, expected), "{body}");
            }
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn inspectors_come_as_a_list_or_as_one() {
    let one = json!({"ID":94,"Name":"halopsa-inspector","Alias":"HaloPSA"});
    for body in [one.to_string(), json!([one]).to_string()] {
        let rows = Harness::answering([body.as_str()])
            .client
            .inspectors()
            .await
            .unwrap();
        assert_eq!(rows[0].name.as_deref(), Some("halopsa-inspector"));
    }
}

#[tokio::test]
async fn the_launchpoint_of_the_halopsa_inspector_is_found_by_name() {
    let body = r#"[
        {"ID":501,"Alias":"NW AD","Inspector":{"ID":13,"Name":"active-directory-inspector"},
         "Environment":{"ID":8801,"Name":"NW"},"Enabled":true,"CreatedBy":[{"ID":1}],"Version":null},
        {"ID":502,"Alias":"Halo","Inspector":{"ID":94,"Name":"halopsa-inspector","Alias":"HaloPSA"},
         "EnvironmentID":8800,"Enabled":1,"Config":"{\"a\":1}","TotalAdHocRuns":3,
         "LastAdHocRun":"2026-01-05T02:10:00.000Z","Status":"Active"}
    ]"#;
    let rows = Harness::answering([body])
        .client
        .launchpoints()
        .await
        .unwrap();
    let halo: Vec<_> = rows
        .iter()
        .filter(|row| row.runs("halopsa-inspector"))
        .collect();
    assert_eq!(halo.len(), 1);
    assert_eq!(halo[0].id, LaunchpointId::new(502));
    assert_eq!(halo[0].enabled, Some(true));
    assert_eq!(halo[0].total_ad_hoc_runs, Some(3));
    assert_eq!(halo[0].environment_id(), Some(EnvironmentId::new(8800)));
    assert_eq!(rows[0].environment_id(), Some(EnvironmentId::new(8801)));
}
