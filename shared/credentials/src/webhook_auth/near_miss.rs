//! Why a delivery with the right address is not authentic: which form of its credential is nearly right. For
//! the log only; what the sender learns is the same for every reason.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::WebhookRequest;
use super::signature::{forms, from_hex, hmac_sha256, is_written_as};

/// The most names of headers that are logged.
const NAMES_MAX: usize = 40;

/// The most characters of a header's name that are logged.
const NAME_CHARS_MAX: usize = 60;

/// What a delivery has instead of its credential. Holds names, no values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NearMiss {
    /// No header holds anything that looks like the credential. The names of the headers that came.
    NoCredential(Vec<String>),
    /// The signature is right, and in another header than the configured one.
    OtherHeader(String),
    /// The key itself is in the header.
    KeyInClear,
    /// Signed with the key after decoding it.
    DecodedKey(&'static str),
    /// Signed with the key without the blanks around it.
    TrimmedKey,
    /// Signed with a longer hash.
    OtherHash(&'static str),
    /// The signature is of another body, such as one without the line break at its end.
    OtherBody(&'static str),
    /// Something that may be a signature, and is not ours.
    WrongSignature,
    /// The password is right, and the user name is not.
    OtherUser,
    /// The value is right, and its scheme is missing or another one.
    OtherScheme,
    /// The header is there more than once.
    Repeated,
    /// Another value.
    WrongValue,
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCredential(names) => write!(
                f,
                "no header carries the credential; the headers that came: {}",
                names.join(", ")
            ),
            Self::OtherHeader(name) => write!(
                f,
                "the signature is right and came in the header {name}; set \
                 HALOPSA_WEBHOOK_SIGNATURE_HEADER to that name"
            ),
            Self::KeyInClear => f.write_str(
                "the header carries the key itself, not a signature; set it as the API key or the bearer \
                 token instead of the HMAC secret",
            ),
            Self::DecodedKey(form) => write!(
                f,
                "the body is signed with the key after decoding it from {form}; enter a key that is not {form} \
                 on both sides"
            ),
            Self::TrimmedKey => f.write_str(
                "the body is signed with the key without the blanks around it; remove them here",
            ),
            Self::OtherHash(hash) => write!(
                f,
                "the body is signed with {hash}; choose HMAC-SHA-256 at the webhook"
            ),
            Self::OtherBody(which) => write!(
                f,
                "the signature is that of {which}; something between HaloPSA and here changes the body"
            ),
            Self::WrongSignature => f.write_str(
                "a signature came that another key made, or of another body; compare the keys",
            ),
            Self::OtherUser => {
                f.write_str("the password is right and the user name is another one; compare it")
            }
            Self::OtherScheme => f.write_str(
                "the value is right and its scheme is missing or another one; choose the kind of \
                 authentication at the webhook that is set here",
            ),
            Self::Repeated => f.write_str("the header of the credential came more than once"),
            Self::WrongValue => f.write_str("the credential is another one; compare it"),
        }
    }
}

/// The names of the headers of `request`.
pub(super) fn names(request: &WebhookRequest<'_>) -> Vec<String> {
    let mut names = (request.header_names)();
    names.sort();
    names.dedup();
    names.truncate(NAMES_MAX);
    let short = |name: String| name.chars().take(NAME_CHARS_MAX).collect();
    names.into_iter().map(short).collect()
}

/// What is nearly right about the signature in the header `name`; `None` where nothing came in it.
pub(super) fn of_signature(
    secret: &SecretString,
    name: &str,
    request: &WebhookRequest<'_>,
) -> Option<NearMiss> {
    let key = secret.expose_secret().as_bytes();
    let values = (request.header)(name);
    let [value] = values.as_slice() else {
        if !values.is_empty() {
            return Some(NearMiss::Repeated);
        }
        let expected = hmac_sha256(key, request.body)?;
        let signed = |name: &String| {
            let values = (request.header)(name);
            let is_ours = |value: &Vec<u8>| bool::from(is_written_as(value, &expected));
            values.iter().any(is_ours)
        };
        return names(request)
            .into_iter()
            .find(signed)
            .map(NearMiss::OtherHeader);
    };
    if bool::from(value.trim_ascii().ct_eq(key)) {
        return Some(NearMiss::KeyInClear);
    }
    let is_signed = |key: &[u8], body: &[u8]| {
        hmac_sha256(key, body).is_some_and(|digest| is_written_as(value, &digest).into())
    };
    let trimmed = key.trim_ascii();
    if trimmed != key && is_signed(trimmed, request.body) {
        return Some(NearMiss::TrimmedKey);
    }
    if from_hex(key).is_some_and(|key| is_signed(&key, request.body)) {
        return Some(NearMiss::DecodedKey("hexadecimal"));
    }
    if forms(key).iter().any(|key| is_signed(key, request.body)) {
        return Some(NearMiss::DecodedKey("base64"));
    }
    for (digest, hash) in [
        (hmac_sha384(key, request.body), "SHA-384"),
        (hmac_sha512(key, request.body), "SHA-512"),
    ] {
        if digest.is_some_and(|digest| is_written_as(value, &digest).into()) {
            return Some(NearMiss::OtherHash(hash));
        }
    }
    let body = request.body;
    let ended = |end: &[u8]| [body, end].concat();
    for (other, which) in [
        (
            body.trim_ascii().to_vec(),
            "the body without blanks around it",
        ),
        (ended(b"\n"), "the body with a line break at its end"),
        (ended(b"\r\n"), "the body with a line break at its end"),
        (
            body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).to_vec(),
            "the body without its byte order mark",
        ),
        (Vec::new(), "an empty body"),
    ] {
        if other != body && is_signed(key, &other) {
            return Some(NearMiss::OtherBody(which));
        }
    }
    Some(NearMiss::WrongSignature)
}

fn hmac_sha384(key: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha384>::new_from_slice(key).ok()?;
    mac.update(body);
    Some(mac.finalize().into_bytes().to_vec())
}

fn hmac_sha512(key: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).ok()?;
    mac.update(body);
    Some(mac.finalize().into_bytes().to_vec())
}
