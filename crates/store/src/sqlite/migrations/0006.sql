-- What triggers with `gather` brought and no run has taken yet. `fired` and `firing` name the firing that brought it.
CREATE TABLE gathered (
  number   INTEGER PRIMARY KEY AUTOINCREMENT,
  workflow TEXT NOT NULL,
  trigger  TEXT NOT NULL,
  at       INTEGER NOT NULL,
  fired    TEXT,
  firing   TEXT,
  item     TEXT NOT NULL
) STRICT;
CREATE INDEX gathered_by_time ON gathered(workflow, trigger, at, number);
