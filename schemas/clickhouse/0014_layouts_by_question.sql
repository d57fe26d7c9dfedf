-- visibility and visibility_hours, sorted for the questions that are asked, in granules of 1,024 rows. A query for one entity reads at
-- least one granule of each part, and in a granule of 8,192 rows most rows belong to other entities.
--
-- visibility is sorted by day within a kind of entity. So all countries and regions of one moment are close together, and an entity's
-- month is 31 pieces. visibility_hours is for years: in partitions of a year an entity's year is 12 pieces of one part. It also has the
-- usual space and the row of the hour's first minute, so that at whole hours it gives the same answers as visibility.

DROP VIEW IF EXISTS {{database}}.visibility_hours_filled {{cluster}};

RENAME TABLE {{database}}.visibility TO {{database}}.visibility_before {{cluster}};

RENAME TABLE {{database}}.visibility_hours TO {{database}}.visibility_hours_before {{cluster}};

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
    baseline_space     Float64                COMMENT 'known space: visible or lost, /24s or /48s' CODEC(ZSTD(1)),
    baseline_prefixes  UInt32                 COMMENT 'known prefixes: visible or lost' CODEC(ZSTD(1)),
    usual_space        Float64                DEFAULT baseline_space COMMENT 'usually visible space, /24s or /48s: during an outage its baseline, otherwise the median of the last 24 hours' CODEC(ZSTD(1)),
    usual_prefixes     UInt32                 DEFAULT baseline_prefixes COMMENT 'number of usually visible prefixes' CODEC(ZSTD(1)),
    voters             UInt32                 COMMENT 'number of ASNs that voted' CODEC(T64, ZSTD(1)),
    position_collector LowCardinality(String) COMMENT 'position of the record: detect/ipv4, detect/ipv6' CODEC(ZSTD(1)),
    position_lane      LowCardinality(String) COMMENT 'position of the record' CODEC(ZSTD(1)),
    position_epoch     UInt64                 COMMENT 'position of the record' CODEC(Delta(8), ZSTD(1)),
    position_sequence  UInt64                 COMMENT 'position of the record: window and index' CODEC(Delta(8), ZSTD(1)),
    topic              LowCardinality(String) COMMENT 'Kafka topic that the record was read from, without the configured prefix' CODEC(ZSTD(1)),
    partition          Int32                  COMMENT 'partition of the record in topic' CODEC(ZSTD(1)),
    offset             Int64                  COMMENT 'offset of the record in partition' CODEC(Delta(8), ZSTD(1)),
    appended_at        DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here' CODEC(Delta(4), ZSTD(1)),
    INDEX by_timestamp timestamp TYPE minmax GRANULARITY 1,
    PROJECTION positions (SELECT dataset, topic, partition, position_collector, position_lane, max((position_epoch, position_sequence)) GROUP BY dataset, topic, partition, position_collector, position_lane)
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(appended_at)
ORDER BY (dataset, entity_type, toDate(timestamp), entity_code, family, timestamp, position_collector, position_lane, position_epoch, position_sequence)
TTL appended_at + INTERVAL 5 YEAR DELETE
SETTINGS ttl_only_drop_parts = 1, deduplicate_merge_projection_mode = 'rebuild', index_granularity = 1024
COMMENT 'The visible space and prefixes of an entity in one minute: a row when they changed, and once an hour. Read entity_history, which shows each row once; entity_minutes for a value at each time step; entity_hours for long periods; world_at for all entities at one time.';

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
    last         SimpleAggregateFunction(max, Tuple(timestamp DateTime('UTC'), position_epoch UInt64, position_sequence UInt64, space Float64, prefixes UInt32, baseline_space Float64, baseline_prefixes UInt32, voters UInt32, usual_space Float64, usual_prefixes UInt32)) COMMENT 'the hour''s last row: its minute, its position and its values, in the units of visibility' CODEC(ZSTD(1)),
    at_begin     SimpleAggregateFunction(max, Tuple(timestamp DateTime('UTC'), position_epoch UInt64, position_sequence UInt64, space Float64, prefixes UInt32, baseline_space Float64, baseline_prefixes UInt32, voters UInt32, usual_space Float64, usual_prefixes UInt32)) COMMENT 'row of the hour''s first minute, in the form of last; its timestamp is 1970-01-01 where that minute has no row' CODEC(ZSTD(1)),
    appended_at  SimpleAggregateFunction(max, DateTime('UTC')) COMMENT 'when Kafka took the newest record, seconds; time to live counts from here' CODEC(Delta(4), ZSTD(1))
)
ENGINE = {{engine "AggregatingMergeTree"}}
PARTITION BY toYear(hour)
ORDER BY (dataset, entity_type, toStartOfMonth(hour), entity_code, family, hour)
TTL appended_at + INTERVAL 10 YEAR DELETE
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024
COMMENT 'visibility by hour: least, most and last of the hour''s rows. A row that was inserted twice does not change them. Read entity_hours.';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.visibility_hours_filled {{cluster}} TO {{database}}.visibility_hours
AS SELECT
    dataset, entity_type, entity_code, family, toStartOfHour(timestamp) AS hour, anyLast(entity_name) AS entity_name,
    min(space) AS min_space, max(space) AS max_space, min(prefixes) AS min_prefixes, max(prefixes) AS max_prefixes,
    max((timestamp, position_epoch, position_sequence, space, prefixes, baseline_space, baseline_prefixes, voters, usual_space, usual_prefixes)) AS last,
    maxIf((timestamp, position_epoch, position_sequence, space, prefixes, baseline_space, baseline_prefixes, voters, usual_space, usual_prefixes), timestamp = toStartOfHour(timestamp)) AS at_begin, max(visibility.appended_at) AS appended_at
