//! The link key: the text in a ticket's title by which the ticket is found again, and the proof that this
//! installation wrote it.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;

use crate::hash::hex;
use crate::ids::AlertId;
use crate::record::{Record, Singleton};
use crate::time::Timestamp;

/// Identifies one ticket of one alert: `LG-7586`, or `LG-7586-2` for the second ticket of an alert
/// that came back long after the first ticket was closed.
///
/// Anyone can write such a text into a title. A [`SignedKey`] adds the proof that this installation did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkKey {
    /// Distinguishes two installations that use the same HaloPSA.
    pub prefix: String,
    /// The alert.
    pub alert: AlertId,
    /// 1 for the first ticket of the alert.
    pub recurrence: u32,
}

impl LinkKey {
    /// The prefix when the config names none.
    pub const DEFAULT_PREFIX: &'static str = "LG";

    /// What every key with this prefix begins with. A search for it needs no brackets: in SQL Server's
    /// `LIKE`, which such a search may be, `[LG-` matches nothing and `[LG-1]` any one of four characters.
    #[must_use]
    pub fn start(prefix: &str) -> String {
        format!("{prefix}-")
    }

    /// The first key in a ticket's title, whether its proof is right or not.
    ///
    /// The match is exact: a search in HaloPSA for `LG-7586` also returns `LG-75861`.
    #[must_use]
    pub fn find_in(title: &str, prefix: &str) -> Option<Self> {
        let first = UnverifiedKey::all_in(title, prefix).into_iter().next()?;
        Some(first.key)
    }

    /// Whether words stand before the first key with this prefix in a title.
    #[must_use]
    pub fn is_preceded_in(&self, title: &str) -> bool {
        let start = format!("[{}", Self::start(&self.prefix));
        let before = title.split_once(&start).map(|(before, _)| before);
        before.is_some_and(|before| before.chars().any(char::is_alphanumeric))
    }
}

impl fmt::Display for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.prefix, self.alert)?;
        if self.recurrence > 1 {
            write!(f, "-{}", self.recurrence)?;
        }
        Ok(())
    }
}

/// A key with the proof that belongs to it: `LG-7586.k3f9xw`.
///
/// Plain ASCII, and none of the characters that SQL Server's `LIKE` gives a meaning (`% _ [ ] ^`): titles
/// pass through searches, mail subjects and columns of one byte for each character. A middle dot would
/// not survive all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedKey {
    /// The key.
    pub key: LinkKey,
    proof: String,
}

impl SignedKey {
    /// The key as it appears in a title, brackets included.
    #[must_use]
    pub fn marker(&self) -> String {
        format!("[{self}]")
    }

    /// The key as it appears at the end of a ticket's details, where no rule of HaloPSA for titles
    /// reaches it.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{REFERENCE_START}{self}")
    }

    /// What a title that shows this key shows.
    #[must_use]
    pub fn unverified(&self) -> UnverifiedKey {
        UnverifiedKey {
            key: self.key.clone(),
            proof: Some(self.proof.clone()),
        }
    }
}

impl fmt::Display for SignedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.key, self.proof)
    }
}

/// Identifies an installation in the tickets that it opens; of two, the one first used earlier is the
/// smaller: nine characters of time, three of the secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstallationId(String);

impl InstallationId {
    /// Characters for the time, five bits each: enough until the year 3084.
    const TIME_CHARS: usize = 9;

    /// Characters of an id.
    const CHARS: usize = Self::TIME_CHARS + 3;

    /// The installation that was first used at `born_at` and signs with `secret`.
    #[must_use]
    pub fn of(born_at: Timestamp, secret: &KeySecret) -> Self {
        let millis = u64::try_from(born_at.as_millis()).unwrap_or_default();
        let digits = (0..Self::TIME_CHARS).rev();
        let time = digits.map(|place| (millis >> (5 * place)) % 32);
        let own = secret.digest(INSTALLATION_LABEL, &[]).into_iter().take(3);
        let all = time.chain(own.map(u64::from));
        let letter = |value: u64| usize::try_from(value % 32).map(|it| PROOF_ALPHABET[it]);
        Self(
            all.filter_map(|it| letter(it).ok())
                .map(char::from)
                .collect(),
        )
    }

