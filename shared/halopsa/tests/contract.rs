//! Every request against the names the vendor's OpenAPI description knows.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use halogard_contract::{Contract, Operation};
use halogard_domain::ids::{
    CustomFieldId, HaloClientId, OutcomeId, PriorityId, SiteId, StatusId, TeamId, TechnicianId,
    TicketId, TicketTypeId,
};
use halogard_halopsa::wire::{
    ActionOutcome, ActionWrite, CustomFieldWrite, NotificationWrite, TicketWrite, WebhookDetail,
};
use halogard_halopsa::{ClientQuery, TicketDetail, TicketQuery, TicketState, TicketTypeChoice};
use serde_json::{Value, json};
use support::{Harness, MORNING, SentRequest};

/// Query names we send, or may come to send, that the description does not know, each with the
/// reason.
const DEVIATIONS: [(&str, &str, &str, &str); 6] = [
    (
        "POST",
        "/Tickets",
        "returnall",
        "without it only the last of several results comes back",
    ),
    (
        "POST",
        "/Actions",
        "returnall",
        "without it only the last of several results comes back",
    ),
    (
        "GET",
        "/Tickets",
        "include_custom_fields",
        "a shipped product has rows carry fields so",
    ),
    (
        "GET",
        "/Tickets",
        "nocache",
        "answers are cached; documented for one ticket only",
    ),
    (
        "GET",
        "/Tickets",
        "third_party_id_string",
        "a filter of 2026 builds, not used until probed",
    ),
    (
        "POST",
        "/Tickets",
        "team_id",
        "two public clients write it, one of them daily; a live tenant passed over the name",
    ),
];

fn contract() -> Contract {
    Contract::read(include_str!("../contract/halopsa-operations.json"))
}

/// The operation that `sent` asks for.
fn operation_of<'a>(contract: &'a Contract, sent: &SentRequest) -> Option<&'a Operation> {
    let path = sent.path.strip_prefix("/api").expect("below /api");
    contract.operation_of(sent.method.as_str(), path)
}

/// What is wrong with `sent` by the contract, as sentences.
fn complaints(contract: &Contract, sent: &SentRequest) -> Vec<String> {
    let method = sent.method.as_str();
    let Some(operation) = operation_of(contract, sent) else {
        return vec![format!("{method} {} is unknown", sent.path)];
    };
    let template = operation.path.as_str();
    let allowed = |name: &str| {
        operation.query.contains(name)
            || DEVIATIONS
                .iter()
                .any(|(m, path, n, _)| (*m, *path, *n) == (method, template, name))
    };
    let mut complaints: Vec<String> = sent
        .query
        .iter()
        .filter(|(name, _)| !allowed(name))
        .map(|(name, _)| format!("{method} {template} knows no ?{name}"))
        .collect();
    if method == "POST" {
        let body = sent.json();
        for item in body.as_array().expect("every POST carries an array") {
            for (name, value) in item.as_object().expect("of objects") {
                if !operation.takes(name) && !allowed(name) {
                    complaints.push(format!("{method} {template} knows no member {name}"));
                }
                let inner = value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_object);
                for member in inner.flat_map(|object| object.keys()) {
                    let known = operation.nested.as_ref().and_then(|known| known.get(name));
                    if !known.is_some_and(|names| names.contains(member)) {
                        complaints.push(format!("{template} knows no {name}.{member}"));
                    }
                }
            }
        }
    }
    complaints
}

/// A ticket with every member set.
fn full_ticket() -> TicketWrite {
    TicketWrite {
        id: Some(TicketId::new(4242)),
        tickettype_id: Some(TicketTypeId::new(5)),
        client_id: Some(HaloClientId::new(17)),
        site_id: Some(SiteId::new(21)),
        summary: Some("[LG-991] Disk full".into()),
        details: Some("Disk full".into()),
        details_html: Some("<p>Disk full</p>".into()),
        status_id: Some(StatusId::new(1)),
        priority_id: Some(PriorityId::new(2)),
        team: Some("Service Desk".into()),
        team_id: Some(TeamId::new(1)),
        agent_id: Some(TechnicianId::new(12)),
        category_1: Some("Security>Change".into()),
        customfields: vec![CustomFieldWrite {
            id: CustomFieldId::new(164),
            value: json!("991"),
        }],
        closure_note: Some("closed in Liongard".into()),
        novalidate: Some(false),
        donotapplytemplateintheapi: Some(true),
        dont_do_rules: Some(true),
    }
}

/// A query with everything asked for.
fn full_query() -> TicketQuery {
    TicketQuery {
        client_id: Some(HaloClientId::new(17)),
        requesttype_id: Some(TicketTypeId::new(5)),
        status_id: Some(StatusId::new(1)),
        ticketids: vec![TicketId::new(1), TicketId::new(2)],
        lastupdatefromdate: Some(MORNING),
        lastupdatetodate: Some(MORNING),
        search_summary: Some("LG-991".into()),
        search_details: Some("Halogard LG-".to_owned()),
        include_custom_fields: Some(CustomFieldId::new(164)),
        state: TicketState::Any,
        newest_first: true,
        deleted: true,
        nocache: true,
        begins_work: true,
        pages_max: None,
    }
}

