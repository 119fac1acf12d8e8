//! Exactly one ticket for an alert: with claims that run out, links that change meanwhile, and a store
//! that is older than HaloPSA.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use halogard_app::ports::{ErrorCode, Lane, LeaseOutcome, Leases, Links, TicketListing, WorkSink};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::link::{Claim, IN_DOUBT_MAX, TerminalReason, WriteKind};
use halogard_domain::message::{Cause, Message};
use halogard_domain::policy::ClosedBy;
use halogard_domain::ticket::Existence;
use halogard_domain::{Alert, FailureClass, Link, Slug, Ticket};
use support::*;

/// Lists `tickets` in the next sweeps.
fn list(bench: &Bench, tickets: &[Ticket]) {
    let listing = |ticket: &Ticket| TicketListing {
        id: ticket.id,
        changed_at: Some(ticket.changed_at),
        ticket: Some(ticket.clone()),
    };
    *bench.reconciler.desk.listings.lock().unwrap() = tickets.iter().map(listing).collect();
}

async fn send(bench: &Bench, lane: Lane, message: Message) {
    let store = &bench.reconciler.store;
    store.send(lane, &[message.into()]).await.unwrap();
}

fn put(bench: &Bench, ticket: Ticket) {
    let tickets = &bench.reconciler.desk.tickets;
    tickets.lock().unwrap().insert(ticket.id, ticket);
}

async fn link_of(bench: &Bench, id: u64) -> Link {
    let stored = bench.reconciler.store.load(AlertId::new(id)).await.unwrap();
    stored.unwrap().value
}

/// Tickets whose title carries the key of alert 7600.
fn with_key(bench: &Bench) -> Vec<TicketId> {
    let tickets = bench.reconciler.desk.tickets.lock().unwrap();
    let keyed = tickets
        .values()
        .filter(|ticket| ticket.summary.contains("[LG-7600."));
    keyed.map(|ticket| ticket.id).collect()
}

/// Polls once; `None` when the future waits.
fn poll_once<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// A bench with a queued alert 7600, and beside it a ticket whose reading takes as long as the test
/// wants: what the two submit is sent together.
async fn slow_batch() -> Bench {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    bench.reconciler.sweep_tickets().await.unwrap();
    let news = Message::alert_snapshot(alert(7600), Cause::Poll);
    send(&bench, Lane::Urgent, news).await;
    let slow = Message::reconcile_ticket(TICKET, Cause::Sweep);
    send(&bench, Lane::Urgent, slow).await;
    *bench.reconciler.desk.slow_reads.lock().unwrap() = 1;
    bench
}

#[tokio::test]
async fn a_claim_that_ran_out_is_not_used() {
    let bench = slow_batch().await;
    let mut first = Box::pin(bench.reconciler.process_next(Lane::Urgent));
    assert!(poll_once(first.as_mut()).is_none(), "the batch waits");
    bench.clock.pass(Duration::from_secs(91));
    let news = Message::alert_snapshot(alert(7600), Cause::Poll);
    send(&bench, Lane::Bulk, news).await;
    let second = bench.reconciler.process_next(Lane::Bulk).await.unwrap();
    bench.clock.pass(Duration::from_secs(300));
    let third = bench.reconciler.process_next(Lane::Bulk).await.unwrap();
    let first = first.await.unwrap();
    assert_eq!(with_key(&bench).len(), 1, "{second:?} {third:?} {first:?}");
}

#[tokio::test]
async fn a_known_ticket_is_recorded_despite_a_conflict() {
    let bench = Bench::new();
    bench.reconciler.sweep_tickets().await.unwrap();
    let news = Message::alert_snapshot(alert(7600), Cause::Poll);
    send(&bench, Lane::Urgent, news).await;
    *bench.reconciler.desk.slow_writes.lock().unwrap() = 1;
    let mut first = Box::pin(bench.reconciler.process_next(Lane::Urgent));
    assert!(
        poll_once(first.as_mut()).is_none(),
        "the answer is under way"
    );
    bench.clock.pass(Duration::from_secs(2));
    let newer = Alert {
        description: "changed".into(),
        changed_at: at(1),
        observed_at: at(2),
        ..alert(7600)
    };
    send(
        &bench,
        Lane::Bulk,
        Message::alert_snapshot(newer, Cause::Poll),
    )
    .await;
    bench.reconciler.process_next(Lane::Bulk).await.unwrap();
    let first = first.await.unwrap();
    let opened = with_key(&bench);
    assert_eq!(opened.len(), 1);
    assert_eq!(
        link_of(&bench, 7600).await.ticket,
        opened.first().copied(),
        "{first:?}"
    );
}

