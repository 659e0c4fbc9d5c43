-- What runs are found by (`search.rs`): the newest one by one, and the others in lots that are read as a whole. A million
-- short texts are looked through in less time than it takes to visit a row for each of them, whatever is looked for: a
-- part of a number, one Chinese sign.
CREATE TABLE found_by (
  id      INTEGER PRIMARY KEY,
  run     INTEGER NOT NULL,
  started INTEGER NOT NULL,
  entry   TEXT NOT NULL
) STRICT;
CREATE TABLE found_by_lot (
  id     INTEGER PRIMARY KEY,
  oldest INTEGER NOT NULL,
  newest INTEGER NOT NULL,
  body   BLOB NOT NULL,
  sum    BLOB NOT NULL
) STRICT;
CREATE INDEX found_by_lot_by_start ON found_by_lot(newest, id);

-- What was there before is entered when the store is opened, some thousand rows in one transaction; so far.
INSERT INTO meta(name, value) SELECT 'entered_runs', '-1' WHERE EXISTS (SELECT 1 FROM run);
INSERT INTO meta(name, value) SELECT 'entered_tasks', '-1' WHERE EXISTS (SELECT 1 FROM past_task);
