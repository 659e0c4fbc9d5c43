-- How many runs are in each state: counted as they come and go, as there may be a million of them. See `counted.rs`.
CREATE TABLE state_count (
  state INTEGER NOT NULL PRIMARY KEY,
  runs  INTEGER NOT NULL,
  sum   INTEGER
) STRICT;
INSERT INTO state_count(state, runs) SELECT state, count(*) FROM run GROUP BY state;
