//! The webhook's secret: the end of its address, and what proves a delivery.

use std::time::Duration;

use halogard_domain::{FailureClass, Timestamp};
use secrecy::SecretString;
use tracing::warn;

use super::SecretFields;
use super::rotating::{AuthenticatorFactory, Authenticators, SecretVersions};
use crate::intake::{Authenticator, WebhookCredential};
use crate::ports::{PortError, Stage};

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
    pub fn of(fields: &SecretFields) -> Self {
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
pub fn token(fields: &SecretFields) -> Option<SecretString> {
    fields.secret(TOKEN)
}

/// Every credential a secret holds.
#[must_use]
pub fn credentials(fields: &SecretFields) -> Vec<WebhookCredential> {
    let header = |name: &str, usual: &str| fields.text(name).unwrap_or(usual).to_owned();
    let hmac = fields
        .secret("halopsa_webhook_secret")
        .map(|secret| WebhookCredential::Hmac {
            header: header("halopsa_webhook_signature_header", SIGNATURE_HEADER),
            secret,
        });
    let username = fields.text("halopsa_webhook_username");
    let basic =
        username
            .zip(fields.secret("halopsa_webhook_password"))
            .map(|(username, password)| WebhookCredential::Basic {
                username: username.to_owned(),
                password,
            });
    let bearer = fields
        .secret("halopsa_webhook_bearer")
        .map(|token| WebhookCredential::Bearer { token });
    let keyed = fields
        .secret("halopsa_webhook_api_key")
        .map(|key| WebhookCredential::ApiKey {
            header: header("halopsa_webhook_api_key_header", API_KEY_HEADER),
            key,
        });
    [hmac, basic, bearer, keyed].into_iter().flatten().collect()
}

/// The time between a rotation and the end of the version before.
#[must_use]
pub(crate) fn overlap(fields: &SecretFields) -> Duration {
    let hours = fields.number("overlap_hours").unwrap_or(OVERLAP_HOURS);
    Duration::from_secs(u64::try_from(hours).unwrap_or(0).saturating_mul(3600))
}

/// When the version before `current` ceases to count; `None` where nobody wrote down when it was
/// replaced: then it counts for as long as there is one.
#[must_use]
pub fn overlap_end(current: &SecretFields) -> Option<Timestamp> {
    Some(current.time(ROTATED_AT)?.plus(overlap(current)))
}

/// Whom deliveries are taken from: path tokens and credentials of every version in force.
#[derive(Clone, Debug, Default)]
pub struct Accepted {
    /// Path tokens, the current one first.
    pub tokens: Vec<SecretString>,
    /// Credentials.
    pub credentials: Vec<WebhookCredential>,
}

/// What is accepted at `now`. The pending version counts: HaloPSA is told it before it becomes the
/// current one. The version before counts for the overlap after it was replaced. What the current
/// version asks for is asked for: another one that gets by with the address alone does not lower
/// that, and one that will ask for more does not ask for it yet.
#[must_use]
pub fn accepted(versions: &[(Stage, SecretFields)], now: Timestamp) -> Accepted {
    let current = versions
        .iter()
        .find(|(stage, _)| *stage == Stage::Current)
        .map(|(_, fields)| fields);
    let previous_until = current.and_then(overlap_end);
    let by_address = current.is_some_and(|fields| credentials(fields).is_empty());
    let mut fit = Accepted::default();
    for (stage, fields) in versions {
        if *stage == Stage::Previous && previous_until.is_some_and(|until| now >= until) {
            continue;
        }
        fit.tokens.extend(token(fields));
        if !by_address {
            fit.credentials.extend(credentials(fields));
        }
    }
    fit
}

/// Makes doors of the members of a secret.
#[derive(Clone, Debug, Default)]
pub struct MemberAuthenticators {
    given: Vec<WebhookCredential>,
}

impl MemberAuthenticators {
    /// Authenticators for what the secret's members say; `given` credentials, where there are any, count in
    /// place of its own.
    #[must_use]
    pub const fn new(given: Vec<WebhookCredential>) -> Self {
        Self { given }
    }
}

impl AuthenticatorFactory for MemberAuthenticators {
    fn make(&self, versions: &SecretVersions, now: Timestamp) -> Result<Authenticators, PortError> {
        let unusable = |why: &str| {
            let error = PortError::new(FailureClass::Permanent, "secret.unusable");
            error.with_message(format!("the webhook secret cannot be used: {why}"))
        };
        let current =
            SecretFields::parse(&versions.current).map_err(|why| unusable(&why.to_string()))?;
        let overlap_end = overlap_end(&current).filter(|end| now < *end);
        let mut all = vec![(Stage::Current, current)];
        let others = [
            (Stage::Pending, &versions.pending),
            (Stage::Previous, &versions.previous),
        ];
        for (stage, value) in others {
            let Some(value) = value else {
                continue;
            };
            match SecretFields::parse(value) {
                Ok(fields) => all.push((stage, fields)),
                Err(error) => warn!(?stage, %error, "a version of the webhook secret is left out"),
            }
        }
        let fit = accepted(&all, now);
        if fit.tokens.is_empty() {
            return Err(unusable("the member halopsa_webhook_token is missing"));
        }
        let credentials = if self.given.is_empty() {
            &fit.credentials
        } else {
            &self.given
        };
        Ok(Authenticators {
            delivery: Authenticator::new(&fit.tokens, credentials),
            address: Authenticator::new(&fit.tokens, &[]),
            overlap_end: overlap_end.filter(|_| versions.previous.is_some()),
        })
    }
}

/// When the value was made, in milliseconds since 1970.
pub(crate) const ROTATED_AT: &str = "rotated_at_ms";

#[cfg(test)]
mod tests {
    use super::*;

    /// A secret with this address, signed or not.
    fn secret(address: &str, signed: bool) -> SecretFields {
        let fields = SecretFields::default().with(TOKEN, address);
        if signed {
            fields.with(WebhookKind::Hmac.member(), "a-key")
        } else {
            fields
        }
    }

    #[test]
    fn what_the_current_version_asks_for_is_asked_for() {
        // Whether the current and the other version are signed, and how many credentials count.
        let cases = [
            (false, false, 0),
            (false, true, 0),
            (true, false, 1),
            (true, true, 2),
        ];
        for (current, other, credentials) in cases {
            for stage in [Stage::Pending, Stage::Previous] {
                let versions = [
                    (Stage::Current, secret("one", current)),
                    (stage, secret("other", other)),
                ];
                let fit = accepted(&versions, Timestamp::from_millis(0));
                let found = (fit.tokens.len(), fit.credentials.len());
                assert_eq!(found, (2, credentials), "{current} {other} {stage:?}");
            }
        }
    }

    #[test]
    fn the_version_before_counts_until_its_overlap_ends_and_for_ever_where_nobody_knows_when() {
        let replaced = secret("one", true).with_number(ROTATED_AT, 1_000);
        let hour = replaced.clone().with_number("overlap_hours", 1);
        let cases = [
            (secret("one", true), i64::MAX, true),
            (replaced.clone(), 86_400_999, true),
            (replaced, 86_401_000, false),
            (hour.clone(), 3_600_999, true),
            (hour, 3_601_000, false),
        ];
        for (current, now, counts) in cases {
            let versions = [
                (Stage::Current, current.clone()),
                (Stage::Previous, secret("other", true)),
            ];
            let fit = accepted(&versions, Timestamp::from_millis(now));
            assert_eq!(fit.tokens.len(), 1 + usize::from(counts), "at {now}");
            let end = overlap_end(&current);
            assert_eq!(
                end.is_none_or(|end| Timestamp::from_millis(now) < end),
                counts
            );
        }
    }
}
