-- A search for a part of a key among the runs of a state or a workflow need not visit their rows either.
DROP INDEX run_by_state;
DROP INDEX run_by_workflow;
CREATE INDEX run_by_state    ON run(state, started, id, key);
CREATE INDEX run_by_workflow ON run(workflow, state, started, id, key);

-- What somebody began. What triggers began nobody looks for by their names, and it is the most.
CREATE INDEX run_by_whom ON run(by, started, id) WHERE substr(by, 1, 8) <> 'trigger:';

-- What waits for the same, newest first; recovery reads those that wait for a step. Before, the word stood beside the id,
-- and all that were open had to be read.
DROP INDEX run_open;
CREATE INDEX run_open    ON run(id) WHERE state < 2;
CREATE INDEX run_waiting ON run(waits, started, id) WHERE state < 2;

-- What is late, or was at its end, is little of all that has a due time.
DROP INDEX run_with_due;
CREATE INDEX run_late_open ON run(started, id, due, stands, workflow) WHERE due IS NOT NULL AND state < 2;
CREATE INDEX run_late_over ON run(started, id, workflow) WHERE due IS NOT NULL AND stands = 0 AND ended >= due;

-- The firings of one trigger, without those of the workflow's others; and the oldest of all, to be forgotten.
DROP INDEX firing_by_time;
CREATE INDEX firing_by_time ON firing(workflow, trigger, at);
CREATE INDEX firing_by_age  ON firing(at);
