//! `export` and `import`: everything that an installation knows, in neutral JSON lines, from one store to
//! another.
//!
//! A line belongs to a port, and says nothing about how a store keeps it. Queued messages, leases and tokens
//! are not moved: work is derived again from what both sides are, which is what messages are for. An import
//! ends paused, because two stores of one installation must not work at once.

mod exporting;
mod importing;
mod records;

use std::io;

use halogard_app::ports::{JournalEntry, PortError, SaveError};
use halogard_domain::Link;
use halogard_domain::ids::AlertId;
use halogard_domain::words::counted;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::moment::Moment;

pub use exporting::export;
pub use importing::import;
pub use records::{LEFT_OUT, moved_partitions};

/// The form of the lines. It grows with every change: an export is read by the version that wrote it.
const FORMAT_VERSION: u32 = 1;

/// A line of an export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "port", rename_all = "snake_case")]
enum TransferLine {
    /// The first line.
    Header {
        /// The form of the lines.
        format_version: u32,
        /// The version of Halogard that wrote it.
        halogard: String,
        /// When it was written, in milliseconds: names the export.
        at: i64,
    },
    /// A record of any type.
    Records {
        /// The type of record.
        partition: String,
        /// Its key.
        key: String,
        /// The record.
        body: Value,
    },
    /// A named value.
    Values {
        /// Its name.
        name: String,
        /// The value.
        value: i64,
    },
    /// Alerts that are closed, with pairs in sync. All others are new to the first poll, which queues them.
    AlertIndex {
        /// Alert, fingerprint and the time at which it was queued.
        finished: Vec<(AlertId, u64, i64)>,
    },
    /// A pair and its journal.
    Links {
        /// The pair.
        link: Box<Link>,
        /// Its journal, oldest first.
        journal: Vec<JournalEntry>,
    },
    /// The last line.
    End {
        /// The lines before it.
        lines: u64,
    },
}

/// What was moved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Transferred {
    /// When the export was made.
    pub exported_at: Option<Moment>,
    /// Pairs.
    pub pairs: u64,
    /// Journal entries.
    pub entries: u64,
    /// Records.
    pub records: u64,
    /// Lines.
    pub lines: u64,
    /// Pairs that workers will reconcile once they are resumed.
    pub queued: usize,
}

/// Why nothing, or not everything, was moved.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// A store failed.
    #[error(transparent)]
    Store(#[from] PortError),
    /// The file cannot be read or written.
    #[error("the file cannot be read or written")]
    File(#[from] io::Error),
    /// A line is not one of an export.
    #[error("line {number} is not a line of an export of this version: {reason}")]
    Line {
        /// Its number.
        number: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The file ends early.
    #[error("the file ends after {}, before its last line: the export was interrupted", counted(*lines, "line"))]
    Truncated {
        /// The existing lines.
        lines: u64,
    },
    /// The store is in use.
    #[error(
        "the store holds an installation already; import into an empty store, or repeat the import that was \
         interrupted"
    )]
    NotEmpty,
    /// The store holds another state of a pair than the export.
    #[error(
        "the store holds another state of alert {0} than the export; import into an empty store"
    )]
    Differs(AlertId),
    /// Another process writes the same record.
    #[error("another process keeps writing the same record; stop it, and repeat the import")]
    Contended,
}

impl From<SaveError> for TransferError {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Conflict => Self::Contended,
            SaveError::Store(error) => error.into(),
        }
    }
}
