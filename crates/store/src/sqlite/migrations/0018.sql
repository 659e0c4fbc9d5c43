-- How many open runs go by each text: counted as they come and go, as there may be a million of them. See `counted.rs`.
CREATE TABLE open_count (
  workflow TEXT NOT NULL,
  text     TEXT NOT NULL,
  runs     INTEGER NOT NULL,
  sum      INTEGER,
  PRIMARY KEY (workflow, text)
) STRICT, WITHOUT ROWID;
INSERT INTO open_count(workflow, text, runs) SELECT workflow, text, count(*) FROM run WHERE state < 2 GROUP BY workflow, text;
