//! Secrets, with versions and stages.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use halogard_domain::Timestamp;
use secrecy::SecretString;

/// Keeps secrets. A secret has versions; a stage names one of them.
pub trait Vault: Send + Sync {
    /// What is known of the secret `name` besides its values; `None` when there is none.
    fn describe(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<SecretInfo>, VaultError>> + Send;

    /// The version of `name` in `stage`; `None` when there is none.
    fn read(
        &self,
        name: &str,
        stage: Stage,
    ) -> impl Future<Output = Result<Option<SecretVersion>, VaultError>> + Send;

    /// Stores `value` as the version in `stage`. A value stored as [`Stage::Current`] makes the
    /// former current one the previous one.
    ///
    /// Safe to repeat with the same `version`: the same value changes nothing, another value under
    /// the same version is refused.
    fn put(
        &self,
        name: &str,
        version: &str,
        value: &SecretString,
        stage: Stage,
    ) -> impl Future<Output = Result<(), VaultError>> + Send;

    /// Makes the pending `version` the current one, and the current one the previous. Safe to
    /// repeat.
    fn promote(
        &self,
        name: &str,
        version: &str,
    ) -> impl Future<Output = Result<(), VaultError>> + Send;
}

/// Which version is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The one in use.
    Current,
    /// The next one, not yet proved.
    Pending,
    /// The one before, still accepted for a while where that makes sense.
    Previous,
}

impl Stage {
    /// All stages.
    pub const ALL: [Self; 3] = [Self::Current, Self::Pending, Self::Previous];

    /// The stage's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Pending => "pending",
            Self::Previous => "previous",
        }
    }
}

/// A secret without its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretInfo {
    /// Whether it is rotated on a schedule.
    pub rotates: bool,
    /// Its versions, each with the stages it is in. A version may be named before it has a value.
    pub versions: BTreeMap<String, BTreeSet<Stage>>,
    /// Since when its values are what they are, where the vault knows it.
    pub changed_at: Option<Timestamp>,
    /// When it is rotated next by itself, where the vault knows it.
    pub rotates_at: Option<Timestamp>,
}

/// One version of a secret.
#[derive(Clone, Debug)]
pub struct SecretVersion {
    /// Names the version; unique within the secret.
    pub version: String,
    /// The value.
    pub value: SecretString,
}

/// Why the vault did not do it. Never holds a value.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no such version, or it is not pending.
    #[error("secret {name} has no pending version {version}")]
    NoSuchVersion {
        /// The secret.
        name: String,
        /// The version asked for.
        version: String,
    },
    /// Another value is already stored under this version.
    #[error("version {version} of secret {name} already holds another value")]
    VersionTaken {
        /// The secret.
        name: String,
        /// The version.
        version: String,
    },
    /// What is stored cannot be decrypted: another key, or a damaged file.
    #[error("secret {name} cannot be read with this key")]
    Unreadable {
        /// The secret.
        name: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] super::PortError),
}
