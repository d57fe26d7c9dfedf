-- Who holds a prefix and who sees it: a row for each record of bgp.prefixes, sent when the state or the origins changed, and once a day
-- for every prefix of the table. So what stood at a time is in the rows of the 26 hours before it, however long the history is: a day,
-- an hour in which a detector that begins says everything, and one more. With 1.2 M prefixes that is a day's partition or two.

CREATE TABLE IF NOT EXISTS {{database}}.prefix_states {{cluster}}
(
    dataset            LowCardinality(String) COMMENT 'live, demo, or the name of a replay' CODEC(ZSTD(1)),
    begin              IPv6                   COMMENT 'first address of the prefix; of an IPv4 one ::ffff: and the address' CODEC(ZSTD(1)),
    length             UInt8                  COMMENT 'length of the prefix as written, 0 to 32 or 0 to 128 bits' CODEC(ZSTD(1)),
    prefix             String                 COMMENT 'as text, host bits 0: 198.51.100.0/24' CODEC(ZSTD(1)),
    family             Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family' CODEC(ZSTD(1)),
    timestamp          DateTime('UTC')        COMMENT 'beginning of the minute in which it was said, event time, seconds' CODEC(Delta(4), ZSTD(1)),
    state              Enum8('new' = 1, 'visible' = 2, 'partly' = 3, 'lost' = 4, 'gone' = 5) COMMENT 'how the voters see it: new (half hold it, and usually did not), visible, partly (fewer than four fifths of its usual voters), lost (fewer than half of them), gone (it is in the table no more)' CODEC(ZSTD(1)),
    since              DateTime('UTC')        COMMENT 'beginning of the minute from which on state and origins are these, event time, seconds' CODEC(Delta(4), ZSTD(1)),
    since_at_least     Bool                   COMMENT 'they were so already when the detector began: since is the first minute that it decided' CODEC(ZSTD(1)),
    origins            Array(UInt32)          COMMENT 'AS numbers that originate it, by number; of a lost one its usual ones' CODEC(ZSTD(1)),
    origin_voters      Array(UInt32)          COMMENT 'how many voters hold it from each of origins, in their order' CODEC(ZSTD(1)),
    upstreams          Array(UInt32)          COMMENT 'AS numbers next to the origin over which a twentieth of the voters hold it, or held it last, those with most voters first, at most eight' CODEC(ZSTD(1)),
    upstream_voters    Array(UInt32)          COMMENT 'how many voters hold it over each of upstreams, in their order' CODEC(ZSTD(1)),
    seen_by            UInt32                 COMMENT 'how many voters hold it' CODEC(T64, ZSTD(1)),
    voters             UInt32                 COMMENT 'how many voters there are' CODEC(T64, ZSTD(1)),
    usual_percent      Float64                COMMENT 'share of the voters that usually hold it (median of 24 hours), percent; 0 where verdicts rest on updates alone' CODEC(ZSTD(1)),
    country            LowCardinality(String) COMMENT 'ISO 3166-1 code of the country that most of it lies in; empty where unknown' CODEC(ZSTD(1)),
    region             LowCardinality(String) COMMENT 'ISO 3166-2 code of the region of that country that most of it lies in; empty where unknown' CODEC(ZSTD(1)),
    places             Array(Tuple(country String, region String, space Float64)) COMMENT 'where it lies, most space first, at most 32; region: empty where unknown; space: /24s or /48s' CODEC(ZSTD(1)),
    space              Float64                COMMENT 'size of the prefix, /24s or /48s' CODEC(ZSTD(1)),
    daily              Bool                   COMMENT 'nothing changed: it is the daily row' CODEC(ZSTD(1)),
    position_collector LowCardinality(String) COMMENT 'position of the record: detect/ipv4, detect/ipv6' CODEC(ZSTD(1)),
    position_lane      LowCardinality(String) COMMENT 'position of the record' CODEC(ZSTD(1)),
    position_epoch     UInt64                 COMMENT 'position of the record' CODEC(Delta(8), ZSTD(1)),
    position_sequence  UInt64                 COMMENT 'position of the record: window and index' CODEC(Delta(8), ZSTD(1)),
    topic              LowCardinality(String) COMMENT 'Kafka topic that the record was read from, without the configured prefix' CODEC(ZSTD(1)),
    partition          Int32                  COMMENT 'its partition there' CODEC(ZSTD(1)),
    offset             Int64                  COMMENT 'its offset there' CODEC(Delta(8), ZSTD(1)),
    appended_at        DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here' CODEC(Delta(4), ZSTD(1)),
    INDEX by_timestamp timestamp TYPE minmax GRANULARITY 1,
    INDEX by_origin origins TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_prefix prefix TYPE bloom_filter(0.01) GRANULARITY 1,
    PROJECTION positions (SELECT dataset, topic, partition, position_collector, position_lane, max((position_epoch, position_sequence)) GROUP BY dataset, topic, partition, position_collector, position_lane)
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toDate(appended_at)
ORDER BY (dataset, begin, length, timestamp, position_collector, position_lane, position_epoch, position_sequence)
TTL appended_at + INTERVAL 1 YEAR DELETE
SETTINGS ttl_only_drop_parts = 1, deduplicate_merge_projection_mode = 'rebuild'
COMMENT 'Who holds a prefix and who sees it: a row when the state or the origins changed, and once a day. Read prefix_holders, who held it from when until when; prefix_holders_at, country_networks_at and origin_prefixes_at for a time.';

CREATE VIEW IF NOT EXISTS {{database}}.prefix_holders {{cluster}}
(
    dataset LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    prefix String COMMENT 'as text, host bits 0: 198.51.100.0/24',
    begin IPv6 COMMENT 'first address of the prefix; of an IPv4 one ::ffff: and the address',
    length UInt8 COMMENT 'length of the prefix as written, 0 to 32 or 0 to 128 bits',
    family Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family',
    state Enum8('new' = 1, 'visible' = 2, 'partly' = 3, 'lost' = 4, 'gone' = 5) COMMENT 'how the voters saw it: new (half held it, and usually did not), visible, partly (fewer than four fifths of its usual voters), lost (fewer than half of them), gone (it was in the table no more)',
    origins Array(UInt32) COMMENT 'AS numbers that originated it, by number; of a lost one its usual ones',
    origin_names Array(String) COMMENT 'the names of origins today, in their order; empty where unknown',
    since DateTime('UTC') COMMENT 'from when on state and origins were these, event time, seconds',
    since_at_least Bool COMMENT 'they were so already when the detector began: since is the first minute that it decided',
    until Nullable(DateTime('UTC')) COMMENT 'until when, event time, seconds; NULL where nothing else was said after it',
    last_said DateTime('UTC') COMMENT 'when this was said last, event time, seconds: each prefix of the table is said once a day, so after 26 hours without a word it is not known',
    upstreams Array(UInt32) COMMENT 'AS numbers next to the origin when it was said last, those with most voters first, at most eight',
    upstream_names Array(String) COMMENT 'the names of upstreams today, in their order; empty where unknown',
    seen_by UInt32 COMMENT 'how many voters held it when it was said last',
    voters UInt32 COMMENT 'how many voters there were then',
    usual_percent Float64 COMMENT 'share of the voters that usually held it then, percent; 0 where verdicts rested on updates alone',
    country LowCardinality(String) COMMENT 'ISO 3166-1 code of the country that most of it lies in; empty where unknown',
    region LowCardinality(String) COMMENT 'ISO 3166-2 code of the region of that country that most of it lies in; empty where unknown',
    space Float64 COMMENT 'size of the prefix, /24s or /48s'
)
AS SELECT
    dataset, newest.1 AS prefix, begin, length, newest.2 AS family, state, origins, arrayMap(a -> dictGet('{{database}}.as_info', 'name', a), origins) AS origin_names,
    since, since_at_least, until, last_said, newest.3 AS upstreams, arrayMap(a -> dictGet('{{database}}.as_info', 'name', a), newest.3) AS upstream_names,
    newest.4 AS seen_by, newest.5 AS voters, newest.6 AS usual_percent, newest.7 AS country, newest.8 AS region, newest.9 AS space
FROM (
    SELECT
        dataset, begin, length, state, origins, since, since_at_least, last_said, newest,
        leadInFrame(toNullable(since)) OVER (PARTITION BY dataset, begin, length ORDER BY run ASC ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS until
    FROM (
        SELECT dataset, begin, length, run, state, origins, min(from) AS since, argMin(at_least, from) AS since_at_least, max(last) AS last_said, argMax(said, last) AS newest
        FROM (
            SELECT dataset, begin, length, state, origins, from, at_least, last, said, sum(other) OVER (PARTITION BY dataset, begin, length ORDER BY first ASC, from ASC) AS run
            FROM (
                SELECT
                    dataset, begin, length, state, origins, from, at_least, first, last, said,
                    NOT (at_least AND (state, origins) = lagInFrame((state, origins)) OVER before AND first <= lagInFrame(last) OVER before + INTERVAL 26 HOUR) AS other
                FROM (
                    SELECT
                        dataset, begin, length, state, origins, since AS from, max(since_at_least) AS at_least, min(timestamp) AS first, max(timestamp) AS last,
                        argMax((prefix, family, upstreams, seen_by, voters, usual_percent, country, region, space), (timestamp, position_sequence)) AS said
                    FROM {{database}}.prefix_states
                    GROUP BY dataset, begin, length, state, origins, from
                )
                WINDOW before AS (PARTITION BY dataset, begin, length ORDER BY first ASC, from ASC ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
            )
        )
        GROUP BY dataset, begin, length, run, state, origins
    )
)
COMMENT 'Who held a prefix from when until when, and how the voters saw it: a row for each time in which state and origins were the same.';

CREATE VIEW IF NOT EXISTS {{database}}.prefix_holders_at {{cluster}}
AS SELECT
    dataset, prefix, begin, length, family, state, origins, arrayMap(a -> dictGet('{{database}}.as_info', 'name', a), origins) AS origin_names, origin_voters, since, since_at_least,
    timestamp AS said_at, upstreams, arrayMap(a -> dictGet('{{database}}.as_info', 'name', a), upstreams) AS upstream_names, upstream_voters, seen_by, voters, usual_percent,
    country, region, places, space
FROM (
    SELECT
        dataset, prefix, begin, length, family, state, origins, origin_voters, since, since_at_least, timestamp, upstreams, upstream_voters, seen_by, voters, usual_percent, country, region, places, space
    FROM {{database}}.prefix_states
    WHERE dataset = {dataset:String} AND timestamp > {at:DateTime('UTC')} - INTERVAL 26 HOUR AND timestamp <= {at:DateTime('UTC')}
        AND (begin, length) IN (
            SELECT tupleElement(IPv6CIDRToRange(toIPv6(splitByChar('/', {address:String})[1]), bits), 1), toUInt8(bits - outside)
            FROM (
                SELECT toUInt8(if(position({address:String}, ':') > 0, 0, 96)) AS outside, toUInt8(number + outside) AS bits
                FROM numbers(129)
                WHERE number <= if(position({address:String}, '/') > 0, toUInt8OrZero(splitByChar('/', {address:String})[2]), 128) AND number + outside <= 128
            )
        )
    ORDER BY length DESC, timestamp DESC, position_sequence DESC
    LIMIT 1 BY length
)
WHERE state != 'gone'
ORDER BY length DESC
COMMENT 'Who held an address or a prefix at a time: every prefix that contains it, the longest first, as it was said last in the 26 hours before. Parameters: dataset, address (198.51.100.7, 198.51.100.0/24, 2001:db8::1), at (UTC). Columns as those of prefix_states; said_at is timestamp there.';

CREATE VIEW IF NOT EXISTS {{database}}.origin_prefixes_at {{cluster}}
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
                SELECT begin, length FROM {{database}}.prefix_states
                WHERE dataset = {dataset:String} AND timestamp > {at:DateTime('UTC')} - INTERVAL 26 HOUR AND timestamp <= {at:DateTime('UTC')} AND has(origins, {origin:UInt32})
            )
        GROUP BY dataset, begin, length
    )
)
WHERE has(origins, {origin:UInt32}) AND state != 'gone'
COMMENT 'The prefixes that an AS originated at a time, the lost ones included, as they were said last in the 26 hours before. Parameters: dataset, origin (64496), at (UTC). Columns as those of prefix_states; said_at is timestamp there.';

CREATE VIEW IF NOT EXISTS {{database}}.country_networks_at {{cluster}}
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
            arraySum(p -> if(p.1 = {country:String}, p.3, 0), newest.4) AS inside, arrayJoin(newest.3) AS origin
        FROM (
            SELECT begin, length, argMax((family, state, origins, places), (timestamp, position_sequence)) AS newest
            FROM {{database}}.prefix_states
            WHERE dataset = {dataset:String} AND timestamp > {at:DateTime('UTC')} - INTERVAL 26 HOUR AND timestamp <= {at:DateTime('UTC')}
            GROUP BY begin, length
            HAVING tupleElement(newest, 2) != 'gone' AND arrayExists(p -> p.1 = {country:String}, tupleElement(newest, 4))
        )
    )
)
GROUP BY family, origin
COMMENT 'The networks of a country at a time, by what was said last in the 26 hours before: an AS that originated prefixes there. Parameters: dataset, country (KP), at (UTC). Columns: family; origin, AS number, and its name today; prefixes, lost ones included, and visible_prefixes; space, what of the country they cover, each address once, and visible_space, /24s or /48s.';
