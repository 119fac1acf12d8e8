-- The request budget's ledger is swapped by revision, and has another form. The one of a former
-- version is not carried over: nothing runs while a store is brought up to date, and what was sent in
-- the five minutes before is learned from the desk's refusal, if it comes to that.
DROP TABLE request_budget;
CREATE TABLE request_budget (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL,                             -- one more with every write
    ledger   TEXT NOT NULL
) STRICT;