#[tokio::test]
async fn a_restored_backup_opens_no_second_ticket() {
    let bench = Bench::new();
    // The backup was made after the first sweep.
    bench.reconciler.sweep_tickets().await.unwrap();
    let lost = ticket(5000, 7600, at(-30));
    put(&bench, lost.clone());
    list(&bench, &[lost]);
    bench.reconciler.liongard.list.lock().unwrap().alerts = vec![alert(7600)];
    bench.clock.pass(Duration::from_secs(600));
    bench.reconciler.sync_cycle().await;
    let outcomes = bench.process_all().await;
    assert_eq!(with_key(&bench), [TicketId::new(5000)], "{outcomes:?}");
}

/// Another worker saves the link of `alert` as it is: a worker that read it before has a conflict.
async fn save_meanwhile(bench: &Bench, alert: AlertId) {
    let store = &bench.reconciler.store;
    let stored = store.load(alert).await.unwrap().unwrap();
    let saved = store.save(&stored.value, &[], stored.revision).await;
    saved.unwrap();
}

/// Sends `news` of alert 7586, saves its link while the write that follows is under way, and works
/// everything off.
async fn with_a_save_in_between(bench: &Bench, news: Alert) {
    let message = Message::alert_snapshot(news, Cause::Poll);
    send(bench, Lane::Urgent, message).await;
    *bench.reconciler.desk.slow_writes.lock().unwrap() = 1;
    let mut first = Box::pin(bench.reconciler.process_next(Lane::Urgent));
    let polled = poll_once(first.as_mut());
    assert!(polled.is_none(), "the write is under way: {polled:?}");
    save_meanwhile(bench, ALERT).await;
    first.await.unwrap();
    bench.process_all().await;
}

/// Alert 7586 as it is at second `second`.
fn news(second: i64, status: &str, text: &str) -> Alert {
    Alert {
        status: Slug::new(status),
        description: text.into(),
        changed_at: at(second),
        observed_at: at(second),
        ..alert(7586)
    }
}

/// A bench whose alert 7586 and ticket 4242 agree.
async fn agreed() -> Bench {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    bench.reconciler.sweep_tickets().await.unwrap();
    let look = Message::reconcile_alert(ALERT, Cause::Operator);
    send(&bench, Lane::Urgent, look).await;
    bench.process_all().await;
    assert!(link_of(&bench, 7586).await.base.is_some());
    bench
}

#[tokio::test]
async fn a_note_is_added_once_although_the_link_is_saved_meanwhile() {
    let bench = agreed().await;
    with_a_save_in_between(&bench, news(10, "New", "changed")).await;
    assert_eq!(bench.reconciler.desk.added_notes.lock().unwrap().len(), 1);
    let link = link_of(&bench, 7586).await;
    assert_eq!((link.note_claim, link.note_count), (None, 1));
    let noted = news(10, "New", "changed").text_hash();
    assert_eq!(link.base.unwrap().alert_text, noted);
}

#[tokio::test]
async fn our_own_close_counts_as_ours_although_the_link_is_saved_meanwhile() {
    let bench = agreed().await;
    with_a_save_in_between(&bench, news(10, "Closed", "over")).await;
    assert_eq!(bench.reconciler.desk.changes.lock().unwrap().len(), 1);
    let link = link_of(&bench, 7586).await;
    let closure = link.base.unwrap().ticket_closed.unwrap();
    assert_eq!(closure.by, ClosedBy::Halogard);
    assert_eq!(link.pending_inspection, None, "no person closed it");
}

