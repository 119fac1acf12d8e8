//! A credential from settings as a vault: it has one version, which never changes.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;

use super::SecretFields;
use halogard_app::ports::{SecretInfo, SecretVersion, Stage, Vault, VaultError};

/// The name of the only version.
const VERSION: &str = "settings";

/// A vault with one fixed secret. Nothing can be stored in it.
#[derive(Clone, Debug)]
pub struct StaticVault(SecretFields);

impl StaticVault {
    /// A vault with these members under every name.
    #[must_use]
    pub const fn new(fields: SecretFields) -> Self {
        Self(fields)
    }
}

/// Nothing can be stored.
fn refused(name: &str, version: &str) -> VaultError {
    VaultError::NoSuchVersion {
        name: name.to_owned(),
        version: version.to_owned(),
    }
}

impl Vault for StaticVault {
    async fn describe(&self, _name: &str) -> Result<Option<SecretInfo>, VaultError> {
        let stages = BTreeSet::from([Stage::Current]);
        Ok(Some(SecretInfo {
            rotates: false,
            versions: BTreeMap::from([(VERSION.to_owned(), stages)]),
            changed_at: None,
            rotates_at: None,
        }))
    }

    async fn read(&self, _name: &str, stage: Stage) -> Result<Option<SecretVersion>, VaultError> {
        Ok((stage == Stage::Current).then(|| SecretVersion {
            version: VERSION.to_owned(),
            value: self.0.to_secret(),
        }))
    }

    async fn put(
        &self,
        name: &str,
        version: &str,
        _value: &SecretString,
        _stage: Stage,
    ) -> Result<(), VaultError> {
        Err(refused(name, version))
    }

    async fn promote(&self, name: &str, version: &str) -> Result<(), VaultError> {
        Err(refused(name, version))
    }
}
