//! Several processes use one file at once: a worker and operator commands.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use halogard_app::ports::{
    Lane, Links as _, Outgoing, Records as _, Revision, SaveError, Swap, WorkQueue as _,
    WorkSink as _,
};
use halogard_conformance::ManualClock;
use halogard_domain::budget::Ledger;
use halogard_domain::ids::AlertId;
use halogard_domain::link::NoteClaim;
use halogard_domain::message::Cause;
use halogard_domain::record::Singleton;
use halogard_domain::{Link, Message, Timestamp};
use halogard_sqlite::{Store, StoreKey};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rusqlite::Connection;
use tokio::time::Instant;

/// Where a child process finds the store; no other process has it set.
const FOLDER: &str = "HALOGARD_PROCESS_TEST_FOLDER";

/// What a child process is: `worker` or `command`.
const ROLE: &str = "HALOGARD_PROCESS_TEST_ROLE";

/// How often a child process writes before it ends.
const ROUNDS: &str = "HALOGARD_PROCESS_TEST_ROUNDS";

/// The link whose number every process increments.
const COUNTER: AlertId = AlertId::new(1);

/// The store in `folder`, as `role` opens it.
fn open(folder: &Path, role: &str) -> Store<ManualClock> {
    let key = StoreKey::load_or_create(&folder.join("store.key")).unwrap();
    let path = folder.join("halogard.db");
    let clock = ManualClock::default();
    match role {
        "worker" => Store::open(&path, key, clock),
        _ => Store::open_or_create(&path, key, clock),
    }
    .unwrap()
}

/// Adds one to the number in the link by conditional writes. Returns the number it wrote and how many
/// conflicts it met on the way.
async fn increment(store: &Store<ManualClock>) -> (u64, u64) {
    let mut conflicts = 0;
    loop {
        let found = store.load(COUNTER).await.unwrap();
        let (before, revision) = found.map_or((0, Revision(0)), |found| {
            (
                found.value.note_claim.map_or(0, |claim| claim.text_hash),
                found.revision,
            )
        });
        let mut link = Link::new(COUNTER);
        link.note_claim = Some(NoteClaim {
            text_hash: before + 1,
            until: Timestamp::EPOCH,
        });
        match store.save(&link, &[], revision).await {
            Ok(_) => return (before + 1, conflicts),
            Err(SaveError::Conflict) => conflicts += 1,
            Err(SaveError::Store(error)) => panic!("{}", error.chain()),
        }
    }
}

/// Writes the ledger once more, as a taken permit does. Returns its conflicts.
async fn swap_ledger(store: &Store<ManualClock>) -> u64 {
    let mut conflicts = 0;
    let mut stored = store.load_record::<Ledger>(&Singleton).await.unwrap();
    loop {
        match store
            .swap_record(&Singleton, &stored.value, stored.revision)
            .await
            .unwrap()
        {
            Swap::Stored(_) => return conflicts,
            Swap::Conflict(newest) => {
                conflicts += 1;
                stored = newest;
            }
        }
    }
}

/// Not a test by itself: a process that writes.
#[tokio::test]
async fn a_process_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let role = std::env::var_os(ROLE).unwrap();
    let rounds = std::env::var_os(ROUNDS).unwrap();
    let rounds: u64 = rounds.to_str().unwrap().parse().unwrap();
    let store = open(Path::new(&folder), role.to_str().unwrap());
    for _ in 0..rounds {
        let (number, conflicts) = increment(&store).await;
        let more = swap_ledger(&store).await;
        let message = Message::reconcile_alert(AlertId::new(number), Cause::Poll);
        store
            .send(Lane::Bulk, &[Outgoing::from(message)])
            .await
            .unwrap();
        let line = format!("wrote {number} {}\n", conflicts + more);
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    }
}

/// A child process and what it reports.
struct Writer {
    child: Child,
    reports: std::io::Lines<BufReader<ChildStdout>>,
}

impl Writer {
    /// Starts a process that writes `rounds` times as `role`.
    fn start(folder: &Path, role: &str, rounds: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "a_process_writes_until_it_is_killed",
                "--nocapture",
            ])
            .env(FOLDER, folder)
            .env(ROLE, role)
            .env(ROUNDS, rounds.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let reports = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, reports }
    }

    /// The next number it wrote, with the conflicts it met; `None` when it has ended.
    fn next(&mut self) -> Option<(u64, u64)> {
        loop {
            let line = self.reports.next()?.unwrap();
            let Some((_, report)) = line.split_once("wrote ") else {
                continue;
            };
            let (number, conflicts) = report.split_once(' ').unwrap();
            return Some((number.parse().unwrap(), conflicts.parse().unwrap()));
        }
    }

    /// All further reports, and whether it ended well.
    fn rest(mut self) -> (Vec<(u64, u64)>, bool) {
        let rest = std::iter::from_fn(|| self.next()).collect();
        (rest, self.child.wait().unwrap().success())
    }
}

