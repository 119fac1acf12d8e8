//! Throttles, lost answers, and batches that are taken in part.

use std::time::Duration;

use halogard_app::ports::{Lane, Outgoing, PortError, WorkQueue as _, WorkSink as _};
use halogard_aws::Store;
use halogard_conformance::{ManualClock, StoreFixture as _};
use halogard_domain::ids::AlertId;
use halogard_domain::message::Cause;
use halogard_domain::{FailureClass, Message};
use halogard_emulator::{Fault, FaultProxy};

use crate::fixture::SqsFixture;

const VISIBILITY: Duration = Duration::from_secs(600);

/// Attempts of the SDK at one call, after which an outage shows.
const ATTEMPTS: usize = 3;

/// A fixture, a way to it on which things go wrong, and a store that goes that way.
async fn tampered() -> (SqsFixture, FaultProxy, Store<ManualClock>) {
    let fixture = SqsFixture::fresh().await;
    let way = FaultProxy::start(&fixture.endpoint()).await.unwrap();
    let store = fixture.through(&way.endpoint());
    (fixture, way, store)
}

fn messages(count: u64) -> Vec<Outgoing> {
    let looks = (1..=count).map(|id| Message::reconcile_alert(AlertId::new(id), Cause::Poll));
    looks.map(Outgoing::from).collect()
}

async fn depth(fixture: &SqsFixture) -> u64 {
    fixture.store.depth(Lane::Bulk).await.unwrap()
}

/// Plans `fault` for every attempt at one call.
fn always(way: &FaultProxy, operation: &str, fault: &Fault) {
    for _ in 0..ATTEMPTS {
        way.faults().plan(operation, fault.clone());
    }
}

fn entries(count: usize, code: &'static str, sender_fault: bool) -> Fault {
    Fault::FailEntries {
        count,
        code,
        sender_fault,
    }
}

#[tokio::test]
async fn what_a_batch_left_out_is_sent_again_and_only_that() {
    let (fixture, way, store) = tampered().await;
    way.faults()
        .plan("SendMessageBatch", entries(4, "InternalError", false));
    way.faults()
        .plan("SendMessageBatch", entries(3, "RequestThrottled", false));
    store.send(Lane::Bulk, &messages(10)).await.unwrap();
    assert_eq!(way.faults().calls("SendMessageBatch"), 3);
    assert_eq!(depth(&fixture).await, 10, "each once");
}

#[tokio::test]
async fn what_is_left_out_again_and_again_is_reported() {
    let (fixture, way, store) = tampered().await;
    for _ in 0..3 {
        way.faults()
            .plan("SendMessageBatch", entries(2, "InternalError", false));
    }
    let error = store.send(Lane::Bulk, &messages(10)).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Transient);
    assert!(
        error.chain().contains("2 of 10 messages"),
        "{}",
        error.chain()
    );
    assert_eq!(depth(&fixture).await, 8);
}

#[tokio::test]
async fn a_message_that_is_refused_for_what_it_is_is_not_sent_twice() {
    let (fixture, way, store) = tampered().await;
    way.faults().plan(
        "SendMessageBatch",
        entries(1, "InvalidMessageContents", true),
    );
    let error = store.send(Lane::Bulk, &messages(3)).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Permanent);
    assert_eq!(way.faults().calls("SendMessageBatch"), 1);
    assert_eq!(depth(&fixture).await, 2);
}

#[tokio::test]
async fn a_short_throttle_is_retried_and_a_lasting_one_is_reported() {
    let (fixture, way, store) = tampered().await;
    let throttle = Fault::Refuse {
        status: 400,
        code: "RequestThrottled",
    };
    way.faults().plan("SendMessageBatch", throttle.clone());
    store.send(Lane::Bulk, &messages(1)).await.unwrap();
    assert_eq!(depth(&fixture).await, 1);
    always(&way, "SendMessageBatch", &throttle);
    let error = store.send(Lane::Bulk, &messages(1)).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Throttled { retry_after: None });
    always(&way, "ReceiveMessage", &throttle);
    let error = store.receive(Lane::Bulk, 1, VISIBILITY).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Throttled { retry_after: None });
}

#[tokio::test]
async fn an_answer_lost_after_sending_may_send_twice_and_never_loses() {
    let (fixture, way, store) = tampered().await;
    way.faults().plan("SendMessageBatch", Fault::LoseAnswer);
    store.send(Lane::Bulk, &messages(3)).await.unwrap();
    assert_eq!(
        depth(&fixture).await,
        6,
        "the same message twice asks for the same look"
    );
}

/// One message that `store` has received; its receipt.
async fn in_hand(store: &Store<ManualClock>) -> String {
    store.send(Lane::Bulk, &messages(1)).await.unwrap();
    let mut some = store.receive(Lane::Bulk, 1, VISIBILITY).await.unwrap();
    some.remove(0).receipt
}

