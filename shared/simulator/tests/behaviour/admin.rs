//! The admin API.

use axum::Router;
use axum::body::Body;
use halogard_simulator::{Dialect, admin_router};
use http::Request;
use serde_json::{Value, json};

use crate::caller::{HaloHarness, LiongardHarness, Reply, send};

/// Both vendors and their admin API.
async fn admin_api() -> (HaloHarness, LiongardHarness, Router) {
    let tenant = HaloHarness::stock().await;
    let instance = LiongardHarness::by(tenant.clock.clone(), |_| {});
    let router = admin_router(
        tenant.halo.clone(),
        instance.liongard.clone(),
        Dialect::reference(),
    );
    (tenant, instance, router)
}

/// Sends a request to the admin API.
async fn ask(router: &Router, method: &str, path: &str, body: &Value) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::from(body.to_string()));
    send(router, request.unwrap()).await
}

#[tokio::test]
async fn an_alert_is_raised_updated_and_closed() {
    let (_tenant, instance, router) = admin_api().await;
    let spec = json!({ "environment": 8801, "inspector": "active-directory-inspector", "rule": "Disk Full" });
    let raised = ask(&router, "POST", "/admin/alerts", &spec).await;
    assert_eq!(raised.status, 201);
    let id = raised.json()["id"].as_i64().unwrap();
    ask(
        &router,
        "POST",
        &format!("/admin/alerts/{id}/update"),
        &json!({ "priority": "Low" }),
    )
    .await;
    let closed = ask(
        &router,
        "POST",
        &format!("/admin/alerts/{id}/close"),
        &json!({}),
    )
    .await
    .json();
    assert_eq!(
        (&closed["closed"], &closed["priority"]),
        (&json!(true), &json!("Low"))
    );
    assert_eq!(
        ask(&router, "GET", "/admin/alerts", &json!({}))
            .await
            .json()[0]["id"],
        id
    );
    assert_eq!(instance.liongard.stats().traffic.requests, 0);
}

