-- The views that people read. Each is named for a question, shows each row once even if it was inserted twice, and has the unit of
-- every column. The comments of the raw tables name the view to read instead.

-- All copies of an outage's newest record are equal, so LIMIT 1 BY may name any columns. It names the ones that people filter by:
-- then ClickHouse filters before it reads the long columns.
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
FROM {{database}}.outage_events
WHERE (dataset, id, sequence, position_epoch, position_sequence) IN (
    SELECT dataset, id, newest.1, newest.2, newest.3
    FROM (SELECT dataset, id, max((sequence, position_epoch, position_sequence)) AS newest FROM {{database}}.outage_events GROUP BY dataset, id)
)
LIMIT 1 BY dataset, id, sequence, event, decided_at, kind, state, family, entity_type, entity_code, entity_name, start, end, end_reason, duration_seconds, severity, blip
COMMENT 'The current state of every outage: its newest event, once.';

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
FROM {{database}}.outage_events
WHERE (dataset, id, sequence, position_epoch, position_sequence) IN (
    SELECT dataset, id, newest.1, newest.2, newest.3
    FROM (SELECT dataset, id, max((sequence, position_epoch, position_sequence)) AS newest FROM {{database}}.outage_events GROUP BY dataset, id)
)
    AND state = 'open'
LIMIT 1 BY dataset, id, sequence, event, decided_at, kind, state, family, entity_type, entity_code, entity_name, start, end, end_reason, duration_seconds, severity, blip
COMMENT 'The outages that are confirmed and have not ended. Suspected outages are in the view outages, with state suspected.';

CREATE VIEW IF NOT EXISTS {{database}}.outage_history {{cluster}}
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
    json String COMMENT 'the whole outage (outage.schema.json)',
    appended_at DateTime('UTC') COMMENT 'when Kafka took the record, seconds; partitions count from here'
)
AS SELECT
    dataset, id, sequence, event, decided_at, kind, state, family, entity_type, entity_code, entity_name, start, end, end_reason, successor,
    predecessor, duration_seconds, severity, score, baseline_prefixes, baseline_space, peak_lost_prefixes, peak_lost_space, peak_loss_percent,
    lost_prefixes, lost_prefixes_total, origins, JSONExtract(json, 'origins', 'Array(Tuple(name String))').name AS origin_names, countries, upstreams,
    JSONExtract(json, 'upstreams', 'Array(Tuple(name String))').name AS upstream_names, parents, watch, unexpected, voters, collectors, blip, headline,
    post, summary, json, appended_at
FROM {{database}}.outage_events FINAL
COMMENT 'Every event in the life of every outage, with the state after it, each once.';

CREATE VIEW IF NOT EXISTS {{database}}.entity_history {{cluster}}
(
    dataset LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    timestamp DateTime('UTC') COMMENT 'beginning of the minute, event time, seconds',
    entity_type Enum8('prefix' = 1, 'as' = 2, 'country' = 3, 'region' = 4, 'world' = 5, 'watch' = 6) COMMENT 'kind of entity',
    entity_code String COMMENT 'code of the entity: KP, KP-01, AS131279, 175.45.176.0/24',
    entity_name LowCardinality(String) COMMENT 'name of the entity: North Korea',
    family Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family',
    space Float64 COMMENT 'visible space, /24s or /48s',
    prefixes UInt32 COMMENT 'visible prefixes',
    baseline_space Float64 COMMENT 'usual space, /24s or /48s',
    baseline_prefixes UInt32 COMMENT 'usual prefixes',
    loss_percent Float64 COMMENT 'missing space, percent of the usual space; 0 where there is no usual space',
    voters UInt32 COMMENT 'number of ASNs that voted',
    appended_at DateTime('UTC') COMMENT 'when Kafka took the record, seconds; partitions and time to live count from here'
)
AS SELECT
    dataset, timestamp, entity_type, entity_code, entity_name, family, space, prefixes, baseline_space, baseline_prefixes,
    if(baseline_space > 0, greatest(0, round(100 * (1 - space / baseline_space), 2)), 0) AS loss_percent, voters, appended_at
