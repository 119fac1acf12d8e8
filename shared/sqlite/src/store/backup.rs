//! Copies of the file: made while a worker runs, put back while none does.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use halogard_domain::Timestamp;
use rusqlite::{Connection, OpenFlags};

use super::file::{
    Migrate, connect, files, folder_of, lock, open_private, prepare_folder, protect,
};
use crate::error::OpenError;
use crate::key::StoreKey;
use crate::vault::sealed_secrets;

/// What to do about a missing key.
const KEY_REMEDY: &str = "put the key beside the backup, under its name with `.key` at the end, or restore with \
                          --without-secrets and enter the credentials again";

/// What SQLite puts beside its file.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// What becomes of the secrets in a copy that is put back.
#[derive(Clone, Copy)]
pub enum BackupSecrets<'a> {
    /// They must open with this key; without one there must be none.
    OpenedBy(Option<&'a StoreKey>),
    /// They are deleted: the key is lost.
    Deleted,
}

/// Writes a consistent copy of the store in the file `path` to the new file `target`, while a worker runs and
/// writes. Killed at any point, it leaves no file of that name, or the whole copy.
///
/// # Errors
///
/// [`OpenError`] when there is no store, `target` is there already, or it cannot be written.
pub fn back_up(path: &Path, target: &Path) -> Result<(), OpenError> {
    drop(connect(path, Migrate::Nothing)?);
    let refuse_taken = || match target.exists() {
        true => Err(files(target, io::ErrorKind::AlreadyExists.into())),
        false => Ok(()),
    };
    refuse_taken()?;
    let draft = beside(target, &format!(".{}.part", std::process::id()));
    remove(&draft)?;
    let copied = copy(path, &draft).and_then(|()| {
        refuse_taken()?;
        fs::rename(&draft, target).map_err(|source| files(target, source))
    });
    if copied.is_err() {
        // What is left is no backup, and is written anew the next time.
        fs::remove_file(&draft).unwrap_or_default();
    }
    copied?;
    flush_folder(target)
}

