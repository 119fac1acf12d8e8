//! Cases for [`WorkQueue`]. A store may deliver in any order, hand out fewer than asked for, and
//! deliver twice; none of the cases minds.

use std::collections::BTreeSet;
use std::time::Duration;

use halogard_app::ports::{DEFER_MAX, Delivery, Lane, Outgoing, WorkQueue, WorkSink};
use halogard_domain::ids::{AlertId, LaunchpointId, TicketId};
use halogard_domain::message::Cause;
use halogard_domain::runs::RunTarget;
use halogard_domain::{Message, Timestamp};

use crate::fixture::{QueueFixture, StoreFixture, at_once};
use crate::samples::{AWKWARD, alert, notification, reconcile_message, ticket};

pub use crate::queue_model::five_hundred_random_steps_agree_with_a_model;

/// Tries an adapter of `WorkQueue`.
#[macro_export]
macro_rules! queue {
    ($fixture:ident) => {
        $crate::cases! {
            $fixture, queue:
            an_empty_queue_delivers_nothing,
            a_message_is_delivered_with_its_particulars,
            every_kind_of_message_arrives_as_it_was_sent,
            a_large_message_arrives_whole,
            twenty_five_messages_sent_together_all_arrive,
            sending_no_message_is_no_error,
            the_same_message_twice_is_two_messages,
            at_most_as_many_as_asked_for_are_handed_out,
            a_message_that_is_done_never_comes_back,
            a_message_in_work_is_hidden,
            a_message_whose_worker_died_comes_back_and_counts,
            a_message_given_back_waits_and_does_not_count,
            giving_back_again_and_again_never_counts,
            messages_given_back_together_all_wait_but_those_that_are_done,
            a_message_retried_waits_and_counts,
            a_receipt_that_was_overtaken_settles_nothing,
            a_receipt_settles_once,
            a_message_for_later_is_delivered_then,
            a_message_for_much_later_is_honoured,
            a_message_given_back_for_much_later_is_honoured,
            a_time_that_no_message_waits_for_means_at_once,
            a_time_that_has_passed_means_at_once,
            a_dead_letter_keeps_what_happened,
            a_dead_lettered_message_is_not_delivered_again,
            dead_letters_are_listed_oldest_first_up_to_the_limit,
            a_dead_letter_driven_back_is_as_new,
            a_dead_letter_is_driven_back_once,
            discarded_dead_letters_are_gone_and_the_others_stay,
            an_unreadable_body_is_delivered_as_it_is,
            an_unreadable_body_blocks_no_message_and_is_dead_lettered_whole,
            lanes_are_worked_separately,
            the_depth_counts_what_waits_and_what_is_in_work,
            workers_at_once_get_everything_done,
            the_queue_survives_a_restart,
            five_hundred_random_steps_agree_with_a_model,
        }
    };
}

/// Long enough for no message of a case to come back by itself.
const LONG: Duration = Duration::from_secs(600);

/// Short enough to be waited for.
const SHORT: Duration = Duration::from_secs(2);

/// When what was hidden for [`SHORT`] is visible again, with a little to spare.
const AFTER_SHORT: Duration = Duration::from_secs(3);

/// Receives without an answer after which a queue is taken to be empty.
const EMPTY_RECEIVES_MAX: u32 = 3;

/// Sends `messages` on `lane`, each at once.
pub(crate) async fn send(queue: &impl WorkQueue, lane: Lane, messages: impl Messages) {
    let outgoing: Vec<_> = messages.into_iter().map(Outgoing::from).collect();
    queue
        .send(lane, &outgoing)
        .await
        .expect("the queue takes them");
}

/// Messages to be sent.
pub(crate) trait Messages: IntoIterator<Item = Message> {}

impl<I: IntoIterator<Item = Message>> Messages for I {}

