//! Finding tickets, by their key or by their last change.

use super::*;
use halogard_app::ports::ErrorCode;

fn within(client: Option<u64>) -> SearchWithin {
    SearchWithin {
        client: client.map(HaloClientId::new),
        since: MORNING,
    }
}

#[tokio::test]
async fn a_ticket_is_searched_by_title_then_by_time_then_among_the_deleted() {
    let nothing = || list(json!([]));
    let harness = answering(&[nothing(), nothing(), nothing()]);
    let found = harness
        .desk()
        .find(&key(), &within(Some(17)))
        .await
        .unwrap();
    assert_eq!(found, []);
    let sent = harness.sent();
    assert_eq!(sent.len(), 3);
    assert!(
        sent.iter()
            .all(|sent| sent.query_value("nocache") == Some("true"))
    );
    assert!(
        sent.iter()
            .all(|sent| sent.query_value("includeclosed") == Some("true")),
        "closed ones too"
    );
    let asked = |name| {
        sent.iter()
            .map(|sent| sent.query_value(name))
            .collect::<Vec<_>>()
    };
    let marker = Some("[LG-7586]");
    assert_eq!(asked("search_summary"), [marker, None, marker]);
    assert_eq!(asked("client_id"), [None, Some("17"), None]);
    assert_eq!(
        asked("startdate"),
        [None, Some("2026-05-02T08:00:00.000Z"), None]
    );
    assert_eq!(
        asked("enddate"),
        [None, Some("2026-05-02T10:00:00.000Z"), None]
    );
    assert_eq!(asked("deleted"), [None, None, Some("true")]);
    harness.assert_all_settled();
}

#[tokio::test]
async fn the_search_ends_where_something_was_found() {
    let ours = || list(json!([row(4242, "[LG-7586] Disk")]));
    let nothing = || list(json!([]));
    for before in 0..3 {
        let mut bodies = vec![nothing(); before];
        bodies.push(ours());
        let harness = answering(&bodies);
        let found = harness
            .desk()
            .find(&key(), &within(Some(17)))
            .await
            .unwrap();
        assert_eq!(found.len(), 1);
        // One that only the list of deleted ones shows is gone, whether its row says so or not.
        let existence = if before == 2 {
            Existence::Deleted
        } else {
            Existence::Present
        };
        assert_eq!((found[0].id, found[0].existence), (TICKET, existence));
        harness.assert_all_settled();
    }
}

#[tokio::test]
async fn without_a_client_the_list_by_time_is_left_out() {
    let harness = answering(&[list(json!([])), list(json!([]))]);
    harness.desk().find(&key(), &within(None)).await.unwrap();
    assert_eq!(harness.sent()[1].query_value("deleted"), Some("true"));
    harness.assert_all_settled();
}

#[tokio::test]
async fn only_the_exact_key_counts_and_the_oldest_ticket_comes_first() {
    let rows = json!([
        row(4250, "[LG-7586] Disk"),
        row(4240, "[LG-75861] Disk"),
        row(4242, "copy of [LG-7586] Disk"),
        row(4243, "[LG-7586-2] Disk"),
        row(4244, "[XLG-7586] Disk")
    ]);
    let harness = answering(&[list(rows)]);
    let found = harness
        .desk()
        .find(&key(), &within(Some(17)))
        .await
        .unwrap();
    let ids: Vec<u64> = found.iter().map(|ticket| ticket.id.get()).collect();
    assert_eq!(ids, [4242, 4250]);
}

#[tokio::test]
async fn a_row_too_thin_to_be_a_ticket_is_read_before_it_counts() {
    let thin = list(json!([{"id": 4242, "summary": "[LG-7586] Disk"}]));
    let harness = answering(&[thin, row(4242, "[LG-7586] Disk")]);
    let found = harness
        .desk()
        .find(&key(), &within(Some(17)))
        .await
        .unwrap();
    assert_eq!(found, [ticket(4242, "[LG-7586] Disk")]);
    harness.assert_all_settled();
}

#[tokio::test]
async fn all_tickets_that_carry_a_key_of_ours_are_listed() {
    let rows = json!([
        row(4250, "[LG-9] Disk"),
        row(4241, "[LG-] Disk"),
        row(4242, "[LG-7586-3] Disk"),
        row(4243, "[LG-x] nothing of ours")
    ]);
    let harness = answering(&[list(rows)]);
    let marked = harness.desk().find_all_with_key("LG").await.unwrap();
    let ids: Vec<u64> = marked.iter().map(|ticket| ticket.id.get()).collect();
    assert_eq!(ids, [4242, 4250]);
    assert_eq!(
        harness.only_sent().query_value("search_summary"),
        Some("[LG-")
    );
}

#[tokio::test]
async fn a_list_shorter_than_its_count_is_an_error() {
    let page = |rows: Value| json!({"record_count": 3, "tickets": rows});
    let short = || [page(json!([row(4242, "[LG-7586] Disk")])), page(json!([]))];
    // What is found is found, also where rows that are counted are never listed.
    let harness = answering(&short());
    let marked = harness.desk().find_all_with_key("LG").await.unwrap();
    assert_eq!(marked.len(), 1);
    let harness = answering(&[page(json!([])), page(json!([])), page(json!([]))]);
    let error = harness
        .desk()
        .find(&key(), &within(None))
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Transient, ErrorCode::HalopsaShortList)
    );
    assert_eq!(error.message.as_deref(), Some("0 of 3 rows came"));
    let harness = answering(&[json!({"record_count": 2, "actions": [{"id": 1}]})]);
    let error = harness.desk().notes(TICKET).await.unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Transient, ErrorCode::HalopsaShortList)
    );
}

#[tokio::test]
async fn a_sighting_says_as_much_as_its_row_does() {
    let rows = json!([
        row(4242, "[LG-7586] Disk"),
        {"id": 4243},
        {"id": 4244, "status_id": 1, "client_id": 17, "last_update": "2026-05-02T09:00:41.043"},
        // Everything but the time of its change: cannot be put in order, so it is no state.
        {"id": 4245, "status_id": 1, "client_id": 17, "tickettype_id": 5},
        {"id": 4246, "status_id": 1, "client_id": 17, "tickettype_id": 5, "last_update": "1900-01-01T00:00:00"},
        {"id": 4247, "status_id": 1, "client_id": 17, "tickettype_id": 5, "lastupdate": "2026-05-02T09:00:41.043"}
    ]);
    let harness = answering(&[list(rows)]);
    let Changes {
        listings: seen,
        rest,
        ..
    } = harness.desk().changed_since(MORNING).await.unwrap();
    assert_eq!(rest, None);
    let thin = |id, changed_at| TicketListing {
        id: TicketId::new(id),
        changed_at,
        ticket: None,
    };
    let whole = |ticket: Ticket| TicketListing {
        id: ticket.id,
        changed_at: Some(ticket.changed_at),
        ticket: Some(ticket),
    };
    let untitled = Ticket {
        priority: None,
        ..ticket(4247, "")
    };
    assert_eq!(
        seen,
        [
            whole(ticket(4242, "[LG-7586] Disk")),
            thin(4243, None),
            thin(4244, Some(ticket(4244, "").changed_at)),
            thin(4245, None),
            thin(4246, None),
            whole(untitled)
        ]
    );
    let sent = harness.only_sent();
    assert_eq!(
        sent.query_value("lastupdatefromdate"),
        Some("2026-05-02T09:00:00.000Z")
    );
    harness.assert_all_settled();
}
