-- The store's first schema. Times are milliseconds since 1970-01-01T00:00:00Z. Columns beside a
-- JSON body repeat parts of it, for look-ups and for people with a shell; the body is the truth.

-- The pairs: one row per alert.
CREATE TABLE links (
    alert    INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,                             -- one more with every write
    ticket   INTEGER,                                      -- the current ticket
    parked   INTEGER NOT NULL CHECK (parked IN (0, 1)),    -- waits for a mapping or a template
    refused  INTEGER NOT NULL CHECK (refused IN (0, 1)),   -- the desk refused a write for good
    waiting  INTEGER NOT NULL CHECK (waiting IN (0, 1)),   -- may wait for a person or a vendor
    claimed  INTEGER NOT NULL CHECK (claimed IN (0, 1)),   -- a ticket or a note is claimed
    expires_at INTEGER,                                    -- counts as absent from then on
    body     TEXT NOT NULL
) STRICT;
CREATE INDEX links_expiring ON links (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX links_parked  ON links (alert) WHERE parked = 1;
CREATE INDEX links_refused ON links (alert) WHERE refused = 1;
CREATE INDEX links_waiting ON links (alert) WHERE waiting = 1;
CREATE INDEX links_claimed ON links (alert) WHERE claimed = 1;

-- Which alerts a ticket belongs to, as current or earlier ticket. Several where tickets were merged.
CREATE TABLE ticket_owners (
    ticket INTEGER NOT NULL,
    alert  INTEGER NOT NULL,
    PRIMARY KEY (ticket, alert)
) STRICT, WITHOUT ROWID;
CREATE INDEX ticket_owners_by_alert ON ticket_owners (alert);

-- Which state of each alert was last put on the queue.
CREATE TABLE alert_index (
    alert     INTEGER PRIMARY KEY,
    fingerprint      INTEGER NOT NULL,                            -- a digest; its 64 bits, read as signed
    queued_at INTEGER NOT NULL,
    in_sync   INTEGER NOT NULL CHECK (in_sync IN (0, 1)), -- closed, and its pair was seen in sync since
    unlisted_since INTEGER                                -- no list has named it since
) STRICT;

-- How far a poll has read, and the like.
CREATE TABLE named_values (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Rights that one worker at a time holds, until they run out.
CREATE TABLE leases (
    name   TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Records with optimistic concurrency, of every type: the request budget, storms, inspector runs,
-- the sweep cursor, sealed tokens.
CREATE TABLE records (
    partition  TEXT NOT NULL,                              -- the type of record
    key        TEXT NOT NULL,
    revision   INTEGER NOT NULL,                           -- one more with every write
    active     INTEGER NOT NULL CHECK (active IN (0, 1)),  -- on the list of active records of its type
    expires_at INTEGER,                                    -- counts as absent from then on
    body       TEXT NOT NULL,
    PRIMARY KEY (partition, key)
) STRICT;
CREATE INDEX records_active ON records (partition, key) WHERE active = 1;
CREATE INDEX records_expiring ON records (partition, expires_at) WHERE expires_at IS NOT NULL;

-- Work to be done. A receipt is `id.delivery_count`; only the newest one settles a message, once.
CREATE TABLE queue (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    lane          TEXT NOT NULL,
    body          TEXT NOT NULL,
    sent_at       INTEGER NOT NULL,
    visible_at    INTEGER NOT NULL,                        -- handed out from then on
    hidden_at     INTEGER NOT NULL DEFAULT 0,              -- when that was decided
    receive_count INTEGER NOT NULL DEFAULT 0,              -- deliveries that count
    delivery_count    INTEGER NOT NULL DEFAULT 0,              -- all deliveries, never lowered
    in_flight       INTEGER NOT NULL DEFAULT 0               -- handed out and not settled since
                  CHECK (in_flight IN (0, 1))
) STRICT;
CREATE INDEX queue_by_time ON queue (lane, visible_at, id);
CREATE INDEX queue_by_hiding ON queue (hidden_at);

-- Dead letters, with the reason.
CREATE TABLE dead_letters (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    lane          TEXT NOT NULL,
    body          TEXT NOT NULL,
    reason        TEXT NOT NULL,
    at            INTEGER NOT NULL,
    receive_count INTEGER NOT NULL
) STRICT;

-- The audit trail. Append-only, by the two triggers. Entries older than the age that the operator chose are
-- deleted by the one transaction that writes that age to `journal_pruning`, and takes it out again.
CREATE TABLE journal (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    alert  INTEGER,
    ticket INTEGER,
    what   TEXT NOT NULL,
    cause  TEXT NOT NULL,
    detail TEXT
) STRICT;
CREATE INDEX journal_by_alert ON journal (alert, at, id) WHERE alert IS NOT NULL;
CREATE TRIGGER journal_is_never_changed BEFORE UPDATE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;
CREATE TABLE journal_pruning (
    before INTEGER NOT NULL                                -- entries from then on stay
) STRICT;
CREATE TRIGGER journal_is_never_shortened BEFORE DELETE ON journal
    WHEN NOT EXISTS (SELECT 1 FROM journal_pruning WHERE old.at < before)
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

-- Webhooks that were worked off, by each of the two signs they are known by.
CREATE TABLE notifications (
    key_kind    TEXT NOT NULL CHECK (key_kind IN ('delivery', 'content')),
    dedup_key        TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (key_kind, dedup_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX notifications_by_time ON notifications (recorded_at);

-- How many of each kind there were, for ever, and when the last one was recorded.
CREATE TABLE notification_counts (
    kind    TEXT PRIMARY KEY,
    count   INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Secrets, sealed. A version without a stage is not kept.
CREATE TABLE secrets (
    name      TEXT NOT NULL,
    version   TEXT NOT NULL,
    stage     TEXT NOT NULL CHECK (stage IN ('current', 'pending', 'previous')),
    sealed    BLOB NOT NULL,
    stored_at INTEGER NOT NULL,
    PRIMARY KEY (name, version),
    UNIQUE (name, stage)
) STRICT, WITHOUT ROWID;
