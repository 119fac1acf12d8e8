//! Lists that hold fewer rows than HaloPSA counts.
//!
//! Once, this is a list that is still moving, or an answer that was cut: what it lacks may exist. The same
//! shortfall again, a while later, is how this tenant counts, for instance with rows that our agent may not
//! see: waiting for them would never end.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use halogard_app::ports::PortError;
use halogard_domain::Timestamp;
use halogard_domain::sweep_cursor::INDEX_LAG_MAX;

use super::short;

/// How many lists are remembered before all are forgotten.
const LISTS_MAX: usize = 1_000;

/// The shortfalls of this process.
#[derive(Debug, Default)]
pub(super) struct Shortfalls(Mutex<BTreeMap<String, Shortfall>>);

#[derive(Clone, Copy, Debug)]
struct Shortfall {
    came: u64,
    counted: u64,
    since: Timestamp,
}

impl Shortfalls {
    /// The error of the list `what`, which brought `came` of `counted` rows; `None`, and a warning, when it came
    /// so short before.
    pub(super) fn error(
        &self,
        what: String,
        came: u64,
        counted: u64,
        now: Timestamp,
    ) -> Option<PortError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= LISTS_MAX {
            known.clear();
        }
        let new = Shortfall {
            came,
            counted,
            since: now,
        };
        let first = known.entry(what).or_insert(new);
        if (first.came, first.counted) != (came, counted) || now < first.since {
            *first = new;
        }
        if now.since(first.since) < INDEX_LAG_MAX {
            return Some(short(came, counted));
        }
        tracing::warn!(
            came,
            counted,
            "HaloPSA again counts more rows than it lists; the list is used anyway"
        );
        None
    }
}
