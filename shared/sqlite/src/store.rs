//! Transactions on the file. SQLite orders those of all processes; how the file is opened is in [`file`].

mod backup;
mod file;

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use halogard_app::ports::{Clock, PortError};
use halogard_domain::{Retention, Timestamp};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::time::Instant;

use crate::error::StoreError;
use crate::key::StoreKey;

pub use backup::{BackupSecrets, IncomingStore, back_up, bring_in};
use file::SCHEMA_VERSION;
pub use file::{delete_secrets, has_secrets, is_worker_running, not_there, prepare_folder};

/// How long a call waits while another process writes. Transactions take milliseconds, so this is
/// reached only when someone holds a transaction open in a SQLite shell.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pause between two attempts to begin a transaction while another process writes. SQLite's own busy
/// handler pauses for up to 100 ms, in which a busy worker begins many more transactions: a command
/// that tries rarely would wait for seconds. It also pauses the thread; see [`Store::write`].
const BUSY_PAUSE: Duration = Duration::from_millis(1);

/// Every store port on one SQLite file. Cheap to clone; all clones share the file.
pub struct Store<C> {
    inner: Arc<Inner<C>>,
}

/// What all clones share. Fields are dropped in order: the database closes before the lock opens.
struct Inner<C> {
    database: Mutex<Database>,
    key: StoreKey,
    clock: C,
    /// How long records are kept.
    retention: Mutex<Retention>,
    /// Held for as long as a worker uses the store; a command holds none.
    worker_lock: Option<File>,
}

/// The connection and how hard its commits are at present.
struct Database {
    connection: Connection,
    durability: Durability,
}

/// What a commit withstands. A later [`PowerLoss`](Durability::PowerLoss) commit makes all earlier
/// ones as safe: there is one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The end of the process at any point; costs no disk flush.
    ProcessKill,
    /// The end of the machine at any point; costs one disk flush.
    PowerLoss,
}

impl<C: Clock> Store<C> {
    /// The store over an open connection.
    fn over(connection: Connection, key: StoreKey, clock: C, worker_lock: Option<File>) -> Self {
        let database = Database {
            connection,
            durability: Durability::ProcessKill,
        };
        Self {
            inner: Arc::new(Inner {
                database: Mutex::new(database),
                key,
                clock,
                retention: Mutex::default(),
                worker_lock,
            }),
        }
    }

    /// The time by the store's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// How long records are kept.
    pub(crate) fn retention(&self) -> Retention {
        let retention = self.inner.retention.lock();
        *retention.unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on records are kept for so long.
    pub(crate) fn keep_for(&self, retention: Retention) {
        let kept = self.inner.retention.lock();
        *kept.unwrap_or_else(PoisonError::into_inner) = retention;
    }

    /// The key that seals secrets.
    pub(crate) fn key(&self) -> &StoreKey {
        &self.inner.key
    }

    /// Looks something up with one statement; several must see one state through [`Self::write`].
    ///
    /// A writer in another process does not block a reader. Should SQLite say that the file is busy all
    /// the same, as it does for a moment while another process opens or closes it, the call tries again.
    pub(crate) async fn read<T>(
        &self,
        look: impl Fn(&Connection) -> Result<T, StoreError> + Send + Sync,
    ) -> Result<T, StoreError> {
        let mut wait = BusyWait::default();
        loop {
            let outcome = {
                let database = self.database();
                self.check_schema(&database.connection)
                    .and_then(|()| look(&database.connection))
            };
            match outcome {
                Err(error) if error.is_busy() && wait.goes_on() => wait.pause().await,
                other => {
                    wait.log();
                    return other;
                }
            }
        }
    }

    /// Does `work` wholly or, when it fails, not at all.
    ///
    /// While another process writes, the call is suspended and its thread does other work: a
    /// shell that holds the file for a minute stops neither the answer to a health check nor that to a
    /// delivery. A call that is dropped while it waits has done nothing.
    pub(crate) async fn write<T, E: From<StoreError>>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        let mut work = Some(work);
        let mut wait = BusyWait::default();
        loop {
            match self.attempt(durability, &mut work) {
                Attempt::Ended(outcome) => {
                    wait.log();
                    return outcome;
                }
                Attempt::Busy(error) if !wait.goes_on() => {
                    wait.log();
                    return Err(error.into());
                }
                Attempt::Busy(_) => wait.pause().await,
            }
        }
    }

