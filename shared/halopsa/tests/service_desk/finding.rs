//! Finding tickets, by their key or by their last change.

use std::collections::BTreeSet;

use halogard_app::ports::KeyedTicket;
use halogard_domain::key::UnverifiedKey;

use super::*;
use halogard_app::ports::ErrorCode;

fn within(client: Option<u64>) -> SearchWithin {
    SearchWithin {
        client: client.map(HaloClientId::new),
        ticket_type: Some(TicketTypeId::new(5)),
        key_field: None,
        since: MORNING,
        unlisted: false,
    }
}

#[tokio::test]
async fn a_ticket_that_no_list_shows_yet_is_found_by_its_number() {
    let within = SearchWithin {
        unlisted: true,
        ..within(Some(17))
    };
    let nothing = || list(json!([]));
    let missing = || json!("Record not found");
    let replaced = |text: String| {
        let mut row = row(4243, "Monitoring alert");
        row["details"] = json!(text);
        row
    };
    let reference = format!("full\n\nHalogard {}", key());
    for (read, is_found) in [
        (row(4243, &format!("[{}] Disk", key())), true),
        (replaced(reference), true),
        (replaced("full".to_owned()), false),
    ] {
        let newest = list(json!([row(4242, "Printer jams")]));
        let mut answers = vec![(200, nothing()), (200, nothing()), (200, newest)];
        answers.extend([(200, read), (404, missing()), (404, missing())]);
        if !is_found {
            // Among the deleted ones.
            answers.push((200, nothing()));
        }
        let harness = Harness::new();
        for (status, body) in answers {
            harness.next(Ok(answer(status, &body.to_string())));
        }
        let found = harness.desk().find(&key(), &within).await.unwrap();
        let ids: Vec<u64> = found.iter().map(|it| it.ticket.id.get()).collect();
        assert_eq!(ids, if is_found { vec![4243] } else { vec![] });
        harness.assert_all_settled();
    }
}

