//! Tickets that HaloPSA says it does not have, and that come back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use halogard_app::ports::{
    Clock as _, ErrorCode, Lane, Links as _, Revision, WorkQueue as _, WorkSink as _,
};
use halogard_domain::ids::{AlertId, PriorityId, TicketId};
use halogard_domain::link::TerminalReason;
use halogard_domain::message::{Cause, Message};
use halogard_domain::missing::{CONFIRMED_AFTER, OUTAGE_MAX};
use halogard_domain::pair_status::{PairStatus, pair_status};
use halogard_domain::policy::ClosePolicy;
use halogard_domain::{Alert, FailureClass, Link, Slug, Ticket};
use support::{ALERT, Bench, CLOSED, TICKET, alert, at, failing, policy, ticket};

async fn send(bench: &Bench, message: Message) {
    let messages = [message.into()];
    let sent = bench.reconciler.store.send(Lane::Urgent, &messages);
    sent.await.unwrap();
}

fn put_ticket(bench: &Bench, ticket: Ticket) {
    let mut tickets = bench.reconciler.desk.tickets.lock().unwrap();
    tickets.insert(ticket.id, ticket);
}

fn take_tickets(bench: &Bench) {
    bench.reconciler.desk.tickets.lock().unwrap().clear();
}

fn status_of(bench: &Bench, ticket: TicketId) -> halogard_domain::ids::StatusId {
    bench.reconciler.desk.tickets.lock().unwrap()[&ticket].status
}

async fn link_of(bench: &Bench, alert: AlertId) -> Link {
    let stored = bench.reconciler.store.load(alert).await.unwrap();
    stored.unwrap().value
}

async fn ended(bench: &Bench, alert: AlertId) -> Option<TerminalReason> {
    link_of(bench, alert).await.terminal_reason
}

/// The alert as a poll sees it once it is closed.
fn closed(id: AlertId, seconds: i64) -> Alert {
    Alert {
        status: Slug::new("Closed - Complete"),
        changed_at: at(seconds),
        observed_at: at(seconds),
        ..alert(id.get())
    }
}

/// Works, and lets time pass, until `span` has.
async fn work_for(bench: &Bench, span: Duration) {
    let step = Duration::from_secs(30);
    let mut passed = Duration::ZERO;
    bench.process_all().await;
    while passed < span {
        bench.clock.pass(step);
        passed += step;
        bench.process_all().await;
    }
}

/// A bench with `pairs` linked pairs, whose tickets are then all missing, and read once.
async fn missing(pairs: u64) -> Bench {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    for number in 1..pairs {
        let (id, ticket_id) = (7586 + number, 4242 + number);
        let mut link = Link::new(AlertId::new(id));
        link.attach(TicketId::new(ticket_id));
        link.observe_alert(alert(id));
        link.observe_ticket(ticket(ticket_id, id, at(-30)));
        let saved = bench.reconciler.store.save(&link, &[], Revision(0));
        saved.await.unwrap();
    }
    for number in 0..pairs {
        let look = Message::reconcile_ticket(TicketId::new(4242 + number), Cause::Sweep);
        send(&bench, look).await;
    }
    take_tickets(&bench);
    bench.process_all().await;
    bench
}

#[tokio::test]
async fn one_reading_ends_nothing_and_two_minutes_apart_do() {
    let bench = missing(1).await;
    assert_eq!(ended(&bench, ALERT).await, None);
    work_for(&bench, CONFIRMED_AFTER / 2).await;
    assert_eq!(ended(&bench, ALERT).await, None);
    work_for(&bench, CONFIRMED_AFTER).await;
    assert_eq!(
        ended(&bench, ALERT).await,
        Some(TerminalReason::TicketDeleted)
    );
    assert!(link_of(&bench, ALERT).await.missing.is_none());
}

#[tokio::test]
async fn notes_that_are_looked_for_on_a_deleted_ticket_show_that_it_is_deleted() {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    let look = Message::reconcile_ticket(TICKET, Cause::Sweep);
    send(&bench, look).await;
    bench.process_all().await;
    // Deleted between the sweep and the closing that follows it.
    take_tickets(&bench);
    let over = Message::alert_snapshot(closed(ALERT, 5), Cause::Poll);
    send(&bench, over).await;
    bench.process_all().await;
    let store = &bench.reconciler.store;
    assert_eq!(store.dead_letters(10).await.unwrap(), []);
    assert!(link_of(&bench, ALERT).await.missing.is_some());
    work_for(&bench, CONFIRMED_AFTER * 2).await;
    let ended = ended(&bench, ALERT).await;
    assert_eq!(ended, Some(TerminalReason::TicketDeletedAlertClosed));
}

