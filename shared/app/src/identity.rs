//! Who this installation is: the secret of its keys and its name in the tickets that it opens.

use halogard_domain::FailureClass;
use halogard_domain::key::{Installation, InstallationId, KeySecret};
use halogard_domain::record::Singleton;

use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{ErrorCode, PortError, Swap};
use crate::reconciler::Reconciler;

/// Who an installation is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// What it signs keys with.
    pub(crate) secret: KeySecret,
    /// What it names itself in the tickets that it opens.
    pub(crate) id: InstallationId,
}

impl Identity {
    /// The identity that is stored, if one is.
    fn of(installation: &Installation) -> Option<Self> {
        let secret = installation.key_secret.clone()?;
        let id = installation.id()?;
        Some(Self { secret, id })
    }
}

impl<E: Env> Reconciler<E> {
    /// The secret by which this installation recognises its keys.
    pub(crate) async fn key_secret(&self) -> Result<KeySecret, PortError> {
        self.identity().await.map(|identity| identity.secret)
    }

    /// Who this installation is. The first process that uses a store stores it; every other one reads it,
    /// once.
    pub(crate) async fn identity(&self) -> Result<Identity, PortError> {
        if let Some(known) = self.known_identity.get() {
            return Ok(known.clone());
        }
        let stored = self.store.load_record::<Installation>(&Singleton).await?;
        let installation = if stored.value.key_secret.is_some() {
            stored.value
        } else {
            let ours = Installation {
                key_secret: Some(self.new_secret.clone()),
                born_at: self.clock.now(),
            };
            let swap = self.store.swap_record(&Singleton, &ours, stored.revision);
            match swap.await? {
                Swap::Stored(_) => ours,
                Swap::Conflict(first) => first.value,
            }
        };
        let identity = Identity::of(&installation).ok_or_else(|| {
            PortError::new(FailureClass::Transient, ErrorCode::StoreFailed)
                .with_message("the installation's record has no secret")
        })?;
        Ok(self.known_identity.get_or_init(|| identity).clone())
    }
}