#[tokio::test]
async fn our_own_reopening_counts_as_ours_although_the_link_is_saved_meanwhile() {
    let bench = agreed().await;
    let closed = Message::alert_snapshot(news(10, "Closed", "over"), Cause::Poll);
    send(&bench, Lane::Urgent, closed).await;
    bench.process_all().await;
    with_a_save_in_between(&bench, news(20, "New", "again")).await;
    let desk = &bench.reconciler.desk;
    assert_eq!(
        desk.changes.lock().unwrap().len(),
        2,
        "one close, one reopening"
    );
    let link = link_of(&bench, 7586).await;
    assert_eq!(link.base.unwrap().ticket_closed, None);
    assert_eq!(link.pending_inspection, None, "no person reopened it");
    assert_eq!(desk.added_notes.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refusal_is_recorded_although_the_link_is_saved_meanwhile() {
    let bench = agreed().await;
    let refused = failing(FailureClass::Permanent, ErrorCode::HalopsaRefused);
    // The ticket is read first.
    bench.reconciler.desk.switch.fail_after(1, refused);
    with_a_save_in_between(&bench, news(10, "New", "changed")).await;
    let link = link_of(&bench, 7586).await;
    let refused: Vec<_> = link.refused.iter().map(|it| it.write).collect();
    assert_eq!(refused, [WriteKind::AddNote]);
    assert_eq!(link.note_claim, None);
    assert_eq!(bench.file.dead_letters().len(), 1, "the operator sees why");
}

#[tokio::test]
async fn a_doubt_is_recorded_although_the_link_is_saved_meanwhile() {
    let bench = Bench::swept().await;
    let lost = failing(FailureClass::InDoubt, ErrorCode::HalopsaNoAnswer);
    bench.reconciler.desk.switch.fail(lost);
    with_a_save_in_between(&bench, alert(7586)).await;
    let link = link_of(&bench, 7586).await;
    assert_eq!(link.claim, Claim::in_doubt(at(0)));
}

#[tokio::test]
async fn what_a_second_worker_took_over_the_first_one_sends_no_more() {
    let bench = Bench::swept().await;
    let desk = &bench.reconciler.desk;
    *desk.opens_one_by_one.lock().unwrap() = true;
    *desk.slow_writes.lock().unwrap() = 1;
    for id in [7590, 7600] {
        let news = Message::alert_snapshot(alert(id), Cause::Poll);
        send(&bench, Lane::Urgent, news).await;
    }
    let mut first = Box::pin(bench.reconciler.process_next(Lane::Urgent));
    assert!(poll_once(first.as_mut()).is_none(), "the first is open");
    // HaloPSA is so slow that the claim on the second expires, and the doubt about it ends.
    for seconds in [91, 301] {
        bench.clock.pass(Duration::from_secs(seconds));
        let look = Message::alert_snapshot(alert(7600), Cause::Poll);
        send(&bench, Lane::Bulk, look).await;
        bench.reconciler.process_next(Lane::Bulk).await.unwrap();
    }
    let opened = with_key(&bench);
    assert_eq!(opened.len(), 1, "by the second worker");
    first.await.unwrap();
    assert_eq!(with_key(&bench), opened);
    assert_eq!(link_of(&bench, 7600).await.ticket, opened.first().copied());
}

#[tokio::test]
async fn two_messages_of_one_batch_open_one_ticket() {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    bench.reconciler.sweep_tickets().await.unwrap();
    let store = &bench.reconciler.store;
    let mut stored = store.load(ALERT).await.unwrap().unwrap();
    stored.value.terminal_reason = Some(TerminalReason::TicketDeletedAlertClosed);
    let deleted = Ticket {
        existence: Existence::Deleted,
        ..ticket(4242, 7586, at(20))
    };
    stored.value.observe_ticket(deleted.clone());
    bench.reconciler.desk.tickets.lock().unwrap().clear();
    let saved = store.save(&stored.value, &[], stored.revision).await;
    saved.unwrap();
    // The alert is open again; its message and one about the deleted ticket are in one batch.
    let news = Message::alert_snapshot(news(10, "New", "again"), Cause::Poll);
    send(&bench, Lane::Urgent, news).await;
    let deleted = Message::ticket_snapshot(deleted, Cause::Sweep);
    send(&bench, Lane::Urgent, deleted).await;
    bench.process_all().await;
    let tickets = bench.reconciler.desk.tickets.lock().unwrap();
    let second = tickets
        .values()
        .filter(|it| it.summary.contains("[LG-7586-2."));
    assert_eq!(second.count(), 1);
}

#[tokio::test]
async fn nothing_is_sent_while_another_worker_holds_the_lease_for_opening() {
    let bench = Bench::swept().await;
    let until = at(30);
    let store = &bench.reconciler.store;
    let lease = store.acquire_lease("opening", "another", until).await;
    assert_eq!(lease.unwrap(), LeaseOutcome::Acquired);
    let news = Message::alert_snapshot(alert(7600), Cause::Poll);
    send(&bench, Lane::Urgent, news).await;
    assert_eq!(bench.process_all().await, ["waiting"]);
    assert_eq!(with_key(&bench), []);
    bench.clock.pass(Duration::from_secs(31));
    bench.process_all().await;
    assert_eq!(with_key(&bench).len(), 1);
}

#[tokio::test]
async fn an_alert_is_held_back_while_its_store_is_unchecked() {
    let bench = Bench::new();
    let news = Message::alert_snapshot(alert(7600), Cause::Poll);
    send(&bench, Lane::Urgent, news).await;
    assert_eq!(bench.process_all().await, ["waiting"]);
    bench.reconciler.sweep_tickets().await.unwrap();
    bench.clock.pass(Duration::from_secs(15));
    assert_eq!(bench.process_all().await, ["opened"]);
}

#[tokio::test]
async fn a_restarted_process_compares_its_store_with_halopsa_before_it_opens_a_ticket() {
    let bench = Bench::swept().await;
    bench.reconciler.sync_cycle().await;
    bench.clock.pass(Duration::from_secs(20));
    // The backup is put back, and the process starts.
    let lost = ticket(5000, 7600, at(10));
    put(&bench, lost.clone());
    list(&bench, &[lost]);
    bench.reconciler.recover_claims().await.unwrap();
    let asked = bench.reconciler.desk.since.lock().unwrap().len();
    for id in [7600, 7601] {
        let news = Message::alert_snapshot(alert(id), Cause::Poll);
        send(&bench, Lane::Urgent, news).await;
    }
    assert_eq!(bench.process_all().await, ["waiting", "waiting"]);
    bench.reconciler.sync_cycle().await;
    let sweeps = bench.reconciler.desk.since.lock().unwrap().len() - asked;
    assert_eq!(sweeps, 1, "one request for all alerts");
    bench.clock.pass(Duration::from_secs(15));
    bench.process_all().await;
    assert_eq!(with_key(&bench), [TicketId::new(5000)]);
    let count = || bench.reconciler.desk.tickets.lock().unwrap().len();
    assert_eq!(count(), 1, "lists may lag: the other alert still waits");
    bench.clock.pass(IN_DOUBT_MAX);
    bench.reconciler.sync_cycle().await;
    bench.process_all().await;
    assert_eq!(count(), 2);
}

#[tokio::test]
async fn cycles_that_are_far_apart_open_tickets_too() {
    for minutes in [10, 15, 30, 60] {
        let bench = Bench::swept().await;
        bench.reconciler.sync_cycle().await;
        for id in 7600..7604 {
            bench.clock.pass(Duration::from_secs(60 * minutes));
            bench.reconciler.liongard.list.lock().unwrap().alerts = vec![alert(id)];
            bench.reconciler.sync_cycle().await;
            bench.process_all().await;
            // Only the first of the long pauses may be that of a store that was put back.
            if id == 7600 {
                bench.clock.pass(IN_DOUBT_MAX);
                bench.process_all().await;
            }
            let link = link_of(&bench, id).await;
            assert!(
                link.ticket.is_some(),
                "{minutes} minutes, alert {id}: {link:#?}"
            );
        }
    }
}