/// The alert as a poll sees it now, changed by `change`.
async fn report(bench: &Bench, change: impl FnOnce(&mut Alert)) {
    let mut seen = Alert {
        changed_at: bench.clock.now(),
        observed_at: bench.clock.now(),
        ..alert(ALERT.get())
    };
    change(&mut seen);
    send(bench, Message::alert_snapshot(seen, Cause::Poll)).await;
    bench.process_all().await;
}

/// Closes an alert.
fn close(alert: &mut Alert) {
    alert.status = Slug::new("Closed - Complete");
}

/// What was seen of an alert.
type Seen = fn(&mut Alert);

#[tokio::test]
async fn every_write_that_halopsa_refuses_for_want_of_the_ticket_leads_to_a_look_at_it() {
    let rows: [(&str, Seen, Seen); 4] = [
        ("a note", |_| (), |it| it.description = "six admins".into()),
        ("fields", |_| (), |it| it.priority = Slug::new("low")),
        ("closing", |_| (), close),
        ("reopening", close, |_| ()),
    ];
    for (write, before, now) in rows {
        let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
        let mut policy = support::policy();
        let template = policy.templates.values_mut().next().unwrap();
        template.close = ClosePolicy::Always;
        let low = (Slug::new("low"), PriorityId::new(4));
        template.priorities.by_slug = [low].into();
        bench.reconciler.set_policy(policy);
        send(&bench, Message::reconcile_ticket(TICKET, Cause::Sweep)).await;
        report(&bench, before).await;
        bench.clock.pass(Duration::from_secs(10));
        take_tickets(&bench);
        report(&bench, now).await;
        let link = link_of(&bench, ALERT).await;
        assert!(link.missing.is_some(), "{write}: {link:#?}");
        assert_eq!(link.refused, [], "{write}");
        let letters = bench.reconciler.store.dead_letters(10).await.unwrap();
        assert_eq!(letters, [], "{write}");
    }
}

#[tokio::test]
async fn an_alert_that_comes_back_after_its_ticket_was_gone_gets_another_one() {
    // When the ticket is first found missing, the alert closes, and it is open again: in seconds. It counts as
    // deleted from second 300 on.
    for (closes, returns) in [(0, 30), (30, 60), (30, 240), (30, 400), (400, 600)] {
        let bench = if closes == 0 {
            let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
            send(&bench, Message::reconcile_ticket(TICKET, Cause::Sweep)).await;
            bench.process_all().await;
            take_tickets(&bench);
            bench
        } else {
            missing(1).await
        };
        work_for(&bench, Duration::from_secs(closes)).await;
        report(&bench, close).await;
        work_for(&bench, Duration::from_secs(returns - closes)).await;
        report(&bench, |_| ()).await;
        work_for(&bench, CONFIRMED_AFTER * 2).await;
        let link = link_of(&bench, ALERT).await;
        assert_eq!(link.recurrence, 2, "{closes}, {returns}: {link:#?}");
        assert_eq!(link.earlier_tickets, [TICKET], "{closes}, {returns}");
    }
    // It was open all the time.
    let bench = missing(1).await;
    report(&bench, |it| it.description = "six admins".into()).await;
    work_for(&bench, CONFIRMED_AFTER * 3).await;
    assert_eq!(
        ended(&bench, ALERT).await,
        Some(TerminalReason::TicketDeleted)
    );
}

#[tokio::test]
async fn many_real_deletions_are_recognised_by_the_list_of_deleted_tickets() {
    let bench = missing(8).await;
    // HaloPSA marks all but one of them as deleted; that one may be hidden by something else.
    let marked = (4242..4249).map(TicketId::new);
    bench.reconciler.desk.deleted.lock().unwrap().extend(marked);
    work_for(&bench, CONFIRMED_AFTER / 2).await;
    assert_eq!(
        ended(&bench, ALERT).await,
        None,
        "two readings all the same"
    );
    work_for(&bench, CONFIRMED_AFTER).await;
    for number in 0..7 {
        let alert = AlertId::new(7586 + number);
        assert_eq!(
            ended(&bench, alert).await,
            Some(TerminalReason::TicketDeleted)
        );
    }
    assert_eq!(ended(&bench, AlertId::new(7593)).await, None);
}

#[tokio::test]
async fn a_ticket_that_is_back_before_the_second_reading_was_never_gone() {
    let bench = missing(1).await;
    put_ticket(&bench, ticket(4242, 7586, at(-30)));
    work_for(&bench, CONFIRMED_AFTER * 2).await;
    let link = link_of(&bench, ALERT).await;
    assert_eq!((link.terminal_reason, link.missing), (None, None));
    send(
        &bench,
        Message::alert_snapshot(closed(ALERT, 700), Cause::Poll),
    )
    .await;
    work_for(&bench, Duration::from_secs(60)).await;
    assert_eq!(status_of(&bench, TICKET), CLOSED);
}

