-- A second migration for tests: the table deadletter gets another name and a column, and a view takes its name.

RENAME TABLE IF EXISTS {{database}}.deadletter TO {{database}}.letters {{cluster}};

ALTER TABLE {{database}}.letters {{cluster}}
    ADD COLUMN IF NOT EXISTS hidden UInt8 COMMENT 'not 0 where the view leaves the row out' AFTER value;

CREATE VIEW IF NOT EXISTS {{database}}.deadletter {{cluster}} AS
SELECT dataset, reason, value, topic, partition, offset FROM {{database}}.letters WHERE hidden = 0
COMMENT 'A view of letters.';
