//! Signatures, in every form in which a receiver takes them, and what resembles them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use sha2::{Digest, Sha224, Sha256, Sha512};

pub fn hmac_sha256(key: &[u8], body: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

/// How a digest is written.
pub struct Form {
    prefix: &'static str,
    write: fn(&[u8]) -> String,
}

impl Form {
    pub fn draw(rng: &mut StdRng) -> Self {
        const PREFIXES: [&str; 5] = ["", "sha256=", "SHA256=", "hmac-sha256 ", "sha256: "];
        const WRITTEN: [fn(&[u8]) -> String; 6] = [
            hex,
            |digest| hex(digest).to_uppercase(),
            |digest| STANDARD.encode(digest),
            |digest| STANDARD_NO_PAD.encode(digest),
            |digest| URL_SAFE.encode(digest),
            |digest| URL_SAFE_NO_PAD.encode(digest),
        ];
        Self {
            prefix: PREFIXES.choose(rng).unwrap(),
            write: *WRITTEN.choose(rng).unwrap(),
        }
    }

    pub fn written(&self, digest: &[u8]) -> Vec<u8> {
        format!("{}{}", self.prefix, (self.write)(digest)).into_bytes()
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether `value` may be `digest` in one of the forms: it ends with it, after nothing or after what ends a
/// prefix. Of base64 only the padding may differ.
pub fn may_mean(value: &[u8], digest: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value);
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '=');
    let hexadecimal = hex(digest);
    let base64 = [
        STANDARD_NO_PAD.encode(digest),
        URL_SAFE_NO_PAD.encode(digest),
    ];
    let ends = |length: usize, is: &dyn Fn(&str) -> bool| {
        let at = text.len().checked_sub(length);
        let parts = at.and_then(|at| text.split_at_checked(at));
        parts.is_some_and(|(before, last)| {
            let is_apart = before.is_empty()
                || before.ends_with(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | ':'));
            is_apart && is(last)
        })
    };
    ends(hexadecimal.len(), &|last| {
        last.eq_ignore_ascii_case(&hexadecimal)
    }) || base64
        .iter()
        .any(|right| ends(right.len(), &|last| last == right))
}

/// What someone might send who has the key and signs otherwise, or has none.
pub fn lookalike(key: &[u8], body: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let right = hmac_sha256(key, body);
    let mut other_key = key.to_vec();
    let at = rng.random_range(0..other_key.len());
    other_key[at] ^= 1 << rng.random_range(0..8);
    match rng.random_range(0..16) {
        0 => hmac_sha256(&other_key, body),
        1 => hmac_sha256(key.split_last().unwrap().1, body),
        2 => hmac_sha256(&[key, b" "].concat(), body),
        3 => hmac_sha256(b"", body),
        4 => hmac_sha256(body, key),
        5 => hmac_sha256(key, b""),
        6 => hmac_sha256(key, &[body, b"\n"].concat()),
        7 => hmac_sha256(key, hex(body).as_bytes()),
        8 => hmac_sha256(key, &right),
        9 => Sha256::digest([key, body].concat()).to_vec(),
        10 => Sha256::digest([body, key].concat()).to_vec(),
        11 => {
            let mut mac = Hmac::<Sha512>::new_from_slice(key).unwrap();
            mac.update(body);
            let long = mac.finalize().into_bytes();
            long[..*[32, 64].choose(rng).unwrap()].to_vec()
        }
        12 => Sha224::digest(body).to_vec(),
        13 => right[..rng.random_range(0..32)].to_vec(),
        14 => {
            let mut longer = right;
            let more = rng.random_range(1..40);
            longer.extend((0..more).map(|_| rng.random::<u8>()));
            longer
        }
        _ => {
            let mut wrong = right;
            wrong[rng.random_range(0..32)] ^= 1 << rng.random_range(0..8);
            wrong
        }
    }
}
