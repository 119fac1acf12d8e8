//! Cases for [`Leases`].

use std::time::Duration;

use halogard_app::ports::{LEASE_MAX, LeaseOutcome, Leases};

use crate::fixture::{StoreFixture, at_once};

/// Tries an adapter of `Leases`.
#[macro_export]
macro_rules! leases {
    ($fixture:ident) => {
        $crate::cases! {
            $fixture, leases:
            a_free_right_is_taken,
            a_lease_of_another_holder_cannot_be_taken,
            taking_it_again_moves_its_end,
            a_right_given_back_is_free,
            releasing_a_lease_of_another_holder_does_nothing,
            rights_of_other_names_are_left_alone,
            of_takers_at_once_one_gets_it,
            a_right_that_ran_out_is_free,
            a_right_far_ahead_of_now_is_free,
            rights_survive_a_restart,
        }
    };
}

/// The right most cases are about.
const NAME: &str = "creates";

/// How long it is taken for.
const LIFE: Duration = Duration::from_secs(90);

/// Takes [`NAME`] for `holder`.
async fn take<B: StoreFixture<Store: Leases>>(fixture: &B, holder: &str) -> LeaseOutcome {
    let until = fixture.now().plus(LIFE);
    let taken = fixture.store().acquire_lease(NAME, holder, until).await;
    taken.expect("the store answers")
}

pub async fn a_free_right_is_taken<B: StoreFixture<Store: Leases>>(fixture: B) {
    assert_eq!(take(&fixture, "a").await, LeaseOutcome::Acquired);
}

pub async fn a_lease_of_another_holder_cannot_be_taken<B: StoreFixture<Store: Leases>>(fixture: B) {
    let until = fixture.now().plus(LIFE);
    let taken = fixture.store().acquire_lease(NAME, "a", until).await;
    assert_eq!(taken.expect("the store answers"), LeaseOutcome::Acquired);

    assert_eq!(
        take(&fixture, "b").await,
        LeaseOutcome::HeldByOther { until }
    );
    assert_eq!(
        take(&fixture, "b").await,
        LeaseOutcome::HeldByOther { until }
    );
}

pub async fn taking_it_again_moves_its_end<B: StoreFixture<Store: Leases>>(fixture: B) {
    take(&fixture, "a").await;
    let later = fixture.now().plus(LIFE * 2);
    let taken = fixture.store().acquire_lease(NAME, "a", later).await;
    assert_eq!(taken.expect("the store answers"), LeaseOutcome::Acquired);

    assert_eq!(
        take(&fixture, "b").await,
        LeaseOutcome::HeldByOther { until: later }
    );
}

pub async fn a_right_given_back_is_free<B: StoreFixture<Store: Leases>>(fixture: B) {
    take(&fixture, "a").await;
    let released = fixture.store().release_lease(NAME, "a").await;
    released.expect("the store answers");
    let again = fixture.store().release_lease(NAME, "a").await;
    again.expect("the store answers");

    assert_eq!(take(&fixture, "b").await, LeaseOutcome::Acquired);
}

pub async fn releasing_a_lease_of_another_holder_does_nothing<B>(fixture: B)
where
    B: StoreFixture<Store: Leases>,
{
    take(&fixture, "a").await;
    let released = fixture.store().release_lease(NAME, "b").await;
    released.expect("the store answers");

    assert!(matches!(
        take(&fixture, "b").await,
        LeaseOutcome::HeldByOther { .. }
    ));
}

pub async fn rights_of_other_names_are_left_alone<B: StoreFixture<Store: Leases>>(fixture: B) {
    take(&fixture, "a").await;
    let until = fixture.now().plus(LIFE);
    let other = fixture.store().acquire_lease("other", "b", until).await;

    assert_eq!(other.expect("the store answers"), LeaseOutcome::Acquired);
}

pub async fn of_takers_at_once_one_gets_it<B: StoreFixture<Store: Leases>>(fixture: B) {
    let until = fixture.now().plus(LIFE);
    let taken = at_once((0..16).map(|number| {
        let store = fixture.store();
        async move {
            let holder = format!("holder {number}");
            let taken = store.acquire_lease(NAME, &holder, until).await;
            taken.expect("the store answers")
        }
    }))
    .await;

    let ours = taken
        .iter()
        .filter(|taken| **taken == LeaseOutcome::Acquired)
        .count();
    assert_eq!(ours, 1);
}

pub async fn a_right_that_ran_out_is_free<B: StoreFixture<Store: Leases>>(fixture: B) {
    let short = Duration::from_secs(2);
    let until = fixture.now().plus(short);
    let taken = fixture.store().acquire_lease(NAME, "a", until).await;
    assert_eq!(taken.expect("the store answers"), LeaseOutcome::Acquired);
    fixture.advance(short + Duration::from_millis(1)).await;

    assert_eq!(take(&fixture, "b").await, LeaseOutcome::Acquired);
    let late = fixture.store().release_lease(NAME, "a").await;
    late.expect("the store answers");
    assert!(matches!(
        take(&fixture, "c").await,
        LeaseOutcome::HeldByOther { .. }
    ));
}

/// Acquired under a clock that was ahead: by as much as no right lasts, and by years.
pub async fn a_right_far_ahead_of_now_is_free<B: StoreFixture<Store: Leases>>(fixture: B) {
    let store = fixture.store();
    let mut holder = "z".to_owned();
    for ahead in [LEASE_MAX + Duration::from_secs(60), LEASE_MAX * 100_000] {
        let until = fixture.now().plus(ahead);
        let taken = store.acquire_lease(NAME, &holder, until).await;
        assert_eq!(taken.expect("the store answers"), LeaseOutcome::Acquired);
        holder.push('z');
        assert_eq!(take(&fixture, &holder).await, LeaseOutcome::Acquired);
        // That one is a right like any other.
        assert!(matches!(
            take(&fixture, "b").await,
            LeaseOutcome::HeldByOther { .. }
        ));
    }
}

pub async fn rights_survive_a_restart<B: StoreFixture<Store: Leases>>(fixture: B) {
    take(&fixture, "a").await;
    let fixture = fixture.reopen().await;
    assert!(matches!(
        take(&fixture, "b").await,
        LeaseOutcome::HeldByOther { .. }
    ));
}
