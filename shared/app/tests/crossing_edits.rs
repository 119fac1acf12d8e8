//! A person changes a ticket at the moment at which Halogard writes it: what Halogard wrote stays its own, and
//! follows the alert further on; what the person wrote stays the person's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use halogard_app::ports::{
    Clock as _, ErrorCode, Journal as _, Lane, Links as _, PortError, Refusal, TicketListing,
    WorkSink as _,
};
use halogard_domain::ids::{HaloClientId, PriorityId, StatusId};
use halogard_domain::message::{Cause, Message};
use halogard_domain::work::WorkSign;
use halogard_domain::{Alert, FailureClass, Link, Slug, Ticket};
use support::{ALERT, Bench, CLOSED, Crossing, Failure, OPEN, TICKET, alert, at, policy, ticket};

const IN_PROGRESS: StatusId = StatusId::new(3);
const WAITING: StatusId = StatusId::new(4);
const PRIORITIES: [(&str, u64); 3] = [("critical", 1), ("high", 2), ("low", 4)];

/// What Halogard writes because the alert has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Priority,
    Status,
    Both,
}

/// What a person does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit {
    Close,
    Wait,
    Priority,
    Client,
    Nothing,
}

impl Edit {
    fn function(self) -> fn(&mut Ticket) {
        match self {
            Self::Close => |it| it.status = CLOSED,
            Self::Wait => |it| it.status = WAITING,
            Self::Priority => |it| it.priority = Some(PriorityId::new(7)),
            Self::Client => |it| it.client = HaloClientId::new(19),
            Self::Nothing => |_| {},
        }
    }

    const fn is_of_status(self) -> bool {
        matches!(self, Self::Close | Self::Wait)
    }
}

/// A bench whose alert and ticket agree: high, new.
async fn bench() -> Bench {
    let mut shown = ticket(TICKET.get(), ALERT.get(), at(-30));
    shown.priority = Some(PriorityId::new(2));
    let bench = Bench::linked(shown).await;
    bench.reconciler.sweep_tickets().await.unwrap();
    let mut policy = policy();
    let template = policy.templates.get_mut("default").unwrap();
    for (slug, priority) in PRIORITIES {
        let priority = PriorityId::new(priority);
        template
            .priorities
            .by_slug
            .insert(Slug::new(slug), priority);
    }
    let statuses = &mut template.statuses.by_slug;
    statuses.insert(Slug::new("new"), OPEN);
    statuses.insert(Slug::new("in_progress"), IN_PROGRESS);
    bench.reconciler.set_policy(policy);
    report(&bench, "high", "new").await;
    bench.clock.pass(Duration::from_secs(3_600));
    bench
}

/// Sweeps list the ticket as it is.
fn list_as_shown(bench: &Bench) {
    let desk = &bench.reconciler.desk;
    let mut row = desk.tickets.lock().unwrap()[&TICKET].clone();
    row.observed_at = bench.clock.now();
    *desk.listings.lock().unwrap() = vec![TicketListing {
        id: row.id,
        changed_at: Some(row.changed_at),
        ticket: Some(row),
    }];
}

/// Reports the alert with this priority and status, and has the ticket looked at.
async fn report(bench: &Bench, priority: &str, status: &str) {
    let now = bench.clock.now();
    let alert = Alert {
        priority: Slug::new(priority),
        status: Slug::new(status),
        changed_at: now,
        observed_at: now,
        ..alert(ALERT.get())
    };
    let messages = [
        Message::alert_snapshot(alert, Cause::Poll).into(),
        Message::reconcile_ticket(TICKET, Cause::Sweep).into(),
    ];
    bench
        .reconciler
        .store
        .send(Lane::Urgent, &messages)
        .await
        .unwrap();
    for _ in 0..4 {
        bench.process_all().await;
        list_as_shown(bench);
        bench.clock.pass(Duration::from_secs(60));
    }
}

/// Queues the alert with this priority.
async fn queue(bench: &Bench, priority: &str) {
    let now = bench.clock.now();
    let alert = Alert {
        priority: Slug::new(priority),
        status: Slug::new("new"),
        changed_at: now,
        observed_at: now,
        ..alert(ALERT.get())
    };
    let message = Message::alert_snapshot(alert, Cause::Poll).into();
    let store = &bench.reconciler.store;
    store.send(Lane::Urgent, &[message]).await.unwrap();
}

/// What another worker does while the second of two changes is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    /// Nothing.
    Nothing,
    /// It saves the link as it is.
    Save,
    /// It reads the ticket, and finds that the first change was not made.
    Look,
}

