-- A further migration for tests: the table deadletter gets another name and a column, a view takes its name, and a table by offset is
-- filled from now on by a materialized view, and with the rows that are there.

RENAME TABLE IF EXISTS {{database}}.deadletter TO {{database}}.letters {{cluster}};

ALTER TABLE {{database}}.letters {{cluster}}
    ADD COLUMN IF NOT EXISTS hidden UInt8 COMMENT 'not 0 where the view leaves the row out' AFTER value;

CREATE VIEW IF NOT EXISTS {{database}}.deadletter {{cluster}} AS
SELECT dataset, reason, value, topic, partition, offset FROM {{database}}.letters WHERE hidden = 0
COMMENT 'A view of letters.';

CREATE TABLE IF NOT EXISTS {{database}}.letters_by_offset {{cluster}}
(
    offset  Int64  COMMENT 'the record''s offset',
    topic   String COMMENT 'the record''s topic',
    dataset String COMMENT 'the record''s dataset'
)
ENGINE = {{engine "ReplacingMergeTree"}}
ORDER BY (offset, topic, dataset);

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.letters_to_letters_by_offset {{cluster}} TO {{database}}.letters_by_offset AS
SELECT offset, topic, dataset FROM {{database}}.letters;

-- each partition of letters
INSERT INTO {{database}}.letters_by_offset (offset, topic, dataset)
SELECT offset, topic, dataset FROM {{database}}.letters WHERE _partition_id = {{partition}};
