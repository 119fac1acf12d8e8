-- Tokens a vendor has issued, sealed by whoever uses them.
CREATE TABLE tokens (
    name     TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,                             -- one more with every write
    sealed   BLOB NOT NULL,
    until    INTEGER NOT NULL                              -- milliseconds; none from here on
) STRICT;
