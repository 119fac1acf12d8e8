//! The store of a run: opening, copying and putting back.

use std::path::Path;

use halogard_sqlite::{Store, StoreKey};
use tempfile::TempDir;

use super::{Next, Run};

/// What the store seals secrets with.
const STORE_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

impl Run {
    pub(super) fn open_store(&mut self) {
        let key = StoreKey::from_text(STORE_KEY).expect("a key in base64");
        let path = self.folder.path().join("halogard.db");
        let store = Store::open(&path, key, self.machine.clone()).expect("the store opens");
        self.store = Some(store);
    }

    /// Copies the store, with every process stopped for a moment.
    pub(super) fn back_up(&mut self) {
        self.stop_all();
        let copy = folder();
        copy_files(self.folder.path(), copy.path());
        self.backup = Some((copy, self.now()));
        self.open_store();
        self.start_all();
    }

    /// Puts the copy back.
    pub(super) fn restore(&mut self) {
        let Some((copy, copied_at)) = self.backup.take() else {
            return;
        };
        self.stop_all();
        self.folder = folder();
        copy_files(copy.path(), self.folder.path());
        self.open_store();
        {
            let mut core = self.sim.core();
            core.coverage.reached("store: restored from a backup");
            core.oracle.store_restored(copied_at);
        }
        self.start_all();
    }

    /// Starts everything with an empty store.
    pub(super) fn lose_store(&mut self) {
        self.stop_all();
        self.folder = folder();
        self.stores_lost = self.stores_lost.saturating_add(1);
        self.open_store();
        {
            let mut core = self.sim.core();
            core.coverage.reached("store: lost");
            core.oracle.store_restored(i64::MIN);
        }
        self.start_all();
    }

    fn stop_all(&mut self) {
        for group in 0..self.members.len() {
            self.stop(group);
        }
        self.agenda
            .retain(|_, next| !matches!(next, Next::Restart(_)));
        self.store = None;
    }
}

/// A folder for the store, in memory where the system has such a place.
pub(super) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        TempDir::new_in(memory)
    } else {
        TempDir::new()
    };
    made.expect("a folder for the store")
}

/// Copies every file of one folder to another.
fn copy_files(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).expect("the folder is there") {
        let file = file.expect("the folder can be read");
        std::fs::copy(file.path(), to.join(file.file_name())).expect("the file is copied");
    }
}
