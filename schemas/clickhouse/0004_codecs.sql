-- Codecs, chosen by measurement, for the columns of the first step. They apply to new parts at once and to older parts at their
-- next merge. The comments of the tables now name the views to read instead.

ALTER TABLE {{database}}.route_change_log {{cluster}}
    MODIFY COLUMN dataset CODEC(ZSTD(1)), MODIFY COLUMN timestamp CODEC(Delta(8), ZSTD(1)), MODIFY COLUMN received_at CODEC(Delta(8), ZSTD(1)),
    MODIFY COLUMN collector CODEC(ZSTD(1)), MODIFY COLUMN lane CODEC(ZSTD(1)), MODIFY COLUMN epoch CODEC(Delta(8), ZSTD(1)),
    MODIFY COLUMN sequence CODEC(DoubleDelta, ZSTD(1)), MODIFY COLUMN idx CODEC(T64, ZSTD(1)), MODIFY COLUMN repeats CODEC(ZSTD(1)),
    MODIFY COLUMN peer_address CODEC(ZSTD(1)), MODIFY COLUMN peer_asn CODEC(ZSTD(1)), MODIFY COLUMN `table` CODEC(ZSTD(1)),
    MODIFY COLUMN path_id CODEC(T64, ZSTD(1)), MODIFY COLUMN safi CODEC(ZSTD(1)), MODIFY COLUMN type CODEC(ZSTD(1)), MODIFY COLUMN prefix CODEC(ZSTD(1)),
    MODIFY COLUMN as_path CODEC(ZSTD(1)), MODIFY COLUMN origin_as CODEC(ZSTD(1)), MODIFY COLUMN country CODEC(ZSTD(1)), MODIFY COLUMN region CODEC(ZSTD(1)),
    MODIFY COLUMN owner CODEC(ZSTD(1)), MODIFY COLUMN topic CODEC(ZSTD(1)), MODIFY COLUMN partition CODEC(ZSTD(1)),
    MODIFY COLUMN offset CODEC(DoubleDelta, ZSTD(1)), MODIFY COLUMN appended_at CODEC(Delta(4), ZSTD(1));

ALTER TABLE {{database}}.outage_events {{cluster}}
    MODIFY COLUMN dataset CODEC(ZSTD(1)), MODIFY COLUMN id CODEC(ZSTD(1)), MODIFY COLUMN sequence CODEC(ZSTD(1)), MODIFY COLUMN event CODEC(ZSTD(1)),
    MODIFY COLUMN decided_at CODEC(Delta(8), ZSTD(1)), MODIFY COLUMN kind CODEC(ZSTD(1)), MODIFY COLUMN state CODEC(ZSTD(1)),
    MODIFY COLUMN family CODEC(ZSTD(1)), MODIFY COLUMN entity_type CODEC(ZSTD(1)), MODIFY COLUMN entity_code CODEC(ZSTD(1)),
    MODIFY COLUMN entity_name CODEC(ZSTD(1)), MODIFY COLUMN start CODEC(ZSTD(1)), MODIFY COLUMN end CODEC(ZSTD(1)), MODIFY COLUMN end_reason CODEC(ZSTD(1)),
    MODIFY COLUMN successor CODEC(ZSTD(1)), MODIFY COLUMN predecessor CODEC(ZSTD(1)), MODIFY COLUMN duration_seconds CODEC(ZSTD(1)),
    MODIFY COLUMN severity CODEC(ZSTD(1)), MODIFY COLUMN score CODEC(ZSTD(1)), MODIFY COLUMN baseline_prefixes CODEC(ZSTD(1)),
    MODIFY COLUMN baseline_space CODEC(ZSTD(1)), MODIFY COLUMN peak_lost_prefixes CODEC(ZSTD(1)), MODIFY COLUMN peak_lost_space CODEC(ZSTD(1)),
    MODIFY COLUMN peak_loss_percent CODEC(ZSTD(1)), MODIFY COLUMN lost_prefixes CODEC(ZSTD(1)), MODIFY COLUMN lost_prefixes_total CODEC(ZSTD(1)),
    MODIFY COLUMN origins CODEC(ZSTD(1)), MODIFY COLUMN countries CODEC(ZSTD(1)), MODIFY COLUMN upstreams CODEC(ZSTD(1)),
    MODIFY COLUMN parents CODEC(ZSTD(1)), MODIFY COLUMN watch CODEC(ZSTD(1)), MODIFY COLUMN unexpected CODEC(ZSTD(1)), MODIFY COLUMN voters CODEC(ZSTD(1)),
    MODIFY COLUMN collectors CODEC(ZSTD(1)), MODIFY COLUMN blip CODEC(ZSTD(1)), MODIFY COLUMN headline CODEC(ZSTD(3)), MODIFY COLUMN post CODEC(ZSTD(3)),
    MODIFY COLUMN summary CODEC(ZSTD(3)), MODIFY COLUMN json CODEC(ZSTD(3)), MODIFY COLUMN position_collector CODEC(ZSTD(1)),
    MODIFY COLUMN position_lane CODEC(ZSTD(1)), MODIFY COLUMN position_epoch CODEC(Delta(8), ZSTD(1)),
    MODIFY COLUMN position_sequence CODEC(Delta(8), ZSTD(1)), MODIFY COLUMN topic CODEC(ZSTD(1)), MODIFY COLUMN partition CODEC(ZSTD(1)),
    MODIFY COLUMN offset CODEC(Delta(8), ZSTD(1)), MODIFY COLUMN appended_at CODEC(Delta(4), ZSTD(1));

