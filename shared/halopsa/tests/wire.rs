//! Values in all the forms HaloPSA has for them, and what we write.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use halogard_domain::Timestamp;
use halogard_domain::ids::{
    CustomFieldId, HaloClientId, OutcomeId, StatusId, TechnicianId, TicketId, TicketTypeId,
};
use halogard_halopsa::wire::{
    ActionOutcome, ActionRow, ActionWrite, Control, CustomFieldWrite, NotificationWrite, TicketRow,
    TicketTypeRow, TicketWrite, WebhookDetail, WebhookRow,
};
use serde_json::{Value, from_value, json};
use support::Harness;

/// A ticket row with `member` set to `value`.
fn row_with(member: &str, value: Value) -> Result<TicketRow, serde_json::Error> {
    let mut row = json!({ "id": 1 });
    row[member] = value;
    from_value(row)
}

#[test]
fn an_id_is_a_number_in_any_form_or_one_of_the_ways_to_say_none() {
    for value in [json!(3), json!(3.0), json!("3")] {
        let row = row_with("client_id", value.clone()).unwrap();
        assert_eq!(row.client_id, Some(HaloClientId::new(3)), "{value}");
    }
    for value in [json!(""), json!(0), json!(-1), json!(null)] {
        let row = row_with("client_id", value.clone()).unwrap();
        assert_eq!(row.client_id, None, "{value}");
        assert!(
            row_with("id", value.clone()).is_err(),
            "{value} as the ticket's own id"
        );
    }
    let row = row_with("client_id", json!("three")).unwrap();
    assert_eq!((row.client_id, row.odd), (None, vec!["client_id"]));
}

#[test]
fn a_date_is_utc_with_or_without_a_zone_or_one_of_the_ways_to_say_never() {
    let rows = [
        (json!("2026-05-02T09:00:00"), Some(1_777_712_400_000)),
        (
            json!("2026-05-02T09:00:00.0435678Z"),
            Some(1_777_712_400_043),
        ),
        (json!("1900-01-01T00:00:00"), None),
        (json!("9999-12-31T23:59:59"), None),
        (json!(""), None),
    ];
    for (value, expected) in rows {
        let row = row_with("last_update", value.clone()).unwrap();
        assert_eq!(
            row.last_update().map(|moment| moment.as_millis()),
            expected,
            "{value}"
        );
    }
    let row = row_with("last_update", json!("yesterday")).unwrap();
    assert_eq!((row.last_update(), row.odd), (None, vec!["last_update"]));
}

#[test]
fn the_last_change_is_found_under_either_name_or_both() {
    for row in [
        json!({ "id": 1, "last_update": "2026-05-02T09:00:00" }),
        json!({ "id": 1, "lastupdate": "2026-05-02T09:00:00Z" }),
        json!({ "id": 1, "last_update": "2026-05-02T09:00:00", "lastupdate": "1900-01-01" }),
    ] {
        let row: TicketRow = from_value(row).unwrap();
        assert_eq!(row.last_update().unwrap().as_millis(), 1_777_712_400_000);
    }
}

#[test]
fn agent_one_means_unassigned_and_an_absent_agent_means_unknown() {
    let cases = [
        (json!(0), None),
        (json!(1), Some(false)),
        (json!(12), Some(true)),
        (json!(null), None),
    ];
    for (agent, expected) in cases {
        let row = json!({
            "id": 1, "client_id": 2, "tickettype_id": 3, "status_id": 4, "agent_id": agent
        });
        let row: TicketRow = from_value(row).unwrap();
        let ticket = row.to_ticket(Timestamp::EPOCH).unwrap();
        assert_eq!(ticket.assigned, expected, "{agent}");
    }
}

