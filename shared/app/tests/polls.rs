//! What a poll queues, believes and counts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use halogard_app::outcome::TaskEnd;
use halogard_app::poll::Scope;
use halogard_app::ports::Clock as _;
use halogard_app::ports::{ErrorCode, Lane};
use halogard_domain::ids::AlertId;
use halogard_domain::message::Message;
use halogard_domain::{Alert, FailureClass, Slug};
use support::{Bench, alert, at, failing};

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
async fn of_a_list_that_does_not_end_in_time_the_beginning_is_queued() {
    let bench = Bench::new();
    let liongard = &bench.reconciler.liongard;
    liongard.show(30);
    let part_takes = Duration::from_secs(20);
    liongard
        .slow
        .get_or_init(|| (Arc::clone(&bench.clock), part_takes));
    // A function is cut off where it stands; here the list breaks off after its first parts.
    *liongard.breaks_off_after.lock().unwrap() = Some(4);
    let error = bench
        .reconciler
        .poll_alerts(Scope::Changed)
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::LiongardNoAnswer);
    let sent = bench.file.sent_to(Lane::Urgent).len();
    assert!((6..=12).contains(&sent), "{sent} alerts are queued");

    // The next poll continues with the others.
    *liongard.breaks_off_after.lock().unwrap() = None;
    let report = bench.reconciler.poll_alerts(Scope::Changed).await.unwrap();
    assert_eq!(sent + report.queued, 30);
}

#[tokio::test]
async fn an_alert_that_is_no_longer_listed_is_counted_and_never_closed() {
    let bench = Bench::new();
    bench.poll(5).await.unwrap();
    let report = bench.poll(3).await.unwrap();
    assert_eq!((report.missing, report.queued), (2, 0));
}

/// Alert `id`, closed a moment ago.
fn closed(id: u64) -> Alert {
    Alert {
        status: Slug::new("closed"),
        changed_at: at(10),
        observed_at: at(10),
        ..alert(id)
    }
}

/// The alerts whose messages were sent, each with whether its snapshot is closed.
fn sent(bench: &Bench) -> Vec<(u64, bool)> {
    let lanes = [Lane::Urgent, Lane::Bulk];
    let sent = lanes.into_iter().flat_map(|lane| bench.file.sent_to(lane));
    sent.filter_map(|message| match message {
        Message::ReconcileAlert {
            alert, snapshot, ..
        } => Some((alert.get(), snapshot?.is_closed())),
        _ => None,
    })
    .collect()
}

/// The alerts whose messages say that they are closed.
fn closed_ones(bench: &Bench) -> Vec<u64> {
    let closed = sent(bench).into_iter().filter(|(_, is_closed)| *is_closed);
    closed.map(|(alert, _)| alert).collect()
}

#[tokio::test]
async fn an_alert_that_is_no_longer_listed_is_read_by_its_id_once() {
    // What Liongard shows of alert 3, and what follows from it.
    let changed = Alert {
        description: "worse".into(),
        ..alert(3)
    };
    let cases = [
        ("closed", Some(closed(3)), Some(true)),
        ("changed", Some(changed), Some(false)),
        ("as before", Some(alert(3)), None),
        ("gone", None, None),
    ];
    for (case, shown, queued) in cases {
        let bench = Bench::new();
        bench.poll(3).await.unwrap();
        if let Some(shown) = shown {
            bench.reconciler.liongard.unlist(shown);
        }
        let report = bench.poll(2).await.unwrap();
        assert_eq!((report.missing, report.confirmed), (1, 1), "{case}");
        let expected: Vec<_> = queued.map(|is_closed| (3, is_closed)).into_iter().collect();
        assert_eq!(sent(&bench).split_off(3), expected, "{case}");
        assert_eq!(bench.reconciler.liongard.reads(), [3], "{case}");
        for _ in 0..3 {
            let report = bench.poll(2).await.unwrap();
            assert_eq!((report.queued, report.confirmed), (0, 0), "{case}");
        }
        // Listed again, it is followed as before.
        let report = bench.poll(3).await.unwrap();
        assert_eq!(report.queued, usize::from(queued.is_some()), "{case}");
        bench.reconciler.liongard.unlist(closed(3));
        let report = bench.poll(2).await.unwrap();
        assert_eq!((report.queued, report.confirmed), (1, 1), "{case}");
    }
}