FROM {{database}}.visibility FINAL
COMMENT 'The visible space and prefixes of an entity: a row for each minute in which they changed, and one an hour, each once. A row holds until the next one.';

CREATE VIEW IF NOT EXISTS {{database}}.entity_hours {{cluster}}
(
    dataset LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    hour DateTime('UTC') COMMENT 'beginning of the hour, event time, seconds',
    entity_type Enum8('prefix' = 1, 'as' = 2, 'country' = 3, 'region' = 4, 'world' = 5, 'watch' = 6) COMMENT 'kind of entity',
    entity_code String COMMENT 'code of the entity: KP, KP-01, AS131279, 175.45.176.0/24',
    entity_name LowCardinality(String) COMMENT 'name of the entity: North Korea',
    family Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family',
    min_space Float64 COMMENT 'least visible space of the hour''s rows, /24s or /48s',
    max_space Float64 COMMENT 'most visible space of the hour''s rows, /24s or /48s',
    min_prefixes UInt32 COMMENT 'fewest visible prefixes of the hour''s rows',
    max_prefixes UInt32 COMMENT 'most visible prefixes of the hour''s rows',
    space Float64 COMMENT 'visible space after the hour''s last row, /24s or /48s',
    prefixes UInt32 COMMENT 'visible prefixes after the hour''s last row',
    baseline_space Float64 COMMENT 'usual space in the hour''s last row, /24s or /48s',
    baseline_prefixes UInt32 COMMENT 'usual prefixes in the hour''s last row',
    max_loss_percent Float64 COMMENT 'most missing space of the hour''s rows, percent of the usual space in its last row; 0 where there is no usual space',
    voters UInt32 COMMENT 'number of ASNs that voted, in the hour''s last row'
)
AS SELECT
    dataset, hour, entity_type, entity_code, entity_name, family, min_space, max_space, min_prefixes, max_prefixes, last.space AS space, last.prefixes AS prefixes,
    last.baseline_space AS baseline_space, last.baseline_prefixes AS baseline_prefixes,
    if(baseline_space > 0, greatest(0, round(100 * (1 - min_space / baseline_space), 2)), 0) AS max_loss_percent, last.voters AS voters
FROM {{database}}.visibility_hours FINAL
COMMENT 'The visibility of an entity by hour: least, most and last of the rows of visibility whose minute is in the hour. An entity has a row for each hour in which something is known of it.';

CREATE VIEW IF NOT EXISTS {{database}}.prefix_history {{cluster}}
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
COMMENT 'The announcements and withdrawals of a prefix by peers, each once. Quick where dataset and prefix, or dataset and begin, are given. Routes of RIB snapshots have no rows.';

CREATE VIEW IF NOT EXISTS {{database}}.feed_gaps {{cluster}}
(
    dataset LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    collector LowCardinality(String) COMMENT 'the collector',
    gap_id String COMMENT 'ID of the gap',
    gap_begin DateTime64(6, 'UTC') COMMENT 'time from which messages are missing; 1970-01-01 if all earlier ones are missing',
    gap_end DateTime64(6, 'UTC') COMMENT 'time until which messages are missing',
    said_at DateTime64(6, 'UTC') COMMENT 'when the gap was noticed',
    answered_at Nullable(DateTime64(6, 'UTC')) COMMENT 'when the answer to the gap was read; NULL while the gap is open',
    complete Nullable(Bool) COMMENT 'whether the answer was complete; NULL while the gap is open',
    reason String COMMENT 'why there is a gap, in words',
    answer String COMMENT 'the answer to the gap, in words; empty while the gap is open',
    source LowCardinality(String) COMMENT 'source of the events: rislive, bmp, routeviews, archive',
    peers Array(String) COMMENT 'peers that the gap is about, address and AS number; empty: all peers of the collector'
)
AS SELECT
    dataset, collector, gap_id, argMinIf(feeds.gap_begin, feeds.timestamp, event = 'gap') AS gap_begin, argMinIf(feeds.gap_end, feeds.timestamp, event = 'gap') AS gap_end,
    minIf(feeds.timestamp, event = 'gap') AS said_at, maxOrNullIf(feeds.timestamp, event IN ('recovered', 'degraded')) AS answered_at,
    CAST(argMaxOrNullIf(event = 'recovered', feeds.timestamp, event IN ('recovered', 'degraded')) AS Nullable(Bool)) AS complete, argMinIf(feeds.reason, feeds.timestamp, event = 'gap') AS reason,
    argMaxIf(feeds.reason, feeds.timestamp, event IN ('recovered', 'degraded')) AS answer, any(feeds.source) AS source, argMinIf(gap_peers, feeds.timestamp, event = 'gap') AS peers
