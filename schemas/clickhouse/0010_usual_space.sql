-- What an entity usually shows, as its outage is measured against it. baseline_space and baseline_prefixes are what is known of it, visible
-- or lost. Rows from before say the known for the usual.

ALTER TABLE {{database}}.visibility {{cluster}}
    ADD COLUMN IF NOT EXISTS usual_space Float64 DEFAULT baseline_space COMMENT 'what is usually visible, /24s or /48s: the baseline of its outage, else the median of the last 24 hours' CODEC(ZSTD(1)) AFTER baseline_prefixes,
    ADD COLUMN IF NOT EXISTS usual_prefixes UInt32 DEFAULT baseline_prefixes COMMENT 'how many prefixes are usually visible' CODEC(ZSTD(1)) AFTER usual_space,
    COMMENT COLUMN baseline_space 'known space: visible or lost, /24s or /48s',
    COMMENT COLUMN baseline_prefixes 'known prefixes: visible or lost';

CREATE OR REPLACE VIEW {{database}}.entity_history {{cluster}}
(
    dataset LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    timestamp DateTime('UTC') COMMENT 'beginning of the minute, event time, seconds',
    entity_type Enum8('prefix' = 1, 'as' = 2, 'country' = 3, 'region' = 4, 'world' = 5, 'watch' = 6) COMMENT 'kind of entity',
    entity_code String COMMENT 'KP, KP-01, AS131279, 175.45.176.0/24',
    entity_name LowCardinality(String) COMMENT 'North Korea',
    family Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family',
    space Float64 COMMENT 'visible space, /24s or /48s',
    prefixes UInt32 COMMENT 'visible prefixes',
    baseline_space Float64 COMMENT 'known space: visible or lost, /24s or /48s',
    baseline_prefixes UInt32 COMMENT 'known prefixes: visible or lost',
    usual_space Float64 COMMENT 'what is usually visible, /24s or /48s: the baseline of its outage, else the median of the last 24 hours',
    usual_prefixes UInt32 COMMENT 'how many prefixes are usually visible',
    loss_percent Float64 COMMENT 'space that is missing, percent of the usual; 0 where nothing is usual',
    voters UInt32 COMMENT 'how many ASNs voted',
    appended_at DateTime('UTC') COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here'
)
AS SELECT
    dataset, timestamp, entity_type, entity_code, entity_name, family, space, prefixes, baseline_space, baseline_prefixes, usual_space, usual_prefixes,
    if(usual_space > 0, greatest(0, round(100 * (1 - space / usual_space), 2)), 0) AS loss_percent, voters, appended_at
FROM {{database}}.visibility FINAL
COMMENT 'What of an entity was visible: a row for a minute in which it changed, and one an hour, each once. Between two rows the first one holds.';

CREATE OR REPLACE VIEW {{database}}.entity_minutes {{cluster}}
AS SELECT
    {dataset:String} AS dataset, {entity_type:String} AS entity_type, {entity_code:String} AS entity_code, {family:String} AS family, minute, state.1 AS space, state.2 AS prefixes,
    state.3 AS baseline_space, state.4 AS baseline_prefixes, state.6 AS usual_space, state.7 AS usual_prefixes,
    if(usual_space > 0, greatest(0, round(100 * (1 - space / usual_space), 2)), 0) AS loss_percent, state.5 AS voters, row_at
FROM (
    SELECT {from:DateTime('UTC')} + toIntervalSecond(number * {step:UInt32}) AS minute, 1 AS one
    FROM numbers(intDiv(toUInt32({to:DateTime('UTC')}) - toUInt32({from:DateTime('UTC')}) + {step:UInt32} - 1, {step:UInt32}))
) AS steps
ASOF JOIN (
    SELECT
        timestamp AS row_at, 1 AS one,
        argMax((visibility.space, visibility.prefixes, visibility.baseline_space, visibility.baseline_prefixes, visibility.voters, visibility.usual_space, visibility.usual_prefixes), (position_epoch, position_sequence)) AS state
    FROM {{database}}.visibility
    WHERE dataset = {dataset:String} AND entity_type = {entity_type:String} AND entity_code = {entity_code:String} AND family = {family:String}
        AND timestamp < {to:DateTime('UTC')} AND timestamp >= (
            SELECT max(timestamp) FROM {{database}}.visibility
            WHERE dataset = {dataset:String} AND entity_type = {entity_type:String} AND entity_code = {entity_code:String} AND family = {family:String} AND timestamp <= {from:DateTime('UTC')})
    GROUP BY timestamp
) AS found ON steps.one = found.one AND steps.minute >= found.row_at
COMMENT 'How visible an entity was at each step of time: the last row by then holds. It begins with the first row known. Parameters: dataset, entity_type (country), entity_code (KP), family (ipv4, ipv6), from and to (UTC), step (seconds). Columns as those of entity_history; minute is the step, row_at the minute of the row that holds.';
