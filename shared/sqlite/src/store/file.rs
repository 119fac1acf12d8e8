//! How the file is opened: by one worker, which takes the worker lock and migrates it, and beside it
//! by any number of commands, which do neither.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use halogard_app::ports::Clock;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::access;
use crate::error::OpenError;
use crate::key::StoreKey;

use super::{BUSY_PAUSE, BUSY_TIMEOUT, Durability, Store};

/// Changes of the schema, oldest first. The file's `user_version` says how many were made.
const MIGRATIONS: [&str; 1] = [include_str!("../schema.sql")];

/// `user_version` of a file this version of the program has opened.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a handful"
)]
pub(super) const SCHEMA_VERSION: i32 = MIGRATIONS.len() as i32;

/// Marks the file as ours for `file(1)` and for [`OpenError::Foreign`]: "HALO" in ASCII.
const APPLICATION_ID: i32 = 0x4841_4c4f;

/// How often opening a file is attempted while another process writes.
#[expect(clippy::cast_possible_truncation, reason = "a few thousand")]
const BUSY_ATTEMPTS_MAX: i32 = (BUSY_TIMEOUT.as_millis() / BUSY_PAUSE.as_millis()) as i32;

/// How long a starting worker waits for the worker lock, which a command that asks whether a worker
/// runs holds for a moment.
const LOCK_TIMEOUT: Duration = Duration::from_millis(200);

/// Pause between two attempts to take the worker lock.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// What SQLite takes for no file.
const IN_MEMORY: &str = ":memory:";

/// The file whose lock says that a worker runs.
const LOCK_FILE: &str = "halogard.lock";

/// Statements kept compiled; more than the store has.
const STATEMENTS_MAX: usize = 64;

impl<C: Clock> Store<C> {
    /// Opens the store in the file `path` for a worker: takes the worker lock, creates folder and file
    /// where there are none, and migrates an older file.
    ///
    /// Folder and files are made readable for their owner only, and files that others may read are put
    /// right: texts of alerts and tickets are in them.
    ///
    /// # Errors
    ///
    /// Every [`OpenError`] names the remedy. A file that is refused is left as it was.
    pub fn open(path: &Path, key: StoreKey, clock: C) -> Result<Self, OpenError> {
        let folder = folder_of(path);
        prepare_folder(folder)?;
        let lock = lock(folder)?;
        open_private(path).map_err(|source| files(path, source))?;
        protect(path);
        Ok(Self::over(
            connect(path, Migrate::Older)?,
            key,
            clock,
            Some(lock),
        ))
    }

    /// Opens the store in the file `path` for a command, beside a worker or without one.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoStore`], [`OpenError::Older`] and [`OpenError::Newer`] name the remedy. Nothing
    /// is created or migrated.
    pub fn open_existing(path: &Path, key: StoreKey, clock: C) -> Result<Self, OpenError> {
        protect(path);
        Ok(Self::over(
            connect(path, Migrate::Nothing)?,
            key,
            clock,
            None,
        ))
    }

    /// Opens the store in the file `path` for a command that may come before the first worker, and
    /// creates it where there is none.
    ///
    /// # Errors
    ///
    /// As [`Self::open_existing`], but for [`OpenError::NoStore`].
    pub fn open_or_create(path: &Path, key: StoreKey, clock: C) -> Result<Self, OpenError> {
        prepare_folder(folder_of(path))?;
        open_private(path).map_err(|source| files(path, source))?;
        protect(path);
        Ok(Self::over(connect(path, Migrate::Empty)?, key, clock, None))
    }
}

impl<C: Clock> Store<C> {
    /// A store that is in memory and ends with the process, for a command that finds none and is to leave none
    /// behind.
    ///
    /// # Errors
    ///
    /// [`OpenError::Sql`] when SQLite gives no memory.
    pub fn in_memory(key: StoreKey, clock: C) -> Result<Self, OpenError> {
        let connection = connect(Path::new(IN_MEMORY), Migrate::Empty)?;
        Ok(Self::over(connection, key, clock, None))
    }
}

/// Makes `folder` for its owner only, unless it is there; then others lose the right to write to it.
///
/// # Errors
///
/// [`OpenError::Files`] when it cannot be made.
pub fn prepare_folder(folder: &Path) -> Result<(), OpenError> {
    if folder.is_dir() {
        access::close_to_others(folder);
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made = builder.create(folder);
    made.and_then(|()| access::give_to_owner_of_folder(folder))
        .map_err(|source| files(folder, source))
}

/// Opens `path` for writing; makes it for its owner only, unless it is there. SQLite gives the
/// files it puts beside it the same rights and the same owner.
pub(super) fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    access::give_to_owner_of_folder(path)?;
    Ok(file)
}

/// Takes the rights of others from the database at `path` and the files that SQLite puts beside it.
pub(super) fn protect(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        access::make_private(Path::new(&name));
    }
}

/// The folder of the file `path`.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Takes the worker lock of the store in `folder`. The system releases it when the process ends,
/// however it ends; the file stays, and means nothing by itself.
pub(super) fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join(LOCK_FILE);
    let file = open_private(&path).map_err(|source| files(&path, source))?;
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(files(&path, source)),
            Err(TryLockError::WouldBlock) if waited < LOCK_TIMEOUT => {
                thread::sleep(LOCK_PAUSE);
                waited += LOCK_PAUSE;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::WorkerRunning {
                    folder: fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned()),
                });
            }
        }
    }
}

