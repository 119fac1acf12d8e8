//! A dead letter is discarded once its pair is in sync, and no earlier.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::time::Duration;

use halogard_app::ports::{ErrorCode, Lane, WorkSink};
use halogard_domain::message::{Cause, Message};
use halogard_domain::policy::ClosePolicy;
use halogard_domain::{Alert, FailureClass, Policy, Slug};
use support::{ALERT, Bench, TICKET, alert, at, failing, policy, ticket};

/// A policy that closes every ticket with its alert.
fn closing() -> Policy {
    let mut policy = policy();
    for template in policy.templates.values_mut() {
        template.close = ClosePolicy::Always;
    }
    policy
}

/// A bench whose first cycle was a while ago.
async fn bench() -> Bench {
    let bench = Bench::linked(ticket(4242, 7586, at(-30))).await;
    bench.reconciler.set_policy(closing());
    bench.reconciler.sync_cycle().await;
    bench
}

/// The alert, closed.
fn closed() -> Alert {
    Alert {
        status: Slug::new("Closed"),
        changed_at: at(-1),
        ..alert(ALERT.get())
    }
}

async fn send(bench: &Bench, message: Message) {
    let messages = [message.into()];
    let sent = bench.reconciler.store.send(Lane::Urgent, &messages);
    sent.await.unwrap();
}

/// Dead letters after the next check of them.
async fn left_after_a_check(bench: &Bench) -> usize {
    bench.clock.pass(Duration::from_secs(901));
    bench.reconciler.sync_cycle().await;
    bench.file.dead_letters().len()
}

#[tokio::test]
async fn the_dead_letter_of_a_refused_close_is_discarded_when_the_ticket_is_closed() {
    let bench = bench().await;
    let refused = failing(FailureClass::Permanent, ErrorCode::HalopsaRefused);
    bench.reconciler.desk.switch.fail(refused);
    send(&bench, Message::alert_snapshot(closed(), Cause::Poll)).await;
    bench.process_all().await;
    bench.only_dead();
    bench.reconciler.desk.switch.repair();
    assert_eq!(left_after_a_check(&bench).await, 1, "it is still refused");

    send(&bench, Message::reconcile_alert(ALERT, Cause::Operator)).await;
    bench.process_all().await;

    assert_eq!(left_after_a_check(&bench).await, 0);
}

#[tokio::test]
async fn the_dead_letter_of_an_unreadable_ticket_stays_until_it_was_read() {
    let bench = bench().await;
    let refused = failing(FailureClass::Permanent, ErrorCode::HalopsaRefused);
    bench.reconciler.desk.switch.fail(refused);
    send(&bench, Message::reconcile_ticket(TICKET, Cause::Operator)).await;
    bench.process_all().await;
    bench.only_dead();
    bench.reconciler.desk.switch.repair();
    send(
        &bench,
        Message::alert_snapshot(alert(ALERT.get()), Cause::Poll),
    )
    .await;
    bench.process_all().await;
    assert_eq!(left_after_a_check(&bench).await, 1, "it was never read");

    let read = ticket(4242, 7586, at(-30));
    let now = halogard_app::ports::Clock::now(&bench.clock);
    let read = halogard_domain::Ticket {
        changed_at: now,
        observed_at: now,
        ..read
    };
    send(&bench, Message::ticket_snapshot(read, Cause::Sweep)).await;
    bench.process_all().await;

    assert_eq!(left_after_a_check(&bench).await, 0);
}

#[tokio::test]
async fn dead_letters_that_no_pair_can_mend_stay() {
    let bench = bench().await;
    for body in ["no JSON", r#"{"type":"from_the_future","version":9}"#] {
        bench.file.enqueue(Lane::Urgent, body);
    }
    bench.process_all().await;
    assert_eq!(left_after_a_check(&bench).await, 2);
}
