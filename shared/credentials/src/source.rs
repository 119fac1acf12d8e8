//! Where a vendor's client takes its credential from.

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;

use halogard_domain::{FailureClass, Timestamp};

use super::SecretFields;
use halogard_app::ports::{ErrorCode, PortError, Refusal, VaultError};

/// Versions of one secret that are tried in a row: the current, the pending and the previous one.
pub const TRIES_MAX: usize = 3;

/// A boxed future, so that a client need not name the type of its source.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Gives a client its credential, and another one when the vendor refuses it.
pub trait CredentialSource<K>: Send + Sync {
    /// The credential to use. Called before every use; mostly answered from memory.
    fn current(&self) -> BoxFuture<'_, Result<Versioned<K>, CredentialError>>;

    /// Reports that the vendor refused `version`. Returns another version to try at once, if there is
    /// one that was not refused lately.
    fn refused<'a>(&'a self, version: &'a str) -> BoxFuture<'a, Option<Versioned<K>>>;
}

/// A credential and the version it came from.
#[derive(Clone, Debug)]
pub struct Versioned<K> {
    /// Names the version within its secret.
    pub version: String,
    /// The credential.
    pub key: K,
}

/// A credential that is read from a secret's members.
pub trait FromSecret: Sized {
    /// Reads the credential.
    ///
    /// # Errors
    ///
    /// [`MissingMember`] names the first member that is missing.
    fn from_secret(fields: &SecretFields) -> Result<Self, MissingMember>;
}

/// A required member that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the member {0} is missing")]
pub struct MissingMember(pub &'static str);

/// A credential that does not change while the process runs.
#[derive(Clone)]
pub struct StaticCredential<K>(K);

impl<K> StaticCredential<K> {
    /// Always this credential.
    #[must_use]
    pub const fn new(key: K) -> Self {
        Self(key)
    }
}

impl<K> fmt::Debug for StaticCredential<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticCredential").finish_non_exhaustive()
    }
}

impl<K: Clone + Send + Sync> CredentialSource<K> for StaticCredential<K> {
    fn current(&self) -> BoxFuture<'_, Result<Versioned<K>, CredentialError>> {
        let held = Versioned {
            version: String::new(),
            key: self.0.clone(),
        };
        Box::pin(ready(Ok(held)))
    }

    fn refused<'a>(&'a self, _version: &'a str) -> BoxFuture<'a, Option<Versioned<K>>> {
        Box::pin(ready(None))
    }
}

/// Why there is no credential to use.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// Every version was refused a moment ago; the next attempt is at `until`.
    #[error("every version of secret {name} was refused; the next try is at {until}")]
    Refused {
        /// The secret.
        name: String,
        /// When one is tried again.
        until: Timestamp,
    },
    /// There is no version that can be used.
    #[error("secret {name} has no usable credential: {why}")]
    Unusable {
        /// The secret.
        name: String,
        /// What is wrong, without the value.
        why: String,
    },
    /// The vault could not be read, and nothing is cached.
    #[error("secret {name} could not be read")]
    Vault {
        /// The secret.
        name: String,
        /// Why.
        #[source]
        source: Box<VaultError>,
    },
}

impl CredentialError {
    /// What may follow. Work waits as for an unavailable store: a secret that is missing now may exist
    /// in a minute.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Refused { .. } | Self::Unusable { .. } | Self::Vault { .. } => {
                FailureClass::Transient
            }
        }
    }

    /// How the use cases treat it: they wait, and give nothing up.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { .. } | Self::Unusable { .. } => Some(Refusal::Unauthorised),
            Self::Vault { .. } => None,
        }
    }
}

impl From<CredentialError> for PortError {
    fn from(error: CredentialError) -> Self {
        let mut port = Self::new(error.class(), ErrorCode::CredentialsUnavailable);
        port.refusal = error.refusal();
        port.with_source(error)
    }
}
