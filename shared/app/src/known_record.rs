//! A record that a process keeps as it last read or saved it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use halogard_domain::Record;
use halogard_domain::record::Singleton;

use crate::ports::{PortError, Records, SaveError, Stored};

/// The record of which there is one in a store, as this process last read or saved it: what it knows costs no
/// read, and an update that makes no difference costs nothing at all.
pub(crate) struct KnownRecord<T>(Mutex<Option<Stored<T>>>);

impl<T> Default for KnownRecord<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Record<Key = Singleton> + PartialEq> KnownRecord<T> {
    /// Whether this process has read the record, and what it read is as `condition` wants it.
    pub(crate) fn is(&self, condition: impl FnOnce(&T) -> bool) -> bool {
        self.lock()
            .as_ref()
            .is_some_and(|stored| condition(&stored.value))
    }

    /// Reads the record.
    pub(crate) async fn load<S: Records>(&self, store: &S) -> Result<Stored<T>, PortError> {
        let stored = store.load_record::<T>(&Singleton).await?;
        *self.lock() = Some(stored.clone());
        Ok(stored)
    }

    /// Applies `change` to the record, and saves it if that differs from what this process knows.
    pub(crate) async fn update<S: Records>(
        &self,
        store: &S,
        change: impl Fn(&mut T) + Send,
    ) -> Result<(), SaveError> {
        let known = self.lock().clone();
        let known = match known {
            Some(known) => known,
            None => store.load_record::<T>(&Singleton).await?,
        };
        let (stored, ()) = store.update_known_record(&Singleton, known, change).await?;
        *self.lock() = Some(stored);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Stored<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