#[tokio::test]
async fn a_ticket_is_searched_by_title_then_among_the_newest_then_among_the_deleted() {
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
            .all(|sent| sent.query_value("includeclosed").is_none()),
        "a list that says nothing holds closed ones too"
    );
    let asked = |name| {
        sent.iter()
            .map(|sent| sent.query_value(name))
            .collect::<Vec<_>>()
    };
    // No character that a search may take for more than itself.
    let text = Some("LG-7586");
    assert_eq!(asked("search_summary"), [text, None, text]);
    assert_eq!(asked("client_id"), [None, Some("17"), None]);
    assert_eq!(asked("orderdesc"), [None, Some("true"), None]);
    assert_eq!(
        asked("datesearch"),
        [None; 3],
        "its spelling is not certain"
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
        if before == 2 {
            // A list of deleted tickets may hold others, too.
            harness.next(Ok(answer(404, "\"Record not found\"")));
        }
        let found = harness
            .desk()
            .find(&key(), &within(Some(17)))
            .await
            .unwrap();
        assert_eq!(found.len(), 1);
        // One that the list of deleted ones shows and that does not exist is gone.
        let existence = if before == 2 {
            Existence::Deleted
        } else {
            Existence::Present
        };
        assert_eq!(
            (found[0].ticket.id, found[0].ticket.existence),
            (TICKET, existence)
        );
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
async fn only_keys_of_the_alert_count_and_the_oldest_ticket_comes_first() {
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
    let ids: Vec<u64> = found.iter().map(|found| found.ticket.id.get()).collect();
    // 4243 is a later ticket of the same alert.
    assert_eq!(ids, [4242, 4243, 4250]);
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
    let unproven = UnverifiedKey {
        key: key().key,
        proof: None,
    };
    assert_eq!(
        found,
        [KeyedTicket {
            ticket: ticket(4242, "[LG-7586] Disk"),
            key: unproven
        }]
    );
    harness.assert_all_settled();
}

#[tokio::test]
async fn a_title_with_several_keys_shows_the_one_with_the_right_proof() {
    let title = format!("[LG-7586] [LG-7586.aaaaaa] {}", title());
    let harness = answering(&[list(json!([row(4242, &title)]))]);
    let found = harness.desk().find(&key(), &within(None)).await.unwrap();
    assert_eq!(found[0].key, key().unverified());
}

#[tokio::test]
async fn a_search_that_answers_everything_gives_way_to_the_clients_newest_tickets() {
    let other = |page: u64| row(page, "Printer jams");
    let page = |number: u64| json!({"record_count": 90_000, "tickets": [other(number)]});
    let ours = list(json!([row(4242, &title())]));
    let harness = answering(&[page(1), page(2), page(3), ours]);
    let found = harness
        .desk()
        .find(&key(), &within(Some(17)))
        .await
        .unwrap();
    assert_eq!(found[0].ticket.id, TICKET);
    assert_eq!(harness.sent()[3].query_value("client_id"), Some("17"));
    harness.assert_all_settled();
}

#[tokio::test]
async fn the_newest_tickets_are_read_until_one_is_older_than_the_request() {
    let at = |id: u64, day: &str| {
        let mut row = row(id, "[LG-1] Disk");
        row["dateoccurred"] = json!(format!("2026-{day}T08:00:00"));
        row
    };
    let nothing = list(json!([]));
    let page = |row: Value| json!({"record_count": 90_000, "tickets": [row]});
    let newest = [
        page(at(9, "05-02")),
        page(at(8, "05-02")),
        page(at(7, "05-01")),
    ];
    let [first, second, third] = newest;
    let harness = answering(&[nothing.clone(), first, second, third, nothing]);
    let found = harness
        .desk()
        .find(&key(), &within(Some(17)))
        .await
        .unwrap();
    assert_eq!(found, []);
    harness.assert_all_settled();
}

#[tokio::test]
async fn a_ticket_under_a_title_of_another_is_found_by_field_or_text() {
    let renamed = |members: Value| {
        let mut row = row(4242, "Monitoring alert");
        for (name, value) in members.as_object().unwrap() {
            row[name] = value.clone();
        }
        row
    };
    let field = json!({"customfields": [{"id": 101, "value": key().to_string()}]});
    let text = json!({"details": format!("full\n\nHalogard {}", key())});
    let nothing = || list(json!([]));
    let with_field = SearchWithin {
        key_field: Some(CustomFieldId::new(101)),
        ..within(Some(17))
    };
    let other = row(4240, "Printer jams");
    let rows = [
        (
            "the list",
            with_field,
            vec![list(json!([other, renamed(field.clone())]))],
        ),
        (
            "a detail's field",
            with_field,
            vec![list(json!([renamed(json!({}))])), renamed(field)],
        ),
        (
            "a detail's text",
            within(Some(17)),
            vec![
                list(json!([other, renamed(json!({}))])),
                other.clone(),
                renamed(text),
            ],
        ),
    ];
    for (what, within, bodies) in rows {
        let harness = answering(&[&[nothing()], &bodies[..]].concat());
        let found = harness.desk().find(&key(), &within).await.unwrap();
        assert_eq!(found.len(), 1, "{what}");
        assert_eq!(
            (found[0].ticket.id, &found[0].key),
            (TICKET, &key().unverified()),
            "{what}"
        );
        harness.assert_all_settled();
    }
}

#[tokio::test]
async fn tickets_that_cannot_be_the_requested_one_are_not_read() {
    let other_type = json!({"tickettype_id": 6});
    let long_before = json!({"dateoccurred": "2026-05-02T07:30:00"});
    let another_key = json!({"summary": "[LG-1.aaaaaa] Disk"});
    for members in [other_type, long_before, another_key] {
        let mut other = row(4240, "Printer jams");
        for (name, value) in members.as_object().unwrap() {
            other[name] = value.clone();
        }
        let nothing = || list(json!([]));
        let harness = answering(&[nothing(), list(json!([other])), nothing()]);
        let found = harness
            .desk()
            .find(&key(), &within(Some(17)))
            .await
            .unwrap();
        assert_eq!(found, [], "{members}");
        harness.assert_all_settled();
    }
}

/// Reads all tickets that carry a key to the end: their numbers, and the pages that were asked for.
async fn all_keyed(harness: &Harness) -> (Vec<u64>, Vec<String>) {
    let desk = harness.desk();
    let mut ids = Vec::new();
    let mut place = None;
    loop {
        let page = desk.list_keyed("LG", place.as_ref()).await.unwrap();
        ids.extend(page.tickets.iter().map(|ticket| ticket.id.get()));
        place = page.rest;
        if place.is_none() {
            break;
        }
    }
    let sent = harness.sent();
    let pages = sent
        .iter()
        .filter_map(|sent| sent.query_value("page_no").map(str::to_owned));
    (ids, pages.collect())
}

#[tokio::test]
async fn a_long_list_of_our_tickets_is_read_from_its_last_page() {
    let page = |ids: std::ops::RangeInclusive<u64>| {
        let rows: Vec<Value> = ids.map(|id| row(id, &format!("[LG-{id}] Disk"))).collect();
        json!({"record_count": 7, "tickets": rows})
    };
    // A server with pages of its own size.
    let harness = answering(&[page(1..=3), page(7..=7), page(4..=6), page(1..=3)]);
    let (ids, pages) = all_keyed(&harness).await;
    assert_eq!(ids, [7, 4, 5, 6, 1, 2, 3]);
    assert_eq!(pages, ["1", "3", "2", "1"]);
    // One without a count is read forwards.
    let uncounted = |mut page: Value| {
        page.as_object_mut().unwrap().remove("record_count");
        page
    };
    let answers = [
        page(1..=3),
        page(4..=6),
        json!({"record_count": null, "tickets": []}),
    ];
    let harness = answering(&answers.map(uncounted));
    let (ids, pages) = all_keyed(&harness).await;
    assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
    assert_eq!(pages, ["1", "2", "3"]);
    // One that shows the same page again and again ends.
    let harness = answering(&[page(1..=3), page(1..=3)]);
    let desk = harness.desk();
    let first = desk.list_keyed("LG", None).await.unwrap();
    let error = desk
        .list_keyed("LG", first.rest.as_ref())
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::HalopsaUnexpected);
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
    let page = harness.desk().list_keyed("LG", None).await.unwrap();
    assert_eq!(page.rest, None);
    let ids: Vec<u64> = page.tickets.iter().map(|ticket| ticket.id.get()).collect();
    assert_eq!(ids, [4242, 4250]);
    assert_eq!(
        harness.only_sent().query_value("search_summary"),
        Some("LG-")
    );
}