/// Settles `receipt` in the way of `number`: gives it back, retries it, or dead-letters it.
async fn settle(
    fixture: &SqsFixture,
    store: &Store<ManualClock>,
    number: u32,
    receipt: &str,
) -> Result<(), PortError> {
    match number {
        0 => store.defer(Lane::Bulk, &[receipt], fixture.now()).await,
        1 => store.retry(Lane::Bulk, receipt, fixture.now()).await,
        _ => store.dead_letter(Lane::Bulk, receipt, "refused").await,
    }
}

/// Copies of the one message, living and dead.
async fn copies(fixture: &SqsFixture) -> usize {
    let dead = fixture.store.dead_letters(10).await.unwrap().len();
    usize::try_from(depth(fixture).await).unwrap() + dead
}

#[tokio::test]
async fn a_copy_that_cannot_be_sent_leaves_the_message_in_hand() {
    for number in 0..3 {
        let (fixture, way, store) = tampered().await;
        let receipt = in_hand(&store).await;
        let outage = Fault::Refuse {
            status: 503,
            code: "ServiceUnavailable",
        };
        always(&way, "SendMessageBatch", &outage);
        let error = settle(&fixture, &store, number, &receipt)
            .await
            .unwrap_err();
        assert_eq!(error.class, FailureClass::Transient);
        assert_eq!(copies(&fixture).await, 1);
        settle(&fixture, &store, number, &receipt).await.unwrap();
        assert_eq!(
            copies(&fixture).await,
            1,
            "the original is gone, the copy is there"
        );
    }
}

#[tokio::test]
async fn a_crash_between_the_copy_and_the_deletion_leaves_a_duplicate_and_no_gap() {
    for number in 0..3 {
        let (fixture, way, store) = tampered().await;
        let receipt = in_hand(&store).await;
        always(
            &way,
            "DeleteMessage",
            &Fault::Refuse {
                status: 503,
                code: "ServiceUnavailable",
            },
        );
        settle(&fixture, &store, number, &receipt).await.unwrap();
        assert_eq!(copies(&fixture).await, 2);
        // It is settled, so it is not copied once more.
        settle(&fixture, &store, number, &receipt).await.unwrap();
        assert_eq!(copies(&fixture).await, 2);
    }
}

#[tokio::test]
async fn an_answer_lost_at_any_call_of_settling_loses_nothing() {
    for number in 0..3 {
        for operation in ["SendMessageBatch", "DeleteMessage"] {
            let (fixture, way, store) = tampered().await;
            let receipt = in_hand(&store).await;
            way.faults().plan(operation, Fault::LoseAnswer);
            settle(&fixture, &store, number, &receipt).await.unwrap();
            assert_eq!(way.faults().left(), 0);
            let expected = if operation == "SendMessageBatch" {
                2
            } else {
                1
            };
            assert_eq!(copies(&fixture).await, expected, "{operation} {number}");
        }
    }
}

#[tokio::test]
async fn a_message_that_could_not_be_deleted_can_be_reported_done_again() {
    let (fixture, way, store) = tampered().await;
    let receipt = in_hand(&store).await;
    always(
        &way,
        "DeleteMessage",
        &Fault::Refuse {
            status: 503,
            code: "ServiceUnavailable",
        },
    );
    store.ack(Lane::Bulk, &receipt).await.unwrap_err();
    assert_eq!(depth(&fixture).await, 1);
    store.ack(Lane::Bulk, &receipt).await.unwrap();
    assert_eq!(depth(&fixture).await, 0);
}

#[tokio::test]
async fn a_dead_letter_whose_redrive_fails_is_visible_again() {
    let (fixture, way, store) = tampered().await;
    let receipt = in_hand(&store).await;
    store
        .dead_letter(Lane::Bulk, &receipt, "refused")
        .await
        .unwrap();
    let id = store.dead_letters(1).await.unwrap().remove(0).id;
    always(
        &way,
        "SendMessageBatch",
        &Fault::Refuse {
            status: 503,
            code: "ServiceUnavailable",
        },
    );
    store.redrive(&id).await.unwrap_err();
    assert_eq!(fixture.store.dead_letters(10).await.unwrap().len(), 1);
    assert!(store.redrive(&id).await.unwrap());
    assert_eq!(depth(&fixture).await, 1);
}

#[tokio::test]
async fn dead_letters_are_visible_again_though_a_list_fails() {
    let (fixture, way, store) = tampered().await;
    let receipt = in_hand(&store).await;
    store
        .dead_letter(Lane::Bulk, &receipt, "refused")
        .await
        .unwrap();
    // The urgent lane is read, then the first page of the bulk lane; the second fails.
    let before = way.faults().calls("ReceiveMessage");
    store.dead_letters(1).await.unwrap();
    assert_eq!(way.faults().calls("ReceiveMessage") - before, 4);
    for _ in 0..2 {
        way.faults().plan("ReceiveMessage", Fault::Pass);
    }
    always(
        &way,
        "ReceiveMessage",
        &Fault::Refuse {
            status: 503,
            code: "ServiceUnavailable",
        },
    );
    store.dead_letters(1).await.unwrap_err();
    assert_eq!(way.faults().left(), 0);
    assert_eq!(fixture.store.dead_letters(10).await.unwrap().len(), 1);
}
