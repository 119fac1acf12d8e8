//! Lists of changes that one request does not show: read from the end, and believed only as far as
//! HaloPSA keeps to what was asked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use std::ops::Range;
use std::time::Duration;

use halogard_app::ports::{Changes, ErrorCode, PortError, ServiceDesk};
use halogard_domain::FailureClass::{Permanent, Transient};
use halogard_domain::Timestamp;
use halogard_domain::sweep_cursor::ChangeRange;
use serde_json::{Value, json};
use support::{MORNING, answering};

/// 2026-05-02T09:00:41.043Z, when every ticket of these lists changed last.
const CHANGED: Timestamp = Timestamp::from_millis(MORNING.as_millis() + 41_043);

/// A page of the tickets in the places `ids`, counted from 0, out of `count`.
fn page(count: u64, ids: Range<u64>) -> Value {
    page_of(count, ids, "2026-05-02T09:00:41.043")
}

/// The same, all changed at `last_update`.
fn page_of(count: u64, ids: Range<u64>, last_update: &str) -> Value {
    let row = |place| json!({"id": place + 1, "status_id": 1, "last_update": last_update});
    json!({"record_count": count, "tickets": ids.map(row).collect::<Vec<_>>()})
}

/// A range of `count` tickets of which `pages` are left.
fn range(pages: u32, count: u32) -> ChangeRange {
    ChangeRange {
        since: MORNING,
        until: CHANGED.plus(Duration::from_millis(2)),
        pages,
        count,
    }
}

/// Reads on in `range`, where HaloPSA answers so.
async fn next_page(range: &ChangeRange, bodies: &[Value]) -> Result<Changes, PortError> {
    let harness = answering(bodies);
    let changes = harness.desk().next_page(range).await;
    harness.assert_all_settled();
    changes
}

#[tokio::test]
async fn a_list_of_more_than_a_page_leaves_a_range_of_the_past() {
    let harness = answering(&[page(250, 0..100)]);
    let changes = harness.desk().changed_since(MORNING).await.unwrap();
    assert_eq!(changes.listings.len(), 100);
    assert_eq!(changes.rest, Some(range(3, 250)));
    let sent = harness.only_sent();
    assert_eq!(
        sent.query_value("lastupdatefromdate"),
        Some("2026-05-02T09:00:00.000Z")
    );
    assert_eq!(sent.query_value("lastupdatetodate"), None);
    assert_eq!(
        (sent.query_value("order"), sent.query_value("orderdesc")),
        (Some("id"), Some("true"))
    );
    harness.assert_all_settled();
}

#[tokio::test]
async fn a_range_always_advances_however_many_tickets_changed_at_once() {
    let harness = answering(&[page(250, 0..100)]);
    let changes = harness.desk().changed_since(CHANGED).await.unwrap();
    assert!(changes.rest.unwrap().until > CHANGED.plus(Duration::from_millis(1)));
}

#[tokio::test]
async fn a_range_is_read_from_its_last_page_to_its_first() {
    let harness = answering(&[page(250, 0..50), page(250, 50..150), page(250, 150..250)]);
    let desk = harness.desk();
    let mut left = Some(range(3, 250));
    let mut ids = Vec::new();
    while let Some(range) = left {
        let changes = desk.next_page(&range).await.unwrap();
        ids.extend(changes.listings.iter().map(|seen| seen.id.get()));
        left = changes.rest;
    }
    assert_eq!(ids, (1..=250).collect::<Vec<_>>());
    let asked: Vec<_> = harness
        .sent()
        .iter()
        .map(|sent| sent.query_value("page_no").unwrap().to_owned())
        .collect();
    assert_eq!(asked, ["3", "2", "1"]);
    let sent = &harness.sent()[0];
    assert_eq!(
        sent.query_value("lastupdatefromdate"),
        Some("2026-05-02T09:00:00.000Z")
    );
    assert_eq!(
        sent.query_value("lastupdatetodate"),
        Some("2026-05-02T09:00:41.045Z")
    );
    harness.assert_all_settled();
}

