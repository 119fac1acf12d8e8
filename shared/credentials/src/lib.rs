#![doc = include_str!("../README.md")]

mod cache;
pub mod members;
pub mod rotation;
mod secret;
mod shared_tokens;
mod source;
mod static_vault;
pub mod webhook_auth;

pub use cache::{CredentialCache, REFUSED_PAUSE, TTL};
pub use secret::{NotJsonObject, OVERLAP, PLACEHOLDER, SecretFields};
pub use shared_tokens::SharedTokens;
pub use source::{
    BoxFuture, CredentialError, CredentialSource, FromSecret, MissingMember, StaticCredential,
    TRIES_MAX, Versioned,
};
pub use static_vault::StaticVault;
