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
