//! Changing a ticket, and reading the result.

use super::*;
use halogard_app::ports::ErrorCode;

#[tokio::test]
async fn a_change_names_what_it_changes_and_nothing_else() {
    let priority_only = TicketChange {
        status: None,
        priority: Some(PriorityId::new(2)),
        ..change()
    };
    let whole = TicketChange {
        priority: Some(PriorityId::new(3)),
        technician: Some(TechnicianId::new(12)),
        closure_note: Some("over".into()),
        ..change()
    };
    let rows = [
        (change(), json!({"id": 4242, "status_id": 9})),
        (priority_only, json!({"id": 4242, "priority_id": 2})),
        (
            whole,
            json!({"id": 4242, "status_id": 9, "priority_id": 3, "agent_id": 12,
                   "closure_note": "over"}),
        ),
    ];
    for (change, expected) in rows {
        let harness = answering(&[json!([row_with(json!({"status_id": 9}))])]);
        let changed = change_one(&harness, &change).await.unwrap();
        assert_eq!((changed.id, changed.status), (TICKET, StatusId::new(9)));
        assert_eq!(harness.only_sent().json(), json!([expected]));
        harness.assert_all_settled();
    }
}

#[tokio::test]
async fn the_answer_to_a_change_is_known_by_its_number() {
    let body = json!([row(4240, "Printer jams"), row_with(json!({"status_id": 9}))]);
    let harness = answering(&[body]);
    let changed = change_one(&harness, &change()).await.unwrap();
    assert_eq!((changed.id, changed.status), (TICKET, StatusId::new(9)));
    harness.assert_all_settled();
}

#[tokio::test]
async fn an_answer_about_another_ticket_leads_to_a_read_of_ours() {
    let harness = answering(&[
        json!([row(4240, "Printer jams")]),
        row_with(json!({"status_id": 9})),
    ]);
    let changed = change_one(&harness, &change()).await.unwrap();
    assert_eq!((changed.id, changed.status), (TICKET, StatusId::new(9)));
    assert_eq!(harness.sent()[1].path, "/api/Tickets/4242");
    harness.assert_all_settled();

    let harness = answering(&[json!([row(4240, "Printer jams")])]);
    harness.next(Ok(answer(404, "\"Record not found\"")));
    let error = change_one(&harness, &change()).await.unwrap_err();
    assert_eq!(
        (error.class, error.refusal),
        (Permanent, Some(Refusal::NotFound))
    );
}

#[tokio::test]
async fn a_tenant_that_demands_client_and_type_gets_those_it_has_at_that_moment() {
    let not_found = || answer(400, "\"Record not found\"");
    // A person has moved the ticket to another client and site meanwhile.
    let current = row_with(json!({"client_id": 18, "site_id": 32}));
    let closed = row_with(json!({"client_id": 18, "site_id": 32, "status_id": 9}));
    let harness = Harness::new();
    harness.next(Ok(not_found()));
    for body in [&current, &current, &closed, &current, &closed] {
        harness.next(Ok(answer(200, &body.to_string())));
    }
    let desk = harness.desk();
    let answers = desk.change(&[change()]).await;
    assert_eq!(
        answers[0].as_ref().unwrap().client,
        HaloClientId::new(18),
        "{answers:?}"
    );
    let identified = json!([{"id": 4242, "tickettype_id": 5, "client_id": 18, "site_id": 32,
                             "status_id": 9}]);
    assert_eq!(
        harness.sent()[0].json(),
        json!([{"id": 4242, "status_id": 9}])
    );
    assert_eq!(harness.sent()[3].json(), identified);
    // From then on it is read first.
    assert!(desk.change(&[change()]).await[0].is_ok());
    assert_eq!(harness.sent().len(), 6);
    assert_eq!(harness.sent()[4].path, "/api/Tickets/4242");
    assert_eq!(harness.sent()[5].json(), identified);
    harness.assert_all_settled();
}

