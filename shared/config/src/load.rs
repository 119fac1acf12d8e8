//! From a path to a config.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::{Config, Problems, parse};

/// The longest file that is read. Ten thousand customers take about one megabyte; what is longer
/// was named by mistake.
pub const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Why there is no config.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such file.
    #[error("there is no config file {}; `halogard config init` writes one", path.display())]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("the config file {} cannot be read", path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is far too long.
    #[error("{} is longer than {} MiB, too long for a config file", path.display(), FILE_BYTES_MAX >> 20)]
    TooLarge {
        /// Which one.
        path: PathBuf,
    },
    /// It is not text in UTF-8.
    #[error("{}:{line}: not text in UTF-8; save the file with this encoding", path.display())]
    NotUtf8 {
        /// Which one.
        path: PathBuf,
        /// The first line that cannot be read.
        line: usize,
    },
    /// What it says is wrong.
    #[error(transparent)]
    Invalid(#[from] Problems),
}

/// Reads the file at `path`.
///
/// # Errors
///
/// [`LoadError`], which says what to do about it.
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