/// Copies the store in the file `path` to the new file `draft`, safely on the disk.
fn copy(path: &Path, draft: &Path) -> Result<(), OpenError> {
    // Made first, so that the copy belongs to its owner alone from the start. SQLite writes into an empty file.
    let file = open_private(draft).map_err(|source| files(draft, source))?;
    // Says to other commands that it is not left behind. On other systems SQLite's own locks would meet this one.
    if cfg!(target_os = "linux") {
        file.try_lock().unwrap_or_default();
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
        .and_then(|connection| {
            connection.busy_timeout(super::BUSY_TIMEOUT)?;
            connection.execute("VACUUM INTO ?1", [draft.to_string_lossy().as_ref()])
        })
        .map_err(|source| OpenError::Sql {
            path: draft.to_owned(),
            source,
        })?;
    file.sync_all().map_err(|source| files(draft, source))
}

/// A checked copy beside the store, to be put in its place. While it exists no worker runs on the store.
#[derive(Debug)]
pub struct IncomingStore {
    path: PathBuf,
    incoming: PathBuf,
    _lock: fs::File,
}

/// Brings the copy `backup` beside the store in the file `path`, and checks it. What cannot be used is found before
/// anything is changed. May be repeated.
///
/// # Errors
///
/// [`OpenError`] when a worker runs, `backup` is damaged or no store, its secrets do not open, or there is a store
/// and `replace` is not set.
pub fn bring_in(
    backup: &Path,
    path: &Path,
    secrets: BackupSecrets<'_>,
    replace: bool,
) -> Result<IncomingStore, OpenError> {
    let folder = folder_of(path);
    prepare_folder(folder)?;
    let lock = lock(folder)?;
    if path.exists() && !replace {
        return Err(files(path, io::ErrorKind::AlreadyExists.into()));
    }
    let incoming = beside(path, "-incoming");
    for suffix in ["", "-wal", "-shm"] {
        remove(&beside(&incoming, suffix))?;
    }
    let file = open_private(&incoming).map_err(|source| files(&incoming, source))?;
    fs::copy(backup, &incoming).map_err(|source| files(backup, source))?;
    protect(&incoming);
    if let Err(reason) = make_ready(&incoming, secrets) {
        for suffix in ["", "-wal", "-shm"] {
            remove(&beside(&incoming, suffix))?;
        }
        return Err(OpenError::NotRestorable {
            path: backup.to_owned(),
            reason,
        });
    }
    file.sync_all().map_err(|source| files(&incoming, source))?;
    Ok(IncomingStore {
        path: path.to_owned(),
        incoming,
        _lock: lock,
    })
}

impl IncomingStore {
    /// Where it is, for what is to be changed in it before it is put in place.
    #[must_use]
    pub fn incoming(&self) -> &Path {
        &self.incoming
    }

    /// Puts it in the place of the store, and keeps the former one beside it; says where. Killed at any point, it
    /// leaves the former store or the restored one.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when a file cannot be moved.
    pub fn put_in_place(self, now: Timestamp) -> Result<Option<PathBuf>, OpenError> {
        let Self { path, incoming, .. } = &self;
        stand_alone(incoming)?;
        let former = path
            .exists()
            .then(|| beside(path, &format!("-before-{}", now.as_millis())));
        if let Some(former) = &former {
            stand_alone(path)?;
            fs::rename(path, former).map_err(|source| files(path, source))?;
        }
        for suffix in BESIDE {
            remove(&beside(path, suffix))?;
        }
        fs::rename(incoming, path).map_err(|source| files(path, source))?;
        flush_folder(path)?;
        Ok(former)
    }
}

/// Moves everything that is in the log of the store in the file `path` into the file, and removes what SQLite keeps
/// beside it. A file that is no store stays as it is.
fn stand_alone(path: &Path) -> Result<(), OpenError> {
    if let Ok(connection) = connect(path, Migrate::Nothing) {
        let moved = connection.pragma_update(None, "wal_checkpoint", "TRUNCATE");
        moved.map_err(|source| OpenError::Sql {
            path: path.to_owned(),
            source,
        })?;
        drop(connection);
        for suffix in BESIDE {
            remove(&beside(path, suffix))?;
        }
    }
    Ok(())
}

/// Refuses what is no whole store of ours, or holds secrets that do not open, and brings an older one up to date.
/// Says what is wrong with it.
fn make_ready(incoming: &Path, secrets: BackupSecrets<'_>) -> Result<(), String> {
    let sql = |error: rusqlite::Error| format!("it is damaged: {error}");
    if fs::metadata(incoming).is_ok_and(|file| file.len() == 0) {
        return Err("it is empty: the backup was interrupted".to_owned());
    }
    let connection = connect(incoming, Migrate::Older).map_err(|error| match error {
        OpenError::NotADatabase { .. } => "it is no database".to_owned(),
        OpenError::Foreign { .. } => "it belongs to another program".to_owned(),
        OpenError::Newer { found, known, .. } => format!(
            "it has schema {found}, and this version of halogard uses schema {known}; install the version that \
             wrote it"
        ),
        OpenError::Sql { source, .. } => sql(source),
        other => other.to_string(),
    })?;
    let found: String = connection
        .query_row("PRAGMA integrity_check(1)", (), |row| row.get(0))
        .map_err(sql)?;
    if found != "ok" {
        return Err(format!("it is damaged: {found}"));
    }
    match secrets {
        BackupSecrets::Deleted => {
            connection.execute("DELETE FROM secrets", ()).map_err(sql)?;
        }
        BackupSecrets::OpenedBy(key) => {
            let sealed = sealed_secrets(&connection).map_err(sql)?;
            match key {
                None if !sealed.is_empty() => {
                    return Err(format!(
                        "it holds secrets, and their key is missing: {KEY_REMEDY}"
                    ));
                }
                Some(key) if !sealed.iter().all(|it| it.opens_with(key)) => {
                    return Err(format!("it holds secrets of another key: {KEY_REMEDY}"));
                }
                _ => {}
            }
        }
    }
    // The copy stands alone: nothing of it is left in the log.
    connection
        .pragma_update(None, "wal_checkpoint", "TRUNCATE")
        .map_err(sql)
}

/// Has the system keep the entry of the file `path` in its folder.
fn flush_folder(path: &Path) -> Result<(), OpenError> {
    let folder = folder_of(path);
    let flushed = fs::File::open(folder).and_then(|folder| folder.sync_all());
    // Not every system lets a folder be flushed.
    if cfg!(unix) {
        flushed.map_err(|source| files(folder, source))?;
    }
    Ok(())
}

/// The file beside `path` whose name ends with `suffix`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Removes `path`, if it is there.
fn remove(path: &Path) -> Result<(), OpenError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(files(path, error)),
        _ => Ok(()),
    }
}
