//! Signatures over bodies, in the forms in which services write them.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Base64 with or without its padding.
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// The same for addresses.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The longest word before a signature, such as `hmac-sha256`.
const PREFIX_BYTES_MAX: usize = 20;

/// HMAC-SHA-256 of `body` with `key`.
pub(super) fn hmac_sha256(key: &[u8], body: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(body);
    Some(mac.finalize().into_bytes().into())
}

/// Whether `offered` is the digest `expected`: in base64, or in hexadecimal digits, and with a prefix such as
/// `sha256=` or without. Which of them HaloPSA sends is not documented; its form knows a prefix. Every form is
/// compared in full.
pub(super) fn is_written_as(offered: &[u8], expected: &[u8]) -> Choice {
    let expected = hash(expected);
    forms(offered)
        .iter()
        .fold(Choice::from(0), |found, digest| {
            found | expected.ct_eq(&hash(digest))
        })
}

/// Whether `offered` has the length of an HMAC-SHA-256, in one of the forms it may be written in.
pub(super) fn is_as_long_as_a_signature(offered: &[u8]) -> bool {
    forms(offered).iter().any(|digest| digest.len() == 32)
}

/// Every digest that `offered` may represent.
pub(super) fn forms(offered: &[u8]) -> Vec<Vec<u8>> {
    let offered = offered.trim_ascii();
    let after = |mark: u8| {
        let at = offered.iter().position(|byte| *byte == mark)?;
        let (prefix, rest) = offered.split_at_checked(at)?;
        let is_word = (1..=PREFIX_BYTES_MAX).contains(&prefix.len())
            && prefix
                .iter()
                .all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'));
        rest.get(1..).filter(|_| is_word).map(<[u8]>::trim_ascii)
    };
    let texts = [Some(offered), after(b'='), after(b' '), after(b':')];
    let texts = texts.into_iter().flatten().filter(|text| !text.is_empty());
    texts
        .flat_map(|text| {
            let base64 = [STANDARD.decode(text).ok(), URL_SAFE.decode(text).ok()];
            base64.into_iter().flatten().chain(from_hex(text))
        })
        .collect()
}

/// The bytes of hexadecimal digits.
pub(super) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|it| u8::try_from(it).ok())
    };
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect()
}

/// SHA-256: both sides of a comparison become equally long.
fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