    /// The id that `text` is, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| PROOF_ALPHABET.contains(&byte));
        (plain && text.len() == Self::CHARS).then(|| Self(text.to_owned()))
    }

    /// The id as the tickets show it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstallationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The reference at the end of a ticket's details. Nothing of it has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The key.
    pub key: UnverifiedKey,
    /// The installation that opened the ticket.
    pub installation: Option<InstallationId>,
}

impl Reference {
    /// Every reference in `text` to a key with `prefix`, in order.
    #[must_use]
    pub fn all_in(text: &str, prefix: &str) -> Vec<Self> {
        let start = format!("{REFERENCE_START}{}", LinkKey::start(prefix));
        let is_part =
            |character: char| character.is_ascii_alphanumeric() || "-./".contains(character);
        let parts = text.split(&start).skip(1).take(UnverifiedKey::IN_TITLE_MAX);
        let tails = parts.map(|part| &part[..part.find(|it| !is_part(it)).unwrap_or(part.len())]);
        let parse = |tail: &str| {
            let (key, installation) = tail.split_once('/').unwrap_or((tail, ""));
            Some(Self {
                key: UnverifiedKey::parse_tail(key, prefix)?,
                installation: InstallationId::parse(installation),
            })
        };
        tails.filter_map(parse).collect()
    }
}

/// What the reference at the end of a ticket's details begins with.
pub const REFERENCE_START: &str = "Halogard ";

/// A key as a title shows it, with the proof it shows. Nothing of it has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnverifiedKey {
    /// The key.
    pub key: LinkKey,
    /// The text in the place of the proof.
    pub proof: Option<String>,
}

impl UnverifiedKey {
    /// Keys that are read from one title. More of them are an attempt to keep us busy.
    const IN_TITLE_MAX: usize = 8;

    /// Every key with `prefix` in a ticket's title, in order.
    #[must_use]
    pub fn all_in(title: &str, prefix: &str) -> Vec<Self> {
        let start = format!("[{}", LinkKey::start(prefix));
        let mut found = Vec::new();
        for part in title.split(&start).skip(1) {
            let tail = part.split_once(']').map(|(tail, _)| tail);
            found.extend(tail.and_then(|tail| Self::parse_tail(tail, prefix)));
            if found.len() == Self::IN_TITLE_MAX {
                break;
            }
        }
        found
    }

    /// The key that a custom field holds, if it holds nothing else.
    #[must_use]
    pub fn parse(text: &str, prefix: &str) -> Option<Self> {
        let tail = text.trim().strip_prefix(&LinkKey::start(prefix))?;
        Self::parse_tail(tail, prefix)
    }

    /// Parses `7586`, `7586-2`, `7586.k3f9xw` or `7586-2.k3f9xw`.
    fn parse_tail(tail: &str, prefix: &str) -> Option<Self> {
        let (number, proof) = match tail.split_once('.') {
            Some((number, proof)) => (number, Some(checked_proof(proof)?)),
            None => (tail, None),
        };
        let (alert, recurrence) = match number.split_once('-') {
            Some((alert, recurrence)) => (alert, digits(recurrence)?),
            None => (number, 1),
        };
        let recurrence = u32::try_from(recurrence).ok();
        Some(Self {
            key: LinkKey {
                prefix: prefix.to_owned(),
                alert: AlertId::storable(digits(alert)?)?,
                recurrence: recurrence.filter(|number| *number > 0)?,
            },
            proof,
        })
    }
}

/// What may be in the place of a proof.
fn checked_proof(text: &str) -> Option<String> {
    let plain = text.len() == PROOF_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| text.to_ascii_lowercase())
}

/// A number in plain ASCII digits.
fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Characters of a proof, five bits each. Guessing needs a ticket in HaloPSA for each of a thousand
/// million attempts, and each attempt is reported.
const PROOF_CHARS: usize = 6;

