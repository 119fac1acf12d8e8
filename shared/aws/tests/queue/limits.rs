//! Bodies at the limits, and characters that SQS does not take.

use std::time::Duration;

use halogard_app::ports::{Lane, WorkQueue as _, WorkSink as _};
use halogard_conformance::StoreFixture as _;
use halogard_domain::alert::Alert;
use halogard_domain::ids::{AlertId, EnvironmentId};
use halogard_domain::message::{Cause, Notification};
use halogard_domain::{FailureClass, Message, Slug, Timestamp};

use crate::fixture::SqsFixture;

const VISIBILITY: Duration = Duration::from_secs(600);

/// The longest body that is sent, in bytes: 1 MiB less what is kept for attributes.
const BODY_MAX: usize = 1_048_576 - 8_192;

/// "Keep this notification", `bytes` long as a body.
fn keep(bytes: usize) -> Message {
    let message = |content: String| Message::RecordNotification {
        version: 1,
        notification: Notification {
            delivery: None,
            content,
            event: None,
            object: None,
            kind: "unknown".to_owned(),
        },
    };
    let rest = serde_json::to_string(&message(String::new()))
        .unwrap()
        .len();
    message("x".repeat(bytes - rest))
}

/// News of an alert whose description is `description`.
fn news(description: String) -> Message {
    let now = Timestamp::from_millis(1_767_600_000_000);
    let alert = Alert {
        id: AlertId::new(7),
        number: None,
        environment: EnvironmentId::new(1),
        environment_name: "one".to_owned(),
        name: "alert".to_owned(),
        description,
        priority: Slug::new("low"),
        status: Slug::new("new"),
        inspector: None,
        inspector_alias: None,
        rule: None,
        launchpoint: None,
        system: None,
        native_ticket: None,
        visible: true,
        raised_at: now,
        changed_at: now,
        observed_at: now,
        page: None,
    };
    Message::alert_snapshot(alert, Cause::Poll)
}

#[tokio::test]
async fn the_longest_body_goes_there_back_and_to_the_dead_letters() {
    let fixture = SqsFixture::fresh().await;
    let message = keep(BODY_MAX);
    fixture
        .store
        .send(Lane::Bulk, &[message.clone().into()])
        .await
        .unwrap();
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
    let some = fixture
        .store
        .receive(Lane::Bulk, 1, VISIBILITY)
        .await
        .unwrap();
    let reason = "\u{0}".repeat(5000);
    fixture
        .store
        .dead_letter(Lane::Bulk, &some[0].receipt, &reason)
        .await
        .unwrap();
    let letters = fixture.store.dead_letters(1).await.unwrap();
    assert_eq!(letters[0].body.len(), BODY_MAX);
    assert!(fixture.store.redrive(&letters[0].id).await.unwrap());
    let some = fixture
        .store
        .receive(Lane::Bulk, 1, VISIBILITY)
        .await
        .unwrap();
    assert!(some[0].message == Ok(message));
}

#[tokio::test]
async fn one_byte_more_is_refused_for_good_and_says_why() {
    let fixture = SqsFixture::fresh().await;
    let refused = fixture
        .store
        .send(Lane::Bulk, &[keep(BODY_MAX + 1).into()])
        .await;
    let error = refused.unwrap_err();
    assert_eq!(error.class, FailureClass::Permanent);
    assert!(
        error.chain().contains("keep a notification"),
        "{}",
        error.chain()
    );
    assert_eq!(fixture.store.depth(Lane::Bulk).await.unwrap(), 0);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_sent_without_its_snapshot() {
    let fixture = SqsFixture::fresh().await;
    let large = news("x".repeat(BODY_MAX));
    let fits = news("x".repeat(BODY_MAX - 1000));
    fixture
        .store
        .send(Lane::Bulk, &[large.clone().into(), fits.clone().into()])
        .await
        .unwrap();
    let some = fixture
        .store
        .receive(Lane::Bulk, 10, VISIBILITY)
        .await
        .unwrap();
    let bare = Message::reconcile_alert(AlertId::new(7), Cause::Poll);
    assert!(some.iter().any(|one| one.message == Ok(bare.clone())));
    assert!(some.iter().any(|one| one.message.as_ref() == Ok(&fits)));
}

#[tokio::test]
async fn messages_too_large_for_one_call_together_are_sent_in_several() {
    let fixture = SqsFixture::fresh().await;
    let messages: Vec<_> = (0..7).map(|_| keep(400_000).into()).collect();
    fixture.store.send(Lane::Bulk, &messages).await.unwrap();
    assert_eq!(fixture.store.depth(Lane::Bulk).await.unwrap(), 7);
}

#[tokio::test]
async fn characters_that_no_queue_takes_arrive_all_the_same() {
    let fixture = SqsFixture::fresh().await;
    let message = news("\u{0}\u{1f}\u{7f}\u{fffe}\u{ffff}\u{10ffff} \"\\ end".to_owned());
    fixture
        .store
        .send(Lane::Urgent, &[message.clone().into()])
        .await
        .unwrap();
    let some = fixture
        .store
        .receive(Lane::Urgent, 1, VISIBILITY)
        .await
        .unwrap();
    assert_eq!(some[0].message, Ok(message));
}
