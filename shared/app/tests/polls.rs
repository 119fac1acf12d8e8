//! What a poll queues, believes and counts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::time::Duration;

use halogard_app::poll::Scope;
use halogard_app::ports::{ErrorCode, Lane};
use halogard_domain::FailureClass;
use halogard_domain::message::Message;
use support::Bench;

#[tokio::test]
async fn a_poll_queues_what_changed_and_nothing_twice() {
    let bench = Bench::new();
    assert_eq!(bench.poll(3).await.unwrap().queued, 3);
    assert_eq!(bench.poll(3).await.unwrap().queued, 0);
    bench.reconciler.liongard.list.lock().unwrap().alerts[1].description = "worse".into();
    let report = bench.reconciler.poll_alerts(Scope::Changed).await.unwrap();
    assert_eq!((report.listed, report.queued), (3, 1));
    let last = bench.file.sent_to(Lane::Urgent).pop();
    assert!(
        matches!(last, Some(Message::ReconcileAlert { alert, snapshot: Some(_), .. }) if alert.get() == 2)
    );
}

#[tokio::test]
async fn a_poll_whose_messages_could_not_be_queued_queues_them_next_time() {
    let bench = Bench::new();
    bench.file.refuse_sends_above(0);
    assert_eq!(
        bench.poll(3).await.unwrap_err().code,
        ErrorCode::StoreFailed
    );
    bench.file.accept_sends();
    assert_eq!(bench.poll(3).await.unwrap().queued, 3);
}

#[tokio::test]
async fn an_alert_that_is_no_longer_listed_is_counted_and_never_closed() {
    let bench = Bench::new();
    bench.poll(5).await.unwrap();
    let report = bench.poll(3).await.unwrap();
    assert_eq!((report.missing, report.queued), (2, 0));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_reported_beside_the_others() {
    let bench = Bench::new();
    bench.reconciler.liongard.list.lock().unwrap().unreadable = vec!["record 2 at .".into()];
    let report = bench.poll(3).await.unwrap();
    assert_eq!((report.listed, report.queued, report.unreadable), (3, 3, 1));
}

#[tokio::test]
async fn an_unknown_status_word_is_counted_and_queued() {
    let bench = Bench::new();
    bench.reconciler.liongard.show(2);
    bench.reconciler.liongard.list.lock().unwrap().alerts[0].status =
        halogard_domain::Slug::new("Frobnicated");
    let report = bench.reconciler.poll_alerts(Scope::Changed).await.unwrap();
    assert_eq!((report.unknown_words, report.queued), (1, 2));
}

#[tokio::test]
async fn a_list_that_is_suddenly_much_shorter_is_believed_the_third_time() {
    let bench = Bench::new();
    bench.poll(20).await.unwrap();
    for _ in 0..2 {
        let error = bench.poll(9).await.unwrap_err();
        assert_eq!(
            (error.code, error.class),
            (ErrorCode::AlertsShrunk, FailureClass::Transient)
        );
        assert_eq!(
            error.message.as_deref(),
            Some("9 alerts listed where there were 20")
        );
    }
    assert_eq!(bench.poll(9).await.unwrap().missing, 11);
    let sent = bench.file.sent_to(Lane::Urgent).len();
    assert_eq!(sent, 20, "a shorter list is no snapshot");
    // Believed: it is the measure for the next one.
    assert_eq!(bench.poll(5).await.unwrap().listed, 5);
}

#[tokio::test]
async fn a_complete_list_in_between_resets_the_count() {
    let bench = Bench::new();
    bench.poll(20).await.unwrap();
    for _ in 0..3 {
        for _ in 0..2 {
            bench.poll(0).await.unwrap_err();
        }
        bench.poll(20).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_taken_from_a_list_that_is_not_believed() {
    let bench = Bench::new();
    bench.poll(20).await.unwrap();
    bench.reconciler.liongard.show(9);
    bench.reconciler.liongard.list.lock().unwrap().alerts[0].description = "worse".into();
    bench
        .reconciler
        .poll_alerts(Scope::Changed)
        .await
        .unwrap_err();
    assert_eq!(bench.file.sent_to(Lane::Urgent).len(), 20);
    assert_eq!(bench.poll(20).await.unwrap().queued, 0);
}

#[tokio::test]
async fn half_a_list_and_short_lists_may_shrink_as_they_like() {
    let bench = Bench::new();
    bench.poll(20).await.unwrap();
    assert_eq!(bench.poll(10).await.unwrap().listed, 10);
    let bench = Bench::new();
    bench.poll(9).await.unwrap();
    assert_eq!(bench.poll(0).await.unwrap().missing, 9);
}

#[tokio::test]
async fn a_storm_leaves_the_urgent_lane_to_people() {
    let bench = Bench::new();
    bench.poll(50).await.unwrap();
    assert_eq!(
        (
            bench.file.sent_to(Lane::Urgent).len(),
            bench.file.sent_to(Lane::Bulk).len()
        ),
        (50, 0)
    );
    let bench = Bench::new();
    bench.poll(51).await.unwrap();
    assert_eq!(
        (
            bench.file.sent_to(Lane::Urgent).len(),
            bench.file.sent_to(Lane::Bulk).len()
        ),
        (0, 51)
    );
    let bench = Bench::new();
    bench.file.refuse_sends_above(300);
    bench.poll(450).await.unwrap_err();
    assert_eq!(
        bench.file.sent_to(Lane::Bulk).len(),
        200,
        "in pieces of 200"
    );
    bench.file.accept_sends();
    let queued = bench.poll(450).await.unwrap().queued;
    assert_eq!(queued, 250, "each piece is remembered on its own");
}

#[tokio::test]
async fn a_full_poll_queues_again_what_no_pair_has_observed() {
    let bench = Bench::new();
    bench.poll(2).await.unwrap();
    // The messages got lost.
    bench.file.execute("DELETE FROM queue");
    let thorough = || bench.reconciler.poll_alerts(Scope::All);
    assert_eq!(
        thorough().await.unwrap().queued,
        0,
        "they may still be under way"
    );
    bench.clock.pass(Duration::from_secs(900));
    assert_eq!(thorough().await.unwrap().queued, 2);
    assert_eq!(thorough().await.unwrap().queued, 0);
}
