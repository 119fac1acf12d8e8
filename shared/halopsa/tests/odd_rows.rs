//! Rows of HaloPSA's lists that are odd: each costs itself at most, never the list.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use std::time::Duration;

use halogard_app::ports::{Changes, PortError, SearchWithin, ServiceDesk};
use halogard_domain::ids::{AlertId, HaloClientId, TicketId};
use halogard_domain::key::{KeySecret, SignedKey};
use halogard_domain::{FailureClass, LinkKey};
use support::{Harness, MORNING, answer};

/// Every member of a row that is read.
const MEMBERS: [&str; 11] = [
    "id",
    "summary",
    "client_id",
    "tickettype_id",
    "status_id",
    "priority_id",
    "agent_id",
    "last_update",
    "lastupdate",
    "deleted",
    "merged_into_id",
];

/// Values that mean nothing in any member, or in most, as they appear in a body.
const ODD_VALUES: [&str; 22] = [
    r#""n/a""#,
    r#""\ud83d""#,
    r#""\udc00 half of a character""#,
    r#""abc""#,
    r#""12a""#,
    r#""2026-13-45""#,
    r#""2099-01-01T00:00:00""#,
    "1e30",
    "1e400",
    "-1.5",
    "99999999999999999999999",
    "true",
    "{}",
    r#"{"id":3}"#,
    "[]",
    "[1]",
    r#"[["deep"]]"#,
    r#""""#,
    "null",
    "-1",
    "0",
    r#"{"a":{"b":[{"c":null}]}}"#,
];

