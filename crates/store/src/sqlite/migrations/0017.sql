-- A sum in each row, over its other columns: what turned over on the disk is told of. See `sums.rs`, which fills them.
-- Lines and snapshots have had longer ones from the beginning.
ALTER TABLE meta            ADD COLUMN sum INTEGER;
ALTER TABLE run             ADD COLUMN sum INTEGER;
ALTER TABLE wake            ADD COLUMN sum INTEGER;
ALTER TABLE task            ADD COLUMN sum INTEGER;
ALTER TABLE task_who        ADD COLUMN sum INTEGER;
ALTER TABLE past_task       ADD COLUMN sum INTEGER;
ALTER TABLE draft           ADD COLUMN sum INTEGER;
ALTER TABLE firing          ADD COLUMN sum INTEGER;
ALTER TABLE schedule        ADD COLUMN sum INTEGER;
ALTER TABLE trigger_pause   ADD COLUMN sum INTEGER;
ALTER TABLE tell            ADD COLUMN sum INTEGER;
ALTER TABLE notice          ADD COLUMN sum INTEGER;
ALTER TABLE text            ADD COLUMN sum INTEGER;
ALTER TABLE slot            ADD COLUMN sum INTEGER;
ALTER TABLE slot_grant      ADD COLUMN sum INTEGER;
ALTER TABLE published       ADD COLUMN sum INTEGER;
ALTER TABLE listener        ADD COLUMN sum INTEGER;
ALTER TABLE gathered        ADD COLUMN sum INTEGER;
ALTER TABLE found_by        ADD COLUMN sum INTEGER;
ALTER TABLE entry           ADD COLUMN sum INTEGER;
ALTER TABLE entry_term      ADD COLUMN sum INTEGER;
ALTER TABLE sequence_number ADD COLUMN sum INTEGER;
