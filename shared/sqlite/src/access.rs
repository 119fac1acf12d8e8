//! Who may read the files: their owner, who is the owner of the folder.

use std::io;
use std::path::Path;

/// Takes the rights of others from the file at `path`, if there is one. A file of another owner stays as
/// it is, with a warning.
#[cfg(unix)]
pub(crate) fn make_private(path: &Path) {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    let Ok(metadata) = fs::metadata(path) else {
        return;
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return;
    }
    match fs::set_permissions(path, Permissions::from_mode(mode & 0o700)) {
        Ok(()) => tracing::info!(
            file = %path.display(),
            "other users could read a file of the store; now only its owner can"
        ),
        Err(error) => tracing::warn!(
            file = %path.display(), %error,
            "other users can read a file of the store; run chmod 600 on it"
        ),
    }
}

/// Takes from others the right to put files into `folder`, or to replace those in it. A folder in which only
/// the owner of a file may replace it, such as `/tmp`, and one of another owner, stay as they are.
#[cfg(unix)]
pub(crate) fn close_to_others(folder: &Path) {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    const STICKY: u32 = 0o1000;
    const OTHERS_WRITE: u32 = 0o022;
    let Ok(metadata) = fs::metadata(folder) else {
        return;
    };
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS_WRITE == 0 || mode & STICKY != 0 {
        return;
    }
    match fs::set_permissions(folder, Permissions::from_mode(mode & !OTHERS_WRITE)) {
        Ok(()) => tracing::info!(
            folder = %folder.display(),
            "others could replace the files in the data folder; only its owner can from now on"
        ),
        Err(error) => tracing::warn!(
            folder = %folder.display(), %error,
            "others than its owner may replace the files in the data folder; run chmod go-w on it"
        ),
    }
}

/// Gives what root made at `path` to the owner of the folder it is in: a check that root runs must leave
/// no file that the service cannot open.
#[cfg(unix)]
pub(crate) fn give_to_owner_of_folder(path: &Path) -> io::Result<()> {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, chown};

    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let (made, folder) = (fs::metadata(path)?, fs::metadata(folder)?);
    if made.uid() == 0 && folder.uid() != 0 {
        chown(path, Some(folder.uid()), Some(folder.gid()))?;
    }
    Ok(())
}

/// Elsewhere the access rules of the folder decide.
#[cfg(not(unix))]
pub(crate) fn make_private(_path: &Path) {}

/// Elsewhere the access rules of the folder decide.
#[cfg(not(unix))]
pub(crate) fn close_to_others(_folder: &Path) {}

/// Elsewhere the access rules of the folder decide.
#[cfg(not(unix))]
pub(crate) fn give_to_owner_of_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
