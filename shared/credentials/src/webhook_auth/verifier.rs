//! Compares what a request carries with what is accepted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use halogard_domain::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::kind::WebhookCredential;
use super::near_miss::{self, NearMiss};
use super::secret::AcceptedCredentials;
use super::signature::{hmac_sha256, is_as_long_as_a_signature, is_written_as};
use super::{HeadVerdict, WebhookRequest};

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
        /// The digest of what follows the user name, where there is one.
        password: Option<[u8; 32]>,
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

    /// What the headers of a request prove without its body. Checks every credential, as [`Self::accepts`] does.
    pub(super) fn judge_head(&self, header: &(dyn Fn(&str) -> Vec<Vec<u8>> + Sync)) -> HeadVerdict {
        let head = WebhookRequest {
            header,
            header_names: &Vec::new,
            body: &[],
        };
        let (signatures, values): (Vec<_>, Vec<_>) = self
            .credentials
            .iter()
            .partition(|verifier| matches!(verifier, Verifier::Hmac { .. }));
        let matched = any(values.into_iter().map(|verifier| verifier.verify(&head)));
        if self.credentials.is_empty() || matched.into() {
            HeadVerdict::Authentic
        } else if signatures.into_iter().any(|it| it.may_be_signed(&head)) {
            HeadVerdict::BodyDecides
        } else {
            HeadVerdict::NotAuthentic
        }
    }

    /// What is nearly right about a request that carries no accepted credential.
    pub(super) fn near_miss(&self, request: &WebhookRequest<'_>) -> NearMiss {
        let credentials = self.credentials.iter();
        let nearest = credentials.filter_map(|verifier| verifier.near_miss(request));
        let nothing = || NearMiss::NoCredential(near_miss::names(request));
        // What is least specific is declared last.
        nearest.min().unwrap_or_else(nothing)
    }
}

impl Verifier {
    /// Prepares `credential`.
    fn new(credential: &WebhookCredential) -> Self {
        let header = |header: &str, scheme, value: &[u8]| Self::Header {
            header: header.to_owned(),
            scheme,
            digest: digest(value),
            password: None,
        };
        match credential {
            WebhookCredential::Hmac { header, secret } => Self::Hmac {
                header: header.clone(),
                secret: secret.clone(),
            },
            WebhookCredential::Basic { username, password } => {
                let pair = format!("{username}:{}", password.expose_secret());
                Self::Header {
                    header: "authorization".to_owned(),
                    scheme: Some("basic"),
                    digest: digest(pair.as_bytes()),
                    password: Some(digest(password.expose_secret().as_bytes())),
                }
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
                    ..
                },
                Self::Header {
                    header: other_header,
                    scheme: other_scheme,
                    digest: other_digest,
                    ..
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

    /// Whether the request carries, exactly once, what may be a signature of its body.
    fn may_be_signed(&self, request: &WebhookRequest<'_>) -> bool {
        let Self::Hmac { header, .. } = self else {
            return false;
        };
        let values = (request.header)(header);
        matches!(values.as_slice(), [value] if is_as_long_as_a_signature(value))
    }

    /// What is nearly right about a request that does not carry this credential; `None` where nothing came in
    /// its header.
    fn near_miss(&self, request: &WebhookRequest<'_>) -> Option<NearMiss> {
        let (header, scheme, expected, password) = match self {
            Self::Hmac { header, secret } => {
                return near_miss::of_signature(secret, header, request);
            }
            Self::Header {
                header,
                scheme,
                digest,
                password,
            } => (header, *scheme, digest, password.as_ref()),
        };
        let values = (request.header)(header);
        let [value] = values.as_slice() else {
            return (!values.is_empty()).then_some(NearMiss::Repeated);
        };
        let bare = value.trim_ascii();
        let rest = bare.iter().position(|byte| *byte == b' ');
        let rest = rest.and_then(|at| bare.get(at + 1..)).unwrap_or(bare);
        let decoded = STANDARD.decode(rest).unwrap_or_default();
        let is = |one: &[u8]| bool::from(expected.ct_eq(&digest(one)));
        if is(bare) || is(rest) || is(&decoded) {
            return Some(NearMiss::OtherScheme);
        }
        let offered = scheme.and_then(|scheme| after_scheme(value, scheme));
        let offered = offered.unwrap_or_default();
        let word = offered.iter().position(|byte| *byte == b':');
        let word = word.and_then(|at| offered.get(at + 1..));
        let same = |(password, word): (&[u8; 32], &[u8])| bool::from(password.ct_eq(&digest(word)));
        Some(if password.zip(word).is_some_and(same) {
            NearMiss::OtherUser
        } else {
            NearMiss::WrongValue
        })
    }
}

/// Whether `signature` is the body's HMAC, in any of the forms it may be written in.
fn verify_signature(secret: &SecretString, body: &[u8], signature: &[u8]) -> Choice {
    match hmac_sha256(secret.expose_secret().as_bytes(), body) {
        Some(expected) => is_written_as(signature, &expected),
        None => Choice::from(0),
    }
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