ALTER TABLE {{database}}.panel {{cluster}}
    MODIFY COLUMN dataset CODEC(ZSTD(1)), MODIFY COLUMN timestamp CODEC(Delta(8), ZSTD(1)), MODIFY COLUMN family CODEC(ZSTD(1)),
    MODIFY COLUMN knowledge CODEC(ZSTD(1)), MODIFY COLUMN voters CODEC(ZSTD(1)), MODIFY COLUMN collectors CODEC(ZSTD(1)),
    MODIFY COLUMN min_voters CODEC(ZSTD(1)), MODIFY COLUMN min_collectors CODEC(ZSTD(1)), MODIFY COLUMN verdicts CODEC(ZSTD(1)),
    MODIFY COLUMN no_verdict CODEC(ZSTD(1)), MODIFY COLUMN collector CODEC(ZSTD(1)), MODIFY COLUMN peer_address CODEC(ZSTD(1)),
    MODIFY COLUMN peer_asn CODEC(ZSTD(1)), MODIFY COLUMN `table` CODEC(ZSTD(1)), MODIFY COLUMN votes CODEC(ZSTD(1)), MODIFY COLUMN reason CODEC(ZSTD(1)),
    MODIFY COLUMN prefixes CODEC(ZSTD(1)), MODIFY COLUMN idx CODEC(ZSTD(1)), MODIFY COLUMN position_collector CODEC(ZSTD(1)),
    MODIFY COLUMN position_lane CODEC(ZSTD(1)), MODIFY COLUMN position_epoch CODEC(Delta(8), ZSTD(1)),
    MODIFY COLUMN position_sequence CODEC(Delta(8), ZSTD(1)), MODIFY COLUMN topic CODEC(ZSTD(1)), MODIFY COLUMN partition CODEC(ZSTD(1)),
    MODIFY COLUMN offset CODEC(Delta(8), ZSTD(1)), MODIFY COLUMN appended_at CODEC(Delta(4), ZSTD(1));

ALTER TABLE {{database}}.feeds {{cluster}}
    MODIFY COLUMN dataset CODEC(ZSTD(1)), MODIFY COLUMN timestamp CODEC(Delta(8), ZSTD(1)), MODIFY COLUMN collector CODEC(ZSTD(1)),
    MODIFY COLUMN peer_address CODEC(ZSTD(1)), MODIFY COLUMN peer_asn CODEC(ZSTD(1)), MODIFY COLUMN `table` CODEC(ZSTD(1)),
    MODIFY COLUMN event CODEC(ZSTD(1)), MODIFY COLUMN reason CODEC(ZSTD(1)), MODIFY COLUMN gap_id CODEC(ZSTD(1)), MODIFY COLUMN source CODEC(ZSTD(1)),
    MODIFY COLUMN instance CODEC(ZSTD(1)), MODIFY COLUMN gap_begin CODEC(ZSTD(1)), MODIFY COLUMN gap_end CODEC(ZSTD(1)),
    MODIFY COLUMN gap_peers CODEC(ZSTD(1)), MODIFY COLUMN state CODEC(ZSTD(1)), MODIFY COLUMN peers_up CODEC(ZSTD(1)), MODIFY COLUMN messages CODEC(ZSTD(1)),
    MODIFY COLUMN messages_per_second CODEC(ZSTD(1)), MODIFY COLUMN lag_seconds CODEC(ZSTD(1)), MODIFY COLUMN last_gap CODEC(ZSTD(1)),
    MODIFY COLUMN done_bytes CODEC(ZSTD(1)), MODIFY COLUMN total_bytes CODEC(ZSTD(1)), MODIFY COLUMN position_collector CODEC(ZSTD(1)),
    MODIFY COLUMN position_lane CODEC(ZSTD(1)), MODIFY COLUMN position_epoch CODEC(Delta(8), ZSTD(1)),
    MODIFY COLUMN position_sequence CODEC(Delta(8), ZSTD(1)), MODIFY COLUMN topic CODEC(ZSTD(1)), MODIFY COLUMN partition CODEC(ZSTD(1)),
    MODIFY COLUMN offset CODEC(Delta(8), ZSTD(1)), MODIFY COLUMN appended_at CODEC(Delta(4), ZSTD(1));

ALTER TABLE {{database}}.deadletter {{cluster}}
    MODIFY COLUMN dataset CODEC(ZSTD(1)), MODIFY COLUMN reason CODEC(ZSTD(1)), MODIFY COLUMN headers CODEC(ZSTD(3)), MODIFY COLUMN key CODEC(ZSTD(1)),
    MODIFY COLUMN value CODEC(ZSTD(3)), MODIFY COLUMN topic CODEC(ZSTD(1)), MODIFY COLUMN partition CODEC(ZSTD(1)),
    MODIFY COLUMN offset CODEC(Delta(8), ZSTD(1)), MODIFY COLUMN appended_at CODEC(Delta(4), ZSTD(1));

ALTER TABLE {{database}}.route_change_log {{cluster}} MODIFY COMMENT 'One row per record of the log, peer and prefix that an UPDATE announced or withdrew. After a gap the log holds some messages a second time. Read route_changes, which shows each change once, or prefix_history.';

ALTER TABLE {{database}}.outage_events {{cluster}} MODIFY COMMENT 'Every event in the life of an outage, with the whole state after it. Kept for ever. Read outages for the newest state of each outage, open_outages, or outage_history, which shows each event once.';

ALTER TABLE {{database}}.panel {{cluster}} MODIFY COMMENT 'The panel from a time on: one row per known peer, with whether it votes and whether a verdict is possible. Read panel_history or panel_peers, which show each row once.';

ALTER TABLE {{database}}.feeds {{cluster}} MODIFY COMMENT 'Events of the feeds: up, down, degraded, gaps. Read feed_status for the newest status of each feed, or feed_gaps.';