#[tokio::test]
async fn many_tickets_missing_at_once_are_an_outage_for_a_day() {
    for (pairs, is_outage) in [(1, false), (5, false), (6, true), (12, true)] {
        let bench = missing(pairs).await;
        work_for(&bench, CONFIRMED_AFTER * 3).await;
        let reason = ended(&bench, ALERT).await;
        assert_eq!(reason.is_none(), is_outage, "{pairs} tickets: {reason:?}");
        if pairs != 6 {
            continue;
        }
        // They are all back: nothing has happened.
        for number in 0..pairs {
            put_ticket(&bench, ticket(4242 + number, 7586 + number, at(-30)));
        }
        work_for(&bench, Duration::from_secs(3_700)).await;
        for number in 0..pairs {
            let link = link_of(&bench, AlertId::new(7586 + number)).await;
            assert_eq!((link.terminal_reason, link.missing), (None, None));
        }
        // They stay away for more than a day.
        take_tickets(&bench);
        for number in 0..pairs {
            let look = Message::reconcile_ticket(TicketId::new(4242 + number), Cause::Sweep);
            send(&bench, look).await;
        }
        work_for(&bench, OUTAGE_MAX + Duration::from_secs(2 * 3_600)).await;
        assert!(ended(&bench, ALERT).await.is_some());
    }
}

/// How a ticket shows itself again.
#[derive(Clone, Copy, Debug)]
enum Return {
    Snapshot,
    Event,
    AlertReport,
}

#[tokio::test]
async fn a_deleted_ticket_that_shows_itself_is_followed_again_and_none_is_opened_beside_it() {
    for shown in [Return::Snapshot, Return::Event, Return::AlertReport] {
        for alert_closed_meanwhile in [false, true] {
            let what = format!("{shown:?}, closed meanwhile: {alert_closed_meanwhile}");
            let bench = missing(1).await;
            work_for(&bench, CONFIRMED_AFTER * 2).await;
            assert!(ended(&bench, ALERT).await.is_some(), "{what}");
            if alert_closed_meanwhile {
                let over = closed(ALERT, 650);
                send(&bench, Message::alert_snapshot(over, Cause::Poll)).await;
                work_for(&bench, Duration::from_secs(60)).await;
                let reason = ended(&bench, ALERT).await;
                assert_eq!(
                    reason,
                    Some(TerminalReason::TicketDeletedAlertClosed),
                    "{what}"
                );
            }
            // As it was before: nothing changed it, it could not be seen for a while.
            bench.clock.pass(Duration::from_secs(600));
            let back = Ticket {
                observed_at: bench.clock.now(),
                ..ticket(4242, 7586, at(-30))
            };
            put_ticket(&bench, back);
            match shown {
                Return::Snapshot => {
                    let row = ticket(4242, 7586, at(-30));
                    send(&bench, Message::ticket_snapshot(row, Cause::Sweep)).await;
                }
                Return::Event => {
                    send(&bench, Message::reconcile_ticket(TICKET, Cause::Sweep)).await;
                }
                Return::AlertReport => {
                    let back = Alert {
                        changed_at: at(1_200),
                        observed_at: at(1_200),
                        description: "somebody else was made an administrator".into(),
                        ..alert(ALERT.get())
                    };
                    send(&bench, Message::alert_snapshot(back, Cause::Poll)).await;
                }
            }
            work_for(&bench, Duration::from_secs(60)).await;
            let link = link_of(&bench, ALERT).await;
            assert_eq!(link.terminal_reason, None, "{what}");
            assert_eq!(link.ticket, Some(TICKET), "{what}");

            let over = closed(ALERT, 2_000);
            send(&bench, Message::alert_snapshot(over, Cause::Poll)).await;
            work_for(&bench, Duration::from_secs(900)).await;
            assert_eq!(status_of(&bench, TICKET), CLOSED, "{what}");
            let tickets = bench.reconciler.desk.tickets.lock().unwrap().len();
            assert_eq!(tickets, 1, "{what}");
        }
    }
}

#[tokio::test]
async fn a_report_from_before_the_deletion_brings_no_ticket_back() {
    let bench = missing(1).await;
    work_for(&bench, CONFIRMED_AFTER * 2).await;
    let late = ticket(4242, 7586, at(-10));
    send(&bench, Message::ticket_snapshot(late, Cause::Sweep)).await;
    work_for(&bench, Duration::from_secs(60)).await;
    assert!(ended(&bench, ALERT).await.is_some());
}

