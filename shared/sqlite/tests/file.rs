//! What holds beyond the ports' promises, because it is this file.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::time::Duration;

use halogard_app::ports::Clock as _;
use halogard_app::ports::{
    ErrorCode, Journal as _, JournalEntry, Lane, Links as _, Outgoing, Revision, Stage, Vault as _,
    VaultError, WorkQueue as _, WorkSink as _,
};
use halogard_conformance::ManualClock;
use halogard_domain::ids::AlertId;
use halogard_domain::message::Cause;
use halogard_domain::{Link, Message};
use halogard_sqlite::{Store, StoreKey};
use rusqlite::Connection;
use secrecy::SecretString;
use tempfile::TempDir;

/// Two keys.
const KEYS: [&str; 2] = [
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
];

/// A store, and where it is.
struct TempStore {
    store: Store<ManualClock>,
    path: PathBuf,
    folder: TempDir,
}

impl TempStore {
    fn new() -> Self {
        Self::with_key(tempfile::tempdir().unwrap(), KEYS[0])
    }

    fn with_key(folder: TempDir, key: &str) -> Self {
        let path = folder.path().join("halogard.db");
        let key = StoreKey::from_text(key).unwrap();
        let store = Store::open(&path, key, ManualClock::default()).unwrap();
        Self {
            store,
            path,
            folder,
        }
    }

    /// What a person with a shell has.
    fn shell(&self) -> Connection {
        Connection::open(&self.path).unwrap()
    }
}

/// Runs a future that is ready at once, as all of this store's are.
fn now<T>(future: impl Future<Output = T>) -> T {
    use std::task::{Context, Poll, Waker};

    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("the embedded store never waits"),
    }
}

fn put(room: &TempStore, name: &str, version: &str, stage: Stage) {
    let value = SecretString::from("a value");
    now(room.store.put(name, version, &value, stage)).unwrap();
}

#[test]
fn the_journal_cannot_be_rewritten_by_hand() {
    let room = TempStore::new();
    let entry = JournalEntry {
        at: ManualClock::default().now(),
        alert: Some(AlertId::new(1)),
        ticket: None,
        event: "opened".to_owned(),
        cause: "poll".to_owned(),
        detail: None,
    };
    now(room.store.append(std::slice::from_ref(&entry))).unwrap();

    for change in ["UPDATE journal SET what = 'closed'", "DELETE FROM journal"] {
        let error = room.shell().execute(change, ()).unwrap_err();
        assert!(error.to_string().contains("the journal is append-only"));
    }

    assert_eq!(
        now(room.store.journal(AlertId::new(1), 10)).unwrap(),
        [entry]
    );
}

#[test]
fn messages_are_taken_in_all_or_none() {
    let room = TempStore::new();
    room.shell()
        .execute_batch(
            "CREATE TRIGGER fault BEFORE INSERT ON queue WHEN NEW.body LIKE '%\"alert\":3,%'
             BEGIN SELECT RAISE(ABORT, 'disk full'); END",
        )
        .unwrap();
    let look_at = |id| Outgoing::from(Message::reconcile_alert(AlertId::new(id), Cause::Poll));

    let outcome = now(room.store.send(Lane::Bulk, &[1, 2, 3, 4].map(look_at)));

    let error = outcome.unwrap_err();
    assert_eq!(error.code, ErrorCode::StoreFailed);
    assert!(error.chain().contains("disk full"), "{}", error.chain());
    assert_eq!(now(room.store.depth(Lane::Bulk)).unwrap(), 0);
    now(room.store.send(Lane::Bulk, &[1, 2, 4].map(look_at))).unwrap();
    assert_eq!(now(room.store.depth(Lane::Bulk)).unwrap(), 3);
}

#[test]
fn what_a_crashed_process_had_in_flight_is_delivered_at_once_and_counts() {
    let room = TempStore::new();
    let look_at = |id| Outgoing::from(Message::reconcile_alert(AlertId::new(id), Cause::Poll));
    now(room.store.send(Lane::Bulk, &[1, 2, 3].map(look_at))).unwrap();
    let hidden = Duration::from_secs(600);
    let in_flight = now(room.store.receive(Lane::Bulk, 2, hidden)).unwrap();

    assert_eq!(room.store.requeue_in_flight().unwrap(), 2);
    assert_eq!(room.store.requeue_in_flight().unwrap(), 0, "safe to repeat");

    now(room.store.ack(Lane::Bulk, &in_flight[0].receipt)).unwrap();
    let again = now(room.store.receive(Lane::Bulk, 9, hidden)).unwrap();
    assert_eq!(again.len(), 3, "the dead process's receipt settles nothing");
    let counts: Vec<u32> = again
        .iter()
        .map(|delivery| delivery.receive_count)
        .collect();
    assert_eq!(
        counts.iter().filter(|count| **count == 2).count(),
        2,
        "{counts:?}"
    );
}

