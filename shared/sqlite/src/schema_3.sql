-- Alerts that share a ticket, by rule and customer.
CREATE TABLE storms (
    key      TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,                             -- one more with every write
    body     TEXT NOT NULL
) STRICT;
