//! A service desk whose every answer takes long, or a machine that is short of time: what was read ages while
//! it is under way, and what is to be written is written all the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::time::Duration;

use halogard_app::ports::{Clock as _, Lane, Links as _, Outgoing, Revision, WorkSink as _};
use halogard_domain::ids::{AlertId, PriorityId, TicketId};
use halogard_domain::message::{Cause, Message};
use halogard_domain::policy::ClosePolicy;
use halogard_domain::{Alert, Link, Slug, Timestamp};
use support::{ALERT, Bench, CLOSED, OPEN, TICKET, alert, at, policy, ticket};

/// How long each answer takes: around the limits for what is read before a write, and beyond them.
const LATENCIES: [u64; 9] = [0, 5, 14, 15, 16, 18, 25, 29, 59];

/// What happens to an alert whose ticket is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// It is closed; the ticket is closed if no one has worked on it.
    ClosesUntouched,
    /// It is closed; the ticket is closed in any case.
    ClosesAlways,
    /// Its priority is raised.
    Priority,
    /// Its text changes, which a note says.
    Text,
    /// It is closed, and open again once its ticket is closed.
    Returns,
}

const CHANGES: [Change; 5] = [
    Change::ClosesUntouched,
    Change::ClosesAlways,
    Change::Priority,
    Change::Text,
    Change::Returns,
];

impl Change {
    /// `before` after the change.
    fn of(self, before: Alert, now: Timestamp) -> Alert {
        let mut after = Alert {
            changed_at: now,
            observed_at: now,
            ..before
        };
        match self {
            Self::ClosesUntouched | Self::ClosesAlways | Self::Returns => {
                after.status = Slug::new("Closed");
            }
            Self::Priority => after.priority = Slug::new("critical"),
            Self::Text => after.description = "two of them now".into(),
        }
        after
    }
}

/// A bench with `count` alerts, each with an open ticket on which both sides agree.
async fn bench(count: u64, change: Change) -> Bench {
    let bench = Bench::swept().await;
    let mut policy = policy();
    let template = policy.templates.get_mut("default").unwrap();
    for (slug, priority) in [("high", 2), ("critical", 1)] {
        let priority = PriorityId::new(priority);
        template
            .priorities
            .by_slug
            .insert(Slug::new(slug), priority);
    }
    if change == Change::ClosesAlways {
        template.close = ClosePolicy::Always;
    }
    bench.reconciler.set_policy(policy);
    for id in alerts(count) {
        let mut shown = ticket(ticket_of(id).get(), id, at(-30));
        shown.priority = Some(PriorityId::new(2));
        let mut link = Link::new(AlertId::new(id));
        link.attach(shown.id);
        link.observe_alert(alert(id));
        link.observe_ticket(shown.clone());
        let tickets = &bench.reconciler.desk.tickets;
        tickets.lock().unwrap().insert(shown.id, shown);
        let saved = bench.reconciler.store.save(&link, &[], Revision(0));
        saved.await.expect("the first save");
    }
    report_all(&bench, alerts(count).map(alert)).await;
    bench.clock.pass(Duration::from_secs(3_600));
    bench
}

/// The alerts of a bench with `count` of them.
fn alerts(count: u64) -> impl Iterator<Item = u64> {
    ALERT.get()..ALERT.get() + count
}

/// The ticket of an alert.
fn ticket_of(alert: u64) -> TicketId {
    TicketId::new(TICKET.get() + alert - ALERT.get())
}

/// Reports what alerts are like now, and works off what follows from it; says what became of it.
async fn report_all(bench: &Bench, alerts: impl Iterator<Item = Alert>) -> Vec<&'static str> {
    let messages: Vec<Outgoing> = alerts
        .map(|alert| Message::alert_snapshot(alert, Cause::Poll).into())
        .collect();
    let store = &bench.reconciler.store;
    store.send(Lane::Urgent, &messages).await.unwrap();
    bench.process_all().await
}

#[tokio::test]
async fn what_is_to_be_written_is_written_however_long_each_answer_takes() {
    for change in CHANGES {
        for latency in LATENCIES {
            for count in [1, 3] {
                let bench = bench(count, change).await;
                *bench.reconciler.desk.takes.lock().unwrap() = Duration::from_secs(latency);
                let before = bench.reconciler.desk.switch.asked();
                let now = bench.clock.now();
                let changed = alerts(count).map(|id| change.of(alert(id), now));
                let mut outcomes = report_all(&bench, changed).await;
                if change == Change::Returns {
                    bench.clock.pass(Duration::from_secs(600));
                    let now = bench.clock.now();
                    let returned = |id| Alert {
                        changed_at: now,
                        observed_at: now,
                        ..alert(id)
                    };
                    outcomes.extend(report_all(&bench, alerts(count).map(returned)).await);
                }
                let of = format!("{change:?}, {latency} s, {count} alerts: {outcomes:?}");
                assert!(!outcomes.contains(&"conflict"), "{of}");
                let desk = &bench.reconciler.desk;
                let asked = u64::from(desk.switch.asked() - before);
                // State and notes before a closing and before a reopening, which no sweep has saved here, and a list.
                assert!(asked <= 5 * count + 4, "{asked} requests: {of}");
                for id in alerts(count) {
                    let tickets = desk.tickets.lock().unwrap();
                    let shown = tickets.get(&ticket_of(id)).unwrap();
                    let (status, priority) = match change {
                        Change::ClosesUntouched | Change::ClosesAlways => (CLOSED, 2),
                        Change::Priority => (OPEN, 1),
                        Change::Text | Change::Returns => (OPEN, 2),
                    };
                    assert_eq!(shown.status, status, "{of}");
                    assert_eq!(shown.priority, Some(PriorityId::new(priority)), "{of}");
                }
                let notes = match change {
                    Change::Text | Change::Returns => count,
                    _ => 0,
                };
                let added = desk.added_notes.lock().unwrap().len();
                assert_eq!(u64::try_from(added).unwrap(), notes, "{of}");
            }
        }
    }
}