FROM {{database}}.visibility
GROUP BY dataset, entity_type, entity_code, family, hour
COMMENT 'Fills visibility_hours from the rows inserted into visibility.';

-- Blocks are small, because the view above groups each block in memory.
-- each partition of visibility_before
INSERT INTO {{database}}.visibility
    (
    dataset, timestamp, entity_type, entity_code, entity_name, family, space, prefixes, baseline_space, baseline_prefixes, usual_space,
    usual_prefixes, voters, position_collector, position_lane, position_epoch, position_sequence, topic, partition, offset, appended_at
    )
SELECT
    dataset, timestamp, entity_type, entity_code, entity_name, family, space, prefixes, baseline_space, baseline_prefixes, usual_space,
    usual_prefixes, voters, position_collector, position_lane, position_epoch, position_sequence, topic, partition, offset, appended_at
FROM {{database}}.visibility_before
WHERE _partition_id = {{partition}}
SETTINGS min_insert_block_size_rows = 131072, min_insert_block_size_bytes = 0;

-- Hours before the first remaining row of a dataset. Their usual space is the known space, as in rows from before step 10.
-- each partition of visibility_hours_before
INSERT INTO {{database}}.visibility_hours
    (dataset, entity_type, entity_code, family, hour, entity_name, min_space, max_space, min_prefixes, max_prefixes, last, at_begin, appended_at)
SELECT
    dataset, entity_type, entity_code, family, hour, entity_name, min_space, max_space, min_prefixes, max_prefixes,
    (last.timestamp, last.position_epoch, last.position_sequence, last.space, last.prefixes, last.baseline_space, last.baseline_prefixes, last.voters, last.baseline_space, last.baseline_prefixes) AS last_row,
    if(last.timestamp = hour, last_row, defaultValueOfArgumentType(last_row)), appended_at
FROM {{database}}.visibility_hours_before
LEFT JOIN (SELECT dataset, toStartOfHour(min(timestamp)) AS first_hour FROM {{database}}.visibility_before GROUP BY dataset) AS kept USING (dataset)
WHERE visibility_hours_before._partition_id = {{partition}} AND (first_hour = 0 OR hour <= first_hour);

DROP TABLE IF EXISTS {{database}}.visibility_before {{cluster}};