#[tokio::test]
async fn a_poll_reads_twenty_unlisted_alerts_and_the_next_ones_the_others() {
    let bench = Bench::new();
    bench.poll(60).await.unwrap();
    for id in 31..=60 {
        bench.reconciler.liongard.unlist(closed(id));
    }
    let mut queued = Vec::new();
    for _ in 0..3 {
        queued.push(bench.poll(30).await.unwrap().queued);
    }
    assert_eq!(queued, [20, 10, 0]);
    let mut read: Vec<u64> = closed_ones(&bench);
    read.sort_unstable();
    assert_eq!(read, Vec::from_iter(31..=60));
}

#[tokio::test]
async fn an_unlisted_alert_that_could_not_be_read_is_read_by_a_later_poll() {
    // Whether the next poll reads it, or a full one does.
    for (class, is_next) in [
        (FailureClass::Transient, true),
        (FailureClass::Permanent, false),
    ] {
        let bench = Bench::swept().await;
        bench.poll(2).await.unwrap();
        bench.process_all().await;
        let liongard = &bench.reconciler.liongard;
        liongard.unlist(closed(2));
        let code = ErrorCode::LiongardNoAnswer;
        liongard.read_switch.fail(failing(class, code));
        let report = bench.poll(1).await.unwrap();
        assert_eq!((report.queued, report.confirmed), (0, 0), "{class:?}");
        liongard.read_switch.repair();
        let queued = bench.poll(1).await.unwrap().queued;
        assert_eq!(queued, usize::from(is_next), "{class:?}");
        if !is_next {
            let report = bench.full_poll_after(Duration::from_secs(3_600)).await;
            assert_eq!(report.queued, 1, "{class:?}");
        }
    }
}

#[tokio::test]
async fn unlisted_alerts_that_cannot_be_read_hold_up_no_other() {
    let bench = Bench::new();
    bench.poll(40).await.unwrap();
    for id in 25..=40 {
        bench.reconciler.liongard.unlist(closed(id));
    }
    let code = ErrorCode::LiongardNoAnswer;
    let unreadable = &bench.reconciler.liongard.unreadable;
    unreadable.lock().unwrap().extend([25, 26, 27, 28]);
    let failure = failing(FailureClass::Transient, code);
    bench.reconciler.liongard.read_switch.fail(failure);
    for _ in 0..200 {
        bench.clock.pass(Duration::from_millis(10_007));
        bench.poll(24).await.unwrap();
    }
    let mut read = closed_ones(&bench);
    read.sort_unstable();
    assert_eq!(read, Vec::from_iter(29..=40));
}

