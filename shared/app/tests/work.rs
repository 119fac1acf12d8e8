//! What becomes of a message: done, given back, tried again, buried. And who puts messages there:
//! the poll and the sweep.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use halogard_app::poll::{PollReport, Thoroughness};
use halogard_app::ports::{Lane, PortError, Refusal, Sighting, WorkSink};
use halogard_app::work::{FAILURES_MAX, Worked};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::{Cause, Message, Notification, VERSION};
use halogard_domain::sweep::Stretch;
use halogard_domain::{Alert, FailureClass, Link, Ticket, Timestamp, Word};
use support::{Bench, CLOSED, Failure, alert, at, failing, ticket};

const ALERT: AlertId = AlertId::new(7586);
const TICKET: TicketId = TicketId::new(4242);

/// A bench with one message that makes Liongard be asked, which fails so.
async fn failing_with(failure: Failure) -> Bench {
    let bench = Bench::new();
    bench.bundle.liongard.switch.fail(failure);
    let look = Message::look_at_alert(ALERT, Cause::Operator);
    bench
        .bundle
        .store
        .send(Lane::Urgent, &[look.into()])
        .await
        .unwrap();
    bench
}

/// Works off the one message, which must be due.
async fn work(bench: &Bench) -> Worked {
    bench
        .bundle
        .work_next(Lane::Urgent)
        .await
        .unwrap()
        .pop()
        .expect("a message is due")
}

/// Works off the one message again and again, each time when it is due, until it is buried or was
/// tried `most` times. Brings the pauses between.
async fn work_until_buried(bench: &Bench, most: u32) -> (Vec<Duration>, Worked) {
    let mut pauses = Vec::new();
    loop {
        let worked = work(bench).await;
        let left = bench.bundle.store.open().queue.first().cloned();
        let Some(item) = left else {
            return (pauses, worked);
        };
        assert!(
            pauses.len() < usize::try_from(most).unwrap(),
            "it is never buried"
        );
        let now = halogard_app::ports::Clock::now(&bench.clock);
        let pause = item.not_before.since(now);
        assert!(pause > Duration::ZERO, "it came back at once");
        pauses.push(pause);
        bench.clock.pass(pause);
    }
}

#[tokio::test]
async fn a_body_nobody_can_read_is_buried_at_once_and_whole() {
    for body in [
        "",
        "not json",
        "{}",
        r#"{"type":"open_ticket","version":1}"#,
        "\u{0}",
    ] {
        let bench = Bench::new();
        bench.bundle.store.put(Lane::Urgent, body);
        assert_eq!(work(&bench).await.outcome, "unreadable", "{body}");
        let dead = bench.only_dead();
        assert_eq!((dead.body.as_str(), dead.receive_count), (body, 1));
        assert!(!dead.reason.is_empty());
        assert_eq!(
            bench.bundle.liongard.switch.asked() + bench.bundle.desk.switch.asked(),
            0
        );
    }
}

#[tokio::test]
async fn an_unreadable_body_holds_nobody_else_up() {
    let bench = Bench::new();
    bench.bundle.store.put(Lane::Urgent, "not json");
    let look = Message::look_at_alert(ALERT, Cause::Operator);
    bench
        .bundle
        .store
        .send(Lane::Urgent, &[look.into()])
        .await
        .unwrap();
    assert_eq!(bench.work_off().await, ["unreadable", "not_ours"]);
}

