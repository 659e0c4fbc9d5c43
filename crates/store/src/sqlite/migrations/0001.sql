-- The first schema. What is written per step is one row of `event` and its index; everything else is written when a run
-- begins, sleeps, wakes or ends. There are no declared foreign keys: looking up the parent of each line would cost more
-- than the line; `yizhan doctor` looks for rows without one.

-- What is true of the whole store: the house's name.
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What lists show. state: 0 open, 1 closing, 2 done, 3 failed, 4 cancelled.
CREATE TABLE run (
  id       INTEGER PRIMARY KEY,
  workflow TEXT NOT NULL,
  text     TEXT NOT NULL,
  state    INTEGER NOT NULL,
  outcome  TEXT,
  key      TEXT,
  waits    TEXT,
  started  INTEGER NOT NULL,
  ended    INTEGER,
  by       TEXT NOT NULL,
  parent   INTEGER
) STRICT;

-- Lists, newest first. `key` is in the first one so that a search for a part of it need not visit the rows.
CREATE INDEX run_by_start    ON run(started, id, key);
CREATE INDEX run_by_state    ON run(state, started);
CREATE INDEX run_by_workflow ON run(workflow, state, started);
CREATE INDEX run_by_parent   ON run(parent, started) WHERE parent IS NOT NULL;
-- Recovery.
CREATE INDEX run_open        ON run(id, waits) WHERE state < 2;
-- Claims: who holds a key now, and who ever held it.
CREATE INDEX run_holding     ON run(workflow, key, started) WHERE state < 2 AND key IS NOT NULL;
CREATE INDEX run_by_key      ON run(workflow, key, started) WHERE key IS NOT NULL;

-- The journal. `sum` is over run, seq, at and body.
CREATE TABLE event (
  id   INTEGER PRIMARY KEY,
  run  INTEGER NOT NULL,
  seq  INTEGER NOT NULL,
  at   INTEGER NOT NULL,
  body BLOB NOT NULL,
  sum  BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_of_run ON event(run, seq);

-- The newest state that was written down; lines after `seq` are folded onto it.
CREATE TABLE snapshot (
  run  INTEGER PRIMARY KEY,
  seq  INTEGER NOT NULL,
  body BLOB NOT NULL,
  sum  BLOB NOT NULL
) STRICT;

-- Each run's earliest timer.
CREATE TABLE wake (
  run INTEGER PRIMARY KEY,
  at  INTEGER NOT NULL
) STRICT;
CREATE INDEX wake_by_time ON wake(at, run);

-- Open tasks. `who` is a JSON list; task_who holds the same, one each, to find a person's tasks.
CREATE TABLE task (
  id         TEXT PRIMARY KEY,
  run        INTEGER NOT NULL,
  workflow   TEXT NOT NULL,
  of         TEXT NOT NULL,
  step       TEXT NOT NULL,
  kind       TEXT NOT NULL,
  title      TEXT NOT NULL,
  who        TEXT NOT NULL,
  due        INTEGER,
  opened     INTEGER NOT NULL,
  claimed_by TEXT
) STRICT;
CREATE INDEX task_by_opening ON task(opened, id);
CREATE INDEX task_of_run     ON task(run);
CREATE INDEX task_by_claimer ON task(claimed_by) WHERE claimed_by IS NOT NULL;
CREATE TABLE task_who (
  who  TEXT NOT NULL,
  task TEXT NOT NULL,
  PRIMARY KEY (who, task)
) STRICT, WITHOUT ROWID;

-- What a trigger fired and what became of it. `run` is there if it started one.
CREATE TABLE firing (
  id       INTEGER PRIMARY KEY,
  workflow TEXT NOT NULL,
  trigger  TEXT NOT NULL,
  firing   TEXT NOT NULL,
  at       INTEGER NOT NULL,
  outcome  TEXT NOT NULL,
  run      INTEGER
) STRICT;
CREATE UNIQUE INDEX firing_once    ON firing(workflow, trigger, firing);
CREATE INDEX        firing_by_time ON firing(workflow, at, trigger);

CREATE TABLE idempotency_key (
  key TEXT PRIMARY KEY,
  run INTEGER NOT NULL,
  at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The end of a child, until its parent has it in its journal.
CREATE TABLE tell (
  child  INTEGER PRIMARY KEY,
  parent INTEGER NOT NULL,
  event  BLOB NOT NULL
) STRICT;

-- Up to where the firings of a schedule are decided.
CREATE TABLE schedule (
  workflow TEXT NOT NULL,
  trigger  TEXT NOT NULL,
  at       INTEGER NOT NULL,
  PRIMARY KEY (workflow, trigger)
) STRICT, WITHOUT ROWID;

-- Workflow texts with everything that is part of them, as JSON.
CREATE TABLE text (
  id     INTEGER PRIMARY KEY,
  hash   TEXT NOT NULL UNIQUE,
  source TEXT NOT NULL
) STRICT;

INSERT INTO meta(name, value) VALUES ('house', lower(hex(randomblob(10))));
