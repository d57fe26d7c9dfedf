-- The tables and views. A statement ends with a semicolon at the end of a line. {{cluster}} is empty, or ON CLUSTER
-- and the name of the cluster. {{engine "X"}} is X, or its Replicated form. Every statement may run twice.
--
-- The sorting key of every table ends with the position of the record that a row comes from. So a row that was inserted
-- twice is one row under FINAL. Times to live and partitions count from appended_at, the time at which Kafka took the
-- record, because event time may be years earlier.

CREATE TABLE IF NOT EXISTS {{database}}.route_change_log {{cluster}}
(
    dataset      LowCardinality(String)  COMMENT 'live, demo, or the name of a replay',
    timestamp    DateTime64(6, 'UTC')    COMMENT 'the collector''s time, microseconds' CODEC(Delta(8), LZ4),
    received_at  DateTime64(6, 'UTC')    COMMENT 'when darkmap received the message, microseconds' CODEC(Delta(8), LZ4),
    collector    LowCardinality(String)  COMMENT 'ris/rrc00, routeviews/route-views2, bmp/192.0.2.1, file/local',
    lane         LowCardinality(String)  COMMENT 'part of the collector''s stream, in which epoch and sequence count: live, rv/<topic>, fill/<gap>, follow, file/<hash of the inputs>',
    epoch        UInt64                  COMMENT 'in lane live: Unix milliseconds x 1024 + a random number per process; 0 in other lanes' CODEC(Delta(8), LZ4),
    sequence     UInt64                  COMMENT 'number of the record within lane and epoch, from 1' CODEC(Delta(8), LZ4),
    idx          UInt32                  COMMENT 'number of the route within its message, withdrawals first, from 0',
    repeats      UInt64                  COMMENT 'hash of the position of a row in another lane or epoch that already has this change; 0 if there is no such row' CODEC(LZ4),
    peer_address LowCardinality(String)  COMMENT 'the collector''s neighbour, as text: 192.0.2.1, 2001:db8::1',
    peer_asn     UInt32                  COMMENT 'AS number of the peer',
    `table`      Enum8('pre' = 1, 'post' = 2, 'loc' = 3, 'out' = 4) COMMENT 'table of the peer that the session shows (RFC 7854, 8671, 9069)',
    path_id      UInt32                  COMMENT 'path identifier (RFC 7911); 0 without ADD-PATH',
    safi         Enum8('unicast' = 1, 'multicast' = 2) COMMENT 'subsequent address family (SAFI); verdicts ignore multicast routes',
    type         Enum8('announce' = 1, 'withdraw' = 2) COMMENT 'the change: an announcement or a withdrawal',
    prefix       String                  COMMENT 'prefix as text, host bits 0: 198.51.100.0/24',
    as_path      String                  COMMENT 'AS path, nearest AS first, in the form of bgpdump: 64496 64497 {64498,64499}; empty for a withdrawal; as_path_asns has the numbers',
    origin_as    UInt32                  COMMENT 'last AS of the path; 0 for a withdrawal or where the path gives none',
    country      LowCardinality(String)  COMMENT 'ISO 3166-1 code of the country that most of the prefix lies in; empty where unknown',
    region       LowCardinality(String)  COMMENT 'ISO 3166-2 code of the region of that country that most of the prefix lies in; empty where unknown',
    owner        LowCardinality(String)  COMMENT 'name of the origin AS; empty for a withdrawal or where unknown',
    topic        LowCardinality(String)  COMMENT 'Kafka topic that the record was read from, without the configured prefix',
    partition    Int32                   COMMENT 'partition of the record in topic',
    offset       Int64                   COMMENT 'offset of the record in partition' CODEC(Delta(8), LZ4),
    appended_at  DateTime('UTC')         COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here' CODEC(Delta(4), LZ4),
    event_id     String                  ALIAS lower(hex(substring(SHA256(concat(collector, '\n', lane, '\n', toString(epoch), '\n', toString(sequence))), 1, 16))) COMMENT 'ID of the record: a hash of its position',
    as_path_asns Array(UInt32)           ALIAS arrayMap(a -> toUInt32(a), extractAll(as_path, '[0-9]+')) COMMENT 'the AS numbers of as_path, sets and confederations flattened',
    INDEX by_timestamp timestamp TYPE minmax GRANULARITY 1,
    INDEX by_prefix prefix TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toDate(appended_at)
ORDER BY (dataset, collector, lane, epoch, sequence, idx)
TTL appended_at + INTERVAL 30 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 0
COMMENT 'One row per record of the log, peer and prefix that an UPDATE announced or withdrew. After a gap the log holds some messages a second time. Read route_changes, which shows each change once.';

CREATE VIEW IF NOT EXISTS {{database}}.route_changes {{cluster}}
(
    dataset      LowCardinality(String)  COMMENT 'live, demo, or the name of a replay',
    timestamp    DateTime64(6, 'UTC')    COMMENT 'the collector''s time, microseconds',
    received_at  DateTime64(6, 'UTC')    COMMENT 'when darkmap received the message, microseconds',
    collector    LowCardinality(String)  COMMENT 'ris/rrc00, routeviews/route-views2, bmp/192.0.2.1, file/local',
    lane         LowCardinality(String)  COMMENT 'part of the collector''s stream, in which epoch and sequence count: live, rv/<topic>, fill/<gap>, follow, file/<hash of the inputs>',
    epoch        UInt64                  COMMENT 'in lane live: Unix milliseconds x 1024 + a random number per process; 0 in other lanes',
    sequence     UInt64                  COMMENT 'number of the record within lane and epoch, from 1',
    idx          UInt32                  COMMENT 'number of the route within its message, withdrawals first, from 0',
    peer_address LowCardinality(String)  COMMENT 'the collector''s neighbour, as text: 192.0.2.1, 2001:db8::1',
    peer_asn     UInt32                  COMMENT 'AS number of the peer',
    `table`      Enum8('pre' = 1, 'post' = 2, 'loc' = 3, 'out' = 4) COMMENT 'table of the peer that the session shows (RFC 7854, 8671, 9069)',
    path_id      UInt32                  COMMENT 'path identifier (RFC 7911); 0 without ADD-PATH',
    safi         Enum8('unicast' = 1, 'multicast' = 2) COMMENT 'subsequent address family (SAFI); verdicts ignore multicast routes',
    type         Enum8('announce' = 1, 'withdraw' = 2) COMMENT 'the change: an announcement or a withdrawal',
    prefix       String                  COMMENT 'prefix as text, host bits 0: 198.51.100.0/24',
    as_path      String                  COMMENT 'AS path, nearest AS first, in the form of bgpdump: 64496 64497 {64498,64499}; empty for a withdrawal; as_path_asns has the numbers',
    origin_as    UInt32                  COMMENT 'last AS of the path; 0 for a withdrawal or where the path gives none',
    country      LowCardinality(String)  COMMENT 'ISO 3166-1 code of the country that most of the prefix lies in; empty where unknown',
    region       LowCardinality(String)  COMMENT 'ISO 3166-2 code of the region of that country that most of the prefix lies in; empty where unknown',
    owner        LowCardinality(String)  COMMENT 'name of the origin AS; empty for a withdrawal or where unknown',
    topic        LowCardinality(String)  COMMENT 'Kafka topic that the record was read from, without the configured prefix',
    partition    Int32                   COMMENT 'partition of the record in topic',
    offset       Int64                   COMMENT 'offset of the record in partition',
    appended_at  DateTime('UTC')         COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here',
    event_id     String                  COMMENT 'ID of the record: a hash of its position',
    as_path_asns Array(UInt32)           COMMENT 'the AS numbers of as_path, sets and confederations flattened'
)
AS SELECT
    dataset, timestamp, received_at, collector, lane, epoch, sequence, idx, peer_address, peer_asn, `table`, path_id, safi, type, prefix, as_path,
    origin_as, country, region, owner, topic, partition, offset, appended_at, event_id, as_path_asns
FROM {{database}}.route_change_log
WHERE repeats = 0
COMMENT 'One row per peer and prefix that an UPDATE announced or withdrew, each change once. Routes of RIB snapshots have no rows. A view of route_change_log.';

CREATE TABLE IF NOT EXISTS {{database}}.visibility {{cluster}}
(
    dataset            LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    timestamp          DateTime('UTC')        COMMENT 'beginning of the minute, event time, seconds' CODEC(Delta(4), LZ4),
    entity_type        Enum8('prefix' = 1, 'as' = 2, 'country' = 3, 'region' = 4, 'world' = 5, 'watch' = 6) COMMENT 'kind of entity',
    entity_code        String                 COMMENT 'code of the entity: KP, KP-01, AS131279, 175.45.176.0/24',
    entity_name        LowCardinality(String) COMMENT 'name of the entity: North Korea',
    family             Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family',
    space              Float64                COMMENT 'visible space, /24s or /48s',
    prefixes           UInt32                 COMMENT 'visible prefixes',
    baseline_space     Float64                COMMENT 'usual space, /24s or /48s',
    baseline_prefixes  UInt32                 COMMENT 'usual prefixes',
    voters             UInt32                 COMMENT 'number of ASNs that voted',
    position_collector LowCardinality(String) COMMENT 'position of the record: detect/ipv4, detect/ipv6',
    position_lane      LowCardinality(String) COMMENT 'position of the record',
    position_epoch     UInt64                 COMMENT 'position of the record',
    position_sequence  UInt64                 COMMENT 'position of the record: window and index',
    topic              LowCardinality(String) COMMENT 'Kafka topic that the record was read from, without the configured prefix',
    partition          Int32                  COMMENT 'partition of the record in topic',
    offset             Int64                  COMMENT 'offset of the record in partition' CODEC(Delta(8), LZ4),
    appended_at        DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here' CODEC(Delta(4), LZ4),
    PROJECTION positions (SELECT dataset, topic, partition, position_collector, position_lane, max((position_epoch, position_sequence)) GROUP BY dataset, topic, partition, position_collector, position_lane)
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toDate(appended_at)
ORDER BY (dataset, entity_type, entity_code, family, timestamp, position_collector, position_lane, position_epoch, position_sequence)
TTL appended_at + INTERVAL 90 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, deduplicate_merge_projection_mode = 'rebuild'
COMMENT 'The visible space and prefixes of an entity in one minute: a row when they changed, and once an hour.';

CREATE TABLE IF NOT EXISTS {{database}}.outage_events {{cluster}}
(
    dataset             LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    id                  String                 COMMENT 'ID of the outage: entity type, code, family and first published start',
    sequence            UInt32                 COMMENT 'number of the record in the life of the outage, from 1',
    event               LowCardinality(String) COMMENT 'the event: suspected, opened, updated, closed, reopened, retracted',
    decided_at          DateTime64(6, 'UTC')   COMMENT 'when the window in which the event was decided closed, event time, microseconds',
    kind                LowCardinality(String) COMMENT 'kind of the outage: outage, partial, intermittent, moved, origin',
    state               LowCardinality(String) COMMENT 'state of the outage after the event: suspected, open, closed, retracted',
    family              Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family',
    entity_type         Enum8('prefix' = 1, 'as' = 2, 'country' = 3, 'region' = 4, 'world' = 5, 'watch' = 6) COMMENT 'kind of entity',
    entity_code         String                 COMMENT 'code of the entity: KP, KP-01, AS131279, 175.45.176.0/24',
    entity_name         String                 COMMENT 'name of the entity: North Korea',
    start               DateTime('UTC')        COMMENT 'beginning of the outage, seconds',
    end                 Nullable(DateTime('UTC')) COMMENT 'end of the outage, seconds; NULL while it lasts',
    end_reason          LowCardinality(String) COMMENT 'why the outage ended, in records with state closed or retracted: recovered, superseded, new_normal, left_table, covered, removed, lost_sight; only recovered means that the routes are back',
    successor           String                 COMMENT 'id of the event that continues this one, if this one was superseded; empty where that event has no id yet',
    predecessor         String                 COMMENT 'id of the superseded event that this one continues; empty where there is none',
    duration_seconds    Int64                  COMMENT 'seconds from start to end, or to decided_at while the outage lasts',
    severity            LowCardinality(String) COMMENT 'severity: minor, moderate, major, total',
    score               Int64                  COMMENT 'integral of the loss, percent-minutes',
    baseline_prefixes   UInt32                 COMMENT 'usual prefixes',
    baseline_space      Float64                COMMENT 'usual space, /24s or /48s',
    peak_lost_prefixes  UInt32                 COMMENT 'most prefixes lost at a time',
    peak_lost_space     Float64                COMMENT 'most space lost at a time, /24s or /48s',
    peak_loss_percent   Float64                COMMENT 'most space lost at a time, percent of the usual',
    lost_prefixes       Array(String)          COMMENT 'the lost prefixes, up to a limit',
    lost_prefixes_total UInt32                 COMMENT 'number of all lost prefixes',
    origins             Array(UInt32)          COMMENT 'AS numbers that originated the lost prefixes; for a prefix that is not lost, its usual origins',
    countries           Array(String)          COMMENT 'for an AS or prefix: countries of the prefixes that it lost, or that other ASes originate now',
    upstreams           Array(UInt32)          COMMENT 'AS numbers next to the origins',
    parents             Array(Tuple(type String, code String, id String, share_percent Float64)) COMMENT 'events of wider entities that lost a part of the space that this one lost, the narrowest entity first; at decided_at each was suspected, open or pending (id empty). share_percent: that part, percent of the space that this one lost (or that moved)',
    watch               Array(Tuple(list String, title String, member String, covered_by String, public Bool)) COMMENT 'members of watch lists that the event is about. covered_by: the prefix by which a member without its own route is judged; public: anonymous pages may name the list',
    unexpected          Array(Tuple(prefix String, origin UInt32, expected Array(UInt32), voters UInt32, collectors UInt32, share_percent Float64, rpki String)) COMMENT 'for kind origin: routes from AS numbers that a watch list does not name, up to a limit. expected: the AS numbers that it names; voters, collectors: how many hold the route; share_percent: these voters, percent of all; rpki: valid, invalid, not_found, empty without ROAs',
    voters              UInt32                 COMMENT 'number of ASNs that voted',
    collectors          UInt32                 COMMENT 'number of collectors with voters',
    blip                Bool                   COMMENT 'shorter than five minutes: stored, not notified',
    headline            String                 COMMENT 'the outage in one line: at most 130 graphemes, 400 octets',
    post                String                 COMMENT 'the outage as a short message: at most 250 graphemes, 800 octets',
    summary             String                 COMMENT 'the outage in words',
    json                String                 COMMENT 'the whole outage (outage.schema.json)',
    position_collector  LowCardinality(String) COMMENT 'position of the record: detect/ipv4, detect/ipv6',
    position_lane       LowCardinality(String) COMMENT 'position of the record',
    position_epoch      UInt64                 COMMENT 'position of the record',
    position_sequence   UInt64                 COMMENT 'position of the record: window and index',
    topic               LowCardinality(String) COMMENT 'Kafka topic that the record was read from, without the configured prefix',
    partition           Int32                  COMMENT 'partition of the record in topic',
    offset              Int64                  COMMENT 'offset of the record in partition',
    appended_at         DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; partitions count from here'
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(appended_at)
ORDER BY (dataset, id, sequence, position_collector, position_lane, position_epoch, position_sequence)
COMMENT 'Every event in the life of an outage, with the whole state after it. Kept for ever.';

CREATE VIEW IF NOT EXISTS {{database}}.outages {{cluster}} AS
SELECT
    dataset, id, sequence, event, decided_at, kind, state, family, entity_type, entity_code, entity_name, start, end, end_reason, successor,
    predecessor, duration_seconds, severity, score, baseline_prefixes, baseline_space, peak_lost_prefixes, peak_lost_space, peak_loss_percent,
    lost_prefixes, lost_prefixes_total, origins, countries, upstreams, parents, watch, unexpected, voters, collectors, blip, headline, post, summary, json
FROM {{database}}.outage_events
ORDER BY dataset, id, sequence DESC, position_epoch   DESC, position_sequence DESC
LIMIT 1 BY dataset, id
COMMENT 'The current state of every outage: its newest event.';

CREATE TABLE IF NOT EXISTS {{database}}.panel {{cluster}}
(
    dataset            LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    timestamp          DateTime64(6, 'UTC')   COMMENT 'time from which the row holds, event time, microseconds',
    family             Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family',
    knowledge          Enum8('unspecified' = 0, 'complete' = 1, 'learned' = 2) COMMENT 'basis of verdicts: whole tables (complete), or updates alone (learned)',
    voters             UInt32                 COMMENT 'number of ASNs that vote, or would vote while they are too few for a panel',
    collectors         UInt32                 COMMENT 'number of collectors with voters',
    min_voters         UInt32                 COMMENT 'below this many voters there is no verdict',
    min_collectors     UInt32                 COMMENT 'with voters on fewer collectors there is no verdict',
    verdicts           Bool                   COMMENT 'whether a verdict is possible',
    no_verdict         LowCardinality(String) COMMENT 'why no verdict is possible: peers, tables, voters, collectors, prefixes, degraded; empty where one is possible',
    collector          LowCardinality(String) COMMENT 'collector of the peer; empty where no peer is known',
    peer_address       LowCardinality(String) COMMENT 'the peer, as text',
    peer_asn           UInt32                 COMMENT 'AS number of the peer',
    `table`            Enum8('pre' = 1, 'post' = 2, 'loc' = 3, 'out' = 4) COMMENT 'table of the peer that the session shows',
    votes              Bool                   COMMENT 'whether the peer votes',
    reason             LowCardinality(String) COMMENT 'why the peer does not vote: partial, transferring, down, collector_down, silent, second_feed, table_incomplete, only_withdraws, unreadable, lost_table, no_panel (its table is whole, but too few peers have whole tables); empty for a voter',
    prefixes           UInt32                 COMMENT 'number of prefixes in the peer''s table',
    idx                UInt32                 COMMENT 'number of the peer within the record, from 0',
    position_collector LowCardinality(String) COMMENT 'position of the record: detect/ipv4, detect/ipv6',
    position_lane      LowCardinality(String) COMMENT 'position of the record',
    position_epoch     UInt64                 COMMENT 'position of the record',
    position_sequence  UInt64                 COMMENT 'position of the record: window and index',
    topic              LowCardinality(String) COMMENT 'Kafka topic that the record was read from, without the configured prefix',
    partition          Int32                  COMMENT 'partition of the record in topic',
    offset             Int64                  COMMENT 'offset of the record in partition',
    appended_at        DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here'
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(appended_at)
ORDER BY (dataset, position_collector, position_lane, position_epoch, position_sequence, idx)
TTL appended_at + INTERVAL 365 DAY DELETE
SETTINGS ttl_only_drop_parts = 1
COMMENT 'The panel from a time on: one row per known peer, with whether it votes, why not, and whether a verdict is possible.';

CREATE TABLE IF NOT EXISTS {{database}}.feeds {{cluster}}
(
    dataset             LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    timestamp           DateTime64(6, 'UTC')   COMMENT 'time of the event, microseconds',
    collector           LowCardinality(String) COMMENT 'the collector',
    peer_address        LowCardinality(String) COMMENT 'the peer, as text; empty where the event is about the whole collector',
    peer_asn            UInt32                 COMMENT 'AS number of the peer; 0 where the event is about the whole collector',
    `table`             Enum8('pre' = 1, 'post' = 2, 'loc' = 3, 'out' = 4) COMMENT 'table of the peer that the session shows',
    event               Enum8('unspecified' = 0, 'up' = 1, 'down' = 2, 'degraded' = 3, 'gap' = 4, 'recovered' = 5, 'bootstrap_wanted' = 6, 'status' = 7, 'progress' = 8) COMMENT 'the event; status and progress report the state of the feed',
    reason              String                 COMMENT 'the reason, in words',
    gap_id              String                 COMMENT 'ID of the gap that the event is about; empty where it is about none',
    source              LowCardinality(String) COMMENT 'source of the event: rislive, bmp, routeviews, archive, detect',
    instance            LowCardinality(String) COMMENT 'process that reports the event; empty for detect',
    gap_begin           DateTime64(6, 'UTC')   COMMENT 'beginning of the gap; 1970-01-01 if all earlier messages are missing, or without a gap',
    gap_end             DateTime64(6, 'UTC')   COMMENT 'end of the gap; 1970-01-01 if it is not known yet, or without a gap',
    gap_peers           Array(String)          COMMENT 'peers that the gap is about, address and AS number: 192.0.2.1 AS64496; empty: all peers of the collector',
    state               LowCardinality(String) COMMENT 'state of the stream: up, stale, suspended, down, bootstrapping; like the columns after it up to total_bytes, only in the events status and progress',
    peers_up            UInt32                 COMMENT 'peers whose sessions are up',
    messages            UInt64                 COMMENT 'BGP messages since the stream began',
    messages_per_second Float64                COMMENT 'BGP messages per second since the previous status',
    lag_seconds         Float64                COMMENT 'delay of the last message when it was received, seconds',
    last_gap            DateTime64(6, 'UTC')   COMMENT 'end of the last gap or, while it is open, its beginning; 1970-01-01 if there was no gap',
    done_bytes          UInt64                 COMMENT 'octets read so far of the files that answer the open gap',
    total_bytes         UInt64                 COMMENT 'octets of these files, as far as known',
    position_collector  LowCardinality(String) COMMENT 'position of the record',
    position_lane       LowCardinality(String) COMMENT 'position of the record',
    position_epoch      UInt64                 COMMENT 'position of the record',
    position_sequence   UInt64                 COMMENT 'position of the record',
    topic               LowCardinality(String) COMMENT 'Kafka topic that the record was read from, without the configured prefix',
    partition           Int32                  COMMENT 'partition of the record in topic',
    offset              Int64                  COMMENT 'offset of the record in partition',
    appended_at         DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here'
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(appended_at)
ORDER BY (dataset, position_collector, position_lane, position_epoch, position_sequence)
TTL appended_at + INTERVAL 90 DAY DELETE
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Events of the feeds: up, down, degraded, gaps.';

CREATE TABLE IF NOT EXISTS {{database}}.deadletter {{cluster}}
(
    dataset     LowCardinality(String)       COMMENT 'live, demo, or the name of a replay',
    reason      String                       COMMENT 'why the record could not be used, from its headers',
    headers     Map(LowCardinality(String), String) COMMENT 'all headers of the record, with its original position among them',
    key         String                       COMMENT 'key of the record',
    value       String                       COMMENT 'value of the record, bytes',
    topic       LowCardinality(String)       COMMENT 'Kafka topic that the record was read from, without the configured prefix',
    partition   Int32                        COMMENT 'partition of the record in topic',
    offset      Int64                        COMMENT 'offset of the record in partition; topic, partition and offset are its position',
    appended_at DateTime('UTC')              COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here'
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(appended_at)
ORDER BY (dataset, topic, partition, offset)
TTL appended_at + INTERVAL 30 DAY DELETE
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Records that could not be decoded, as they were read.';

CREATE TABLE IF NOT EXISTS {{database}}.datasets {{cluster}}
(
    dataset      String               COMMENT 'name of the dataset',
    inputs       String               COMMENT 'hash of the inputs; empty for live',
    settings     String               COMMENT 'hash of the settings that change results',
    created_at   DateTime64(3, 'UTC') COMMENT 'when the row was written: at the beginning of the replay, and again at its end',
    completed_at DateTime64(3, 'UTC') COMMENT 'when the replay had played all inputs; 1970-01-01 if it has not yet, or if that is unknown',
    version      String               COMMENT 'version of darkmap that made the dataset; empty for an older version, which did not fill the columns after this one',
    files        Array(String)        COMMENT 'names of the input files, in playing order',
    collectors   Array(String)        COMMENT 'the collectors of the input files',
    begins_at    DateTime64(6, 'UTC') COMMENT 'time of the first record of the inputs; 1970-01-01 if unknown',
    ends_at      DateTime64(6, 'UTC') COMMENT 'time of the last record of the inputs; 1970-01-01 if unknown',
    changed      Array(String)        COMMENT 'settings that change results and differ from their defaults, key=value'
)
ENGINE = {{engine "ReplacingMergeTree" "created_at"}}
ORDER BY dataset
COMMENT 'The inputs and settings of each dataset. A dataset holds one set of inputs.';
