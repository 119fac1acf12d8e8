//! Changing a ticket, and reading what became of it.

use super::*;

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
        let bench = answering(&[json!([row_with(json!({"status_id": 9}))])]);
        let changed = change_one(&bench, &change).await.unwrap();
        assert_eq!((changed.id, changed.status), (TICKET, StatusId::new(9)));
        assert_eq!(bench.only_sent().json(), json!([expected]));
    }
}

#[tokio::test]
async fn the_answer_to_a_change_is_known_by_its_number() {
    let body = json!([row(4240, "Printer jams"), row_with(json!({"status_id": 9}))]);
    let bench = answering(&[body]);
    let changed = change_one(&bench, &change()).await.unwrap();
    assert_eq!((changed.id, changed.status), (TICKET, StatusId::new(9)));
    bench.expect_all_accounted();
}

#[tokio::test]
async fn an_answer_about_another_ticket_leads_to_a_look_at_ours() {
    let bench = answering(&[
        json!([row(4240, "Printer jams")]),
        row_with(json!({"status_id": 9})),
    ]);
    let changed = change_one(&bench, &change()).await.unwrap();
    assert_eq!((changed.id, changed.status), (TICKET, StatusId::new(9)));
    assert_eq!(bench.sent()[1].path, "/api/Tickets/4242");
    bench.expect_all_accounted();

    let bench = answering(&[json!([row(4240, "Printer jams")])]);
    bench.next(Ok(answer(404, "")));
    let error = change_one(&bench, &change()).await.unwrap_err();
    assert_eq!(
        (error.class, error.refusal),
        (Permanent, Some(Refusal::NotFound))
    );
}

#[tokio::test]
async fn a_thin_answer_to_a_change_is_read_again() {
    let bench = answering(&[json!({"id": 4242}), row_with(json!({"status_id": 9}))]);
    let changed = change_one(&bench, &change()).await.unwrap();
    assert_eq!(
        (changed.status, changed.changed_at),
        (StatusId::new(9), CHANGED)
    );
    bench.expect_all_accounted();
    // And believed as far as it goes where it cannot be.
    let bench = answering(&[json!({"id": 4242})]);
    bench.next(Ok(answer(500, "")));
    let changed = change_one(&bench, &change()).await.unwrap();
    assert_eq!(
        (changed.status, changed.changed_at),
        (StatusId::new(9), Timestamp::EPOCH)
    );
}

#[tokio::test]
async fn a_ticket_is_read_past_the_cache() {
    let bench = answering(&[row(4242, "[LG-7586] Disk")]);
    let read = bench.desk().read(TICKET).await.unwrap();
    assert_eq!(read, Some(ticket(4242, "[LG-7586] Disk")));
    assert_eq!(bench.only_sent().ask("nocache"), Some("true"));
}

#[tokio::test]
async fn a_ticket_that_is_not_there_is_none_and_one_that_may_not_be_seen_an_error() {
    let gone = [
        answer(404, ""),
        answer(400, "\"Record not found\""),
        answer(404, "<html>"),
    ];
    for outcome in gone {
        let bench = Bench::new();
        bench.next(Ok(outcome));
        assert_eq!(bench.desk().read(TICKET).await.unwrap(), None);
    }
    for missing in ["status_id", "client_id", "tickettype_id"] {
        let bench = answering(&[row_without(&[missing])]);
        let error = bench.desk().read(TICKET).await.unwrap_err();
        assert_eq!(
            (error.class, error.error_type),
            (Permanent, "desk.unexpected"),
            "{missing}"
        );
    }
    let bench = Bench::new();
    bench.next(Ok(answer(403, "")));
    let error = bench.desk().read(TICKET).await.unwrap_err();
    assert_eq!(error.refusal, Some(Refusal::Forbidden));
}

#[tokio::test]
async fn a_ticket_says_what_became_of_it() {
    let rows = [
        (
            json!({"merged_into_id": 4250}),
            Fate::MergedInto(TicketId::new(4250)),
        ),
        (json!({"merged_into_id": 4242}), Fate::Present),
        (
            json!({"merged_into_id": 0, "deleted": false}),
            Fate::Present,
        ),
        (json!({"merged_into_id": -1, "deleted": true}), Fate::Gone),
        (
            json!({"merged_into_id": 4250, "deleted": true}),
            Fate::MergedInto(TicketId::new(4250)),
        ),
    ];
    for (members, fate) in rows {
        let bench = answering(&[row_with(members.clone())]);
        assert_eq!(
            bench.desk().read(TICKET).await.unwrap().unwrap().fate,
            fate,
            "{members}"
        );
    }
}