/// Calls every method of the client once and brings what was sent.
async fn everything_sent() -> Vec<SentRequest> {
    const NONE: &str = r#"{"record_count":0}"#;
    const ONE: &str = r#"{"id":1}"#;
    let harness = Harness::answering(&[
        "{}", "{}", NONE, NONE, NONE, ONE, ONE, NONE, ONE, "[]", "[]", "[]", "[]", ONE, "[]", "[]",
        ONE, NONE, ONE, NONE, "[]", "[]", "[]", "[]", "[]", "{}", "[]", ONE, ONE, "[]", ONE,
    ]);
    let client = &harness.client;
    let ticket = TicketId::new(4242);
    client.authinfo().await.unwrap();
    client.instance_info().await.unwrap();
    client.tickets(&full_query()).await.unwrap();
    client
        .tickets_page(
            &TicketQuery {
                state: TicketState::Open,
                ..TicketQuery::default()
            },
            2,
        )
        .await
        .unwrap();
    client
        .tickets(&TicketQuery {
            state: TicketState::Closed,
            ..TicketQuery::default()
        })
        .await
        .unwrap();
    client
        .ticket(
            ticket,
            TicketDetail {
                includedetails: true,
                nocache: true,
            },
        )
        .await
        .unwrap();
    client.post_tickets(&[full_ticket()]).await.unwrap();
    client.actions(ticket).await.unwrap();
    let by_id = ActionOutcome::Id(OutcomeId::new(7));
    let by_name = ActionOutcome::Name("Internal Note".into());
    let action = ActionWrite {
        new_status: Some(StatusId::new(2)),
        new_agent: Some(TechnicianId::new(12)),
        new_team: Some("Service Desk".into()),
        dont_do_rules: Some(true),
        ..ActionWrite::internal(ticket, by_id, "<p>note</p>".into())
    };
    let named = ActionWrite::internal(ticket, by_name, "<p>note</p>".into());
    client.post_actions(&[action, named]).await.unwrap();
    client.statuses(Some(TicketTypeId::new(5))).await.unwrap();
    client.priorities().await.unwrap();
    client.ticket_types(TicketTypeChoice::All).await.unwrap();
    client
        .ticket_types(TicketTypeChoice::Creatable)
        .await
        .unwrap();
    client.ticket_type(TicketTypeId::new(5)).await.unwrap();
    client.teams().await.unwrap();
    client.agents().await.unwrap();
    client.agent_me().await.unwrap();
    let customers = ClientQuery {
        search: Some("Contoso".into()),
        includeinactive: true,
        lastupdatefromdate: Some(MORNING),
    };
    client.clients(&customers).await.unwrap();
    client.client(HaloClientId::new(17)).await.unwrap();
    client.sites(Some(HaloClientId::new(17))).await.unwrap();
    client.applications().await.unwrap();
    client.outcomes(Some(TicketTypeId::new(5))).await.unwrap();
    client.open_statuses().await.unwrap();
    client.fields().await.unwrap();
    client.categories().await.unwrap();
    client.control().await.unwrap();
    client.webhooks().await.unwrap();
    client.webhook("0b9c").await.unwrap();
    let webhook = json!({"id": "0b9c", "name": "Halogard", "type": 0, "method": 0, "active": true,
        "url": "https://example.net/webhooks/halopsa/t", "content_type": "application/json",
        "authentication_type": 3, "basic_username": "halogard", "basic_password": "k",
        "authentication_header": "X-Halo-Signature", "algorithm": 0, "digest": 0,
        "signature_prefix": "", "events": [{"id": 11, "eventno": 76}]});
    let webhook: WebhookDetail = serde_json::from_value(webhook).unwrap();
    client.post_webhook(&webhook).await.unwrap();
    client.notifications("0b9c").await.unwrap();
    let row = NotificationWrite::of_event("0b9c".into(), 76, "Status changed".into());
    client.post_notification(&row).await.unwrap();
    harness.assert_all_settled();
    harness.sent()
}

#[tokio::test]
async fn every_request_uses_paths_parameters_and_members_the_vendor_knows() {
    let contract = contract();
    let sent = everything_sent().await;
    let complaints: Vec<String> = sent
        .iter()
        .flat_map(|sent| complaints(&contract, sent))
        .collect();
    assert_eq!(complaints, Vec::<String>::new());
}

#[tokio::test]
async fn every_operation_of_the_compact_list_is_used() {
    let contract = contract();
    let sent = everything_sent().await;
    let used: Vec<&Operation> = sent
        .iter()
        .filter_map(|sent| operation_of(&contract, sent))
        .collect();
    assert_eq!(contract.unused(&used), Vec::<String>::new());
}

#[tokio::test]
async fn a_misspelt_parameter_would_be_found() {
    let mut sent = everything_sent().await;
    let tickets = sent
        .iter_mut()
        .find(|sent| sent.path == "/api/Tickets")
        .unwrap();
    tickets.query.push(("paginate".into(), "true".into()));
    assert_eq!(
        complaints(&contract(), tickets),
        ["GET /Tickets knows no ?paginate"]
    );
}

#[test]
fn no_deviation_is_in_the_description_by_now() {
    for (method, path, name, reason) in DEVIATIONS {
        let contract = contract();
        let operation = contract.operation(method, path);
        let is_known =
            operation.query.contains(name) || (method == "POST" && operation.takes(name));
        assert!(!is_known, "{method} {path} {name}: {reason}");
    }
}

#[test]
fn the_compact_list_is_what_the_vendors_description_says() {
    contract().expect_derived_from(&["halopsa-openapi.json"]);
}