/// Everything that is visible on `lane`, hidden for `visibility` from now on.
pub(crate) async fn receive_all(
    queue: &impl WorkQueue,
    lane: Lane,
    visibility: Duration,
) -> Vec<Delivery> {
    let mut all = Vec::new();
    let mut empty = 0;
    while empty < EMPTY_RECEIVES_MAX {
        let some = queue.receive(lane, 10, visibility).await;
        let some = some.expect("the queue delivers");
        empty = if some.is_empty() { empty + 1 } else { 0 };
        all.extend(some);
    }
    all
}

/// The one message that is visible on the urgent lane.
async fn receive_one(queue: &impl WorkQueue, visibility: Duration) -> Delivery {
    let mut all = receive_all(queue, Lane::Urgent, visibility).await;
    assert_eq!(all.len(), 1, "one message is visible");
    all.remove(0)
}

/// Asserts that nothing is visible on the urgent lane.
async fn assert_nothing_visible(queue: &impl WorkQueue) {
    assert_eq!(receive_all(queue, Lane::Urgent, LONG).await, []);
}

/// Sends "reconcile alert 1" on the urgent lane.
async fn send_one(queue: &impl WorkQueue) {
    send(queue, Lane::Urgent, [reconcile_message(1)]).await;
}

/// The alert a delivery is about.
pub(crate) fn alert_of(delivery: &Delivery) -> u64 {
    match &delivery.message {
        Ok(Message::ReconcileAlert { alert, .. }) => alert.get(),
        other => panic!("a message about an alert, not {other:?}"),
    }
}

/// The alerts deliveries are about, by number.
fn alerts_of(deliveries: &[Delivery]) -> Vec<u64> {
    let mut alerts: Vec<_> = deliveries.iter().map(alert_of).collect();
    alerts.sort_unstable();
    alerts
}

/// Reports `delivery` done.
async fn ack(queue: &impl WorkQueue, lane: Lane, delivery: &Delivery) {
    let done = queue.ack(lane, &delivery.receipt).await;
    done.expect("the queue settles");
}

/// Gives `delivery` back until `not_before`.
async fn defer(queue: &impl WorkQueue, delivery: &Delivery, not_before: Timestamp) {
    let receipts = [delivery.receipt.as_str()];
    let given = queue.defer(Lane::Urgent, &receipts, not_before).await;
    given.expect("the queue settles");
}

/// Gives `delivery` back until `not_before`, as failed.
async fn retry(queue: &impl WorkQueue, delivery: &Delivery, not_before: Timestamp) {
    let receipt = &delivery.receipt;
    let given = queue.retry(Lane::Urgent, receipt, not_before).await;
    given.expect("the queue settles");
}

/// Puts `delivery` among the dead letters.
async fn dead_letter(queue: &impl WorkQueue, lane: Lane, delivery: &Delivery, reason: &str) {
    let settled = queue.dead_letter(lane, &delivery.receipt, reason).await;
    settled.expect("the queue settles");
}

/// Asserts how many messages of `lane` wait or are in work; a store may take a moment to know.
async fn assert_depth<B: StoreFixture<Store: WorkQueue>>(fixture: &B, lane: Lane, expected: u64) {
    let mut depth = 0;
    for _ in 0..20 {
        depth = fixture.store().depth(lane).await.expect("the queue counts");
        if depth == expected {
            return;
        }
        fixture.advance(Duration::from_secs(1)).await;
    }
    panic!("{} holds {depth} messages, not {expected}", lane.name());
}

pub async fn an_empty_queue_delivers_nothing<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    for lane in Lane::ALL {
        assert_eq!(receive_all(&queue, lane, LONG).await, []);
        assert_depth(&fixture, lane, 0).await;
    }
    let letters = queue.dead_letters(10).await.expect("the queue lists");
    assert_eq!(letters, []);
}

pub async fn a_message_is_delivered_with_its_particulars<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    let before = fixture.now();
    send_one(&queue).await;
    let after = fixture.now();

    let delivery = receive_one(&queue, LONG).await;

    assert_eq!(delivery.message, Ok(reconcile_message(1)));
    assert_eq!(delivery.receive_count, 1);
    assert!((before..=after).contains(&delivery.sent_at));
    assert_ne!(delivery.receipt, "");
}

