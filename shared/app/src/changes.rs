//! What has changed lately, remembered for people.

use halogard_domain::changes::{ChangedThing, RecentChanges};
use halogard_domain::record::Singleton;
use tracing::debug;

use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{PortError, SaveError};
use crate::reconcile::CONFLICTS_MAX;
use crate::reconciler::Reconciler;

/// The version that runs: all crates of a build have the same.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl<E: Env> Reconciler<E> {
    /// Takes note that another config is in force.
    pub(crate) async fn note_config(&self) -> Result<(), PortError> {
        let now = self.clock.now();
        let fingerprint = format!("{:016x}", self.policy_fingerprint());
        self.change_recent(|changes| {
            let fingerprint = fingerprint.clone();
            changes.note(now, ChangedThing::Config { fingerprint });
        })
        .await
    }

    /// Takes note of the version that runs, once in a process.
    pub(crate) async fn note_version(&self) {
        if self.noted_version.get().is_some() {
            return;
        }
        let now = self.clock.now();
        let noted = self.change_recent(|changes| {
            changes.observe_version(now, VERSION);
        });
        match noted.await {
            Ok(()) => {
                self.noted_version.set(()).unwrap_or_default();
            }
            // The next cycle notes it.
            Err(error) => debug!(%error, "the version could not be recorded"),
        }
    }

    /// Applies `change` to what has changed lately. Saves only a difference.
    async fn change_recent(&self, change: impl Fn(&mut RecentChanges)) -> Result<(), PortError> {
        for _ in 0..=CONFLICTS_MAX {
            let stored = self.store.load_record::<RecentChanges>(&Singleton).await?;
            let mut changes = stored.value.clone();
            change(&mut changes);
            if changes == stored.value {
                return Ok(());
            }
            match self
                .store
                .save_record(&Singleton, &changes, stored.revision)
                .await
            {
                Ok(_) => return Ok(()),
                Err(SaveError::Conflict) => {}
                Err(SaveError::Store(error)) => return Err(error),
            }
        }
        // What others keep writing is about the same.
        Ok(())
    }
}
