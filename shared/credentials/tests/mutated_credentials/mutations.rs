//! What is done to a right delivery.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use crate::delivery::{Credential, Delivery, Receiver};
use crate::signatures::{Form, lookalike};

/// One way to change a delivery. Some do not apply to every delivery; some leave its credential what it was.
pub struct Mutation {
    pub name: &'static str,
    change: Change,
}

enum Change {
    /// Of the value that carries the credential, or of the path token.
    Value(fn(&mut Vec<u8>, &mut StdRng)),
    /// Of the body, which a signature covers.
    Body(fn(&mut Vec<u8>, &mut StdRng)),
    /// Of the headers around the value.
    Headers(fn(&mut Delivery, &str, &mut StdRng)),
    /// Another digest in a right form.
    Signature,
}

impl Mutation {
    const fn value(name: &'static str, change: fn(&mut Vec<u8>, &mut StdRng)) -> Self {
        Self {
            name,
            change: Change::Value(change),
        }
    }

    const fn body(name: &'static str, change: fn(&mut Vec<u8>, &mut StdRng)) -> Self {
        Self {
            name,
            change: Change::Body(change),
        }
    }

    const fn headers(name: &'static str, change: fn(&mut Delivery, &str, &mut StdRng)) -> Self {
        Self {
            name,
            change: Change::Headers(change),
        }
    }

    pub const ALL: &[Self] = &[
        Self::value("a bit of the value", |bytes, rng| flip(bytes, rng)),
        Self::value("a byte of the value dropped", drop_one),
        Self::value("a byte of the value added", add_one),
        Self::value("two bytes of the value swapped", |bytes, rng| {
            swap_two(bytes, rng)
        }),
        Self::value("a part of the value doubled", double_part),
        Self::value("the value truncated", truncate),
        Self::value("the value extended", extend),
        Self::value("the value twice", |value, rng| {
            let joint: &[u8] = [&b""[..], b",", b", ", b";", b" ", b"\0"]
                .choose(rng)
                .unwrap();
            *value = [&value[..], joint, value].concat();
        }),
        Self::value("the value beside a wrong one", |value, rng| {
            let mut wrong = value.clone();
            flip(&mut wrong, rng);
            let mut both = [value.clone(), wrong];
            both.rotate_left(rng.random_range(0..2));
            *value = both.join(&b", "[..]);
        }),
        Self::value("the case of a letter", |value, rng| {
            let letters = value.iter_mut().filter(|byte| byte.is_ascii_alphabetic());
            let mut letters: Vec<_> = letters.collect();
            let place = rng.random_range(0..letters.len().max(1));
            if let Some(letter) = letters.get_mut(place) {
                **letter ^= 0x20;
            }
        }),
        Self::value("the case of all letters", |value, rng| {
            if rng.random() {
                value.make_ascii_uppercase();
            } else {
                value.make_ascii_lowercase();
            }
        }),
        Self::value("space around or inside the value", |value, rng| {
            let space: &[u8] = [&b" "[..], b"\t", b"\r\n", b"\xa0", b"\x0b"]
                .choose(rng)
                .unwrap();
            let place = *[0, value.len(), rng.random_range(0..=value.len())]
                .choose(rng)
                .unwrap();
            value.splice(place..place, space.iter().copied());
        }),
        Self::value("the value in another encoding", encode),
        Self::value("the value in quotes", |value, rng| {
            let quote: &[u8] = [&b"\""[..], b"'", b"`"].choose(rng).unwrap();
            *value = [quote, value, quote].concat();
        }),
        Self::value("another prefix", |value, rng| {
            let prefix: &[u8] = [
                &b"Basic "[..],
                b"Bearer ",
                b"sha1=",
                b"=",
                b":",
                b"Token ",
                b"a=b=",
            ]
            .choose(rng)
            .unwrap();
            *value = [prefix, value].concat();
        }),
        Self::value("no prefix", |value, _| {
            if let Some(at) = value
                .iter()
                .position(|byte| matches!(byte, b' ' | b'=' | b':'))
            {
                value.drain(..=at);
            }
        }),
        Self::value("nothing", |value, _| value.clear()),
        Self::value("arbitrary bytes", |value, rng| {
            let length = rng.random_range(0..80);
            *value = (0..length).map(|_| rng.random()).collect();
        }),
        Self::body("a bit of the body", |bytes, rng| flip(bytes, rng)),
        Self::body("a byte of the body dropped", drop_one),
        Self::body("a byte of the body added", add_one),
        Self::body("two bytes of the body swapped", |bytes, rng| {
            swap_two(bytes, rng)
        }),
        Self::body("the body truncated", truncate),
        Self::body("the body extended", extend),
        Self::headers("the header missing", |delivery, name, _| {
            delivery.headers.retain(|(known, _)| known != name);
        }),
        Self::headers("the header twice", |delivery, name, rng| {
            let mut again = delivery.headers.clone();
            again.retain(|(known, _)| known == name);
            if rng.random() {
                again.iter_mut().for_each(|(_, value)| flip(value, rng));
            }
            if rng.random() {
                again
                    .iter_mut()
                    .for_each(|(name, _)| name.make_ascii_lowercase());
            }
            let place = rng.random_range(0..=delivery.headers.len());
            delivery.headers.splice(place..place, again);
        }),
        Self::headers("another header", |delivery, name, rng| {
            let others = [
                "Proxy-Authorization",
                "Cookie",
                "X-Signature",
                "X-Hub-Signature-256",
            ];
            let other = match rng.random_range(0..3) {
                0 => (*others.choose(rng).unwrap()).to_owned(),
                1 => format!("{name} "),
                _ => name.replace('-', "_") + "_",
            };
            let headers = delivery.headers.iter_mut();
            headers
                .filter(|(known, _)| known == name)
                .for_each(|(known, _)| known.clone_from(&other));
        }),
        Self {
            name: "another digest",
            change: Change::Signature,
        },
    ];

