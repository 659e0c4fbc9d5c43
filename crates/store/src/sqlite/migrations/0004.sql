-- Nothing ever wrote here: a key of the API is kept as a firing.
DROP TABLE idempotency_key;
