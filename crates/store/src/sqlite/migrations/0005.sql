-- Who asks for a place among those that share a limit, and who has one. stands: 0 waits, 1 holds, 2 inside another's.
-- `item` and `ask` are JSON; the rank of those that wait is (priority, asked), then the order of the runs.
CREATE TABLE slot (
  run      INTEGER NOT NULL,
  item     TEXT NOT NULL,
  attempt  INTEGER NOT NULL,
  key      TEXT NOT NULL,
  stands   INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  asked    INTEGER NOT NULL,
  ask      TEXT NOT NULL,
  PRIMARY KEY (run, item)
) STRICT, WITHOUT ROWID;
CREATE INDEX slot_line    ON slot(key, priority DESC, asked, run, item) WHERE stands = 0;
CREATE INDEX slot_holders ON slot(key) WHERE stands > 0;

-- Places that were given, for as long as a rate counts them.
CREATE TABLE slot_grant (
  id    INTEGER PRIMARY KEY,
  key   TEXT NOT NULL,
  at    INTEGER NOT NULL,
  until INTEGER NOT NULL
) STRICT;
CREATE INDEX slot_grant_by_end ON slot_grant(key, until);

-- What was published. (`event` is the journal of the runs.)
CREATE TABLE published (
  number  INTEGER PRIMARY KEY AUTOINCREMENT,
  id      TEXT NOT NULL,
  name    TEXT NOT NULL,
  key     TEXT NOT NULL,
  payload TEXT NOT NULL,
  at      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX published_once    ON published(name, id);
CREATE INDEX        published_by_key  ON published(name, key, number, at);
CREATE INDEX        published_by_time ON published(at);

-- Who waits for an event; what was published before `since` is not for it.
CREATE TABLE listener (
  number  INTEGER PRIMARY KEY AUTOINCREMENT,
  run     INTEGER NOT NULL,
  item    TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  name    TEXT NOT NULL,
  key     TEXT NOT NULL,
  filter  TEXT,
  since   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX listener_of_item ON listener(run, item);
CREATE INDEX        listener_by_key  ON listener(name, key, number);
