-- The rows of prefix_states by origin and by country. Questions for the prefixes of an AS or of a country read the rows of a day before, of
-- all prefixes. Now they find the prefixes in these tables, and read only the rows of these from prefix_states, in granules of 1,024 rows.

RENAME TABLE {{database}}.prefix_states TO {{database}}.prefix_states_before {{cluster}};

CREATE TABLE IF NOT EXISTS {{database}}.prefix_states {{cluster}}
(
    dataset            LowCardinality(String) COMMENT 'live, demo, or the name of a replay' CODEC(ZSTD(1)),
    begin              IPv6                   COMMENT 'first address of the prefix; for IPv4 with ::ffff: before it' CODEC(ZSTD(1)),
    length             UInt8                  COMMENT 'length of the prefix as written, 0 to 32 or 0 to 128 bits' CODEC(ZSTD(1)),
    prefix             String                 COMMENT 'prefix as text, host bits 0: 198.51.100.0/24' CODEC(ZSTD(1)),
    family             Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family' CODEC(ZSTD(1)),
    timestamp          DateTime('UTC')        COMMENT 'beginning of the minute of the record, event time, seconds' CODEC(Delta(4), ZSTD(1)),
    state              Enum8('new' = 1, 'visible' = 2, 'partly' = 3, 'lost' = 4, 'gone' = 5) COMMENT 'state of the prefix: new (half of the voters hold it, and usually did not), visible, partly (fewer than four fifths of its usual voters hold it), lost (fewer than half of them hold it), gone (it is no longer in the table)' CODEC(ZSTD(1)),
    since              DateTime('UTC')        COMMENT 'beginning of the first minute with this state and these origins, event time, seconds' CODEC(Delta(4), ZSTD(1)),
    since_at_least     Bool                   COMMENT 'true where state and origins were already these when the detector began; since is then the first minute that it decided' CODEC(ZSTD(1)),
    origins            Array(UInt32)          COMMENT 'AS numbers that originate the prefix, in ascending order; for a lost prefix its usual origins' CODEC(ZSTD(1)),
    origin_voters      Array(UInt32)          COMMENT 'number of voters that hold the prefix from each of origins, in the order of origins' CODEC(ZSTD(1)),
    upstreams          Array(UInt32)          COMMENT 'AS numbers next to the origin through which at least a twentieth of the voters hold the prefix, or held it last; most voters first, at most eight' CODEC(ZSTD(1)),
    upstream_voters    Array(UInt32)          COMMENT 'number of voters that hold the prefix through each of upstreams, in the order of upstreams' CODEC(ZSTD(1)),
    seen_by            UInt32                 COMMENT 'number of voters that hold the prefix' CODEC(T64, ZSTD(1)),
    voters             UInt32                 COMMENT 'number of voters' CODEC(T64, ZSTD(1)),
    usual_percent      Float64                COMMENT 'share of the voters that usually hold the prefix (median of 24 hours), percent; 0 where verdicts rest on updates alone' CODEC(ZSTD(1)),
    country            LowCardinality(String) COMMENT 'ISO 3166-1 code of the country that most of the prefix lies in; empty where unknown' CODEC(ZSTD(1)),
    region             LowCardinality(String) COMMENT 'ISO 3166-2 code of the region of that country that most of the prefix lies in; empty where unknown' CODEC(ZSTD(1)),
    places             Array(Tuple(country String, region String, space Float64)) COMMENT 'countries and regions that the prefix lies in, most space first, at most 32; region: empty where unknown; space: /24s or /48s' CODEC(ZSTD(1)),
    space              Float64                COMMENT 'size of the prefix, /24s or /48s' CODEC(ZSTD(1)),
    daily              Bool                   COMMENT 'true for the daily row, in which nothing changed' CODEC(ZSTD(1)),
    position_collector LowCardinality(String) COMMENT 'position of the record: detect/ipv4, detect/ipv6' CODEC(ZSTD(1)),
    position_lane      LowCardinality(String) COMMENT 'position of the record' CODEC(ZSTD(1)),
    position_epoch     UInt64                 COMMENT 'position of the record' CODEC(Delta(8), ZSTD(1)),
    position_sequence  UInt64                 COMMENT 'position of the record: window and index' CODEC(Delta(8), ZSTD(1)),
    topic              LowCardinality(String) COMMENT 'Kafka topic that the record was read from, without the configured prefix' CODEC(ZSTD(1)),
    partition          Int32                  COMMENT 'partition of the record in topic' CODEC(ZSTD(1)),
    offset             Int64                  COMMENT 'offset of the record in partition' CODEC(Delta(8), ZSTD(1)),
    appended_at        DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here' CODEC(Delta(4), ZSTD(1)),
    INDEX by_timestamp timestamp TYPE minmax GRANULARITY 1,
    INDEX by_prefix prefix TYPE bloom_filter(0.01) GRANULARITY 1,
    PROJECTION positions (SELECT dataset, topic, partition, position_collector, position_lane, max((position_epoch, position_sequence)) GROUP BY dataset, topic, partition, position_collector, position_lane)
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toDate(appended_at)
ORDER BY (dataset, begin, length, timestamp, position_collector, position_lane, position_epoch, position_sequence)
TTL appended_at + INTERVAL 1 YEAR DELETE
SETTINGS ttl_only_drop_parts = 1, deduplicate_merge_projection_mode = 'rebuild', index_granularity = 1024
COMMENT 'The origins and the state of a prefix: a row when one of them changed, and once a day. Read prefix_holders for the origins and states over time; prefix_holders_at, country_networks_at and origin_prefixes_at for one time.';

CREATE TABLE IF NOT EXISTS {{database}}.prefix_origins {{cluster}}
(
    dataset            LowCardinality(String) COMMENT 'live, demo, or the name of a replay' CODEC(ZSTD(1)),
    origin             UInt32                 COMMENT 'AS number that originates the prefix; for a lost prefix one of its usual origins' CODEC(ZSTD(1)),
    begin              IPv6                   COMMENT 'first address of the prefix; for IPv4 with ::ffff: before it' CODEC(ZSTD(1)),
    length             UInt8                  COMMENT 'length of the prefix as written, 0 to 32 or 0 to 128 bits' CODEC(ZSTD(1)),
    timestamp          DateTime('UTC')        COMMENT 'beginning of the minute of the record, event time, seconds' CODEC(Delta(4), ZSTD(1)),
    position_collector LowCardinality(String) COMMENT 'position of the record: detect/ipv4, detect/ipv6' CODEC(ZSTD(1)),
    position_lane      LowCardinality(String) COMMENT 'position of the record' CODEC(ZSTD(1)),
    position_epoch     UInt64                 COMMENT 'position of the record' CODEC(Delta(8), ZSTD(1)),
    position_sequence  UInt64                 COMMENT 'position of the record: window and index' CODEC(Delta(8), ZSTD(1)),
    appended_at        DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; time to live counts from here' CODEC(Delta(4), ZSTD(1))
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toMonday(timestamp)
ORDER BY (dataset, origin, toDate(timestamp), begin, length, timestamp, position_collector, position_lane, position_epoch, position_sequence)
TTL appended_at + INTERVAL 1 YEAR DELETE
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024
COMMENT 'The rows of prefix_states, one for each origin, sorted by origin. A later row of the prefix may have other origins. Read origin_prefixes_at.';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.prefix_origins_filled {{cluster}} TO {{database}}.prefix_origins
AS SELECT
    dataset, arrayJoin(origins) AS origin, begin, length, timestamp, position_collector, position_lane, position_epoch, position_sequence, appended_at
FROM {{database}}.prefix_states
COMMENT 'Fills prefix_origins from the rows inserted into prefix_states.';

CREATE TABLE IF NOT EXISTS {{database}}.prefix_countries {{cluster}}
(
    dataset            LowCardinality(String) COMMENT 'live, demo, or the name of a replay' CODEC(ZSTD(1)),
    country            LowCardinality(String) COMMENT 'ISO 3166-1 code of a country that the prefix lies in' CODEC(ZSTD(1)),
    begin              IPv6                   COMMENT 'first address of the prefix; for IPv4 with ::ffff: before it' CODEC(ZSTD(1)),
    length             UInt8                  COMMENT 'length of the prefix as written, 0 to 32 or 0 to 128 bits' CODEC(ZSTD(1)),
    timestamp          DateTime('UTC')        COMMENT 'beginning of the minute of the record, event time, seconds' CODEC(Delta(4), ZSTD(1)),
    family             Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family' CODEC(ZSTD(1)),
    state              Enum8('new' = 1, 'visible' = 2, 'partly' = 3, 'lost' = 4, 'gone' = 5) COMMENT 'state of the prefix, as in prefix_states' CODEC(ZSTD(1)),
    origins            Array(UInt32)          COMMENT 'AS numbers that originate the prefix, in ascending order; for a lost prefix its usual origins' CODEC(ZSTD(1)),
    space              Float64                COMMENT 'part of the prefix that lies in the country, /24s or /48s' CODEC(ZSTD(1)),
    position_collector LowCardinality(String) COMMENT 'position of the record: detect/ipv4, detect/ipv6' CODEC(ZSTD(1)),
    position_lane      LowCardinality(String) COMMENT 'position of the record' CODEC(ZSTD(1)),
    position_epoch     UInt64                 COMMENT 'position of the record' CODEC(Delta(8), ZSTD(1)),
    position_sequence  UInt64                 COMMENT 'position of the record: window and index' CODEC(Delta(8), ZSTD(1)),
    appended_at        DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; time to live counts from here' CODEC(Delta(4), ZSTD(1))
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toMonday(timestamp)
ORDER BY (dataset, country, toDate(timestamp), begin, length, timestamp, position_collector, position_lane, position_epoch, position_sequence)
TTL appended_at + INTERVAL 1 YEAR DELETE
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024
COMMENT 'The rows of prefix_states, one for each country, sorted by country. A later row of the prefix may have other countries. Read country_networks_at.';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.prefix_countries_filled {{cluster}} TO {{database}}.prefix_countries
AS SELECT
    dataset, arrayJoin(arrayDistinct(places.country)) AS country, begin, length, timestamp, family, state, origins,
    arraySum(p -> if(p.1 = country, p.3, 0), places) AS space, position_collector, position_lane, position_epoch, position_sequence, appended_at
FROM {{database}}.prefix_states
COMMENT 'Fills prefix_countries from the rows inserted into prefix_states.';

-- The views above fill their tables from these rows, too.
-- each partition of prefix_states_before
INSERT INTO {{database}}.prefix_states
    (
    dataset, begin, length, prefix, family, timestamp, state, since, since_at_least, origins, origin_voters, upstreams, upstream_voters,
    seen_by, voters, usual_percent, country, region, places, space, daily, position_collector, position_lane, position_epoch,
    position_sequence, topic, partition, offset, appended_at
    )
SELECT
    dataset, begin, length, prefix, family, timestamp, state, since, since_at_least, origins, origin_voters, upstreams, upstream_voters,
    seen_by, voters, usual_percent, country, region, places, space, daily, position_collector, position_lane, position_epoch,
    position_sequence, topic, partition, offset, appended_at
FROM {{database}}.prefix_states_before
WHERE _partition_id = {{partition}};

DROP TABLE IF EXISTS {{database}}.prefix_states_before {{cluster}};

CREATE OR REPLACE VIEW {{database}}.origin_prefixes_at {{cluster}}
AS SELECT
    dataset, prefix, begin, length, family, state, origins, since, since_at_least, said_at, upstreams, arrayMap(a -> dictGet('{{database}}.as_info', 'name', a), upstreams) AS upstream_names,
    seen_by, voters, usual_percent, country, region, space
FROM (
    SELECT
        dataset, begin, length, said_at, newest.1 AS prefix, newest.2 AS family, newest.3 AS state, newest.4 AS origins, newest.5 AS since, newest.6 AS since_at_least, newest.7 AS upstreams,
        newest.8 AS seen_by, newest.9 AS voters, newest.10 AS usual_percent, newest.11 AS country, newest.12 AS region, newest.13 AS space
    FROM (
        SELECT
            dataset, begin, length, max(timestamp) AS said_at,
            argMax((prefix, family, state, origins, since, since_at_least, upstreams, seen_by, voters, usual_percent, country, region, space), (timestamp, position_sequence)) AS newest
        FROM {{database}}.prefix_states
        WHERE dataset = {dataset:String} AND timestamp > {at:DateTime('UTC')} - INTERVAL 26 HOUR AND timestamp <= {at:DateTime('UTC')}
            AND (begin, length) IN (
                SELECT begin, length FROM {{database}}.prefix_origins
                WHERE dataset = {dataset:String} AND origin = {origin:UInt32} AND timestamp > {at:DateTime('UTC')} - INTERVAL 26 HOUR AND timestamp <= {at:DateTime('UTC')}
            )
        GROUP BY dataset, begin, length
    )
)
WHERE has(origins, {origin:UInt32}) AND state != 'gone'
COMMENT 'The prefixes that an AS originated at a time, lost ones included, from the last record of each in the 26 hours before. Parameters: dataset, origin (64496), at (UTC). Columns as those of prefix_states; said_at is timestamp there.';

CREATE OR REPLACE VIEW {{database}}.country_networks_at {{cluster}}
AS SELECT
    {dataset:String} AS dataset, {country:String} AS country, family, origin, dictGet('{{database}}.as_info', 'name', origin) AS origin_name, count() AS prefixes, countIf(seen) AS visible_prefixes,
    sumIf(inside, NOT ifNull(covered, false)) AS space, sumIf(inside, seen AND NOT ifNull(seen_covered, false)) AS visible_space
FROM (
    SELECT
        family, origin, seen, inside,
        max(last) OVER (PARTITION BY family, origin ORDER BY begin ASC, length ASC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) >= last AS covered,
        max(if(seen, last, toIPv6('::'))) OVER (PARTITION BY family, origin ORDER BY begin ASC, length ASC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) >= last AS seen_covered
    FROM (
        SELECT
            begin, length, newest.1 AS family, newest.2 != 'lost' AS seen, tupleElement(IPv6CIDRToRange(begin, toUInt8(length + if(newest.1 = 'ipv6', 0, 96))), 2) AS last,
            newest.4 AS inside, arrayJoin(newest.3) AS origin
        FROM (
            SELECT begin, length, argMax((family, state, origins, space), (timestamp, position_sequence)) AS newest, max((timestamp, position_sequence)) AS said
            FROM {{database}}.prefix_countries
            WHERE dataset = {dataset:String} AND country = {country:String} AND timestamp > {at:DateTime('UTC')} - INTERVAL 26 HOUR AND timestamp <= {at:DateTime('UTC')}
            GROUP BY begin, length
            HAVING tupleElement(newest, 2) != 'gone' AND (begin, length, said) IN (
                SELECT begin, length, max((timestamp, position_sequence)) FROM {{database}}.prefix_states
                WHERE dataset = {dataset:String} AND timestamp > {at:DateTime('UTC')} - INTERVAL 26 HOUR AND timestamp <= {at:DateTime('UTC')}
                    AND (begin, length) IN (
                        SELECT begin, length FROM {{database}}.prefix_countries
                        WHERE dataset = {dataset:String} AND country = {country:String} AND timestamp > {at:DateTime('UTC')} - INTERVAL 26 HOUR AND timestamp <= {at:DateTime('UTC')}
                    )
                GROUP BY begin, length
            )
        )
    )
)
GROUP BY family, origin
COMMENT 'The networks of a country at a time: each AS that originated prefixes there, from the last record of each prefix in the 26 hours before. Parameters: dataset, country (KP), at (UTC). Columns: family; origin, the AS number; origin_name, its name today; prefixes, lost ones included; visible_prefixes; space, the part of the country that the prefixes cover, each address counted once, /24s or /48s; visible_space, the same of visible prefixes.';

-- An AS has few rows, so the row that holds at the beginning can be months old. In visibility each day is a piece of its own, so the search for
-- this row, and the way from it to the beginning, read a granule for each day. In visibility_hours they read some for each month.
CREATE OR REPLACE VIEW {{database}}.entity_minutes {{cluster}}
AS WITH
    {step:UInt32} % 3600 = 0 AND toUnixTimestamp({from:DateTime('UTC')}) % 3600 = 0 AS by_hour,
    (
        SELECT max(timestamp) FROM {{database}}.visibility
        WHERE NOT by_hour AND dataset = {dataset:String} AND entity_type = {entity_type:String} AND entity_code = {entity_code:String} AND family = {family:String}
            AND timestamp <= {from:DateTime('UTC')} AND timestamp > {from:DateTime('UTC')} - INTERVAL 1 DAY
    ) AS recent_row,
    (
        SELECT max(hour) FROM {{database}}.visibility_hours
        WHERE by_hour AND dataset = {dataset:String} AND entity_type = {entity_type:String} AND entity_code = {entity_code:String} AND family = {family:String}
            AND hour < {from:DateTime('UTC')} AND hour >= {from:DateTime('UTC')} - INTERVAL 1 DAY
    ) AS recent_hour,
    (
        SELECT max(hour) FROM {{database}}.visibility_hours
        WHERE recent_row = 0 AND recent_hour = 0 AND dataset = {dataset:String} AND entity_type = {entity_type:String} AND entity_code = {entity_code:String} AND family = {family:String}
            AND hour <= toStartOfHour({from:DateTime('UTC')} - INTERVAL 1 DAY)
    ) AS older_hour
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
            AND timestamp < {to:DateTime('UTC')} AND timestamp >= if(recent_row = 0, {from:DateTime('UTC')}, recent_row)
        UNION ALL
        SELECT
            x.timestamp AS row_at, (x.position_epoch, x.position_sequence) AS position,
            (x.space, x.prefixes, x.baseline_space, x.baseline_prefixes, x.usual_space, x.usual_prefixes, x.voters) AS found_state
        FROM (
            SELECT arrayJoin([last, at_begin]) AS x
            FROM {{database}}.visibility_hours
            WHERE by_hour AND dataset = {dataset:String} AND entity_type = {entity_type:String} AND entity_code = {entity_code:String} AND family = {family:String}
                AND hour < {to:DateTime('UTC')} AND hour >= if(recent_hour = 0, {from:DateTime('UTC')}, recent_hour)
        )
        WHERE x.timestamp > 0
        UNION ALL
        SELECT
            last.timestamp AS row_at, (last.position_epoch, last.position_sequence) AS position,
            (last.space, last.prefixes, last.baseline_space, last.baseline_prefixes, last.usual_space, last.usual_prefixes, last.voters) AS found_state
        FROM {{database}}.visibility_hours
        WHERE older_hour > 0 AND dataset = {dataset:String} AND entity_type = {entity_type:String} AND entity_code = {entity_code:String} AND family = {family:String}
            AND hour = older_hour
    )
    GROUP BY row_at
) AS found ON steps.one = found.one AND steps.minute >= found.row_at
COMMENT 'The visibility of an entity at each time step, from its last row at or before the step. Steps before its first row are left out. Steps of whole hours that begin on the hour are read from visibility_hours, which is quick for years; so is the row before from, if it is older than a day. Parameters: dataset, entity_type (country), entity_code (KP), family (ipv4, ipv6), from and to (UTC), step (seconds). Columns as those of entity_history; minute is the step, row_at the minute of the row that is used.';

-- Rows that replace each other have the same begin and length, and so the same prefix. The index by_prefix finds all of them, so no answer holds
-- a replaced row (TestIndexUnderFinal). In its exact mode, FINAL also reads all rows between the first and the last row that the index finds.
-- An index by a column that is not determined by the sorting key would need that mode.
CREATE OR REPLACE VIEW {{database}}.prefix_history {{cluster}}
(
    dataset LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    prefix String COMMENT 'prefix as text, host bits 0: 198.51.100.0/24',
    begin IPv6 COMMENT 'first address of the prefix; for IPv4 with ::ffff: before it',
    length UInt8 COMMENT 'length of the prefix as written, bits',
    timestamp DateTime64(6, 'UTC') COMMENT 'the collector''s time, microseconds',
    type Enum8('announce' = 1, 'withdraw' = 2) COMMENT 'the change: an announcement or a withdrawal',
    collector LowCardinality(String) COMMENT 'ris/rrc00, routeviews/route-views2, bmp/192.0.2.1, file/local',
    peer_address LowCardinality(String) COMMENT 'the collector''s neighbour, as text: 192.0.2.1, 2001:db8::1',
    peer_asn UInt32 COMMENT 'AS number of the peer',
    peer_name String COMMENT 'name of the peer''s AS today; empty where unknown',
    `table` Enum8('pre' = 1, 'post' = 2, 'loc' = 3, 'out' = 4) COMMENT 'table of the peer that the session shows (RFC 7854, 8671, 9069)',
    path_id UInt32 COMMENT 'path identifier (RFC 7911); 0 without ADD-PATH',
    safi Enum8('unicast' = 1, 'multicast' = 2) COMMENT 'subsequent address family (SAFI); verdicts ignore multicast routes',
    as_path String COMMENT 'AS path, nearest AS first, in the form of bgpdump: 64496 64497 {64498,64499}; empty for a withdrawal; as_path_asns has the numbers',
    origin_as UInt32 COMMENT 'last AS of the path; 0 for a withdrawal or where the path gives none',
    origin_name String COMMENT 'name of the origin AS today; empty where unknown',
    lane LowCardinality(String) COMMENT 'part of the collector''s stream, in which epoch and sequence count: live, rv/<topic>, fill/<gap>, follow, file/<hash of the inputs>',
    epoch UInt64 COMMENT 'in lane live: Unix milliseconds x 1024 + a random number per process; 0 in other lanes',
    sequence UInt64 COMMENT 'number of the record within lane and epoch, from 1',
    idx UInt32 COMMENT 'number of the route within its message, withdrawals first, from 0',
    appended_at DateTime('UTC') COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here'
)
AS SELECT
    dataset, prefix, begin, length, timestamp, type, collector, peer_address, peer_asn, dictGet('{{database}}.as_info', 'name', peer_asn) AS peer_name, `table`, path_id,
    safi, as_path, origin_as, dictGet('{{database}}.as_info', 'name', origin_as) AS origin_name, lane, epoch, sequence, idx, appended_at
FROM {{database}}.prefix_changes FINAL
SETTINGS optimize_move_to_prewhere_if_final = 1, use_skip_indexes_if_final_exact_mode = 0
COMMENT 'The announcements and withdrawals of a prefix by peers, each once. Quick where dataset and prefix, or dataset and begin, are given. Routes of RIB snapshots have no rows.';