pub async fn every_kind_of_message_arrives_as_it_was_sent<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    let webhook = || Cause::Webhook {
        notification: notification(AWKWARD, AWKWARD),
    };
    let ended = Cause::RunEnded { succeeded: true };
    let launchpoint = RunTarget::Launchpoint(LaunchpointId::new(77));
    let kinds = [
        Message::alert_snapshot(alert(AlertId::new(1)), webhook()),
        Message::reconcile_alert(AlertId::new(u64::MAX), ended),
        Message::ticket_snapshot(ticket(TicketId::new(2)), Cause::Sweep),
        Message::reconcile_ticket(TicketId::new(3), Cause::ConfigChanged),
        Message::reconcile_ticket(TicketId::new(3), Cause::Recovery),
        Message::reconcile_ticket(TicketId::new(3), Cause::Operator),
        Message::advance_run(RunTarget::HaloPsa),
        Message::advance_run(launchpoint),
        Message::RecordNotification {
            version: 1,
            notification: notification("a", "x"),
        },
    ];

    for message in kinds {
        send(&queue, Lane::Urgent, [message.clone()]).await;
        let delivery = receive_one(&queue, LONG).await;
        assert_eq!(delivery.message, Ok(message));
        ack(&queue, Lane::Urgent, &delivery).await;
    }
}

pub async fn a_large_message_arrives_whole<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    let mut news = alert(AlertId::new(1));
    news.description = "äx".repeat(40_000);
    let message = Message::alert_snapshot(news, Cause::Poll);

    send(&queue, Lane::Bulk, [message.clone()]).await;

    let all = receive_all(&queue, Lane::Bulk, LONG).await;
    assert_eq!(all.len(), 1);
    assert!(all[0].message == Ok(message), "80,000 characters arrive");
}

pub async fn twenty_five_messages_sent_together_all_arrive<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send(&queue, Lane::Bulk, (1..=25).map(reconcile_message)).await;

    let all = receive_all(&queue, Lane::Bulk, LONG).await;

    assert_eq!(alerts_of(&all), (1..=25).collect::<Vec<_>>());
}

pub async fn sending_no_message_is_no_error<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send(&queue, Lane::Urgent, []).await;
    assert_nothing_visible(&queue).await;
}

pub async fn the_same_message_twice_is_two_messages<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send(
        &queue,
        Lane::Urgent,
        [reconcile_message(1), reconcile_message(1)],
    )
    .await;
    send_one(&queue).await;

    let all = receive_all(&queue, Lane::Urgent, LONG).await;

    assert_eq!(alerts_of(&all), [1, 1, 1]);
    let receipts: BTreeSet<_> = all.iter().map(|delivery| &delivery.receipt).collect();
    assert_eq!(receipts.len(), 3, "each is settled on its own");
}

pub async fn at_most_as_many_as_asked_for_are_handed_out<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send(&queue, Lane::Urgent, (1..=10).map(reconcile_message)).await;

    for max in [1, 3] {
        let some = queue.receive(Lane::Urgent, max, LONG).await;
        assert!(some.expect("the queue delivers").len() <= max);
    }
}

pub async fn a_message_that_is_done_never_comes_back<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send_one(&queue).await;
    let delivery = receive_one(&queue, SHORT).await;

    ack(&queue, Lane::Urgent, &delivery).await;

    assert_nothing_visible(&queue).await;
    fixture.advance(AFTER_SHORT).await;
    assert_nothing_visible(&queue).await;
    assert_depth(&fixture, Lane::Urgent, 0).await;
}

pub async fn a_message_in_work_is_hidden<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send_one(&queue).await;
    receive_one(&queue, LONG).await;

    assert_nothing_visible(&queue).await;
    fixture.advance(AFTER_SHORT).await;
    assert_nothing_visible(&queue).await;
}

