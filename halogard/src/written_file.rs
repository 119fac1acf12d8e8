//! Files that commands write: whole or not at all, whatever ends the command.
//!
//! A draft is locked while its process lives. What a killed process left behind is removed when a file of the same
//! name is begun again; a signal that ends the process removes it at once.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::failure::{FailureKind, Refused};

/// Names that are tried for a draft: a killed command may have left some.
const NAMES_MAX: u32 = 1000;

/// How the name of a draft ends.
const DRAFT_END: &str = ".part";

/// Number of the next draft of this process.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// The drafts of this process.
static DRAFTS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

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
        remove_left_behind(path);
        let (file, draft) = create_draft(path, &options)?;
        // Where files cannot be locked, the draft of another process may look left behind: it is then written again.
        file.try_lock().unwrap_or_default();
        drafts().push(draft.clone());
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

    /// Gives the content its name, in the place of the file that may be there.
    pub fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.draft, &self.path)?;
        flush_folder(&self.path)
    }
}

impl Drop for DraftFile {
    fn drop(&mut self) {
        // After a rename there is nothing of this name.
        fs::remove_file(&self.draft).unwrap_or_default();
        drafts().retain(|draft| *draft != self.draft);
    }
}

fn drafts() -> MutexGuard<'static, Vec<PathBuf>> {
    DRAFTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the drafts of this process, which is about to end.
pub fn remove_drafts() {
    for draft in drafts().drain(..) {
        fs::remove_file(draft).unwrap_or_default();
    }
}

/// Removes what killed processes left of the file `path`: drafts that no process holds. They may contain what the file
/// was to contain, secrets included.
pub fn remove_left_behind(path: &Path) {
    let Some(name) = path.file_name().map(|name| name.to_string_lossy()) else {
        return;
    };
    let Ok(entries) = fs::read_dir(folder_of(path)) else {
        return;
    };
    let ours = |entry: &fs::DirEntry| {
        let found = entry.file_name();
        let found = found.to_string_lossy();
        let number = found
            .strip_prefix(name.as_ref())
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(|rest| rest.strip_suffix(DRAFT_END));
        number.is_some_and(|number| {
            !number.is_empty() && number.chars().all(|it| it.is_ascii_digit() || it == '-')
        })
    };
    for entry in entries.flatten().filter(ours) {
        let left = entry.path();
        let is_free = File::open(&left).is_ok_and(|file| file.try_lock().is_ok());
        if is_free {
            fs::remove_file(left).unwrap_or_default();
        }
    }
}

/// Whether the new file `path` may be written, as far as that is known before.
pub fn check_new(path: &Path) -> io::Result<()> {
    match (path.exists(), folder_of(path).is_dir()) {
        (true, _) => Err(io::ErrorKind::AlreadyExists.into()),
        (false, true) => Ok(()),
        (false, false) => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Why the file `path` was not written, and what to do.
pub fn refusal(path: &Path, error: &io::Error) -> Refused {
    let file = path.display();
    let (message, remedy) = match error.kind() {
        io::ErrorKind::AlreadyExists => (
            format!("{file} already exists"),
            "name another file".to_owned(),
        ),
        io::ErrorKind::NotFound => (
            format!(
                "{file} cannot be written: there is no folder {}",
                folder_of(path).display()
            ),
            "make the folder, or name a file in another one".to_owned(),
        ),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => (
            format!("{file} cannot be written: {error}"),
            "name a file in a folder that this user may write to".to_owned(),
        ),
        _ => (
            format!("{file} cannot be written: {error}"),
            "name a file in another folder".to_owned(),
        ),
    };
    Refused::new(FailureKind::InvalidFile, message, remedy)
}

/// Opens a file of a name that is used by no other one, beside `path`.
fn create_draft(path: &Path, options: &OpenOptions) -> io::Result<(File, PathBuf)> {
    let mut tried = 0;
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}-{number}{DRAFT_END}", std::process::id()));
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

/// Begins the file `path` as `replace` says: in the place of the one that may be there, or refused where there is one.
pub fn begin(path: &Path, readers: Readers, replace: bool) -> io::Result<DraftFile> {
    match replace {
        true => DraftFile::begin(path, readers),
        false => DraftFile::begin_new(path, readers),
    }
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