#[tokio::test]
async fn pages_that_have_become_empty_are_passed_over() {
    for (count, left) in [
        (0, None),
        (1, Some(1)),
        (100, Some(1)),
        (101, Some(2)),
        (400, Some(4)),
    ] {
        let changes = next_page(&range(5, 450), &[page(count, 0..0)])
            .await
            .unwrap();
        assert_eq!(changes.rest.map(|rest| rest.pages), left, "{count}");
    }
}

#[tokio::test]
async fn a_range_that_another_ticket_joined_is_read_again() {
    let joined = page(451, 0..51);
    let changes = next_page(&range(5, 450), &[joined]).await.unwrap();
    assert_eq!(changes.rest, Some(range(5, 451)));
    let joined = page(451, 0..100);
    let changes = next_page(&range(2, 450), &[joined]).await.unwrap();
    assert_eq!(changes.rest, Some(range(5, 451)));
}

#[tokio::test]
async fn a_page_with_unexpected_rows_is_an_error() {
    // A list that is short in two ways is still moving.
    let short = [page(450, 0..99), page(450, 0..98)];
    let error = next_page(&range(2, 450), &short).await.unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Transient, ErrorCode::HalopsaShortList)
    );
    assert_eq!(error.message.as_deref(), Some("98 of 100 rows came"));
    // Short in the same way twice: a row is counted that is never listed.
    let short = [page(450, 0..99), page(450, 0..99)];
    let changes = next_page(&range(2, 450), &short).await.unwrap();
    assert_eq!(
        (changes.listings.len(), changes.rest),
        (99, Some(range(1, 450)))
    );
    // Whole the second time.
    let short = [page(450, 0..99), page(450, 0..100)];
    let changes = next_page(&range(2, 450), &short).await.unwrap();
    assert_eq!(changes.listings.len(), 100);
    // If HaloPSA ignores the page number, it sends a full page where half of one is left.
    let repeated = page(450, 0..100);
    let error = next_page(&range(5, 450), &[repeated]).await.unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Permanent, ErrorCode::HalopsaUnexpected)
    );
}

#[tokio::test]
async fn a_list_that_ignores_its_range_is_read_whole() {
    let later = page_of(2, 0..2, "2026-05-02T09:00:41.046");
    let uncounted = json!({"tickets": [{"id": 1, "last_update": "2026-05-02T09:00:41.043"}]});
    for odd in [later, uncounted] {
        let changes = next_page(&range(1, 2), &[odd, page(3, 0..3)])
            .await
            .unwrap();
        assert_eq!((changes.listings.len(), changes.rest), (3, None));
    }
}

#[tokio::test]
async fn a_list_that_lacks_what_a_range_needs_is_read_whole() {
    let row = |place: u64| json!({"id": place + 1, "status_id": 1});
    let timeless = json!({"record_count": 101, "tickets": (0..100).map(row).collect::<Vec<_>>()});
    let last = json!({"record_count": 101, "tickets": [row(100)]});
    let clamped = page(60, 0..50);
    for bodies in [
        vec![timeless.clone(), timeless, last],
        vec![clamped.clone(), clamped, page(60, 50..60)],
    ] {
        let harness = answering(&bodies);
        let changes = harness.desk().changed_since(MORNING).await.unwrap();
        assert!(changes.listings.len() > 59);
        assert_eq!(changes.rest, None);
        harness.assert_all_settled();
    }
}

#[tokio::test]
async fn more_changes_than_there_can_be_are_an_error() {
    let harness = answering(&[page(10_000_001, 0..100)]);
    let error = harness.desk().changed_since(MORNING).await.unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Permanent, ErrorCode::HalopsaUnexpected)
    );
    let harness = answering(&[page(40_000, 0..100)]);
    assert!(harness.desk().changed_since(MORNING).await.is_ok());
}
