-- Words that let in are kept as SHA-256, passwords as argon2id. Times are UTC milliseconds.
CREATE TABLE password (person TEXT PRIMARY KEY, hash TEXT NOT NULL, since INTEGER NOT NULL) STRICT;
CREATE TABLE invitation (
    hash BLOB PRIMARY KEY, person TEXT NOT NULL, made_by TEXT NOT NULL, made INTEGER NOT NULL, expires INTEGER NOT NULL
) STRICT;
CREATE TABLE session (
    hash BLOB PRIMARY KEY, person TEXT NOT NULL, begun INTEGER NOT NULL, seen INTEGER NOT NULL,
    address TEXT NOT NULL, agent TEXT NOT NULL
) STRICT;
CREATE INDEX session_person ON session (person);
CREATE TABLE token (
    name TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, person TEXT, may TEXT NOT NULL, workflows TEXT NOT NULL,
    made_by TEXT NOT NULL, made INTEGER NOT NULL, expires INTEGER NOT NULL
) STRICT;
-- `line` is the JSON text that was chained: hash = SHA-256(hash of the line before, line).
CREATE TABLE audit (seq INTEGER PRIMARY KEY, line TEXT NOT NULL, hash BLOB NOT NULL) STRICT;
