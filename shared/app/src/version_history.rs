//! Recording which version runs.

use halogard_domain::record::Singleton;
use halogard_domain::version_history::VersionHistory;
use tracing::debug;

use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{PortError, SaveError};
use crate::reconcile::CONFLICTS_MAX;
use crate::reconciler::Reconciler;

/// The version that runs: all crates of a build have the same.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl<E: Env> Reconciler<E> {
    /// Records the version that runs, once in a process.
    pub(crate) async fn record_version(&self) {
        if self.recorded_version.get().is_some() {
            return;
        }
        match self.save_version().await {
            Ok(()) => self.recorded_version.set(()).unwrap_or_default(),
            // The next cycle records it.
            Err(error) => debug!(%error, "the version could not be recorded"),
        }
    }

    /// Saves the history with the version that runs, where that is a change.
    async fn save_version(&self) -> Result<(), PortError> {
        let now = self.clock.now();
        for _ in 0..=CONFLICTS_MAX {
            let stored = self.store.load_record::<VersionHistory>(&Singleton).await?;
            let mut history = stored.value.clone();
            history.record(now, VERSION);
            if history == stored.value {
                return Ok(());
            }
            let save = self
                .store
                .save_record(&Singleton, &history, stored.revision);
            match save.await {
                Ok(_) => return Ok(()),
                Err(SaveError::Conflict) => {}
                Err(SaveError::Store(error)) => return Err(error),
            }
        }
        // What others keep writing is the same.
        Ok(())
    }
}
