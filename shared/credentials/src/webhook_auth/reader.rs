//! Where the versions of the webhook's secret are read.

use std::future::{Future, ready};

use halogard_app::ports::{ErrorCode, PortError, SecretInfo, Stage, Vault};
use halogard_domain::FailureClass;
use secrecy::SecretString;

/// Reads the versions of the webhook's secret.
pub trait SecretReader: Send + Sync {
    /// The version in `stage`; `None` when there is none. Safe to repeat.
    fn read(
        &self,
        stage: Stage,
    ) -> impl Future<Output = Result<Option<SecretString>, PortError>> + Send;

    /// The versions that exist, where this costs next to nothing. A rejected request then causes a
    /// read if, and only if, something changed. `None` where only a read shows it.
    fn versions(&self) -> impl Future<Output = Option<SecretInfo>> + Send {
        ready(None)
    }
}

/// One secret of a vault that cannot list its versions cheaply.
#[derive(Clone, Debug)]
pub struct VaultReader<V> {
    vault: V,
    name: String,
}

impl<V> VaultReader<V> {
    /// The secret `name` of `vault`.
    #[must_use]
    pub fn new(vault: V, name: impl Into<String>) -> Self {
        Self {
            vault,
            name: name.into(),
        }
    }
}

impl<V: Vault> SecretReader for VaultReader<V> {
    async fn read(&self, stage: Stage) -> Result<Option<SecretString>, PortError> {
        let found = self.vault.read(&self.name, stage).await;
        let found = found.map_err(|error| {
            PortError::new(FailureClass::Transient, ErrorCode::SecretUnavailable).with_source(error)
        })?;
        Ok(found.map(|version| version.value))
    }
}
