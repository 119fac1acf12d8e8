//! The key that seals secrets, and where it lives.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use halogard_sealing::{KEY_BYTES, SealingKey};

use crate::access;

/// Seals the secrets of one store. A reader who has the file but not the key learns none of them.
pub struct StoreKey(pub(crate) SealingKey);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not 32 bytes in Base64.
    #[error("a store key is 32 bytes in Base64")]
    Malformed,
    /// The key file holds something else.
    #[error("{} holds no store key: 32 bytes in Base64; restore it from a backup", path.display())]
    MalformedFile {
        /// The key file.
        path: PathBuf,
    },
    /// Other people on the machine may read the key file, and that cannot be put right.
    #[error(
        "{path} may be used by others than its owner (mode {mode:03o}); run: chmod 600 '{path}'",
        path = path.display()
    )]
    Exposed {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file cannot be read or made.
    #[error(
        "the key file {} cannot be read or made; run the command as the user that runs `halogard serve` and owns the \
         data folder",
        path.display()
    )]
    File {
        /// The key file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The operating system gave no random numbers.
    #[error("cannot generate a store key: no system randomness")]
    Random(#[from] getrandom::Error),
}

impl StoreKey {
    /// Reads the key from the file `path`; draws one and keeps it there when there is no such file. A file
    /// that others may read is put right.
    ///
    /// The file appears whole or not at all, readable for its owner only. Two processes that start
    /// at once end up with the same key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Exposed`] names the command that fixes it.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        let file = |source| KeyError::File {
            path: path.to_owned(),
            source,
        };
        match Self::load(path) {
            Err(KeyError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                create(path, &draw::<KEY_BYTES>()?).map_err(file)?;
                Self::load(path)
            }
            other => other,
        }
    }

    /// A key that is kept nowhere.
    ///
    /// # Errors
    ///
    /// [`KeyError::Random`].
    pub fn draw() -> Result<Self, KeyError> {
        Ok(Self(SealingKey::new(&draw::<KEY_BYTES>()?)))
    }

    /// Reads the key from Base64; blanks around it are forgiven.
    ///
    /// # Errors
    ///
    /// [`KeyError::Malformed`] for anything but 32 bytes.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let bytes = BASE64_STANDARD
            .decode(text.trim())
            .map_err(|_| KeyError::Malformed)?;
        let key = bytes.try_into().map_err(|_| KeyError::Malformed)?;
        Ok(Self(SealingKey::new(&key)))
    }

    /// Reads the key from the file `path`.
    fn load(path: &Path) -> Result<Self, KeyError> {
        let file = |source| KeyError::File {
            path: path.to_owned(),
            source,
        };
        let opened = File::open(path).map_err(file)?;
        if refuse_exposed(path, &opened).is_err() {
            tracing::warn!(
                file = %path.display(),
                "others could read the key of the store until now; if other people use this machine, rotate \
                 the credentials"
            );
            access::make_private(path);
        }
        refuse_exposed(path, &opened)?;
        let text = io::read_to_string(opened).map_err(file)?;
        Self::from_text(&text).map_err(|_| KeyError::MalformedFile {
            path: path.to_owned(),
        })
    }
}

/// Random bytes from the operating system.
fn draw<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Puts `key` into a new file at `path`; leaves a file that is there by now as it is.
///
/// Written under another name and then linked: a link never replaces a file, and a crash before it
/// leaves no half a key.
fn create(path: &Path, key: &[u8; KEY_BYTES]) -> io::Result<()> {
    let [a, b, c, d] = draw::<4>()?;
    let draft = path.with_extension(format!("{a:02x}{b:02x}{c:02x}{d:02x}.new"));
    let written = write_draft(&draft, key).and_then(|()| access::give_to_owner_of_folder(&draft));
    let linked = written.and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    fs::remove_file(&draft)?;
    linked
}

/// Writes `key` to a file of its own, safely on the disk.
fn write_draft(draft: &Path, key: &[u8; KEY_BYTES]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft)?;
    writeln!(file, "{}", BASE64_STANDARD.encode(key))?;
    file.sync_all()
}

/// Refuses a key file that others than its owner may use.
#[cfg(unix)]
fn refuse_exposed(path: &Path, file: &File) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt as _;

    let metadata = file.metadata().map_err(|source| KeyError::File {
        path: path.to_owned(),
        source,
    })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

/// Elsewhere the folder's own access rules decide.
#[cfg(not(unix))]
fn refuse_exposed(_path: &Path, _file: &File) -> Result<(), KeyError> {
    Ok(())
}
