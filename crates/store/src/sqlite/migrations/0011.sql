-- What is measured. `rounds`: the most that a step of a run had, known at its end.
ALTER TABLE run ADD COLUMN rounds INTEGER NOT NULL DEFAULT 1;
CREATE INDEX run_by_end ON run(ended, id) WHERE ended IS NOT NULL;

-- Tasks of steps that ask, once they are over: the columns are those of `task`. state: 1 answered, 2 decided, 3 withdrawn.
CREATE TABLE past_task (
  id         TEXT PRIMARY KEY,
  run        INTEGER NOT NULL,
  workflow   TEXT NOT NULL,
  of         TEXT NOT NULL,
  step       TEXT NOT NULL,
  kind       TEXT NOT NULL,
  title      TEXT NOT NULL,
  who        TEXT NOT NULL,
  due        INTEGER,
  stands     INTEGER NOT NULL,
  opened     INTEGER NOT NULL,
  claimed_by TEXT,
  ended      INTEGER NOT NULL,
  state      INTEGER NOT NULL,
  by         TEXT,
  outcome    TEXT
) STRICT;
-- Figures are read in the order of opening, over both tables.
CREATE INDEX task_by_opening      ON task(opened, id);
CREATE INDEX past_task_by_opening ON past_task(opened, id);
CREATE INDEX past_task_by_end     ON past_task(ended, id);
