-- Drafts are also of forms by which cases are begun: `of` is a task's id, or `start/<workflow>/<trigger>`.
ALTER TABLE draft RENAME COLUMN task TO of;
