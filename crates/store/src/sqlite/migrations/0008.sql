-- The own due time of a run, and whether a clock stands. `presses` is by when a task wants somebody: lists show by it what
-- is late first.
ALTER TABLE run ADD COLUMN due INTEGER;
ALTER TABLE run ADD COLUMN stands INTEGER NOT NULL DEFAULT 0;
CREATE INDEX run_with_due ON run(started, id, due) WHERE due IS NOT NULL;

ALTER TABLE task ADD COLUMN stands INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task ADD COLUMN presses INTEGER NOT NULL
  AS (iif(stands = 1, 9223372036854775807, ifnull(due, 9223372036854775807)));
DROP INDEX task_by_opening;
CREATE INDEX task_by_due ON task(presses, opened, id);
