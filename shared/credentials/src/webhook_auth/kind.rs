//! The ways in which a sender of webhooks authenticates.

use secrecy::{ExposeSecret, SecretString};

use super::secret::MemberReader;
use crate::members;

/// The header that our instructions name for the signature.
pub const SIGNATURE_HEADER: &str = "X-Halo-Signature";

/// The header that most services use for an API key.
pub const API_KEY_HEADER: &str = "X-Api-Key";

/// How a delivery is authenticated beside its path token. HaloPSA sends one kind.
///
/// # Adding a kind
///
/// Add a variant; the compiler then names every match that needs an arm. A new kind touches nine files:
///
/// 1. `shared/credentials/src/webhook_auth/kind.rs`: the variant, [`WebhookCredential`], its members.
/// 2. `shared/credentials/src/webhook_auth/verifier.rs`: how a request is checked.
/// 3. `shared/credentials/src/members.rs`: the names of its members.
/// 4. `shared/credentials/src/rotation/webhook.rs`: what HaloPSA's form calls the value.
/// 5. `shared/halopsa/src/rotation.rs`: how HaloPSA's API changes the value, if it can.
/// 6. `shared/runtime/src/settings/webhook.rs`: its settings.
/// 7. `docs/settings.md`: the table of settings, which a test prints.
/// 8. `halogard/src/commands/webhook.rs`: what `halogard webhook install` sends to HaloPSA, and what a person clicks
///    without it.
/// 9. `shared/app/src/ports/webhook_setup.rs`: `WebhookAuthentication`, if HaloPSA's API can set the kind.
///
/// A kind with a header of its own also has a parameter in `template.yaml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookAuthKind {
    /// A signature over the body.
    Hmac,
    /// User name and password.
    Basic,
    /// A bearer token.
    Bearer,
    /// A key in a header of its own.
    ApiKey,
    /// The path token alone.
    PathToken,
}

impl WebhookAuthKind {
    /// How many kinds there are. A new variant does not compile until it is listed here, beside
    /// [`Self::ALL`].
    const COUNT: usize = match Self::Hmac {
        Self::Hmac | Self::Basic | Self::Bearer | Self::ApiKey | Self::PathToken => 5,
    };

    /// All kinds, the strongest first.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Hmac,
        Self::Basic,
        Self::Bearer,
        Self::ApiKey,
        Self::PathToken,
    ];

    /// The member that holds the value, and that a rotation replaces.
    #[must_use]
    pub const fn member(self) -> &'static str {
        match self {
            Self::Hmac => members::WEBHOOK_HMAC_KEY,
            Self::Basic => members::WEBHOOK_PASSWORD,
            Self::Bearer => members::WEBHOOK_BEARER,
            Self::ApiKey => members::WEBHOOK_API_KEY,
            Self::PathToken => members::WEBHOOK_TOKEN,
        }
    }

    /// The member that holds the previous value.
    #[must_use]
    pub const fn previous_member(self) -> &'static str {
        match self {
            Self::Hmac => members::WEBHOOK_HMAC_KEY_PREVIOUS,
            Self::Basic => members::WEBHOOK_PASSWORD_PREVIOUS,
            Self::Bearer => members::WEBHOOK_BEARER_PREVIOUS,
            Self::ApiKey => members::WEBHOOK_API_KEY_PREVIOUS,
            Self::PathToken => members::WEBHOOK_TOKEN_PREVIOUS,
        }
    }

    /// The members that say more about it than its value.
    #[must_use]
    pub const fn other_members(self) -> &'static [&'static str] {
        match self {
            Self::Hmac => &[members::WEBHOOK_SIGNATURE_HEADER],
            Self::Basic => &[members::WEBHOOK_USERNAME],
            Self::Bearer | Self::PathToken => &[],
            Self::ApiKey => &[members::WEBHOOK_API_KEY_HEADER],
        }
    }

    /// The credentials of this kind among the members, the current one before the previous one.
    pub(super) fn credentials(self, members: &mut MemberReader<'_>) -> Vec<WebhookCredential> {
        match self {
            Self::Hmac => {
                let values = members.values(self);
                let header = members.header(members::WEBHOOK_SIGNATURE_HEADER, SIGNATURE_HEADER);
                each(values, |secret| WebhookCredential::Hmac {
                    header: header.clone(),
                    secret,
                })
            }
            Self::Basic => {
                let passwords = members.values(self);
                match members.username(!passwords.is_empty()) {
                    Some(username) => each(passwords, |password| WebhookCredential::Basic {
                        username: username.clone(),
                        password,
                    }),
                    None => Vec::new(),
                }
            }
            Self::Bearer => each(members.values(self), |token| WebhookCredential::Bearer {
                token: members.without_scheme(token),
            }),
            Self::ApiKey => {
                let values = members.values(self);
                let header = members.header(members::WEBHOOK_API_KEY_HEADER, API_KEY_HEADER);
                each(values, |key| WebhookCredential::ApiKey {
                    header: header.clone(),
                    key,
                })
            }
            // Not a credential: `WebhookCredentials::tokens` holds the path tokens.
            Self::PathToken => Vec::new(),
        }
    }
}

/// One credential for each of `values`.
fn each(
    values: Vec<SecretString>,
    credential: impl FnMut(SecretString) -> WebhookCredential,
) -> Vec<WebhookCredential> {
    values.into_iter().map(credential).collect()
}

/// One credential that authenticates a delivery.
#[derive(Clone, Debug)]
pub enum WebhookCredential {
    /// `HMAC-SHA256(secret, body)` in a header, in base64 or hexadecimal, with or without a prefix. Source:
    /// HaloPSA webhooks with authentication type 3, as one shipped receiver verifies them (base64); the
    /// vendor's guide knows Basic only.
    Hmac {
        /// The header that carries the signature.
        header: String,
        /// The shared secret.
        secret: SecretString,
    },
    /// HTTP Basic.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// `Authorization: Bearer …`.
    Bearer {
        /// The token.
        token: SecretString,
    },
    /// A key in a header of its own.
    ApiKey {
        /// The header that carries the key.
        header: String,
        /// The key.
        key: SecretString,
    },
}

/// The token without a leading `Bearer `, and whether there was one.
pub(super) fn strip_bearer(token: SecretString) -> (SecretString, bool) {
    match token.expose_secret().strip_prefix("Bearer ") {
        Some(bare) => (SecretString::from(bare.trim()), true),
        None => (token, false),
    }
}
