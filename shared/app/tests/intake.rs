//! How an authenticated delivery is processed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use halogard_app::intake::{Rejection, enqueue};
use halogard_app::ports::{ErrorCode, Lane, Outgoing, PortError, WorkSink};
use halogard_domain::FailureClass;
use halogard_domain::ids::TicketId;
use halogard_domain::message::{Cause, Message};

/// Records each send with its lane and the number of messages.
#[derive(Default)]
struct Sink {
    sends: Mutex<Vec<(Lane, usize)>>,
    fails: AtomicBool,
    /// The next send waits once before it is done.
    waits: AtomicBool,
}

impl WorkSink for Sink {
    async fn send(&self, lane: Lane, messages: &[Outgoing]) -> Result<(), PortError> {
        if self.waits.swap(false, Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        if self.fails.load(Ordering::SeqCst) {
            let class = FailureClass::Transient;
            return Err(PortError::new(class, ErrorCode::StoreFailed));
        }
        self.sends.lock().unwrap().push((lane, messages.len()));
        Ok(())
    }
}

impl Sink {
    fn sends(&self) -> Vec<(Lane, usize)> {
        self.sends.lock().unwrap().clone()
    }
}

/// Messages of one delivery.
fn messages(count: usize) -> Vec<Message> {
    let message = Message::reconcile_ticket(TicketId::new(4242), Cause::Sweep);
    vec![message; count]
}

#[tokio::test]
async fn a_delivery_is_queued_in_the_urgent_lane_in_one_write() {
    let sink = Sink::default();
    assert!(matches!(enqueue(&sink, messages(3)).await, Ok(3)));
    assert_eq!(sink.sends(), [(Lane::Urgent, 3)]);
}

#[tokio::test]
async fn a_delivery_that_leads_to_nothing_is_accepted_and_writes_nothing() {
    let sink = Sink::default();
    assert!(matches!(enqueue(&sink, messages(0)).await, Ok(0)));
    assert_eq!(sink.sends(), []);
}

#[tokio::test]
async fn a_delivery_that_cannot_be_queued_is_not_accepted() {
    let sink = Sink::default();
    sink.fails.store(true, Ordering::SeqCst);
    let rejection = enqueue(&sink, messages(1)).await.unwrap_err();
    let Rejection::NotQueued(error) = rejection else {
        panic!("{rejection}")
    };
    assert_eq!(error.code, ErrorCode::StoreFailed);
    sink.fails.store(false, Ordering::SeqCst);
    assert!(matches!(enqueue(&sink, messages(1)).await, Ok(1)));
    assert_eq!(sink.sends(), [(Lane::Urgent, 1)]);
}

#[test]
fn the_answer_waits_for_the_queue() {
    let sink = Sink::default();
    sink.waits.store(true, Ordering::SeqCst);
    let mut enqueueing = pin!(enqueue(&sink, messages(1)));
    let mut context = Context::from_waker(Waker::noop());
    assert!(
        enqueueing.as_mut().poll(&mut context).is_pending(),
        "answered before it was queued"
    );
    assert_eq!(sink.sends(), []);
    let ready = enqueueing.as_mut().poll(&mut context);
    assert!(matches!(ready, Poll::Ready(Ok(1))));
    assert_eq!(sink.sends(), [(Lane::Urgent, 1)]);
}
