//! Messages that an event source delivers and deletes.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::types::MessageSystemAttributeName as System;
use halogard_app::ports::{Delivery, Lane, Outgoing, WorkQueue as _, WorkSink as _};
use halogard_aws::Received;
use halogard_conformance::StoreFixture as _;
use halogard_domain::ids::AlertId;
use halogard_domain::message::Cause;
use halogard_domain::{Message, Timestamp};

use crate::fixture::SqsFixture;

fn message() -> Message {
    Message::reconcile_alert(AlertId::new(1), Cause::Poll)
}

/// Receives the one message of the bulk lane as an event source does.
async fn hand_over(fixture: &SqsFixture) -> Received {
    let queue = &fixture.names.queues[&Lane::Bulk].work;
    let call = fixture
        .sqs
        .receive_message()
        .queue_url(queue)
        .visibility_timeout(600);
    let call = call.message_system_attribute_names(System::All);
    let received = call.message_attribute_names("All").send().await.unwrap();
    let message = received.messages.unwrap().remove(0);
    let system = message.attributes.unwrap();
    let attributes = message.message_attributes.unwrap_or_default().into_iter();
    let attributes = attributes.map(|(name, value)| (name, value.string_value.unwrap()));
    Received {
        id: message.message_id.unwrap(),
        handle: message.receipt_handle.unwrap(),
        body: message.body.unwrap(),
        receive_count: system[&System::ApproximateReceiveCount].parse().unwrap(),
        sent: Timestamp::from_millis(system[&System::SentTimestamp].parse().unwrap()),
        attributes: attributes.collect(),
    }
}

/// Deletes the message, as the event source does with what was worked off.
async fn worked_off(fixture: &SqsFixture, handle: &str) {
    let queue = &fixture.names.queues[&Lane::Bulk].work;
    let call = fixture.sqs.delete_message().queue_url(queue);
    call.receipt_handle(handle).send().await.unwrap();
}

/// A message that was sent and handed over, and the delivery made of it.
async fn delivered(fixture: &SqsFixture) -> (Received, Delivery) {
    fixture
        .store
        .send(Lane::Bulk, &[message().into()])
        .await
        .unwrap();
    let handed = hand_over(fixture).await;
    let taken = fixture
        .store
        .deliver(Lane::Bulk, handed.clone())
        .await
        .unwrap();
    let Some(delivery) = taken else {
        panic!("it is time");
    };
    assert_eq!(delivery.message, Ok(message()));
    assert_eq!(delivery.receive_count, 1);
    assert_eq!(delivery.sent_at, fixture.now());
    (handed, delivery)
}

/// Messages on the bulk lane.
async fn depth(fixture: &SqsFixture) -> u64 {
    fixture.store.depth(Lane::Bulk).await.unwrap()
}

#[tokio::test]
async fn what_is_done_is_left_for_the_event_source_to_delete() {
    let fixture = SqsFixture::fresh().await;
    let (handed, delivery) = delivered(&fixture).await;
    fixture
        .store
        .ack(Lane::Bulk, &delivery.receipt)
        .await
        .unwrap();
    assert_eq!(depth(&fixture).await, 1);
    // Settled is settled.
    fixture
        .store
        .retry(Lane::Bulk, &delivery.receipt, fixture.now())
        .await
        .unwrap();
    fixture
        .store
        .dead_letter(Lane::Bulk, &delivery.receipt, "again")
        .await
        .unwrap();
    assert_eq!(depth(&fixture).await, 1);
    assert_eq!(fixture.store.dead_letters(1).await.unwrap(), []);
    worked_off(&fixture, &handed.handle).await;
    assert_eq!(depth(&fixture).await, 0);
}