pub async fn a_message_whose_worker_died_comes_back_and_counts<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send_one(&queue).await;
    let first = receive_one(&queue, SHORT).await;
    for count in 2..=4 {
        fixture.advance(AFTER_SHORT).await;
        let again = receive_one(&queue, SHORT).await;
        assert_eq!(again.receive_count, count);
        assert_eq!(again.message, first.message);
        assert_eq!(again.sent_at, first.sent_at);
        assert_ne!(again.receipt, first.receipt);
    }
}

pub async fn a_message_given_back_waits_and_does_not_count<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send_one(&queue).await;
    let first = receive_one(&queue, LONG).await;

    defer(&queue, &first, fixture.now().plus(SHORT)).await;

    assert_nothing_visible(&queue).await;
    fixture.advance(AFTER_SHORT).await;
    let again = receive_one(&queue, LONG).await;
    assert_eq!(again.receive_count, 1);
    assert_eq!(again.message, first.message);
    assert_eq!(again.sent_at, first.sent_at);
}

pub async fn giving_back_again_and_again_never_counts<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send_one(&queue).await;
    let mut receipts = BTreeSet::new();
    for _ in 0..12 {
        let delivery = receive_one(&queue, LONG).await;
        assert_eq!(delivery.receive_count, 1);
        defer(&queue, &delivery, fixture.now()).await;
        receipts.insert(delivery.receipt);
    }
    assert_eq!(receipts.len(), 12, "each delivery has a name of its own");
}

pub async fn messages_given_back_together_all_wait_but_those_that_are_done<B: QueueFixture>(
    fixture: B,
) {
    let queue = fixture.store();
    send(&queue, Lane::Urgent, (1..=25).map(reconcile_message)).await;
    let all = receive_all(&queue, Lane::Urgent, LONG).await;
    let (done, given_back): (Vec<_>, Vec<_>) =
        all.iter().partition(|it| alert_of(it).is_multiple_of(5));
    for delivery in &done {
        ack(&queue, Lane::Urgent, delivery).await;
    }

    let receipts: Vec<_> = all.iter().map(|it| &*it.receipt).collect();
    let until = fixture.now().plus(SHORT);
    let deferred = queue.defer(Lane::Urgent, &receipts, until).await;
    deferred.expect("the queue settles");

    assert_nothing_visible(&queue).await;
    fixture.advance(AFTER_SHORT).await;
    let again = receive_all(&queue, Lane::Urgent, LONG).await;
    let expected: Vec<_> = given_back.into_iter().cloned().collect();
    assert_eq!(alerts_of(&again), alerts_of(&expected));
    assert!(again.iter().all(|it| it.receive_count == 1));
    queue
        .defer(Lane::Urgent, &[], until)
        .await
        .expect("nothing to settle is no error");
}

pub async fn a_message_retried_waits_and_counts<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send_one(&queue).await;
    let first = receive_one(&queue, LONG).await;

    retry(&queue, &first, fixture.now().plus(SHORT)).await;

    assert_nothing_visible(&queue).await;
    fixture.advance(AFTER_SHORT).await;
    let again = receive_one(&queue, LONG).await;
    assert_eq!(again.receive_count, 2);
    defer(&queue, &again, fixture.now()).await;
    let third = receive_one(&queue, LONG).await;
    assert_eq!(
        third.receive_count, 2,
        "the retry counts, giving back does not"
    );
}

pub async fn a_receipt_that_was_overtaken_settles_nothing<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send_one(&queue).await;
    let late = receive_one(&queue, SHORT).await;
    fixture.advance(AFTER_SHORT).await;
    let in_work = receive_one(&queue, LONG).await;

    ack(&queue, Lane::Urgent, &late).await;
    defer(&queue, &late, fixture.now()).await;
    retry(&queue, &late, fixture.now()).await;
    dead_letter(&queue, Lane::Urgent, &late, "too late").await;

    assert_nothing_visible(&queue).await;
    let letters = queue.dead_letters(10).await.expect("the queue lists");
    assert_eq!(letters, []);
    defer(&queue, &in_work, fixture.now()).await;
    assert_eq!(receive_one(&queue, LONG).await.receive_count, 2);
}

