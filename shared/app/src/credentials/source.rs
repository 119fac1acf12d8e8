//! Where a client takes its credential from.

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;

use halogard_domain::{FailureClass, Timestamp};

use super::SecretFields;
use crate::ports::{PortError, Refusal, VaultError};

/// Versions of one secret that are tried in a row: the current, the pending and the previous one.
pub const TRIES_MAX: usize = 3;

/// The answer of a source, still to come. In a box, so that clients need not name their source.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Gives a client its credential, and another one when that is refused.
pub trait CredentialSource<K>: Send + Sync {
    /// The credential to use. Asked before every use; costs nothing most of the time.
    fn current(&self) -> BoxFuture<'_, Result<Versioned<K>, CredentialError>>;

    /// Tells that the vendor does not accept `version`. Brings another one to try at once, if there
    /// is one that was not refused lately.
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

/// A credential that is made of a secret's members.
pub trait FromSecret: Sized {
    /// Reads the credential.
    ///
    /// # Errors
    ///
    /// [`MissingMember`] names the first member that is missing.
    fn from_secret(fields: &SecretFields) -> Result<Self, MissingMember>;
}

/// A member a secret ought to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the member {0} is missing")]
pub struct MissingMember(pub &'static str);

/// A credential that never changes while the process lives.
#[derive(Clone)]
pub struct StaticCredential<K>(K);

impl<K> StaticCredential<K> {
    /// Always this one.
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
    /// Every version was refused a moment ago; the vendor is not asked again before `until`.
    #[error("every version of secret {name} was refused; the next try is at {until}")]
    Refused {
        /// The secret.
        name: String,
        /// When one is tried again.
        until: Timestamp,
    },
    /// There is no version that can be used.
    #[error("secret {name} holds no usable credential: {why}")]
    Unusable {
        /// The secret.
        name: String,
        /// What is wrong, without the value.
        why: String,
    },
    /// The vault could not be read, and nothing was read before.
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
    /// What may follow. Work waits for a person as for a store that is away: a secret that is
    /// missing now may be there in a minute.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Refused { .. } | Self::Unusable { .. } | Self::Vault { .. } => {
                FailureClass::Transient
            }
        }
    }

    /// What the use cases do about it: they wait, and nothing is given up.
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
        let mut port = Self::new(error.class(), "credentials.unavailable");
        port.refusal = error.refusal();
        port.with_source(error)
    }
}
