-- The voters that lost the prefixes of an outage and the times, from the record with which the outage closed. Route changes are kept
-- for 30 days, outages for ever.

CREATE VIEW IF NOT EXISTS {{database}}.outage_withdrawal_curve {{cluster}}
(
    dataset LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    id String COMMENT 'ID of the outage',
    timestamp DateTime('UTC') COMMENT 'event time, seconds',
    seconds Int64 COMMENT 'seconds since the first withdrawal',
    voters UInt32 COMMENT 'number of voters that had lost half of their prefixes by then'
)
AS SELECT dataset, id, toDateTime(first + point.1, 'UTC') AS timestamp, point.1 AS seconds, point.2 AS voters
FROM (
    SELECT
        dataset, id, toUnixTimestamp(parseDateTimeBestEffortOrZero(JSONExtractString(json, 'evidence', 'withdrawals', 'first'), 'UTC')) AS first,
        arrayJoin(JSONExtract(json, 'evidence', 'withdrawals', 'curve', 'Array(Tuple(Int64, UInt32))')) AS point
    FROM {{database}}.outages
)
COMMENT 'The number of voters that had lost the prefixes of an ended outage, over time; the prefixes are those of its greatest loss. At most 32 points per outage.';

CREATE VIEW IF NOT EXISTS {{database}}.outage_withdrawals {{cluster}}
(
    dataset LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    id String COMMENT 'ID of the outage',
    prefix String COMMENT 'a lost prefix',
    upstream UInt32 COMMENT 'AS number next to the origin through which most voters held the prefix last; 0 where unknown',
    upstream_name String COMMENT 'name of that AS today; empty where unknown',
    voters UInt32 COMMENT 'number of voters that lost the prefix',
    first_at DateTime('UTC') COMMENT 'when the first voter lost the prefix, event time, seconds',
    first_asn UInt32 COMMENT 'AS number of the first voter that lost it',
    first_name String COMMENT 'name of that AS today; empty where unknown',
    half_at DateTime('UTC') COMMENT 'when half of these voters had lost it, event time, seconds',
    last_at DateTime('UTC') COMMENT 'when the last voter lost it, event time, seconds',
    last_asn UInt32 COMMENT 'AS number of the last voter that lost it',
    last_name String COMMENT 'name of that AS today; empty where unknown'
)
AS SELECT
    dataset, id, told.prefix AS prefix, told.upstream AS upstream, dictGet('{{database}}.as_info', 'name', told.upstream) AS upstream_name, told.voters AS voters,
    toDateTime(first + told.first.seconds, 'UTC') AS first_at, told.first.asn AS first_asn, dictGet('{{database}}.as_info', 'name', told.first.asn) AS first_name,
    toDateTime(first + told.half_seconds, 'UTC') AS half_at,
    toDateTime(first + told.last.seconds, 'UTC') AS last_at, told.last.asn AS last_asn, dictGet('{{database}}.as_info', 'name', told.last.asn) AS last_name
FROM (
    SELECT
        dataset, id, toUnixTimestamp(parseDateTimeBestEffortOrZero(JSONExtractString(json, 'evidence', 'withdrawals', 'first'), 'UTC')) AS first,
        arrayJoin(JSONExtract(json, 'evidence', 'withdrawals', 'prefixes',
            'Array(Tuple(prefix String, upstream UInt32, voters UInt32, half_seconds Int64, first Tuple(asn UInt32, seconds Int64), last Tuple(asn UInt32, seconds Int64)))')) AS told
    FROM {{database}}.outages
)
COMMENT 'The voters that lost the prefixes of an ended outage, and when. The prefixes are those of its greatest loss; per outage the ones with most space, at most eight.';
