//! The SQLite file of a test, seen and disturbed through a second connection.

use std::sync::{Arc, Mutex, MutexGuard};

use halogard_app::ports::{Clock, DeadLetter, JournalEntry, Lane};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::sweep_cursor::SweepCursor;
use halogard_domain::{Link, Message, Record, Timestamp};
use halogard_sqlite::{Store, StoreKey};
use rusqlite::{Connection, Params, Row};
use tempfile::TempDir;

use super::ManualClock;

/// A message in the queue.
#[derive(Clone, Debug)]
pub struct QueuedMessage {
    pub lane: Lane,
    pub body: String,
    pub not_before: Timestamp,
    pub received: u32,
}

/// The file behind a [`Store`].
pub struct StoreFile {
    connection: Mutex<Connection>,
    clock: Arc<ManualClock>,
    _folder: TempDir,
}

impl StoreFile {
    /// A new store, and its file.
    pub fn create(clock: &Arc<ManualClock>) -> (Store<Arc<ManualClock>>, Self) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("halogard.db");
        let key = StoreKey::load_or_create(&folder.path().join("store.key")).expect("a new key");
        let store = Store::open(&path, key, Arc::clone(clock)).expect("a new store");
        let connection = Connection::open(&path).expect("the store's file");
        // Everything that was ever sent, also after it left the queue.
        connection
            .execute_batch(
                "CREATE TABLE sent (id INTEGER PRIMARY KEY, lane TEXT NOT NULL, body TEXT NOT NULL);
                 CREATE TRIGGER record_sent AFTER INSERT ON queue
                 BEGIN INSERT INTO sent (lane, body) VALUES (new.lane, new.body); END",
            )
            .expect("the file can be written");
        let file = Self {
            connection: Mutex::new(connection),
            clock: Arc::clone(clock),
            _folder: folder,
        };
        (store, file)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().expect("no panic")
    }

    /// Executes statements; the store does not notice whose they are.
    pub fn execute(&self, sql: &str) {
        self.connection().execute_batch(sql).expect("valid SQL");
    }

    fn rows<T>(&self, sql: &str, params: impl Params, read: impl Fn(&Row<'_>) -> T) -> Vec<T> {
        let connection = self.connection();
        let mut statement = connection.prepare(sql).expect("valid SQL");
        let rows = statement.query_map(params, |row| Ok(read(row)));
        rows.expect("rows").map(|row| row.expect("a row")).collect()
    }

    /// Puts a body into `lane` as it is.
    pub fn enqueue(&self, lane: Lane, body: &str) {
        let now = self.clock.now().as_millis();
        self.connection()
            .execute(
                "INSERT INTO queue (lane, body, sent_at, visible_at) VALUES (?1, ?2, ?3, ?3)",
                (lane.name(), body, now),
            )
            .expect("the file can be written");
    }

    /// Fails every send that would bring the messages ever sent above `most`.
    pub fn refuse_sends_above(&self, most: usize) {
        self.execute(&format!(
            "CREATE TRIGGER refuse_sends BEFORE INSERT ON queue
             WHEN (SELECT count(*) FROM sent) >= {most}
             BEGIN SELECT RAISE(ABORT, 'the test refuses'); END"
        ));
    }

    /// Lets messages be sent again.
    pub fn accept_sends(&self) {
        self.execute("DROP TRIGGER refuse_sends");
    }

    /// Another worker saves every record of type `T`, without a change.
    pub fn save_records_of<T: Record>(&self) {
        let partition = T::PARTITION;
        self.execute(&format!(
            "UPDATE records SET revision = revision + 1 WHERE partition = '{partition}'"
        ));
    }

    /// What was sent to `lane` so far, oldest first.
    pub fn sent_to(&self, lane: Lane) -> Vec<Message> {
        self.rows(
            "SELECT body FROM sent WHERE lane = ?1 ORDER BY id",
            [lane.name()],
            |row| {
                let body: String = row.get(0).expect("a body");
                serde_json::from_str(&body).expect("a message")
            },
        )
    }

    /// What is in the queue, oldest first.
    pub fn queue(&self) -> Vec<QueuedMessage> {
        self.rows(
            "SELECT lane, body, visible_at, receive_count FROM queue ORDER BY id",
            [],
            |row| QueuedMessage {
                lane: lane(row, 0),
                body: row.get(1).expect("a body"),
                not_before: Timestamp::from_millis(row.get(2).expect("a time")),
                received: row.get(3).expect("a count"),
            },
        )
    }

    /// The dead letters, oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.rows(
            "SELECT id, lane, body, reason, at, receive_count FROM dead_letters ORDER BY id",
            [],
            |row| DeadLetter {
                id: row.get::<_, i64>(0).expect("an id").to_string(),
                lane: lane(row, 1),
                body: row.get(2).expect("a body"),
                reason: row.get(3).expect("a reason"),
                at: Timestamp::from_millis(row.get(4).expect("a time")),
                receive_count: row.get(5).expect("a count"),
            },
        )
    }

    /// The whole journal, oldest first.
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.rows(
            "SELECT at, alert, ticket, what, cause, detail FROM journal ORDER BY id",
            [],
            |row| JournalEntry {
                at: Timestamp::from_millis(row.get(0).expect("a time")),
                alert: row
                    .get::<_, Option<u64>>(1)
                    .expect("an alert")
                    .map(AlertId::new),
                ticket: row
                    .get::<_, Option<u64>>(2)
                    .expect("a ticket")
                    .map(TicketId::new),
                event: row.get(3).expect("an event"),
                cause: row.get(4).expect("a cause"),
                detail: row.get(5).expect("a detail"),
            },
        )
    }

    /// How many webhooks are recorded as processed.
    pub fn notification_count(&self) -> usize {
        let sql = "SELECT 1 FROM notifications WHERE key_kind = 'content'";
        self.rows(sql, [], |_| ()).len()
    }

    /// The link of `alert`.
    pub fn link(&self, alert: AlertId) -> Link {
        self.find_link(alert).expect("the alert has a link")
    }

    /// The link of `alert`, if it has one.
    pub fn find_link(&self, alert: AlertId) -> Option<Link> {
        let sql = "SELECT body FROM links WHERE alert = ?1";
        let mut links = self.rows(sql, [alert.get()], |row| {
            let body: String = row.get(0).expect("a body");
            serde_json::from_str(&body).expect("a link")
        });
        links.pop()
    }

    /// Whether `alert` has a link.
    pub fn has_link(&self, alert: AlertId) -> bool {
        let sql = "SELECT 1 FROM links WHERE alert = ?1";
        !self.rows(sql, [alert.get()], |_| ()).is_empty()
    }

    /// The entry of `alert` in the index: whether its pair was seen in sync, and since when no list names it.
    pub fn index_entry(&self, alert: AlertId) -> Option<(bool, Option<i64>)> {
        let sql = "SELECT in_sync, unlisted_since FROM alert_index WHERE alert = ?1";
        let mut entries = self.rows(sql, [alert.get()], |row| {
            let in_sync = row.get(0).expect("a flag");
            (in_sync, row.get(1).expect("a time"))
        });
        entries.pop()
    }

    /// The sweep cursor.
    pub fn sweep_cursor(&self) -> SweepCursor {
        let sql = "SELECT body FROM records WHERE partition = ?1";
        let mut records = self.rows(sql, [SweepCursor::PARTITION], |row| {
            let body: String = row.get(0).expect("a body");
            serde_json::from_str(&body).expect("a sweep cursor")
        });
        records.pop().unwrap_or_default()
    }
}

fn lane(row: &Row<'_>, column: usize) -> Lane {
    let name: String = row.get(column).expect("a lane");
    let mut lanes = Lane::ALL.into_iter();
    lanes
        .find(|lane| lane.name() == name)
        .expect("a known lane")
}
