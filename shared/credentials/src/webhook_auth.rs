//! Authentication of webhook deliveries.
//!
//! A delivery is authenticated in two steps, and the types say in which order: [`Authenticator::verify_path`]
//! checks the path token before the body is read, and returns a [`PathVerified`];
//! [`Authenticator::verify`] takes it, checks the credential and returns a [`Verified`], whose body may be
//! believed. An unauthenticated request costs next to nothing.

mod authenticator;
mod kind;
mod near_miss;
mod reader;
mod secret;
mod signature;
mod state;
mod verifier;

use std::sync::Arc;

use halogard_app::intake::Rejection;
use halogard_app::ports::PortError;

pub use authenticator::{Authenticator, EXPLAINED_BYTES_MAX, TOKEN_ONLY_REFUSED};
pub use kind::{API_KEY_HEADER, SIGNATURE_HEADER, WebhookAuthKind, WebhookCredential};
pub use reader::{SecretReader, VaultReader};
pub use secret::{
    AcceptedCredentials, CHARS_MIN, MemberFault, MemberWarning, WebhookCredentials,
    WebhookSecretError, WebhookSecretVersions, previous_accepted_until,
};
pub use state::MISMATCH_PAUSE;
use verifier::TokenDigest;
pub use verifier::Verifiers;

/// A request to the webhook's address that is not yet authenticated.
#[derive(Clone, Copy)]
pub struct WebhookRequest<'a> {
    /// All values of the named header, in order; names are compared without regard to case.
    pub header: &'a (dyn Fn(&str) -> Vec<Vec<u8>> + Sync),
    /// The names of all headers, for the log of a request that carries no credential.
    pub header_names: &'a (dyn Fn() -> Vec<String> + Sync),
    /// The body as it was sent, before anything was decoded.
    pub body: &'a [u8],
}

/// The path token of a request was accepted. Only [`Authenticator::verify_path`] makes one.
pub struct PathVerified {
    /// The token, as it is compared with a newer secret.
    token: TokenDigest,
    /// What accepted it.
    verifiers: Arc<Verifiers>,
}

/// What the headers of a request say about it, before its body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadVerdict {
    /// They carry an accepted credential, or none is needed.
    Authentic,
    /// They carry what may be a signature: the body decides.
    BodyDecides,
    /// No body makes the request authentic.
    NotAuthentic,
}

/// An authenticated delivery. Only [`Authenticator::verify`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'a> {
    /// The body as it was sent.
    pub body: &'a [u8],
}

/// Why a request is not authenticated.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A wrong path token or a wrong credential; one error for both.
    #[error("the delivery is not authentic")]
    NotAuthentic,
    /// The secret could not be read.
    #[error("the webhook secret could not be read")]
    Unavailable(#[source] PortError),
}

impl From<AuthError> for Rejection {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::NotAuthentic => Self::NotAuthentic,
            AuthError::Unavailable(source) => Self::NotQueued(source),
        }
    }
}