    /// `right`, changed in this way; `None` where it does not apply.
    pub fn of(&self, receiver: &Receiver, right: &Delivery, rng: &mut StdRng) -> Option<Delivery> {
        let mut wrong = right.clone();
        match self.change {
            // The path is part of every credential.
            Change::Value(change) if receiver.header().is_none() || rng.random_ratio(1, 4) => {
                let mut path = wrong.path.into_bytes();
                change(&mut path, rng);
                wrong.path = String::from_utf8_lossy(&path).into_owned();
            }
            Change::Value(change) => change(wrong.value_mut(receiver)?, rng),
            Change::Body(change) => {
                matches!(receiver.credential, Credential::Hmac { .. }).then_some(())?;
                change(&mut wrong.body, rng);
            }
            Change::Headers(change) => change(&mut wrong, receiver.header()?, rng),
            Change::Signature => {
                let Credential::Hmac { key } = &receiver.credential else {
                    return None;
                };
                let digest = lookalike(key.as_bytes(), &right.body, rng);
                *wrong.value_mut(receiver)? = Form::draw(rng).written(&digest);
            }
        }
        Some(wrong)
    }
}

fn place(bytes: &[u8], rng: &mut StdRng) -> Option<usize> {
    (!bytes.is_empty()).then(|| rng.random_range(0..bytes.len()))
}

fn flip(bytes: &mut [u8], rng: &mut StdRng) {
    if let Some(at) = place(bytes, rng) {
        bytes[at] ^= 1 << rng.random_range(0..8);
    }
}

fn drop_one(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    if let Some(at) = place(bytes, rng) {
        bytes.remove(at);
    }
}

fn add_one(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    let at = rng.random_range(0..=bytes.len());
    bytes.insert(at, rng.random());
}

fn swap_two(bytes: &mut [u8], rng: &mut StdRng) {
    if let (Some(one), Some(other)) = (place(bytes, rng), place(bytes, rng)) {
        bytes.swap(one, other);
    }
}

fn double_part(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    let from = rng.random_range(0..=bytes.len());
    let to = rng.random_range(from..=bytes.len());
    let part = bytes[from..to].to_vec();
    bytes.splice(to..to, part);
}

fn truncate(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    if let Some(length) = place(bytes, rng) {
        bytes.truncate(length);
    }
}

fn extend(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    let more = rng.random_range(1..40);
    let letter = |_| *b"0Aa=/+-_ \n\0\xff".choose(rng).unwrap();
    bytes.extend((0..more).map(letter).collect::<Vec<u8>>());
}

fn encode(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    let each = |write: fn(u8) -> String| bytes.iter().map(|byte| write(*byte)).collect::<String>();
    *bytes = match rng.random_range(0..6) {
        0 => STANDARD.encode(&*bytes).into_bytes(),
        1 => STANDARD.decode(&*bytes).unwrap_or_default(),
        2 => each(|byte| format!("{byte:02x}")).into_bytes(),
        3 => each(|byte| format!("%{byte:02X}")).into_bytes(),
        4 => bytes.iter().flat_map(|byte| [*byte, 0]).collect(),
        _ => [b"\xef\xbb\xbf", &bytes[..]].concat(),
    };
}
