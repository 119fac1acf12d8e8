//! Receivers with a credential of their own, and the deliveries that they accept.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use crate::signatures::{self, Form, hmac_sha256};

/// How many kinds [`Receiver::kind`] tells apart.
pub const KINDS: usize = 5;

/// Characters of tokens, keys and passwords.
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

/// What a receiver accepts: a path token, and beside it one credential.
pub struct Receiver {
    pub path: String,
    pub credential: Credential,
}

pub enum Credential {
    PathToken,
    Hmac { key: String },
    Basic { username: String, password: String },
    Bearer { token: String },
    ApiKey { key: String },
}

/// A delivery as it arrives.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    pub path: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Receiver {
    pub fn draw(rng: &mut StdRng) -> Self {
        let credential = match rng.random_range(0..8) {
            0 => Credential::PathToken,
            1 => Credential::Basic {
                username: word(rng, 1),
                password: format!("{}:{}", word(rng, 16), word(rng, 0)),
            },
            2 => Credential::Bearer {
                token: word(rng, 16),
            },
            3 => Credential::ApiKey { key: word(rng, 16) },
            // The kind with the most ways to be wrong.
            _ => Credential::Hmac { key: word(rng, 16) },
        };
        Self {
            path: word(rng, 16),
            credential,
        }
    }

    pub const fn kind(&self) -> &'static str {
        match self.credential {
            Credential::PathToken => "path token alone",
            Credential::Hmac { .. } => "signature",
            Credential::Basic { .. } => "Basic",
            Credential::Bearer { .. } => "Bearer",
            Credential::ApiKey { .. } => "key in a header",
        }
    }

    /// The members of the receiver's secret.
    pub fn members(&self) -> Vec<(&'static str, String)> {
        let mut members = vec![("halopsa_webhook_token", self.path.clone())];
        match &self.credential {
            Credential::PathToken => {}
            Credential::Hmac { key } => members.push(("halopsa_webhook_secret", key.clone())),
            Credential::Basic { username, password } => {
                members.push(("halopsa_webhook_username", username.clone()));
                members.push(("halopsa_webhook_password", password.clone()));
            }
            Credential::Bearer { token } => members.push(("halopsa_webhook_bearer", token.clone())),
            Credential::ApiKey { key } => members.push(("halopsa_webhook_api_key", key.clone())),
        }
        members
    }

    /// A delivery that carries the credential, and a body of its own.
    pub fn delivery(&self, rng: &mut StdRng) -> Delivery {
        let object = rng.random_range(1..100_000);
        let text = word(rng, 0);
        let body = format!(r#"{{"event":"ticket updated","object_id":{object},"note":"{text}"}}"#);
        let body = body.into_bytes();
        let mut headers = vec![("Content-Type".to_owned(), b"application/json".to_vec())];
        if let Some(header) = self.header() {
            headers.push((header.to_owned(), self.value(&body, rng)));
        }
        Delivery {
            path: self.path.clone(),
            headers,
            body,
        }
    }

    /// The header that carries the credential.
    pub const fn header(&self) -> Option<&'static str> {
        match self.credential {
            Credential::PathToken => None,
            Credential::Hmac { .. } => Some("X-Halo-Signature"),
            Credential::Basic { .. } | Credential::Bearer { .. } => Some("Authorization"),
            Credential::ApiKey { .. } => Some("X-Api-Key"),
        }
    }

    fn value(&self, body: &[u8], rng: &mut StdRng) -> Vec<u8> {
        match &self.credential {
            Credential::PathToken => Vec::new(),
            Credential::Hmac { key } => Form::draw(rng).written(&hmac_sha256(key.as_bytes(), body)),
            Credential::Basic { username, password } => {
                let pair = STANDARD.encode(format!("{username}:{password}"));
                format!("Basic {pair}").into_bytes()
            }
            Credential::Bearer { token } => format!("Bearer {token}").into_bytes(),
            Credential::ApiKey { key } => key.clone().into_bytes(),
        }
    }

    /// Whether `delivery` still carries the credential: what its form leaves open was all that changed. In doubt it
    /// counts as carried, and is not tried.
    pub fn is_meant_by(&self, delivery: &Delivery) -> bool {
        if delivery.path != self.path {
            return false;
        }
        let Some(header) = self.header() else {
            return true;
        };
        let values = delivery.values_of(header);
        let [value] = values.as_slice() else {
            return false;
        };
        let after_scheme = |scheme: &[u8]| {
            let (word, rest) = value.split_at_checked(scheme.len())?;
            word.eq_ignore_ascii_case(scheme).then_some(rest)
        };
        match &self.credential {
            Credential::PathToken => true,
            Credential::Hmac { key } => {
                signatures::may_mean(value, &hmac_sha256(key.as_bytes(), &delivery.body))
            }
            Credential::Basic { username, password } => {
                let pair = STANDARD.encode(format!("{username}:{password}"));
                after_scheme(b"Basic ") == Some(pair.as_bytes())
            }
            Credential::Bearer { token } => after_scheme(b"Bearer ") == Some(token.as_bytes()),
            Credential::ApiKey { key } => value == key.as_bytes(),
        }
    }
}

impl Delivery {
    /// The values of the named header, in order.
    pub fn values_of(&self, name: &str) -> Vec<Vec<u8>> {
        let headers = self.headers.iter();
        let of_name = headers.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value.clone()).collect()
    }

    pub fn header_names(&self) -> Vec<String> {
        self.headers.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The value that carries the credential of `receiver`.
    pub fn value_mut(&mut self, receiver: &Receiver) -> Option<&mut Vec<u8>> {
        let name = receiver.header()?;
        let headers = self.headers.iter_mut();
        let mut of_name = headers.filter(|(known, _)| known == name);
        of_name.next().map(|(_, value)| value)
    }
}

/// A word of `min` characters, or up to thirty more.
fn word(rng: &mut StdRng, min: usize) -> String {
    let length = min + rng.random_range(0..30);
    let letter = |_| char::from(*LETTERS.choose(rng).unwrap());
    (0..length).map(letter).collect()
}