#[tokio::test]
async fn what_is_given_back_or_retried_is_a_copy_beside_the_original() {
    let fixture = SqsFixture::fresh().await;
    let (handed, delivery) = delivered(&fixture).await;
    let sent_at = delivery.sent_at;
    fixture
        .store
        .defer(Lane::Bulk, &[&delivery.receipt], fixture.now())
        .await
        .unwrap();
    assert_eq!(depth(&fixture).await, 2);
    worked_off(&fixture, &handed.handle).await;

    fixture.advance(Duration::from_secs(5)).await;
    for (count, next) in [(1, true), (2, false)] {
        let handed = hand_over(&fixture).await;
        let taken = fixture
            .store
            .deliver(Lane::Bulk, handed.clone())
            .await
            .unwrap();
        let Some(delivery) = taken else {
            panic!("it is time");
        };
        assert_eq!((delivery.receive_count, delivery.sent_at), (count, sent_at));
        if next {
            fixture
                .store
                .retry(Lane::Bulk, &delivery.receipt, fixture.now())
                .await
                .unwrap();
        }
        worked_off(&fixture, &handed.handle).await;
    }
}

#[tokio::test]
async fn what_is_dead_lettered_is_copied_and_the_original_is_left_to_the_event_source() {
    let fixture = SqsFixture::fresh().await;
    let (_, delivery) = delivered(&fixture).await;
    fixture
        .store
        .dead_letter(Lane::Bulk, &delivery.receipt, "refused")
        .await
        .unwrap();
    let letters = fixture.store.dead_letters(10).await.unwrap();
    assert_eq!((letters.len(), letters[0].reason.as_str()), (1, "refused"));
    assert_eq!(depth(&fixture).await, 1);
}

#[tokio::test]
async fn a_message_that_comes_too_early_is_put_back_at_once_until_its_time() {
    let fixture = SqsFixture::fresh().await;
    let hour = Duration::from_secs(3600);
    let until = fixture.now().plus(hour);
    let later = Outgoing {
        message: message(),
        not_before: Some(until),
    };
    let sent_at = fixture.now();
    fixture.store.send(Lane::Bulk, &[later]).await.unwrap();
    for _ in 0..4 {
        // A queue delays by a quarter of an hour at most.
        fixture.advance(hour / 4 - Duration::from_secs(1)).await;
        assert_eq!(
            fixture.store.receive(Lane::Bulk, 1, hour).await.unwrap(),
            []
        );
        fixture.advance(Duration::from_secs(1)).await;
        let handed = hand_over(&fixture).await;
        let taken = fixture
            .store
            .deliver(Lane::Bulk, handed.clone())
            .await
            .unwrap();
        worked_off(&fixture, &handed.handle).await;
        match taken {
            None => assert!(fixture.now() < until),
            Some(delivery) => {
                assert_eq!(fixture.now(), until);
                assert_eq!((delivery.receive_count, delivery.sent_at), (1, sent_at));
                return;
            }
        }
    }
    panic!("it never came");
}

#[tokio::test]
async fn a_receipt_of_another_process_does_nothing() {
    let fixture = SqsFixture::fresh().await;
    let (_, delivery) = delivered(&fixture).await;
    let other = fixture.through(&fixture.endpoint());
    other
        .defer(Lane::Bulk, &[&delivery.receipt], fixture.now())
        .await
        .unwrap();
    other
        .dead_letter(Lane::Bulk, &delivery.receipt, "not mine")
        .await
        .unwrap();
    assert_eq!(depth(&fixture).await, 1);
    assert_eq!(fixture.store.dead_letters(1).await.unwrap(), []);
}

#[tokio::test]
async fn a_record_without_our_attributes_counts_from_its_own() {
    let fixture = SqsFixture::fresh().await;
    let handed = Received {
        id: "m".to_owned(),
        handle: "h".to_owned(),
        body: "no JSON".to_owned(),
        receive_count: 3,
        sent: Timestamp::from_millis(77),
        attributes: BTreeMap::new(),
    };
    let taken = fixture.store.deliver(Lane::Urgent, handed).await.unwrap();
    let Some(delivery) = taken else {
        panic!("nothing says that it should wait");
    };
    assert_eq!(
        (delivery.receive_count, delivery.sent_at),
        (3, Timestamp::from_millis(77))
    );
    assert_eq!(delivery.message.unwrap_err().body, "no JSON");
}
