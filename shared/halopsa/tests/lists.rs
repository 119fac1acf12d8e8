//! Lists: pages, filters that are checked, both forms of an answer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use halogard_domain::ids::{HaloClientId, TicketId};
use halogard_halopsa::wire::TicketRow;
use halogard_halopsa::{ClientQuery, Error, TicketQuery, TicketState};
use support::{Harness, MORNING};

/// A page with these tickets, of `count` in all.
fn page(count: u64, ids: &[u64]) -> String {
    let rows: Vec<String> = ids.iter().map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    format!(
        r#"{{"page_no":1,"record_count":{count},"tickets":[{}]}}"#,
        rows.join(",")
    )
}

fn ids(rows: &[TicketRow]) -> Vec<u64> {
    rows.iter().map(|row| row.id.get()).collect()
}

#[tokio::test]
async fn pages_are_read_until_every_counted_row_was_seen() {
    let harness = Harness::answering(&[&page(5, &[1, 2]), &page(5, &[3, 4]), &page(5, &[5])]);
    let list = harness
        .client
        .tickets(&TicketQuery::default())
        .await
        .unwrap();
    assert_eq!(ids(&list.rows), [1, 2, 3, 4, 5]);
    assert_eq!(
        (list.pages, list.record_count, list.is_short()),
        (3, Some(5), false)
    );
    let sent = harness.sent();
    for (number, sent) in sent.iter().enumerate() {
        assert_eq!(sent.query_value("pageinate"), Some("true"));
        assert_eq!(sent.query_value("page_size"), Some("100"));
        assert_eq!(sent.query_value("order"), Some("id"));
        assert_eq!(
            sent.query_value("page_no"),
            Some((number + 1).to_string().as_str())
        );
    }
    harness.assert_all_settled();
}

