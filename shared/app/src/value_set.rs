//! The named values as one use case reads and changes them: one read at its start, one write at its end.

use std::collections::BTreeMap;

use halogard_domain::Timestamp;
use halogard_domain::time::CLOCK_AHEAD_MAX;

use crate::ports::{NamedValues, PortError};

/// The named values as one read found them, and the changes that the next save writes together.
pub(crate) struct ValueSet {
    values: BTreeMap<String, i64>,
    changed: BTreeMap<&'static str, i64>,
}

impl ValueSet {
    /// The values in `store`.
    pub(crate) async fn load(store: &impl NamedValues) -> Result<Self, PortError> {
        Ok(Self {
            values: store.values().await?,
            changed: BTreeMap::new(),
        })
    }

    /// The value; `None` when it was never set.
    pub(crate) fn get(&self, key: &'static str) -> Option<i64> {
        self.values.get(key).copied()
    }

    /// The time; `None` where a clock that was ahead has written it.
    pub(crate) fn past_time(&self, key: &'static str, now: Timestamp) -> Option<Timestamp> {
        let stored = self.get(key).map(Timestamp::from_millis);
        stored.filter(|at| *at <= now.plus(CLOCK_AHEAD_MAX))
    }

    /// Sets the value; the next save writes it if it is another one now.
    pub(crate) fn set(&mut self, key: &'static str, value: i64) {
        if self.values.insert(key.to_owned(), value) != Some(value) {
            self.changed.insert(key, value);
        }
    }

    /// Writes what was changed since the last save, if anything.
    pub(crate) async fn save(&mut self, store: &impl NamedValues) -> Result<(), PortError> {
        if self.changed.is_empty() {
            return Ok(());
        }
        let changed: Vec<(&str, i64)> = self.changed.iter().map(|(key, it)| (*key, *it)).collect();
        store.set_values(&changed).await?;
        self.changed.clear();
        Ok(())
    }
}
