//! Bearer tokens that several processes share, sealed by their owner.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use halogard_domain::{Record, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A token that only its owner can open. Its `Debug` shows nothing of it.
///
/// The user of the token seals it: a store never sees what it holds.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedToken {
    /// What was sealed; opaque to the store.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub sealed: Vec<u8>,
    /// When it expires.
    pub until: Timestamp,
}

impl Record for SealedToken {
    const PARTITION: &'static str = "token";
    /// A token is cheap to obtain again.
    const REPLACE_UNREADABLE: bool = true;
    type Key = str;

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.until)
    }
}

impl fmt::Debug for SealedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedToken")
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    // The decoder's message would quote what it could not read.
    STANDARD
        .decode(text)
        .map_err(|_| de::Error::custom("no base64"))
}