#[tokio::test]
async fn a_row_that_moved_to_the_next_page_is_listed_once() {
    let harness = Harness::answering(&[&page(4, &[1, 2]), &page(4, &[2, 3]), &page(4, &[4])]);
    let list = harness
        .client
        .tickets(&TicketQuery::default())
        .await
        .unwrap();
    assert_eq!(ids(&list.rows), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_list_that_ends_before_its_count_says_so() {
    let harness = Harness::answering(&[&page(9, &[1, 2]), r#"{"record_count":9,"tickets":null}"#]);
    let list = harness
        .client
        .tickets(&TicketQuery::default())
        .await
        .unwrap();
    assert_eq!(ids(&list.rows), [1, 2]);
    assert!(list.is_short());
}

#[tokio::test]
async fn a_page_of_known_rows_only_is_an_error() {
    let harness = Harness::answering(&[&page(9, &[1, 2]), &page(9, &[1, 2])]);
    let error = harness
        .client
        .tickets(&TicketQuery::default())
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        Error::PageRepeated {
            route: "/Tickets",
            page: 2
        }
    ));
}

#[tokio::test]
async fn reaching_the_cap_on_pages_is_an_error_and_not_an_end() {
    let harness = Harness::answering(&[&page(9, &[1]), &page(9, &[2])]);
    let query = TicketQuery {
        pages_max: Some(2),
        ..TicketQuery::default()
    };
    let error = harness.client.tickets(&query).await.unwrap_err();
    assert!(matches!(
        error,
        Error::TooManyPages {
            route: "/Tickets",
            cap: 2
        }
    ));
    harness.assert_all_settled();
}

#[tokio::test]
async fn every_form_of_an_empty_list_is_empty() {
    for body in [
        "[]",
        r#"{"record_count":0}"#,
        r#"{"record_count":0,"tickets":null}"#,
        r#"{"record_count":0,"tickets":[]}"#,
        r#"{"tickets":[]}"#,
    ] {
        let harness = Harness::answering(&[body]);
        let list = harness
            .client
            .tickets(&TicketQuery::default())
            .await
            .unwrap();
        assert!(list.rows.is_empty() && !list.is_short(), "{body}");
    }
}

#[tokio::test]
async fn a_bare_list_is_whole() {
    let harness = Harness::answering(&[r#"[{"id":1},{"id":"2"},{"id":3.0}]"#]);
    let list = harness
        .client
        .tickets(&TicketQuery::default())
        .await
        .unwrap();
    assert_eq!(ids(&list.rows), [1, 2, 3]);
}

#[tokio::test]
async fn reference_lists_may_be_wrapped_or_bare() {
    let harness = Harness::answering(&[
        r#"[{"id":"0b9c","priorityid":3,"slaid":1,"ishidden":false}]"#,
        r#"{"record_count":1,"priorities":[{"priorityid":3.0}]}"#,
    ]);
    for _ in 0..2 {
        let rows = harness.client.priorities().await.unwrap();
        assert_eq!(rows[0].priorityid.get(), 3);
    }
}

#[tokio::test]
async fn rows_that_contradict_the_filter_are_set_aside_and_counted() {
    let cases: [(TicketQuery, &str); 5] = [
        (
            TicketQuery {
                client_id: Some(HaloClientId::new(17)),
                ..Default::default()
            },
            "client_id",
        ),
        (
            TicketQuery {
                requesttype_id: "5".parse().ok(),
                ..Default::default()
            },
            "tickettype_id",
        ),
        (
            TicketQuery {
                status_id: "2".parse().ok(),
                ..Default::default()
            },
            "status_id",
        ),
        (
            TicketQuery {
                search_summary: Some("[lg-991]".into()),
                ..Default::default()
            },
            "summary",
        ),
        (
            TicketQuery {
                ticketids: vec![TicketId::new(1)],
                ..Default::default()
            },
            "ids",
        ),
    ];
    let matching = r#"{"id":1,"client_id":17,"tickettype_id":5,"status_id":2,"agent_id":12,
        "last_update":"2026-05-02T09:00:00","summary":"[LG-991] Disk full"}"#;
    let other = r#"{"id":2,"client_id":18,"tickettype_id":6,"status_id":3,"agent_id":13,
        "last_update":"2026-05-02T08:59:59.999","summary":"[LG-9] Disk full"}"#;
    for (query, member) in cases {
        let body = format!(r#"{{"record_count":2,"tickets":[{matching},{other}]}}"#);
        let harness = Harness::answering(&[&body]);
        let list = harness.client.tickets(&query).await.unwrap();
        assert_eq!(
            (ids(&list.rows), list.filtered_out),
            (vec![1], 1),
            "{member}"
        );
        assert!(!list.is_short());
    }
}

#[tokio::test]
async fn a_thin_row_contradicts_nothing() {
    let harness = Harness::answering(&[&page(1, &[7])]);
    let query = TicketQuery {
        client_id: Some(HaloClientId::new(17)),
        lastupdatefromdate: Some(MORNING),
        search_summary: Some("x".into()),
        ..TicketQuery::default()
    };
    assert_eq!(
        ids(&harness.client.tickets(&query).await.unwrap().rows),
        [7]
    );
}

#[tokio::test]
async fn a_page_by_itself_is_one_request() {
    let harness = Harness::answering(&[&page(900, &[201, 202])]);
    let page = harness
        .client
        .tickets_page(&TicketQuery::default(), 3)
        .await
        .unwrap();
    assert_eq!(
        (ids(&page.rows), page.record_count),
        (vec![201, 202], Some(900))
    );
    assert_eq!(harness.only_sent().query_value("page_no"), Some("3"));
}

#[tokio::test]
async fn times_and_lists_are_sent_as_halopsa_reads_them() {
    let harness = Harness::answering(&["[]"]);
    let query = TicketQuery {
        lastupdatefromdate: Some(MORNING),
        ticketids: vec![TicketId::new(4), TicketId::new(5)],
        state: TicketState::Open,
        ..TicketQuery::default()
    };
    harness.client.tickets(&query).await.unwrap();
    let sent = harness.only_sent();
    assert_eq!(
        sent.query_value("lastupdatefromdate"),
        Some("2026-05-02T09:00:00.000Z")
    );
    assert_eq!(sent.query_value("ticketids"), Some("4,5"));
    assert_eq!(sent.query_value("open_only"), Some("true"));
    assert_eq!(sent.query_value("includeclosed"), None);
}

#[tokio::test]
async fn inactive_customers_come_only_when_asked_for() {
    let body = r#"{"record_count":2,"clients":[{"id":1,"name":"A"},{"id":2,"inactive":true}]}"#;
    let harness = Harness::answering(&[body, body]);
    let active = harness
        .client
        .clients(&ClientQuery::default())
        .await
        .unwrap();
    assert_eq!((active.rows.len(), active.filtered_out), (1, 1));
    let all = ClientQuery {
        includeinactive: true,
        ..ClientQuery::default()
    };
    assert_eq!(harness.client.clients(&all).await.unwrap().rows.len(), 2);
}

#[tokio::test]
async fn sites_and_actions_of_others_are_set_aside() {
    let harness = Harness::answering(&[
        r#"{"record_count":2,"sites":[{"id":1,"client_id":17.0},{"id":2,"client_id":18.0}]}"#,
        r#"{"ticket_id":4242,"record_count":2,"actions":[{"id":1,"ticket_id":4242},
            {"id":2,"ticket_id":9}]}"#,
    ]);
    let sites = harness
        .client
        .sites(Some(HaloClientId::new(17)))
        .await
        .unwrap();
    assert_eq!((sites.rows.len(), sites.filtered_out), (1, 1));
    let actions = harness.client.actions(TicketId::new(4242)).await.unwrap();
    assert_eq!((actions.rows.len(), actions.filtered_out), (1, 1));
}
