//! What the file gives back, and what stays in it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use halogard_app::ports::{Clock as _, Journal, JournalEntry, Lane, Pruning, WorkQueue};
use halogard_conformance::ManualClock;
use halogard_domain::Timestamp;
use halogard_domain::ids::AlertId;
use halogard_sqlite::{Store, StoreKey};
use rusqlite::Connection;
use tempfile::TempDir;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct Room {
    store: Store<ManualClock>,
    clock: ManualClock,
    folder: TempDir,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = StoreKey::load_or_create(&folder.path().join("store.key")).unwrap();
        let clock = ManualClock::default();
        let store = Store::open(&folder.path().join("halogard.db"), key, clock.clone()).unwrap();
        Self {
            store,
            clock,
            folder,
        }
    }

    fn shell(&self) -> Connection {
        Connection::open(self.folder.path().join("halogard.db")).unwrap()
    }

    async fn append(&self, times: impl IntoIterator<Item = Timestamp>) {
        let entry = |at| JournalEntry {
            at,
            alert: Some(AlertId::new(1)),
            ticket: None,
            event: "opened".to_owned(),
            cause: "poll".to_owned(),
            detail: Some("x".repeat(1_000)),
        };
        let entries: Vec<_> = times.into_iter().map(entry).collect();
        self.store.append(&entries).await.unwrap();
    }

    async fn prune(&self, limit: usize) -> usize {
        self.store.prune(self.clock.now(), limit).await.unwrap()
    }

    fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.shell().query_row(&sql, (), |row| row.get(0)).unwrap()
    }
}

#[tokio::test]
async fn the_journal_is_shortened_by_pruning_only_and_by_its_age_only() {
    let room = Room::new();
    let old = room.clock.now();
    room.append([old, old]).await;
    room.clock.advance(DAY * 366);
    room.append([room.clock.now()]).await;
    for change in [
        "DELETE FROM journal",
        "DELETE FROM journal WHERE id = 1",
        "UPDATE journal SET at = 0",
    ] {
        let error = room.shell().execute(change, ()).unwrap_err();
        assert!(error.to_string().contains("the journal is append-only"));
    }
    assert_eq!(room.prune(200).await, 2);
    assert_eq!(room.prune(200).await, 0);
    assert_eq!(room.count("journal"), 1);
    assert_eq!(room.count("journal_pruning"), 0);
    let error = room.shell().execute("DELETE FROM journal", ()).unwrap_err();
    assert!(error.to_string().contains("the journal is append-only"));
}

#[tokio::test]
async fn what_a_clock_that_was_behind_wrote_goes_with_what_stands_before_it() {
    let room = Room::new();
    let now = room.clock.now();
    room.append([now, Timestamp::EPOCH, now]).await;
    assert_eq!(room.prune(200).await, 0, "it is as young as its neighbours");
    room.clock.advance(DAY * 366);
    assert_eq!(room.prune(200).await, 3);
}

#[tokio::test]
async fn what_a_clock_that_was_ahead_wrote_keeps_nothing_from_going() {
    let room = Room::new();
    let now = room.clock.now();
    room.append([now, now.plus(DAY * 36_500), now]).await;
    room.clock.advance(DAY * 366);
    assert_eq!(room.prune(200).await, 2);
    assert_eq!(room.count("journal"), 1);
}

#[tokio::test]
async fn one_transaction_deletes_no_more_than_it_was_asked_to() {
    let room = Room::new();
    let now = room.clock.now();
    room.append([now; 7]).await;
    room.clock.advance(DAY * 366);
    let mut steps = Vec::new();
    loop {
        match room.prune(3).await {
            0 => break,
            deleted => steps.push(deleted),
        }
    }
    assert_eq!(steps, [3, 3, 1]);
}

#[tokio::test]
async fn dead_letters_go_after_their_age() {
    let room = Room::new();
    let dead_letter = |body: &'static str| {
        room.store.send_raw(Lane::Urgent, body).unwrap();
        async {
            let hidden = Duration::from_secs(60);
            let taken = room.store.receive(Lane::Urgent, 1, hidden).await.unwrap();
            let dead = room
                .store
                .dead_letter(Lane::Urgent, &taken[0].receipt, "a reason");
            dead.await.unwrap();
        }
    };
    dead_letter("old").await;
    room.clock.advance(DAY * 29);
    dead_letter("young").await;
    assert_eq!(room.prune(200).await, 0);
    room.clock.advance(DAY * 2);
    assert_eq!(room.prune(200).await, 1);
    let left = room.store.dead_letters(10).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].body, "young");
}

#[tokio::test]
async fn the_file_becomes_smaller() {
    let room = Room::new();
    let now = room.clock.now();
    room.append(vec![now; 5_000]).await;
    let pages = || -> i64 {
        let shell = room.shell();
        shell
            .query_row("PRAGMA page_count", (), |row| row.get(0))
            .unwrap()
    };
    let before = pages();
    room.clock.advance(DAY * 366);
    while room.prune(200).await > 0 {}
    let after = pages();
    assert!(after * 10 < before, "{before} pages became {after}");
}
