//! Cases for [`Notifications`]. They bring their own time along, so none has to wait.

use std::time::Duration;

use halogard_app::ports::Notifications;
use halogard_domain::Timestamp;
use halogard_domain::message::Notification;

use crate::fixture::StoreFixture;
use crate::samples::{AWKWARD, notification};

/// Tries an adapter of `Notifications`.
#[macro_export]
macro_rules! notifications {
    ($fixture:ident) => {
        $crate::cases! {
            $fixture, notifications:
            a_first_notification_is_not_known,
            a_repeated_delivery_is_known_by_its_id,
            a_repeated_content_is_known_under_another_id,
            a_notification_without_an_id_is_known_by_its_content,
            an_id_is_not_taken_for_a_content,
            looking_records_nothing,
            a_notification_is_remembered_for_its_time_and_not_longer,
            recording_again_remembers_for_longer,
            a_late_record_does_not_shorten_the_memory,
            kinds_are_counted,
            counts_outlive_the_memory,
            notifications_survive_a_restart,
        }
    };
}

/// Whether the store knows `notification` at `now`.
async fn knows(store: &impl Notifications, notification: &Notification, now: Timestamp) -> bool {
    let known = store.is_known(notification, now).await;
    known.expect("the store looks")
}

/// Records `notification` at `now`.
async fn record(store: &impl Notifications, notification: &Notification, now: Timestamp) {
    let recorded = store.record(notification, now).await;
    recorded.expect("the store records");
}

/// How often each kind was recorded, by kind.
async fn counts(store: &impl Notifications) -> Vec<(String, u64)> {
    let mut counts = store.counts().await.expect("the store counts");
    counts.sort();
    counts.into_iter().map(|it| (it.kind, it.count)).collect()
}

/// A notification of `kind`, unlike any other of another `number`.
fn of_kind(kind: &str, number: u32) -> Notification {
    Notification {
        kind: kind.to_owned(),
        ..notification(&format!("delivery {number}"), &format!("content {number}"))
    }
}

pub async fn a_first_notification_is_not_known<B: StoreFixture<Store: Notifications>>(fixture: B) {
    let store = fixture.store();
    let now = fixture.now();
    assert!(!knows(&store, &notification("a", "x"), now).await);

    record(&store, &notification("a", "x"), now).await;

    assert!(!knows(&store, &notification("b", "y"), now).await);
}

pub async fn a_repeated_delivery_is_known_by_its_id<B: StoreFixture<Store: Notifications>>(
    fixture: B,
) {
    let store = fixture.store();
    record(&store, &notification(AWKWARD, "x"), fixture.now()).await;

    assert!(knows(&store, &notification(AWKWARD, "x"), fixture.now()).await);
    assert!(knows(&store, &notification(AWKWARD, "y"), fixture.now()).await);
}

pub async fn a_repeated_content_is_known_under_another_id<B>(fixture: B)
where
    B: StoreFixture<Store: Notifications>,
{
    let store = fixture.store();
    record(&store, &notification("a", "x"), fixture.now()).await;

    assert!(knows(&store, &notification("b", "x"), fixture.now()).await);
}

pub async fn a_notification_without_an_id_is_known_by_its_content<B>(fixture: B)
where
    B: StoreFixture<Store: Notifications>,
{
    let store = fixture.store();
    let nameless = |content| Notification {
        delivery: None,
        ..notification("", content)
    };
    record(&store, &nameless("x"), fixture.now()).await;

    assert!(knows(&store, &nameless("x"), fixture.now()).await);
    assert!(knows(&store, &notification("a", "x"), fixture.now()).await);
    assert!(!knows(&store, &nameless("y"), fixture.now()).await);
}

pub async fn an_id_is_not_taken_for_a_content<B: StoreFixture<Store: Notifications>>(fixture: B) {
    let store = fixture.store();
    record(&store, &notification("a", "x"), fixture.now()).await;

    assert!(!knows(&store, &notification("x", "a"), fixture.now()).await);
}

pub async fn looking_records_nothing<B: StoreFixture<Store: Notifications>>(fixture: B) {
    let store = fixture.store();
    for _ in 0..2 {
        assert!(!knows(&store, &notification("a", "x"), fixture.now()).await);
    }
    assert_eq!(counts(&store).await, []);
}

pub async fn a_notification_is_remembered_for_its_time_and_not_longer<B>(fixture: B)
where
    B: StoreFixture<Store: Notifications>,
{
    let store = fixture.store();
    let recorded = fixture.now();
    let forgotten = recorded.plus(B::Store::MEMORY);
    record(&store, &notification("a", "x"), recorded).await;

    let second = Duration::from_secs(1);
    assert!(knows(&store, &notification("a", "x"), forgotten.minus(second)).await);
    assert!(!knows(&store, &notification("a", "x"), forgotten.plus(second)).await);
}

pub async fn recording_again_remembers_for_longer<B: StoreFixture<Store: Notifications>>(
    fixture: B,
) {
    let store = fixture.store();
    let first = fixture.now();
    let again = first.plus(Duration::from_secs(3600));
    let forgotten = again.plus(B::Store::MEMORY);
    record(&store, &notification("a", "x"), first).await;
    record(&store, &notification("a", "x"), again).await;

    let second = Duration::from_secs(1);
    assert!(knows(&store, &notification("a", "x"), forgotten.minus(second)).await);
    assert!(!knows(&store, &notification("a", "x"), forgotten.plus(second)).await);
}

pub async fn a_late_record_does_not_shorten_the_memory<B: StoreFixture<Store: Notifications>>(
    fixture: B,
) {
    let store = fixture.store();
    let late = fixture.now();
    let newest = late.plus(Duration::from_secs(3600));
    record(&store, &notification("a", "x"), newest).await;
    record(&store, &notification("a", "x"), late).await;

    let forgotten = newest.plus(B::Store::MEMORY);
    let shortly_before = forgotten.minus(Duration::from_secs(1));
    assert!(knows(&store, &notification("a", "x"), shortly_before).await);
}

pub async fn kinds_are_counted<B: StoreFixture<Store: Notifications>>(fixture: B) {
    let store = fixture.store();
    for (kind, number) in [("ticket_changed", 1), ("unknown", 2), ("ticket_changed", 3)] {
        record(&store, &of_kind(kind, number), fixture.now()).await;
    }

    let expected = [("ticket_changed".to_owned(), 2), ("unknown".to_owned(), 1)];
    assert_eq!(counts(&store).await, expected);
}

pub async fn counts_outlive_the_memory<B: StoreFixture<Store: Notifications>>(fixture: B) {
    let store = fixture.store();
    let long_after = fixture.now().plus(B::Store::MEMORY * 2);
    record(&store, &of_kind("ticket_changed", 1), fixture.now()).await;
    record(&store, &of_kind("ticket_changed", 2), long_after).await;

    assert_eq!(counts(&store).await, [("ticket_changed".to_owned(), 2)]);
}

pub async fn notifications_survive_a_restart<B: StoreFixture<Store: Notifications>>(fixture: B) {
    record(&fixture.store(), &of_kind("unknown", 1), fixture.now()).await;

    let fixture = fixture.reopen().await;

    let store = fixture.store();
    assert!(knows(&store, &of_kind("unknown", 1), fixture.now()).await);
    assert_eq!(counts(&store).await, [("unknown".to_owned(), 1)]);
}
