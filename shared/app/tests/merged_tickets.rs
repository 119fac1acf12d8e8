//! Tickets that people merge, delete and restore.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use halogard_app::ports::{Lane, Links as _, Revision, WorkSink as _};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::{Cause, Message};
use halogard_domain::ticket::Existence;
use halogard_domain::{Alert, Link, Slug, Ticket};
use support::{ALERT, Bench, CLOSED, OPEN, alert, at, ticket};

/// The alert whose ticket stays.
const OTHER_ALERT: AlertId = AlertId::new(7587);

/// Its ticket.
const OTHER_TICKET: TicketId = TicketId::new(4243);

async fn send(bench: &Bench, message: Message) {
    let messages = [message.into()];
    let sent = bench.reconciler.store.send(Lane::Urgent, &messages);
    sent.await.unwrap();
}

fn put_ticket(bench: &Bench, ticket: Ticket) {
    let mut tickets = bench.reconciler.desk.tickets.lock().unwrap();
    tickets.insert(ticket.id, ticket);
}

fn status_of(bench: &Bench, ticket: TicketId) -> halogard_domain::ids::StatusId {
    bench.reconciler.desk.tickets.lock().unwrap()[&ticket].status
}

async fn link_of(bench: &Bench, alert: AlertId) -> Link {
    let stored = bench.reconciler.store.load(alert).await.unwrap();
    stored.unwrap().value
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

/// Two pairs in sync, of which a technician merges the first one's ticket into the other's.
async fn merged() -> Bench {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    put_ticket(&bench, ticket(4243, 7587, at(-30)));
    let mut link = Link::new(OTHER_ALERT);
    link.attach(OTHER_TICKET);
    link.observe_alert(alert(OTHER_ALERT.get()));
    link.observe_ticket(ticket(4243, 7587, at(-30)));
    let saved = bench.reconciler.store.save(&link, &[], Revision(0));
    saved.await.unwrap();
    for id in [ALERT, OTHER_ALERT] {
        send(&bench, Message::reconcile_alert(id, Cause::Operator)).await;
    }
    bench.process_all().await;
    let merged = Ticket {
        existence: Existence::MergedInto(OTHER_TICKET),
        ..ticket(4242, 7586, at(10))
    };
    put_ticket(&bench, merged.clone());
    send(&bench, Message::ticket_snapshot(merged, Cause::Sweep)).await;
    bench.process_all().await;
    bench
}

#[tokio::test]
async fn a_merged_ticket_is_not_closed_while_the_other_alert_is_open() {
    let bench = merged().await;

    let over = Message::alert_snapshot(closed(ALERT, 130), Cause::Poll);
    send(&bench, over).await;
    bench.process_all().await;

    assert_eq!(status_of(&bench, OTHER_TICKET), OPEN);
}

#[tokio::test]
async fn both_alerts_of_a_merged_ticket_learn_of_its_closing() {
    let bench = merged().await;

    let by_technician = Ticket {
        status: CLOSED,
        ..ticket(4243, 7587, at(20))
    };
    put_ticket(&bench, by_technician.clone());
    send(
        &bench,
        Message::ticket_snapshot(by_technician, Cause::Sweep),
    )
    .await;
    bench.process_all().await;

    for id in [ALERT, OTHER_ALERT] {
        let seen = link_of(&bench, id).await.observed_ticket.unwrap();
        assert_eq!((seen.id, seen.status), (OTHER_TICKET, CLOSED), "alert {id}");
    }
}
