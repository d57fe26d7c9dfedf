-- prefix_changes in granules of 1,024 rows, and tables that views fill: the newest record of each outage, the newest record of each feed,
-- and the panels without their peers. Without these tables, queries for them read whole tables.

DROP VIEW IF EXISTS {{database}}.prefix_changes_filled {{cluster}};

RENAME TABLE {{database}}.prefix_changes TO {{database}}.prefix_changes_before {{cluster}};

CREATE TABLE IF NOT EXISTS {{database}}.prefix_changes {{cluster}}
(
    dataset      LowCardinality(String) COMMENT 'live, demo, or the name of a replay' CODEC(ZSTD(1)),
    begin        IPv6                   COMMENT 'first address of the prefix; for IPv4 with ::ffff: before it' CODEC(ZSTD(1)),
    length       UInt8                  COMMENT 'length of the prefix as written, 0 to 32 or 0 to 128 bits' CODEC(ZSTD(1)),
    prefix       String                 COMMENT 'prefix as text, host bits 0: 198.51.100.0/24' CODEC(ZSTD(3)),
    timestamp    DateTime64(6, 'UTC')   COMMENT 'the collector''s time, microseconds; partitions count from here' CODEC(Delta(8), ZSTD(1)),
    collector    LowCardinality(String) COMMENT 'ris/rrc00, routeviews/route-views2, bmp/192.0.2.1, file/local' CODEC(ZSTD(1)),
    lane         LowCardinality(String) COMMENT 'part of the collector''s stream, in which epoch and sequence count: live, rv/<topic>, fill/<gap>, follow, file/<hash of the inputs>' CODEC(ZSTD(1)),
    epoch        UInt64                 COMMENT 'in lane live: Unix milliseconds x 1024 + a random number per process; 0 in other lanes' CODEC(Delta(8), ZSTD(1)),
    sequence     UInt64                 COMMENT 'number of the record within lane and epoch, from 1' CODEC(T64, ZSTD(1)),
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
    INDEX by_prefix prefix TYPE bloom_filter(0.001) GRANULARITY 4
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toMonday(timestamp)
ORDER BY (dataset, begin, length, timestamp, collector, lane, epoch, sequence, idx)
TTL appended_at + INTERVAL 30 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 0, index_granularity = 1024
COMMENT 'The rows of route_changes sorted by prefix, in partitions of a week of event time. Read prefix_history, which shows each change once, prefixes_containing, prefixes_within or prefix_minutes.';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.prefix_changes_filled {{cluster}} TO {{database}}.prefix_changes
AS SELECT
    dataset, toIPv6OrDefault(substring(prefix, 1, position(prefix, '/') - 1)) AS begin, toUInt8OrZero(substring(prefix, position(prefix, '/') + 1)) AS length,
    prefix, timestamp, collector, lane, epoch, sequence, idx, peer_address, peer_asn, `table`, path_id, safi, type, as_path, origin_as, appended_at
FROM {{database}}.route_change_log
WHERE repeats = 0
COMMENT 'Fills prefix_changes from the rows inserted into route_change_log.';

-- each partition of prefix_changes_before
INSERT INTO {{database}}.prefix_changes
    (dataset, begin, length, prefix, timestamp, collector, lane, epoch, sequence, idx, peer_address, peer_asn, `table`, path_id, safi, type, as_path, origin_as, appended_at)
SELECT
    dataset, begin, length, prefix, timestamp, collector, lane, epoch, sequence, idx, peer_address, peer_asn, `table`, path_id, safi, type, as_path, origin_as, appended_at
FROM {{database}}.prefix_changes_before
WHERE _partition_id = {{partition}};

DROP TABLE IF EXISTS {{database}}.prefix_changes_before {{cluster}};

-- Queries by prefix read prefix_changes, so this index is not needed. ZSTD(3) makes texts of prefixes a tenth smaller than ZSTD(1).
ALTER TABLE {{database}}.route_change_log {{cluster}} DROP INDEX IF EXISTS by_prefix;

ALTER TABLE {{database}}.route_change_log {{cluster}} MODIFY COLUMN prefix CODEC(ZSTD(3)), MODIFY COLUMN owner CODEC(ZSTD(3));

-- Copies of a row are equal, so a condition may be applied before FINAL or after it.
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
SETTINGS optimize_move_to_prewhere_if_final = 1
COMMENT 'The announcements and withdrawals of a prefix by peers, each once. Quick where dataset and prefix, or dataset and begin, are given. Routes of RIB snapshots have no rows.';

-- An id contains the entity, so all records of an outage have the same key.
CREATE TABLE IF NOT EXISTS {{database}}.outage_newest {{cluster}}
(
    dataset             LowCardinality(String) COMMENT 'live, demo, or the name of a replay' CODEC(ZSTD(1)),
    id                  String                 COMMENT 'ID of the outage: entity type, code, family and first published start' CODEC(ZSTD(1)),
    sequence            UInt32                 COMMENT 'number of the record in the life of the outage, from 1' CODEC(ZSTD(1)),
    event               LowCardinality(String) COMMENT 'the event: suspected, opened, updated, closed, reopened, retracted' CODEC(ZSTD(1)),
    decided_at          DateTime64(6, 'UTC')   COMMENT 'when the window in which the event was decided closed, event time, microseconds' CODEC(Delta(8), ZSTD(1)),
    kind                LowCardinality(String) COMMENT 'kind of the outage: outage, partial, intermittent, moved, origin' CODEC(ZSTD(1)),
    state               LowCardinality(String) COMMENT 'state of the outage after the event: suspected, open, closed, retracted' CODEC(ZSTD(1)),
    family              Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family' CODEC(ZSTD(1)),
    entity_type         Enum8('prefix' = 1, 'as' = 2, 'country' = 3, 'region' = 4, 'world' = 5, 'watch' = 6) COMMENT 'kind of entity' CODEC(ZSTD(1)),
    entity_code         String                 COMMENT 'code of the entity: KP, KP-01, AS131279, 175.45.176.0/24' CODEC(ZSTD(1)),
    entity_name         String                 COMMENT 'name of the entity: North Korea' CODEC(ZSTD(1)),
    start               DateTime('UTC')        COMMENT 'beginning of the outage, seconds' CODEC(ZSTD(1)),
    end                 Nullable(DateTime('UTC')) COMMENT 'end of the outage, seconds; NULL while it lasts' CODEC(ZSTD(1)),
    end_reason          LowCardinality(String) COMMENT 'why the outage ended, in records with state closed or retracted: recovered, superseded, new_normal, left_table, covered, removed, lost_sight; only recovered means that the routes are back' CODEC(ZSTD(1)),
    successor           String                 COMMENT 'id of the event that continues this one, if this one was superseded; empty where that event has no id yet' CODEC(ZSTD(1)),
    predecessor         String                 COMMENT 'id of the superseded event that this one continues; empty where there is none' CODEC(ZSTD(1)),
    duration_seconds    Int64                  COMMENT 'seconds from start to end, or to decided_at while the outage lasts' CODEC(ZSTD(1)),
    severity            LowCardinality(String) COMMENT 'severity: minor, moderate, major, total' CODEC(ZSTD(1)),
    score               Int64                  COMMENT 'integral of the loss, percent-minutes' CODEC(ZSTD(1)),
    baseline_prefixes   UInt32                 COMMENT 'usual prefixes' CODEC(ZSTD(1)),
    baseline_space      Float64                COMMENT 'usual space, /24s or /48s' CODEC(ZSTD(1)),
    peak_lost_prefixes  UInt32                 COMMENT 'most prefixes lost at a time' CODEC(ZSTD(1)),
    peak_lost_space     Float64                COMMENT 'most space lost at a time, /24s or /48s' CODEC(ZSTD(1)),
    peak_loss_percent   Float64                COMMENT 'most space lost at a time, percent of the usual' CODEC(ZSTD(1)),
    lost_prefixes       Array(String)          COMMENT 'the lost prefixes, up to a limit' CODEC(ZSTD(1)),
    lost_prefixes_total UInt32                 COMMENT 'number of all lost prefixes' CODEC(ZSTD(1)),
    origins             Array(UInt32)          COMMENT 'AS numbers that originated the lost prefixes; for a prefix that is not lost, its usual origins' CODEC(ZSTD(1)),
    countries           Array(String)          COMMENT 'for an AS or prefix: countries of the prefixes that it lost, or that other ASes originate now' CODEC(ZSTD(1)),
    upstreams           Array(UInt32)          COMMENT 'AS numbers next to the origins' CODEC(ZSTD(1)),
    parents             Array(Tuple(type String, code String, id String, share_percent Float64)) COMMENT 'events of wider entities that lost a part of the space that this one lost, the narrowest entity first; at decided_at each was suspected, open or pending (id empty). share_percent: that part, percent of the space that this one lost (or that moved)' CODEC(ZSTD(1)),
    watch               Array(Tuple(list String, title String, member String, covered_by String, public Bool)) COMMENT 'members of watch lists that the event is about. covered_by: the prefix by which a member without its own route is judged; public: anonymous pages may name the list' CODEC(ZSTD(1)),
    unexpected          Array(Tuple(prefix String, origin UInt32, expected Array(UInt32), voters UInt32, collectors UInt32, share_percent Float64, rpki String)) COMMENT 'for kind origin: routes from AS numbers that a watch list does not name, up to a limit. expected: the AS numbers that it names; voters, collectors: how many hold the route; share_percent: these voters, percent of all; rpki: valid, invalid, not_found, empty without ROAs' CODEC(ZSTD(1)),
    voters              UInt32                 COMMENT 'number of ASNs that voted' CODEC(ZSTD(1)),
    collectors          UInt32                 COMMENT 'number of collectors with voters' CODEC(ZSTD(1)),
    blip                Bool                   COMMENT 'shorter than five minutes: stored, not notified' CODEC(ZSTD(1)),
    headline            String                 COMMENT 'the outage in one line: at most 130 graphemes, 400 octets' CODEC(ZSTD(3)),
    post                String                 COMMENT 'the outage as a short message: at most 250 graphemes, 800 octets' CODEC(ZSTD(3)),
    summary             String                 COMMENT 'the outage in words' CODEC(ZSTD(3)),
    json                String                 COMMENT 'the whole outage (outage.schema.json)' CODEC(ZSTD(3)),
    position_epoch      UInt64                 COMMENT 'position of the record' CODEC(Delta(8), ZSTD(1)),
    position_sequence   UInt64                 COMMENT 'position of the record: window and index' CODEC(Delta(8), ZSTD(1)),
    appended_at         DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; time to live counts from here' CODEC(Delta(4), ZSTD(1)),
    version             UInt256                COMMENT 'order of the records of an outage: sequence x 2^128 + position_epoch x 2^64 + position_sequence' CODEC(ZSTD(1)),
    INDEX by_id id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = {{engine "ReplacingMergeTree" "version"}}
ORDER BY (dataset, entity_type, entity_code, family, id)
SETTINGS index_granularity = 1024
COMMENT 'The newest record of each outage. Read outages or open_outages, which show each outage once.';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.outage_newest_filled {{cluster}} TO {{database}}.outage_newest
AS SELECT
    dataset, id, sequence, event, decided_at, kind, state, family, entity_type, entity_code, entity_name, start, end, end_reason, successor,
    predecessor, duration_seconds, severity, score, baseline_prefixes, baseline_space, peak_lost_prefixes, peak_lost_space, peak_loss_percent,
    lost_prefixes, lost_prefixes_total, origins, countries, upstreams, parents, watch, unexpected, voters, collectors, blip, headline, post, summary,
    json, position_epoch, position_sequence, appended_at,
    bitOr(bitOr(bitShiftLeft(toUInt256(sequence), 128), bitShiftLeft(toUInt256(position_epoch), 64)), toUInt256(position_sequence)) AS version
FROM {{database}}.outage_events
COMMENT 'Fills outage_newest from the rows inserted into outage_events.';

-- each partition of outage_events
INSERT INTO {{database}}.outage_newest
    (
    dataset, id, sequence, event, decided_at, kind, state, family, entity_type, entity_code, entity_name, start, end, end_reason, successor,
    predecessor, duration_seconds, severity, score, baseline_prefixes, baseline_space, peak_lost_prefixes, peak_lost_space, peak_loss_percent,
    lost_prefixes, lost_prefixes_total, origins, countries, upstreams, parents, watch, unexpected, voters, collectors, blip, headline, post, summary,
    json, position_epoch, position_sequence, appended_at, version
    )
SELECT
    dataset, id, sequence, event, decided_at, kind, state, family, entity_type, entity_code, entity_name, start, end, end_reason, successor,
    predecessor, duration_seconds, severity, score, baseline_prefixes, baseline_space, peak_lost_prefixes, peak_lost_space, peak_loss_percent,
    lost_prefixes, lost_prefixes_total, origins, countries, upstreams, parents, watch, unexpected, voters, collectors, blip, headline, post, summary,
    json, position_epoch, position_sequence, appended_at,
    bitOr(bitOr(bitShiftLeft(toUInt256(sequence), 128), bitShiftLeft(toUInt256(position_epoch), 64)), toUInt256(position_sequence))
FROM {{database}}.outage_events
WHERE _partition_id = {{partition}};

CREATE OR REPLACE VIEW {{database}}.outages {{cluster}}
(
    dataset LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    id String COMMENT 'ID of the outage: entity type, code, family and first published start',
    sequence UInt32 COMMENT 'number of the record in the life of the outage, from 1',
    event LowCardinality(String) COMMENT 'the event: suspected, opened, updated, closed, reopened, retracted',
    decided_at DateTime64(6, 'UTC') COMMENT 'when the window in which the event was decided closed, event time, microseconds',
    kind LowCardinality(String) COMMENT 'kind of the outage: outage, partial, intermittent, moved, origin',
    state LowCardinality(String) COMMENT 'state of the outage after the event: suspected, open, closed, retracted',
    family Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family',
    entity_type Enum8('prefix' = 1, 'as' = 2, 'country' = 3, 'region' = 4, 'world' = 5, 'watch' = 6) COMMENT 'kind of entity',
    entity_code String COMMENT 'code of the entity: KP, KP-01, AS131279, 175.45.176.0/24',
    entity_name String COMMENT 'name of the entity: North Korea',
    start DateTime('UTC') COMMENT 'beginning of the outage, seconds',
    end Nullable(DateTime('UTC')) COMMENT 'end of the outage, seconds; NULL while it lasts',
    end_reason LowCardinality(String) COMMENT 'why the outage ended, in records with state closed or retracted: recovered, superseded, new_normal, left_table, covered, removed, lost_sight; only recovered means that the routes are back',
    successor String COMMENT 'id of the event that continues this one, if this one was superseded; empty where that event has no id yet',
    predecessor String COMMENT 'id of the superseded event that this one continues; empty where there is none',
    duration_seconds Int64 COMMENT 'seconds from start to end, or to decided_at while the outage lasts',
    severity LowCardinality(String) COMMENT 'severity: minor, moderate, major, total',
    score Int64 COMMENT 'integral of the loss, percent-minutes',
    baseline_prefixes UInt32 COMMENT 'usual prefixes',
    baseline_space Float64 COMMENT 'usual space, /24s or /48s',
    peak_lost_prefixes UInt32 COMMENT 'most prefixes lost at a time',
    peak_lost_space Float64 COMMENT 'most space lost at a time, /24s or /48s',
    peak_loss_percent Float64 COMMENT 'most space lost at a time, percent of the usual',
    lost_prefixes Array(String) COMMENT 'the lost prefixes, up to a limit',
    lost_prefixes_total UInt32 COMMENT 'number of all lost prefixes',
    origins Array(UInt32) COMMENT 'AS numbers that originated the lost prefixes; for a prefix that is not lost, its usual origins',
    origin_names Array(String) COMMENT 'names of origins at the time of the record, in the order of origins; empty where unknown',
    countries Array(String) COMMENT 'for an AS or prefix: countries of the prefixes that it lost, or that other ASes originate now',
    upstreams Array(UInt32) COMMENT 'AS numbers next to the origins',
    upstream_names Array(String) COMMENT 'names of upstreams at the time of the record, in the order of upstreams; empty where unknown',
    parents Array(Tuple(type String, code String, id String, share_percent Float64)) COMMENT 'events of wider entities that lost a part of the space that this one lost, the narrowest entity first; at decided_at each was suspected, open or pending (id empty). share_percent: that part, percent of the space that this one lost (or that moved)',
    watch Array(Tuple(list String, title String, member String, covered_by String, public Bool)) COMMENT 'members of watch lists that the event is about. covered_by: the prefix by which a member without its own route is judged; public: anonymous pages may name the list',
    unexpected Array(Tuple(prefix String, origin UInt32, expected Array(UInt32), voters UInt32, collectors UInt32, share_percent Float64, rpki String)) COMMENT 'for kind origin: routes from AS numbers that a watch list does not name, up to a limit. expected: the AS numbers that it names; voters, collectors: how many hold the route; share_percent: these voters, percent of all; rpki: valid, invalid, not_found, empty without ROAs',
    voters UInt32 COMMENT 'number of ASNs that voted',
    collectors UInt32 COMMENT 'number of collectors with voters',
    blip Bool COMMENT 'shorter than five minutes: stored, not notified',
    headline String COMMENT 'the outage in one line: at most 130 graphemes, 400 octets',
    post String COMMENT 'the outage as a short message: at most 250 graphemes, 800 octets',
    summary String COMMENT 'the outage in words',
    json String COMMENT 'the whole outage (outage.schema.json)'
)
AS SELECT
    dataset, id, sequence, event, decided_at, kind, state, family, entity_type, entity_code, entity_name, start, end, end_reason, successor,
    predecessor, duration_seconds, severity, score, baseline_prefixes, baseline_space, peak_lost_prefixes, peak_lost_space, peak_loss_percent,
    lost_prefixes, lost_prefixes_total, origins, JSONExtract(json, 'origins', 'Array(Tuple(name String))').name AS origin_names, countries, upstreams,
    JSONExtract(json, 'upstreams', 'Array(Tuple(name String))').name AS upstream_names, parents, watch, unexpected, voters, collectors, blip, headline,
    post, summary, json
FROM {{database}}.outage_newest FINAL
COMMENT 'The current state of every outage: its newest event, once. Quick where entity_type and entity_code are given.';

CREATE OR REPLACE VIEW {{database}}.open_outages {{cluster}}
(
    dataset LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    id String COMMENT 'ID of the outage: entity type, code, family and first published start',
    sequence UInt32 COMMENT 'number of the record in the life of the outage, from 1',
    event LowCardinality(String) COMMENT 'the event: suspected, opened, updated, closed, reopened, retracted',
    decided_at DateTime64(6, 'UTC') COMMENT 'when the window in which the event was decided closed, event time, microseconds',
    kind LowCardinality(String) COMMENT 'kind of the outage: outage, partial, intermittent, moved, origin',
    state LowCardinality(String) COMMENT 'state of the outage after the event: suspected, open, closed, retracted',
    family Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family',
    entity_type Enum8('prefix' = 1, 'as' = 2, 'country' = 3, 'region' = 4, 'world' = 5, 'watch' = 6) COMMENT 'kind of entity',
    entity_code String COMMENT 'code of the entity: KP, KP-01, AS131279, 175.45.176.0/24',
    entity_name String COMMENT 'name of the entity: North Korea',
    start DateTime('UTC') COMMENT 'beginning of the outage, seconds',
    end Nullable(DateTime('UTC')) COMMENT 'end of the outage, seconds; NULL while it lasts',
    end_reason LowCardinality(String) COMMENT 'why the outage ended, in records with state closed or retracted: recovered, superseded, new_normal, left_table, covered, removed, lost_sight; only recovered means that the routes are back',
    successor String COMMENT 'id of the event that continues this one, if this one was superseded; empty where that event has no id yet',
    predecessor String COMMENT 'id of the superseded event that this one continues; empty where there is none',
    duration_seconds Int64 COMMENT 'seconds from start to end, or to decided_at while the outage lasts',
    severity LowCardinality(String) COMMENT 'severity: minor, moderate, major, total',
    score Int64 COMMENT 'integral of the loss, percent-minutes',
    baseline_prefixes UInt32 COMMENT 'usual prefixes',
    baseline_space Float64 COMMENT 'usual space, /24s or /48s',
    peak_lost_prefixes UInt32 COMMENT 'most prefixes lost at a time',
    peak_lost_space Float64 COMMENT 'most space lost at a time, /24s or /48s',
    peak_loss_percent Float64 COMMENT 'most space lost at a time, percent of the usual',
    lost_prefixes Array(String) COMMENT 'the lost prefixes, up to a limit',
    lost_prefixes_total UInt32 COMMENT 'number of all lost prefixes',
    origins Array(UInt32) COMMENT 'AS numbers that originated the lost prefixes; for a prefix that is not lost, its usual origins',
    origin_names Array(String) COMMENT 'names of origins at the time of the record, in the order of origins; empty where unknown',
    countries Array(String) COMMENT 'for an AS or prefix: countries of the prefixes that it lost, or that other ASes originate now',
    upstreams Array(UInt32) COMMENT 'AS numbers next to the origins',
    upstream_names Array(String) COMMENT 'names of upstreams at the time of the record, in the order of upstreams; empty where unknown',
    parents Array(Tuple(type String, code String, id String, share_percent Float64)) COMMENT 'events of wider entities that lost a part of the space that this one lost, the narrowest entity first; at decided_at each was suspected, open or pending (id empty). share_percent: that part, percent of the space that this one lost (or that moved)',
    watch Array(Tuple(list String, title String, member String, covered_by String, public Bool)) COMMENT 'members of watch lists that the event is about. covered_by: the prefix by which a member without its own route is judged; public: anonymous pages may name the list',
    unexpected Array(Tuple(prefix String, origin UInt32, expected Array(UInt32), voters UInt32, collectors UInt32, share_percent Float64, rpki String)) COMMENT 'for kind origin: routes from AS numbers that a watch list does not name, up to a limit. expected: the AS numbers that it names; voters, collectors: how many hold the route; share_percent: these voters, percent of all; rpki: valid, invalid, not_found, empty without ROAs',
    voters UInt32 COMMENT 'number of ASNs that voted',
    collectors UInt32 COMMENT 'number of collectors with voters',
    blip Bool COMMENT 'shorter than five minutes: stored, not notified',
    headline String COMMENT 'the outage in one line: at most 130 graphemes, 400 octets',
    post String COMMENT 'the outage as a short message: at most 250 graphemes, 800 octets',
    summary String COMMENT 'the outage in words',
    json String COMMENT 'the whole outage (outage.schema.json)'
)
AS SELECT
    dataset, id, sequence, event, decided_at, kind, state, family, entity_type, entity_code, entity_name, start, end, end_reason, successor,
    predecessor, duration_seconds, severity, score, baseline_prefixes, baseline_space, peak_lost_prefixes, peak_lost_space, peak_loss_percent,
    lost_prefixes, lost_prefixes_total, origins, JSONExtract(json, 'origins', 'Array(Tuple(name String))').name AS origin_names, countries, upstreams,
    JSONExtract(json, 'upstreams', 'Array(Tuple(name String))').name AS upstream_names, parents, watch, unexpected, voters, collectors, blip, headline,
    post, summary, json
FROM {{database}}.outage_newest FINAL
WHERE state = 'open'
COMMENT 'The outages that are confirmed and have not ended. Suspected outages are in the view outages, with state suspected.';

CREATE TABLE IF NOT EXISTS {{database}}.feed_newest {{cluster}}
(
    dataset             LowCardinality(String) COMMENT 'live, demo, or the name of a replay' CODEC(ZSTD(1)),
    timestamp           DateTime64(6, 'UTC')   COMMENT 'time of the event, microseconds' CODEC(Delta(8), ZSTD(1)),
    collector           LowCardinality(String) COMMENT 'the collector' CODEC(ZSTD(1)),
    reason              String                 COMMENT 'the reason, in words' CODEC(ZSTD(1)),
    source              LowCardinality(String) COMMENT 'source of the event: rislive, bmp, routeviews, archive, detect' CODEC(ZSTD(1)),
    instance            LowCardinality(String) COMMENT 'process that reports the event; empty for detect' CODEC(ZSTD(1)),
    state               LowCardinality(String) COMMENT 'state of the stream: up, stale, suspended, down, bootstrapping; like the columns after it up to total_bytes, only in the events status and progress' CODEC(ZSTD(1)),
    peers_up            UInt32                 COMMENT 'peers whose sessions are up' CODEC(ZSTD(1)),
    messages            UInt64                 COMMENT 'BGP messages since the stream began' CODEC(ZSTD(1)),
    messages_per_second Float64                COMMENT 'BGP messages per second since the previous status' CODEC(ZSTD(1)),
    lag_seconds         Float64                COMMENT 'delay of the last message when it was received, seconds' CODEC(ZSTD(1)),
    last_gap            DateTime64(6, 'UTC')   COMMENT 'end of the last gap or, while it is open, its beginning; 1970-01-01 if there was no gap' CODEC(ZSTD(1)),
    done_bytes          UInt64                 COMMENT 'octets read so far of the files that answer the open gap' CODEC(ZSTD(1)),
    total_bytes         UInt64                 COMMENT 'octets of these files, as far as known' CODEC(ZSTD(1)),
    appended_at         DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; time to live counts from here' CODEC(Delta(4), ZSTD(1)),
    version             UInt256                COMMENT 'order of the records: timestamp in microseconds x 2^128 + position_epoch x 2^64 + position_sequence' CODEC(ZSTD(1))
)
ENGINE = {{engine "ReplacingMergeTree" "version"}}
ORDER BY (dataset, collector, source)
TTL appended_at + INTERVAL 90 DAY DELETE
COMMENT 'The newest status of each feed. Read feed_status, which shows each feed once.';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.feed_newest_filled {{cluster}} TO {{database}}.feed_newest
AS SELECT
    dataset, timestamp, collector, reason, source, instance, state, peers_up, messages, messages_per_second, lag_seconds, last_gap, done_bytes,
    total_bytes, appended_at,
    bitOr(bitOr(bitShiftLeft(toUInt256(toUnixTimestamp64Micro(timestamp)), 128), bitShiftLeft(toUInt256(position_epoch), 64)), toUInt256(position_sequence)) AS version
FROM {{database}}.feeds
WHERE event IN ('status', 'progress')
COMMENT 'Fills feed_newest from the rows inserted into feeds.';

-- each partition of feeds
INSERT INTO {{database}}.feed_newest
    (
    dataset, timestamp, collector, reason, source, instance, state, peers_up, messages, messages_per_second, lag_seconds, last_gap, done_bytes,
    total_bytes, appended_at, version
    )
SELECT
    dataset, timestamp, collector, reason, source, instance, state, peers_up, messages, messages_per_second, lag_seconds, last_gap, done_bytes,
    total_bytes, appended_at,
    bitOr(bitOr(bitShiftLeft(toUInt256(toUnixTimestamp64Micro(timestamp)), 128), bitShiftLeft(toUInt256(position_epoch), 64)), toUInt256(position_sequence))
FROM {{database}}.feeds
WHERE event IN ('status', 'progress') AND _partition_id = {{partition}};

CREATE OR REPLACE VIEW {{database}}.feed_status {{cluster}}
(
    dataset LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    collector LowCardinality(String) COMMENT 'the collector',
    source LowCardinality(String) COMMENT 'source of the events: rislive, bmp, routeviews, archive',
    timestamp DateTime64(6, 'UTC') COMMENT 'time of the newest status, microseconds',
    instance LowCardinality(String) COMMENT 'process that reports the status',
    state LowCardinality(String) COMMENT 'state of the stream: up, stale, suspended, down, bootstrapping',
    reason String COMMENT 'the reason, in words',
    peers_up UInt32 COMMENT 'peers whose sessions are up',
    messages UInt64 COMMENT 'BGP messages since the stream began',
    messages_per_second Float64 COMMENT 'BGP messages per second since the previous status',
    lag_seconds Float64 COMMENT 'delay of the last message when it was received, seconds',
    last_gap DateTime64(6, 'UTC') COMMENT 'end of the last gap or, while it is open, its beginning; 1970-01-01 if there was no gap',
    done_bytes UInt64 COMMENT 'octets read so far of the files that answer the open gap',
    total_bytes UInt64 COMMENT 'octets of these files, as far as known'
)
AS SELECT
    dataset, collector, source, timestamp, instance, state, reason, peers_up, messages, messages_per_second, lag_seconds, last_gap, done_bytes, total_bytes
FROM {{database}}.feed_newest FINAL
COMMENT 'The newest status of the stream of each collector.';

CREATE TABLE IF NOT EXISTS {{database}}.panel_verdicts {{cluster}}
(
    dataset            LowCardinality(String) COMMENT 'live, demo, or the name of a replay' CODEC(ZSTD(1)),
    timestamp          DateTime64(6, 'UTC')   COMMENT 'time from which the row holds, event time, microseconds' CODEC(Delta(8), ZSTD(1)),
    family             Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family' CODEC(ZSTD(1)),
    knowledge          Enum8('unspecified' = 0, 'complete' = 1, 'learned' = 2) COMMENT 'basis of verdicts: whole tables (complete), or updates alone (learned)' CODEC(ZSTD(1)),
    voters             UInt32                 COMMENT 'number of ASNs that vote, or would vote while they are too few for a panel' CODEC(ZSTD(1)),
    collectors         UInt32                 COMMENT 'number of collectors with voters' CODEC(ZSTD(1)),
    min_voters         UInt32                 COMMENT 'below this many voters there is no verdict' CODEC(ZSTD(1)),
    min_collectors     UInt32                 COMMENT 'with voters on fewer collectors there is no verdict' CODEC(ZSTD(1)),
    verdicts           Bool                   COMMENT 'whether a verdict is possible' CODEC(ZSTD(1)),
    no_verdict         LowCardinality(String) COMMENT 'why no verdict is possible: peers, tables, voters, collectors, prefixes, degraded; empty where one is possible' CODEC(ZSTD(1)),
    position_collector LowCardinality(String) COMMENT 'position of the record: detect/ipv4, detect/ipv6' CODEC(ZSTD(1)),
    position_lane      LowCardinality(String) COMMENT 'position of the record' CODEC(ZSTD(1)),
    position_epoch     UInt64                 COMMENT 'position of the record' CODEC(Delta(8), ZSTD(1)),
    position_sequence  UInt64                 COMMENT 'position of the record: window and index' CODEC(Delta(8), ZSTD(1)),
    appended_at        DateTime('UTC')        COMMENT 'when Kafka took the record, seconds; time to live counts from here' CODEC(Delta(4), ZSTD(1))
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY toYear(timestamp)
ORDER BY (dataset, family, timestamp, position_collector, position_lane, position_epoch, position_sequence)
TTL appended_at + INTERVAL 365 DAY DELETE
SETTINGS index_granularity = 1024
COMMENT 'Whether a verdict is possible from a time on, and why not: the rows of panel without the peers. Read panel_history, which shows each row once.';

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.panel_verdicts_filled {{cluster}} TO {{database}}.panel_verdicts
AS SELECT
    dataset, timestamp, family, knowledge, voters, collectors, min_voters, min_collectors, verdicts, no_verdict, position_collector, position_lane,
    position_epoch, position_sequence, appended_at
FROM {{database}}.panel
WHERE idx = 0
COMMENT 'Fills panel_verdicts from the rows inserted into panel.';

-- each partition of panel
INSERT INTO {{database}}.panel_verdicts
    (
    dataset, timestamp, family, knowledge, voters, collectors, min_voters, min_collectors, verdicts, no_verdict, position_collector, position_lane,
    position_epoch, position_sequence, appended_at
    )
SELECT
    dataset, timestamp, family, knowledge, voters, collectors, min_voters, min_collectors, verdicts, no_verdict, position_collector, position_lane,
    position_epoch, position_sequence, appended_at
FROM {{database}}.panel
WHERE idx = 0 AND _partition_id = {{partition}};

CREATE OR REPLACE VIEW {{database}}.panel_history {{cluster}}
(
    dataset LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    timestamp DateTime64(6, 'UTC') COMMENT 'time from which the row holds, event time, microseconds',
    family Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family',
    knowledge Enum8('unspecified' = 0, 'complete' = 1, 'learned' = 2) COMMENT 'basis of verdicts: whole tables (complete), or updates alone (learned)',
    voters UInt32 COMMENT 'number of ASNs that vote, or would vote while they are too few for a panel',
    collectors UInt32 COMMENT 'number of collectors with voters',
    min_voters UInt32 COMMENT 'below this many voters there is no verdict',
    min_collectors UInt32 COMMENT 'with voters on fewer collectors there is no verdict',
    verdicts Bool COMMENT 'whether a verdict is possible',
    no_verdict LowCardinality(String) COMMENT 'why no verdict is possible: peers, tables, voters, collectors, prefixes, degraded; empty where one is possible',
    appended_at DateTime('UTC') COMMENT 'when Kafka took the record, seconds'
)
AS SELECT
    dataset, timestamp, family, knowledge, voters, collectors, min_voters, min_collectors, verdicts, no_verdict, appended_at
FROM {{database}}.panel_verdicts FINAL
COMMENT 'The number of voters, and whether a verdict was possible: a row each quarter of an hour and when that changed. The voters are in panel_peers.';
