//! Access keys, for their rotation.

use std::fmt;

use halogard_domain::Timestamp;
use halogard_wire::values::{flag, text, timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// An access key, as it is listed: without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AccessKeyRow {
    /// Its id, the first half of the credential.
    #[serde(rename = "AccessKeyId")]
    pub id: String,
    /// When it was made.
    #[serde(rename = "CreatedOn", default, deserialize_with = "timestamp")]
    pub created_on: Option<Timestamp>,
    /// When it was last used.
    #[serde(rename = "LastUsedOn", default, deserialize_with = "timestamp")]
    pub last_used_on: Option<Timestamp>,
    /// When it was deleted.
    #[serde(rename = "DeletedOn", default, deserialize_with = "timestamp")]
    pub deleted_on: Option<Timestamp>,
    /// When it expires; `None` for one that never does.
    #[serde(rename = "ExpirationDate", default, deserialize_with = "timestamp")]
    pub expires_on: Option<Timestamp>,
    /// Whether it can only install agents.
    #[serde(rename = "isAgentInstallKey", default, deserialize_with = "flag")]
    pub is_agent_install_key: Option<bool>,
}

/// How long a new key is valid. Source: the vendor's description, where the number of days is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum KeyLifetime {
    /// 30 days.
    #[serde(rename = "30")]
    Days30,
    /// 90 days.
    #[serde(rename = "90")]
    Days90,
    /// 180 days.
    #[serde(rename = "180")]
    Days180,
    /// 360 days.
    #[serde(rename = "360")]
    Days360,
    /// Never expires.
    Unlimited,
}

/// The body of a request for a key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessKeyWrite {
    /// Never set: such a key reads nothing.
    pub(crate) is_agent_install_key: bool,
    /// How long it is valid.
    pub(crate) days_until_expiration: KeyLifetime,
}

/// A key that was just created; its secret is shown only this once. Its `Debug` shows nothing of it.
#[derive(Clone, Deserialize)]
#[serde(try_from = "NewKeyMembers")]
pub struct NewAccessKey {
    /// The first half of the credential.
    pub id: String,
    /// The second half.
    pub secret: SecretString,
    /// When it expires; `None` for one that never does.
    pub expires_on: Option<Timestamp>,
}

/// The members of a new key. The vendor's description and its own PowerShell module name the second half
/// differently.
#[derive(Deserialize)]
struct NewKeyMembers {
    #[serde(rename = "AccessKeyId")]
    id: String,
    #[serde(rename = "AccessKeySecret", default, deserialize_with = "text")]
    access_key_secret: Option<String>,
    #[serde(rename = "SecretAccessKey", default, deserialize_with = "text")]
    secret_access_key: Option<String>,
    #[serde(rename = "Secret", default, deserialize_with = "text")]
    secret: Option<String>,
    #[serde(rename = "ExpirationDate", default, deserialize_with = "timestamp")]
    expires_on: Option<Timestamp>,
}

impl TryFrom<NewKeyMembers> for NewAccessKey {
    type Error = &'static str;

    fn try_from(read: NewKeyMembers) -> Result<Self, Self::Error> {
        let secrets = [read.access_key_secret, read.secret_access_key, read.secret];
        let secret = secrets.into_iter().flatten().find(|it| !it.is_empty());
        Ok(Self {
            id: read.id,
            secret: secret.map(SecretString::from).ok_or("no secret")?,
            expires_on: read.expires_on,
        })
    }
}

impl fmt::Debug for NewAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAccessKey").finish_non_exhaustive()
    }
}
