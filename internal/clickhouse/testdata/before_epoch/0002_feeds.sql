-- What live feeds say of themselves: who says it, from when to when a gap is, how a stream stands. Every statement may run twice.

ALTER TABLE {{database}}.feeds {{cluster}}
    MODIFY COLUMN event Enum8('unspecified' = 0, 'up' = 1, 'down' = 2, 'degraded' = 3, 'gap' = 4, 'recovered' = 5, 'bootstrap_wanted' = 6, 'status' = 7, 'progress' = 8) COMMENT 'what happened; status and progress say how it stands';

ALTER TABLE {{database}}.feeds {{cluster}}
    ADD COLUMN IF NOT EXISTS source LowCardinality(String) COMMENT 'who says it: rislive, bmp, routeviews, archive, detect' AFTER gap_id,
    ADD COLUMN IF NOT EXISTS instance LowCardinality(String) COMMENT 'the process that says it; empty for detect' AFTER source,
    ADD COLUMN IF NOT EXISTS gap_begin DateTime64(6, 'UTC') COMMENT 'from when the gap is; 1970-01-01 is since ever, or no gap' AFTER instance,
    ADD COLUMN IF NOT EXISTS gap_end DateTime64(6, 'UTC') COMMENT 'until when it is; 1970-01-01 is not known yet, or no gap' AFTER gap_begin,
    ADD COLUMN IF NOT EXISTS gap_peers Array(String) COMMENT 'the peers that it is about, address and AS number: 192.0.2.1 AS64496; empty is all of the collector' AFTER gap_end,
    ADD COLUMN IF NOT EXISTS state LowCardinality(String) COMMENT 'how the stream stands: up, stale, suspended, down, bootstrapping; only of status and progress, as all that follows' AFTER gap_peers,
    ADD COLUMN IF NOT EXISTS peers_up UInt32 COMMENT 'peers whose sessions are up' AFTER state,
    ADD COLUMN IF NOT EXISTS messages UInt64 COMMENT 'BGP messages since the stream began' AFTER peers_up,
    ADD COLUMN IF NOT EXISTS messages_per_second Float64 COMMENT 'BGP messages by the second, since the last status' AFTER messages,
    ADD COLUMN IF NOT EXISTS lag_seconds Float64 COMMENT 'how far the last message lay behind the clock when it came' AFTER messages_per_second,
    ADD COLUMN IF NOT EXISTS last_gap DateTime64(6, 'UTC') COMMENT 'when the last gap ended or, where it is open, began; 1970-01-01 is never' AFTER lag_seconds,
    ADD COLUMN IF NOT EXISTS done_bytes UInt64 COMMENT 'octets read of the files that answer the open gap' AFTER last_gap,
    ADD COLUMN IF NOT EXISTS total_bytes UInt64 COMMENT 'octets of these files, as far as known' AFTER done_bytes;
