//! Changing a ticket, and reading what became of it.

use super::*;
use halogard_app::ports::ErrorCode;

#[tokio::test]
async fn a_change_always_names_the_four_members_that_identify_a_ticket() {
    let whole = TicketChange {
        priority: Some(PriorityId::new(3)),
        technician: Some(TechnicianId::new(12)),
        closure_note: Some("over".into()),
        ..change()
    };
    let rows = [
        (
            change(),
            json!({"id": 4242, "tickettype_id": 5, "client_id": 17, "status_id": 9}),
        ),
        (
            whole,
            json!({"id": 4242, "tickettype_id": 5, "client_id": 17, "status_id": 9,
                   "priority_id": 3, "agent_id": 12, "closure_note": "over"}),
        ),
    ];
    for (change, expected) in rows {
        let harness = answering(&[json!([row_with(json!({"status_id": 9}))])]);
        let changed = change_one(&harness, &change).await.unwrap();
        assert_eq!((changed.id, changed.status), (TICKET, StatusId::new(9)));
        assert_eq!(harness.only_sent().json(), json!([expected]));
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
async fn a_thin_answer_to_a_change_is_read_again() {
    let harness = answering(&[json!({"id": 4242}), row_with(json!({"status_id": 9}))]);
    let changed = change_one(&harness, &change()).await.unwrap();
    assert_eq!(
        (changed.status, changed.changed_at),
        (StatusId::new(9), CHANGED)
    );
    harness.assert_all_settled();
    // And believed as far as it goes where it cannot be.
    let harness = answering(&[json!({"id": 4242})]);
    harness.next(Ok(answer(500, "")));
    let changed = change_one(&harness, &change()).await.unwrap();
    assert_eq!(
        (changed.status, changed.changed_at),
        (StatusId::new(9), Timestamp::EPOCH)
    );
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
