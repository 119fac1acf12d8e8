-- How far sweeps of the desk's tickets have come. One row.
CREATE TABLE sweeps (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL,                             -- one more with every write
    body     TEXT NOT NULL
) STRICT;
