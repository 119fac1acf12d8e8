//! Sealing of the shared token with a key derived from the credential. A client with the credential
//! could request a token anyway; a reader of the store learns nothing.

use halogard_domain::Timestamp;
use halogard_domain::hash::hex;
use halogard_sealing::{KEY_BYTES, SealingKey};
use http::HeaderValue;
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use url::Url;

use super::Credentials;
use super::token::BearerToken;

/// Sets what is derived here apart from what anybody else derives from the same secret. Its number
/// is that of the form below.
const SALT: &[u8] = b"halogard: a token of HaloPSA, shared, form 1";

/// What the name is derived for.
const NAME_LABEL: &[u8] = b"name";

/// What the key is derived for.
const KEY_LABEL: &[u8] = b"key";

/// Bytes of a name: two credentials never share one by chance.
const NAME_BYTES: usize = 16;

/// What a token is issued for. A token of another tenant or of other scopes has another name, and
/// is sealed with another key.
pub(super) struct TokenScope<'a> {
    /// Where it is issued.
    pub(super) auth_url: &'a Url,
    /// The tenant, where one is named.
    pub(super) tenant: Option<&'a str>,
    /// What it allows.
    pub(super) scopes: &'a str,
}

/// Seals and opens what is shared by those who use one credential for one purpose.
pub(super) struct TokenSealer {
    name: String,
    key: SealingKey,
}

/// What a client shared.
#[derive(Clone)]
pub(super) enum SharedRecord {
    /// A token.
    Token {
        /// The token.
        token: BearerToken,
        /// When a token was replaced by this one because it was refused, if it was.
        replaced_at: Option<Timestamp>,
    },
    /// The credential was refused.
    Refused {
        /// When.
        at: Timestamp,
    },
}

/// The same as it is sealed. Another form is ignored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SealedRecord {
    Token {
        bearer: String,
        refresh_from: Timestamp,
        use_until: Timestamp,
        replaced_at: Option<Timestamp>,
    },
    Refused {
        at: Timestamp,
    },
}

/// A length for [`ring::hkdf`].
struct OutputLength(usize);

impl KeyType for OutputLength {
    fn len(&self) -> usize {
        self.0
    }
}

impl TokenSealer {
    /// The seal of `credentials`, used for `purpose`. `None` where the system's cryptography fails,
    /// which it never does for lengths such as these.
    pub(super) fn derive(credentials: &Credentials, purpose: &TokenScope<'_>) -> Option<Self> {
        let secret = credentials.client_secret.expose_secret().as_bytes();
        let root = Salt::new(HKDF_SHA256, SALT).extract(secret);
        let context = context(&credentials.client_id, purpose);
        let key = derive::<KEY_BYTES>(&root, KEY_LABEL, &context)?;
        Some(Self {
            name: name(&root, &context)?,
            key: SealingKey::new(&key),
        })
    }

    /// What the record is called. Says nothing of the credential, and changes with it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Seals `shared`. `None` where it cannot be written or there are no random numbers.
    pub(super) fn seal(&self, shared: &SharedRecord) -> Option<Vec<u8>> {
        let text = serde_json::to_vec(&SealedRecord::of(shared)?).ok()?;
        self.key.seal(self.name.as_bytes(), &text).ok()
    }

    /// Opens what was sealed. `None` for anything else.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<SharedRecord> {
        let text = self.key.open(self.name.as_bytes(), sealed).ok()?;
        serde_json::from_slice::<SealedRecord>(&text)
            .ok()?
            .into_record()
    }
}

impl SealedRecord {
    fn of(shared: &SharedRecord) -> Option<Self> {
        Some(match shared {
            SharedRecord::Token { token, replaced_at } => Self::Token {
                bearer: token.bearer.to_str().ok()?.to_owned(),
                refresh_from: token.refresh_from,
                use_until: token.use_until,
                replaced_at: *replaced_at,
            },
            SharedRecord::Refused { at } => Self::Refused { at: *at },
        })
    }

    fn into_record(self) -> Option<SharedRecord> {
        Some(match self {
            Self::Token {
                bearer,
                refresh_from,
                use_until,
                replaced_at,
            } => {
                let mut bearer = HeaderValue::try_from(bearer).ok()?;
                bearer.set_sensitive(true);
                SharedRecord::Token {
                    token: BearerToken {
                        bearer,
                        refresh_from,
                        use_until,
                    },
                    replaced_at,
                }
            }
            Self::Refused { at } => SharedRecord::Refused { at },
        })
    }
}

/// Whose token it is and what for. Each part is preceded by its length: no two different wholes
/// read the same.
fn context(client_id: &str, purpose: &TokenScope<'_>) -> Vec<u8> {
    let tenant = purpose.tenant.map(|tenant| format!("={tenant}"));
    let parts = [
        client_id,
        purpose.auth_url.as_str(),
        tenant.as_deref().unwrap_or_default(),
        purpose.scopes,
    ];
    let mut context = Vec::new();
    for part in parts {
        context.extend_from_slice(&(part.len() as u64).to_be_bytes());
        context.extend_from_slice(part.as_bytes());
    }
    context
}

/// The name, in hexadecimal.
fn name(root: &Prk, context: &[u8]) -> Option<String> {
    let bytes = derive::<NAME_BYTES>(root, NAME_LABEL, context)?;
    Some(hex(&bytes))
}

/// Bytes derived for one purpose and context. `None` where the system's cryptography fails.
fn derive<const N: usize>(root: &Prk, purpose: &[u8], context: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let info = [purpose, context];
    root.expand(&info, OutputLength(N))
        .ok()?
        .fill(&mut bytes)
        .ok()?;
    Some(bytes)
}