pub async fn a_receipt_settles_once<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send_one(&queue).await;
    let delivery = receive_one(&queue, LONG).await;
    ack(&queue, Lane::Urgent, &delivery).await;

    ack(&queue, Lane::Urgent, &delivery).await;
    defer(&queue, &delivery, fixture.now()).await;
    retry(&queue, &delivery, fixture.now()).await;
    dead_letter(&queue, Lane::Urgent, &delivery, "again").await;

    assert_nothing_visible(&queue).await;
    let letters = queue.dead_letters(10).await.expect("the queue lists");
    assert_eq!(letters, []);
}

/// Sends "reconcile alert 1" on the urgent lane, for `wait` from now.
async fn send_for_later<B: QueueFixture>(fixture: &B, wait: Duration) {
    let later = Outgoing {
        message: reconcile_message(1),
        not_before: Some(fixture.now().plus(wait)),
    };
    let sent = fixture.store().send(Lane::Urgent, &[later]).await;
    sent.expect("the queue takes it");
}

pub async fn a_message_for_later_is_delivered_then<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send_for_later(&fixture, SHORT).await;
    assert_nothing_visible(&queue).await;

    fixture.advance(AFTER_SHORT).await;

    assert_eq!(receive_one(&queue, LONG).await.receive_count, 1);
}

/// Longer than the quarter of an hour that a queue may be able to delay by itself.
const MUCH_LATER: Duration = Duration::from_secs(40 * 60);

/// Lets [`MUCH_LATER`] pass in steps; nothing may be visible before, and one message must be then.
async fn assert_delivered_much_later<B: QueueFixture>(fixture: &B) -> Delivery {
    let step = Duration::from_secs(4 * 60);
    for _ in 0..10 {
        assert_nothing_visible(&fixture.store()).await;
        fixture.advance(step).await;
    }
    receive_one(&fixture.store(), LONG).await
}

pub async fn a_message_for_much_later_is_honoured<B: QueueFixture>(fixture: B) {
    if B::skips_wait_of(MUCH_LATER) {
        return;
    }
    let sent_at = fixture.now();
    send_for_later(&fixture, MUCH_LATER).await;

    let delivery = assert_delivered_much_later(&fixture).await;

    assert_eq!(delivery.receive_count, 1);
    assert_eq!(delivery.sent_at, sent_at);
}

pub async fn a_message_given_back_for_much_later_is_honoured<B: QueueFixture>(fixture: B) {
    if B::skips_wait_of(MUCH_LATER * 2) {
        return;
    }
    let queue = fixture.store();
    send_one(&queue).await;
    let delivery = receive_one(&queue, LONG).await;

    defer(&queue, &delivery, fixture.now().plus(MUCH_LATER)).await;
    let delivery = assert_delivered_much_later(&fixture).await;
    assert_eq!(delivery.receive_count, 1);

    retry(&queue, &delivery, fixture.now().plus(MUCH_LATER)).await;
    let delivery = assert_delivered_much_later(&fixture).await;
    assert_eq!(delivery.receive_count, 2);
}

/// Computed under a clock that was ahead.
pub async fn a_time_that_no_message_waits_for_means_at_once<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    for ahead in [DEFER_MAX + Duration::from_secs(60), DEFER_MAX * 200] {
        send_for_later(&fixture, ahead).await;
        let delivery = receive_one(&queue, LONG).await;
        defer(&queue, &delivery, fixture.now().plus(ahead)).await;
        let delivery = receive_one(&queue, LONG).await;
        retry(&queue, &delivery, fixture.now().plus(ahead)).await;
        let delivery = receive_one(&queue, LONG).await;
        let acked = queue.ack(Lane::Urgent, &delivery.receipt).await;
        acked.expect("the queue answers");
    }
}