#[tokio::test]
async fn a_change_is_not_made_to_a_ticket_that_is_read_in_another_state() {
    let rows = [
        json!({"status_id": 3}),
        json!({"priority_id": 4}),
        json!({"merged_into_id": 4250}),
    ];
    for members in rows {
        let harness = Harness::new();
        harness.next(Ok(answer(400, "\"Record not found\"")));
        for _ in 0..2 {
            harness.next(Ok(answer(200, &row_with(members.clone()).to_string())));
        }
        let error = change_one(&harness, &change()).await.unwrap_err();
        let Some(Refusal::Outdated(current)) = error.refusal else {
            panic!("{members}: {error:?}")
        };
        assert_eq!(current.id, TICKET);
        assert_eq!(harness.sent().len(), 3, "{members}: nothing more is sent");
    }
}

#[tokio::test]
async fn a_thin_answer_to_a_change_is_read_again() {
    for members in [&["status_id"][..], &["last_update"], &["client_id"]] {
        let harness = answering(&[row_without(members), row_with(json!({"status_id": 9}))]);
        let changed = change_one(&harness, &change()).await.unwrap();
        assert_eq!(
            (changed.status, changed.changed_at),
            (StatusId::new(9), CHANGED)
        );
        harness.assert_all_settled();
    }
    // What cannot be read is not believed.
    let harness = answering(&[json!({"id": 4242})]);
    harness.next(Ok(answer(500, "")));
    let error = change_one(&harness, &change()).await.unwrap_err();
    assert_eq!(error.class, Transient);
}

#[tokio::test]
async fn a_ticket_is_read_past_the_cache() {
    let harness = answering(&[row(4242, "[LG-7586] Disk")]);
    let read = harness.desk().read(TICKET).await.unwrap();
    assert_eq!(read, Some(ticket(4242, "[LG-7586] Disk")));
    assert_eq!(harness.only_sent().query_value("nocache"), Some("true"));
}

#[tokio::test]
async fn a_ticket_that_is_not_there_is_none_and_one_that_may_not_be_seen_an_error() {
    let gone = [
        answer(404, "\"Record not found\""),
        answer(400, "\"Record not found\""),
    ];
    for outcome in gone {
        let harness = Harness::new();
        harness.next(Ok(outcome));
        assert_eq!(harness.desk().read(TICKET).await.unwrap(), None);
    }
    for missing in ["status_id", "client_id", "tickettype_id"] {
        let harness = answering(&[row_without(&[missing])]);
        let error = harness.desk().read(TICKET).await.unwrap_err();
        assert_eq!(
            (error.class, error.code),
            (Permanent, ErrorCode::HalopsaUnexpected),
            "{missing}"
        );
    }
    let harness = Harness::new();
    harness.next(Ok(answer(403, "")));
    let error = harness.desk().read(TICKET).await.unwrap_err();
    assert_eq!(error.refusal, Some(Refusal::Forbidden));
}

#[tokio::test]
async fn a_ticket_says_what_became_of_it() {
    let rows = [
        (
            json!({"merged_into_id": 4250}),
            Existence::MergedInto(TicketId::new(4250)),
        ),
        (json!({"merged_into_id": 4242}), Existence::Present),
        (
            json!({"merged_into_id": 0, "deleted": false}),
            Existence::Present,
        ),
        (
            json!({"merged_into_id": -1, "deleted": true}),
            Existence::Deleted,
        ),
        (
            json!({"merged_into_id": 4250, "deleted": true}),
            Existence::MergedInto(TicketId::new(4250)),
        ),
    ];
    for (members, existence) in rows {
        let harness = answering(&[row_with(members.clone())]);
        assert_eq!(
            harness
                .desk()
                .read(TICKET)
                .await
                .unwrap()
                .unwrap()
                .existence,
            existence,
            "{members}"
        );
    }
}
