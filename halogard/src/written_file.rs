//! Files that commands write: whole or not at all, whatever ends the command.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Names that are tried for a draft: a killed command may have left some.
const NAMES_MAX: u32 = 1000;

/// Number of the next draft of this process.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// Who may read a file.
pub enum Readers {
    /// Its owner alone.
    Owner,
    /// Everyone whom the account's own rule for new files lets.
    Usual,
    /// Those of another file.
    AsOf(Permissions),
}

/// The content of a file under a name of its own beside it, which ends with the draft.
pub struct DraftFile {
    file: File,
    draft: PathBuf,
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
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        if !matches!(readers, Readers::Usual) {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        let (file, draft) = create_draft(path, &options)?;
        let begun = Self {
            file,
            draft,
            path: path.to_owned(),
        };
        if let Readers::AsOf(permissions) = readers {
            begun.file.set_permissions(permissions)?;
        }
        Ok(begun)
    }

    /// Where its content goes.
    pub const fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives the content its name, unless a file has got it meanwhile.
    pub fn finish_new(self) -> io::Result<()> {
        self.file.sync_all()?;
        // A link never replaces a file. Where there are no links, a file that came meanwhile is noticed before.
        match fs::hard_link(&self.draft, &self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) if self.path.exists() => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(&self.draft, &self.path)?,
            Ok(()) => {}
        }
        flush_folder(&self.path)
    }

    /// Gives the content its name.
    fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.draft, &self.path)?;
        flush_folder(&self.path)
    }
}

impl Drop for DraftFile {
    fn drop(&mut self) {
        // After a rename there is nothing of this name.
        fs::remove_file(&self.draft).unwrap_or_default();
    }
}

/// Opens a file of a name that is used by no other one, beside `path`.
fn create_draft(path: &Path, options: &OpenOptions) -> io::Result<(File, PathBuf)> {
    let mut tried = 0;
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}-{number}.part", std::process::id()));
        let draft = path.with_file_name(name);
        match options.open(&draft) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tried < NAMES_MAX => {
                tried += 1;
            }
            opened => return opened.map(|file| (file, draft)),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.jsonl");
        let names = || {
            let names = fs::read_dir(folder.path()).unwrap();
            names.map(|it| it.unwrap().file_name()).collect::<Vec<_>>()
        };
        let mut draft = DraftFile::begin_new(&path, Readers::Owner).unwrap();
        draft.file().write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(draft);
        assert!(names().is_empty());
        create(&path, b"one", Readers::Usual).unwrap();
        assert!(create(&path, b"two", Readers::Owner).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        // Two at once have names of their own; the one that ends later wins.
        let mut first = DraftFile::begin(&path, Readers::Owner).unwrap();
        let mut second = DraftFile::begin(&path, Readers::Owner).unwrap();
        first.file().write_all(b"first").unwrap();
        second.file().write_all(b"second").unwrap();
        first.finish().unwrap();
        second.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names(), ["all.jsonl"]);
        // A file that came meanwhile stays.
        let other = folder.path().join("other");
        let late = DraftFile::begin_new(&other, Readers::Owner).unwrap();
        fs::write(&other, "theirs").unwrap();
        assert!(late.finish_new().is_err());
        assert_eq!(fs::read(&other).unwrap(), b"theirs");
        assert_eq!(names().len(), 2);
    }
}
