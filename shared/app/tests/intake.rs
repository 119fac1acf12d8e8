//! What becomes of an authenticated delivery.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use halogard_app::intake::{Rejection, enqueue};
use halogard_app::ports::{ErrorCode, Lane, WorkQueue};
use halogard_domain::FailureClass;
use halogard_domain::ids::TicketId;
use halogard_domain::message::{Cause, Message};
use support::{Bench, failing};

/// Messages of one delivery.
fn jobs(count: usize) -> Vec<Message> {
    let job = Message::reconcile_ticket(TicketId::new(4242), Cause::Sweep);
    vec![job; count]
}

#[tokio::test]
async fn a_delivery_is_queued_in_the_urgent_lane_and_counted() {
    let bench = Bench::new();
    assert!(matches!(
        enqueue(&bench.reconciler.store, jobs(3)).await,
        Ok(3)
    ));
    assert_eq!(bench.sent_to(Lane::Urgent).len(), 3);
    assert_eq!(
        bench.reconciler.store.sending.asked(),
        1,
        "all in one write"
    );
}

#[tokio::test]
async fn a_delivery_that_leads_to_nothing_is_accepted_and_writes_nothing() {
    let bench = Bench::new();
    assert!(matches!(
        enqueue(&bench.reconciler.store, jobs(0)).await,
        Ok(0)
    ));
    assert_eq!(bench.reconciler.store.sending.asked(), 0);
}

#[tokio::test]
async fn a_delivery_that_cannot_be_queued_is_not_accepted() {
    let bench = Bench::new();
    bench
        .reconciler
        .store
        .sending
        .fail(failing(FailureClass::Transient, ErrorCode::StoreFailed));
    let rejection = enqueue(&bench.reconciler.store, jobs(1)).await.unwrap_err();
    let Rejection::NotQueued(error) = rejection else {
        panic!("{rejection}")
    };
    assert_eq!(error.code, ErrorCode::StoreFailed);
    assert_eq!(bench.reconciler.store.depth(Lane::Urgent).await.unwrap(), 0);

    bench.reconciler.store.sending.mend();
    assert!(matches!(
        enqueue(&bench.reconciler.store, jobs(1)).await,
        Ok(1)
    ));
    assert_eq!(bench.reconciler.store.depth(Lane::Urgent).await.unwrap(), 1);
}

#[test]
fn the_answer_waits_for_the_queue() {
    let bench = Bench::new();
    *bench.reconciler.store.slow.lock().unwrap() = 1;
    let mut taking = pin!(enqueue(&bench.reconciler.store, jobs(1)));
    let mut context = Context::from_waker(Waker::noop());
    assert!(
        taking.as_mut().poll(&mut context).is_pending(),
        "answered before it was queued"
    );
    assert!(bench.sent_to(Lane::Urgent).is_empty());
    assert!(matches!(
        taking.as_mut().poll(&mut context),
        Poll::Ready(Ok(1))
    ));
    assert_eq!(bench.sent_to(Lane::Urgent).len(), 1);
}