/// The alerts of all messages in the queue, repeated ones repeated.
fn queued(folder: &Path) -> Vec<u64> {
    let shell = Connection::open(folder.join("halogard.db")).unwrap();
    shell
        .prepare("SELECT body ->> '$.alert' FROM queue ORDER BY id")
        .unwrap()
        .query_map((), |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// Asserts that the file is sound.
fn check_integrity(folder: &Path) {
    let shell = Connection::open(folder.join("halogard.db")).unwrap();
    let verdict: String = shell
        .pragma_query_value(None, "integrity_check", |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
}

#[tokio::test]
async fn a_worker_and_two_commands_write_at_once_and_nothing_is_lost() {
    const EACH: u64 = 300;
    let folder = tempfile::tempdir().unwrap();
    let writers =
        ["worker", "command", "command"].map(|role| Writer::start(folder.path(), role, EACH));
    let mut numbers = BTreeSet::new();
    let mut conflicts = 0;
    for writer in writers {
        let (reports, succeeded) = writer.rest();
        assert!(succeeded, "a process failed");
        assert_eq!(reports.len(), 300);
        for (number, met) in reports {
            assert!(numbers.insert(number), "{number} was written twice");
            conflicts += met;
        }
    }
    // Every conditional write counted exactly once.
    assert_eq!(numbers, (1..=3 * EACH).collect());
    let mut queued = queued(folder.path());
    queued.sort_unstable();
    assert_eq!(queued, (1..=3 * EACH).collect::<Vec<_>>());
    let store = open(folder.path(), "worker");
    assert_eq!(
        store
            .load_record::<Ledger>(&Singleton)
            .await
            .unwrap()
            .revision,
        Revision(3 * EACH)
    );
    check_integrity(folder.path());
    println!("{} conditional writes, {conflicts} conflicts", 6 * EACH);
    assert!(conflicts > 0, "they did not write at once");
}

#[tokio::test]
async fn whichever_process_is_killed_the_other_goes_on_and_nothing_reported_is_lost() {
    const KILLS: u32 = 20;
    let seed = 20_261_128;
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut reported = BTreeSet::new();
    for kill in 0..KILLS {
        let roles = if kill.is_multiple_of(2) {
            ["worker", "command"]
        } else {
            ["command", "worker"]
        };
        let mut killed = Writer::start(folder.path(), roles[0], u64::MAX);
        let survivor = Writer::start(folder.path(), roles[1], 60);
        for _ in 0..random.random_range(1..40) {
            reported.insert(killed.next().unwrap().0);
        }
        killed.child.kill().unwrap();
        let (rest, succeeded) = killed.rest();
        assert!(!succeeded, "it was killed");
        reported.extend(rest.into_iter().map(|(number, _)| number));
        let (written, succeeded) = survivor.rest();
        assert!(succeeded, "the survivor failed (seed {seed})");
        assert_eq!(written.len(), 60);
        reported.extend(written.into_iter().map(|(number, _)| number));
        check_integrity(folder.path());
    }
    let queued: BTreeSet<u64> = queued(folder.path()).into_iter().collect();
    assert!(
        reported.is_subset(&queued),
        "a message is lost (seed {seed})"
    );
    let store = open(folder.path(), "worker");
    let counted = store.load(COUNTER).await.unwrap().unwrap().value.note_claim;
    let counted = counted.unwrap().text_hash;
    assert!(Some(&counted) >= reported.last(), "{counted} (seed {seed})");
    println!("{} writes reported, {KILLS} kills", reported.len());
}

#[tokio::test]
async fn no_call_of_a_command_beside_a_busy_worker_gives_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut worker = Writer::start(folder.path(), "worker", u64::MAX);
    worker.next().unwrap();
    let began = Instant::now();
    let store = open(folder.path(), "command");
    let mut waits = vec![began.elapsed()];
    for number in 0..200 {
        let began = Instant::now();
        let message = Message::reconcile_alert(AlertId::new(1_000_000 + number), Cause::Poll);
        store
            .send(Lane::Urgent, &[Outgoing::from(message)])
            .await
            .unwrap();
        store.depth(Lane::Urgent).await.unwrap();
        waits.push(began.elapsed());
        // The worker writes in between.
        std::thread::sleep(Duration::from_millis(5));
    }
    worker.child.kill().unwrap();
    let (written, _) = worker.rest();
    waits.sort_unstable();
    let (middle, longest) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    println!(
        "waits: median {middle:?}, longest {longest:?}; the worker wrote {} times",
        written.len()
    );
    // A call that waits longer than the store's limit fails, so each of them came through.
    let sent = queued(folder.path());
    assert_eq!(
        sent.iter().filter(|alert| **alert >= 1_000_000).count(),
        200
    );
}

#[tokio::test]
async fn a_file_that_another_process_holds_suspends_the_call_and_not_its_thread() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), "worker");
    let other = Connection::open(folder.path().join("halogard.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let message = || Outgoing::from(Message::reconcile_alert(AlertId::new(1), Cause::Poll));
    let waiting = tokio::spawn({
        let (store, message) = (store.clone(), message());
        async move { store.send(Lane::Urgent, &[message]).await }
    });
    // One that gives up does nothing, now or later; reading continues.
    for _ in 0..3 {
        let messages = [message()];
        let sent = store.send(Lane::Urgent, &messages);
        let given_up = tokio::time::timeout(Duration::from_millis(50), sent).await;
        assert!(
            given_up.is_err(),
            "the call blocked its thread: {given_up:?}"
        );
        assert_eq!(store.depth(Lane::Urgent).await.unwrap(), 0);
    }
    assert!(!waiting.is_finished());
    other.execute_batch("ROLLBACK").unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(store.depth(Lane::Urgent).await.unwrap(), 1);
}