#[tokio::test]
async fn a_list_shorter_than_its_count_is_an_error() {
    let page = |rows: Value| json!({"record_count": 3, "tickets": rows});
    let ours = || page(json!([row(4242, "[LG-7586] Disk")]));
    // What is found is found, also where rows that are counted are never listed.
    let harness = answering(&[ours(), page(json!([])), page(json!([])), ours()]);
    let (marked, pages) = all_keyed(&harness).await;
    assert_eq!((marked, pages.concat()), (vec![4242], "1321".to_owned()));
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
}

#[tokio::test]
async fn a_sighting_says_as_much_as_its_row_does() {
    let rows = json!([
        row(4242, "[LG-7586] Disk"),
        {"id": 4243},
        {"id": 4244, "status_id": 1, "client_id": 17, "last_update": "2026-05-02T09:00:41.043"},
        // Everything but the time of its change: cannot be put in order, so it is not a state, but has a title.
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
    let undated = |id| TicketListing {
        id: TicketId::new(id),
        changed_at: None,
        ticket: Some(Ticket {
            priority: None,
            changed_at: Timestamp::EPOCH,
            is_dated: false,
            ..ticket(id, "")
        }),
    };
    assert_eq!(undated(4245).state(), None);
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
            undated(4245),
            undated(4246),
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

#[tokio::test]
async fn only_a_row_that_is_marked_as_deleted_says_that_its_ticket_is() {
    let marked = |id: u64, deleted: Value| {
        let mut row = row(id, "[LG-7586] Disk");
        row["deleted"] = deleted;
        row
    };
    for (rows, expected) in [
        (json!([]), false),
        (json!([marked(4242, json!(true))]), true),
        (json!([marked(4242, json!(false))]), false),
        (json!([marked(4242, json!("perhaps"))]), false),
        (json!([row(4242, "[LG-7586] Disk")]), false),
        (json!([marked(4243, json!(true))]), false),
        // A list that also holds what is not deleted.
        (
            json!([marked(4241, json!(false)), marked(4242, json!(true))]),
            true,
        ),
    ] {
        let harness = answering(&[list(rows.clone())]);
        let found = harness.desk().is_marked_deleted(TICKET).await.unwrap();
        assert_eq!(found, expected, "{rows}");
        let sent = harness.only_sent();
        assert_eq!(sent.query_value("deleted"), Some("true"));
        assert_eq!(sent.query_value("ticketids"), Some("4242"));
    }
}

#[tokio::test]
async fn a_ticket_is_listed_unless_its_row_is_missing_or_marked_as_deleted() {
    let marked = |id: u64, deleted: Value| {
        let mut row = row(id, "[LG-7586] Disk");
        row["deleted"] = deleted;
        row
    };
    let unreadable = json!({ "id": 4242, "client_id": "?", "status_id": [] });
    for (rows, expected) in [
        (json!([]), false),
        (json!([row(4242, "renamed by a person")]), true),
        (json!([marked(4242, json!(false))]), true),
        (json!([marked(4242, json!(true))]), false),
        (json!([unreadable]), true),
        // A list that does not keep to the numbers shows others.
        (json!([row(4243, "[LG-7587] Disk")]), false),
    ] {
        let harness = answering(&[list(rows.clone())]);
        let found = harness
            .desk()
            .listed(&BTreeSet::from([TICKET]))
            .await
            .unwrap();
        let shows = found.iter().any(|row| row.id == TICKET);
        assert_eq!(shows, expected, "{rows}");
        assert!(found.len() <= 1, "{rows}");
        let sent = harness.only_sent();
        assert_eq!(sent.query_value("deleted"), None);
        assert_eq!(sent.query_value("ticketids"), Some("4242"));
    }
}