FROM {{database}}.feeds
WHERE gap_id != '' AND event IN ('gap', 'recovered', 'degraded')
GROUP BY dataset, collector, gap_id
HAVING countIf(event = 'gap') > 0
COMMENT 'The gaps in the messages of a collector: from when until when, the reason, and the answer. A row for each gap.';

CREATE VIEW IF NOT EXISTS {{database}}.feed_status {{cluster}}
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
    dataset, collector, source, newest.1 AS timestamp, newest.4 AS instance, newest.5 AS state, newest.6 AS reason, newest.7 AS peers_up, newest.8 AS messages,
    newest.9 AS messages_per_second, newest.10 AS lag_seconds, newest.11 AS last_gap, newest.12 AS done_bytes, newest.13 AS total_bytes
FROM (
    SELECT dataset, collector, source, max((feeds.timestamp, position_epoch, position_sequence, feeds.instance, feeds.state, feeds.reason, feeds.peers_up, feeds.messages,
        feeds.messages_per_second, feeds.lag_seconds, feeds.last_gap, feeds.done_bytes, feeds.total_bytes)) AS newest
    FROM {{database}}.feeds WHERE event IN ('status', 'progress') GROUP BY dataset, collector, source
)
COMMENT 'The newest status of the stream of each collector.';

CREATE VIEW IF NOT EXISTS {{database}}.panel_history {{cluster}}
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
FROM {{database}}.panel FINAL
WHERE idx = 0
COMMENT 'The number of voters, and whether a verdict was possible: a row each quarter of an hour and when that changed. The voters are in panel_peers.';

CREATE VIEW IF NOT EXISTS {{database}}.panel_peers {{cluster}}
(
    dataset LowCardinality(String) COMMENT 'live, demo, or the name of a replay',
    timestamp DateTime64(6, 'UTC') COMMENT 'time from which the row holds, event time, microseconds',
    family Enum8('ipv4' = 1, 'ipv6' = 2) COMMENT 'address family',
    collector LowCardinality(String) COMMENT 'collector of the peer; empty where no peer is known',
    peer_address LowCardinality(String) COMMENT 'the peer, as text',
    peer_asn UInt32 COMMENT 'AS number of the peer',
    peer_name String COMMENT 'name of the peer''s AS today; empty where unknown',
    `table` Enum8('pre' = 1, 'post' = 2, 'loc' = 3, 'out' = 4) COMMENT 'table of the peer that the session shows',
    votes Bool COMMENT 'whether the peer votes',
    reason LowCardinality(String) COMMENT 'why the peer does not vote: partial, transferring, down, collector_down, silent, second_feed, table_incomplete, only_withdraws, unreadable, lost_table, no_panel (its table is whole, but too few peers have whole tables); empty for a voter',
    prefixes UInt32 COMMENT 'number of prefixes in the peer''s table',
    appended_at DateTime('UTC') COMMENT 'when Kafka took the record, seconds'
)
AS SELECT
    dataset, timestamp, family, collector, peer_address, peer_asn, dictGet('{{database}}.as_info', 'name', peer_asn) AS peer_name,
    `table`, votes, reason, prefixes, appended_at
FROM {{database}}.panel FINAL
WHERE collector != ''
COMMENT 'The peers of the panel, whether each voted, and why not: a row for each known peer of each row of panel_history.';
