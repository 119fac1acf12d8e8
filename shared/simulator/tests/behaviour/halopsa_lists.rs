//! Lists, filters, forms.

use std::time::Duration;

use serde_json::json;

use crate::caller::{HaloHarness, new_ticket};

/// Ids of a list, in order.
async fn ids(tenant: &HaloHarness, query: &str) -> Vec<i64> {
    let list = tenant.get(&format!("/Tickets?{query}")).await.json();
    list["tickets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn filters_narrow_the_list_and_unknown_ones_are_ignored() {
    let tenant = HaloHarness::stock().await;
    let (one, two) = (
        tenant.create("[LG-991] disk").await,
        tenant.create("other").await,
    );
    let mut elsewhere = new_ticket("elsewhere");
    (elsewhere["client_id"], elsewhere["tickettype_id"]) = (json!(18), json!(6));
    let three = tenant.post("/Tickets", &json!([elsewhere])).await.json()["id"]
        .as_i64()
        .unwrap();
    tenant.halo.close_ticket(two, 12).unwrap();
    assert_eq!(ids(&tenant, "search_summary=lg-991&order=id").await, [one]);
    assert_eq!(ids(&tenant, "client_id=18").await, [three]);
    assert_eq!(ids(&tenant, "requesttype_id=5&order=id").await, [one, two]);
    assert_eq!(ids(&tenant, "open_only=true&order=id").await, [one, three]);
    assert_eq!(ids(&tenant, "closed_only=true").await, [two]);
    assert_eq!(
        ids(&tenant, &format!("ticketids={one},{three}&order=id")).await,
        [one, three]
    );
    assert_eq!(
        ids(&tenant, "count=1&order=id&orderdesc=true").await,
        [three]
    );
    assert_eq!(
        ids(&tenant, "clientid=18&order=id").await,
        [one, two, three]
    );
}

#[tokio::test]
async fn closed_tickets_may_need_a_parameter() {
    let tenant = HaloHarness::with(|settings| settings.lists_hold_closed = false).await;
    let id = tenant.create("a").await;
    tenant.halo.close_ticket(id, 12).unwrap();
    assert!(ids(&tenant, "order=id").await.is_empty());
    assert_eq!(ids(&tenant, "includeclosed=true").await, [id]);
}

#[tokio::test]
async fn a_list_can_be_filtered_by_time_of_change() {
    let tenant = HaloHarness::stock().await;
    let one = tenant.create("a").await;
    tenant.clock.advance(Duration::from_secs(60));
    let two = tenant.create("b").await;
    let since = "2026-01-05T08:01:00.500Z";
    assert_eq!(
        ids(&tenant, &format!("lastupdatefromdate={since}")).await,
        [two]
    );
    assert_eq!(
        ids(&tenant, &format!("datesearch=dateoccured&enddate={since}")).await,
        [one]
    );
}

#[tokio::test]
async fn pages_are_cut_at_the_largest_size_or_not() {
    let tenant = HaloHarness::stock().await;
    let many: Vec<_> = (0..120)
        .map(|number| new_ticket(&format!("t{number}")))
        .collect();
    tenant.post("/Tickets", &json!(many)).await;
    let page = tenant
        .get("/Tickets?pageinate=true&page_size=500&page_no=2&order=id")
        .await
        .json();
    assert_eq!(
        (&page["record_count"], &page["page_size"]),
        (&json!(120), &json!(100))
    );
    assert_eq!(page["tickets"].as_array().unwrap().len(), 20);
    tenant
        .halo
        .change_settings(|settings| settings.page_size_max = None);
    assert_eq!(
        ids(&tenant, "pageinate=true&page_size=500").await.len(),
        120
    );
    assert_eq!(ids(&tenant, "order=id").await.len(), 120);
}

#[tokio::test]
async fn an_empty_list_may_be_null() {
    let tenant = HaloHarness::with(|settings| settings.empty_list_is_null = true).await;
    assert_eq!(tenant.get("/Tickets").await.json()["tickets"], json!(null));
}

#[tokio::test]
async fn dates_have_no_zone_and_ids_may_be_floating() {
    let tenant = HaloHarness::with(|settings| settings.float_ids_every = 2).await;
    tenant.create("a").await;
    tenant.create("b").await;
    let answer = tenant.get("/Tickets?order=id").await;
    assert!(answer.text().contains("\"id\":4002.0"), "{}", answer.text());
    let row = &answer.json()["tickets"][0];
    assert!(
        row["last_update"]
            .as_str()
            .unwrap()
            .starts_with("2026-01-05T08:00:41")
    );
    assert!(!row["last_update"].as_str().unwrap().ends_with('Z'));
    assert_eq!(row["dateclosed"], "1900-01-01T00:00:00");
}

#[tokio::test]
async fn rows_carry_custom_fields_only_on_request() {
    let tenant = HaloHarness::stock().await;
    let mut ticket = new_ticket("a");
    ticket["customfields"] = json!([{ "id": 164, "value": "LG-1" }]);
    tenant.post("/Tickets", &json!([ticket])).await;
    assert!(
        tenant.get("/Tickets").await.json()["tickets"][0]
            .get("customfields")
            .is_none()
    );
    let asked = tenant
        .get("/Tickets?include_custom_fields=164")
        .await
        .json();
    assert_eq!(asked["tickets"][0]["customfields"][0]["value"], "LG-1");
}

#[tokio::test]
async fn some_lists_are_bare_and_some_are_wrapped() {
    let tenant = HaloHarness::stock().await;
    for bare in [
        "/Status",
        "/Priority",
        "/TicketType",
        "/Outcome",
        "/Team",
        "/Agent",
        "/Webhook",
        "/Notification",
        "/FieldInfo",
        "/Lookup?lookupid=64",
    ] {
        assert!(tenant.get(bare).await.json().is_array(), "{bare}");
    }
    for (wrapped, name) in [
        ("/Client", "clients"),
        ("/Site", "sites"),
        ("/Users", "users"),
    ] {
        assert!(
            tenant.get(wrapped).await.json()[name].is_array(),
            "{wrapped}"
        );
    }
    let site = tenant.get("/Site?client_id=17").await;
    assert!(site.text().contains("\"client_id\":17.0"));
}

#[tokio::test]
async fn a_priority_is_a_row_per_agreement_whose_id_is_not_its_number() {
    let rows = HaloHarness::stock().await.get("/Priority").await.json();
    let critical: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["priorityid"] == 1)
        .collect();
    assert_eq!(critical.len(), 2);
    assert!(critical[0]["id"].as_str().unwrap().len() == 36);
}

#[tokio::test]
async fn the_application_learns_which_agent_it_is() {
    let me = HaloHarness::stock().await.get("/Agent/me").await.json();
    assert_eq!(
        (&me["id"], &me["isapiagent"], &me["isdisabled"]),
        (&json!(3), &json!(true), &json!(false))
    );
    assert_eq!(me["teams"][0]["team_name"], "Service Desk");
}