pub async fn a_time_that_has_passed_means_at_once<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    let past = fixture.now().minus(LONG);
    let outgoing = Outgoing {
        message: reconcile_message(1),
        not_before: Some(past),
    };
    queue
        .send(Lane::Urgent, &[outgoing])
        .await
        .expect("the queue takes it");

    let delivery = receive_one(&queue, LONG).await;
    defer(&queue, &delivery, past).await;
    let delivery = receive_one(&queue, LONG).await;
    retry(&queue, &delivery, past).await;

    assert_eq!(receive_one(&queue, LONG).await.receive_count, 2);
}

pub async fn a_dead_letter_keeps_what_happened<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send(&queue, Lane::Bulk, [reconcile_message(1)]).await;
    let first = receive_all(&queue, Lane::Bulk, SHORT).await;
    assert_eq!(first.len(), 1);
    fixture.advance(AFTER_SHORT).await;
    let second = receive_all(&queue, Lane::Bulk, LONG).await;
    let before = fixture.now();

    dead_letter(&queue, Lane::Bulk, &second[0], AWKWARD).await;

    let letters = queue.dead_letters(10).await.expect("the queue lists");
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!(letter.lane, Lane::Bulk);
    assert_eq!(letter.reason, AWKWARD);
    assert_eq!(letter.receive_count, 2);
    assert!((before..=fixture.now()).contains(&letter.at));
    assert!(
        letter.body.contains(r#""reconcile_alert""#),
        "the body as it was sent"
    );
}

pub async fn a_dead_lettered_message_is_not_delivered_again<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send_one(&queue).await;
    let delivery = receive_one(&queue, SHORT).await;

    dead_letter(&queue, Lane::Urgent, &delivery, "refused").await;

    fixture.advance(AFTER_SHORT).await;
    assert_nothing_visible(&queue).await;
    assert_depth(&fixture, Lane::Urgent, 0).await;
}

pub async fn dead_letters_are_listed_oldest_first_up_to_the_limit<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    for (alert, lane) in [(1, Lane::Urgent), (2, Lane::Bulk), (3, Lane::Runs)] {
        send(&queue, lane, [reconcile_message(alert)]).await;
        let delivery = receive_all(&queue, lane, LONG).await.remove(0);
        dead_letter(&queue, lane, &delivery, &alert.to_string()).await;
        fixture.advance(Duration::from_secs(1)).await;
    }

    assert_eq!(queue.dead_letter_count().await.expect("it counts"), 3);
    for limit in [2, 3, 10] {
        let letters = queue.dead_letters(limit).await.expect("the queue lists");
        let reasons: Vec<_> = letters
            .iter()
            .map(|letter| letter.reason.as_str())
            .collect();
        assert_eq!(reasons, ["1", "2", "3"][..limit.min(3)]);
    }
}

/// Sends "reconcile alert 1" on the bulk lane, and dead-letters it after two deliveries; returns its id.
async fn dead_letter_one<B: QueueFixture>(fixture: &B) -> String {
    let queue = fixture.store();
    send(&queue, Lane::Bulk, [reconcile_message(1)]).await;
    let first = receive_all(&queue, Lane::Bulk, LONG).await.remove(0);
    let retried = queue.retry(Lane::Bulk, &first.receipt, fixture.now()).await;
    retried.expect("the queue settles");
    let second = receive_all(&queue, Lane::Bulk, LONG).await.remove(0);
    dead_letter(&queue, Lane::Bulk, &second, "refused").await;
    let mut letters = queue.dead_letters(10).await.expect("the queue lists");
    letters.remove(0).id
}

