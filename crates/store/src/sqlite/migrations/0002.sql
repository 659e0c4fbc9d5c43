-- Words to people that a task waits for them, until they went out or the task is over.
CREATE TABLE notice (
  key    TEXT PRIMARY KEY,
  task   TEXT NOT NULL,
  at     INTEGER NOT NULL,
  letter BLOB NOT NULL
) STRICT;
CREATE INDEX notice_of_task ON notice(task);
CREATE INDEX notice_by_time ON notice(at, key);
