//! What a look remembers of the webhook behind it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::time::Duration;

use halogard_app::ports::{ErrorCode, Lane, Links as _, Records as _, WorkSink};
use halogard_domain::ids::SiteId;
use halogard_domain::message::{Cause, Message, Notification, VERSION};
use halogard_domain::record::Singleton;
use halogard_domain::site_reports::{SiteChange, SiteReports};
use halogard_domain::{FailureClass, Policy, Ticket};
use support::{Bench, TICKET, at, failing, ticket};

/// "Reconcile the ticket", because of a webhook.
fn webhook(delivery: &str, content: &str) -> Message {
    let notification = Notification {
        delivery: Some(delivery.into()),
        content: content.into(),
        event: Some("ticket updated".into()),
        object: Some(TICKET.get()),
        kind: "ticket_changed".into(),
    };
    Message::reconcile_ticket(TICKET, Cause::Webhook { notification })
}

#[tokio::test]
async fn a_repeated_notification_is_not_worked_twice() {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    for (delivery, content) in [
        ("one", "a"),
        ("one", "a"),
        ("two", "a"),
        ("one", "b"),
        ("three", "c"),
    ] {
        bench
            .reconciler
            .store
            .send(Lane::Urgent, &[webhook(delivery, content).into()])
            .await
            .unwrap();
    }
    let outcomes = bench.process_all().await;
    assert_eq!(
        outcomes[1..],
        ["duplicate", "duplicate", "duplicate", "in_sync"]
    );
    assert_ne!(outcomes[0], "duplicate");
    assert_eq!(
        bench.reconciler.desk.switch.asked(),
        2,
        "once for each that is new"
    );
}

#[tokio::test]
async fn a_notification_whose_body_says_nothing_new_needs_no_memory() {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    let Message::ReconcileTicket { cause, .. } = webhook("one", "a") else {
        panic!("a webhook leads to a reconciliation of its ticket");
    };
    let settled = Message::ticket_snapshot(ticket(4242, 7586, at(-30)), Cause::Sweep);
    let ours = Message::ticket_snapshot(ticket(4242, 7586, at(-30)), cause.clone());
    let touched = Message::ticket_snapshot(ticket(4242, 7586, at(-20)), cause.clone());
    let printer = Ticket {
        summary: "The printer is out of paper".into(),
        ..ticket(99, 1, at(-30))
    };
    let strange = Message::ticket_snapshot(printer, cause);
    for message in [&settled, &ours, &ours, &touched, &strange, &strange] {
        let outgoing = [message.clone().into()];
        let sent = bench.reconciler.store.send(Lane::Urgent, &outgoing);
        sent.await.unwrap();
    }

    let outcomes = bench.process_all().await;

    let nothing = ["in_sync", "in_sync", "in_sync", "not_ours", "not_ours"];
    assert_eq!(outcomes[1..], nothing);
    assert_eq!(bench.file.notification_count(), 0);
    assert_eq!(
        bench.reconciler.desk.switch.asked(),
        0,
        "the bodies suffice"
    );
}

#[tokio::test]
async fn a_notification_whose_reconciliation_failed_is_no_duplicate_when_it_is_redelivered() {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    bench.reconciler.desk.switch.fail(failing(
        FailureClass::Transient,
        ErrorCode::HalopsaUnreachable,
    ));
    bench
        .reconciler
        .store
        .send(Lane::Urgent, &[webhook("one", "a").into()])
        .await
        .unwrap();
    assert_eq!(bench.process_all().await, ["transient"]);
    assert_eq!(bench.file.notification_count(), 0);
    bench.reconciler.desk.switch.repair();
    bench.clock.pass(Duration::from_secs(2));
    assert_ne!(bench.process_all().await, ["duplicate"]);
    assert_eq!(bench.file.notification_count(), 1);
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
    let keep = Message::RecordNotification {
        version: VERSION,
        notification,
    };
    for _ in 0..2 {
        bench
            .reconciler
            .store
            .send(Lane::Urgent, &[keep.clone().into()])
            .await
            .unwrap();
    }
    assert_eq!(
        bench.process_all().await,
        ["notification_recorded", "duplicate"]
    );
    let journal = bench.file.journal();
    assert_eq!(journal.len(), 1);
    assert_eq!(journal[0].detail.as_deref(), Some("object 31"));
    assert_eq!(bench.file.notification_count(), 1);
}

#[tokio::test]
async fn what_happens_to_a_site_is_kept_if_the_config_names_it() {
    let bench = Bench::new();
    let named = SiteId::new(21);
    let mut policy = Policy::clone(&bench.reconciler.policy());
    policy.environments.values_mut().next().unwrap().site = Some(named);
    bench.reconciler.set_policy(policy);
    for (content, (kind, site)) in [
        ("site_deleted", 9999),
        ("user_deleted", named.get()),
        ("site_updated", named.get()),
        ("site_deleted", named.get()),
    ]
    .into_iter()
    .enumerate()
    {
        let message = notice(kind, Some(site), &content.to_string());
        let messages = [message.into()];
        let sent = bench.reconciler.store.send(Lane::Urgent, &messages);
        sent.await.unwrap();
    }
    assert_eq!(bench.process_all().await, ["notification_recorded"; 4]);
    let stored = bench
        .reconciler
        .store
        .load_record::<SiteReports>(&Singleton);
    let reports = stored.await.unwrap().value.reports;
    let kept: Vec<_> = reports.iter().map(|it| (it.site, it.change)).collect();
    assert_eq!(kept, [(named, SiteChange::Deleted)]);
}

/// A notification of this kind about an object.
fn notice(kind: &str, object: Option<u64>, content: &str) -> Message {
    Message::RecordNotification {
        version: VERSION,
        notification: Notification {
            delivery: Some(content.into()),
            content: content.into(),
            event: Some("Closed".into()),
            object,
            kind: kind.into(),
        },
    }
}

#[tokio::test]
async fn an_unknown_event_about_a_linked_ticket_leads_to_a_look_at_it() {
    let table = [
        (notice("unknown", Some(TICKET.get()), "a"), true),
        (notice("unknown", Some(9999), "b"), false),
        (notice("unknown", None, "c"), false),
        // The number of another record.
        (notice("site_updated", Some(TICKET.get()), "d"), false),
    ];
    for (message, looks) in table {
        let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
        bench.reconciler.desk.tickets.lock().unwrap().insert(
            TICKET,
            Ticket {
                status: support::CLOSED,
                ..ticket(4242, 7586, at(-5))
            },
        );
        let store = &bench.reconciler.store;
        let twice = [message.clone().into(), message.clone().into()];
        store.send(Lane::Urgent, &twice).await.unwrap();
        let outcomes = bench.process_all().await;
        let link = store.load(support::ALERT).await.unwrap().unwrap().value;
        let seen = link.observed_ticket.unwrap().status;
        assert_eq!(seen == support::CLOSED, looks, "{message:?}");
        let recorded = outcomes.contains(&"notification_recorded");
        assert_eq!(recorded, !looks, "{outcomes:?}");
        assert!(outcomes.contains(&"duplicate"), "{outcomes:?}");
    }
}