impl Meanwhile {
    async fn happen(self, bench: &Bench) {
        let store = &bench.reconciler.store;
        match self {
            Self::Nothing => {}
            Self::Save => {
                let stored = store.load(ALERT).await.unwrap().unwrap();
                let saved = store.save(&stored.value, &[], stored.revision).await;
                saved.unwrap();
            }
            Self::Look => {
                bench.clock.pass(Duration::from_secs(3));
                let look = Message::reconcile_ticket(TICKET, Cause::Sweep).into();
                store.send(Lane::Bulk, &[look]).await.unwrap();
                bench.reconciler.process_next(Lane::Bulk).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn two_dropped_changes_are_made_again_whatever_another_worker_does_meanwhile() {
    let pairs = [
        ("low", "critical", 1),
        ("critical", "low", 4),
        ("low", "high", 2),
    ];
    for (first, second, wanted) in pairs {
        for meanwhile in [Meanwhile::Nothing, Meanwhile::Save, Meanwhile::Look] {
            for apart in [60, 298] {
                let of = format!("{first}, {second}, {apart} s apart, {meanwhile:?}");
                let bench = bench().await;
                let desk = &bench.reconciler.desk;
                *desk.drops_changes.lock().unwrap() = true;
                queue(&bench, first).await;
                bench.process_all().await;
                bench.clock.pass(Duration::from_secs(apart));
                queue(&bench, second).await;
                *desk.slow_writes.lock().unwrap() = 1;
                let mut writing = Box::pin(bench.reconciler.process_next(Lane::Urgent));
                let mut context = Context::from_waker(Waker::noop());
                assert!(writing.as_mut().poll(&mut context).is_pending(), "{of}");
                meanwhile.happen(&bench).await;
                writing.await.unwrap();
                for minute in 0..120 {
                    *desk.drops_changes.lock().unwrap() = minute < 4;
                    // Polls compare everything once an hour.
                    if minute == 60 {
                        queue(&bench, second).await;
                    }
                    bench.process_all().await;
                    bench.clock.pass(Duration::from_secs(60));
                }
                let shown = desk.tickets.lock().unwrap()[&TICKET].priority;
                assert_eq!(shown, Some(PriorityId::new(wanted)), "{of}");
                let link = bench.reconciler.store.load(ALERT).await.unwrap().unwrap();
                assert_eq!(link.value.work, None, "{of}");
            }
        }
    }
}

#[tokio::test]
async fn each_member_that_was_written_is_ours_whatever_else_the_answer_shows() {
    for written in [Written::Priority, Written::Status, Written::Both] {
        for edit in [
            Edit::Close,
            Edit::Wait,
            Edit::Priority,
            Edit::Client,
            Edit::Nothing,
        ] {
            for (after, is_unanswered) in
                [(false, false), (true, false), (false, true), (true, true)]
            {
                let of =
                    format!("{written:?}, {edit:?}, after: {after}, unanswered: {is_unanswered}");
                let bench = bench().await;
                let crossing = Crossing {
                    edit: edit.function(),
                    after,
                    is_unanswered,
                };
                *bench.reconciler.desk.crossing.lock().unwrap() = Some(crossing);
                let (priority, status) = match written {
                    Written::Priority => ("critical", "new"),
                    Written::Status => ("high", "in_progress"),
                    Written::Both => ("critical", "in_progress"),
                };
                report(&bench, priority, status).await;
                bench.clock.pass(Duration::from_secs(3_600));
                let closed =
                    bench.reconciler.desk.tickets.lock().unwrap()[&TICKET].status == CLOSED;
                report(&bench, "low", "new").await;
                if closed {
                    report(&bench, "low", "closed").await;
                    bench.clock.pass(Duration::from_secs(3_600));
                    report(&bench, "low", "new").await;
                }
                let shown = bench.reconciler.desk.tickets.lock().unwrap()[&TICKET].clone();
                let link = bench
                    .reconciler
                    .store
                    .load(ALERT)
                    .await
                    .unwrap()
                    .unwrap()
                    .value;
                assert_ne!(shown.status, CLOSED, "{of}");
                let theirs_is_priority =
                    edit == Edit::Priority && (after || written == Written::Status);
                let expected = if theirs_is_priority { 7 } else { 4 };
                assert_eq!(shown.priority, Some(PriorityId::new(expected)), "{of}");
                if !edit.is_of_status() {
                    assert_eq!(shown.status, OPEN, "{of}");
                }
                if !theirs_is_priority {
                    assert_ne!(link.work, Some(WorkSign::Priority), "{of}");
                }
            }
        }
    }
}

/// The pair as it is stored.
async fn link(bench: &Bench) -> Link {
    let stored = bench.reconciler.store.load(ALERT).await.unwrap();
    stored.unwrap().value
}

#[tokio::test]
async fn a_pair_that_does_not_converge_waits_visibly_until_it_does() {
    let bench = bench().await;
    let desk = &bench.reconciler.desk;
    // Whenever the ticket is to be written, HaloPSA shows it in another state than it was planned for.
    let shown = desk.tickets.lock().unwrap()[&TICKET].clone();
    let outdated: Failure = Arc::new(move || {
        let mut error = PortError::new(FailureClass::Transient, ErrorCode::HalopsaRefused);
        error.refusal = Some(Refusal::Outdated(Box::new(shown.clone())));
        error
    });
    desk.change_switch.fail(outdated);
    report(&bench, "critical", "new").await;
    let since = link(&bench).await.unsettled_since;
    assert!(since.is_some() && link(&bench).await.may_wait());
    bench.clock.pass(Duration::from_secs(3_600));
    bench.process_all().await;
    assert_eq!(
        link(&bench).await.unsettled_since,
        since,
        "since the first time"
    );

    desk.change_switch.repair();
    bench.clock.pass(Duration::from_secs(3_600));
    report(&bench, "critical", "new").await;
    assert_eq!(link(&bench).await.unsettled_since, None);
    let journal = bench.reconciler.store.journal(ALERT, 100).await;
    let entries = journal.unwrap();
    let said = entries.iter().filter(|entry| entry.event == "unsettled");
    assert_eq!(said.count(), 1);
}
