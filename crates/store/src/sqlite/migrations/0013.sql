-- Triggers that somebody paused, and those that go on and have yet to see the events that came meanwhile (after `seen`).
CREATE TABLE trigger_pause (
  workflow TEXT NOT NULL,
  trigger  TEXT NOT NULL,
  by       TEXT NOT NULL,
  at       INTEGER NOT NULL,
  reason   TEXT NOT NULL,
  seen     INTEGER NOT NULL,
  over     INTEGER NOT NULL,
  PRIMARY KEY (workflow, trigger)
) STRICT, WITHOUT ROWID;
