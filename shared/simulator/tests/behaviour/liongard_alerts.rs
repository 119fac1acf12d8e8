//! Alerts: only Liongard may write them.

use std::time::Duration;

use halogard_simulator::SimError;
use halogard_simulator::liongard::{AlertChange, AlertSpec};
use serde_json::json;

use crate::caller::LiongardHarness;

/// An alert of the first customer.
fn disk_full() -> AlertSpec {
    AlertSpec::new(8801, "Disk Full", "Drive C: is at 98%")
}

#[tokio::test]
async fn an_alert_is_written_in_two_forms_of_date_and_was_never_updated() {
    let instance = LiongardHarness::stock();
    let id = instance.liongard.raise(&disk_full()).unwrap();
    let alert = instance.get(&format!("/v1/tasks/{id}/")).await.json()[0].clone();
    assert_eq!(alert["Name"], "Active Directory | Disk Full");
    assert_eq!(alert["CommonID"], "T20260105.07501");
    assert_eq!(
        (&alert["Status"]["Reserved"], &alert["Priority"]["Reserved"]),
        (&json!("new"), &json!("critical"))
    );
    assert_eq!(
        (&alert["UpdatedOn"], &alert["ExternalID"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(alert["CreatedOn"], "2026-01-05T08:00:41.043Z");
    assert!(
        alert["Timeline"]["FinishedAt"]
            .as_str()
            .unwrap()
            .starts_with("2026/01/04 ")
    );
    assert_eq!(alert["Launchpoint"]["EnvironmentID"], 8801);
}

#[tokio::test]
async fn selecting_fields_hides_the_tickets_number() {
    let instance = LiongardHarness::stock();
    instance
        .liongard
        .raise(&AlertSpec {
            external_id: Some(4242),
            ..disk_full()
        })
        .unwrap();
    assert_eq!(
        instance.get("/v1/tasks/").await.json()[0]["ExternalID"],
        4242
    );
    let thin = instance
        .get("/v1/tasks/?fields%5B%5D=ID&fields%5B%5D=ExternalID&fields[]=Status")
        .await
        .json()[0]
        .clone();
    assert_eq!(
        thin.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["ID", "Status"]
    );
}

#[tokio::test]
async fn filters_and_pages_are_not_honoured() {
    let instance = LiongardHarness::stock();
    for _ in 0..3 {
        instance.liongard.raise(&disk_full()).unwrap();
    }
    let rows = instance
        .get("/v1/tasks/?page=2&pageSize=1&%24filter=ID%20eq%201")
        .await
        .json();
    assert_eq!(rows.as_array().unwrap().len(), 3);
    assert_eq!(instance.get("/v1/tasks/count/").await.json(), 3);
}

#[tokio::test]
async fn an_unknown_alert_is_an_empty_array() {
    let answer = LiongardHarness::stock().get("/v1/tasks/99/").await;
    assert_eq!((answer.status, answer.json()), (200, json!([])));
}

#[tokio::test]
async fn no_call_changes_an_alert() {
    let instance = LiongardHarness::stock();
    let id = instance.liongard.raise(&disk_full()).unwrap();
    for (method, path) in [
        ("PUT", format!("/v1/tasks/{id}/")),
        ("PATCH", format!("/v1/tasks/{id}/")),
        ("POST", "/v1/tasks/".to_owned()),
    ] {
        assert_eq!(
            instance.call(method, &path, Some(&json!({}))).await.status,
            404,
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn a_change_shows_and_an_unknown_status_has_no_reserved_name() {
    let instance = LiongardHarness::stock();
    let id = instance.liongard.raise(&disk_full()).unwrap();
    instance.clock.advance(Duration::from_secs(5));
    let change = AlertChange {
        status: Some("Escalated".to_owned()),
        priority: Some("Low".to_owned()),
        ..AlertChange::default()
    };
    instance.liongard.change(id, change).unwrap();
    let alert = instance.get("/v1/tasks/").await.json()[0].clone();
    assert_eq!(
        (&alert["Status"]["Name"], &alert["Status"]["Reserved"]),
        (&json!("Escalated"), &json!(null))
    );
    assert_eq!(
        (&alert["Priority"]["Name"], &alert["UpdatedOn"]),
        (&json!("Low"), &json!("2026-01-05T08:00:46.043Z"))
    );
    instance.liongard.close(id).unwrap();
    assert_eq!(
        instance.get("/v1/tasks/").await.json()[0]["Status"]["Name"],
        "Closed - Complete"
    );
}

#[tokio::test]
async fn alerts_hide_vanish_and_fall_off_a_cut_list() {
    let instance = LiongardHarness::stock();
    let ids: Vec<i64> = (0..4)
        .map(|_| instance.liongard.raise(&disk_full()).unwrap())
        .collect();
    instance.liongard.hide_alert(ids[0]).unwrap();
    instance.liongard.remove_alert(ids[1]).unwrap();
    let rows = instance.get("/v1/tasks/").await.json();
    assert_eq!(
        (rows.as_array().unwrap().len(), &rows[0]["Visible"]),
        (3, &json!(false))
    );
    assert_eq!(
        instance.get(&format!("/v1/tasks/{}/", ids[1])).await.json(),
        json!([])
    );
    instance.liongard.truncate_list(Some(1));
    assert_eq!(instance.get("/v1/tasks/count/").await.json(), 1);
    instance.liongard.truncate_list(None);
    assert_eq!(instance.get("/v1/tasks/count/").await.json(), 3);
}

#[tokio::test]
async fn an_alert_needs_an_environment_and_its_inspector() {
    let instance = LiongardHarness::stock();
    let nowhere = instance.liongard.raise(&AlertSpec {
        environment: 1,
        ..disk_full()
    });
    assert_eq!(nowhere, Err(SimError::NoSuchEnvironment(1)));
    let strange = instance.liongard.raise(&AlertSpec {
        inspector: "weather".to_owned(),
        ..disk_full()
    });
    assert!(matches!(strange, Err(SimError::NoSuchInspector { .. })));
}
