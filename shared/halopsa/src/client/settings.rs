//! What a client is built from.

use std::fmt;

use halogard_credentials::{FromSecret, MissingMember, SecretFields};
use secrecy::SecretString;
use url::Url;

/// What a client is built from. Its `Debug` says neither addresses nor credentials.
#[derive(Clone)]
pub struct HaloClientSettings {
    /// Where the API is; ends in `/api`. See [`crate::Addresses`].
    pub resource_url: Url,
    /// Where tokens are issued; ends in `/auth`.
    pub auth_url: Url,
    /// The tenant, which hosts without a name of their own need.
    pub tenant: Option<String>,
    /// Who we are.
    pub credentials: Credentials,
    /// The scopes asked for, separated by blanks, as `read:tickets edit:tickets read:customers`.
    /// One that is not granted fails the whole token request.
    pub scopes: String,
}

impl fmt::Debug for HaloClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HaloClientSettings")
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// The id and the secret of an API application. They change together when two
/// applications rotate, so they are one value. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct Credentials {
    /// The application's client id.
    pub client_id: String,
    /// Its only secret.
    pub client_secret: SecretString,
    /// The other application of a rotating pair, if there is one: its earlier notes are ours too.
    pub idle_client_id: Option<String>,
}

impl FromSecret for Credentials {
    fn from_secret(fields: &SecretFields) -> Result<Self, MissingMember> {
        let text = |name| fields.text(name).ok_or(MissingMember(name));
        Ok(Self {
            client_id: text("halopsa_client_id")?.to_owned(),
            client_secret: SecretString::from(text("halopsa_client_secret")?),
            idle_client_id: fields.text("halopsa_idle_client_id").map(str::to_owned),
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
