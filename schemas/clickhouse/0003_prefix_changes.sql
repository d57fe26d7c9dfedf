-- prefix_changes: a second copy of the route changes, with fewer columns and sorted by prefix. The history of a prefix, of all
-- prefixes within a prefix, and of all prefixes that contain an address is read from it in milliseconds. A view copies each
-- insert. Older rows are copied one day at a time.

CREATE TABLE IF NOT EXISTS {{database}}.prefix_changes {{cluster}}
(
    dataset      LowCardinality(String) COMMENT 'live, demo, or the name of a replay' CODEC(ZSTD(1)),
    begin        IPv6                   COMMENT 'first address of the prefix; for IPv4 with ::ffff: before it' CODEC(ZSTD(1)),
    length       UInt8                  COMMENT 'length of the prefix as written, 0 to 32 or 0 to 128 bits' CODEC(ZSTD(1)),
    prefix       String                 COMMENT 'prefix as text, host bits 0: 198.51.100.0/24' CODEC(ZSTD(1)),
    timestamp    DateTime64(6, 'UTC')   COMMENT 'the collector''s time, microseconds; partitions count from here' CODEC(Delta(8), ZSTD(1)),
    collector    LowCardinality(String) COMMENT 'ris/rrc00, routeviews/route-views2, bmp/192.0.2.1, file/local' CODEC(ZSTD(1)),
    lane         LowCardinality(String) COMMENT 'part of the collector''s stream, in which epoch and sequence count: live, rv/<topic>, fill/<gap>, follow, file/<hash of the inputs>' CODEC(ZSTD(1)),
    epoch        UInt64                 COMMENT 'in lane live: Unix milliseconds x 1024 + a random number per process; 0 in other lanes' CODEC(Delta(8), ZSTD(1)),
    sequence     UInt64                 COMMENT 'number of the record within lane and epoch, from 1' CODEC(Delta(8), ZSTD(1)),
    idx          UInt32                 COMMENT 'number of the route within its message, withdrawals first, from 0' CODEC(T64, ZSTD(1)),
    peer_address LowCardinality(String) COMMENT 'the collector''s neighbour, as text: 192.0.2.1, 2001:db8::1' CODEC(ZSTD(1)),
    peer_asn     UInt32                 COMMENT 'AS number of the peer' CODEC(ZSTD(1)),
    `table`      Enum8('pre' = 1, 'post' = 2, 'loc' = 3, 'out' = 4) COMMENT 'table of the peer that the session shows (RFC 7854, 8671, 9069)' CODEC(ZSTD(1)),
    path_id      UInt32                 COMMENT 'path identifier (RFC 7911); 0 without ADD-PATH' CODEC(T64, ZSTD(1)),
    safi         Enum8('unicast' = 1, 'multicast' = 2) COMMENT 'subsequent address family (SAFI); verdicts ignore multicast routes' CODEC(ZSTD(1)),
    type         Enum8('announce' = 1, 'withdraw' = 2) COMMENT 'the change: an announcement or a withdrawal' CODEC(ZSTD(1)),
    as_path      String                 COMMENT 'AS path, nearest AS first, in the form of bgpdump: 64496 64497 {64498,64499}; empty for a withdrawal' CODEC(ZSTD(1)),
    origin_as    UInt32                 COMMENT 'last AS of the path; 0 for a withdrawal or where the path gives none' CODEC(ZSTD(1)),
    appended_at  DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; time to live counts from here' CODEC(Delta(4), ZSTD(1)),
    INDEX by_prefix prefix TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toMonday(timestamp)
ORDER BY (dataset, begin, length, timestamp, collector, lane, epoch, sequence, idx)
TTL appended_at + INTERVAL 30 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 0
COMMENT 'The rows of route_changes sorted by prefix, in partitions of a week of event time. Read prefix_history, which shows each change once, prefixes_containing, prefixes_within or prefix_minutes.';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.prefix_changes_filled {{cluster}} TO {{database}}.prefix_changes
AS SELECT
    dataset, toIPv6OrDefault(substring(prefix, 1, position(prefix, '/') - 1)) AS begin, toUInt8OrZero(substring(prefix, position(prefix, '/') + 1)) AS length,
    prefix, timestamp, collector, lane, epoch, sequence, idx, peer_address, peer_asn, `table`, path_id, safi, type, as_path, origin_as, appended_at
FROM {{database}}.route_change_log
WHERE repeats = 0
COMMENT 'Fills prefix_changes from the rows inserted into route_change_log.';

-- each partition of route_change_log
INSERT INTO {{database}}.prefix_changes
    (dataset, begin, length, prefix, timestamp, collector, lane, epoch, sequence, idx, peer_address, peer_asn, `table`, path_id, safi, type, as_path, origin_as, appended_at)
SELECT
    dataset, toIPv6OrDefault(substring(prefix, 1, position(prefix, '/') - 1)), toUInt8OrZero(substring(prefix, position(prefix, '/') + 1)),
    prefix, timestamp, collector, lane, epoch, sequence, idx, peer_address, peer_asn, `table`, path_id, safi, type, as_path, origin_as, appended_at
FROM {{database}}.route_change_log
WHERE repeats = 0 AND _partition_id = {{partition}}
SETTINGS max_partitions_per_insert_block = 0;
