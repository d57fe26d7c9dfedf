-- A message is a row once. The table of route changes is renamed to route_change_log and keeps a
-- row for each record of the log. The view route_changes takes its name and shows each change once.
-- Every statement may run twice: a RENAME whose target exists has been done.

RENAME TABLE IF EXISTS {{database}}.route_changes TO {{database}}.route_change_log {{cluster}};

ALTER TABLE {{database}}.route_change_log {{cluster}}
    ADD COLUMN IF NOT EXISTS repeats UInt64 COMMENT 'where a row of another lane or session already shows this change: a hash of that row''s position; 0 otherwise' CODEC(LZ4) AFTER idx;

ALTER TABLE {{database}}.route_change_log {{cluster}}
    MODIFY COMMENT 'One row per record of the log, peer and prefix that an UPDATE announced or withdrew. After a gap the log holds some messages again: read route_changes, which shows each once.';

CREATE VIEW IF NOT EXISTS {{database}}.route_changes {{cluster}}
(
    dataset      LowCardinality(String)  COMMENT 'live, demo, or the name of a replay',
    timestamp    DateTime64(6, 'UTC')    COMMENT 'the collector''s time, microseconds',
    received_at  DateTime64(6, 'UTC')    COMMENT 'when darkmap received it, microseconds',
    collector    LowCardinality(String)  COMMENT 'ris/rrc00, routeviews/route-views2, bmp/192.0.2.1, file/local',
    lane         LowCardinality(String)  COMMENT 'what the position counts in: live, rv/<topic>, fill/<gap>, follow, file/<hash of the inputs>',
    session      UInt64                  COMMENT 'lane live: Unix milliseconds x 1024 + a number drawn per process; 0 elsewhere',
    sequence     UInt64                  COMMENT 'number of the record within lane and session, from 1',
    idx          UInt32                  COMMENT 'number of the route within its message, withdrawals first, from 0',
    peer_address LowCardinality(String)  COMMENT 'the collector''s neighbour, as text: 192.0.2.1, 2001:db8::1',
    peer_asn     UInt32                  COMMENT 'its AS number',
    `table`      Enum8('pre' = 1, 'post' = 2, 'loc' = 3, 'out' = 4) COMMENT 'which of the peer''s tables the session shows (RFC 7854, 8671, 9069)',
    path_id      UInt32                  COMMENT 'path identifier (RFC 7911); 0 without ADD-PATH',
    safi         Enum8('unicast' = 1, 'multicast' = 2) COMMENT 'the family''s second half; no verdict rests on multicast routes',
    type         Enum8('announce' = 1, 'withdraw' = 2) COMMENT 'what happened',
    prefix       String                  COMMENT 'as text, host bits 0: 198.51.100.0/24',
    as_path      String                  COMMENT 'nearest AS first, as bgpdump prints it: 64496 64497 {64498,64499}; empty for a withdrawal; as numbers: as_path_asns',
    origin_as    UInt32                  COMMENT 'last AS of the path; 0 for a withdrawal or where the path does not tell',
    country      LowCardinality(String)  COMMENT 'ISO 3166-1 code of the country that most of the prefix lies in; empty where unknown',
    region       LowCardinality(String)  COMMENT 'ISO 3166-2 code of the region of that country that most of the prefix lies in; empty where unknown',
    owner        LowCardinality(String)  COMMENT 'name of the origin AS; empty for a withdrawal or where unknown',
    topic        LowCardinality(String)  COMMENT 'Kafka topic that the record was read from, without the configured prefix',
    partition    Int32                   COMMENT 'its partition there',
    offset       Int64                   COMMENT 'its offset there',
    appended_at  DateTime('UTC')         COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here',
    event_id     String                  COMMENT 'name of the record: a hash of its position',
    as_path_asns Array(UInt32)           COMMENT 'the AS numbers of as_path, sets and confederations flattened'
)
AS SELECT
    dataset, timestamp, received_at, collector, lane, session, sequence, idx, peer_address, peer_asn, `table`, path_id, safi, type, prefix, as_path,
    origin_as, country, region, owner, topic, partition, offset, appended_at, event_id, as_path_asns
FROM {{database}}.route_change_log
WHERE repeats = 0
COMMENT 'One row per peer and prefix that an UPDATE announced or withdrew, each once; tables make no rows. A view of route_change_log.';