DROP TABLE IF EXISTS {{database}}.visibility_hours_before {{cluster}};

CREATE OR REPLACE VIEW {{database}}.entity_hours {{cluster}}
(
    dataset LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    hour DateTime('UTC') COMMENT 'beginning of the hour, event time, seconds',
    entity_type Enum8('prefix' = 1, 'as' = 2, 'country' = 3, 'region' = 4, 'world' = 5, 'watch' = 6) COMMENT 'kind of entity',
    entity_code String COMMENT 'code of the entity: KP, KP-01, AS131279, 175.45.176.0/24',
    entity_name LowCardinality(String) COMMENT 'name of the entity: North Korea',
    family Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family',
    min_space Float64 COMMENT 'least visible space of the hour''s rows, /24s or /48s',
    max_space Float64 COMMENT 'most visible space of the hour''s rows, /24s or /48s',
    min_prefixes UInt32 COMMENT 'fewest visible prefixes of the hour''s rows',
    max_prefixes UInt32 COMMENT 'most visible prefixes of the hour''s rows',
    space Float64 COMMENT 'visible space after the hour''s last row, /24s or /48s',
    prefixes UInt32 COMMENT 'visible prefixes after the hour''s last row',
    baseline_space Float64 COMMENT 'known space in the hour''s last row: visible or lost, /24s or /48s',
    baseline_prefixes UInt32 COMMENT 'known prefixes in the hour''s last row: visible or lost',
    usual_space Float64 COMMENT 'usually visible space in the hour''s last row, /24s or /48s',
    usual_prefixes UInt32 COMMENT 'number of usually visible prefixes in the hour''s last row',
    max_loss_percent Float64 COMMENT 'most missing space of the hour''s rows, percent of the usual space in its last row; 0 where there is no usual space',
    voters UInt32 COMMENT 'number of ASNs that voted, in the hour''s last row'
)
AS SELECT
    dataset, hour, entity_type, entity_code, entity_name, family, min_space, max_space, min_prefixes, max_prefixes, last.space AS space, last.prefixes AS prefixes,
    last.baseline_space AS baseline_space, last.baseline_prefixes AS baseline_prefixes, last.usual_space AS usual_space, last.usual_prefixes AS usual_prefixes,
    if(usual_space > 0, greatest(0, round(100 * (1 - min_space / usual_space), 2)), 0) AS max_loss_percent, last.voters AS voters
FROM {{database}}.visibility_hours FINAL
COMMENT 'The visibility of an entity by hour: least, most and last of the rows of visibility whose minute is in the hour. An entity has a row for each hour in which something is known of it.';

CREATE OR REPLACE VIEW {{database}}.entity_minutes {{cluster}}
AS WITH
    {step:UInt32} % 3600 = 0 AND toUnixTimestamp({from:DateTime('UTC')}) % 3600 = 0 AS by_hour,
    (
        SELECT max(timestamp) FROM {{database}}.visibility
        WHERE NOT by_hour AND dataset = {dataset:String} AND entity_type = {entity_type:String} AND entity_code = {entity_code:String} AND family = {family:String}
            AND timestamp <= {from:DateTime('UTC')} AND timestamp > {from:DateTime('UTC')} - INTERVAL 1 DAY
    ) AS recent_row,
    (
        SELECT max(timestamp) FROM {{database}}.visibility
        WHERE NOT by_hour AND recent_row = 0 AND dataset = {dataset:String} AND entity_type = {entity_type:String} AND entity_code = {entity_code:String} AND family = {family:String}
            AND timestamp <= {from:DateTime('UTC')} - INTERVAL 1 DAY
    ) AS older_row,
    (
        SELECT max(hour) FROM {{database}}.visibility_hours
        WHERE by_hour AND dataset = {dataset:String} AND entity_type = {entity_type:String} AND entity_code = {entity_code:String} AND family = {family:String}
            AND hour < {from:DateTime('UTC')}
    ) AS hour_before
