//! Wake-ups of Liongard's webhook: many of them lead to one or two polls.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::time::Duration;

use halogard_app::ports::{Lane, WorkQueue, WorkSink};
use halogard_domain::message::Message;
use support::Bench;

/// The longest a test waits for wake-ups.
const GIVE_UP_SECONDS: u32 = 3600;

/// Sends `count` wake-ups.
async fn wake_up(bench: &Bench, count: usize) {
    for _ in 0..count {
        let poll = Message::poll().into();
        bench
            .reconciler
            .store
            .send(Lane::Runs, &[poll])
            .await
            .unwrap();
    }
}

/// Wake-ups that wait.
async fn waiting(bench: &Bench) -> u64 {
    bench.reconciler.store.depth(Lane::Runs).await.unwrap()
}

/// Works each second, for `at_least` seconds and until no wake-up waits, doing `each_second` first;
/// returns polls and deliveries.
async fn work_off(bench: &Bench, at_least: u32, each_second: impl AsyncFn(u32)) -> (usize, usize) {
    let asked = bench.reconciler.liongard.switch.asked();
    let mut deliveries = 0;
    let mut seconds = 0;
    while waiting(bench).await > 0 || seconds < at_least {
        assert!(seconds < GIVE_UP_SECONDS, "wake-ups still wait");
        each_second(seconds).await;
        bench.clock.pass(Duration::from_millis(10));
        deliveries += bench
            .reconciler
            .process_next(Lane::Runs)
            .await
            .unwrap()
            .len();
        bench.clock.pass(Duration::from_secs(1));
        seconds += 1;
    }
    let polls = bench.reconciler.liongard.switch.asked() - asked;
    (usize::try_from(polls).unwrap(), deliveries)
}

/// A bench that has swept HaloPSA, with three alerts.
async fn swept() -> Bench {
    let bench = Bench::new();
    bench.reconciler.sweep_tickets().await.unwrap();
    bench.reconciler.liongard.show(3);
    bench
}

#[tokio::test]
async fn a_hundred_wake_ups_lead_to_one_or_two_polls() {
    let bench = swept().await;
    wake_up(&bench, 100).await;
    let (polls, deliveries) = work_off(&bench, 0, async |_| {}).await;
    assert!(polls <= 2, "{polls} polls");
    assert!(deliveries <= 200, "{deliveries} deliveries");
}

#[tokio::test]
async fn wake_ups_that_come_one_by_one_share_the_poll_that_waits() {
    let bench = swept().await;
    wake_up(&bench, 1).await;
    let (polls, deliveries) = work_off(&bench, 100, async |second| {
        if second < 100 {
            wake_up(&bench, 3).await;
            assert!(waiting(&bench).await <= 4, "wake-ups pile up");
        }
    })
    .await;
    assert!((16..=21).contains(&polls), "{polls} polls in 100 s");
    assert!(deliveries <= 330, "{deliveries} deliveries");
}

#[tokio::test]
async fn wake_ups_end_where_polls_are_more_frequent_than_wake_ups_may_be() {
    let bench = swept().await;
    wake_up(&bench, 60).await;
    let (_, deliveries) = work_off(&bench, 0, async |second| {
        if second % 3 == 0 {
            bench.reconciler.sync_cycle().await;
        }
    })
    .await;
    assert!(deliveries <= 120, "{deliveries} deliveries");
}

#[tokio::test]
async fn wake_ups_before_the_first_sweep_wait_as_one() {
    let bench = Bench::new();
    wake_up(&bench, 100).await;
    for _ in 0..2 {
        bench.reconciler.process_next(Lane::Runs).await.unwrap();
    }
    assert_eq!(waiting(&bench).await, 1);
    bench.reconciler.sweep_tickets().await.unwrap();
    bench.clock.pass(Duration::from_secs(60));
    let (polls, _) = work_off(&bench, 0, async |_| {}).await;
    assert_eq!(polls, 1);
}

#[tokio::test]
async fn a_wake_up_that_comes_while_a_poll_runs_leads_to_another() {
    let bench = swept().await;
    bench.reconciler.sync_cycle().await;
    bench.clock.pass(Duration::from_millis(10));
    wake_up(&bench, 1).await;
    let (polls, _) = work_off(&bench, 0, async |_| {}).await;
    assert_eq!(polls, 1, "what the first poll had not seen is read");
}