pub async fn a_dead_letter_driven_back_is_as_new<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    let id = dead_letter_one(&fixture).await;
    fixture.advance(Duration::from_secs(1)).await;
    let before = fixture.now();

    let found = queue.redrive(&id).await.expect("the queue drives it back");

    assert!(found);
    let letters = queue.dead_letters(10).await.expect("the queue lists");
    assert_eq!(letters, []);
    let all = receive_all(&queue, Lane::Bulk, LONG).await;
    assert_eq!(all.len(), 1, "back on the lane it came from");
    assert_eq!(all[0].message, Ok(reconcile_message(1)));
    assert_eq!(all[0].receive_count, 1);
    assert!(all[0].sent_at >= before);
}

pub async fn a_dead_letter_is_driven_back_once<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    let id = dead_letter_one(&fixture).await;
    assert!(queue.redrive(&id).await.expect("the queue drives it back"));

    for unknown in [id.as_str(), "4711", "", AWKWARD] {
        let found = queue
            .redrive(unknown)
            .await
            .expect("an unknown id is not an error");
        assert!(!found);
    }

    assert_eq!(receive_all(&queue, Lane::Bulk, LONG).await.len(), 1);
}

pub async fn discarded_dead_letters_are_gone_and_the_others_stay<B: QueueFixture>(bench: B) {
    let queue = bench.store();
    for (alert, lane) in [
        (1, Lane::Urgent),
        (2, Lane::Urgent),
        (3, Lane::Bulk),
        (4, Lane::Runs),
    ] {
        send(&queue, lane, [reconcile_message(alert)]).await;
        let delivery = receive_all(&queue, lane, LONG).await.remove(0);
        dead_letter(&queue, lane, &delivery, &alert.to_string()).await;
        bench.advance(Duration::from_secs(1)).await;
    }
    let letters = queue.dead_letters(10).await.expect("the queue lists");
    let id_of = |reason: &str| {
        let letter = letters.iter().find(|letter| letter.reason == reason);
        letter.expect("it is listed").id.clone()
    };
    let fixed = [
        id_of("1"),
        id_of("4"),
        "4711".to_owned(),
        AWKWARD.to_owned(),
    ];

    let discarded = queue.discard_dead_letters(&fixed).await;

    assert_eq!(discarded.expect("the queue discards"), 2);
    let left = queue.dead_letters(10).await.expect("the queue lists");
    let reasons: Vec<_> = left.iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(reasons, ["2", "3"]);
    let again = queue.discard_dead_letters(&fixed).await;
    assert_eq!(again.expect("it is not an error"), 0);
    for lane in Lane::ALL {
        assert_eq!(receive_all(&queue, lane, LONG).await, []);
    }
}

/// Bodies that are not one of our messages.
const UNREADABLE: [&str; 4] = [
    "no JSON at all",
    r#"{"type":"reconcile_alert","version":1}"#,
    r#"{"type":"from_the_future","version":9,"alert":1}"#,
    "[]",
];

pub async fn an_unreadable_body_is_delivered_as_it_is<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    for body in UNREADABLE {
        fixture.send_raw(Lane::Urgent, body).await;
        let delivery = receive_one(&queue, LONG).await;
        let unreadable = delivery.message.as_ref().expect_err("it is not a message");
        assert_eq!(unreadable.body, body);
        assert_ne!(unreadable.reason, "");
        assert!(
            !unreadable.reason.contains("future"),
            "the reason goes into logs"
        );
        assert_eq!(delivery.receive_count, 1);
        ack(&queue, Lane::Urgent, &delivery).await;
    }
}

pub async fn an_unreadable_body_blocks_no_message_and_is_dead_lettered_whole<B: QueueFixture>(
    fixture: B,
) {
    let queue = fixture.store();
    send(&queue, Lane::Urgent, [reconcile_message(1)]).await;
    fixture.send_raw(Lane::Urgent, UNREADABLE[0]).await;
    send(&queue, Lane::Urgent, [reconcile_message(2)]).await;

    let all = receive_all(&queue, Lane::Urgent, LONG).await;
    let (readable, unreadable): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|delivery| delivery.message.is_ok());
    assert_eq!(alerts_of(&readable), [1, 2]);
    assert_eq!(unreadable.len(), 1);
    dead_letter(&queue, Lane::Urgent, &unreadable[0], "unreadable").await;

    let letters = queue.dead_letters(10).await.expect("the queue lists");
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].body, UNREADABLE[0]);
    let back = queue.redrive(&letters[0].id).await;
    assert!(back.expect("the queue drives it back"));
    let again = receive_one(&queue, LONG).await;
    assert_eq!(again.message, unreadable[0].message);
}

