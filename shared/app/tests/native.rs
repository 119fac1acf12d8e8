//! Native mode: Liongard names a ticket for an alert, and HaloPSA shows whether it can be that.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use halogard_app::ports::{Journal as _, Lane, Links as _, WorkSink as _};
use halogard_domain::ids::HaloClientId;
use halogard_domain::message::Cause;
use halogard_domain::policy::Mode;
use halogard_domain::{Alert, Message, Slug, Ticket};
use support::{ALERT, Bench, OPEN, TICKET, alert, at, policy, ticket};

/// A bench in native mode, whose HaloPSA has `found`.
fn native(found: Option<Ticket>) -> Bench {
    let bench = Bench::new();
    let mut policy = policy();
    policy.mode = Mode::Native;
    bench.reconciler.set_policy(policy);
    let rows = found.into_iter().map(|ticket| (ticket.id, ticket));
    bench.reconciler.desk.tickets.lock().unwrap().extend(rows);
    bench
}

async fn report(bench: &Bench, alert: Alert) {
    let message = Message::alert_snapshot(alert, Cause::Poll);
    let store = &bench.reconciler.store;
    store.send(Lane::Urgent, &[message.into()]).await.unwrap();
    bench.process_all().await;
}

/// An alert of a rule, for which Liongard names the ticket.
fn named(status: &str, seconds: i64) -> Alert {
    Alert {
        native_ticket: Some(TICKET),
        rule: Some("Stale Privileged Accounts".into()),
        inspector_alias: Some("Active Directory".into()),
        status: Slug::new(status),
        changed_at: at(seconds),
        observed_at: at(seconds),
        ..alert(ALERT.get())
    }
}

fn titled(summary: &str, client: u64) -> Ticket {
    Ticket {
        client: HaloClientId::new(client),
        summary: summary.to_owned(),
        ..ticket(TICKET.get(), 1, at(-30))
    }
}

#[tokio::test]
async fn the_ticket_that_liongard_names_is_adopted_only_if_it_can_be_the_alerts() {
    let table = [
        ("Liongard | AD | New admin", 17, true),
        ("active directory: something", 17, true),
        ("Rule Stale Privileged Accounts fired", 17, true),
        ("Liongard | AD | New admin", 666, false),
        ("Printer is out of paper", 17, false),
        ("", 17, false),
    ];
    for (summary, client, ours) in table {
        let bench = native(Some(titled(summary, client)));
        report(&bench, named("New", -20)).await;
        let link = bench.reconciler.store.load(ALERT).await.unwrap();
        let ticket = link.unwrap().value.ticket;
        assert_eq!(ticket, ours.then_some(TICKET), "{summary}");
    }
}

#[tokio::test]
async fn an_unrelated_ticket_is_reported_once_and_never_written() {
    let bench = native(Some(titled("Printer is out of paper", 17)));
    report(&bench, named("New", -20)).await;
    report(&bench, named("In Progress", 5)).await;
    report(&bench, named("Closed - Complete", 10)).await;
    let desk = &bench.reconciler.desk;
    assert_eq!(desk.tickets.lock().unwrap()[&TICKET].status, OPEN);
    assert!(desk.changes.lock().unwrap().is_empty());
    assert!(desk.added_notes.lock().unwrap().is_empty());
    let journal = bench.reconciler.store.journal(ALERT, 100).await.unwrap();
    let events: Vec<&str> = journal.iter().map(|it| it.event.as_str()).collect();
    assert_eq!(events, ["foreign_ticket"]);
}
