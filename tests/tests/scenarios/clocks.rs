//! Clocks that are wrong: HaloPSA's, and times in the future that it writes.

use std::time::Duration;

use halogard_domain::ids::StatusId;
use halogard_tests::{Scenario, Setup, WebhookDelivery};

use crate::{DANA, with_ticket};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How far HaloPSA's clock is ahead.
const OFFSETS: [i64; 15] = [
    -2 * DAY,
    -DAY,
    -90 * MINUTE,
    -HOUR,
    -5 * MINUTE,
    -MINUTE - 1_000,
    -30_000,
    0,
    30_000,
    MINUTE + 1_000,
    5 * MINUTE,
    HOUR,
    90 * MINUTE,
    DAY,
    2 * DAY,
];

/// How far HaloPSA's clock is ahead before and after it is set back.
const STEPS_BACK: [(i64, i64); 11] = [
    (0, -MINUTE - 1_000),
    (0, -5 * MINUTE),
    (0, -6 * MINUTE),
    (0, -HOUR),
    (0, -90 * MINUTE),
    (0, -6 * HOUR),
    (0, -DAY),
    (0, -2 * DAY),
    (90 * MINUTE, 0),
    (2 * DAY, 0),
    (HOUR, -HOUR),
];

/// The status a technician's closing sets.
const CLOSED: StatusId = StatusId::new(9);

/// A bundle whose webhooks are all lost, before its first sweep.
async fn without_webhooks(halo_ahead_ms: i64) -> Scenario {
    Scenario::start(Setup {
        webhook_delivery: WebhookDelivery::Never,
        halo_ahead_ms,
        ..Setup::managed()
    })
    .await
}

/// Whether the closing of the ticket of `alert` has been seen.
async fn has_seen_closing(bundle: &Scenario, alert: i64) -> bool {
    let link = bundle.link(alert).await;
    let seen = link.and_then(|link| link.observed_ticket);
    seen.is_some_and(|seen| seen.status == CLOSED)
}

#[tokio::test]
async fn no_closing_is_lost_however_far_halopsas_clock_is_off() {
    let mut cases = 0;
    for ahead in OFFSETS {
        let mut bundle = without_webhooks(ahead).await;
        let (alert, ticket) = with_ticket(&mut bundle).await;
        bundle.run_for(Duration::from_secs(900)).await;
        bundle.halo.close_ticket(ticket, DANA).unwrap();
        bundle.run_for(Duration::from_secs(300)).await;
        assert!(
            has_seen_closing(&bundle, alert).await,
            "ahead by {ahead} ms"
        );
        assert_eq!(bundle.tickets_of(alert).len(), 1, "ahead by {ahead} ms");
        cases += 1;
    }
    println!("{cases} clocks");
}

#[tokio::test]
async fn no_closing_is_lost_when_halopsas_clock_is_put_forward() {
    let mut cases = 0;
    for before in OFFSETS {
        for after in [-90 * MINUTE, 0, 5 * MINUTE, 2 * DAY] {
            if after < before {
                continue;
            }
            let mut bundle = without_webhooks(before).await;
            let (alert, ticket) = with_ticket(&mut bundle).await;
            bundle.run_for(Duration::from_secs(600)).await;
            bundle.halo_clock.set_ahead(after);
            bundle.halo.close_ticket(ticket, DANA).unwrap();
            bundle.run_for(Duration::from_secs(600)).await;
            assert!(
                has_seen_closing(&bundle, alert).await,
                "ahead by {before} ms, then by {after} ms"
            );
            cases += 1;
        }
    }
    println!("{cases} changes of the clock");
}

/// HaloPSA's clock is set back, and a technician closes the ticket with a time that is older than all that is
/// known: at each phase of a sweep, and with webhooks that come or do not.
#[tokio::test]
async fn no_closing_is_lost_when_halopsas_clock_is_set_back() {
    let mut cases = 0;
    let mut lost = Vec::new();
    for (before, after) in STEPS_BACK {
        for phase in [600, 750] {
            for webhook_delivery in [WebhookDelivery::Never, WebhookDelivery::Prompt] {
                let mut bundle = Scenario::start(Setup {
                    webhook_delivery,
                    halo_ahead_ms: before,
                    ..Setup::managed()
                })
                .await;
                let (alert, ticket) = with_ticket(&mut bundle).await;
                bundle.run_for(Duration::from_secs(phase)).await;
                // What is known is of a moment ago, and a change of another ticket moves the watermark.
                bundle.halo.add_note(ticket, DANA, "looked at").unwrap();
                bundle.run_for(Duration::from_secs(600)).await;
                bundle.halo_clock.set_ahead(after);
                bundle.run_for(Duration::from_secs(30)).await;
                bundle.halo.close_ticket(ticket, DANA).unwrap();
                bundle.run_for(Duration::from_secs(600)).await;
                let is_seen = has_seen_closing(&bundle, alert).await;
                if !is_seen || bundle.tickets_of(alert).len() != 1 {
                    lost.push(format!(
                        "ahead by {before} ms, then by {after} ms, after {phase} s, webhooks {webhook_delivery:?}"
                    ));
                }
                cases += 1;
            }
        }
    }
    println!("{cases} clocks that were set back");
    assert!(lost.is_empty(), "{lost:#?}");
}

#[tokio::test]
async fn an_answer_that_takes_minutes_is_no_clock_that_was_set() {
    let bundle = Scenario::start(Setup {
        latency: Duration::from_secs(70),
        ..Setup::managed()
    })
    .await;
    for _ in 0..4 {
        let swept = bundle.process().use_cases.sweep_tickets().await;
        swept.expect("an empty tenant is swept");
        bundle.time.advance(Duration::from_secs(60));
    }
    let log = bundle.logs.text();
    assert!(!log.contains("a clock was set"), "{log}");
}
