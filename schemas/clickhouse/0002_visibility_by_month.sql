-- visibility in partitions of a month, with a codec for each column, and visibility_hours, its rollup by hour. The cost of a
-- query rises with the number of partitions: a country's year took 139 to 484 ms in partitions of a day and takes 19 to 31 ms
-- in partitions of a month.
--
-- The old table has the name visibility_days until its rows are copied. A row that is copied twice is one row under FINAL.

RENAME TABLE {{database}}.visibility TO {{database}}.visibility_days {{cluster}};

CREATE TABLE IF NOT EXISTS {{database}}.visibility {{cluster}}
(
    dataset            LowCardinality(String) COMMENT 'live, demo, or the name of a replay' CODEC(ZSTD(1)),
    timestamp          DateTime('UTC')        COMMENT 'beginning of the minute, event time, seconds' CODEC(Delta(4), ZSTD(1)),
    entity_type        Enum8('prefix' = 1, 'as' = 2, 'country' = 3, 'region' = 4, 'world' = 5, 'watch' = 6) COMMENT 'kind of entity' CODEC(ZSTD(1)),
    entity_code        String                 COMMENT 'code of the entity: KP, KP-01, AS131279, 175.45.176.0/24' CODEC(ZSTD(1)),
    entity_name        LowCardinality(String) COMMENT 'name of the entity: North Korea' CODEC(ZSTD(1)),
    family             Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family' CODEC(ZSTD(1)),
    space              Float64                COMMENT 'visible space, /24s or /48s' CODEC(ZSTD(1)),
    prefixes           UInt32                 COMMENT 'visible prefixes' CODEC(ZSTD(1)),
    baseline_space     Float64                COMMENT 'usual space, /24s or /48s' CODEC(ZSTD(1)),
    baseline_prefixes  UInt32                 COMMENT 'usual prefixes' CODEC(ZSTD(1)),
    voters             UInt32                 COMMENT 'number of ASNs that voted' CODEC(T64, ZSTD(1)),
    position_collector LowCardinality(String) COMMENT 'position of the record: detect/ipv4, detect/ipv6' CODEC(ZSTD(1)),
    position_lane      LowCardinality(String) COMMENT 'position of the record' CODEC(ZSTD(1)),
    position_epoch     UInt64                 COMMENT 'position of the record' CODEC(Delta(8), ZSTD(1)),
    position_sequence  UInt64                 COMMENT 'position of the record: window and index' CODEC(Delta(8), ZSTD(1)),
    topic              LowCardinality(String) COMMENT 'Kafka topic that the record was read from, without the configured prefix' CODEC(ZSTD(1)),
    partition          Int32                  COMMENT 'partition of the record in topic' CODEC(ZSTD(1)),
    offset             Int64                  COMMENT 'offset of the record in partition' CODEC(Delta(8), ZSTD(1)),
    appended_at        DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here' CODEC(Delta(4), ZSTD(1)),
    PROJECTION positions (SELECT dataset, topic, partition, position_collector, position_lane, max((position_epoch, position_sequence)) GROUP BY dataset, topic, partition, position_collector, position_lane)
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(appended_at)
ORDER BY (dataset, entity_type, entity_code, family, timestamp, position_collector, position_lane, position_epoch, position_sequence)
TTL appended_at + INTERVAL 5 YEAR DELETE
SETTINGS ttl_only_drop_parts = 1, deduplicate_merge_projection_mode = 'rebuild'
COMMENT 'The visible space and prefixes of an entity in one minute: a row when they changed, and once an hour. Read entity_history, which shows each row once; entity_minutes for a value each minute; entity_hours for long periods.';

CREATE TABLE IF NOT EXISTS {{database}}.visibility_hours {{cluster}}
(
    dataset      LowCardinality(String) COMMENT 'live, demo, or the name of a replay' CODEC(ZSTD(1)),
    entity_type  Enum8('prefix' = 1, 'as' = 2, 'country' = 3, 'region' = 4, 'world' = 5, 'watch' = 6) COMMENT 'kind of entity' CODEC(ZSTD(1)),
    entity_code  String                 COMMENT 'code of the entity: KP, KP-01, AS131279, 175.45.176.0/24' CODEC(ZSTD(1)),
    family       Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family' CODEC(ZSTD(1)),
    hour         DateTime('UTC')        COMMENT 'beginning of the hour, event time, seconds' CODEC(Delta(4), ZSTD(1)),
    entity_name  SimpleAggregateFunction(anyLast, LowCardinality(String)) COMMENT 'name of the entity: North Korea' CODEC(ZSTD(1)),
    min_space    SimpleAggregateFunction(min, Float64) COMMENT 'least visible space of the hour''s rows, /24s or /48s' CODEC(ZSTD(1)),
    max_space    SimpleAggregateFunction(max, Float64) COMMENT 'most visible space of the hour''s rows, /24s or /48s' CODEC(ZSTD(1)),
    min_prefixes SimpleAggregateFunction(min, UInt32) COMMENT 'fewest visible prefixes of the hour''s rows' CODEC(ZSTD(1)),
    max_prefixes SimpleAggregateFunction(max, UInt32) COMMENT 'most visible prefixes of the hour''s rows' CODEC(ZSTD(1)),
    last         SimpleAggregateFunction(max, Tuple(timestamp DateTime('UTC'), position_epoch UInt64, position_sequence UInt64, space Float64, prefixes UInt32, baseline_space Float64, baseline_prefixes UInt32, voters UInt32)) COMMENT 'the hour''s last row: its minute, its position and its values, in the units of visibility' CODEC(ZSTD(1)),
    appended_at  SimpleAggregateFunction(max, DateTime('UTC')) COMMENT 'when Kafka took the newest record, seconds; time to live counts from here' CODEC(Delta(4), ZSTD(1))
)
ENGINE = {{engine "AggregatingMergeTree"}}
PARTITION BY toYYYYMM(hour)
ORDER BY (dataset, entity_type, entity_code, family, hour)
TTL appended_at + INTERVAL 10 YEAR DELETE
SETTINGS ttl_only_drop_parts = 1
COMMENT 'visibility by hour: least, most and last of the hour''s rows. A row that was inserted twice does not change them. Read entity_hours.';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.visibility_hours_filled {{cluster}} TO {{database}}.visibility_hours
AS SELECT
    dataset, entity_type, entity_code, family, toStartOfHour(timestamp) AS hour, anyLast(entity_name) AS entity_name,
    min(space) AS min_space, max(space) AS max_space, min(prefixes) AS min_prefixes, max(prefixes) AS max_prefixes,
    max((timestamp, position_epoch, position_sequence, space, prefixes, baseline_space, baseline_prefixes, voters)) AS last, max(visibility.appended_at) AS appended_at
FROM {{database}}.visibility
GROUP BY dataset, entity_type, entity_code, family, hour
COMMENT 'Fills visibility_hours from the rows inserted into visibility.';

-- each partition of visibility_days
INSERT INTO {{database}}.visibility
    (dataset, timestamp, entity_type, entity_code, entity_name, family, space, prefixes, baseline_space, baseline_prefixes, voters,
    position_collector, position_lane, position_epoch, position_sequence, topic, partition, offset, appended_at)
SELECT
    dataset, timestamp, entity_type, entity_code, entity_name, family, space, prefixes, baseline_space, baseline_prefixes, voters,
    position_collector, position_lane, position_epoch, position_sequence, topic, partition, offset, appended_at
FROM {{database}}.visibility_days
WHERE _partition_id = {{partition}};

DROP TABLE IF EXISTS {{database}}.visibility_days {{cluster}};