#[test]
fn members_that_are_not_needed_may_be_of_any_kind() {
    let row: TicketRow = from_value(json!({
        "id": 4242, "status_id": 9, "merged_into_id": 4100, "deleted": false,
        "priority": { "name": "High" }, "assets": [{ "id": 512 }], "made_up_in_2031": [[]],
        "team": 7, "user_name": ["somebody"], "customfields": "none", "hasbeenclosed": "perhaps"
    }))
    .unwrap();
    assert_eq!(row.status_id, Some(StatusId::new(9)));
    assert_eq!(row.merged_into_id, Some(TicketId::new(4100)));
}

#[test]
fn an_action_is_read_as_documented() {
    let row: ActionRow = from_value(json!({
        "id": 3, "ticket_id": 4242, "guid": "c2a9", "outcome": "Internal Note", "outcome_id": 7,
        "who": "Dana Ito", "who_type": 1, "who_agentid": 12, "datetime": "2026-05-02T09:00:41.043",
        "note": "seen", "hiddenfromuser": true, "old_status": 1, "new_status": 2,
        "actionby_agent_id": 12, "actionby_application_id": "", "timetaken": 0.0
    }))
    .unwrap();
    assert_eq!(row.who.as_deref(), Some("Dana Ito"));
    assert_eq!(row.who_agentid, Some(TechnicianId::new(12)));
    assert_eq!(row.note.as_deref(), Some("seen"));
    assert_eq!(row.actionby_application_id, None);
}

#[test]
fn a_ticket_type_brings_its_fields() {
    let row: TicketTypeRow = from_value(json!({
        "id": 5, "name": "Alert", "hasmandatorytechfields": true, "fields": [
            { "fieldid": 9, "fieldname": "Category", "technew": 2, "visibility_conditions": [{}],
              "fieldinfo": { "id": 9, "name": "CFx", "type": 2, "mandatory": true,
                             "values": [{ "id": 1, "name": "A" }] } },
            { "fieldname": "Summary", "technew": 1, "visibility_conditions": null,
              "fieldinfo": null }
        ]
    }))
    .unwrap();
    assert!(row.fields[0].is_conditional && !row.fields[1].is_conditional);
    let info = row.fields[0].fieldinfo.as_ref().unwrap();
    assert_eq!(info.mandatory, Some(true));
}

