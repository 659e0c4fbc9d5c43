-- Lines of registers. kind: 0 entry, 1 amend, 2 void, 3 erase; `of` is the entry that the others are about. Only `private`
-- of a line ever changes (it is erased); `shown` and `card` of an entry follow from the lines about it: the line with its
-- present values, none once it is void.
CREATE TABLE entry (
  id       INTEGER PRIMARY KEY,
  register TEXT NOT NULL,
  seq      INTEGER NOT NULL,
  kind     INTEGER NOT NULL,
  of       INTEGER,
  number   TEXT NOT NULL,
  series   TEXT NOT NULL,
  count    INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  by       TEXT NOT NULL,
  key      TEXT NOT NULL,
  part     INTEGER NOT NULL,
  why      TEXT,
  body     TEXT NOT NULL,
  private  TEXT,
  before   TEXT NOT NULL,
  hash     TEXT NOT NULL,
  shown    INTEGER,
  card     TEXT
) STRICT;
CREATE UNIQUE INDEX entry_in_order  ON entry(register, seq);
CREATE UNIQUE INDEX entry_once      ON entry(key, part);
CREATE UNIQUE INDEX entry_counted   ON entry(register, series, count) WHERE kind = 0;
CREATE INDEX        entry_by_number ON entry(register, number) WHERE kind = 0;
CREATE INDEX        entry_by_card   ON entry(register, card, seq) WHERE kind = 0 AND shown IS NOT NULL AND card IS NOT NULL;
CREATE INDEX        entry_by_time   ON entry(register, at) WHERE kind = 0;
CREATE INDEX        entry_about     ON entry(register, of, seq) WHERE of IS NOT NULL;

-- What sequences gave, under the key of the intention.
CREATE TABLE sequence_number (
  key      TEXT PRIMARY KEY,
  sequence TEXT NOT NULL,
  series   TEXT NOT NULL,
  count    INTEGER NOT NULL,
  number   TEXT NOT NULL,
  at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX sequence_counted ON sequence_number(sequence, series, count);
