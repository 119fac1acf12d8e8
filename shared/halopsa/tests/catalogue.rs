//! What the tenant offers, as a config is checked against it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use halogard_app::ports::{
    ClientInfo, ErrorCode, FieldKind, MainSite, MandatoryField, Named, OwnAgent, PriorityInfo,
    Refusal, ServiceDeskCatalog, SiteInfo, StatusInfo, TeamInfo, TechnicianInfo, TicketTypeInfo,
};
use halogard_domain::ids::{
    EnvironmentId, HaloClientId, OutcomeId, PriorityId, SiteId, StatusId, TechnicianId,
    TicketTypeId,
};
use serde_json::{Value, json};
use support::{Harness, answer};

fn answering(body: &Value) -> Harness {
    Harness::answering(&[&body.to_string()])
}

fn named<Id>(id: Id, name: &str, active: bool) -> Named<Id> {
    Named {
        id,
        name: name.into(),
        active,
    }
}

#[tokio::test]
async fn each_priority_comes_with_its_sla_and_whether_it_is_shown() {
    let body = json!([
        {"id": "6f0a-1", "priorityid": 3, "slaid": 1, "name": "Medium"},
        {"id": "6f0a-2", "priorityid": 1, "slaid": 1, "name": "Critical", "ishidden": false},
        {"id": "6f0a-3", "priorityid": 1, "slaid": 2, "name": "Critical"},
        {"id": "6f0a-4", "priorityid": 9, "slaid": 1, "name": "Retired", "ishidden": true},
        // Hidden under one agreement, shown under another.
        {"id": "6f0a-5", "priorityid": 4, "slaid": 1, "name": "Low", "ishidden": true},
        {"id": "6f0a-6", "priorityid": 4, "slaid": 2, "name": "Low", "ishidden": false}
    ]);
    let harness = answering(&body);
    let priority = |id, name: &str, sla, shown| PriorityInfo {
        id: PriorityId::new(id),
        name: name.to_owned(),
        sla: Some(sla),
        shown,
    };
    assert_eq!(
        harness.desk().priorities().await.unwrap(),
        [
            priority(3, "Medium", 1, true),
            priority(1, "Critical", 1, true),
            priority(1, "Critical", 2, true),
            priority(9, "Retired", 1, false),
            priority(4, "Low", 1, false),
            priority(4, "Low", 2, true)
        ]
    );
    harness.assert_all_settled();
}

#[tokio::test]
async fn a_new_ticket_must_carry_custom_fields_that_say_so_themselves() {
    let field = |info: Value, conditions: Value| {
        json!({"fieldid": 500, "fieldname": "On the form", "fieldinfo": info,
               "visibility_conditions": conditions})
    };
    let body = json!({"id": 5, "name": "Alert", "fields": [
        field(json!({"id": 101, "name": "CFimpact", "label": "Impact", "mandatory": true}), json!([])),
        field(json!({"id": 102, "name": "CFcause", "mandatory": true}), json!(null)),
        field(json!({"name": "CFowner", "label": "Owner", "mandatory": true}), json!([])),
        field(json!({"id": 104, "name": "CFoptional", "mandatory": false}), json!([])),
        field(json!({"id": 105, "name": "CFsometimes", "mandatory": true}), json!([{"field": 1}])),
        field(json!({"id": 106, "name": "CFsilent"}), json!([])),
        // The desk's own fields are left to its own sentence.
        field(json!({"id": 8, "name": "category_1", "label": "Category", "mandatory": true}), json!([])),
        field(json!({"id": 9, "label": "Nameless", "mandatory": true}), json!([])),
        {"fieldid": 107, "fieldname": "No more is message", "technew": 2},
        {"fieldname": "Summary", "fieldinfo": {"id": -1, "name": "CFx", "mandatory": true}}
    ]});
    let harness = answering(&body);
    let info = harness
        .desk()
        .ticket_type(TicketTypeId::new(5))
        .await
        .unwrap();
    let field = |id, name: &str| MandatoryField {
        id,
        name: name.into(),
    };
    assert_eq!(
        info,
        Some(TicketTypeInfo {
            name: "Alert".into(),
            mandatory: vec![
                field(101, "Impact"),
                field(102, "CFcause"),
                field(500, "Owner")
            ],
            sla: None,
        })
    );
    assert_eq!(harness.only_sent().path, "/api/TicketType/5");
}

