//! A clock that was ahead and is put right: nothing waits for the time it showed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::time::Duration;

use halogard_app::ports::{Clock as _, Lane, LeaseOutcome, Leases as _, Outgoing, WorkSink as _};
use halogard_domain::message::{Cause, Message};
use support::{ALERT, Bench, at, ticket};

/// How far the clock was ahead: a virtual machine that resumed, a flat battery.
const AHEAD: [u64; 4] = [120, 3_600, 86_400, 365 * 86_400];

#[tokio::test]
async fn a_clock_set_back_stops_nothing() {
    for ahead in AHEAD {
        let ahead = Duration::from_secs(ahead);
        let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
        bench.reconciler.sweep_tickets().await.unwrap();
        bench.clock.pass(ahead);
        for _ in 0..3 {
            bench.reconciler.sync_cycle().await;
            bench.process_all().await;
            bench.clock.pass(Duration::from_secs(30));
        }
        bench.clock.set_back(ahead);
        let (desk, liongard) = (
            bench.reconciler.desk.switch.asked(),
            bench.reconciler.liongard.switch.asked(),
        );
        for _ in 0..20 {
            bench.clock.pass(Duration::from_secs(300));
            let cycle = bench.reconciler.sync_cycle().await;
            assert!(cycle.is_complete(), "{ahead:?}");
            bench.process_all().await;
        }
        let desk = bench.reconciler.desk.switch.asked() - desk;
        let liongard = bench.reconciler.liongard.switch.asked() - liongard;
        assert!(desk >= 19, "{ahead:?}: {desk} requests to HaloPSA");
        assert!(liongard >= 20, "{ahead:?}: {liongard} requests to Liongard");
    }
}

#[tokio::test]
async fn a_message_that_was_put_off_under_a_clock_ahead_is_delivered() {
    for ahead in AHEAD {
        let ahead = Duration::from_secs(ahead);
        let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
        bench.clock.pass(ahead);
        let later = Outgoing {
            message: Message::reconcile_alert(ALERT, Cause::Operator),
            not_before: Some(bench.clock.now().plus(Duration::from_secs(60))),
        };
        bench
            .reconciler
            .store
            .send(Lane::Urgent, &[later])
            .await
            .unwrap();
        bench.clock.set_back(ahead);
        bench.clock.pass(Duration::from_secs(1));
        assert!(!bench.process_all().await.is_empty(), "{ahead:?}");
    }
}

#[tokio::test]
async fn a_lease_that_was_acquired_under_a_clock_ahead_is_over() {
    for ahead in [3_600, 365 * 86_400] {
        let bench = Bench::new();
        let store = &bench.reconciler.store;
        let until = bench.clock.now().plus(Duration::from_secs(ahead + 90));
        store.acquire_lease("creates", "a", until).await.unwrap();
        let until = bench.clock.now().plus(Duration::from_secs(90));
        let acquired = store.acquire_lease("creates", "b", until).await.unwrap();
        assert_eq!(acquired, LeaseOutcome::Acquired, "{ahead}");
    }
}

#[tokio::test]
async fn an_alert_that_was_queued_under_a_clock_ahead_is_queued_again_when_its_message_was_lost() {
    let bench = Bench::new();
    bench.reconciler.sweep_tickets().await.unwrap();
    let year = Duration::from_secs(365 * 86_400);
    bench.clock.pass(year);
    bench.reconciler.liongard.show(3);
    bench.reconciler.sync_cycle().await;
    bench.file.execute("DELETE FROM queue");
    bench.clock.set_back(year);
    let mut queued = 0;
    for _ in 0..3 {
        bench.clock.pass(Duration::from_secs(1_200));
        queued += bench.reconciler.sync_cycle().await.queued();
    }
    assert!(queued >= 3, "{queued}");
}
