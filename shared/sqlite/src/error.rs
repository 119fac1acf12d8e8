//! What can go wrong: while the file is opened, and once it is open.

use std::io;
use std::path::PathBuf;

use halogard_app::ports::{PortError, SaveError, VaultError};
use halogard_sealing::SealError;
use rusqlite::ErrorCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// The store could not do what it was asked. Nothing of it was done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused: disk full, file damaged, or kept busy by another program for too long.
    #[error("the database file could not be used")]
    Sql(#[from] rusqlite::Error),
    /// A record is not what this version writes.
    #[error("a record in table {table} cannot be read or written as JSON")]
    Record {
        /// Where it stands.
        table: &'static str,
        /// What is wrong with it.
        source: RowDecodeError,
    },
    /// A secret could not be encrypted, so it was not stored.
    #[error("a secret cannot be encrypted")]
    Seal(#[from] SealError),
    /// Another process has migrated the file to another schema since this one opened it.
    #[error(
        "the store has schema {found} by now and this version of halogard uses {known}; install \
         the version of halogard that `halogard serve` runs"
    )]
    SchemaChanged {
        /// The file's schema.
        found: i32,
        /// The schema of this version.
        known: i32,
    },
}

impl StoreError {
    /// Whether another process uses the file, so that the same call may succeed in a moment.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Self::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy))
    }
}

/// Where a text stops being what it should be. Says nothing of the text itself, which may hold what
/// belongs in no log; the parser's own words would quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at line {line}, column {column}")]
pub struct RowDecodeError {
    what: &'static str,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for RowDecodeError {
    fn from(error: serde_json::Error) -> Self {
        Self {
            what: match error.classify() {
                Category::Io | Category::Syntax => "no JSON",
                Category::Eof => "cut off",
                Category::Data => "JSON of another form",
            },
            line: error.line(),
            column: error.column(),
        }
    }
}

impl From<StoreError> for PortError {
    fn from(error: StoreError) -> Self {
        Self::store(error)
    }
}

impl From<StoreError> for SaveError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<StoreError> for VaultError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// `record` as it is kept in `table`.
pub(crate) fn to_json<T: Serialize>(table: &'static str, record: &T) -> Result<String, StoreError> {
    serde_json::to_string(record).map_err(|error| StoreError::Record {
        table,
        source: error.into(),
    })
}

/// The record that `table` keeps as `text`.
pub(crate) fn from_json<T: DeserializeOwned>(
    table: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Record {
        table,
        source: error.into(),
    })
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Only one worker may run on a store.
    #[error(
        "a worker (`halogard serve`) already runs on the store in {}; stop it first, or choose \
         another data folder",
        folder.display()
    )]
    WorkerRunning {
        /// Where the store is.
        folder: PathBuf,
    },
    /// There is no store where a command looked for one.
    #[error(
        "no store at {}; start `halogard serve` once, or set HALOGARD_DATA_DIR to the data \
         folder that it uses",
        path.display()
    )]
    NoStore {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// The folder or a file in it cannot be made or opened.
    #[error(
        "{} cannot be made or opened; run the command as the user that runs `halogard serve` and owns the data folder, \
         or set HALOGARD_DATA_DIR to the data folder of this user",
        path.display()
    )]
    Files {
        /// Which one.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file is not a SQLite database, or its beginning is damaged.
    #[error(
        "{} is not a database; restore it from a backup, or move it away to start with a new one",
        path.display()
    )]
    NotADatabase {
        /// Which file.
        path: PathBuf,
    },
    /// The file is a SQLite database of another program.
    #[error("{} belongs to another program; choose another data folder", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// A newer version of the program has migrated the file.
    #[error(
        "{} has schema {found}, and this version of halogard uses schema {known}; install the newer \
         version that wrote it, or restore an older backup",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The file's schema.
        found: i32,
        /// The schema of this version.
        known: i32,
    },
    /// The file has an older schema, and a command does not migrate.
    #[error(
        "{} has schema {found}, and this version of halogard uses schema {known}; (re)start \
         `halogard serve` with this version, which migrates the store, or use the version of \
         halogard that `serve` runs",
        path.display()
    )]
    Older {
        /// Which file.
        path: PathBuf,
        /// The file's schema.
        found: i32,
        /// The schema of this version.
        known: i32,
    },
    /// A backup cannot take the place of the store.
    #[error("{} cannot be restored: {reason}; the store is as it was", path.display())]
    NotRestorable {
        /// The backup.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// SQLite refused.
    #[error("the database {} cannot be opened", path.display())]
    Sql {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}
