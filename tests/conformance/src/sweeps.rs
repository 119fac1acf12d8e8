//! Cases for [`SweepStates`].

use halogard_app::ports::{Revision, Stored, SweepStates};
use halogard_domain::sweep_cursor::{ChangeRange, PendingRange, ReadPhase, SweepCursor, Unsettled};

use crate::fixture::{StoreFixture, at_once};
use crate::optimistic_concurrency::{NEW, assert_conflict};
use crate::samples::at;

/// Tries an adapter of `SweepStates`.
#[macro_export]
macro_rules! sweeps {
    ($bench:ident) => {
        $crate::cases! {
            $bench, sweeps:
            before_the_first_sweep_nothing_is_known,
            every_field_of_a_sweep_is_kept,
            a_sweep_needs_the_newest_revision,
            of_sweeps_at_once_exactly_one_goes_on,
            how_far_it_has_come_survives_a_restart,
        }
    };
}

/// A sweep with a stretch of so many pages before it.
fn swept(pages: u32) -> SweepCursor {
    SweepCursor {
        watermark: Some(at(1)),
        unsettled: Some(Unsettled {
            changed_at: at(2),
            listed_at: at(3),
        }),
        last_full_sweep: Some(at(4)),
        pending: Some(PendingRange {
            range: ChangeRange {
                since: at(5),
                until: at(6),
                pages,
                count: u32::MAX,
            },
            phase: ReadPhase::Fresh,
            phase_since: at(7),
        }),
    }
}

/// How far it has come.
async fn load(states: &impl SweepStates) -> Stored<SweepCursor> {
    states.load_swept().await.expect("the store loads")
}

/// Begins.
async fn begin(states: &impl SweepStates, swept: &SweepCursor) -> Revision {
    let saved = states.save_swept(swept, NEW).await;
    saved.expect("nobody else wrote")
}

pub async fn before_the_first_sweep_nothing_is_known<B: StoreFixture<Store: SweepStates>>(
    bench: B,
) {
    let nothing = Stored {
        value: SweepCursor::default(),
        revision: NEW,
    };
    assert_eq!(load(&bench.store()).await, nothing);
}

pub async fn every_field_of_a_sweep_is_kept<B: StoreFixture<Store: SweepStates>>(bench: B) {
    let states = bench.store();
    let mut revision = NEW;
    for reading in [ReadPhase::Queued, ReadPhase::Fresh, ReadPhase::Settled] {
        let mut value = swept(u32::MAX);
        value.pending = value.pending.map(|rest| PendingRange {
            phase: reading,
            ..rest
        });
        let saved = states.save_swept(&value, revision).await;
        revision = saved.expect("it is the newest");
        assert_eq!(load(&states).await, Stored { value, revision });
    }
    let bare = SweepCursor::default();
    let saved = states.save_swept(&bare, revision).await;
    saved.expect("it is the newest");
    assert_eq!(load(&states).await.value, bare);
}

pub async fn a_sweep_needs_the_newest_revision<B: StoreFixture<Store: SweepStates>>(bench: B) {
    let states = bench.store();
    assert_conflict(states.save_swept(&swept(1), Revision(1)).await);

    let first = begin(&states, &swept(1)).await;
    assert_conflict(states.save_swept(&swept(2), NEW).await);
    let second = states.save_swept(&swept(2), first).await;
    let second = second.expect("it is the newest");
    assert!(second > first && first > NEW);

    assert_conflict(states.save_swept(&swept(3), first).await);
    let stored = load(&states).await;
    assert_eq!((stored.value, stored.revision), (swept(2), second));
}

pub async fn of_sweeps_at_once_exactly_one_goes_on<B: StoreFixture<Store: SweepStates>>(bench: B) {
    let states = bench.store();
    let outcomes = at_once((1..=16).map(|pages| {
        let states = states.clone();
        async move { states.save_swept(&swept(pages), NEW).await }
    }))
    .await;

    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for outcome in lost {
        assert_conflict(outcome);
    }
}

pub async fn how_far_it_has_come_survives_a_restart<B: StoreFixture<Store: SweepStates>>(bench: B) {
    let begun = begin(&bench.store(), &swept(9)).await;
    let bench = bench.reopen().await;
    let stored = load(&bench.store()).await;
    assert_eq!((stored.value, stored.revision), (swept(9), begun));
}
