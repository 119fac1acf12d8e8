//! Cases for [`NamedValues`].

use std::collections::BTreeMap;

use halogard_app::ports::NamedValues;

use crate::fixture::StoreFixture;
use crate::samples::AWKWARD;

/// Tries an adapter of `NamedValues`.
#[macro_export]
macro_rules! values {
    ($fixture:ident) => {
        $crate::cases! {
            $fixture, values:
            a_value_that_was_never_set_is_none,
            a_name_has_the_last_value_that_was_set,
            values_of_other_names_are_left_alone,
            every_value_is_kept,
            values_are_set_and_read_together,
            values_survive_a_restart,
        }
    };
}

/// The value_of `name`.
async fn value_of(values: &impl NamedValues, name: &str) -> Option<i64> {
    values.value(name).await.expect("the store loads")
}

/// Sets the value_of `name`.
async fn set(values: &impl NamedValues, name: &str, value: i64) {
    let saved = values.set_value(name, value).await;
    saved.expect("the store saves");
}

pub async fn a_value_that_was_never_set_is_none<B: StoreFixture<Store: NamedValues>>(fixture: B) {
    assert_eq!(value_of(&fixture.store(), "tickets").await, None);
}

pub async fn a_name_has_the_last_value_that_was_set<B: StoreFixture<Store: NamedValues>>(
    fixture: B,
) {
    let values = fixture.store();
    for value in [5, 5, 7, 6] {
        set(&values, "tickets", value).await;
        assert_eq!(value_of(&values, "tickets").await, Some(value));
    }
}

pub async fn values_of_other_names_are_left_alone<B: StoreFixture<Store: NamedValues>>(fixture: B) {
    let values = fixture.store();
    for (value, name) in ["tickets", "Tickets", "tickets ", AWKWARD]
        .into_iter()
        .enumerate()
    {
        let value = i64::try_from(value).expect("four of them");
        assert_eq!(value_of(&values, name).await, None);
        set(&values, name, value).await;
        assert_eq!(value_of(&values, name).await, Some(value));
    }
    assert_eq!(value_of(&values, "tickets").await, Some(0));
}

pub async fn every_value_is_kept<B: StoreFixture<Store: NamedValues>>(fixture: B) {
    let values = fixture.store();
    for value in [0, -1, i64::MIN, i64::MAX, (1 << 53) + 1] {
        set(&values, "tickets", value).await;
        assert_eq!(value_of(&values, "tickets").await, Some(value));
    }
}

pub async fn values_are_set_and_read_together<B: StoreFixture<Store: NamedValues>>(fixture: B) {
    let values = fixture.store();
    let all = async || values.values().await.expect("the store loads");
    assert!(all().await.is_empty());
    let none = values.set_values(&[]).await;
    none.expect("nothing is written");
    assert!(all().await.is_empty());
    set(&values, "tickets", 5).await;
    let both = values.set_values(&[("tickets", 7), (AWKWARD, -1)]).await;
    both.expect("the store saves");
    set(&values, "sweeps", 3).await;
    let expected = [("tickets", 7), (AWKWARD, -1), ("sweeps", 3)];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(all().await, BTreeMap::from(expected));
}

pub async fn values_survive_a_restart<B: StoreFixture<Store: NamedValues>>(fixture: B) {
    set(&fixture.store(), "tickets", 5).await;

    let fixture = fixture.reopen().await;

    assert_eq!(value_of(&fixture.store(), "tickets").await, Some(5));
}