#[tokio::test]
async fn an_empty_lane_has_no_work() {
    let bench = Bench::new();
    for lane in Lane::ALL {
        assert_eq!(bench.bundle.work_next(lane).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_spent_budget_gives_the_message_back_free_and_rests_the_lane() {
    let until = at(240);
    let bench = failing_with(Arc::new(move || {
        let mut error = PortError::new(FailureClass::Transient, "budget.spent");
        error.retry_at = Some(until);
        error
    }))
    .await;
    let worked = work(&bench).await;
    assert_eq!(
        worked,
        Worked {
            outcome: "out_of_budget",
            did: vec![],
            rest_until: Some(until)
        }
    );
    let item = bench.only_item();
    assert_eq!((item.received, item.not_before), (0, until));
    assert_eq!(
        bench.bundle.work_next(Lane::Urgent).await.unwrap(),
        [],
        "it is not due"
    );
}

#[tokio::test]
async fn a_throttled_message_is_given_back_for_as_long_as_was_asked() {
    let asked = Some(Duration::from_secs(77));
    for (retry_after, pause) in [(asked, 77), (None, 30)] {
        let bench = failing_with(Arc::new(move || {
            PortError::new(FailureClass::Throttled { retry_after }, "desk.throttled")
        }))
        .await;
        let worked = work(&bench).await;
        assert_eq!(
            worked,
            Worked {
                outcome: "throttled",
                did: vec![],
                rest_until: Some(at(pause))
            }
        );
        let item = bench.only_item();
        assert_eq!((item.received, item.not_before), (0, at(pause)));
    }
}

/// A credential that is not accepted.
fn unauthorised() -> PortError {
    let mut error = PortError::new(FailureClass::Permanent, "desk.credential");
    error.refusal = Some(Refusal::Unauthorised);
    error
}

#[tokio::test]
async fn waiting_costs_nothing_however_often_it_happens() {
    let rows: [(&str, Failure); 3] = [
        ("unauthorised", Arc::new(unauthorised)),
        (
            "throttled",
            failing(
                FailureClass::Throttled { retry_after: None },
                "desk.throttled",
            ),
        ),
        (
            "out_of_budget",
            Arc::new(|| {
                let mut error = PortError::new(FailureClass::Transient, "budget.spent");
                error.retry_at = Some(at(0));
                error
            }),
        ),
    ];
    for (outcome, failure) in rows {
        let bench = failing_with(failure).await;
        for _ in 0..3 * FAILURES_MAX {
            assert_eq!(work(&bench).await.outcome, outcome);
            bench.clock.pass(Duration::from_secs(60));
        }
        assert_eq!(bench.only_item().received, 0);
        assert!(bench.bundle.store.open().dead.is_empty());
    }
}

#[tokio::test]
async fn a_credential_that_is_not_accepted_is_tried_once_a_minute_until_it_is() {
    let bench = failing_with(Arc::new(unauthorised)).await;
    let worked = work(&bench).await;
    assert_eq!(
        worked,
        Worked {
            outcome: "unauthorised",
            did: vec![],
            rest_until: Some(at(60))
        }
    );
    bench.bundle.liongard.switch.mend();
    bench.clock.pass(Duration::from_secs(60));
    assert_eq!(work(&bench).await.outcome, "not_ours");
}

#[tokio::test]
async fn a_transient_failure_is_tried_again_after_growing_pauses_for_more_than_a_day() {
    let bench = failing_with(failing(FailureClass::Transient, "desk.unreachable")).await;
    let (pauses, last) = work_until_buried(&bench, FAILURES_MAX).await;
    assert_eq!(
        last,
        Worked {
            outcome: "gave_up",
            did: vec![],
            rest_until: None
        }
    );
    let seconds: Vec<u64> = pauses.iter().map(Duration::as_secs).collect();
    assert_eq!(
        seconds[..11],
        [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    );
    assert!(seconds[9..].iter().all(|pause| *pause == 900));
    assert_eq!(pauses.len(), usize::try_from(FAILURES_MAX).unwrap() - 1);
    assert!(pauses.iter().sum::<Duration>() > Duration::from_secs(24 * 3600));
    let dead = bench.only_dead();
    assert_eq!(dead.receive_count, FAILURES_MAX);
    assert_eq!(
        dead.reason,
        format!("desk.unreachable ({FAILURES_MAX} tries)")
    );
}

#[tokio::test]
async fn doubt_is_tried_again_like_any_failure_that_may_pass() {
    let bench = failing_with(failing(FailureClass::InDoubt, "liongard.no_answer")).await;
    assert_eq!(work(&bench).await.outcome, "in_doubt");
    let item = bench.only_item();
    assert_eq!((item.received, item.not_before), (1, at(2)));
    let bench = failing_with(failing(FailureClass::InDoubt, "liongard.no_answer")).await;
    let (_, last) = work_until_buried(&bench, FAILURES_MAX).await;
    assert_eq!(last.outcome, "gave_up");
}

#[tokio::test]
async fn an_unexpected_answer_is_asked_for_five_times() {
    let bench = failing_with(Arc::new(|| {
        PortError::new(FailureClass::Permanent, "liongard.unexpected").saying("alert 7586 at .")
    }))
    .await;
    let (pauses, last) = work_until_buried(&bench, 5).await;
    assert_eq!(last.outcome, "failed");
    assert_eq!(
        pauses.iter().map(Duration::as_secs).collect::<Vec<_>>(),
        [2, 4, 8, 16]
    );
    let dead = bench.only_dead();
    assert_eq!(dead.receive_count, 5);
    assert_eq!(dead.reason, "liongard.unexpected: alert 7586 at .");
}

#[tokio::test]
async fn what_is_refused_for_good_is_buried_at_once_with_the_reason() {
    let bench = failing_with(Arc::new(|| {
        PortError::new(FailureClass::Permanent, "liongard.refused").saying("no such role")
    }))
    .await;
    assert_eq!(work(&bench).await.outcome, "failed");
    assert_eq!(bench.only_dead().reason, "liongard.refused: no such role");
}

#[tokio::test]
async fn a_write_the_desk_refuses_is_buried_in_the_desks_own_words() {
    let bench = Bench::new();
    bench.bundle.liongard.show(1);
    bench.bundle.desk.switch.fail(Arc::new(|| {
        let mut error =
            PortError::new(FailureClass::Permanent, "desk.refused").saying("Category is required");
        error.refusal = Some(Refusal::MissingFields(vec!["Category".into()]));
        error
    }));
    bench
        .bundle
        .poll_alerts(Thoroughness::Changes)
        .await
        .unwrap();
    assert_eq!(bench.work_off().await, ["refused"]);
    let dead = bench.only_dead();
    assert!(
        dead.reason.contains("Category is required"),
        "{}",
        dead.reason
    );
    assert!(
        dead.reason.contains("custom_fields"),
        "it says what to do: {}",
        dead.reason
    );
}

#[tokio::test]
async fn a_failure_that_passes_ends_in_one_ticket() {
    let bench = Bench::new();
    bench.bundle.liongard.show(1);
    bench
        .bundle
        .desk
        .switch
        .fail(failing(FailureClass::Transient, "desk.unreachable"));
    bench
        .bundle
        .poll_alerts(Thoroughness::Changes)
        .await
        .unwrap();
    assert_eq!(bench.work_off().await, ["transient"]);
    bench.bundle.desk.switch.mend();
    bench.clock.pass(Duration::from_secs(2));
    assert_eq!(bench.work_off().await, ["opened"]);
    assert_eq!(bench.bundle.desk.tickets.lock().unwrap().len(), 1);
    assert!(bench.bundle.store.open().queue.is_empty());
}

/// "Look at the ticket", because of a webhook.
fn webhook(delivery: &str, content: &str) -> Message {
    let notification = Notification {
        delivery: Some(delivery.into()),
        content: content.into(),
        event: Some("ticket updated".into()),
        object: Some(TICKET.get()),
        kind: "ticket_changed".into(),
    };
    Message::look_at_ticket(TICKET, Cause::Webhook { notification })
}

/// A bench whose alert 7586 has ticket 4242, which the desk holds in `status`.
async fn linked(status: Ticket) -> Bench {
    let bench = Bench::new();
    bench
        .bundle
        .desk
        .tickets
        .lock()
        .unwrap()
        .insert(status.id, status);
    let mut link = Link::new(ALERT);
    link.attach(TICKET);
    link.hear_alert(alert(ALERT.get()));
    link.hear_ticket(ticket(4242, 7586, at(-30)));
    bench
        .bundle
        .store
        .open()
        .links
        .insert(ALERT, (link, halogard_app::ports::Revision(1)));
    bench
}

#[tokio::test]
async fn a_repeated_notification_is_not_worked_twice() {
    let bench = linked(ticket(4242, 7586, at(-30))).await;
    for (delivery, content) in [
        ("one", "a"),
        ("one", "a"),
        ("two", "a"),
        ("one", "b"),
        ("three", "c"),
    ] {
        bench
            .bundle
            .store
            .send(Lane::Urgent, &[webhook(delivery, content).into()])
            .await
            .unwrap();
    }
    let outcomes = bench.work_off().await;
    assert_eq!(
        outcomes[1..],
        ["duplicate", "duplicate", "duplicate", "in_step"]
    );
    assert_ne!(outcomes[0], "duplicate");
    assert_eq!(
        bench.bundle.desk.switch.asked(),
        2,
        "once for each that is new"
    );
}

#[tokio::test]
async fn a_notification_whose_body_says_nothing_new_needs_no_memory() {
    let bench = linked(ticket(4242, 7586, at(-30))).await;
    let Message::LookAtTicket { cause, .. } = webhook("one", "a") else {
        panic!("a webhook asks for a look at its ticket");
    };
    let settled = Message::ticket_news(ticket(4242, 7586, at(-30)), Cause::Sweep);
    let ours = Message::ticket_news(ticket(4242, 7586, at(-30)), cause.clone());
    let touched = Message::ticket_news(ticket(4242, 7586, at(-20)), cause.clone());
    let printer = Ticket {
        summary: "The printer is out of paper".into(),
        ..ticket(99, 1, at(-30))
    };
    let strange = Message::ticket_news(printer, cause);
    for message in [&settled, &ours, &ours, &touched, &strange, &strange] {
        let outgoing = [message.clone().into()];
        let sent = bench.bundle.store.send(Lane::Urgent, &outgoing);
        sent.await.unwrap();
    }

    let outcomes = bench.work_off().await;

    let nothing = ["in_step", "in_step", "in_step", "not_ours", "not_ours"];
    assert_eq!(outcomes[1..], nothing);
    assert_eq!(bench.bundle.store.open().notifications.len(), 0);
    assert_eq!(bench.bundle.desk.switch.asked(), 0, "the bodies suffice");
}

#[tokio::test]
async fn a_notification_whose_look_failed_is_no_repeat_when_it_comes_back() {
    let bench = linked(ticket(4242, 7586, at(-30))).await;
    bench
        .bundle
        .desk
        .switch
        .fail(failing(FailureClass::Transient, "desk.unreachable"));
    bench
        .bundle
        .store
        .send(Lane::Urgent, &[webhook("one", "a").into()])
        .await
        .unwrap();
    assert_eq!(bench.work_off().await, ["transient"]);
    assert!(bench.bundle.store.open().notifications.is_empty());
    bench.bundle.desk.switch.mend();
    bench.clock.pass(Duration::from_secs(2));
    assert_ne!(bench.work_off().await, ["duplicate"]);
    assert_eq!(bench.bundle.store.open().notifications.len(), 1);
}

#[tokio::test]
async fn a_notification_that_concerns_no_ticket_is_kept_and_counted_once() {
    let bench = Bench::new();
    let notification = Notification {
        delivery: None,
        content: "a".into(),
        event: Some("site created".into()),
        object: Some(31),
        kind: "site_created".into(),
    };
    let keep = Message::KeepNotification {
        version: VERSION,
        notification,
    };
    for _ in 0..2 {
        bench
            .bundle
            .store
            .send(Lane::Urgent, &[keep.clone().into()])
            .await
            .unwrap();
    }
    assert_eq!(bench.work_off().await, ["kept", "duplicate"]);
    let contents = bench.bundle.store.open();
    assert_eq!(contents.story.len(), 1);
    assert_eq!(contents.story[0].detail.as_deref(), Some("object 31"));
    assert_eq!(contents.notifications.len(), 1);
}

/// Polls a list of alerts 1 to `count`.
async fn poll(bench: &Bench, count: u64) -> Result<PollReport, PortError> {
    bench.bundle.liongard.show(count);
    bench.bundle.poll_alerts(Thoroughness::Changes).await
}

#[tokio::test]
async fn a_poll_queues_what_changed_and_nothing_twice() {
    let bench = Bench::new();
    assert_eq!(poll(&bench, 3).await.unwrap().queued, 3);
    assert_eq!(poll(&bench, 3).await.unwrap().queued, 0);
    bench.bundle.liongard.list.lock().unwrap().alerts[1].description = "worse".into();
    let report = bench
        .bundle
        .poll_alerts(Thoroughness::Changes)
        .await
        .unwrap();
    assert_eq!((report.listed, report.queued), (3, 1));
    let last = bench.sent_to(Lane::Urgent).pop();
    assert!(
        matches!(last, Some(Message::LookAtAlert { alert, news: Some(_), .. }) if alert.get() == 2)
    );
}

#[tokio::test]
async fn a_poll_whose_messages_could_not_be_queued_queues_them_next_time() {
    let bench = Bench::new();
    bench
        .bundle
        .store
        .sending
        .fail(failing(FailureClass::Transient, "store.failed"));
    assert_eq!(
        poll(&bench, 3).await.unwrap_err().error_type,
        "store.failed"
    );
    bench.bundle.store.sending.mend();
    assert_eq!(poll(&bench, 3).await.unwrap().queued, 3);
}

#[tokio::test]
async fn an_alert_that_is_no_longer_listed_is_counted_and_never_closed() {
    let bench = Bench::new();
    poll(&bench, 5).await.unwrap();
    let report = poll(&bench, 3).await.unwrap();
    assert_eq!((report.missing, report.queued), (2, 0));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_reported_beside_the_others() {
    let bench = Bench::new();
    bench.bundle.liongard.list.lock().unwrap().unreadable = vec!["record 2 at .".into()];
    let report = poll(&bench, 3).await.unwrap();
    assert_eq!((report.listed, report.queued, report.unreadable), (3, 3, 1));
}

#[tokio::test]
async fn a_status_word_nobody_knows_is_counted_and_queued_all_the_same() {
    let bench = Bench::new();
    bench.bundle.liongard.show(2);
    bench.bundle.liongard.list.lock().unwrap().alerts[0].status =
        halogard_domain::Word::new("Frobnicated");
    let report = bench
        .bundle
        .poll_alerts(Thoroughness::Changes)
        .await
        .unwrap();
    assert_eq!((report.unknown_words, report.queued), (1, 2));
}

#[tokio::test]
async fn a_list_that_is_suddenly_much_shorter_is_believed_the_third_time() {
    let bench = Bench::new();
    poll(&bench, 20).await.unwrap();
    bench.bundle.store.sent.lock().unwrap().clear();
    for _ in 0..2 {
        let error = poll(&bench, 9).await.unwrap_err();
        assert_eq!(
            (error.error_type, error.class),
            ("alerts.shrunk", FailureClass::Transient)
        );
        assert_eq!(
            error.said.as_deref(),
            Some("9 alerts listed where there were 20")
        );
    }
    assert_eq!(poll(&bench, 9).await.unwrap().missing, 11);
    assert!(
        bench.bundle.store.sent.lock().unwrap().is_empty(),
        "a shorter list is no news"
    );
    // Believed: it is the measure for the next one.
    assert_eq!(poll(&bench, 5).await.unwrap().listed, 5);
}

#[tokio::test]
async fn a_whole_list_in_between_starts_the_count_anew() {
    let bench = Bench::new();
    poll(&bench, 20).await.unwrap();
    for _ in 0..3 {
        for _ in 0..2 {
            poll(&bench, 0).await.unwrap_err();
        }
        poll(&bench, 20).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_taken_from_a_list_that_is_not_believed() {
    let bench = Bench::new();
    poll(&bench, 20).await.unwrap();
    bench.bundle.liongard.show(9);
    bench.bundle.liongard.list.lock().unwrap().alerts[0].description = "worse".into();
    bench
        .bundle
        .poll_alerts(Thoroughness::Changes)
        .await
        .unwrap_err();
    assert_eq!(bench.sent_to(Lane::Urgent).len(), 20);
    assert_eq!(poll(&bench, 20).await.unwrap().queued, 0);
}

#[tokio::test]
async fn half_a_list_and_short_lists_may_shrink_as_they_like() {
    let bench = Bench::new();
    poll(&bench, 20).await.unwrap();
    assert_eq!(poll(&bench, 10).await.unwrap().listed, 10);
    let bench = Bench::new();
    poll(&bench, 9).await.unwrap();
    assert_eq!(poll(&bench, 0).await.unwrap().missing, 9);
}

#[tokio::test]
async fn a_storm_leaves_the_urgent_lane_to_people() {
    let bench = Bench::new();
    poll(&bench, 50).await.unwrap();
    assert_eq!(
        (
            bench.sent_to(Lane::Urgent).len(),
            bench.sent_to(Lane::Bulk).len()
        ),
        (50, 0)
    );
    let bench = Bench::new();
    poll(&bench, 51).await.unwrap();
    assert_eq!(
        (
            bench.sent_to(Lane::Urgent).len(),
            bench.sent_to(Lane::Bulk).len()
        ),
        (0, 51)
    );
    let bench = Bench::new();
    poll(&bench, 450).await.unwrap();
    let sizes: Vec<usize> = bench
        .bundle
        .store
        .sent
        .lock()
        .unwrap()
        .iter()
        .map(|(_, messages)| messages.len())
        .collect();
    assert_eq!(
        sizes,
        [200, 200, 50],
        "in pieces, each remembered on its own"
    );
}

#[tokio::test]
async fn a_thorough_poll_queues_again_what_no_pair_ever_heard_of() {
    let bench = Bench::new();
    poll(&bench, 2).await.unwrap();
    // The messages got lost.
    bench.bundle.store.open().queue.clear();
    let thorough = || bench.bundle.poll_alerts(Thoroughness::Everything);
    assert_eq!(
        thorough().await.unwrap().queued,
        0,
        "they may still be under way"
    );
    bench.clock.pass(Duration::from_secs(900));
    assert_eq!(thorough().await.unwrap().queued, 2);
    assert_eq!(thorough().await.unwrap().queued, 0);
}

#[tokio::test]
async fn a_message_tells_everything_its_look_did() {
    let bench = Bench::new();
    poll(&bench, 1).await.unwrap();
    let worked = work(&bench).await;
    assert_eq!(worked.did, ["opened"]);
    let news = |second, status, text: &str| {
        let alert = Alert {
            description: text.into(),
            status: Word::new(status),
            changed_at: at(second),
            seen_at: at(second),
            ..alert(1)
        };
        [Message::alert_news(alert, Cause::Poll).into()]
    };
    let over = news(0, "Closed", "over");
    bench.bundle.store.send(Lane::Urgent, &over).await.unwrap();
    assert_eq!(work(&bench).await.did, ["closed"]);
    let again = news(10, "New", "worse");
    bench.bundle.store.send(Lane::Urgent, &again).await.unwrap();
    let worked = work(&bench).await;
    assert_eq!(worked.did, ["reopened", "noted", "run_asked"]);
    assert_eq!(worked.words().collect::<Vec<_>>(), worked.did);
}

#[test]
fn each_word_counts_and_the_outcome_is_one_of_them() {
    let worked = |did: &[&'static str], outcome| Worked {
        outcome,
        did: did.to_vec(),
        rest_until: None,
    };
    let rows = [
        (worked(&[], "in_step"), vec!["in_step"]),
        (worked(&["closed"], "closed"), vec!["closed"]),
        (
            worked(&["opened", "noted", "noted"], "noted"),
            vec!["opened", "noted", "noted"],
        ),
        (
            worked(&["closed"], "transient"),
            vec!["closed", "transient"],
        ),
    ];
    for (worked, words) in rows {
        assert_eq!(worked.words().collect::<Vec<_>>(), words, "{worked:?}");
    }
}

/// The mark of the sweep.
fn swept_to(bench: &Bench) -> Option<Timestamp> {
    bench.bundle.store.open().swept.0.to
}

/// Sweeps a list of `seen`.
async fn sweep(bench: &Bench, seen: &[Ticket]) -> usize {
    *bench.bundle.desk.sightings.lock().unwrap() = seen
        .iter()
        .map(|ticket| Sighting {
            id: ticket.id,
            changed_at: Some(ticket.changed_at),
            ticket: Some(ticket.clone()),
        })
        .collect();
    bench.bundle.sweep_tickets().await.unwrap().queued
}

#[tokio::test]
async fn the_first_sweep_takes_in_tickets_that_carry_our_key() {
    let bench = Bench::new();
    let ours = ticket(4242, 7586, at(-30));
    let theirs = Ticket {
        summary: "Printer jams".into(),
        ..ticket(4243, 1, at(-30))
    };
    for ticket in [ours, theirs] {
        bench
            .bundle
            .desk
            .tickets
            .lock()
            .unwrap()
            .insert(ticket.id, ticket);
    }
    assert!(!bench.bundle.has_swept().await.unwrap());
    let report = bench.bundle.sweep_tickets().await.unwrap();
    assert_eq!((report.adopted, report.queued), (1, 0));
    assert!(bench.bundle.has_swept().await.unwrap());
    assert_eq!(swept_to(&bench), Some(at(-3600)));
    assert_eq!(
        bench.bundle.store.open().links[&ALERT].0.ticket,
        Some(TICKET)
    );
}

#[tokio::test]
async fn a_first_sweep_that_failed_is_made_again() {
    let bench = Bench::new();
    bench
        .bundle
        .desk
        .switch
        .fail(failing(FailureClass::Transient, "desk.unreachable"));
    bench.bundle.sweep_tickets().await.unwrap_err();
    assert!(!bench.bundle.has_swept().await.unwrap());
}

#[tokio::test]
async fn the_mark_of_the_sweep_only_moves_forward_and_only_to_what_has_settled() {
    let bench = linked(ticket(4242, 7586, at(-30))).await;
    bench.bundle.sweep_tickets().await.unwrap();
    let changed = |second| vec![ticket(4242, 7586, at(second))];
    let rows = [
        ("nothing listed", 0, vec![], -3600),
        (
            "a change, which may hide an earlier one",
            0,
            changed(100),
            -3600,
        ),
        ("the same a little early", 239, changed(100), -3600),
        ("the same when it has settled", 1, changed(100), 100),
        ("an older one", 300, changed(50), 100),
        ("one without a time", 300, changed(-1_790_000_000), 100),
        ("another", 0, changed(200), 100),
        (
            "a third, which does not put the second off",
            240,
            changed(300),
            200,
        ),
        ("the third when it has settled", 240, changed(300), 300),
    ];
    let mut marks = vec![at(-3600)];
    for (what, pause, seen, expected) in rows {
        bench.clock.pass(Duration::from_secs(pause));
        sweep(&bench, &seen).await;
        assert_eq!(swept_to(&bench), Some(at(expected)), "{what}");
        marks.push(at(expected));
    }
    // Each sweep read from the mark as it stood.
    marks.pop();
    assert_eq!(*bench.bundle.desk.since.lock().unwrap(), marks);
}

/// Changes of the next list that one request does not show.
fn leave(bench: &Bench, pages: u32) -> Stretch {
    let stretch = Stretch {
        since: at(-3600),
        until: at(100),
        pages,
        count: pages * 100,
    };
    *bench.bundle.desk.stretch.lock().unwrap() = Some(stretch.clone());
    stretch
}

/// What was asked for since the last call: pages of stretches, and from when on changes were listed.
fn asked(bench: &Bench) -> (Vec<u32>, Vec<Timestamp>) {
    let read_on = std::mem::take(&mut *bench.bundle.desk.read_on.lock().unwrap());
    let since = std::mem::take(&mut *bench.bundle.desk.since.lock().unwrap());
    (read_on.iter().map(|stretch| stretch.pages).collect(), since)
}

/// Just before the end of the stretch.
fn at_its_end() -> Timestamp {
    at(100).minus(Duration::from_millis(1))
}

#[tokio::test]
async fn a_long_list_is_left_until_it_has_settled_and_then_read_once() {
    let bench = linked(ticket(4242, 7586, at(-30))).await;
    bench.bundle.round().await;
    leave(&bench, 4);
    assert_eq!(bench.bundle.round().await.swept, Some(0));
    assert_eq!(asked(&bench), (vec![], vec![at(-3600)]));
    bench.clock.pass(Duration::from_secs(239));
    bench.bundle.round().await;
    assert_eq!(asked(&bench), (vec![], vec![]), "it is not asked for again");
    bench.clock.pass(Duration::from_secs(1));
    bench.bundle.round().await;
    let pages = (1..=4).rev().collect();
    assert_eq!(asked(&bench), (pages, vec![at_its_end()]));
    assert_eq!(swept_to(&bench), Some(at_its_end()));
    bench.clock.pass(Duration::from_secs(300));
    bench.bundle.round().await;
    assert_eq!(asked(&bench), (vec![], vec![at_its_end()]));
}

#[tokio::test]
async fn a_shorter_list_is_read_at_once_and_again_when_it_has_settled() {
    let bench = linked(ticket(4242, 7586, at(-30))).await;
    bench.bundle.round().await;
    leave(&bench, 3);
    bench.bundle.round().await;
    let pages: Vec<u32> = (1..=3).rev().collect();
    assert_eq!(
        asked(&bench),
        (pages.clone(), vec![at(-3600), at_its_end()])
    );
    assert_eq!(swept_to(&bench), Some(at(-3600)), "something may be hidden");
    bench.clock.pass(Duration::from_secs(300));
    leave(&bench, 3);
    bench.bundle.round().await;
    assert_eq!(asked(&bench), (pages, vec![at(-3600), at_its_end()]));
    assert_eq!(swept_to(&bench), Some(at_its_end()));
}

#[tokio::test]
async fn a_sweep_goes_on_with_the_page_at_which_the_last_one_broke_off() {
    let bench = linked(ticket(4242, 7586, at(-30))).await;
    bench.bundle.sweep_tickets().await.unwrap();
    leave(&bench, 3);
    let desk = &bench.bundle.desk;
    let mut read = Vec::new();
    // The list, three pages, and what changed since: one each time.
    for last in [false, false, false, false, true] {
        desk.switch
            .fail_after(1, failing(FailureClass::Transient, "desk.unreachable"));
        let swept = bench.bundle.sweep_tickets().await;
        assert_eq!(swept.is_ok(), last);
        desk.switch.mend();
        read.push(asked(&bench));
    }
    let page = |page| (vec![page], vec![]);
    let list = |since| (vec![], vec![since]);
    let expected = [
        list(at(-3600)),
        page(3),
        page(2),
        page(1),
        list(at_its_end()),
    ];
    assert_eq!(read, expected);
}

#[tokio::test]
async fn a_sweep_that_was_overtaken_leaves_the_rest_to_the_faster_one() {
    let bench = linked(ticket(4242, 7586, at(-30))).await;
    bench.bundle.sweep_tickets().await.unwrap();
    leave(&bench, 11);
    bench.bundle.round().await;
    asked(&bench);
    let faster = bench.bundle.store.open().swept.0.clone();
    bench.bundle.store.open().overtake = Some(faster.clone());
    let swept = bench.bundle.sweep_tickets().await.unwrap();
    assert_eq!(swept.pages_left, 0);
    assert_eq!(asked(&bench), (vec![], vec![]), "it reads nothing more");
    assert_eq!(bench.bundle.store.open().swept.0, faster);
}

#[tokio::test]
async fn what_follows_a_stretch_is_no_proof_of_what_was_hidden_before_it() {
    let bench = linked(ticket(4242, 7586, at(-30))).await;
    bench.bundle.sweep_tickets().await.unwrap();
    leave(&bench, 1);
    let desk = &bench.bundle.desk;
    // Read at once; then a long list that follows it, which settles.
    desk.switch
        .fail_after(2, failing(FailureClass::Transient, "desk.unreachable"));
    bench.bundle.round().await;
    desk.switch.mend();
    let later = Stretch {
        since: at_its_end(),
        until: at(200),
        ..leave(&bench, 11)
    };
    *desk.stretch.lock().unwrap() = Some(later);
    bench.bundle.round().await;
    bench.clock.pass(Duration::from_secs(240));
    bench.bundle.round().await;
    assert_eq!(asked(&bench).0.len(), 1 + 11);
    assert_eq!(swept_to(&bench), Some(at(-3600)));
}

#[tokio::test]
async fn a_long_list_is_read_before_so_many_closes_that_it_is_worth_it() {
    for (closes, pages) in [(10, 0), (11, 11)] {
        let bench = Bench::new();
        bench.bundle.sweep_tickets().await.unwrap();
        poll(&bench, 11).await.unwrap();
        leave(&bench, 11);
        bench.bundle.round().await;
        asked(&bench);
        let mut list = bench.bundle.liongard.list.lock().unwrap().clone();
        for alert in &mut list.alerts[..closes] {
            alert.status = Word::new("Closed");
        }
        *bench.bundle.liongard.list.lock().unwrap() = list;
        bench
            .bundle
            .poll_alerts(Thoroughness::Changes)
            .await
            .unwrap();
        assert_eq!(asked(&bench).0.len(), pages, "{closes}");
    }
}

#[tokio::test]
async fn a_sweep_that_breaks_off_leaves_the_mark_where_it_was() {
    let bench = linked(ticket(4242, 7586, at(-30))).await;
    bench.bundle.sweep_tickets().await.unwrap();
    *bench.bundle.desk.sightings.lock().unwrap() = vec![Sighting {
        id: TICKET,
        changed_at: Some(at(100)),
        ticket: Some(Ticket {
            status: CLOSED,
            ..ticket(4242, 7586, at(100))
        }),
    }];
    bench
        .bundle
        .store
        .sending
        .fail(failing(FailureClass::Transient, "store.failed"));
    bench.bundle.sweep_tickets().await.unwrap_err();
    assert_eq!(swept_to(&bench), Some(at(-3600)));
    bench.bundle.store.sending.mend();
    bench
        .bundle
        .desk
        .switch
        .fail(failing(FailureClass::Transient, "desk.short_list"));
    bench.bundle.sweep_tickets().await.unwrap_err();
    assert_eq!(swept_to(&bench), Some(at(-3600)));
    bench.bundle.desk.switch.mend();
    assert_eq!(bench.bundle.sweep_tickets().await.unwrap().queued, 1);
    bench.clock.pass(Duration::from_secs(240));
    bench.bundle.sweep_tickets().await.unwrap();
    assert_eq!(swept_to(&bench), Some(at(100)));
}

#[tokio::test]
async fn a_sweep_queues_what_a_pair_has_not_heard() {
    let bench = linked(ticket(4242, 7586, at(-30))).await;
    bench.bundle.sweep_tickets().await.unwrap();
    let heard = ticket(4242, 7586, at(-30));
    assert_eq!(
        sweep(&bench, std::slice::from_ref(&heard)).await,
        0,
        "it is known"
    );
    let older = Ticket {
        status: CLOSED,
        ..ticket(4242, 7586, at(-31))
    };
    assert_eq!(sweep(&bench, &[older]).await, 0, "it is older");
    let same_moment = Ticket {
        status: CLOSED,
        ..heard
    };
    assert_eq!(sweep(&bench, &[same_moment]).await, 1);
    assert_eq!(sweep(&bench, &[ticket(4242, 7586, at(-29))]).await, 1);
    let marked = ticket(4250, 9999, at(-29));
    assert_eq!(
        sweep(&bench, &[marked]).await,
        1,
        "it carries our key and nobody remembers it"
    );
    let foreign = Ticket {
        summary: "Printer jams".into(),
        ..ticket(4251, 1, at(-29))
    };
    assert_eq!(sweep(&bench, &[foreign]).await, 0, "it is none of ours");
}

#[tokio::test]
async fn a_ticket_that_a_list_shows_too_thinly_is_looked_at_if_it_is_ours() {
    let bench = linked(ticket(4242, 7586, at(-30))).await;
    bench.bundle.sweep_tickets().await.unwrap();
    *bench.bundle.desk.sightings.lock().unwrap() = vec![
        Sighting {
            id: TICKET,
            changed_at: None,
            ticket: None,
        },
        Sighting {
            id: TicketId::new(4243),
            changed_at: None,
            ticket: None,
        },
    ];
    let report = bench.bundle.sweep_tickets().await.unwrap();
    assert_eq!((report.listed, report.queued), (2, 1));
    assert_eq!(
        bench.sent_to(Lane::Urgent),
        [Message::look_at_ticket(TICKET, Cause::Sweep)]
    );
    assert_eq!(swept_to(&bench), Some(at(-3600)));
}

#[tokio::test]
async fn a_thin_row_that_did_not_change_costs_no_look() {
    let bench = linked(ticket(4242, 7586, at(-30))).await;
    bench.bundle.sweep_tickets().await.unwrap();
    for (changed_at, queued) in [(-30, 0), (-31, 0), (-29, 1)] {
        *bench.bundle.desk.sightings.lock().unwrap() = vec![Sighting {
            id: TICKET,
            changed_at: Some(at(changed_at)),
            ticket: None,
        }];
        let report = bench.bundle.sweep_tickets().await.unwrap();
        assert_eq!(report.queued, queued, "{changed_at}");
    }
}
