//! The file: opened once, by one process, and used under one lock.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use halogard_app::ports::Clock;
use halogard_domain::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::error::StoreError;
use crate::key::StoreKey;

/// Changes of the schema, oldest first. The file's `user_version` says how many were made.
const MIGRATIONS: [&str; 5] = [
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
];

/// `user_version` of a file this version of the program has opened.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a handful"
)]
const SCHEMA_VERSION: i32 = MIGRATIONS.len() as i32;

/// Marks the file as ours for `file(1)` and for [`OpenError::Foreign`]: "HALO" in ASCII.
const APPLICATION_ID: i32 = 0x4841_4c4f;

/// How long a write waits for a person's shell that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements kept compiled; more than the store has.
const STATEMENTS_MAX: usize = 64;

/// Every store port on one SQLite file. Cheap to clone; all clones share the file.
pub struct Store<C> {
    inner: Arc<Inner<C>>,
}

/// What all clones share. Fields are dropped in order: the database closes before the lock opens.
struct Inner<C> {
    database: Mutex<Database>,
    key: StoreKey,
    clock: C,
    _lock: File,
}

/// The connection and how hard its commits are at present.
struct Database {
    connection: Connection,
    durability: Durability,
}

/// What a commit withstands. A later [`PowerCut`](Durability::PowerCut) commit makes all earlier
/// ones as safe: there is one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The end of the process at any point; costs no disk flush.
    Kill,
    /// The end of the machine at any point; costs one disk flush.
    PowerCut,
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Only one process may use a store at a time.
    #[error(
        "the store in {} is in use by another process; stop that one, or choose another data folder",
        folder.display()
    )]
    InUse {
        /// Where the store is.
        folder: PathBuf,
    },
    /// The folder or a file in it cannot be made or opened.
    #[error("{} cannot be made or opened", path.display())]
    Files {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no SQLite database, or its beginning is damaged.
    #[error(
        "{} is no database; restore it from a backup, or move it away to begin anew",
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
    /// A newer version of the program has written the file.
    #[error(
        "{} was written by a newer version (schema {found}, this version knows {known}); \
         install that version again, or restore an older backup",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The file's schema.
        found: i32,
        /// The newest schema this version knows.
        known: i32,
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

impl<C: Clock> Store<C> {
    /// Opens the store in the file `path`, and makes file and folder where there are none.
    ///
    /// Both are made readable for their owner only: texts of alerts and tickets stand in the file.
    ///
    /// # Errors
    ///
    /// Every [`OpenError`] says what a person can do. A file that is refused is left as it was.
    pub fn open(path: &Path, key: StoreKey, clock: C) -> Result<Self, OpenError> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        create_folder(folder).map_err(|source| files(folder, source))?;
        let lock = lock(folder)?;
        open_private(path).map_err(|source| files(path, source))?;
        let database = Database {
            connection: connect(path)?,
            durability: Durability::Kill,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                database: Mutex::new(database),
                key,
                clock,
                _lock: lock,
            }),
        })
    }

    /// The time by the store's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The key that seals secrets.
    pub(crate) fn key(&self) -> &StoreKey {
        &self.inner.key
    }

    /// Looks something up with one statement; several must see one state through [`Self::write`].
    pub(crate) fn read<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        look(&self.database().connection)
    }

    /// Does `work` wholly or, when it fails, not at all.
    pub(crate) fn write<T, E: From<StoreError>>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut database = self.database();
        let transaction = database.begin(durability)?;
        let outcome = work(&transaction)?;
        transaction.commit().map_err(StoreError::from)?;
        Ok(outcome)
    }

    /// The database, for the length of one call.
    ///
    /// A plain lock, held on the caller's own thread and never across an `await`: a call takes well
    /// under a millisecond (a disk flush, where there is one, about as long), no other process
    /// competes, and a second thread would only add the hand-over. A panic of another holder has
    /// rolled its transaction back, so the lock's poison says nothing.
    fn database(&self) -> MutexGuard<'_, Database> {
        self.inner
            .database
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Clone for Store<C> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl Database {
    /// Begins a transaction whose commit withstands what `durability` says.
    fn begin(&mut self, durability: Durability) -> Result<Transaction<'_>, StoreError> {
        if self.durability != durability {
            self.connection
                .pragma_update(None, "synchronous", durability.pragma())?;
            self.durability = durability;
        }
        let behavior = TransactionBehavior::Immediate;
        Ok(self.connection.transaction_with_behavior(behavior)?)
    }
}

impl Durability {
    /// The value of SQLite's `synchronous`. Under a write-ahead log, `NORMAL` keeps the file sound
    /// in any case and may lose the newest commits only when the machine itself stops.
    const fn pragma(self) -> &'static str {
        match self {
            Self::Kill => "NORMAL",
            Self::PowerCut => "FULL",
        }
    }
}

/// Makes `folder` for its owner only, unless it is there.
fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Opens `path` for writing; makes it for its owner only, unless it is there. SQLite gives the
/// files it puts beside it the same rights.
fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Takes the right to use the store in `folder`. The system takes it back when the process ends,
/// however it ends; the file stays, and means nothing by itself.
fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join("halogard.lock");
    let file = open_private(&path).map_err(|source| files(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
            folder: fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned()),
        }),
        Err(TryLockError::Error(source)) => Err(files(&path, source)),
    }
}

/// Opens the database, makes sure that it is ours, and brings it to the newest schema.
fn connect(path: &Path) -> Result<Connection, OpenError> {
    let sql = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase {
            path: path.to_owned(),
        },
        _ => OpenError::Sql {
            path: path.to_owned(),
            source,
        },
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(sql)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(sql)?;
    let origin = Origin::of(&connection).map_err(sql)?;
    let version = origin.schema_version(path)?;
    tune(&connection).map_err(sql)?;
    migrate(&mut connection, version).map_err(sql)?;
    Ok(connection)
}

/// What a file says about where it comes from, read before anything is written to it.
struct Origin {
    application_id: i32,
    user_version: i32,
    is_empty: bool,
}

impl Origin {
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get(0));
        let is_empty = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)";
        Ok(Self {
            application_id: pragma("application_id")?,
            user_version: pragma("user_version")?,
            is_empty: connection.query_row(is_empty, (), |row| row.get(0))?,
        })
    }

    /// The schema of the file at `path`, if it is one of ours; 0 for a new file.
    fn schema_version(&self, path: &Path) -> Result<usize, OpenError> {
        let newer = || OpenError::Newer {
            path: path.to_owned(),
            found: self.user_version,
            known: SCHEMA_VERSION,
        };
        match self.application_id {
            0 if self.is_empty => Ok(0),
            APPLICATION_ID if self.user_version <= SCHEMA_VERSION => {
                usize::try_from(self.user_version).map_err(|_| newer())
            }
            APPLICATION_ID => Err(newer()),
            _ => Err(OpenError::Foreign {
                path: path.to_owned(),
            }),
        }
    }
}

/// Settings of the connection.
fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", Durability::Kill.pragma())?;
    // A file from somewhere else runs nothing of its own.
    connection.pragma_update(None, "trusted_schema", false)
}

/// Makes the changes that a file of schema `version` lacks, all or none.
fn migrate(connection: &mut Connection, version: usize) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for change in MIGRATIONS.iter().skip(version) {
        transaction.execute_batch(change)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()
}

/// An error about `path`.
fn files(path: &Path, source: io::Error) -> OpenError {
    OpenError::Files {
        path: path.to_owned(),
        source,
    }
}