/// Crockford's alphabet: no letter that is taken for a digit.
const PROOF_ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What a proof is about: another use of the same secret would begin differently.
const PROOF_LABEL: &[u8] = b"halogard link key 1";

/// The same for the part of an installation's id.
const INSTALLATION_LABEL: &[u8] = b"halogard installation 1";

/// The secret of an installation, by which it recognises the keys it wrote.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySecret([u8; Self::BYTES]);

impl KeySecret {
    /// Bytes of a secret: as many as the digest has.
    pub const BYTES: usize = 32;

    /// The secret made of these random bytes.
    #[must_use]
    pub const fn new(random: [u8; Self::BYTES]) -> Self {
        Self(random)
    }

    /// `key` with its proof.
    #[must_use]
    pub fn sign(&self, key: LinkKey) -> SignedKey {
        let proof = self.proof(&key);
        SignedKey { key, proof }
    }

    /// Whether `shown` shows the proof that belongs to its key.
    #[must_use]
    pub fn verifies(&self, shown: &UnverifiedKey) -> bool {
        shown.proof.as_deref() == Some(self.proof(&shown.key).as_str())
    }

    /// The key of the title: the first one with the right proof, or else the first.
    #[must_use]
    pub fn choose_in<'a>(
        &self,
        title: &str,
        prefixes: impl IntoIterator<Item = &'a str>,
    ) -> Option<UnverifiedKey> {
        let all = prefixes.into_iter();
        self.choose(
            all.flat_map(|prefix| UnverifiedKey::all_in(title, prefix))
                .collect(),
        )
    }

    /// Of the keys of one ticket the first one with the right proof, or else the first.
    #[must_use]
    pub fn choose(&self, mut keys: Vec<UnverifiedKey>) -> Option<UnverifiedKey> {
        let proven = keys.iter().position(|shown| self.verifies(shown));
        let chosen = proven.unwrap_or(0);
        (chosen < keys.len()).then(|| keys.swap_remove(chosen))
    }

    /// A short HMAC over prefix, alert and recurrence.
    fn proof(&self, key: &LinkKey) -> String {
        let parts: [&[u8]; 3] = [
            &key.alert.get().to_be_bytes(),
            &key.recurrence.to_be_bytes(),
            // The only part of variable length comes last.
            key.prefix.as_bytes(),
        ];
        let digest = self.digest(PROOF_LABEL, &parts);
        let characters = digest.iter().take(PROOF_CHARS);
        characters
            .map(|byte| char::from(PROOF_ALPHABET[usize::from(byte % 32)]))
            .collect()
    }

    /// The HMAC over `label` and `parts`.
    fn digest(&self, label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        // A key shorter than a block is padded with zeros (RFC 2104).
        let mut block = [0; 64];
        for (byte, secret) in block.iter_mut().zip(self.0) {
            *byte = secret;
        }
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(label);
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySecret(…)")
    }
}

impl Serialize for KeySecret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for KeySecret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let mut bytes = [0; Self::BYTES];
        if text.len() != 2 * Self::BYTES {
            return Err(D::Error::custom("a secret of the wrong length"));
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(D::Error::custom)?;
            *byte = u8::from_str_radix(digits, 16).map_err(D::Error::custom)?;
        }
        Ok(Self(bytes))
    }
}

/// What distinguishes this installation from every other one that writes to the same HaloPSA. Stored once,
/// and part of every backup of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// What it signs keys with; none in a store that was never used.
    pub key_secret: Option<KeySecret>,
    /// When the store was first used.
    pub born_at: Timestamp,
}

impl Installation {
    /// Its id; `None` for a store that was never used.
    #[must_use]
    pub fn id(&self) -> Option<InstallationId> {
        let secret = self.key_secret.as_ref()?;
        Some(InstallationId::of(self.born_at, secret))
    }
}

impl Record for Installation {
    const PARTITION: &'static str = "installation";

    type Key = Singleton;
}
