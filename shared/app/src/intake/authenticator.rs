//! Who may deliver: the unguessable path and any one of the configured credentials.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// A delivery before it is believed.
pub struct WebhookRequest<'a> {
    /// The last segment of the path.
    pub path_token: &'a str,
    /// All values of the named header, in order; names are compared without regard to case.
    pub header: &'a (dyn Fn(&str) -> Vec<Vec<u8>> + Sync),
    /// The body as it came, before anything was decoded.
    pub body: &'a [u8],
}

/// One way in which the sender proves itself.
#[derive(Clone, Debug)]
pub enum WebhookCredential {
    /// `base64(HMAC-SHA256(secret, body))` in a header. Source: HaloPSA webhooks with
    /// authentication type 3, as a shipped receiver verifies them.
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

/// Whom the door opens for. Holds digests of what is compared, and every comparison takes the same
/// time wherever the difference stands.
pub struct Authenticator {
    paths: Vec<[u8; 32]>,
    credentials: Vec<Verifier>,
}

/// A credential, made ready for comparison.
enum Verifier {
    Hmac {
        header: String,
        secret: SecretString,
    },
    Header {
        header: String,
        scheme: Option<&'static str>,
        digest: [u8; 32],
    },
}

impl Authenticator {
    /// A door for `paths` (several during an overlap) and `credentials` (any one suffices; with none
    /// configured the path alone opens).
    #[must_use]
    pub fn new(paths: &[SecretString], credentials: &[WebhookCredential]) -> Self {
        let paths = paths
            .iter()
            .map(|path| digest(path.expose_secret().as_bytes()));
        Self {
            paths: each_once(paths, |one, other| one == other),
            credentials: each_once(
                credentials.iter().map(Verifier::new),
                Verifier::is_the_same_as,
            ),
        }
    }

    /// Whether the delivery is authentic. Every configured way is tried, so the time taken does not
    /// tell which one was nearly right.
    #[must_use]
    pub fn verify(&self, request: &WebhookRequest<'_>) -> bool {
        let offered = digest(request.path_token.as_bytes());
        let path = any(self.paths.iter().map(|path| path.ct_eq(&offered)));
        let open = Choice::from(u8::from(self.credentials.is_empty()));
        let credential = any(self.credentials.iter().map(|lock| lock.verify(request)));
        (path & (open | credential)).into()
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

    /// Whether both open for the same. Two versions of a secret mostly share something, and a body
    /// is hashed for each signature it might carry.
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
            _ => false,
        }
    }

    /// Whether the delivery carries this credential, exactly once.
    fn verify(&self, request: &WebhookRequest<'_>) -> Choice {
        let name = match self {
            Self::Hmac { header, .. } | Self::Header { header, .. } => header,
        };
        let values = (request.header)(name);
        let [value] = values.as_slice() else {
            return Choice::from(0);
        };
        match self {
            Self::Hmac { secret, .. } => signed(secret, request.body, value),
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
fn signed(secret: &SecretString, body: &[u8], signature: &[u8]) -> Choice {
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

/// `all` without repeats, in order. What is compared here is ours, so it may take any time.
fn each_once<T>(all: impl Iterator<Item = T>, same: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for one in all {
        if !kept.iter().any(|known| same(known, &one)) {
            kept.push(one);
        }
    }
    kept
}

/// Whether any holds, without stopping at the first.
fn any(choices: impl Iterator<Item = Choice>) -> Choice {
    choices.fold(Choice::from(0), |found, choice| found | choice)
}

/// SHA-256.
fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