SELECT
    {dataset:String} AS dataset, {entity_type:String} AS entity_type, {entity_code:String} AS entity_code, {family:String} AS family, minute, state.1 AS space, state.2 AS prefixes,
    state.3 AS baseline_space, state.4 AS baseline_prefixes, state.5 AS usual_space, state.6 AS usual_prefixes,
    if(usual_space > 0, greatest(0, round(100 * (1 - space / usual_space), 2)), 0) AS loss_percent, state.7 AS voters, row_at
FROM (
    SELECT {from:DateTime('UTC')} + toIntervalSecond(number * {step:UInt32}) AS minute, 1 AS one
    FROM numbers(intDiv(toUInt32({to:DateTime('UTC')}) - toUInt32({from:DateTime('UTC')}) + {step:UInt32} - 1, {step:UInt32}))
) AS steps
ASOF JOIN (
    SELECT row_at, 1 AS one, argMax(found_state, position) AS state
    FROM (
        SELECT timestamp AS row_at, (position_epoch, position_sequence) AS position, (space, prefixes, baseline_space, baseline_prefixes, usual_space, usual_prefixes, voters) AS found_state
        FROM {{database}}.visibility
        WHERE NOT by_hour AND dataset = {dataset:String} AND entity_type = {entity_type:String} AND entity_code = {entity_code:String} AND family = {family:String}
            AND timestamp < {to:DateTime('UTC')} AND timestamp >= greatest(recent_row, older_row)
        UNION ALL
        SELECT
            x.timestamp AS row_at, (x.position_epoch, x.position_sequence) AS position,
            (x.space, x.prefixes, x.baseline_space, x.baseline_prefixes, x.usual_space, x.usual_prefixes, x.voters) AS found_state
        FROM (
            SELECT arrayJoin([last, at_begin]) AS x
            FROM {{database}}.visibility_hours
            WHERE by_hour AND dataset = {dataset:String} AND entity_type = {entity_type:String} AND entity_code = {entity_code:String} AND family = {family:String}
                AND hour < {to:DateTime('UTC')} AND hour >= hour_before
        )
        WHERE x.timestamp > 0
    )
    GROUP BY row_at
) AS found ON steps.one = found.one AND steps.minute >= found.row_at
COMMENT 'The visibility of an entity at each time step, from its last row at or before the step. Steps before its first row are left out. Steps of whole hours that begin on the hour are read from visibility_hours, which is quick for years. Parameters: dataset, entity_type (country), entity_code (KP), family (ipv4, ipv6), from and to (UTC), step (seconds). Columns as those of entity_history; minute is the step, row_at the minute of the row that is used.';

CREATE VIEW IF NOT EXISTS {{database}}.world_at {{cluster}}
AS SELECT
    {dataset:String} AS dataset, row_at, entity_type, entity_code, newest.1 AS entity_name, family, newest.2 AS space, newest.3 AS prefixes, newest.4 AS baseline_space,
    newest.5 AS baseline_prefixes, newest.6 AS usual_space, newest.7 AS usual_prefixes,
    if(usual_space > 0, greatest(0, round(100 * (1 - space / usual_space), 2)), 0) AS loss_percent, newest.8 AS voters
FROM (
    SELECT
        entity_type, entity_code, family, max(visibility.timestamp) AS row_at,
        argMax((entity_name, visibility.space, visibility.prefixes, visibility.baseline_space, visibility.baseline_prefixes, visibility.usual_space, visibility.usual_prefixes, visibility.voters),
            (visibility.timestamp, position_epoch, position_sequence)) AS newest
    FROM {{database}}.visibility
    WHERE dataset = {dataset:String} AND visibility.timestamp <= {at:DateTime('UTC')} AND visibility.timestamp > {at:DateTime('UTC')} - INTERVAL 70 MINUTE
    GROUP BY entity_type, entity_code, family
)
COMMENT 'The visibility of every entity at a time, from its last row in the 70 minutes before: an entity of which something is known has a row an hour. Quick where entity_type is given. Parameters: dataset, at (UTC). Columns as those of entity_history; row_at is the minute of the row that is used.';