#[tokio::test]
async fn an_invalid_body_is_refused_with_the_name_of_the_member() {
    let (_tenant, _instance, router) = admin_api().await;
    let cases = [
        (json!({ "inspector": "x", "rule": "y" }), "environment"),
        (
            json!({ "environment": "x", "inspector": "x", "rule": "y" }),
            "environment",
        ),
        (
            json!({ "environment": 8801, "inspector": "x", "rule": "y" }),
            "inspector",
        ),
        (
            json!({ "environment": 8801, "inspector": "x", "rule": "y", "colour": 1 }),
            "colour",
        ),
    ];
    for (body, field) in cases {
        let answer = ask(&router, "POST", "/admin/alerts", &body).await;
        assert_eq!(
            (answer.status, answer.json()["field"].clone()),
            (400, json!(field)),
            "{}",
            answer.text()
        );
    }
    assert_eq!(
        ask(&router, "POST", "/admin/alerts/1/close", &json!({}))
            .await
            .status,
        404
    );
    assert_eq!(
        ask(&router, "POST", "/admin/alerts/1/juggle", &json!({}))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_technician_can_do_every_action_on_a_ticket() {
    let (tenant, _instance, router) = admin_api().await;
    let (one, other) = (tenant.create("a").await, tenant.create("b").await);
    let act = |action: &str, body: Value| {
        let (router, path) = (router.clone(), format!("/admin/tickets/{one}/{action}"));
        async move { ask(&router, "POST", &path, &body).await }
    };
    assert_eq!(
        act("assign", json!({ "agent_id": 13 })).await.json()["agent_id"],
        13
    );
    assert_eq!(
        act("status", json!({ "status_id": 3 })).await.json()["status_id"],
        3
    );
    assert_eq!(
        act("status", json!({ "status_id": 77 })).await.json()["field"],
        "status_id"
    );
    assert_eq!(
        act("rename", json!({ "summary": "c" })).await.json()["summary"],
        "c"
    );
    assert_eq!(
        act("note", json!({ "note": "n" })).await.json()["actions"][2]["note"],
        "n"
    );
    assert_eq!(act("close", json!({})).await.json()["closed"], true);
    assert_eq!(act("reopen", json!({})).await.json()["closed"], false);
    assert_eq!(
        act("merge", json!({ "into": other })).await.json()["merged_into_id"],
        other
    );
    assert_eq!(act("delete", json!({})).await.json()["deleted"], true);
    assert_eq!(act("close", json!({})).await.status, 404);
}

#[tokio::test]
async fn a_technician_logs_a_ticket() {
    let (tenant, _instance, router) = admin_api().await;
    let body = json!({ "client_id": 17, "tickettype_id": 6, "summary": "printer" });
    let id = ask(&router, "POST", "/admin/tickets", &body).await.json()["id"]
        .as_i64()
        .unwrap();
    let ticket = tenant.halo.ticket(id).unwrap();
    assert_eq!(
        (ticket.summary.as_str(), ticket.created_by.as_str()),
        ("printer", "")
    );
    let nowhere = json!({ "client_id": 1, "tickettype_id": 6, "summary": "printer" });
    assert_eq!(
        ask(&router, "POST", "/admin/tickets", &nowhere)
            .await
            .status,
        409
    );
}

#[tokio::test]
async fn faults_are_injected_and_removed() {
    let (tenant, _instance, router) = admin_api().await;
    let plan = json!({
        "vendor": "halopsa",
        "next": [{ "route": "GET /Status", "fault": { "kind": "status429", "retry_after": "9" } }],
        "at": [{ "request": 3, "fault": { "kind": "status500" } }],
        "random": [{ "fault": { "kind": "empty403" }, "probability": 1.0 }],
    });
    let answer = ask(&router, "POST", "/admin/faults", &plan).await;
    assert_eq!(
        (answer.status, answer.json()["pending"].clone()),
        (200, json!(2)),
        "{}",
        answer.text()
    );
    assert_eq!(tenant.get("/Status").await.headers["retry-after"], "9");
    assert_eq!(tenant.get("/Status").await.status, 500);
    assert_eq!(tenant.get("/Status").await.status, 403);
    ask(&router, "DELETE", "/admin/faults", &json!({})).await;
    assert_eq!(tenant.get("/Status").await.status, 200);
    let bad = ask(
        &router,
        "POST",
        "/admin/faults",
        &json!({ "vendor": "halo" }),
    )
    .await;
    assert_eq!(
        (bad.status, bad.json()["field"].clone()),
        (400, json!("vendor"))
    );
}

#[tokio::test]
async fn a_webhook_is_registered_with_every_event_bound() {
    let (tenant, _instance, router) = admin_api().await;
    let body = json!({ "url": "http://127.0.0.1:1/", "auth": { "kind": "hmac", "header": "X", "secret": "s" }, "payload": "event_only" });
    assert_eq!(
        ask(&router, "POST", "/admin/webhooks", &body).await.status,
        201
    );
    tenant.create("a").await;
    assert!(tenant.halo.next_delivery_due().is_some());
    assert_eq!(
        ask(&router, "GET", "/admin/deliveries", &json!({}))
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn the_statistics_count_writes_by_author() {
    let (tenant, _instance, router) = admin_api().await;
    let id = tenant.create("a").await;
    tenant.halo.add_note(id, 12, "n").unwrap();
    let stats = ask(&router, "GET", "/admin/stats", &json!({})).await.json();
    let halo = &stats["halopsa"];
    assert_eq!(
        (
            &halo["requests"],
            &halo["tickets"],
            &halo["by_route"]["POST /Tickets"]
        ),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(halo["notes"][id.to_string()], 1);
    assert_eq!(
        halo["writes"]["8d3f6a52-halogard-sync"]["ticket created"],
        1
    );
    assert_eq!(halo["writes"]["agent 12"]["action"], 1);
    assert_eq!(halo["creates"].as_array().unwrap().len(), 1);
}
