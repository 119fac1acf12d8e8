//! Loads a config file.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::{Config, Problems, parse};

/// The largest file that is read. Ten thousand customers take about one megabyte; a larger file was
/// named by mistake.
pub const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Why a config file could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file does not exist.
    #[error("no config file {}; `halogard config init` writes one", path.display())]
    NotFound {
        /// Its path.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("the config file {} cannot be read", path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file is too large.
    #[error("{} is larger than {} MiB, too large for a config file", path.display(), FILE_BYTES_MAX >> 20)]
    TooLarge {
        /// Its path.
        path: PathBuf,
    },
    /// The file is not UTF-8 text.
    #[error("{}:{line}: not UTF-8 text; save the file in this encoding", path.display())]
    NotUtf8 {
        /// Its path.
        path: PathBuf,
        /// The first line that cannot be decoded.
        line: usize,
    },
    /// The content is invalid.
    #[error(transparent)]
    Invalid(#[from] Problems),
}

/// Loads the file at `path`.
///
/// # Errors
///
/// [`LoadError`], whose text says what to do.
pub fn load(path: &Path) -> Result<Config, LoadError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|source| unreadable(path, source))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(LoadError::TooLarge {
            path: path.to_owned(),
        });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let readable = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = readable.iter().filter(|byte| **byte == b'\n').count() + 1;
        LoadError::NotUtf8 {
            path: path.to_owned(),
            line,
        }
    })?;
    Ok(parse(&path.display().to_string(), &text)?)
}

fn unreadable(path: &Path, source: io::Error) -> LoadError {
    let path = path.to_owned();
    match source.kind() {
        ErrorKind::NotFound => LoadError::NotFound { path },
        _ => LoadError::Unreadable { path, source },
    }
}
