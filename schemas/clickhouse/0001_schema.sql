-- The tables and views. Statements end with a semicolon at the end of a line. {{cluster}} is empty, or ON CLUSTER and its name;
-- {{engine "X"}} is X, or its Replicated sibling. Every statement may run twice.
--
-- Every table ends its sorting key with the position of the record that a row comes from, so that a row that was inserted
-- twice in spite of everything is one row under FINAL. Times to live and partitions count from appended_at, the time at
-- which Kafka took the record: event time may lie years back.

CREATE TABLE IF NOT EXISTS {{database}}.route_change_log {{cluster}}
(
    dataset      LowCardinality(String)  COMMENT 'live, demo, or the name of a replay',
    timestamp    DateTime64(6, 'UTC')    COMMENT 'the collector''s time, microseconds' CODEC(Delta(8), LZ4),
    received_at  DateTime64(6, 'UTC')    COMMENT 'when darkmap received it, microseconds' CODEC(Delta(8), LZ4),
    collector    LowCardinality(String)  COMMENT 'ris/rrc00, routeviews/route-views2, bmp/192.0.2.1, file/local',
    lane         LowCardinality(String)  COMMENT 'what the position counts in: live, rv/<topic>, fill/<gap>, follow, file/<hash of the inputs>',
    epoch        UInt64                  COMMENT 'lane live: Unix milliseconds x 1024 + a number drawn per process; 0 elsewhere' CODEC(Delta(8), LZ4),
    sequence     UInt64                  COMMENT 'number of the record within lane and epoch, from 1' CODEC(Delta(8), LZ4),
    idx          UInt32                  COMMENT 'number of the route within its message, withdrawals first, from 0',
    repeats      UInt64                  COMMENT 'where a row of another lane or epoch already shows this change: a hash of that row''s position; 0 otherwise' CODEC(LZ4),
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
    offset       Int64                   COMMENT 'its offset there' CODEC(Delta(8), LZ4),
    appended_at  DateTime('UTC')         COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here' CODEC(Delta(4), LZ4),
    event_id     String                  ALIAS lower(hex(substring(SHA256(concat(collector, '\n', lane, '\n', toString(epoch), '\n', toString(sequence))), 1, 16))) COMMENT 'name of the record: a hash of its position',
    as_path_asns Array(UInt32)           ALIAS arrayMap(a -> toUInt32(a), extractAll(as_path, '[0-9]+')) COMMENT 'the AS numbers of as_path, sets and confederations flattened',
    INDEX by_timestamp timestamp TYPE minmax GRANULARITY 1,
    INDEX by_prefix prefix TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toDate(appended_at)
ORDER BY (dataset, collector, lane, epoch, sequence, idx)
TTL appended_at + INTERVAL 30 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 0
COMMENT 'One row per record of the log, peer and prefix that an UPDATE announced or withdrew. After a gap the log holds some messages again: read route_changes, which shows each once.';

CREATE VIEW IF NOT EXISTS {{database}}.route_changes {{cluster}}
(
    dataset      LowCardinality(String)  COMMENT 'live, demo, or the name of a replay',
    timestamp    DateTime64(6, 'UTC')    COMMENT 'the collector''s time, microseconds',
    received_at  DateTime64(6, 'UTC')    COMMENT 'when darkmap received it, microseconds',
    collector    LowCardinality(String)  COMMENT 'ris/rrc00, routeviews/route-views2, bmp/192.0.2.1, file/local',
    lane         LowCardinality(String)  COMMENT 'what the position counts in: live, rv/<topic>, fill/<gap>, follow, file/<hash of the inputs>',
    epoch        UInt64                  COMMENT 'lane live: Unix milliseconds x 1024 + a number drawn per process; 0 elsewhere',
    sequence     UInt64                  COMMENT 'number of the record within lane and epoch, from 1',
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
    dataset, timestamp, received_at, collector, lane, epoch, sequence, idx, peer_address, peer_asn, `table`, path_id, safi, type, prefix, as_path,
    origin_as, country, region, owner, topic, partition, offset, appended_at, event_id, as_path_asns
FROM {{database}}.route_change_log
WHERE repeats = 0
COMMENT 'One row per peer and prefix that an UPDATE announced or withdrew, each once; tables make no rows. A view of route_change_log.';

CREATE TABLE IF NOT EXISTS {{database}}.visibility {{cluster}}
(
    dataset            LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    timestamp          DateTime('UTC')        COMMENT 'beginning of the minute, event time, seconds' CODEC(Delta(4), LZ4),
    entity_type        Enum8('prefix' = 1, 'as' = 2, 'country' = 3, 'region' = 4, 'world' = 5, 'watch' = 6) COMMENT 'kind of entity',
    entity_code        String                 COMMENT 'KP, KP-01, AS131279, 175.45.176.0/24',
    entity_name        LowCardinality(String) COMMENT 'North Korea',
    family             Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family',
    space              Float64                COMMENT 'visible space, /24s or /48s',
    prefixes           UInt32                 COMMENT 'visible prefixes',
    baseline_space     Float64                COMMENT 'usual space, /24s or /48s',
    baseline_prefixes  UInt32                 COMMENT 'usual prefixes',
    voters             UInt32                 COMMENT 'how many ASNs voted',
    position_collector LowCardinality(String) COMMENT 'position of the record: detect/ipv4, detect/ipv6',
    position_lane      LowCardinality(String) COMMENT 'position of the record',
    position_epoch     UInt64                 COMMENT 'position of the record',
    position_sequence  UInt64                 COMMENT 'position of the record: window and index',
    topic              LowCardinality(String) COMMENT 'Kafka topic that the record was read from, without the configured prefix',
    partition          Int32                  COMMENT 'its partition there',
    offset             Int64                  COMMENT 'its offset there' CODEC(Delta(8), LZ4),
    appended_at        DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here' CODEC(Delta(4), LZ4),
    PROJECTION positions (SELECT dataset, topic, partition, position_collector, position_lane, max((position_epoch, position_sequence)) GROUP BY dataset, topic, partition, position_collector, position_lane)
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toDate(appended_at)
ORDER BY (dataset, entity_type, entity_code, family, timestamp, position_collector, position_lane, position_epoch, position_sequence)
TTL appended_at + INTERVAL 90 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, deduplicate_merge_projection_mode = 'rebuild'
COMMENT 'What of an entity was visible in one minute: a row when it changed, and once an hour.';

CREATE TABLE IF NOT EXISTS {{database}}.outage_events {{cluster}}
(
    dataset             LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    id                  String                 COMMENT 'the outage: entity type, code, family and first published start',
    sequence            UInt32                 COMMENT 'number of the record in the life of the outage, from 1',
    event               LowCardinality(String) COMMENT 'suspected, opened, updated, closed, reopened, retracted',
    decided_at          DateTime64(6, 'UTC')   COMMENT 'when the window closed that decided it, event time',
    kind                LowCardinality(String) COMMENT 'outage, partial, intermittent, moved, origin',
    state               LowCardinality(String) COMMENT 'suspected, open, closed, retracted',
    family              Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family',
    entity_type         Enum8('prefix' = 1, 'as' = 2, 'country' = 3, 'region' = 4, 'world' = 5, 'watch' = 6) COMMENT 'kind of entity',
    entity_code         String                 COMMENT 'KP, KP-01, AS131279, 175.45.176.0/24',
    entity_name         String                 COMMENT 'North Korea',
    start               DateTime('UTC')        COMMENT 'the beginning, seconds',
    end                 Nullable(DateTime('UTC')) COMMENT 'the end, seconds; NULL while it lasts',
    end_reason          LowCardinality(String) COMMENT 'why it ended, of records with state closed or retracted: recovered, superseded, new_normal, left_table, covered, removed, lost_sight; only recovered means that the routes are back',
    successor           String                 COMMENT 'id of the event that goes on from a superseded one; empty where that event has no id yet',
    predecessor         String                 COMMENT 'id of the superseded event that this one goes on from; empty where there is none',
    duration_seconds    Int64                  COMMENT 'from start to end, or to decided_at',
    severity            LowCardinality(String) COMMENT 'minor, moderate, major, total',
    score               Int64                  COMMENT 'integral of the loss, percent-minutes',
    baseline_prefixes   UInt32                 COMMENT 'usual prefixes',
    baseline_space      Float64                COMMENT 'usual space, /24s or /48s',
    peak_lost_prefixes  UInt32                 COMMENT 'most prefixes lost at a time',
    peak_lost_space     Float64                COMMENT 'most space lost at a time, /24s or /48s',
    peak_loss_percent   Float64                COMMENT 'most space lost at a time, percent of the usual',
    lost_prefixes       Array(String)          COMMENT 'the lost prefixes, capped',
    lost_prefixes_total UInt32                 COMMENT 'how many there are',
    origins             Array(UInt32)          COMMENT 'AS numbers that originated them; of a prefix that is not lost, its usual ones',
    countries           Array(String)          COMMENT 'of an AS or prefix: the countries in which the prefixes lie that it lost, or that others originate now',
    upstreams           Array(UInt32)          COMMENT 'AS numbers next to the origins',
    parents             Array(Tuple(type String, code String, id String, share_percent Float64)) COMMENT 'events of wider entities, suspected, open or pending (id empty) at decided_at, that lost a part of what this one lost; the narrowest first. share_percent: of its lost (or moved) space, percent',
    watch               Array(Tuple(list String, title String, member String, covered_by String, public Bool)) COMMENT 'members of watch lists that it is about; covered_by: the prefix that a member without a route of its own is judged by; public: anonymous pages may name the list',
    unexpected          Array(Tuple(prefix String, origin UInt32, expected Array(UInt32), voters UInt32, collectors UInt32, share_percent Float64, rpki String)) COMMENT 'of the kind origin: routes from AS numbers that a watch list does not name, capped. expected: those that it names; voters and collectors that hold it; share_percent: of all voters; rpki: valid, invalid, not_found, empty without ROAs',
    voters              UInt32                 COMMENT 'how many ASNs voted',
    collectors          UInt32                 COMMENT 'over how many collectors',
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
    partition           Int32                  COMMENT 'its partition there',
    offset              Int64                  COMMENT 'its offset there',
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
    timestamp          DateTime64(6, 'UTC')   COMMENT 'from when on, event time',
    family             Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family',
    knowledge          Enum8('unspecified' = 0, 'complete' = 1, 'learned' = 2) COMMENT 'what verdicts rest on: whole tables, or updates alone',
    voters             UInt32                 COMMENT 'how many ASNs vote; while there are too few for a panel, how many would',
    collectors         UInt32                 COMMENT 'over how many collectors',
    min_voters         UInt32                 COMMENT 'below this many voters there is no verdict',
    min_collectors     UInt32                 COMMENT 'with voters on fewer collectors there is no verdict',
    verdicts           Bool                   COMMENT 'whether a verdict is possible',
    no_verdict         LowCardinality(String) COMMENT 'why not: peers, tables, voters, collectors, prefixes; empty where one is',
    collector          LowCardinality(String) COMMENT 'the peer''s collector; empty where no peer is known',
    peer_address       LowCardinality(String) COMMENT 'the peer, as text',
    peer_asn           UInt32                 COMMENT 'its AS number',
    `table`            Enum8('pre' = 1, 'post' = 2, 'loc' = 3, 'out' = 4) COMMENT 'which of the peer''s tables the session shows',
    votes              Bool                   COMMENT 'whether it votes',
    reason             LowCardinality(String) COMMENT 'why not: partial, transferring, down, collector_down, silent, second_feed, table_incomplete, only_withdraws, unreadable, lost_table, no_panel (its table is whole, and too few are); empty for a voter',
    prefixes           UInt32                 COMMENT 'prefixes in its table',
    idx                UInt32                 COMMENT 'number of the peer within the record, from 0',
    position_collector LowCardinality(String) COMMENT 'position of the record: detect/ipv4, detect/ipv6',
    position_lane      LowCardinality(String) COMMENT 'position of the record',
    position_epoch     UInt64                 COMMENT 'position of the record',
    position_sequence  UInt64                 COMMENT 'position of the record: window and index',
    topic              LowCardinality(String) COMMENT 'Kafka topic that the record was read from, without the configured prefix',
    partition          Int32                  COMMENT 'its partition there',
    offset             Int64                  COMMENT 'its offset there',
    appended_at        DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here'
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(appended_at)
ORDER BY (dataset, position_collector, position_lane, position_epoch, position_sequence, idx)
TTL appended_at + INTERVAL 365 DAY DELETE
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Who votes from a time on, why the others do not, and whether a verdict is possible: one row per known peer.';

CREATE TABLE IF NOT EXISTS {{database}}.feeds {{cluster}}
(
    dataset             LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    timestamp           DateTime64(6, 'UTC')   COMMENT 'when',
    collector           LowCardinality(String) COMMENT 'the collector',
    peer_address        LowCardinality(String) COMMENT 'the peer, as text; empty where the whole collector is meant',
    peer_asn            UInt32                 COMMENT 'its AS number; 0 where the whole collector is meant',
    `table`             Enum8('pre' = 1, 'post' = 2, 'loc' = 3, 'out' = 4) COMMENT 'which of the peer''s tables the session shows',
    event               Enum8('unspecified' = 0, 'up' = 1, 'down' = 2, 'degraded' = 3, 'gap' = 4, 'recovered' = 5, 'bootstrap_wanted' = 6, 'status' = 7, 'progress' = 8) COMMENT 'what happened; status and progress say how it stands',
    reason              String                 COMMENT 'why, in words',
    gap_id              String                 COMMENT 'the gap, where it is about one',
    source              LowCardinality(String) COMMENT 'who says it: rislive, bmp, routeviews, archive, detect',
    instance            LowCardinality(String) COMMENT 'the process that says it; empty for detect',
    gap_begin           DateTime64(6, 'UTC')   COMMENT 'from when the gap is; 1970-01-01 is since ever, or no gap',
    gap_end             DateTime64(6, 'UTC')   COMMENT 'until when it is; 1970-01-01 is not known yet, or no gap',
    gap_peers           Array(String)          COMMENT 'the peers that it is about, address and AS number: 192.0.2.1 AS64496; empty is all of the collector',
    state               LowCardinality(String) COMMENT 'how the stream stands: up, stale, suspended, down, bootstrapping; only of status and progress, as all that follows',
    peers_up            UInt32                 COMMENT 'peers whose sessions are up',
    messages            UInt64                 COMMENT 'BGP messages since the stream began',
    messages_per_second Float64                COMMENT 'BGP messages by the second, since the last status',
    lag_seconds         Float64                COMMENT 'how far the last message lay behind the clock when it came',
    last_gap            DateTime64(6, 'UTC')   COMMENT 'when the last gap ended or, where it is open, began; 1970-01-01 is never',
    done_bytes          UInt64                 COMMENT 'octets read of the files that answer the open gap',
    total_bytes         UInt64                 COMMENT 'octets of these files, as far as known',
    position_collector  LowCardinality(String) COMMENT 'position of the record',
    position_lane       LowCardinality(String) COMMENT 'position of the record',
    position_epoch      UInt64                 COMMENT 'position of the record',
    position_sequence   UInt64                 COMMENT 'position of the record',
    topic               LowCardinality(String) COMMENT 'Kafka topic that the record was read from, without the configured prefix',
    partition           Int32                  COMMENT 'its partition there',
    offset              Int64                  COMMENT 'its offset there',
    appended_at         DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here'
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(appended_at)
ORDER BY (dataset, position_collector, position_lane, position_epoch, position_sequence)
TTL appended_at + INTERVAL 90 DAY DELETE
SETTINGS ttl_only_drop_parts = 1
COMMENT 'What happened to the feeds: up, down, degraded, gaps.';

CREATE TABLE IF NOT EXISTS {{database}}.deadletter {{cluster}}
(
    dataset     LowCardinality(String)       COMMENT 'live, demo, or the name of a replay',
    reason      String                       COMMENT 'why it could not be used, from the record''s headers',
    headers     Map(LowCardinality(String), String) COMMENT 'all headers of the record, among them where it came from',
    key         String                       COMMENT 'the record''s key',
    value       String                       COMMENT 'the record''s value: bytes',
    topic       LowCardinality(String)       COMMENT 'Kafka topic that the record was read from, without the configured prefix',
    partition   Int32                        COMMENT 'its partition there',
    offset      Int64                        COMMENT 'its offset there; topic, partition and offset are its position',
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
    dataset      String               COMMENT 'its name',
    inputs       String               COMMENT 'hash of the inputs; empty for live',
    settings     String               COMMENT 'hash of the settings that change results',
    created_at   DateTime64(3, 'UTC') COMMENT 'when this was entered: as the replay begins, and again as it ends',
    completed_at DateTime64(3, 'UTC') COMMENT 'when the replay had played all inputs; 1970-01-01 is not yet, or not known',
    version      String               COMMENT 'the darkmap that made it; empty where an older one did, which kept none of what follows',
    files        Array(String)        COMMENT 'names of the input files, in playing order',
    collectors   Array(String)        COMMENT 'the collectors of the input files',
    begins_at    DateTime64(6, 'UTC') COMMENT 'time of the first record of the inputs; 1970-01-01 is not known',
    ends_at      DateTime64(6, 'UTC') COMMENT 'time of the last record of the inputs; 1970-01-01 is not known',
    changed      Array(String)        COMMENT 'the settings that change results and are not at their defaults, key=value'
)
ENGINE = {{engine "ReplacingMergeTree" "created_at"}}
ORDER BY dataset
COMMENT 'What the datasets are made of: a dataset holds one set of inputs.';