#[tokio::test]
async fn a_restored_ticket_is_followed_again() {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    bench.reconciler.desk.tickets.lock().unwrap().clear();
    send(&bench, Message::reconcile_ticket(TICKET, Cause::Sweep)).await;
    bench.process_all().await;

    let back = ticket(4242, 7586, at(60));
    put_ticket(&bench, back.clone());
    bench.clock.pass(Duration::from_secs(120));
    send(&bench, Message::ticket_snapshot(back, Cause::Sweep)).await;
    bench.process_all().await;
    let over = Message::alert_snapshot(closed(ALERT, 130), Cause::Poll);
    send(&bench, over).await;
    for _ in 0..2 {
        bench.clock.pass(Duration::from_secs(30));
        bench.process_all().await;
    }

    let ended = link_of(&bench, ALERT).await.terminal_reason;
    assert_eq!(status_of(&bench, TICKET), CLOSED, "{ended:?}");
}

/// A bench with `pairs` linked pairs in sync and their open alerts, for a day of full polls.
async fn in_sync(pairs: u64) -> Bench {
    let bench = Bench::new();
    let numbers = (1..=pairs).map(|number| (number, 4241 + number));
    for (id, ticket_id) in numbers {
        put_ticket(&bench, ticket(ticket_id, id, at(-30)));
        let mut link = Link::new(AlertId::new(id));
        link.attach(TicketId::new(ticket_id));
        let saved = bench.reconciler.store.save(&link, &[], Revision(0));
        saved.await.unwrap();
    }
    bench.poll(pairs).await.unwrap();
    bench.process_all().await;
    // From this hour on it counts.
    bench.full_poll_after(Duration::from_secs(3_600)).await;
    bench
}

#[tokio::test]
async fn a_deletion_that_nothing_reports_is_noticed_within_a_day() {
    for pairs in [1, 30] {
        for hours in [0, 1, 13] {
            let bench = in_sync(pairs).await;
            for _ in 0..hours {
                bench.full_poll_after(Duration::from_secs(3_600)).await;
            }
            let gone = TicketId::new(4242);
            bench.reconciler.desk.tickets.lock().unwrap().remove(&gone);
            for _ in 0..25 {
                bench.full_poll_after(Duration::from_secs(3_600)).await;
                work_for(&bench, CONFIRMED_AFTER).await;
            }
            let deleted = Some(TerminalReason::TicketDeleted);
            assert_eq!(
                ended(&bench, AlertId::new(1)).await,
                deleted,
                "{pairs}, {hours}"
            );
            for other in 2..=pairs {
                assert_eq!(ended(&bench, AlertId::new(other)).await, None);
            }
        }
    }
}

#[tokio::test]
async fn open_tickets_are_looked_for_once_a_day_with_one_request_an_hour() {
    let bench = in_sync(48).await;
    for _ in 0..24 {
        bench.full_poll_after(Duration::from_secs(3_600)).await;
    }
    let asked = bench.reconciler.desk.looked_for.lock().unwrap().clone();
    assert_eq!(asked.len(), 24, "one list an hour");
    assert_eq!(asked.iter().map(BTreeSet::len).sum::<usize>(), 48);
}

#[tokio::test]
async fn tickets_that_could_not_be_looked_for_are_looked_for_in_the_next_hour() {
    let bench = in_sync(48).await;
    bench.full_poll_after(Duration::from_secs(3_600)).await;
    let failure = support::failing(FailureClass::Transient, ErrorCode::HalopsaUnreachable);
    bench.reconciler.desk.switch.fail(failure);
    for _ in 0..5 {
        bench.full_poll_after(Duration::from_secs(3_600)).await;
    }
    bench.reconciler.desk.switch.repair();
    bench.full_poll_after(Duration::from_secs(3_600)).await;
    let asked = bench.reconciler.desk.looked_for.lock().unwrap().clone();
    let counts: Vec<usize> = asked.iter().map(BTreeSet::len).collect();
    assert_eq!(counts, [2, 12]);
}

#[tokio::test]
async fn a_ticket_deleted_after_a_refusal_shows_as_deleted() {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    let look = Message::reconcile_ticket(TICKET, Cause::Sweep);
    send(&bench, look.clone()).await;
    bench.process_all().await;
    // HaloPSA refuses to close it, and a person deletes it then.
    let code = ErrorCode::HalopsaRefused;
    let refused = failing(FailureClass::Permanent, code);
    bench.reconciler.desk.change_switch.fail(refused);
    send(
        &bench,
        Message::alert_snapshot(closed(ALERT, 5), Cause::Poll),
    )
    .await;
    bench.process_all().await;
    let status = |link: &Link| pair_status(link, &policy(), bench.clock.now());
    assert_eq!(status(&link_of(&bench, ALERT).await), PairStatus::Refused);
    take_tickets(&bench);
    send(&bench, look).await;
    work_for(&bench, CONFIRMED_AFTER * 2).await;
    let link = link_of(&bench, ALERT).await;
    assert_eq!(status(&link), PairStatus::TicketDeleted);
    assert_eq!(link.refused, []);
}
