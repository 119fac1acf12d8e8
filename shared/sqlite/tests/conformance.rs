//! The embedded store keeps what the ports promise.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use halogard_app::budget::SharedBudget;
use halogard_app::ports::{Clock as _, Lane};
use halogard_conformance::{
    BudgetFixture, ManualClock, QueueFixture, StoreFixture, TimeSource, VaultFixture, suite,
};
use halogard_domain::Timestamp;
use halogard_domain::budget::Limit;
use halogard_sqlite::{Store, StoreKey};
use tempfile::TempDir;

/// A store in a folder of its own.
struct SqliteFixture {
    store: Store<ManualClock>,
    clock: ManualClock,
    folder: TempDir,
}

impl SqliteFixture {
    fn open(folder: TempDir, clock: ManualClock) -> Self {
        let key = StoreKey::load_or_create(&folder.path().join("store.key")).unwrap();
        let path = folder.path().join("halogard.db");
        Self {
            store: Store::open(&path, key, clock.clone()).unwrap(),
            clock,
            folder,
        }
    }
}

impl StoreFixture for SqliteFixture {
    type Store = Store<ManualClock>;

    const TIME_SOURCE: TimeSource = TimeSource::Manual;

    async fn fresh() -> Self {
        Self::open(tempfile::tempdir().unwrap(), ManualClock::default())
    }

    fn store(&self) -> Self::Store {
        self.store.clone()
    }

    async fn reopen(self) -> Self {
        drop(self.store);
        Self::open(self.folder, self.clock)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

impl QueueFixture for SqliteFixture {
    async fn send_raw(&self, lane: Lane, body: &str) {
        self.store.send_raw(lane, body).unwrap();
    }
}

impl BudgetFixture for SqliteFixture {
    type Budget = SharedBudget<Store<ManualClock>, ManualClock>;

    fn budget(&self, limit: Limit) -> Self::Budget {
        SharedBudget::new(self.store.clone(), limit, self.clock.clone())
    }
}

impl VaultFixture for SqliteFixture {
    fn at_rest(&self) -> Option<Vec<u8>> {
        let files = fs::read_dir(&self.folder).unwrap();
        let files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
        assert!(files.iter().any(|file| file.ends_with("halogard.db-wal")));
        let held = files.iter().filter(|file| !file.ends_with("store.key"));
        Some(held.flat_map(|file| fs::read(file).unwrap()).collect())
    }
}

suite!(SqliteFixture: links, links_with_journal, alert_index, values, leases, records, queue, budget, journal, notifications, vault, retention);