#[tokio::test]
async fn a_write_is_an_array_of_what_is_set_with_whole_numbers() {
    let harness = Harness::answering(&[r#"{"id":4243}"#]);
    let ticket = TicketWrite {
        tickettype_id: Some(TicketTypeId::new(5)),
        client_id: Some(HaloClientId::new(17)),
        summary: Some("[LG-991] Disk full".into()),
        customfields: vec![CustomFieldWrite {
            id: CustomFieldId::new(164),
            value: json!("991"),
        }],
        novalidate: Some(true),
        ..TicketWrite::default()
    };
    harness.client.post_tickets(&[ticket]).await.unwrap();
    let sent = harness.only_sent();
    assert_eq!(sent.query_value("returnall"), Some("true"));
    assert_eq!(
        sent.headers["content-type"],
        "application/json; charset=utf-8"
    );
    assert_eq!(
        String::from_utf8(sent.body.to_vec()).unwrap(),
        r#"[{"tickettype_id":5,"client_id":17,"summary":"[LG-991] Disk full","#.to_owned()
            + r#""customfields":[{"id":164,"value":"991"}],"_novalidate":true}]"#
    );
}

#[tokio::test]
async fn a_write_is_answered_by_an_object_or_a_list() {
    let harness = Harness::answering(&[
        r#"{"id":1,"_warning":"template not applied"}"#,
        r#"[{"id":"1"}]"#,
        r#"[{"id":1},{"id":2}]"#,
    ]);
    for expected in [1, 1, 2] {
        let written = harness
            .client
            .post_tickets(&[TicketWrite::default()])
            .await
            .unwrap();
        assert_eq!(written.len(), expected);
    }
}

#[tokio::test]
async fn writing_nothing_sends_nothing() {
    let harness = Harness::new();
    assert!(harness.client.post_tickets(&[]).await.unwrap().is_empty());
    assert!(harness.client.post_actions(&[]).await.unwrap().is_empty());
    harness.assert_all_settled();
    assert!(harness.sent().is_empty() && harness.tokens().is_empty());
}

#[tokio::test]
async fn an_action_always_says_who_sees_it_and_whether_it_is_mailed() {
    let harness = Harness::answering(&[r#"[{"id":1},{"id":2}]"#]);
    let ticket = TicketId::new(4242);
    let by_id = ActionOutcome::Id(OutcomeId::new(7));
    let by_name = ActionOutcome::Name("Note".into());
    let actions = [
        ActionWrite::internal(ticket, by_id, "<p>a</p>".into()),
        ActionWrite {
            hiddenfromuser: false,
            new_status: Some(StatusId::new(9)),
            ..ActionWrite::internal(ticket, by_name, "<p>b</p>".into())
        },
    ];
    harness.client.post_actions(&actions).await.unwrap();
    assert_eq!(
        harness.only_sent().json(),
        json!([
            { "ticket_id": 4242, "outcome_id": 7, "note": "a", "note_html": "<p>a</p>",
              "hiddenfromuser": true, "sendemail": false },
            { "ticket_id": 4242, "outcome": "Note", "note": "b", "note_html": "<p>b</p>",
              "hiddenfromuser": false, "sendemail": false, "new_status": 9 }
        ])
    );
}

#[tokio::test]
async fn settings_are_read_as_an_object_or_a_list_of_one() {
    let harness = Harness::answering(&[
        r#"{"app_version":"2.220","mustassigntoclose":true,"nextfaultidcalculationmethod":0}"#,
        r#"[{"mustassigntoclose":"true","nextfaultidcalculationmethod":"0"}]"#,
    ]);
    for _ in 0..2 {
        let control: Control = harness.client.control().await.unwrap();
        assert_eq!(control.mustassigntoclose, Some(true));
    }
}

#[tokio::test]
async fn the_addresses_of_a_tenant_are_read_without_a_token() {
    let harness = Harness::answering(&[
        r#"{"auth_url":"https://acme.halopsa.com/auth","tenant_id":"acme","x":1}"#,
    ]);
    let info = harness.client.authinfo().await.unwrap();
    assert_eq!(info.tenant_id.as_deref(), Some("acme"));
    assert_eq!(harness.only_sent().bearer(), None);
    harness.assert_all_settled();
}

#[test]
fn a_webhook_is_written_with_its_secret_and_printed_without() {
    let read = json!({ "id": "0b9c", "url": "https://example.net/webhooks/halopsa/planted-token" });
    let read: WebhookDetail = from_value(read).unwrap();
    let webhook = read.with(&[("basic_password", "planted-key".into())]);
    let written = serde_json::to_value(&webhook).unwrap();
    assert_eq!(
        (&written["id"], &written["basic_password"]),
        (&json!("0b9c"), &json!("planted-key"))
    );
    let read: WebhookRow =
        from_value(json!({ "id": "0b9c", "url": "https://example.net/planted-token" })).unwrap();
    assert!(!format!("{webhook:?} {read:?}").contains("planted"));
}

#[test]
fn a_notification_binds_one_event_without_conditions() {
    let row = NotificationWrite::of_event("0b9c".into(), 76, "Status changed".into());
    assert_eq!(
        serde_json::to_value(&row).unwrap(),
        json!({
            "webhook_id": "0b9c", "name": "Status changed", "eventno": 76, "type": -2,
            "delivery_method": 6, "agent_id": 0, "slack_id": 0, "teams_id": 0, "filter_type": 2,
            "restriction_type": 0, "interval": 0, "useworkinghours": 0, "emailtemplate_id": 32,
            "conditions": []
        })
    );
}

#[test]
fn calls_can_be_awaited_on_any_thread() {
    fn on_any_thread<F: Future + Send>(_: F) {}
    let harness = Harness::new();
    on_any_thread(harness.client.tickets(&Default::default()));
    on_any_thread(harness.client.post_tickets(&[]));
    on_any_thread(harness.client.notifications("0b9c"));
}
