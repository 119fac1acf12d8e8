//! The process is killed at any moment, again and again; what it had reported done is done.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use halogard_app::budget::SharedBudget;
use halogard_app::ports::{
    BudgetError, Lane, Links as _, Outgoing, RequestBudget as _, Revision, WorkQueue as _,
    WorkSink as _,
};
use halogard_conformance::ManualClock;
use halogard_domain::budget::Limit;
use halogard_domain::ids::AlertId;
use halogard_domain::link::NoteClaim;
use halogard_domain::message::Cause;
use halogard_domain::{Link, Message, Timestamp};
use halogard_sqlite::{Store, StoreKey};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rusqlite::Connection;

/// How often the process is killed.
const KILLS: u32 = 30;

/// Where the process to be killed finds its store; no other process has it set.
const FOLDER: &str = "HALOGARD_CRASH_TEST_FOLDER";

/// Links that are written over and over.
const LINKS: u64 = 5;

/// Any number of requests, so that every round finds free slots.
const LIMIT: Limit = Limit {
    requests_max: 1_000_000,
    window: Duration::from_secs(300),
};

/// The store in `folder`, on a clock that does not move: no slot frees and nothing comes back.
fn open(folder: &Path) -> Store<ManualClock> {
    let key = StoreKey::load_or_create(&folder.join("store.key")).unwrap();
    Store::open(&folder.join("halogard.db"), key, ManualClock::default()).unwrap()
}

/// Says on stdout, in one write, what has been done.
fn report(what: &str, number: u64) {
    let line = format!("did {what} {number}\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

/// Not a test by itself: the process that is killed.
#[tokio::test]
async fn a_process_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let store = open(Path::new(&folder));
    let budget = SharedBudget::new(store.clone(), LIMIT, ManualClock::default());
    let first = std::env::var_os("HALOGARD_CRASH_TEST_FIRST").unwrap();
    let first: u64 = first.to_str().unwrap().parse().unwrap();
    for number in first.. {
        save_link(&store, number).await;
        report("save", number);
        let message = Message::reconcile_alert(AlertId::new(number), Cause::Poll);
        store
            .send(Lane::Bulk, &[Outgoing::from(message)])
            .await
            .unwrap();
        report("send", number);
        if number.is_multiple_of(3) {
            work_one(&store).await;
        }
        if number.is_multiple_of(10) {
            budget.take().await.unwrap();
            report("take", number);
        }
    }
}

/// Notes `number` in one of the links.
async fn save_link(store: &Store<ManualClock>, number: u64) {
    let alert = AlertId::new(number % LINKS);
    let found = store.load(alert).await.unwrap();
    let revision = found.map_or(Revision(0), |stored| stored.revision);
    let mut link = Link::new(alert);
    link.note_claim = Some(NoteClaim {
        text_hash: number,
        until: Timestamp::EPOCH,
    });
    store.save(&link, &[], revision).await.unwrap();
}

/// Takes one message out and reports it done.
async fn work_one(store: &Store<ManualClock>) {
    let some = store.receive(Lane::Bulk, 1, LIMIT.window).await.unwrap();
    for delivery in some {
        let Ok(Message::ReconcileAlert { alert, .. }) = delivery.message else {
            panic!("only messages about alerts were sent");
        };
        report("try", alert.get());
        store.ack(Lane::Bulk, &delivery.receipt).await.unwrap();
        report("finish", alert.get());
    }
}

/// What the killed processes reported.
#[derive(Default)]
struct Acknowledged {
    /// The newest number saved in each link.
    saved: BTreeMap<u64, u64>,
    sent: BTreeSet<u64>,
    /// Messages about to be reported done to the queue.
    tried: BTreeSet<u64>,
    finished: BTreeSet<u64>,
    taken: u32,
    /// The highest number of all.
    last: u64,
}

impl Acknowledged {
    fn record(&mut self, line: &str) -> bool {
        let mut words = line.split(' ');
        let (Some("did"), Some(what), Some(number)) = (words.next(), words.next(), words.next())
        else {
            return false;
        };
        let number: u64 = number.parse().unwrap();
        match what {
            "save" => {
                self.saved.insert(number % LINKS, number);
                self.last = self.last.max(number);
            }
            "send" => {
                self.sent.insert(number);
            }
            "try" => {
                self.tried.insert(number);
            }
            "finish" => {
                self.finished.insert(number);
            }
            "take" => self.taken += 1,
            other => panic!("{other} is never reported"),
        }
        true
    }

    /// Asserts that everything reported is in `store`.
    async fn check(&self, store: &Store<ManualClock>) {
        for (alert, number) in &self.saved {
            let stored = store.load(AlertId::new(*alert)).await.unwrap();
            let noted = stored.unwrap().value.note_claim.map(|note| note.text_hash);
            assert!(noted >= Some(*number), "link {alert}: {noted:?} < {number}");
        }
        // As many slots are in use as were reported, so a limit of that many is spent.
        if self.taken > 0 {
            let limit = Limit {
                requests_max: self.taken,
                ..LIMIT
            };
            let spent = SharedBudget::new(store.clone(), limit, ManualClock::default());
            let outcome = spent.take().await;
            assert!(matches!(outcome, Err(BudgetError::Exhausted { .. })));
        }
    }
}

/// Starts the process that is killed, counting from `first`.
fn start(folder: &Path, first: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_process_writes_until_it_is_killed",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .env("HALOGARD_CRASH_TEST_FIRST", first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets a process write until it has reported `lines` times, kills it, and reads the rest of what
/// it had said by then.
fn kill_after(folder: &Path, lines: u32, reported: &mut Acknowledged) {
    let mut child = start(folder, reported.last + 1);
    let mut left = lines;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if reported.record(&line.unwrap()) {
            left = left.saturating_sub(1);
            if left == 0 {
                child.kill().unwrap();
            }
        }
    }
    assert!(!child.wait().unwrap().success(), "it was killed");
    assert_eq!(left, 0, "it was not killed before it had begun");
}

/// Asserts that the file is sound.
fn check_integrity(path: &Path) {
    let shell = Connection::open(path).unwrap();
    let verdict: String = shell
        .pragma_query_value(None, "integrity_check", |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
}

/// Asserts that what was sent and not finished is there, and nothing that was finished.
fn check_queue(path: &Path, reported: &Acknowledged) {
    let shell = Connection::open(path).unwrap();
    let waiting: BTreeSet<u64> = shell
        .prepare("SELECT body ->> '$.alert' FROM queue")
        .unwrap()
        .query_map((), |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    // The one that was just being finished may or may not be there.
    let mut owed = reported.sent.difference(&reported.tried);
    assert!(
        owed.all(|number| waiting.contains(number)),
        "a message is lost"
    );
    assert!(
        waiting.is_disjoint(&reported.finished),
        "finished work is back"
    );
}

#[tokio::test]
async fn what_was_reported_done_before_a_kill_is_done_after_it() {
    let seed = 20_260_105;
    println!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("halogard.db");
    let mut reported = Acknowledged::default();
    for kill in 1..=KILLS {
        kill_after(folder.path(), chance.random_range(1..=150), &mut reported);
        let store = open(folder.path());
        check_integrity(&path);
        reported.check(&store).await;
        check_queue(&path, &reported);
        println!("kill {kill}: {} writes there", reported.last);
    }
    assert!(
        reported.last > 500 && reported.taken > 20,
        "it wrote something"
    );
}
