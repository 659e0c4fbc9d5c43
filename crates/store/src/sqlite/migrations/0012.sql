-- What people have filled in of the forms of open tasks and not sent.
CREATE TABLE draft (
  task   TEXT NOT NULL,
  by     TEXT NOT NULL,
  at     INTEGER NOT NULL,
  fields TEXT NOT NULL,
  PRIMARY KEY (task, by)
) STRICT, WITHOUT ROWID;