pub async fn lanes_are_worked_separately<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    for (lane, alert) in Lane::ALL.into_iter().zip(1..) {
        send(
            &queue,
            lane,
            [reconcile_message(alert), reconcile_message(alert)],
        )
        .await;
    }

    for (lane, alert) in Lane::ALL.into_iter().zip(1..) {
        let all = receive_all(&queue, lane, LONG).await;
        assert_eq!(alerts_of(&all), [alert, alert], "{}", lane.name());
        assert_depth(&fixture, lane, 2).await;
    }
}

pub async fn the_depth_counts_what_waits_and_what_is_in_work<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send(&queue, Lane::Urgent, (1..=6).map(reconcile_message)).await;
    send_for_later(&fixture, LONG).await;
    assert_depth(&fixture, Lane::Urgent, 7).await;

    let all = receive_all(&queue, Lane::Urgent, LONG).await;
    assert_depth(&fixture, Lane::Urgent, 7).await;

    ack(&queue, Lane::Urgent, &all[0]).await;
    dead_letter(&queue, Lane::Urgent, &all[1], "refused").await;
    defer(&queue, &all[2], fixture.now()).await;
    assert_depth(&fixture, Lane::Urgent, 5).await;
    assert_depth(&fixture, Lane::Bulk, 0).await;
}

pub async fn workers_at_once_get_everything_done<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send(&queue, Lane::Bulk, (1..=60).map(reconcile_message)).await;

    let worked = at_once((0..6).map(|_| {
        let queue = queue.clone();
        async move {
            let mut worked = Vec::new();
            let mut empty = 0;
            while empty < EMPTY_RECEIVES_MAX {
                let some = queue.receive(Lane::Bulk, 3, LONG).await;
                let some = some.expect("the queue delivers");
                empty = if some.is_empty() { empty + 1 } else { 0 };
                for delivery in some {
                    ack(&queue, Lane::Bulk, &delivery).await;
                    worked.push(alert_of(&delivery));
                }
            }
            worked
        }
    }))
    .await;

    let worked: BTreeSet<_> = worked.into_iter().flatten().collect();
    assert_eq!(worked, (1..=60).collect());
    assert_depth(&fixture, Lane::Bulk, 0).await;
}

pub async fn the_queue_survives_a_restart<B: QueueFixture>(fixture: B) {
    let queue = fixture.store();
    send(
        &queue,
        Lane::Urgent,
        [
            reconcile_message(1),
            reconcile_message(2),
            reconcile_message(3),
        ],
    )
    .await;
    let all = receive_all(&queue, Lane::Urgent, LONG).await;
    for delivery in &all {
        match alert_of(delivery) {
            1 => ack(&queue, Lane::Urgent, delivery).await,
            2 => dead_letter(&queue, Lane::Urgent, delivery, "refused").await,
            _ => {}
        }
    }
    send(&queue, Lane::Urgent, [reconcile_message(4)]).await;
    drop(queue);

    let fixture = fixture.reopen().await;

    let queue = fixture.store();
    assert_eq!(alert_of(&receive_one(&queue, LONG).await), 4);
    let letters = queue.dead_letters(10).await.expect("the queue lists");
    assert_eq!(letters.len(), 1);
    let in_work = all.iter().find(|delivery| alert_of(delivery) == 3);
    let in_work = in_work.expect("three were delivered");
    defer(&queue, in_work, fixture.now()).await;
    assert_eq!(alert_of(&receive_one(&queue, LONG).await), 3);
}
