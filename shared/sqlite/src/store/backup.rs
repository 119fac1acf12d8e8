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

/// What SQLite puts beside its file.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Writes a consistent copy of the store in the file `path` to the new file `target`, while a worker runs
/// writing.
///
/// # Errors
///
/// [`OpenError`] when there is no store, `target` is there already, or it cannot be written.
pub fn back_up(path: &Path, target: &Path) -> Result<(), OpenError> {
    drop(connect(path, Migrate::Nothing)?);
    if target.exists() {
        return Err(files(target, io::ErrorKind::AlreadyExists.into()));
    }
    // Made first, so that the copy belongs to its owner alone from the start. SQLite writes into an empty file.
    open_private(target).map_err(|source| files(target, source))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copied = Connection::open_with_flags(path, flags)
        .and_then(|connection| {
            connection.busy_timeout(super::BUSY_TIMEOUT)?;
            connection.execute("VACUUM INTO ?1", [target.to_string_lossy().as_ref()])
        })
        .map_err(|source| OpenError::Sql {
            path: target.to_owned(),
            source,
        });
    if copied.is_err() {
        // What is left is not a backup; a file that cannot be removed is refused the next time by its name.
        fs::remove_file(target).unwrap_or_default();
    }
    copied.map(drop)
}

/// Replaces the store in the file `path` with the copy `backup`, and keeps the former one beside it
/// if `replace` is set; says where. Killed at any point, it leaves the former store or the restored one, and may
/// be repeated.
///
/// # Errors
///
/// [`OpenError`] when a worker runs, `backup` is not a store, or there is a store and `replace` is not set.
pub fn put_back(
    backup: &Path,
    path: &Path,
    replace: bool,
    now: Timestamp,
) -> Result<Option<PathBuf>, OpenError> {
    let folder = folder_of(path);
    prepare_folder(folder)?;
    let lock = lock(folder)?;
    if path.exists() && !replace {
        return Err(files(path, io::ErrorKind::AlreadyExists.into()));
    }
    let incoming = beside(path, "-incoming");
    remove(&incoming)?;
    open_private(&incoming).map_err(|source| files(&incoming, source))?;
    fs::copy(backup, &incoming).map_err(|source| files(backup, source))?;
    protect(&incoming);
    // Refuses what is not a store of ours, and brings an older one up to date, before the former one goes.
    drop(connect(&incoming, Migrate::Older)?);
    for suffix in BESIDE {
        remove(&beside(&incoming, suffix))?;
    }
    let former = path
        .exists()
        .then(|| beside(path, &format!("-before-{}", now.as_millis())));
    if let Some(former) = &former {
        // Everything that is in the log goes into the file, which then stands alone.
        let connection = connect(path, Migrate::Nothing);
        if let Ok(connection) = connection {
            let moved = connection.pragma_update(None, "wal_checkpoint", "TRUNCATE");
            moved.map_err(|source| OpenError::Sql {
                path: path.to_owned(),
                source,
            })?;
        }
        fs::rename(path, former).map_err(|source| files(path, source))?;
        for suffix in BESIDE {
            remove(&beside(path, suffix))?;
        }
    }
    fs::rename(&incoming, path).map_err(|source| files(path, source))?;
    drop(lock);
    Ok(former)
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
