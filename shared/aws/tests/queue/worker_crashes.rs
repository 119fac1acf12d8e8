//! Messages whose workers die, and messages that only the redrive policy dead-lettered.

use std::time::Duration;

use halogard_app::ports::{Lane, WorkQueue as _, WorkSink as _};
use halogard_aws::RECEIVES_MAX;
use halogard_conformance::StoreFixture as _;
use halogard_domain::Message;
use halogard_domain::ids::AlertId;
use halogard_domain::message::Cause;

use crate::fixture::SqsFixture;

const VISIBILITY: Duration = Duration::from_secs(30);

fn message() -> Message {
    Message::reconcile_alert(AlertId::new(1), Cause::Poll)
}

/// Lets the worker die with the one message of the bulk lane, as often as the queue allows.
async fn let_workers_die(fixture: &SqsFixture) {
    for count in 1..=RECEIVES_MAX {
        let some = fixture
            .store
            .receive(Lane::Bulk, 10, VISIBILITY)
            .await
            .unwrap();
        assert_eq!(some.len(), 1);
        assert_eq!(some[0].receive_count % RECEIVES_MAX, count % RECEIVES_MAX);
        fixture.advance(VISIBILITY).await;
    }
}

#[tokio::test]
async fn a_message_whose_workers_die_is_taken_away_and_says_so_without_a_reason_of_ours() {
    let fixture = SqsFixture::as_deployed().await;
    fixture
        .store
        .send(Lane::Bulk, &[message().into()])
        .await
        .unwrap();
    let_workers_die(&fixture).await;
    assert_eq!(
        fixture
            .store
            .receive(Lane::Bulk, 10, VISIBILITY)
            .await
            .unwrap(),
        []
    );

    // Listing does not change what is listed.
    for _ in 0..3 {
        let letters = fixture.store.dead_letters(10).await.unwrap();
        assert_eq!(letters.len(), 1);
        assert!(
            letters[0].reason.contains("the worker died"),
            "{}",
            letters[0].reason
        );
        assert_eq!(letters[0].receive_count, RECEIVES_MAX);
        assert_eq!(letters[0].lane, Lane::Bulk);
    }
    let letters = fixture.store.dead_letters(10).await.unwrap();
    assert!(fixture.store.redrive(&letters[0].id).await.unwrap());
    let again = fixture
        .store
        .receive(Lane::Bulk, 10, VISIBILITY)
        .await
        .unwrap();
    assert_eq!((again.len(), again[0].receive_count), (1, 1));
    assert_eq!(again[0].message, Ok(message()));
}

#[tokio::test]
async fn failures_before_the_deaths_are_counted_in() {
    let fixture = SqsFixture::as_deployed().await;
    fixture
        .store
        .send(Lane::Bulk, &[message().into()])
        .await
        .unwrap();
    for _ in 0..RECEIVES_MAX {
        let some = fixture
            .store
            .receive(Lane::Bulk, 1, VISIBILITY)
            .await
            .unwrap();
        fixture
            .store
            .retry(Lane::Bulk, &some[0].receipt, fixture.now())
            .await
            .unwrap();
    }
    let_workers_die(&fixture).await;
    assert_eq!(
        fixture
            .store
            .receive(Lane::Bulk, 10, VISIBILITY)
            .await
            .unwrap(),
        []
    );
    let letters = fixture.store.dead_letters(10).await.unwrap();
    assert_eq!(letters[0].receive_count, 2 * RECEIVES_MAX);
}

#[tokio::test]
async fn neither_waiting_nor_failing_ever_takes_a_message_away() {
    let fixture = SqsFixture::as_deployed().await;
    fixture
        .store
        .send(Lane::Bulk, &[message().into()])
        .await
        .unwrap();
    for round in 0..4 * RECEIVES_MAX {
        let some = fixture
            .store
            .receive(Lane::Bulk, 10, VISIBILITY)
            .await
            .unwrap();
        assert_eq!(some.len(), 1, "round {round}");
        let receipt = &some[0].receipt;
        let later = fixture.now().plus(VISIBILITY);
        if round.is_multiple_of(2) {
            fixture
                .store
                .defer(Lane::Bulk, &[receipt], later)
                .await
                .unwrap();
        } else {
            fixture
                .store
                .retry(Lane::Bulk, receipt, later)
                .await
                .unwrap();
        }
        fixture.advance(VISIBILITY).await;
    }
    assert_eq!(fixture.store.dead_letters(10).await.unwrap(), []);
}

#[tokio::test]
async fn many_dead_letters_are_listed_oldest_first_and_none_is_lost_by_it() {
    let fixture = SqsFixture::fresh().await;
    for alert in 1..=35 {
        let message = Message::reconcile_alert(AlertId::new(alert), Cause::Poll);
        fixture
            .store
            .send(Lane::Urgent, &[message.into()])
            .await
            .unwrap();
        let some = fixture
            .store
            .receive(Lane::Urgent, 1, VISIBILITY)
            .await
            .unwrap();
        let reason = alert.to_string();
        fixture
            .store
            .dead_letter(Lane::Urgent, &some[0].receipt, &reason)
            .await
            .unwrap();
        fixture.advance(Duration::from_secs(1)).await;
    }
    for limit in [35, 1, 100] {
        let letters = fixture.store.dead_letters(limit).await.unwrap();
        let reasons: Vec<u64> = letters
            .iter()
            .map(|one| one.reason.parse().unwrap())
            .collect();
        assert_eq!(reasons, (1..=35.min(limit as u64)).collect::<Vec<_>>());
    }
    // Driving one back leaves the others visible, those received along with it included.
    let letters = fixture.store.dead_letters(100).await.unwrap();
    assert!(fixture.store.redrive(&letters[17].id).await.unwrap());
    assert_eq!(fixture.store.dead_letters(100).await.unwrap().len(), 34);
}
