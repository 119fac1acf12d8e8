//! The members of an alert, in each of their forms.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails where its ground is missing"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use halogard_domain::Timestamp;
use halogard_domain::ids::{AlertId, EnvironmentId, LaunchpointId, RunId};
use halogard_liongard::wire::{LookupValue, TaskRow};
use serde_json::{Value, json};
use support::Harness;
use support::alert::whole_alert;

/// The alert in `value`, as the client reads it.
async fn read(value: &Value) -> TaskRow {
    let body = json!([value]).to_string();
    let tasks = Harness::answering([body.as_str()]).tasks().await.unwrap();
    assert_eq!(tasks.unreadable, []);
    tasks.alerts.into_iter().next().unwrap()
}

/// The same with one member replaced.
async fn read_with(member: &str, value: Value) -> TaskRow {
    let mut alert = whole_alert();
    alert[member] = value;
    read(&alert).await
}

#[tokio::test]
async fn a_whole_alert_is_read() {
    let alert = read(&whole_alert()).await;
    assert_eq!(alert.id, AlertId::new(7586));
    assert_eq!(alert.common_id.as_deref(), Some("T20260105.00001"));
    assert_eq!(alert.environment_id(), Some(EnvironmentId::new(8801)));
    assert_eq!(
        alert.environment.unwrap().name.as_deref(),
        Some("Northwind Dental")
    );
    assert_eq!(alert.priority.unwrap().slug().as_str(), "critical");
    assert_eq!(alert.status.unwrap().slug().as_str(), "new");
    assert_eq!(
        alert.rule.unwrap().name.as_deref(),
        Some("Stale Privileged Accounts")
    );
    assert_eq!(
        alert.inspector.unwrap().name.as_deref(),
        Some("active-directory-inspector")
    );
    assert_eq!(
        alert.launchpoint.unwrap().id,
        Some(LaunchpointId::new(18700))
    );
    let run = alert.timeline.unwrap();
    assert_eq!(run.id, Some(RunId::new(1_294_715)));
    assert_eq!(
        run.finished_at,
        Some(Timestamp::from_millis(1_767_579_249_000))
    );
    assert_eq!(alert.external_id.as_deref(), Some("90412"));
    assert_eq!(alert.visible, Some(true));
    assert_eq!(
        alert.created_on,
        Some(Timestamp::from_millis(1_767_579_300_120))
    );
    assert_eq!(alert.updated_on, None);
}

#[tokio::test]
async fn an_alert_of_nothing_but_an_id_is_read() {
    let alert = read(&json!({"ID": 1})).await;
    assert_eq!(alert.id, AlertId::new(1));
    assert_eq!((alert.created_on, alert.updated_on), (None, None));
    assert_eq!(alert.environment_id(), None);
}

#[tokio::test]
async fn every_member_but_the_id_may_be_null_and_unknown_ones_are_ignored() {
    let mut alert = whole_alert();
    for (name, value) in alert.as_object_mut().unwrap() {
        if name != "ID" {
            *value = Value::Null;
        }
    }
    alert["SomethingNew"] = json!({"Deep": [1, 2, 3]});
    assert_eq!(read(&alert).await, read(&json!({"ID": 7586})).await);
}

#[tokio::test]
async fn ids_come_as_numbers_as_text_and_as_fractions_of_nothing() {
    for id in [json!(7586), json!("7586"), json!(7586.0)] {
        assert_eq!(read_with("ID", id).await.id, AlertId::new(7586));
    }
}

#[tokio::test]
async fn dates_are_read_in_each_form() {
    let half_past = Some(Timestamp::from_millis(1_631_301_663_000));
    let table = [
        (json!("2021-09-10T19:21:03.000Z"), half_past),
        (json!("2021/09/10 19:21:03"), half_past),
        (json!("2021-09-10T19:21:03.000"), half_past),
        (json!(""), None),
        // HaloPSA says "never" so; nothing in Liongard is as old.
        (json!("1900/01/01 00:00:00"), None),
        (Value::Null, None),
    ];
    for (value, expected) in table {
        let alert = read_with("UpdatedOn", value.clone()).await;
        assert_eq!(alert.updated_on, expected, "{value}");
    }
}

#[tokio::test]
async fn the_number_of_the_ticket_is_a_number_a_text_or_nothing() {
    let table = [
        (json!(90412), Some("90412")),
        (json!("90412"), Some("90412")),
        (json!("HD-12"), Some("HD-12")),
        (json!(""), None),
        (Value::Null, None),
    ];
    for (value, expected) in table {
        assert_eq!(
            read_with("ExternalID", value).await.external_id.as_deref(),
            expected
        );
    }
}

#[tokio::test]
async fn a_status_is_a_record_a_name_or_nothing_and_its_machine_word_counts_first() {
    let word = async |value: Value| {
        let status = read_with("Status", value).await.status;
        status.map(|status| status.slug().to_string())
    };
    assert_eq!(
        word(json!({"Name": "Neu", "Reserved": "new"}))
            .await
            .as_deref(),
        Some("new")
    );
    assert_eq!(
        word(json!({"Name": "Closed - Complete", "Reserved": null}))
            .await
            .as_deref(),
        Some("closed_complete")
    );
    assert_eq!(
        word(json!("In Progress")).await.as_deref(),
        Some("in_progress")
    );
    assert_eq!(word(Value::Null).await, None);
    assert_eq!(word(json!("")).await, None);
    assert_eq!(LookupValue::default().slug().as_str(), "");
}

#[tokio::test]
async fn members_of_many_forms_that_are_not_needed_never_stand_in_the_way() {
    for value in [
        json!(null),
        json!("a.b"),
        json!([]),
        json!({"ID": 12}),
        json!(12),
    ] {
        for member in ["CreatedBy", "UpdatedBy", "Owner", "Version", "Category"] {
            assert_eq!(
                read_with(member, value.clone()).await.id,
                AlertId::new(7586)
            );
        }
    }
}
