//! The webhook's secret: the end of its address, and what proves a delivery.

use std::time::Duration;

use halogard_domain::Timestamp;
use secrecy::SecretString;

use super::Fields;
use crate::intake::Credential;
use crate::ports::Stage;

/// The unguessable end of the webhook's address.
const TOKEN: &str = "halopsa_webhook_token";

/// The name our instructions give to the header of the signature.
const SIGNATURE_HEADER: &str = "X-Halo-Signature";

/// The name most services use for a header with a key.
const API_KEY_HEADER: &str = "X-Api-Key";

/// How long the version before is accepted, unless the secret says otherwise.
const OVERLAP_HOURS: i64 = 24;

/// What proves a delivery. HaloPSA sends one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookKind {
    /// A signature of the body.
    Hmac,
    /// A user's name and password.
    Basic,
    /// A bearer token.
    Bearer,
    /// A key in a header of its own.
    ApiKey,
    /// The address alone.
    Address,
}

impl WebhookKind {
    /// The kinds with a credential, the strongest first.
    const WITH_CREDENTIAL: [Self; 4] = [Self::Hmac, Self::Basic, Self::Bearer, Self::ApiKey];

    /// The kind a secret is about: the strongest it holds.
    #[must_use]
    pub fn of(fields: &Fields) -> Self {
        let held = |kind: &Self| fields.text(kind.member()).is_some();
        let kinds = Self::WITH_CREDENTIAL.into_iter();
        kinds.clone().find(held).unwrap_or(Self::Address)
    }

    /// The member that is exchanged.
    #[must_use]
    pub const fn member(self) -> &'static str {
        match self {
            Self::Hmac => "halopsa_webhook_secret",
            Self::Basic => "halopsa_webhook_password",
            Self::Bearer => "halopsa_webhook_bearer",
            Self::ApiKey => "halopsa_webhook_api_key",
            Self::Address => TOKEN,
        }
    }

    /// What HaloPSA's form calls it.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Hmac => "the key of the HMAC authentication",
            Self::Basic => "the password of the Basic authentication",
            Self::Bearer => "the bearer token",
            Self::ApiKey => "the value of the header with the key",
            Self::Address => "the end of the address, after the last slash",
        }
    }
}

/// The end of the webhook's address.
#[must_use]
pub fn token(fields: &Fields) -> Option<SecretString> {
    fields.secret(TOKEN)
}

/// Every credential a secret holds.
#[must_use]
pub fn credentials(fields: &Fields) -> Vec<Credential> {
    let header = |name: &str, usual: &str| fields.text(name).unwrap_or(usual).to_owned();
    let hmac = fields
        .secret("halopsa_webhook_secret")
        .map(|secret| Credential::Hmac {
            header: header("halopsa_webhook_signature_header", SIGNATURE_HEADER),
            secret,
        });
    let username = fields.text("halopsa_webhook_username");
    let basic =
        username
            .zip(fields.secret("halopsa_webhook_password"))
            .map(|(username, password)| Credential::Basic {
                username: username.to_owned(),
                password,
            });
    let bearer = fields
        .secret("halopsa_webhook_bearer")
        .map(|token| Credential::Bearer { token });
    let keyed = fields
        .secret("halopsa_webhook_api_key")
        .map(|key| Credential::ApiKey {
            header: header("halopsa_webhook_api_key_header", API_KEY_HEADER),
            key,
        });
    [hmac, basic, bearer, keyed].into_iter().flatten().collect()
}

/// The time between a rotation and the end of the version before.
#[must_use]
pub(crate) fn overlap(fields: &Fields) -> Duration {
    let hours = fields.number("overlap_hours").unwrap_or(OVERLAP_HOURS);
    Duration::from_secs(u64::try_from(hours).unwrap_or(0).saturating_mul(3600))
}

/// Whom deliveries are taken from: path tokens and credentials of every version in force.
#[derive(Clone, Debug, Default)]
pub struct Fit {
    /// Path tokens, the current one first.
    pub tokens: Vec<SecretString>,
    /// Credentials.
    pub credentials: Vec<Credential>,
}

/// What is accepted at `now`. The pending version counts: HaloPSA is told it before it becomes the
/// current one. The version before counts for the overlap after it was replaced; where nobody wrote
/// down when that was, for as long as there is one.
#[must_use]
pub fn accepted(versions: &[(Stage, Fields)], now: Timestamp) -> Fit {
    let current = versions
        .iter()
        .find(|(stage, _)| *stage == Stage::Current)
        .map(|(_, fields)| fields);
    let previous_until = current.and_then(|fields| {
        let replaced_at = fields.time(ROTATED_AT)?;
        Some(replaced_at.plus(overlap(fields)))
    });
    let mut fit = Fit::default();
    for (stage, fields) in versions {
        if *stage == Stage::Previous && previous_until.is_some_and(|until| now >= until) {
            continue;
        }
        fit.tokens.extend(token(fields));
        fit.credentials.extend(credentials(fields));
    }
    fit
}

/// When the value was made, in milliseconds since 1970.
pub(crate) const ROTATED_AT: &str = "rotated_at_ms";
