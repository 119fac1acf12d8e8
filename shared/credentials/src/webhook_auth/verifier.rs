//! Compares what a request carries with what is accepted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use halogard_domain::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::WebhookRequest;
use super::kind::WebhookCredential;
use super::secret::AcceptedCredentials;

/// The digest of a path token, as it is compared.
pub(super) type TokenDigest = [u8; 32];

/// The accepted path tokens and credentials, ready for comparison.
///
/// Holds digests of what is compared. Every comparison takes the same time wherever the difference is.
pub struct Verifiers {
    paths: Vec<TokenDigest>,
    credentials: Vec<Verifier>,
    /// When these cease to be right, because the overlap of the previous version ends.
    pub(super) valid_until: Option<Timestamp>,
}

/// A credential, ready for comparison.
enum Verifier {
    /// A signature over the body.
    Hmac {
        header: String,
        secret: SecretString,
    },
    /// A value in a header.
    Header {
        header: String,
        scheme: Option<&'static str>,
        digest: [u8; 32],
    },
}

impl Verifiers {
    /// Verifiers for everything in `accepted`. Without a credential the path token alone suffices;
    /// without a path token nothing is accepted.
    #[must_use]
    pub fn new(accepted: &AcceptedCredentials) -> Self {
        let tokens = accepted.tokens.iter();
        let paths = tokens.map(|token| token_digest(token.expose_secret()));
        let credentials = accepted.credentials.iter().map(Verifier::new);
        Self {
            paths: without_repeats(paths, |one, other| one == other),
            credentials: without_repeats(credentials, Verifier::is_the_same_as),
            valid_until: accepted.valid_until,
        }
    }

    /// Whether the path token with this digest is accepted. Compares it with every accepted token.
    pub(super) fn accepts_path(&self, offered: &TokenDigest) -> bool {
        any(self.paths.iter().map(|path| path.ct_eq(offered))).into()
    }

    /// Whether `request` carries an accepted credential. Checks every credential, so that the time
    /// does not say which one was nearly right.
    pub(super) fn accepts(&self, request: &WebhookRequest<'_>) -> bool {
        let open = Choice::from(u8::from(self.credentials.is_empty()));
        let credentials = self.credentials.iter();
        let matched = any(credentials.map(|verifier| verifier.verify(request)));
        (open | matched).into()
    }
}

impl Verifier {
    /// Prepares `credential`.
    fn new(credential: &WebhookCredential) -> Self {
        let header = |header: &str, scheme, value: &[u8]| Self::Header {
            header: header.to_owned(),
            scheme,
            digest: digest(value),
        };
        match credential {
            WebhookCredential::Hmac { header, secret } => Self::Hmac {
                header: header.clone(),
                secret: secret.clone(),
            },
            WebhookCredential::Basic { username, password } => {
                let pair = format!("{username}:{}", password.expose_secret());
                header("authorization", Some("basic"), pair.as_bytes())
            }
            WebhookCredential::Bearer { token } => header(
                "authorization",
                Some("bearer"),
                token.expose_secret().as_bytes(),
            ),
            WebhookCredential::ApiKey { header: name, key } => {
                header(name, None, key.expose_secret().as_bytes())
            }
        }
    }

    /// Whether both accept the same. Two versions of a secret often share a credential, and the body
    /// is hashed once for each signature.
    fn is_the_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Hmac { header, secret },
                Self::Hmac {
                    header: other_header,
                    secret: other_secret,
                },
            ) => header == other_header && secret.expose_secret() == other_secret.expose_secret(),
            (
                Self::Header {
                    header,
                    scheme,
                    digest,
                },
                Self::Header {
                    header: other_header,
                    scheme: other_scheme,
                    digest: other_digest,
                },
            ) => (header, scheme, digest) == (other_header, other_scheme, other_digest),
            (Self::Hmac { .. }, Self::Header { .. }) | (Self::Header { .. }, Self::Hmac { .. }) => {
                false
            }
        }
    }

    /// Whether the request carries this credential, exactly once.
    fn verify(&self, request: &WebhookRequest<'_>) -> Choice {
        let name = match self {
            Self::Hmac { header, .. } | Self::Header { header, .. } => header,
        };
        let values = (request.header)(name);
        let [value] = values.as_slice() else {
            return Choice::from(0);
        };
        match self {
            Self::Hmac { secret, .. } => verify_signature(secret, request.body, value),
            Self::Header {
                scheme,
                digest: expected,
                ..
            } => {
                let offered = match scheme {
                    Some(scheme) => after_scheme(value, scheme),
                    None => Some(value.clone()),
                };
                offered.map_or(Choice::from(0), |offered| expected.ct_eq(&digest(&offered)))
            }
        }
    }
}

/// Whether `signature` is the base64 of the body's HMAC. The comparison covers the whole digest.
fn verify_signature(secret: &SecretString, body: &[u8], signature: &[u8]) -> Choice {
    let Ok(offered) = STANDARD.decode(signature) else {
        return Choice::from(0);
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
        return Choice::from(0);
    };
    mac.update(body);
    let expected: [u8; 32] = mac.finalize().into_bytes().into();
    // Both sides are hashed once more, so that a shorter offer is compared in full as well.
    digest(&expected).ct_eq(&digest(&offered))
}

/// What follows `scheme` in an `Authorization` header; decoded for Basic.
fn after_scheme(value: &[u8], scheme: &str) -> Option<Vec<u8>> {
    let (offered_scheme, rest) = value.split_at_checked(scheme.len())?;
    let rest = rest.strip_prefix(b" ")?;
    if !offered_scheme.eq_ignore_ascii_case(scheme.as_bytes()) {
        return None;
    }
    match scheme {
        "basic" => STANDARD.decode(rest).ok(),
        _ => Some(rest.to_vec()),
    }
}

/// `all` without repeats, in order. These are our own values, so the comparison may take any time.
fn without_repeats<T>(all: impl Iterator<Item = T>, same: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut distinct: Vec<T> = Vec::new();
    for one in all {
        if !distinct.iter().any(|known| same(known, &one)) {
            distinct.push(one);
        }
    }
    distinct
}

/// Whether any of `choices` is true. Does not stop at the first.
fn any(choices: impl Iterator<Item = Choice>) -> Choice {
    choices.fold(Choice::from(0), |found, choice| found | choice)
}

/// The digest by which a path token is compared.
pub(super) fn token_digest(token: &str) -> TokenDigest {
    digest(token.as_bytes())
}

/// SHA-256.
fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
