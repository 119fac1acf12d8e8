//! Why there is no emulator, and what to do about it.

use std::io;
use std::path::PathBuf;

/// The emulator, or the Python it runs on, could not be had.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// There is no Python to build on.
    #[error(
        "{program} does not run: {reason}. The tests need Python 3.11 to 3.14 with its `venv` module: \
         install it, or name another one in HALOGARD_PYTHON"
    )]
    NoPython {
        /// What was tried.
        program: String,
        /// What it said.
        reason: String,
    },
    /// The packages could not be installed.
    #[error(
        "the Python packages of the tests could not be installed into {folder}: {reason}. They come from \
         the package index that pip is set up for: check the connection and `pip config list`"
    )]
    Install {
        /// Where to.
        folder: PathBuf,
        /// The end of what pip said.
        reason: String,
    },
    /// A file or folder under the target folder could not be used.
    #[error("{path} could not be used: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The emulator ended, or did not answer in time.
    #[error("the emulator {what}; its log: {log}")]
    NotUp {
        /// What it did.
        what: String,
        /// Where it says why.
        log: PathBuf,
    },
    /// The emulator did not take an order.
    #[error("the emulator did not take the time for account {account}: {reason}; its log: {log}")]
    Clock {
        /// The account.
        account: String,
        /// Why.
        reason: String,
        /// Where it says more.
        log: PathBuf,
    },
    /// A background task of the test's own runtime was ended.
    #[error("the start of the emulator was cut off by the end of the test that asked for it")]
    CutOff,
}

impl EmulatorError {
    /// `path` could not be used, because of `source`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
