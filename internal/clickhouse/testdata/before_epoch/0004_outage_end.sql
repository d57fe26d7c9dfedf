-- Why an outage ended, which events it lies between, and its short texts. Every statement may run twice.

ALTER TABLE {{database}}.outage_events {{cluster}}
    ADD COLUMN IF NOT EXISTS end_reason LowCardinality(String) COMMENT 'why it ended, of records with state closed or retracted: recovered, superseded, new_normal, left_table, covered, removed, lost_sight; only recovered means that the routes are back' AFTER end,
    ADD COLUMN IF NOT EXISTS successor String COMMENT 'id of the event that goes on from a superseded one; empty where that event has no id yet' AFTER end_reason,
    ADD COLUMN IF NOT EXISTS predecessor String COMMENT 'id of the superseded event that this one goes on from; empty where there is none' AFTER successor,
    ADD COLUMN IF NOT EXISTS headline String COMMENT 'the outage in one line: at most 130 graphemes, 400 octets' AFTER blip,
    ADD COLUMN IF NOT EXISTS post String COMMENT 'the outage as a short message: at most 250 graphemes, 800 octets' AFTER headline;

CREATE OR REPLACE VIEW {{database}}.outages {{cluster}} AS
SELECT
    dataset, id, sequence, event, decided_at, kind, state, family, entity_type, entity_code, entity_name, start, end, end_reason, successor,
    predecessor, duration_seconds, severity, score, baseline_prefixes, baseline_space, peak_lost_prefixes, peak_lost_space, peak_loss_percent,
    lost_prefixes, lost_prefixes_total, origins, upstreams, voters, collectors, blip, headline, post, summary, json
FROM {{database}}.outage_events
ORDER BY dataset, id, sequence DESC, position_session DESC, position_sequence DESC
LIMIT 1 BY dataset, id
COMMENT 'The current state of every outage: its newest event.';
