//! Cases for [`AlertIndex`].

use std::collections::BTreeMap;

use halogard_app::ports::{AlertIndex, QueuedState};
use halogard_domain::ids::AlertId;

use crate::fixture::StoreFixture;
use crate::samples::at;

/// Tries an adapter of `AlertIndex`.
#[macro_export]
macro_rules! alert_index {
    ($fixture:ident) => {
        $crate::cases! {
            $fixture, alert_index:
            a_new_index_is_empty,
            saving_adds_and_replaces_and_forgets_nothing,
            saving_nothing_changes_nothing,
            every_fingerprint_is_stored_to_the_last_bit,
            ten_thousand_alerts_are_kept_and_survive_a_restart,
        }
    };
}

/// An entry for each alert in `ids`, of which `face` gives the digest.
fn entries(
    ids: impl IntoIterator<Item = u64>,
    fingerprint: impl Fn(u64) -> u64,
) -> BTreeMap<AlertId, QueuedState> {
    ids.into_iter()
        .map(|id| (AlertId::new(id), QueuedState::new(fingerprint(id), at(1))))
        .collect()
}

/// Adds `entries`.
async fn save(index: &impl AlertIndex, entries: &BTreeMap<AlertId, QueuedState>) {
    index.save_index(entries).await.expect("the store saves");
}

/// Everything the index holds.
async fn load(index: &impl AlertIndex) -> BTreeMap<AlertId, QueuedState> {
    index.load_index().await.expect("the store loads")
}

pub async fn a_new_index_is_empty<B: StoreFixture<Store: AlertIndex>>(fixture: B) {
    assert_eq!(load(&fixture.store()).await, BTreeMap::new());
}

pub async fn saving_adds_and_replaces_and_forgets_nothing<B: StoreFixture<Store: AlertIndex>>(
    fixture: B,
) {
    let index = fixture.store();
    save(&index, &entries([1, 2], |_| 10)).await;
    save(&index, &entries([2, 3], |_| 20)).await;

    let mut expected = entries([1], |_| 10);
    expected.extend(entries([2, 3], |_| 20));
    assert_eq!(load(&index).await, expected);
}

pub async fn saving_nothing_changes_nothing<B: StoreFixture<Store: AlertIndex>>(fixture: B) {
    let index = fixture.store();
    let before = entries([1], |_| 10);
    save(&index, &before).await;

    save(&index, &BTreeMap::new()).await;

    assert_eq!(load(&index).await, before);
}

pub async fn every_fingerprint_is_stored_to_the_last_bit<B: StoreFixture<Store: AlertIndex>>(
    fixture: B,
) {
    let index = fixture.store();
    let faces = [0, 1, 1 << 53, (1 << 63) - 1, 1 << 63, u64::MAX];
    let expected = entries(0..6, |id| faces[usize::try_from(id).expect("six of them")]);

    save(&index, &expected).await;

    assert_eq!(load(&index).await, expected);
}

pub async fn ten_thousand_alerts_are_kept_and_survive_a_restart<
    B: StoreFixture<Store: AlertIndex>,
>(
    fixture: B,
) {
    let expected = entries(1..=10_000, |id| id * 7);
    save(&fixture.store(), &expected).await;
    assert_eq!(load(&fixture.store()).await, expected);

    let fixture = fixture.reopen().await;

    assert_eq!(load(&fixture.store()).await, expected);
}
