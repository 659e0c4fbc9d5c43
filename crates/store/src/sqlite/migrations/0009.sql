-- What entries of registers are looked for by: the present values of their columns, as `Entry::terms` says them. It follows
-- from the lines; those that were there before are filled in by the program.
CREATE TABLE entry_term (
  register TEXT NOT NULL,
  column   TEXT NOT NULL,
  value    TEXT NOT NULL,
  seq      INTEGER NOT NULL,
  PRIMARY KEY (register, column, value, seq)
) STRICT, WITHOUT ROWID;

-- The places of a period are in the index itself.
DROP INDEX entry_by_time;
CREATE INDEX entry_by_time ON entry(register, at, seq) WHERE kind = 0;
