//! Recording which version runs.

use halogard_domain::record::Singleton;
use halogard_domain::version_history::VersionHistory;
use tracing::debug;

use crate::env::Env;
use crate::ports::prelude::*;
use crate::reconciler::Reconciler;

/// The version that runs: all crates of a build have the same.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl<E: Env> Reconciler<E> {
    /// Records the version that runs, once in a process.
    pub(crate) async fn record_version(&self) {
        if self.recorded_version.get().is_some() {
            return;
        }
        let now = self.clock.now();
        let update = self
            .store
            .update_record(&Singleton, |history: &mut VersionHistory| {
                history.record(now, VERSION);
            });
        match update.await {
            Ok(()) => self.recorded_version.set(()).unwrap_or_default(),
            // The next cycle records it.
            Err(error) => debug!(%error, "the version could not be recorded"),
        }
    }
}
