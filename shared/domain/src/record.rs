//! Records that a store holds as a whole and saves by revision.

use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::time::Timestamp;

/// A record with optimistic concurrency: read with its revision, written back only if no other process has
/// written it since.
///
/// A new kind of record is a type that implements this, its partition in the policies of
/// `template.yaml`, and its line in the conformance suite.
pub trait Record: Serialize + DeserializeOwned + Default + Clone + Send + Sync + 'static {
    /// The partition that holds every record of this type. IAM policies name it.
    const PARTITION: &'static str;

    /// Whether a stored record that cannot be decoded counts as absent and is replaced by the next
    /// save. Only for what can be obtained again.
    const REPLACE_UNREADABLE: bool = false;

    /// Identifies one record of the partition.
    type Key: Display + Send + Sync + ?Sized;

    /// Whether the record is on the list of active records of its type.
    fn is_active(&self) -> bool {
        false
    }

    /// When the record expires; from then on it counts as absent and may be deleted.
    fn expires_at(&self) -> Option<Timestamp> {
        None
    }
}

/// The key of a type that has one record only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Singleton;

impl Display for Singleton {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("singleton")
    }
}
