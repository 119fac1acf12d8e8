//! Liongard's clock is set back: what changes afterwards has an earlier time than what is known.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::time::Duration;

use halogard_app::poll::Scope;
use halogard_app::ports::{Clock as _, Lane, Links as _, WorkSink as _};
use halogard_domain::message::Cause;
use halogard_domain::{Alert, Message, Slug};
use support::{ALERT, Bench, alert, at, ticket};

/// What Liongard shows of the alert now.
fn show(bench: &Bench, alert: Alert) {
    bench.reconciler.liongard.list.lock().unwrap().alerts = vec![alert];
}

/// A bench whose alert changed a moment ago by a clock that was right.
async fn bench() -> Bench {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    bench.reconciler.sweep_tickets().await.unwrap();
    bench.clock.pass(Duration::from_secs(600));
    show(&bench, state(&bench, Duration::ZERO, "before", "New"));
    bench.reconciler.poll_alerts(Scope::Changed).await.unwrap();
    bench.process_all().await;
    bench.clock.pass(Duration::from_secs(60));
    bench
}

/// The alert as it changed just now, by a clock that is this much behind.
fn state(bench: &Bench, behind: Duration, text: &str, status: &str) -> Alert {
    let now = bench.clock.now();
    Alert {
        description: text.to_owned(),
        status: Slug::new(status),
        changed_at: now.minus(behind),
        observed_at: now,
        ..alert(ALERT.get())
    }
}

async fn known(bench: &Bench) -> Alert {
    let stored = bench.reconciler.store.load(ALERT).await.unwrap();
    stored.unwrap().value.observed_alert.unwrap()
}

#[tokio::test]
async fn no_change_of_an_alert_is_lost_when_liongards_clock_is_set_back() {
    for behind in [90, 3_600, 2 * 86_400, 400 * 86_400] {
        let behind = Duration::from_secs(behind);
        for (text, status) in [("worse", "New"), ("before", "closed"), ("worse", "closed")] {
            for is_polled in [true, false] {
                let of = format!("{behind:?}, {text}, {status}, polled: {is_polled}");
                let bench = bench().await;
                let shown = state(&bench, behind, text, status);
                show(&bench, shown.clone());
                if is_polled {
                    bench.reconciler.poll_alerts(Scope::Changed).await.unwrap();
                } else {
                    let ended = Cause::RunEnded { succeeded: true };
                    let message = [Message::reconcile_alert(ALERT, ended).into()];
                    let sent = bench.reconciler.store.send(Lane::Urgent, &message);
                    sent.await.unwrap();
                }
                bench.process_all().await;
                assert_eq!(
                    known(&bench).await.fingerprint(),
                    shown.fingerprint(),
                    "{of}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_list_that_lags_behind_a_read_changes_nothing() {
    let bench = bench().await;
    let current = known(&bench).await;
    // The list shows an earlier state, and a read of the alert the present one.
    let lagging = state(&bench, Duration::from_secs(3_600), "long ago", "closed");
    bench.reconciler.liongard.unlist(current.clone());
    let message = [Message::alert_snapshot(lagging, Cause::Poll).into()];
    let sent = bench.reconciler.store.send(Lane::Urgent, &message);
    sent.await.unwrap();
    bench.process_all().await;
    assert_eq!(known(&bench).await.fingerprint(), current.fingerprint());
}
