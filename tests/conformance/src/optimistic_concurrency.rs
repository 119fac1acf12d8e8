//! Records that are saved by revision.

use halogard_app::ports::{Revision, SaveError};

/// Never written.
pub const NEW: Revision = Revision(0);

/// Asserts that a save failed because another writer saved first.
#[track_caller]
pub fn assert_conflict(outcome: Result<Revision, SaveError>) {
    assert!(
        matches!(outcome, Err(SaveError::Conflict)),
        "a conflict, not {outcome:?}"
    );
}
