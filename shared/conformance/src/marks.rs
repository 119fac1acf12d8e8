//! Cases for [`Marks`].

use halogard_app::ports::Marks;

use crate::bench::Bench;
use crate::fixtures::AWKWARD;

/// Tries an adapter of `Marks`.
#[macro_export]
macro_rules! marks {
    ($bench:ident) => {
        $crate::cases! {
            $bench, marks:
            a_mark_that_was_never_set_is_none,
            a_mark_holds_the_last_value_set,
            marks_of_other_names_are_left_alone,
            every_value_is_kept,
            marks_survive_a_restart,
        }
    };
}

/// The mark `name`.
async fn mark(marks: &impl Marks, name: &str) -> Option<i64> {
    marks.mark(name).await.expect("the store loads")
}

/// Sets the mark `name`.
async fn set(marks: &impl Marks, name: &str, value: i64) {
    let saved = marks.set_mark(name, value).await;
    saved.expect("the store saves");
}

pub async fn a_mark_that_was_never_set_is_none<B: Bench<Store: Marks>>(bench: B) {
    assert_eq!(mark(&bench.store(), "tickets").await, None);
}

pub async fn a_mark_holds_the_last_value_set<B: Bench<Store: Marks>>(bench: B) {
    let marks = bench.store();
    for value in [5, 5, 7, 6] {
        set(&marks, "tickets", value).await;
        assert_eq!(mark(&marks, "tickets").await, Some(value));
    }
}

pub async fn marks_of_other_names_are_left_alone<B: Bench<Store: Marks>>(bench: B) {
    let marks = bench.store();
    for (value, name) in ["tickets", "Tickets", "tickets ", AWKWARD]
        .into_iter()
        .enumerate()
    {
        let value = i64::try_from(value).expect("four of them");
        assert_eq!(mark(&marks, name).await, None);
        set(&marks, name, value).await;
        assert_eq!(mark(&marks, name).await, Some(value));
    }
    assert_eq!(mark(&marks, "tickets").await, Some(0));
}

pub async fn every_value_is_kept<B: Bench<Store: Marks>>(bench: B) {
    let marks = bench.store();
    for value in [0, -1, i64::MIN, i64::MAX, (1 << 53) + 1] {
        set(&marks, "tickets", value).await;
        assert_eq!(mark(&marks, "tickets").await, Some(value));
    }
}

pub async fn marks_survive_a_restart<B: Bench<Store: Marks>>(bench: B) {
    set(&bench.store(), "tickets", 5).await;

    let bench = bench.reopen().await;

    assert_eq!(mark(&bench.store(), "tickets").await, Some(5));
}