/// A row of ticket `id` with one member replaced, or added.
fn row(id: u64, summary: &str, member: &str, value: &str) -> String {
    let members = [
        ("id", id.to_string()),
        ("summary", format!("{summary:?}")),
        ("client_id", "17".to_owned()),
        ("tickettype_id", "5".to_owned()),
        ("status_id", "1".to_owned()),
        ("last_update", r#""2026-05-02T08:59:00""#.to_owned()),
    ];
    let mut text: Vec<String> = members
        .iter()
        .filter(|(name, _)| *name != member)
        .map(|(name, value)| format!(r#""{name}":{value}"#))
        .collect();
    if !member.is_empty() {
        text.push(format!(r#""{member}":{value}"#));
    }
    format!("{{{}}}", text.join(","))
}

/// A row with nothing odd.
fn plain(id: u64, summary: &str) -> String {
    row(id, summary, "", "")
}

/// A list of `rows` with this count.
fn list(count: usize, rows: &[String]) -> String {
    format!(
        r#"{{"record_count":{count},"tickets":[{}]}}"#,
        rows.join(",")
    )
}

fn key() -> SignedKey {
    KeySecret::new([7; 32]).sign(LinkKey {
        prefix: "LG".into(),
        alert: AlertId::new(7586),
        recurrence: 1,
    })
}

fn within() -> SearchWithin {
    SearchWithin {
        client: Some(HaloClientId::new(17)),
        since: MORNING,
        ticket_type: None,
        key_field: None,
        unlisted: false,
    }
}

/// What a sweep reads.
async fn changes_of(harness: &Harness) -> Result<Changes, PortError> {
    let since = MORNING.minus(Duration::from_secs(3600));
    harness.desk().changed_since(since).await
}

/// Every odd member, and rows that are odd as a whole.
fn odd_rows() -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for member in MEMBERS {
        for value in ODD_VALUES {
            let text = row(4001, "Printer is on fire", member, value);
            rows.push((format!("{member}: {value}"), text));
        }
    }
    for whole in [
        "null",
        "7",
        r#""4001""#,
        "[]",
        "{}",
        r#"{"id":4001,"id":4001}"#,
        r#"{"id":4001,"summary":"a","summary":"b"}"#,
    ] {
        rows.push((whole.to_owned(), whole.to_owned()));
    }
    rows
}

#[tokio::test]
async fn a_sweep_goes_on_past_every_odd_row() {
    let odd = odd_rows();
    for (name, odd) in &odd {
        for place in 0..3 {
            let mut rows = vec![plain(4002, "[LG-7501] a"), plain(4003, "[LG-7502] b")];
            rows.insert(place, odd.clone());
            let harness = Harness::answering(&[&list(3, &rows)]);
            let changes = changes_of(&harness);
            let changes = changes
                .await
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let whole = |id| {
                let of = |seen: &&halogard_app::ports::TicketListing| seen.id == TicketId::new(id);
                changes
                    .listings
                    .iter()
                    .find(of)
                    .and_then(|seen| seen.ticket.clone())
            };
            assert!(whole(4002).is_some() && whole(4003).is_some(), "{name}");
            harness.assert_all_settled();
        }
    }
    println!("{} odd rows in 3 places each", odd.len());
}

#[tokio::test]
async fn an_odd_row_whose_number_is_known_is_listed_to_be_read_by_itself() {
    for (member, value) in [
        ("last_update", r#""n/a""#),
        ("last_update", "1e30"),
        ("last_update", r#""2099-01-01T00:00:00""#),
        ("client_id", r#""abc""#),
        ("summary", "{}"),
        ("agent_id", "[1]"),
        ("merged_into_id", r#""x""#),
    ] {
        let rows = [row(4001, "[LG-7501] a", member, value)];
        let harness = Harness::answering(&[&list(1, &rows)]);
        let changes = changes_of(&harness).await.unwrap();
        assert_eq!(changes.listings.len(), 1, "{member}: {value}");
        assert_eq!(changes.listings[0].id, TicketId::new(4001));
        assert_eq!(changes.listings[0].ticket, None, "{member}: {value}");
    }
}

#[tokio::test]
async fn a_search_goes_on_past_every_odd_row_and_finds_its_ticket() {
    let odd = odd_rows();
    for (name, odd) in &odd {
        let rows = [odd.clone(), plain(4002, "[LG-7586] Disk full")];
        let harness = Harness::answering(&[&list(2, &rows)]);
        // Read by itself, where its title is not known.
        harness.next(Ok(answer(200, &plain(4001, "Printer is on fire"))));
        let found = harness.desk().find(&key(), &within()).await;
        let found = found.unwrap_or_else(|error| panic!("{name}: {error}"));
        let ids: Vec<u64> = found.iter().map(|found| found.ticket.id.get()).collect();
        assert_eq!(ids, [4002], "{name}");
    }
    println!("{} odd rows", odd.len());
}

#[tokio::test]
async fn a_ticket_of_ours_with_an_odd_row_is_read_by_itself_and_found() {
    let mut cases = 0;
    for member in MEMBERS.into_iter().filter(|member| *member != "id") {
        for value in ODD_VALUES {
            let parsed = serde_json::from_str::<serde_json::Value>(&value.replace("\\u", ""));
            let is_readable =
                parsed.is_ok_and(|it| it.is_string() || it.is_number() || it.is_null());
            if member == "summary" && is_readable {
                // A title without our key.
                continue;
            }
            let rows = [row(4001, "[LG-7586] Disk full", member, value)];
            let harness = Harness::answering(&[&list(1, &rows)]);
            harness.next(Ok(answer(200, &plain(4001, "[LG-7586] Disk full"))));
            let found = harness.desk().find(&key(), &within()).await;
            let found = found.unwrap_or_else(|error| panic!("{member}: {value}: {error}"));
            let ids: Vec<u64> = found.iter().map(|found| found.ticket.id.get()).collect();
            assert_eq!(ids, [4001], "{member}: {value}");
            cases += 1;
        }
    }
    println!("{cases} odd members");
}

#[tokio::test]
async fn a_search_that_is_short_of_rows_has_not_found_that_there_is_nothing() {
    let empty = list(0, &[]);
    let no_id = list(1, &[r#"{"summary":"[LG-7586] Disk full"}"#.to_owned()]);
    let miscounted = list(1, &[]);
    let untitled = list(1, &[row(4001, "", "summary", "{}")]);
    for short in [no_id, miscounted.clone(), untitled] {
        for place in 0..3 {
            let harness = Harness::new();
            for at in 0..3 {
                let body = if at == place { &short } else { &empty };
                harness.next(Ok(answer(200, body)));
                if body.contains("4001") {
                    harness.next(Ok(answer(200, &row(4001, "", "summary", "{}"))));
                }
            }
            let error = harness.desk().find(&key(), &within()).await.unwrap_err();
            assert_eq!(
                error.class,
                FailureClass::Transient,
                "{short} in place {place}"
            );
        }
    }
    // What another way finds is found.
    let harness = Harness::answering(&[&miscounted, &list(1, &[plain(4001, "[LG-7586] a")])]);
    assert_eq!(
        harness.desk().find(&key(), &within()).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_ticket_is_read_whatever_its_decorations_are() {
    let mut cases = 0;
    for member in [
        "summary",
        "priority_id",
        "agent_id",
        "last_update",
        "lastupdate",
        "deleted",
        "merged_into_id",
    ] {
        for value in ODD_VALUES {
            let harness = Harness::answering(&[&row(4001, "[LG-7586] a", member, value)]);
            let read = harness.desk().read(TicketId::new(4001)).await;
            let ticket = read
                .unwrap_or_else(|error| panic!("{member}: {value}: {error}"))
                .unwrap();
            assert!(ticket.changed_at <= MORNING, "{member}: {value}");
            cases += 1;
        }
    }
    println!("{cases} odd members");
}

#[tokio::test]
async fn a_count_that_is_higher_than_the_rows_stops_no_sweep() {
    // Fewer rows than a page: the empty page after them says that this is all.
    let harness = Harness::answering(&[
        &list(3, &[plain(1, "a"), plain(2, "b")]),
        &list(3, &[plain(1, "a"), plain(2, "b")]),
        &list(3, &[]),
    ]);
    let changes = changes_of(&harness);
    let changes = changes.await.unwrap();
    assert_eq!((changes.listings.len(), changes.rest), (2, None));
    harness.assert_all_settled();
}

#[tokio::test]
async fn a_count_of_any_form_stops_no_list() {
    for count in [
        "null", r#""n/a""#, "-3", "{}", "[]", "1e30", r#""2""#, "1.5",
    ] {
        let body = format!(
            r#"{{"record_count":{count},"tickets":[{},{}]}}"#,
            plain(1, "a"),
            plain(2, "b")
        );
        let harness = Harness::answering(&[&body, &body, r#"{"tickets":[]}"#]);
        let changes = changes_of(&harness);
        let changes = changes
            .await
            .unwrap_or_else(|error| panic!("{count}: {error}"));
        assert_eq!(changes.listings.len(), 2, "{count}");
    }
}

#[tokio::test]
async fn a_ticket_that_is_listed_twice_makes_no_list_short() {
    let twice = list(3, &[plain(1, "a"), plain(1, "a"), plain(2, "[LG-7586] b")]);
    let harness = Harness::answering(&[&twice]);
    let found = harness.desk().find(&key(), &within()).await.unwrap();
    assert_eq!(found.len(), 1);
    harness.assert_all_settled();
}

#[tokio::test]
async fn bytes_that_are_no_text_cost_no_list() {
    let mut body = list(1, &[plain(1, "cut here: X")]).into_bytes();
    let at = body.iter().position(|byte| *byte == b'X').unwrap();
    body[at] = 0xf0;
    let harness = Harness::new();
    let mut response = answer(200, "");
    *response.body_mut() = bytes::Bytes::from(body);
    harness.next(Ok(response));
    let changes = changes_of(&harness);
    assert_eq!(changes.await.unwrap().listings.len(), 1);
}
