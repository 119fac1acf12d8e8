//! What a rotation needs of the vendors: three ports with few calls each.

use std::fmt;
use std::future::Future;

use halogard_domain::Timestamp;
use secrecy::SecretString;

use crate::webhook_auth::WebhookAuthKind;

use halogard_app::ports::PortError;

/// Both halves of an access key. Its `Debug` says nothing.
#[derive(Clone)]
pub struct KeyPair {
    /// The first half.
    pub id: String,
    /// The second half.
    pub secret: SecretString,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").finish_non_exhaustive()
    }
}

/// A key without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// The first half.
    pub id: String,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it was last used; `None` when it never was.
    pub last_used_at: Option<Timestamp>,
    /// When it expires; `None` if it never does.
    pub expires_at: Option<Timestamp>,
    /// Whether it can only install collectors.
    pub only_installs: bool,
}

/// A key that was just created.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Both halves.
    pub pair: KeyPair,
    /// When it expires; `None` if it never does.
    pub expires_at: Option<Timestamp>,
}

/// Liongard's access keys.
pub trait AccessKeyAdmin: Send + Sync {
    /// The keys of the user that `with` belongs to, without deleted ones.
    fn list(&self, with: &KeyPair) -> impl Future<Output = Result<Vec<KeyInfo>, PortError>> + Send;

    /// Creates a key with the rights of `with` that is valid for `life_days`; `None` for a key that
    /// never expires.
    ///
    /// Not safe to repeat: on `InDoubt` there may be a key whose secret was lost.
    fn create(
        &self,
        with: &KeyPair,
        life_days: Option<u16>,
    ) -> impl Future<Output = Result<NewKey, PortError>> + Send;

    /// Verifies `key` with a harmless read.
    fn verify(&self, key: &KeyPair) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Deletes the key `id` with the rights of `with`. Safe to repeat: a key that does not exist counts
    /// as deleted.
    fn delete(
        &self,
        with: &KeyPair,
        id: &str,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// HaloPSA's API applications.
pub trait ApplicationAdmin: Send + Sync {
    /// Verifies the credential: requests a token with the configured scopes, then makes a harmless read.
    fn verify(
        &self,
        client_id: &str,
        client_secret: &SecretString,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// The new value of our webhook in HaloPSA.
#[derive(Clone, Debug)]
pub struct WebhookChange {
    /// What kind of value it is.
    pub kind: WebhookAuthKind,
    /// The user name that goes with it, where the kind has one.
    pub username: Option<String>,
    /// The value.
    pub value: SecretString,
    /// The password or key that stays beside a new address. HaloPSA never shows it, and may empty what a write
    /// leaves out, so it is written along.
    pub kept: Option<SecretString>,
}

/// HaloPSA's webhooks.
pub trait WebhookAdmin: Send + Sync {
    /// Changes our webhook, whose address ends in one of `tokens`. Safe to repeat.
    ///
    /// Fails with the refusal `Forbidden` or `Unauthorised` when the credential may not do it, with
    /// `Forbidden` and without a request where the vendor documents no way to change this kind of value, and
    /// with `NotFound` when there is no such webhook.
    fn change(
        &self,
        tokens: &[SecretString],
        change: &WebhookChange,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}
