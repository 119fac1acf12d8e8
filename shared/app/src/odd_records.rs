//! Records of a vendor's list that cannot be read: set aside, counted, and named once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tracing::warn;

/// The most records of one list that are named. More are counted only.
const NAMED_MAX: usize = 200;

/// Names the odd records of one list in the log, each once in the life of the process: a list is read
/// every minute, and the record is in it each time.
#[derive(Debug)]
pub struct OddRecords {
    list: &'static str,
    named: Mutex<BTreeSet<String>>,
    in_newest_list: AtomicUsize,
}

impl OddRecords {
    /// Those of `list`, by its name in the log.
    #[must_use]
    pub const fn of(list: &'static str) -> Self {
        Self {
            list,
            named: Mutex::new(BTreeSet::new()),
            in_newest_list: AtomicUsize::new(0),
        }
    }

    /// How many different records were named.
    #[must_use]
    pub fn named_count(&self) -> usize {
        let named = self.named.lock();
        named.unwrap_or_else(PoisonError::into_inner).len()
    }

    /// How many the newest list has that was read to its end.
    #[must_use]
    pub fn in_newest_list(&self) -> usize {
        self.in_newest_list.load(Ordering::Relaxed)
    }

    /// A list was read to its end, and had this many.
    pub fn list_ended(&self, count: usize) {
        self.in_newest_list.store(count, Ordering::Relaxed);
    }

    /// Names those of `places` that have not been named yet: each says which record it is, where in it and
    /// what is wrong, and quotes nothing of it. Returns how many there are.
    pub fn report(&self, places: impl IntoIterator<Item = String>) -> usize {
        let mut count = 0;
        for place in places {
            count += 1;
            let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
            if named.len() >= NAMED_MAX || named.contains(&place) {
                continue;
            }
            warn!(
                list = self.list,
                place, "a record of a list has an unexpected form; the rest of the list is used"
            );
            named.insert(place);
        }
        count
    }
}
