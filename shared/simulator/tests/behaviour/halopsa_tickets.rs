//! Creates, updates, actions.

use std::time::Duration;

use halogard_simulator::halopsa::{
    ApplicationNames, ArrayFailure, AssignmentRule, SingleAnswer, TicketEdit,
};
use serde_json::{Value, json};

use crate::caller::{HaloHarness, new_ticket};

#[tokio::test]
async fn a_post_without_an_array_is_refused() {
    let answer = HaloHarness::stock()
        .await
        .post("/Tickets", &new_ticket("one"))
        .await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("requires a JSON array"));
}

#[tokio::test]
async fn a_summary_alone_is_enough_and_the_tenant_fills_in_the_rest() {
    let tenant = HaloHarness::stock().await;
    let ticket = tenant
        .post("/Tickets", &json!([{ "summary": "x" }]))
        .await
        .json();
    assert_eq!(
        (
            &ticket["tickettype_id"],
            &ticket["status_id"],
            &ticket["agent_id"]
        ),
        (&json!(6), &json!(1), &json!(1))
    );
}

#[tokio::test]
async fn only_the_last_of_several_comes_back_unless_all_are_asked_for() {
    let tenant = HaloHarness::stock().await;
    let two = json!([new_ticket("a"), new_ticket("b")]);
    assert_eq!(tenant.post("/Tickets", &two).await.json()["summary"], "b");
    let all = tenant.post("/Tickets?returnall=true", &two).await.json();
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(tenant.halo.stats().tickets, 4);
}

#[tokio::test]
async fn form_and_status_of_a_write_can_be_switched() {
    let tenant = HaloHarness::with(|settings| {
        settings.single_answer = SingleAnswer::ArrayOfOne;
        settings.write_status = 200;
    })
    .await;
    let answer = tenant.post("/Tickets", &json!([new_ticket("a")])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()[0]["summary"], "a");
}

