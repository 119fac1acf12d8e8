//! Credentials as they are used while they rotate: read from the vault, kept for a while, changed
//! for another version when a vendor refuses them.
//!
//! A secret is one JSON object ([`SecretFields`]): both halves of a credential change together. Clients
//! ask a [`CredentialSource`] and know nothing of vaults; a process whose credentials stand in its
//! settings gives them a fixed one. What a credential brought is shared the same way: a client asks
//! [`SharedTokens`] and knows nothing of stores.

mod cache;
mod rotating;
mod secret;
mod shared;
mod source;
mod static_vault;
mod webhook;

pub use cache::{CredentialCache, REFUSED_PAUSE, TTL};
pub use rotating::{
    AuthenticatorFactory, Authenticators, MISMATCH_PAUSE, Mismatch, RotatingAuthenticator,
    SecretReader, SecretVersions, VaultReader,
};
pub use secret::{NotJsonObject, SecretFields};
pub use shared::SharedTokens;
pub use source::{
    BoxFuture, CredentialError, CredentialSource, FromSecret, MissingMember, StaticCredential,
    TRIES_MAX, Versioned,
};
pub use static_vault::StaticVault;
pub(crate) use webhook::ROTATED_AT;
pub use webhook::{
    Accepted, MemberAuthenticators, WebhookKind, accepted, credentials, overlap_end, token,
};
