//! Files that commands write: whole or not at all, whatever ends the command.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Who may read a file.
pub enum Readers {
    /// Its owner alone.
    Owner,
    /// Everyone whom the account's own rule for new files lets.
    Usual,
    /// Those of another file.
    AsOf(Permissions),
}

/// The content of a file under a name of its own beside it.
pub struct DraftFile {
    draft: NamedTempFile,
    path: PathBuf,
}

impl DraftFile {
    /// Begins the new file `path`; refused where there is one.
    pub fn begin_new(path: &Path, readers: Readers) -> io::Result<Self> {
        if path.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Self::begin(path, readers)
    }

    /// Begins the file `path`, which may take the place of another one.
    fn begin(path: &Path, readers: Readers) -> io::Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&name).suffix(".part");
        #[cfg(unix)]
        let usual: Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        #[cfg(unix)]
        if matches!(readers, Readers::Usual) {
            builder.permissions(usual);
        }
        let draft = builder.tempfile_in(folder_of(path))?;
        if let Readers::AsOf(permissions) = readers {
            draft.as_file().set_permissions(permissions)?;
        }
        Ok(Self {
            draft,
            path: path.to_owned(),
        })
    }

    /// Where its content goes.
    pub fn file(&mut self) -> &mut File {
        self.draft.as_file_mut()
    }

    /// Gives the content its name, unless a file has got it meanwhile.
    pub fn finish_new(self) -> io::Result<()> {
        self.draft.as_file().sync_all()?;
        self.draft.persist_noclobber(&self.path)?;
        flush_folder(&self.path)
    }

    /// Gives the content its name.
    fn finish(self) -> io::Result<()> {
        self.draft.as_file().sync_all()?;
        self.draft.persist(&self.path)?;
        flush_folder(&self.path)
    }
}

/// Writes the new file `path`.
pub fn create(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    let mut draft = DraftFile::begin_new(path, readers)?;
    draft.file().write_all(content)?;
    draft.finish_new()
}

/// Writes the file `path` anew, in the place of the one that may be there.
pub fn replace(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    let mut draft = DraftFile::begin(path, readers)?;
    draft.file().write_all(content)?;
    draft.finish()
}

/// The folder of the file `path`.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Has the system keep the entry of the file `path` in its folder, where it lets that be asked for.
fn flush_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder_of(path))?.sync_all()?;
    }
    Ok(())
}
