-- The usual space and prefixes of an entity, against which its outage is measured. baseline_space and baseline_prefixes are the known
-- ones, visible or lost. Older rows have the known values as the usual ones.

ALTER TABLE {{database}}.visibility {{cluster}}
    ADD COLUMN IF NOT EXISTS usual_space Float64 DEFAULT baseline_space COMMENT 'usually visible space, /24s or /48s: during an outage its baseline, otherwise the median of the last 24 hours' CODEC(ZSTD(1)) AFTER baseline_prefixes,
    ADD COLUMN IF NOT EXISTS usual_prefixes UInt32 DEFAULT baseline_prefixes COMMENT 'number of usually visible prefixes' CODEC(ZSTD(1)) AFTER usual_space,
    COMMENT COLUMN baseline_space 'known space: visible or lost, /24s or /48s',
    COMMENT COLUMN baseline_prefixes 'known prefixes: visible or lost';

CREATE OR REPLACE VIEW {{database}}.entity_history {{cluster}}
(
    dataset LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    timestamp DateTime('UTC') COMMENT 'beginning of the minute, event time, seconds',
    entity_type Enum8('prefix' = 1, 'as' = 2, 'country' = 3, 'region' = 4, 'world' = 5, 'watch' = 6) COMMENT 'kind of entity',
    entity_code String COMMENT 'code of the entity: KP, KP-01, AS131279, 175.45.176.0/24',
    entity_name LowCardinality(String) COMMENT 'name of the entity: North Korea',
    family Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family',
    space Float64 COMMENT 'visible space, /24s or /48s',
    prefixes UInt32 COMMENT 'visible prefixes',
    baseline_space Float64 COMMENT 'known space: visible or lost, /24s or /48s',
    baseline_prefixes UInt32 COMMENT 'known prefixes: visible or lost',
    usual_space Float64 COMMENT 'usually visible space, /24s or /48s: during an outage its baseline, otherwise the median of the last 24 hours',
    usual_prefixes UInt32 COMMENT 'number of usually visible prefixes',
    loss_percent Float64 COMMENT 'missing space, percent of the usual space; 0 where there is no usual space',
    voters UInt32 COMMENT 'number of ASNs that voted',
    appended_at DateTime('UTC') COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here'
)
AS SELECT
    dataset, timestamp, entity_type, entity_code, entity_name, family, space, prefixes, baseline_space, baseline_prefixes, usual_space, usual_prefixes,
    if(usual_space > 0, greatest(0, round(100 * (1 - space / usual_space), 2)), 0) AS loss_percent, voters, appended_at
FROM {{database}}.visibility FINAL
COMMENT 'The visible space and prefixes of an entity: a row for each minute in which they changed, and one an hour, each once. A row holds until the next one.';

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
COMMENT 'The visibility of an entity at each time step, from its last row at or before the step. Steps before its first row are left out. Parameters: dataset, entity_type (country), entity_code (KP), family (ipv4, ipv6), from and to (UTC), step (seconds). Columns as those of entity_history; minute is the step, row_at the minute of the row that is used.';