#[tokio::test]
async fn whole_numbers_may_be_text_but_never_have_a_point() {
    let tenant = HaloHarness::stock().await;
    let mut ticket = new_ticket("a");
    ticket["client_id"] = json!("18");
    assert_eq!(
        tenant.post("/Tickets", &json!([ticket])).await.json()["client_id"],
        18
    );
    for bad in [json!(18.0), json!("18.0"), json!("eighteen")] {
        ticket["client_id"] = bad;
        let answer = tenant.post("/Tickets", &json!([ticket])).await;
        assert_eq!(answer.status, 400);
        assert!(
            answer.json().get("[0].client_id").is_some(),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_create_fails_while_one_is_in_flight() {
    let tenant =
        HaloHarness::with(|settings| settings.create_takes = Duration::from_millis(300)).await;
    let body = json!([new_ticket("a")]);
    let (first, second) = tokio::join!(
        tenant.post("/Tickets", &body),
        tenant.post("/Tickets", &body)
    );
    assert_eq!((first.status, second.status), (201, 400));
    assert_eq!(second.json()["ClassName"], "System.Exception");
    assert_eq!(tenant.post("/Tickets", &body).await.status, 201);
    assert_eq!(tenant.halo.stats().tickets, 2);
}

#[tokio::test]
async fn an_auto_incrementing_tenant_takes_creates_in_parallel() {
    let tenant = HaloHarness::with(|settings| settings.parallel_creates_fail = false).await;
    let body = json!([new_ticket("a")]);
    let (first, second) = tokio::join!(
        tenant.post("/Tickets", &body),
        tenant.post("/Tickets", &body)
    );
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(
        tenant.get("/Control").await.json()["nextfaultidcalculationmethod"],
        1
    );
}

#[tokio::test]
async fn a_missing_mandatory_field_is_named_unless_validation_is_skipped() {
    let tenant = HaloHarness::with(|settings| {
        for kind in &mut settings.world.service_desk.ticket_types {
            kind.mandatory_fields.push("CFImpactArea".to_owned());
        }
    })
    .await;
    let mut ticket = new_ticket("a");
    let answer = tenant.post("/Tickets", &json!([ticket])).await;
    assert_eq!(answer.status, 400);
    assert!(answer.json().as_str().unwrap().contains("CFImpactArea"));
    ticket["customfields"] = json!([{ "id": 165, "value": 2 }]);
    assert_eq!(tenant.post("/Tickets", &json!([ticket])).await.status, 201);
    let mut skipping = new_ticket("b");
    skipping["_novalidate"] = json!(true);
    assert_eq!(
        tenant.post("/Tickets", &json!([skipping])).await.status,
        201
    );
    let fields = tenant.get("/TicketType/5?includedetails=true").await.json();
    let field = fields["fields"]
        .as_array()
        .unwrap()
        .iter()
        .find(|field| field["fieldid"] == 165)
        .unwrap()
        .clone();
    assert_eq!(field["fieldinfo"]["mandatory"], true);
}

#[tokio::test]
async fn a_refused_item_leaves_nothing_or_the_earlier_ones() {
    let mut bad = new_ticket("b");
    bad["client_id"] = json!(9999);
    let body = json!([new_ticket("a"), bad, new_ticket("c")]);
    for (habit, left) in [
        (ArrayFailure::NothingKept, 0),
        (ArrayFailure::EarlierKept, 1),
    ] {
        let tenant = HaloHarness::with(|settings| settings.array_failure = habit).await;
        assert_eq!(tenant.post("/Tickets", &body).await.status, 400);
        assert_eq!(tenant.halo.stats().tickets, left);
    }
}

#[tokio::test]
async fn a_strict_tenant_finds_no_record_without_type_and_client() {
    let tenant = HaloHarness::with(|settings| settings.strict_update = true).await;
    let id = tenant.create("a").await;
    let answer = tenant
        .post("/Tickets", &json!([{ "id": id, "status_id": 2 }]))
        .await;
    assert_eq!(
        (answer.status, answer.json()),
        (400, json!("Record not found"))
    );
    let whole = json!([{ "id": id, "tickettype_id": 5, "client_id": 17, "status_id": 2 }]);
    assert_eq!(tenant.post("/Tickets", &whole).await.json()["status_id"], 2);
    tenant
        .halo
        .change_settings(|settings| settings.strict_update = false);
    assert_eq!(
        tenant
            .post("/Tickets", &json!([{ "id": id, "status_id": 3 }]))
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn closing_requires_an_assigned_agent_and_says_so_in_a_bare_string() {
    let tenant = HaloHarness::stock().await;
    let id = tenant.create("a").await;
    let mut close = json!({ "id": id, "tickettype_id": 5, "client_id": 17, "status_id": 9 });
    let answer = tenant.post("/Tickets", &json!([close])).await;
    assert_eq!(
        (answer.status, answer.json()),
        (
            400,
            json!("Please assign this Ticket these before closing it.")
        )
    );
    close["agent_id"] = json!(12);
    let closed = tenant.post("/Tickets", &json!([close])).await.json();
    assert_eq!(
        (&closed["status_id"], &closed["hasbeenclosed"]),
        (&json!(9), &json!(true))
    );
    assert_ne!(closed["dateclosed"], "1900-01-01T00:00:00");
}

#[tokio::test]
async fn an_api_only_agent_is_never_given_tickets() {
    let tenant = HaloHarness::stock().await;
    let mut ticket = new_ticket("a");
    ticket["agent_id"] = json!(3);
    assert_eq!(tenant.post("/Tickets", &json!([ticket])).await.status, 400);
}

#[tokio::test]
async fn whether_a_reopened_ticket_has_been_closed_is_a_matter_of_the_tenant() {
    for habit in [true, false] {
        let tenant =
            HaloHarness::with(|settings| settings.has_been_closed_after_reopen = habit).await;
        let id = tenant.create("a").await;
        tenant.halo.close_ticket(id, 12).unwrap();
        tenant.halo.reopen_ticket(id, 12).unwrap();
        let ticket = tenant.get(&format!("/Tickets/{id}")).await.json();
        assert_eq!(
            (&ticket["hasbeenclosed"], &ticket["dateclosed"]),
            (&json!(habit), &json!("1900-01-01T00:00:00"))
        );
    }
}

#[tokio::test]
async fn assets_are_replaced_and_custom_fields_are_merged() {
    let tenant = HaloHarness::stock().await;
    let id = tenant.create("a").await;
    let update = |more: Value| {
        let mut item = json!({ "id": id, "tickettype_id": 5, "client_id": 17 });
        item.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!([item])
    };
    tenant.post("/Tickets", &update(json!({ "assets": [{ "id": 1 }, { "id": 2 }], "customfields": [{ "id": 164, "value": "LG-1" }] }))).await;
    tenant.post("/Tickets", &update(json!({ "assets": [{ "id": 3 }], "customfields": [{ "name": "CFPurchaseOrder", "value": "P" }] }))).await;
    let ticket = tenant
        .get(&format!("/Tickets/{id}?includedetails=true"))
        .await
        .json();
    assert_eq!(ticket["assets"], json!([{ "id": 3 }]));
    assert_eq!(
        (
            &ticket["customfields"][0]["value"],
            &ticket["customfields"][2]["value"]
        ),
        (&json!("LG-1"), &json!("P"))
    );
    assert!(
        tenant
            .get(&format!("/Tickets/{id}"))
            .await
            .json()
            .get("customfields")
            .is_none()
    );
}

#[tokio::test]
async fn a_deleted_ticket_is_gone_from_reads_and_shows_among_the_deleted() {
    let tenant = HaloHarness::stock().await;
    let id = tenant.create("a").await;
    assert_eq!(
        tenant
            .call("DELETE", &format!("/Tickets/{id}?reason=test"), None)
            .await
            .status,
        200
    );
    assert_eq!(tenant.get(&format!("/Tickets/{id}")).await.status, 404);
    assert_eq!(tenant.get("/Tickets").await.json()["record_count"], 0);
    assert_eq!(
        tenant.get("/Tickets?deleted=true").await.json()["tickets"][0]["id"],
        id
    );
    tenant
        .post(
            "/Tickets",
            &json!([{ "id": id, "_recover": true, "_validate_updates": true }]),
        )
        .await;
    assert_eq!(tenant.get(&format!("/Tickets/{id}")).await.status, 200);
}

#[tokio::test]
async fn a_merged_ticket_names_its_target_and_is_closed() {
    let tenant = HaloHarness::stock().await;
    let (one, other) = (tenant.create("a").await, tenant.create("b").await);
    tenant.halo.merge_ticket(one, other, 12).unwrap();
    let ticket = tenant.get(&format!("/Tickets/{one}")).await.json();
    assert_eq!(
        (&ticket["merged_into_id"], &ticket["status_id"]),
        (&json!(other), &json!(9))
    );
}

#[tokio::test]
async fn an_action_needs_an_outcome() {
    let tenant = HaloHarness::stock().await;
    let id = tenant.create("a").await;
    let answer = tenant
        .post("/Actions", &json!([{ "ticket_id": id, "note": "hello" }]))
        .await;
    assert_eq!(
        (answer.status, answer.json()),
        (400, json!("An Outcome must be entered for this Action"))
    );
    let answer = tenant
        .post(
            "/Actions",
            &json!([{ "ticket_id": id, "note": "hello", "outcome_id": "x" }]),
        )
        .await;
    assert!(answer.text().contains("[0].outcome_id"));
}

#[tokio::test]
async fn actions_are_numbered_within_their_ticket_and_name_the_application() {
    let tenant = HaloHarness::stock().await;
    for _ in 0..2 {
        let id = tenant.create("a").await;
        let note = json!([{ "ticket_id": id, "outcome": "Internal Note", "note_html": "<p>hello</p>", "new_status": 2 }]);
        let action = tenant.post("/Actions", &note).await.json();
        assert_eq!(
            (&action["id"], &action["outcome_id"]),
            (&json!(2), &json!(7))
        );
        assert_eq!(action["actionby_application_id"], "Halogard Sync");
        assert_eq!(action["hiddenfromuser"], true);
        tenant.halo.add_note(id, 12, "by hand").unwrap();
        let list = tenant
            .get(&format!("/Actions?ticket_id={id}&includehtmlnote=true"))
            .await
            .json();
        assert_eq!(
            (&list["record_count"], &list["actions"][2]["id"]),
            (&json!(3), &json!(1))
        );
        assert_eq!(
            (
                &list["actions"][0]["actionby_application_id"],
                &list["actions"][0]["who"]
            ),
            (
                &json!("nethelpdesk-agent-web-application"),
                &json!("Dana Ito")
            )
        );
        assert_eq!(
            tenant.get(&format!("/Tickets/{id}")).await.json()["status_id"],
            2
        );
        assert_eq!(
            tenant
                .get(&format!("/Actions/2?ticket_id={id}"))
                .await
                .json()["note_html"],
            "<p>hello</p>"
        );
    }
    assert_eq!(tenant.get("/Actions/2").await.status, 404);
}

#[tokio::test]
async fn a_change_of_status_leaves_an_action_behind() {
    let tenant = HaloHarness::stock().await;
    let id = tenant.create("a").await;
    let change = TicketEdit {
        status_id: Some(3),
        ..TicketEdit::default()
    };
    tenant.halo.change_ticket(id, 13, change).unwrap();
    let action = tenant
        .get(&format!("/Actions/2?ticket_id={id}"))
        .await
        .json();
    assert_eq!(
        (
            &action["old_status"],
            &action["new_status"],
            &action["who_agentid"]
        ),
        (&json!(1), &json!(3), &json!(13))
    );
}

#[tokio::test]
async fn what_a_workflow_does_with_a_change_is_a_switch() {
    let tenant = HaloHarness::with(|settings| settings.keeps_status = true).await;
    let id = tenant.create("a").await;
    let post = |body| tenant.post("/Tickets", body);
    let change = json!([{ "id": id, "status_id": 2, "agent_id": 12 }]);
    let answer = post(&change).await;
    assert_eq!(
        (answer.status, answer.json()["status_id"].clone()),
        (201, json!(1))
    );

    tenant.halo.change_settings(|settings| {
        settings.keeps_status = false;
        settings.status_change_unassigns = true;
    });
    let progress = json!([{ "id": id, "status_id": 3 }]);
    assert_eq!(post(&progress).await.json()["agent_id"], 1);

    tenant
        .halo
        .change_settings(|settings| settings.note_reopens = true);
    tenant.halo.close_ticket(id, 12).unwrap();
    tenant.halo.add_note(id, 12, "One more thing").unwrap();
    assert!(!tenant.halo.ticket(id).unwrap().closed);
}

#[tokio::test]
async fn actions_say_who_acted_as_the_tenant_is_set() {
    let tenant = HaloHarness::stock().await;
    let id = tenant.create("a").await;
    tenant.halo.add_note(id, 12, "by hand").unwrap();
    tenant.halo.add_note_by_user(id, "by a customer").unwrap();
    tenant.halo.close_by_rule(id).unwrap();
    let screen = "nethelpdesk-agent-web-application";
    for (names, expected) in [
        (
            ApplicationNames::DisplayNames,
            [(1, "Halogard Sync"), (1, screen), (2, screen), (0, "")],
        ),
        (
            ApplicationNames::ClientIds,
            [(1, "8d3f6a52-halogard-sync"), (1, ""), (2, ""), (0, "")],
        ),
    ] {
        tenant
            .halo
            .change_settings(|settings| settings.application_names = names);
        let list = tenant.get(&format!("/Actions?ticket_id={id}")).await.json();
        let rows = list["actions"].as_array().unwrap().iter().rev();
        let shown: Vec<_> = rows
            .map(|row| (&row["who_type"], &row["actionby_application_id"]))
            .collect();
        let expected = expected.map(|(kind, name)| (json!(kind), json!(name)));
        let expected: Vec<_> = expected.iter().map(|(kind, name)| (kind, name)).collect();
        assert_eq!(shown, expected, "{names:?}");
    }
}

#[tokio::test]
async fn a_rule_may_assign_new_tickets() {
    let tenant = HaloHarness::with(|settings| {
        settings.assignment_rule = Some(AssignmentRule { agent_id: 13 });
    })
    .await;
    let id = tenant.create("a").await;
    assert_eq!(tenant.halo.ticket(id).unwrap().agent_id, 13);
}