#[tokio::test]
async fn a_ticket_type_that_is_not_there_is_none() {
    for (status, body) in [(404, "\"Record not found\""), (400, "\"Record not found\"")] {
        let harness = Harness::new();
        harness.next(Ok(answer(status, body)));
        assert_eq!(
            harness
                .desk()
                .ticket_type(TicketTypeId::new(5))
                .await
                .unwrap(),
            None
        );
    }
    let harness = Harness::new();
    harness.next(Ok(answer(403, "")));
    let error = harness
        .desk()
        .ticket_type(TicketTypeId::new(5))
        .await
        .unwrap_err();
    assert_eq!(
        error.refusal,
        Some(Refusal::Forbidden),
        "not to be allowed to look is not to know"
    );
}

#[tokio::test]
async fn whether_tickets_must_be_assigned_is_unknown_without_permission() {
    let rows = [
        (200, r#"{"mustassigntoclose": true}"#, Some(true)),
        (200, r#"[{"mustassigntoclose": false}]"#, Some(false)),
        (200, "{}", None),
        (403, "", None),
        (403, "\"You do not have access\"", None),
    ];
    for (status, body, expected) in rows {
        let harness = Harness::new();
        harness.next(Ok(answer(status, body)));
        let settings = harness.desk().tenant_settings().await.unwrap();
        assert_eq!(
            settings.and_then(|settings| settings.must_assign_to_close),
            expected,
            "{status} {body}"
        );
    }
    for status in [401, 404, 500] {
        let harness = Harness::new();
        harness.next(Ok(answer(status, "")));
        harness.next(Ok(answer(status, "")));
        harness
            .desk()
            .tenant_settings()
            .await
            .expect_err("it is not an answer");
    }
}

#[tokio::test]
async fn the_identity_check_uses_a_fresh_token() {
    let harness = Harness::answering(&[
        r#"{"id": 40, "name": "Halogard", "departments": [{"department_id": 3}, {"department_id": null}]}"#,
        r#"{"id": 40, "isdisabled": true}"#,
    ]);
    let desk = harness.desk();
    let me = |name: &str, active, departments: &[i64]| OwnAgent {
        id: TechnicianId::new(40),
        name: name.to_owned(),
        active,
        is_api_only: None,
        is_administrator: None,
        teams: Vec::new(),
        departments: departments.iter().copied().collect(),
        ticket_types: Vec::new(),
    };
    assert_eq!(desk.identity().await.unwrap(), me("Halogard", true, &[3]));
    assert_eq!(desk.identity().await.unwrap(), me("40", false, &[]));
    assert_eq!(
        harness.tokens().len(),
        2,
        "a secret that no longer holds shows now"
    );
    harness.assert_all_settled();

    harness.next_token(Ok(answer(401, r#"{"error":"invalid_client"}"#)));
    let error = desk.identity().await.unwrap_err();
    assert_eq!(
        (error.code, error.refusal),
        (ErrorCode::HalopsaCredential, Some(Refusal::Unauthorised))
    );
}

#[tokio::test]
async fn records_without_a_name_are_called_by_their_number() {
    let harness = answering(&json!([{"id": 1, "name": "New"}, {"id": 9}]));
    harness.next(Ok(answer(200, r#"[{"id": 1}]"#)));
    let status = |id, name: &str, is_closed| StatusInfo {
        id: StatusId::new(id),
        name: name.to_owned(),
        is_closed,
    };
    assert_eq!(
        harness.desk().statuses().await.unwrap(),
        [status(1, "New", Some(false)), status(9, "9", Some(true))]
    );
}

#[tokio::test]
async fn which_statuses_are_closed_is_unknown_where_both_lists_are_the_same() {
    let both = json!([{"id": 1, "name": "New"}, {"id": 9, "name": "Closed"}]);
    for second in [answer(200, &both.to_string()), answer(403, "")] {
        let harness = answering(&both);
        harness.next(Ok(second));
        let statuses = harness.desk().statuses().await.unwrap();
        assert!(statuses.iter().all(|status| status.is_closed.is_none()));
    }
}

#[tokio::test]
async fn what_is_retired_is_listed_as_such() {
    let technician = |id, name: &str, active| TechnicianInfo {
        id: TechnicianId::new(id),
        name: name.to_owned(),
        active,
        is_api_only: false,
        team: None,
    };
    let team = |name: &str, active| TeamInfo {
        name: name.to_owned(),
        active,
        takes_tickets: true,
        department: None,
    };
    let harness = answering(
        &json!([{"id": 5, "name": "Alert", "cancreate": true}, {"id": 6, "name": "Old", "cancreate": false}]),
    );
    assert_eq!(
        harness.desk().ticket_types().await.unwrap(),
        [
            named(TicketTypeId::new(5), "Alert", true),
            named(TicketTypeId::new(6), "Old", false)
        ]
    );
    let harness = answering(
        &json!([{"id": 12, "name": "Dana Ito"}, {"id": 13, "name": "Left", "isdisabled": true}]),
    );
    assert_eq!(
        harness.desk().technicians().await.unwrap(),
        [
            technician(12, "Dana Ito", true),
            technician(13, "Left", false)
        ]
    );
    let harness = answering(
        &json!([{"id": 2, "name": "Service Desk"}, {"id": 3, "name": "Gone", "inactive": true}, {"id": 4}]),
    );
    assert_eq!(
        harness.desk().teams().await.unwrap(),
        [team("Service Desk", true), team("Gone", false)],
        "tickets name teams by name"
    );
    let harness = answering(
        &json!([{"id": 7, "outcome": "Internal Note"}, {"id": -3, "outcome": "System"}, {"id": 8, "outcome": "Old", "hidden": true}]),
    );
    assert_eq!(
        harness.desk().outcomes().await.unwrap(),
        [
            named(OutcomeId::new(7), "Internal Note", true),
            named(OutcomeId::new(8), "Old", false)
        ]
    );
}

#[tokio::test]
async fn clients_and_sites_are_listed_with_the_inactive_ones() {
    let clients = json!({"record_count": 3, "clients": [{"id": 17, "name": "Northwind Dental", "liongardid": 8801, "main_site_id": 21.0}, {"id": 18, "name": "Old Mill", "inactive": true, "liongardid": 0, "main_site_id": -1}, {"id": 19, "name": "Plain"}]});
    let client = |id, name: &str, active, stored: Option<u64>, main| ClientInfo {
        id: HaloClientId::new(id),
        name: name.to_owned(),
        active,
        stored_environment: stored.map(EnvironmentId::new),
        main_site: main,
    };
    let harness = answering(&clients);
    assert_eq!(
        harness.desk().clients().await.unwrap(),
        [
            client(
                17,
                "Northwind Dental",
                true,
                Some(8801),
                MainSite::Site(SiteId::new(21))
            ),
            client(18, "Old Mill", false, None, MainSite::Absent),
            client(19, "Plain", true, None, MainSite::Unknown)
        ]
    );
    assert_eq!(
        harness.only_sent().query_value("includeinactive"),
        Some("true")
    );
    let sites =
        json!({"record_count": 1, "sites": [{"id": 31, "name": "Main", "client_id": 17.0}]});
    let harness = answering(&sites);
    assert_eq!(
        harness
            .desk()
            .sites(Some(HaloClientId::new(17)))
            .await
            .unwrap(),
        [SiteInfo {
            id: SiteId::new(31),
            name: "Main".to_owned(),
            client: Some(HaloClientId::new(17)),
            active: true,
        }]
    );
    assert_eq!(harness.only_sent().query_value("client_id"), Some("17"));
    let harness = answering(&sites);
    assert_eq!(harness.desk().sites(None).await.unwrap().len(), 1);
    assert_eq!(harness.only_sent().query_value("client_id"), None);
}

#[tokio::test]
async fn applications_are_listed_with_the_agent_they_act_as_and_without_secrets() {
    let rows = json!([
        {"id": "1", "clientId": "another", "displayName": "Reports", "loginas_agent_id": 3,
         "clientSecret": "planted", "scopes": [{"id": 1, "name": "all"}], "inactive": false},
        {"id": "2", "displayName": "Old", "loginas_agent_id": 0, "inactive": true},
    ]);
    let harness = answering(&rows);
    let found = harness.desk().applications().await.unwrap().unwrap();
    assert!(!format!("{found:?}").contains("planted"));
    let shown: Vec<_> = found
        .iter()
        .map(|it| {
            (
                it.name.as_str(),
                it.is_own,
                it.agent,
                it.active,
                it.scopes.len(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("Reports", false, Some(TechnicianId::new(3)), true, 1),
            ("Old", false, None, false, 0)
        ]
    );
}

#[tokio::test]
async fn fields_and_categories_are_listed_with_what_they_take() {
    let harness = answering(&json!([
        {"id": 165, "name": "CFarea", "label": "Area", "type": 2, "values": [{"id": 1, "name": "Network"}]},
        {"id": 166, "name": "CForder", "type": 0, "characterlimit": 20},
        {"id": -5, "name": "system"}
    ]));
    let fields = harness.desk().fields().await.unwrap();
    let seen: Vec<_> = fields
        .iter()
        .map(|it| {
            (
                it.id.get(),
                it.name.as_str(),
                it.kind,
                it.characters_max,
                it.options.len(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (165, "Area", Some(FieldKind::Select), None, 1),
            (166, "CForder", Some(FieldKind::Text), Some(20), 0)
        ]
    );
    assert_eq!(
        harness.only_sent().query_value("includevalues"),
        Some("true")
    );
    let harness = answering(&json!([{"id": 1, "value": "Security>Change"}, {"id": 2}]));
    assert_eq!(
        harness.desk().categories().await.unwrap(),
        ["Security>Change"]
    );
}
