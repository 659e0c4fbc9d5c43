-- The keys of children claim nothing, so they stand in no index of claims.
DROP INDEX run_holding;
DROP INDEX run_by_key;
CREATE INDEX run_holding ON run(workflow, key, started) WHERE state < 2 AND key IS NOT NULL AND parent IS NULL;
CREATE INDEX run_by_key  ON run(workflow, key, started) WHERE key IS NOT NULL AND parent IS NULL;