#[test]
fn another_key_reads_no_secret_and_everything_else() {
    let room = TempStore::new();
    put(&room, "halopsa", "a", Stage::Current);
    let link = Link::new(AlertId::new(1));
    now(room.store.save(&link, &[], Revision(0))).unwrap();
    drop(room.store);

    let room = TempStore::with_key(room.folder, KEYS[1]);

    let outcome = now(room.store.read("halopsa", Stage::Current));
    assert!(matches!(outcome, Err(VaultError::Unreadable { name }) if name == "halopsa"));
    let value = SecretString::from("a value");
    let repeat = now(room.store.put("halopsa", "a", &value, Stage::Current));
    assert!(matches!(repeat, Err(VaultError::Unreadable { .. })));
    let found = now(room.store.load(AlertId::new(1))).unwrap();
    assert_eq!(found.unwrap().value, link);

    put(&room, "halopsa", "b", Stage::Current);
    assert!(
        now(room.store.read("halopsa", Stage::Current))
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_sealed_value_opens_in_its_own_place_only() {
    let room = TempStore::new();
    put(&room, "halopsa", "a", Stage::Current);
    put(&room, "liongard", "a", Stage::Current);
    let moves = [
        "UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'liongard')
         WHERE name = 'halopsa'",
        "UPDATE secrets SET version = 'b' WHERE name = 'halopsa'",
        "UPDATE secrets SET sealed = x'00' WHERE name = 'halopsa'",
        "UPDATE secrets SET sealed = zeroblob(40) WHERE name = 'halopsa'",
    ];

    for tampering in moves {
        room.shell().execute(tampering, ()).unwrap();
        let outcome = now(room.store.read("halopsa", Stage::Current));
        assert!(matches!(outcome, Err(VaultError::Unreadable { .. })));
    }
    assert!(
        now(room.store.read("liongard", Stage::Current))
            .unwrap()
            .is_some()
    );
}

#[test]
fn the_same_value_is_sealed_differently_each_time() {
    let room = TempStore::new();
    put(&room, "halopsa", "a", Stage::Current);
    put(&room, "halopsa", "b", Stage::Pending);
    let distinct =
        "SELECT count(DISTINCT sealed), count(DISTINCT substr(sealed, 1, 12)) FROM secrets";
    let shell = room.shell();
    let counts: (u32, u32) = shell
        .query_row(distinct, (), |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(counts, (2, 2));
}

#[test]
fn an_identity_that_does_not_fit_is_refused_and_not_bent() {
    let room = TempStore::new();
    let link = Link::new(AlertId::new(u64::MAX));
    assert!(now(room.store.save(&link, &[], Revision(0))).is_err());
    assert!(now(room.store.load(AlertId::new(u64::MAX))).is_err());

    let largest = Link::new(AlertId::new(u64::MAX >> 1));
    now(room.store.save(&largest, &[], Revision(0))).unwrap();
    assert!(now(room.store.load(largest.alert)).unwrap().is_some());
}

#[test]
fn a_damaged_record_is_an_error_that_shows_nothing_of_it() {
    let room = TempStore::new();
    now(room
        .store
        .save(&Link::new(AlertId::new(1)), &[], Revision(0)))
    .unwrap();
    room.shell()
        .execute("UPDATE links SET body = '{\"alert\":\"planted\"}'", ())
        .unwrap();

    let error = now(room.store.load(AlertId::new(1))).unwrap_err();

    let text = error.chain();
    assert!(text.contains("table links"), "{text}");
    assert!(text.contains("JSON of another form at line 1"), "{text}");
    assert!(!text.contains("planted") && !format!("{error:?}").contains("planted"));
}

#[test]
fn lists_and_queue_are_read_by_index() {
    let room = TempStore::new();
    let shell = room.shell();
    for (query, index) in [
        (
            "SELECT body FROM links WHERE alert > 1 AND parked = 1 ORDER BY alert LIMIT 9",
            "links_parked",
        ),
        (
            "SELECT id FROM queue WHERE lane = 'bulk' AND visible_at <= 1
             ORDER BY visible_at, id LIMIT 9",
            "queue_by_time",
        ),
        (
            "SELECT at FROM journal WHERE alert = 1 ORDER BY at, id LIMIT 9",
            "journal_by_alert",
        ),
    ] {
        let plan: Vec<String> = shell
            .prepare(&format!("EXPLAIN QUERY PLAN {query}"))
            .unwrap()
            .query_map((), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(plan.len(), 1, "no sorting besides: {plan:?}");
        assert!(plan[0].contains(index), "{plan:?}");
    }
}
