//! The webhook's door, kept in step with its secret.

use std::sync::Arc;
use std::time::Duration;

use futures_util::lock::Mutex;
use halogard_domain::Timestamp;
use tracing::warn;

use super::source::KeyringError;
use super::{Fields, LIFE, webhook};
use crate::intake::{Door, Knock};
use crate::ports::{Clock, Stage, Vault, VaultError};

/// Least time between two reads because of refused deliveries: a stranger who knocks all day costs
/// six reads a minute, and a delivery signed a moment after a rotation waits for nobody.
const REFRESH_PAUSE: Duration = Duration::from_secs(10);

/// Opens for what the webhook's secret says, in each of its versions. The versions beside the
/// current one are read only when a delivery does not fit it.
pub struct Gate<V, C> {
    vault: V,
    clock: C,
    name: String,
    state: Mutex<Option<Kept>>,
}

/// The door as last built.
struct Kept {
    door: Arc<Door>,
    wake_up: Arc<Door>,
    read_at: Timestamp,
    refreshed_at: Option<Timestamp>,
}

impl<V: Vault, C: Clock> Gate<V, C> {
    /// A gate by the secret `name` of `vault`, not yet read.
    #[must_use]
    pub fn new(vault: V, clock: C, name: impl Into<String>) -> Self {
        Self {
            vault,
            clock,
            name: name.into(),
            state: Mutex::new(None),
        }
    }

    /// The door for this delivery: it opens if any version in force lets it in. Reads the vault
    /// again when the door known so far does not open.
    ///
    /// # Errors
    ///
    /// The vault is away, or holds no token, and nothing was read before.
    pub async fn door_for(&self, knock: &Knock<'_>) -> Result<Arc<Door>, KeyringError> {
        self.fitting(|kept| &kept.door, |door| door.opens_for(knock))
            .await
    }

    /// The door of the wake-up address, which only looks at the path token.
    ///
    /// # Errors
    ///
    /// As [`Gate::door_for`].
    pub async fn wake_up_for(&self, knock: &Knock<'_>) -> Result<Arc<Door>, KeyringError> {
        self.fitting(|kept| &kept.wake_up, |door| door.opens_for(knock))
            .await
    }

    /// One of the doors, built anew where the one there is does not open.
    async fn fitting(
        &self,
        which: impl Fn(&Kept) -> &Arc<Door> + Send,
        opens: impl Fn(&Door) -> bool + Send,
    ) -> Result<Arc<Door>, KeyringError> {
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        let fresh = state
            .as_ref()
            .filter(|kept| now >= kept.read_at && now.since(kept.read_at) < LIFE);
        if fresh.is_none() {
            self.build(&mut state, now, &[Stage::Current], None).await?;
        }
        if let Some(kept) = state.as_ref() {
            let door = Arc::clone(which(kept));
            let lately = kept
                .refreshed_at
                .is_some_and(|at| now >= at && now.since(at) < REFRESH_PAUSE);
            if opens(&door) || lately {
                return Ok(door);
            }
        }
        let all = [Stage::Current, Stage::Pending, Stage::Previous];
        self.build(&mut state, now, &all, Some(now)).await?;
        match state.as_ref() {
            Some(kept) => Ok(Arc::clone(which(kept))),
            None => Err(self.unusable("it has no version in use")),
        }
    }

    /// Builds the doors from the versions in `stages`. The doors there are stay when the vault is
    /// away.
    async fn build(
        &self,
        state: &mut Option<Kept>,
        now: Timestamp,
        stages: &[Stage],
        refreshed_at: Option<Timestamp>,
    ) -> Result<(), KeyringError> {
        let versions = match self.read(stages).await {
            Ok(versions) => versions,
            Err(error) => {
                let Some(kept) = state else {
                    let name = self.name.clone();
                    return Err(KeyringError::Vault {
                        name,
                        source: Box::new(error),
                    });
                };
                warn!(secret = self.name, %error, "the vault is away; the webhook's door stays as it is");
                (kept.read_at, kept.refreshed_at) = (now, Some(now));
                return Ok(());
            }
        };
        let fit = webhook::accepted(&versions, now);
        if fit.tokens.is_empty() {
            return Err(self.unusable("the member halopsa_webhook_token is missing"));
        }
        *state = Some(Kept {
            door: Arc::new(Door::new(&fit.tokens, &fit.credentials)),
            wake_up: Arc::new(Door::new(&fit.tokens, &[])),
            read_at: now,
            refreshed_at,
        });
        Ok(())
    }

    /// The members of the versions in `stages`.
    async fn read(&self, stages: &[Stage]) -> Result<Vec<(Stage, Fields)>, VaultError> {
        let mut versions = Vec::new();
        for stage in stages {
            let Some(found) = self.vault.read(&self.name, *stage).await? else {
                continue;
            };
            match Fields::read(&found.value) {
                Ok(fields) => versions.push((*stage, fields)),
                Err(error) => warn!(secret = self.name, %error, "a version is not usable"),
            }
        }
        Ok(versions)
    }

    /// The secret cannot be used.
    fn unusable(&self, why: &str) -> KeyringError {
        KeyringError::Unusable {
            name: self.name.clone(),
            why: why.to_owned(),
        }
    }
}

impl<V, C> std::fmt::Debug for Gate<V, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