    /// Whether a transaction can be begun: no other program holds the file for long. Writes nothing.
    ///
    /// # Errors
    ///
    /// Another program still holds the file after the time for which every write waits.
    pub async fn check_writable(&self) -> Result<(), PortError> {
        let begun: Result<(), StoreError> = self.write(Durability::ProcessKill, |_| Ok(())).await;
        Ok(begun?)
    }

    /// The same as [`Self::write`], and its thread waits. For a process that has nothing else to do yet.
    pub(crate) fn write_blocking<T, E: From<StoreError>>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut work = Some(work);
        let mut wait = BusyWait::default();
        loop {
            match self.attempt(durability, &mut work) {
                Attempt::Ended(outcome) => return outcome,
                Attempt::Busy(error) if !wait.goes_on() => return Err(error.into()),
                Attempt::Busy(_) => thread::sleep(BUSY_PAUSE),
            }
        }
    }

    /// Begins a transaction and, unless another process writes, takes `work` and does it.
    fn attempt<T, E: From<StoreError>>(
        &self,
        durability: Durability,
        work: &mut Option<impl FnOnce(&Transaction<'_>) -> Result<T, E>>,
    ) -> Attempt<T, E> {
        let mut database = self.database();
        let transaction = match database.begin(durability) {
            Err(error) if error.is_busy() => return Attempt::Busy(error),
            Err(error) => return Attempt::Ended(Err(error.into())),
            Ok(transaction) => transaction,
        };
        Attempt::Ended(
            self.check_schema(&transaction)
                .map_err(E::from)
                .and_then(|()| {
                    let Some(work) = work.take() else {
                        return Err(StoreError::Sql(rusqlite::Error::InvalidQuery).into());
                    };
                    let outcome = work(&transaction)?;
                    transaction.commit().map_err(StoreError::from)?;
                    Ok(outcome)
                }),
        )
    }

    /// Refuses a file that a newer worker has migrated since a command opened it. Under the worker
    /// lock no other process migrates.
    fn check_schema(&self, connection: &Connection) -> Result<(), StoreError> {
        if self.inner.worker_lock.is_some() {
            return Ok(());
        }
        let found = connection
            .prepare_cached("PRAGMA user_version")?
            .query_row((), |row| row.get(0))?;
        if found == SCHEMA_VERSION {
            return Ok(());
        }
        Err(StoreError::SchemaChanged {
            found,
            known: SCHEMA_VERSION,
        })
    }

    /// The database, for the length of one call.
    ///
    /// A plain lock, held on the caller's own thread and never across an `await`: a call takes well
    /// under a millisecond (a disk flush, where there is one, about as long), and never waits for another
    /// process while it holds the lock. A panic of another holder has rolled its transaction back, so
    /// the lock's poison says nothing.
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

/// The result of an attempt to write.
enum Attempt<T, E> {
    /// The transaction ended.
    Ended(Result<T, E>),
    /// Another process writes; nothing was done.
    Busy(StoreError),
}

/// How long a call has waited for another process.
#[derive(Default)]
struct BusyWait {
    began: Option<Instant>,
}

impl BusyWait {
    /// Whether the call may try again. The time runs from the first call on.
    fn goes_on(&mut self) -> bool {
        self.began.get_or_insert_with(Instant::now).elapsed() < BUSY_TIMEOUT
    }

    /// Lets other work of the thread run.
    async fn pause(&self) {
        tokio::time::sleep(BUSY_PAUSE).await;
    }

    /// Logs how long the call has waited, if it has.
    fn log(&self) {
        if let Some(began) = self.began {
            let waited_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            tracing::debug!(waited_us, "waited while another process wrote to the store");
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
            Self::ProcessKill => "NORMAL",
            Self::PowerLoss => "FULL",
        }
    }
}

/// A `LIMIT` that SQLite understands.
pub(crate) fn rows_max(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
