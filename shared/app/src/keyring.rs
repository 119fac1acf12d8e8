//! Credentials as they are used while they rotate: read from the vault, kept for a while, changed
//! for another version when a vendor refuses them.
//!
//! A secret is one JSON object ([`Fields`]): both halves of a credential change together. Clients
//! ask a [`CredentialSource`] and know nothing of vaults; a process whose credentials stand in its
//! settings gives them a fixed one. What a credential brought is shared the same way: a client asks
//! [`SharedTokens`] and knows nothing of stores.

mod fields;
mod gate;
mod given;
mod ring;
mod shared;
mod source;
mod webhook;

pub use fields::{Fields, NotFields};
pub use gate::{DOUBT_PAUSE, DoorMaker, Doors, Doubt, Gate, InVault, SecretReader, Versions};
pub use given::Given;
pub use ring::{Keyring, LIFE, REFUSED_PAUSE};
pub use shared::SharedTokens;
pub use source::{
    Asked, CredentialSource, Fixed, FromFields, Held, KeyringError, MissingField, TRIES_MAX,
};
pub(crate) use webhook::ROTATED_AT;
pub use webhook::{ByMembers, Fit, WebhookKind, accepted, credentials, overlap_end, token};