/// Whether a worker runs on the store in the file `path`.
///
/// # Errors
///
/// [`OpenError::Files`] when the lock file cannot be opened.
pub fn is_worker_running(path: &Path) -> Result<bool, OpenError> {
    let path = folder_of(path).join(LOCK_FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(files(&path, source)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(files(&path, source)),
    }
}

/// Whether the store in the file `path` holds secrets that its key has sealed. Opens the file for reading
/// only; one that cannot be read, or is not a store, holds none.
#[must_use]
pub fn has_secrets(path: &Path) -> bool {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Ok(connection) = Connection::open_with_flags(path, flags) else {
        return false;
    };
    let sql = "SELECT EXISTS (SELECT 1 FROM secrets)";
    connection
        .query_row(sql, (), |row| row.get(0))
        .unwrap_or(false)
}

/// Deletes every secret of the store in the file `path`, whose key is lost.
///
/// # Errors
///
/// [`OpenError`] when there is no store or it cannot be written.
pub fn delete_secrets(path: &Path) -> Result<(), OpenError> {
    let connection = connect(path, Migrate::Nothing)?;
    let deleted = connection.execute("DELETE FROM secrets", ());
    deleted.map(drop).map_err(|source| OpenError::Sql {
        path: path.to_owned(),
        source,
    })
}

/// Which files are brought to the newest schema when they are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Migrate {
    /// None: the file must have the schema of this version.
    Nothing,
    /// A new, empty file only.
    Empty,
    /// An empty file and one with an older schema.
    Older,
}

/// Opens the database, makes sure that it is ours, and migrates it where `migrate` allows that.
pub(super) fn connect(path: &Path, allowed: Migrate) -> Result<Connection, OpenError> {
    let sql = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase {
            path: path.to_owned(),
        },
        Some(ErrorCode::CannotOpen) if !path.try_exists().unwrap_or(false) => not_there(path),
        _ => OpenError::Sql {
            path: path.to_owned(),
            source,
        },
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(sql)?;
    connection
        .busy_handler(Some(wait_for_writer))
        .map_err(sql)?;
    // One transaction, so that another process that creates the store meanwhile is seen whole or not
    // at all.
    let origin = connection
        .transaction()
        .and_then(|snapshot| Origin::of(&snapshot))
        .map_err(sql)?;
    let version = origin.schema_version(path)?;
    match version {
        SCHEMA_VERSION => {}
        found if !origin.is_empty && allowed != Migrate::Older => {
            return Err(OpenError::Older {
                path: path.to_owned(),
                found,
                known: SCHEMA_VERSION,
            });
        }
        // A new file is empty until its first worker has created the tables.
        0 if allowed == Migrate::Nothing => {
            return Err(OpenError::NoStore {
                path: path.to_owned(),
            });
        }
        _ => {}
    }
    if origin.is_empty {
        // Decided before the first table: pages that are no longer used can be given back.
        connection
            .pragma_update(None, "auto_vacuum", "INCREMENTAL")
            .map_err(sql)?;
    }
    configure(&connection).map_err(sql)?;
    if version != SCHEMA_VERSION {
        migrate(&mut connection, path, sql)?;
    }
    // From here on a busy file suspends the call and not its thread.
    connection.busy_timeout(Duration::ZERO).map_err(sql)?;
    Ok(connection)
}

/// Why the file `path` cannot be opened: there is none, or this user may not look for it.
#[must_use]
pub fn not_there(path: &Path) -> OpenError {
    let none = || OpenError::NoStore {
        path: path.to_owned(),
    };
    match fs::metadata(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => files(path, source),
        _ => none(),
    }
}

/// Whether opening tries again while another process writes.
fn wait_for_writer(attempts: i32) -> bool {
    if attempts >= BUSY_ATTEMPTS_MAX {
        return false;
    }
    thread::sleep(BUSY_PAUSE);
    true
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
    fn schema_version(&self, path: &Path) -> Result<i32, OpenError> {
        match self.application_id {
            0 if self.is_empty => Ok(0),
            APPLICATION_ID if (0..=SCHEMA_VERSION).contains(&self.user_version) => {
                Ok(self.user_version)
            }
            APPLICATION_ID => Err(OpenError::Newer {
                path: path.to_owned(),
                found: self.user_version,
                known: SCHEMA_VERSION,
            }),
            _ => Err(OpenError::Foreign {
                path: path.to_owned(),
            }),
        }
    }
}

/// Settings of the connection.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    enter_wal_mode(connection)?;
    connection.pragma_update(None, "synchronous", Durability::ProcessKill.pragma())?;
    // A file from somewhere else runs nothing of its own.
    connection.pragma_update(None, "trusted_schema", false)
}

/// Turns on the write-ahead log. The file remembers it, so only its creation has anything to do; SQLite
/// calls no busy handler when two processes create a store at once.
fn enter_wal_mode(connection: &Connection) -> rusqlite::Result<()> {
    let mut attempts = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && wait_for_writer(attempts) =>
            {
                attempts += 1;
            }
            other => return other,
        }
    }
}

/// Makes the changes that the file lacks, all or none. What it lacks is read within the transaction:
/// two processes may create a store at once.
fn migrate(
    connection: &mut Connection,
    path: &Path,
    sql: impl Fn(rusqlite::Error) -> OpenError + Copy,
) -> Result<(), OpenError> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(sql)?;
    let version = Origin::of(&transaction)
        .map_err(sql)?
        .schema_version(path)?;
    let done = usize::try_from(version).unwrap_or_default();
    for change in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(change).map_err(sql)?;
    }
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .and_then(|()| transaction.pragma_update(None, "user_version", SCHEMA_VERSION))
        .map_err(sql)?;
    transaction.commit().map_err(sql)
}

/// An error about `path`.
pub(super) fn files(path: &Path, source: io::Error) -> OpenError {
    OpenError::Files {
        path: path.to_owned(),
        source,
    }
}