#[tokio::test]
async fn a_full_poll_reads_unlisted_alerts_again_until_their_pairs_are_closed() {
    let bench = Bench::swept().await;
    bench.poll(2).await.unwrap();
    bench.process_all().await;
    let liongard = &bench.reconciler.liongard;
    // Hidden, and open: each full poll looks whether it has closed.
    liongard.unlist(alert(2));
    bench.poll(1).await.unwrap();
    liongard.reads();
    for _ in 0..2 {
        let report = bench.full_poll_after(Duration::from_secs(3_600)).await;
        assert_eq!((report.queued, liongard.reads()), (0, vec![2]));
    }
    liongard.unlist(closed(2));
    let report = bench.full_poll_after(Duration::from_secs(3_600)).await;
    assert_eq!((report.queued, liongard.reads()), (1, vec![2]));
    // Its message is lost: the next full poll sends another one.
    bench.file.execute("DELETE FROM queue");
    let report = bench.full_poll_after(Duration::from_secs(3_600)).await;
    assert_eq!((report.queued, liongard.reads()), (1, vec![2]));
    bench.process_all().await;
    liongard.reads();
    for _ in 0..2 {
        let report = bench.full_poll_after(Duration::from_secs(3_600)).await;
        assert_eq!((report.queued, liongard.reads()), (0, Vec::new()));
    }
    assert_eq!(
        bench.file.index_entry(AlertId::new(2)),
        Some((true, None)),
        "closed on both sides"
    );
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
    assert_eq!(sent, 20, "a shorter list is not a snapshot");
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

/// The one entry of the index: whether its pair was seen in sync, and since when no list names it.
fn index_entry(bench: &Bench) -> Option<(bool, Option<i64>)> {
    bench.file.index_entry(AlertId::new(1))
}

/// A bench whose first poll was long ago, with alert 1 closed and queued and no message left.
async fn with_one_closed_alert() -> Bench {
    let bench = Box::pin(Bench::swept()).await;
    bench.reconciler.liongard.show(1);
    bench.reconciler.liongard.list.lock().unwrap().alerts[0].status = Slug::new("closed");
    Box::pin(bench.reconciler.sync_cycle()).await;
    Box::pin(bench.process_all()).await;
    bench
}

#[tokio::test]
async fn a_full_poll_reads_the_pairs_of_listed_alerts_only() {
    let bench = Bench::swept().await;
    bench.poll(5).await.unwrap();
    bench.process_all().await;
    // A link that no list names cannot be read, and no poll reads it.
    bench.file.execute(
        "INSERT INTO links (alert, revision, parked, refused, waiting, claimed, body)
         VALUES (900, 1, 0, 1, 1, 0, 'no link at all')",
    );
    bench.clock.pass(Duration::from_secs(900));
    let report = bench.reconciler.poll_alerts(Scope::All).await.unwrap();
    assert_eq!(report.queued, 0);
}

#[tokio::test]
async fn a_closed_alert_whose_pair_is_in_sync_is_compared_once_and_forgotten_after_a_week() {
    let bench = with_one_closed_alert().await;
    assert_eq!(index_entry(&bench), Some((false, None)));
    let full = || bench.reconciler.poll_alerts(Scope::All);
    bench.clock.pass(Duration::from_secs(900));
    full().await.unwrap();
    assert_eq!(index_entry(&bench), Some((true, None)));
    bench.clock.pass(Duration::from_secs(8 * 24 * 3600));
    full().await.unwrap();
    assert_eq!(index_entry(&bench), None);
    for _ in 0..3 {
        assert_eq!(full().await.unwrap().queued, 0, "it is not news");
    }
    bench.reconciler.liongard.list.lock().unwrap().alerts[0].status = Slug::new("new");
    assert_eq!(full().await.unwrap().queued, 1, "open again, it is");
}

#[tokio::test]
async fn an_alert_that_closed_before_the_first_poll_is_queued_however_long_ago() {
    let bench = Bench::new();
    bench.reconciler.liongard.show(1);
    bench.reconciler.liongard.list.lock().unwrap().alerts[0].status = Slug::new("closed");
    bench.clock.pass(Duration::from_secs(400 * 24 * 3600));
    let report = bench.reconciler.poll_alerts(Scope::Changed).await.unwrap();
    assert_eq!(report.queued, 1);
}

#[tokio::test]
async fn an_entry_that_no_list_names_goes_after_a_month_unless_its_ticket_is_open() {
    let bench = Bench::swept().await;
    bench.poll(2).await.unwrap();
    bench.process_all().await;
    bench.file.execute("DELETE FROM links WHERE alert = 2");
    let full = || bench.reconciler.poll_alerts(Scope::All);
    bench.reconciler.liongard.show(0);
    let entry = |id| bench.file.index_entry(AlertId::new(id));
    full().await.unwrap();
    assert!(matches!(entry(1), Some((false, Some(_)))));
    bench.reconciler.liongard.show(1);
    full().await.unwrap();
    assert_eq!(entry(1), Some((false, None)), "listed again");
    bench.reconciler.liongard.show(0);
    full().await.unwrap();
    bench.clock.pass(Duration::from_secs(29 * 24 * 3600));
    full().await.unwrap();
    assert!(entry(2).is_some(), "younger than a month");
    bench.clock.pass(Duration::from_secs(2 * 24 * 3600));
    full().await.unwrap();
    assert_eq!(entry(2), None);
    assert!(entry(1).is_some(), "its ticket is open");
}

#[tokio::test]
async fn a_full_poll_that_never_ends_does_not_keep_the_next_one_from_queuing() {
    let bench = Bench::swept().await;
    bench.reconciler.sync_cycle().await;
    bench.clock.pass(Duration::from_secs(3_700));
    bench.reconciler.liongard.show(1);
    bench.file.refuse_sends_above(0);
    bench.reconciler.sync_cycle().await;
    bench.file.accept_sends();
    // The one that failed was the full poll of this hour: the next one compares changes only.
    bench.file.execute(
        "INSERT INTO links (alert, revision, parked, refused, waiting, claimed, body)
         VALUES (1, 1, 0, 0, 0, 0, 'no link at all')",
    );
    bench.clock.pass(Duration::from_secs(60));
    let polled = bench.reconciler.sync_cycle().await.polled;
    assert_eq!(polled, TaskEnd::Complete(1));
}

#[tokio::test]
async fn an_alert_older_than_the_shortest_age_is_searched_for_before_its_ticket_is_opened() {
    let bench = with_one_closed_alert().await;
    bench.clock.pass(Duration::from_secs(31 * 24 * 3600));
    bench.reconciler.sync_cycle().await;
    bench.file.execute("DELETE FROM links");
    let searched = || bench.reconciler.desk.searches.lock().unwrap().len();
    let before = searched();
    bench.reconciler.liongard.list.lock().unwrap().alerts[0].status = Slug::new("new");
    bench.reconciler.liongard.list.lock().unwrap().alerts[0].changed_at = bench.clock.now();
    bench.reconciler.sync_cycle().await;
    bench.process_all().await;
    // The store was away for a month: a sweep comes first.
    bench.clock.pass(Duration::from_secs(400));
    bench.reconciler.sync_cycle().await;
    bench.process_all().await;
    assert_eq!(searched(), before + 1);
    assert_eq!(
        *bench.reconciler.desk.opens.lock().unwrap(),
        1,
        "nothing was found"
    );
}

#[tokio::test]
async fn a_closed_alert_without_a_link_gets_none_once_it_may_have_expired() {
    let bench = with_one_closed_alert().await;
    bench.clock.pass(Duration::from_secs(31 * 24 * 3600));
    bench.reconciler.sync_cycle().await;
    bench.file.execute("DELETE FROM links");
    bench.reconciler.liongard.list.lock().unwrap().alerts[0].description = "other".into();
    bench.reconciler.liongard.list.lock().unwrap().alerts[0].changed_at = bench.clock.now();
    bench.reconciler.sync_cycle().await;
    bench.process_all().await;
    assert!(!bench.file.has_link(AlertId::new(1)));
}

#[tokio::test]
async fn nothing_is_deleted_while_the_clock_of_the_desk_does_not_confirm_ours() {
    let bench = Bench::swept().await;
    let prune = async || bench.reconciler.sync_cycle().await.pruned;
    let theirs = |time| *bench.reconciler.desk.desk_time.lock().unwrap() = time;
    *bench.reconciler.desk.hides_its_time.lock().unwrap() = true;
    assert_eq!(prune().await, TaskEnd::Skipped);
    *bench.reconciler.desk.hides_its_time.lock().unwrap() = false;
    theirs(Some(bench.clock.now()));
    bench.clock.pass(Duration::from_secs(400 * 24 * 3600));
    assert_eq!(prune().await, TaskEnd::Skipped);
    theirs(Some(bench.clock.now()));
    assert_eq!(prune().await, TaskEnd::Complete(0));
    assert_eq!(prune().await, TaskEnd::Skipped, "once an hour");
}

#[tokio::test]
async fn what_waits_for_halopsa_is_not_queued_once_more_each_hour() {
    let bench = Bench::swept().await;
    let away = support::failing(FailureClass::Transient, ErrorCode::HalopsaUnreachable);
    bench.reconciler.desk.switch.fail(away);
    bench.reconciler.liongard.show(5);
    let cycles = async |count: u32| {
        for _ in 0..count {
            bench.clock.pass(Duration::from_secs(300));
            bench.reconciler.sync_cycle().await;
        }
    };
    cycles(24 * 12).await;
    assert_eq!(bench.file.queue().len(), 5, "while HaloPSA is away");

    // What waits is worked on within a quarter of an hour; only then can it be lost.
    bench.reconciler.desk.switch.repair();
    cycles(2).await;
    assert_eq!(bench.file.queue().len(), 5, "a moment after it is back");
    cycles(12).await;
    assert_eq!(
        bench.file.queue().len(),
        10,
        "what is not in sync an hour later"
    );
}
