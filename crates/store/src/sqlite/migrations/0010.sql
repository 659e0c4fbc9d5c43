-- What the house wrote under the hash of a line, with a key that is not in the store.
ALTER TABLE entry ADD COLUMN sign TEXT;
