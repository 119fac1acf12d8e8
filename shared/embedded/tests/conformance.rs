//! The embedded store keeps what the ports promise.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use halogard_app::budget::SharedBudget;
use halogard_app::ports::{Clock as _, Lane};
use halogard_conformance::{Bench, BudgetBench, MovableClock, QueueBench, Time, VaultBench, suite};
use halogard_domain::Timestamp;
use halogard_domain::budget::Limit;
use halogard_embedded::{Store, StoreKey};
use tempfile::TempDir;

/// A store in a folder of its own.
struct OnDisk {
    store: Store<MovableClock>,
    clock: MovableClock,
    folder: TempDir,
}

impl OnDisk {
    fn open(folder: TempDir, clock: MovableClock) -> Self {
        let key = StoreKey::load_or_create(&folder.path().join("store.key")).unwrap();
        let path = folder.path().join("halogard.db");
        Self {
            store: Store::open(&path, key, clock.clone()).unwrap(),
            clock,
            folder,
        }
    }
}

impl Bench for OnDisk {
    type Store = Store<MovableClock>;

    const TIME: Time = Time::Movable;

    async fn fresh() -> Self {
        Self::open(tempfile::tempdir().unwrap(), MovableClock::default())
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

    async fn pass(&self, by: Duration) {
        self.clock.advance(by);
    }
}

impl QueueBench for OnDisk {
    async fn send_raw(&self, lane: Lane, body: &str) {
        self.store.send_raw(lane, body).unwrap();
    }
}

impl BudgetBench for OnDisk {
    type Budget = SharedBudget<Store<MovableClock>, MovableClock>;

    fn budget(&self, limit: Limit) -> Self::Budget {
        SharedBudget::new(self.store.clone(), limit, self.clock.clone())
    }
}

impl VaultBench for OnDisk {
    fn at_rest(&self) -> Option<Vec<u8>> {
        let files = fs::read_dir(&self.folder).unwrap();
        let files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
        assert!(files.iter().any(|file| file.ends_with("halogard.db-wal")));
        let held = files.iter().filter(|file| !file.ends_with("store.key"));
        Some(held.flat_map(|file| fs::read(file).unwrap()).collect())
    }
}

suite!(OnDisk: links, told, alert_index, marks, leases, runs, storms, sweeps, tokens, queue, budget, journal, notifications, vault);
