-- Views with parameters, for questions that a plain view cannot answer quickly: SELECT * FROM {{database}}.prefixes_containing(
-- dataset = 'live', address = '198.51.100.7', from = '2026-10-01 00:00:00', to = '2026-10-02 00:00:00'). Times are UTC. The range
-- includes from and excludes to.
--
-- The candidates of prefixes_containing come from a subquery. ClickHouse makes a set of them before it uses the index, and reads only
-- the granules of these prefixes. With an array from a function instead, it would scan the table.

CREATE VIEW IF NOT EXISTS {{database}}.prefixes_containing {{cluster}}
AS SELECT
    dataset, prefix, begin, length, timestamp, type, collector, peer_address, peer_asn, dictGet('{{database}}.as_info', 'name', peer_asn) AS peer_name, `table`, path_id,
    safi, as_path, origin_as, dictGet('{{database}}.as_info', 'name', origin_as) AS origin_name, lane, epoch, sequence, idx, appended_at
FROM {{database}}.prefix_changes FINAL
WHERE dataset = {dataset:String} AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
    AND (begin, length) IN (
        SELECT tupleElement(IPv6CIDRToRange(toIPv6(splitByChar('/', {address:String})[1]), bits), 1), toUInt8(bits - outside)
        FROM (
            SELECT toUInt8(if(position({address:String}, ':') > 0, 0, 96)) AS outside, toUInt8(number + outside) AS bits
            FROM numbers(129)
            WHERE number <= if(position({address:String}, '/') > 0, toUInt8OrZero(splitByChar('/', {address:String})[2]), 128) AND number + outside <= 128
        )
    )
COMMENT 'The announcements and withdrawals, by peers, of every prefix that contains an address or a prefix, each once. Parameters: dataset, address (198.51.100.7, 198.51.100.0/24, 2001:db8::1), from and to (UTC). Columns as those of prefix_history.';

CREATE VIEW IF NOT EXISTS {{database}}.prefixes_within {{cluster}}
AS SELECT
    dataset, prefix, begin, length, timestamp, type, collector, peer_address, peer_asn, dictGet('{{database}}.as_info', 'name', peer_asn) AS peer_name, `table`, path_id,
    safi, as_path, origin_as, dictGet('{{database}}.as_info', 'name', origin_as) AS origin_name, lane, epoch, sequence, idx, appended_at
FROM {{database}}.prefix_changes FINAL
WHERE dataset = {dataset:String} AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
    AND begin >= tupleElement(IPv6CIDRToRange(toIPv6(splitByChar('/', {prefix:String})[1]), toUInt8(toUInt8(splitByChar('/', {prefix:String})[2]) + if(position({prefix:String}, ':') > 0, 0, 96))), 1)
    AND begin <= tupleElement(IPv6CIDRToRange(toIPv6(splitByChar('/', {prefix:String})[1]), toUInt8(toUInt8(splitByChar('/', {prefix:String})[2]) + if(position({prefix:String}, ':') > 0, 0, 96))), 2)
    AND length >= toUInt8(splitByChar('/', {prefix:String})[2]) AND (position(prefix, ':') > 0) = (position({prefix:String}, ':') > 0)
COMMENT 'The announcements and withdrawals, by peers, of a prefix and of all prefixes within it, each once. Parameters: dataset, prefix (198.51.0.0/16), from and to (UTC). Columns as those of prefix_history.';

CREATE VIEW IF NOT EXISTS {{database}}.prefix_minutes {{cluster}}
AS SELECT
    {dataset:String} AS dataset, {prefix:String} AS prefix, minute, announcements, withdrawals, peers, origins
FROM (
    SELECT {from:DateTime('UTC')} + toIntervalSecond(number * {step:UInt32}) AS minute, toUInt64(number) AS slot
    FROM numbers(intDiv(toUInt32({to:DateTime('UTC')}) - toUInt32({from:DateTime('UTC')}) + {step:UInt32} - 1, {step:UInt32}))
) AS slots
LEFT JOIN (
    SELECT
        toUInt64(intDiv(toUInt32(toDateTime(timestamp, 'UTC')) - toUInt32({from:DateTime('UTC')}), {step:UInt32})) AS slot, countIf(type = 'announce') AS announcements,
        countIf(type = 'withdraw') AS withdrawals, uniqExact(collector, peer_address, peer_asn) AS peers, arraySort(groupUniqArrayIf(origin_as, origin_as != 0)) AS origins
    FROM {{database}}.prefix_changes FINAL
    WHERE dataset = {dataset:String} AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
        AND begin = toIPv6(splitByChar('/', {prefix:String})[1]) AND length = toUInt8(splitByChar('/', {prefix:String})[2])
    GROUP BY slot
) AS counted USING (slot)
COMMENT 'The number of announcements and withdrawals of a prefix in each time step, 0 where there were none. Parameters: dataset, prefix, from and to (UTC), step (seconds). Columns: minute, the beginning of the step; announcements; withdrawals; peers, the number of peers that sent them; origins, the AS numbers in the announcements.';

CREATE VIEW IF NOT EXISTS {{database}}.entity_minutes {{cluster}}
AS SELECT
    {dataset:String} AS dataset, {entity_type:String} AS entity_type, {entity_code:String} AS entity_code, {family:String} AS family, minute, state.1 AS space, state.2 AS prefixes,
    state.3 AS baseline_space, state.4 AS baseline_prefixes, if(baseline_space > 0, greatest(0, round(100 * (1 - space / baseline_space), 2)), 0) AS loss_percent, state.5 AS voters,
    row_at
FROM (
    SELECT {from:DateTime('UTC')} + toIntervalSecond(number * {step:UInt32}) AS minute, 1 AS one
    FROM numbers(intDiv(toUInt32({to:DateTime('UTC')}) - toUInt32({from:DateTime('UTC')}) + {step:UInt32} - 1, {step:UInt32}))
) AS steps
ASOF JOIN (
    SELECT timestamp AS row_at, argMax((visibility.space, visibility.prefixes, visibility.baseline_space, visibility.baseline_prefixes, visibility.voters), (position_epoch, position_sequence)) AS state, 1 AS one
    FROM {{database}}.visibility
    WHERE dataset = {dataset:String} AND entity_type = {entity_type:String} AND entity_code = {entity_code:String} AND family = {family:String}
        AND timestamp < {to:DateTime('UTC')} AND timestamp >= (
            SELECT max(timestamp) FROM {{database}}.visibility
            WHERE dataset = {dataset:String} AND entity_type = {entity_type:String} AND entity_code = {entity_code:String} AND family = {family:String} AND timestamp <= {from:DateTime('UTC')})
    GROUP BY timestamp
) AS found ON steps.one = found.one AND steps.minute >= found.row_at
COMMENT 'The visibility of an entity at each time step, from its last row at or before the step. Steps before its first row are left out. Parameters: dataset, entity_type (country), entity_code (KP), family (ipv4, ipv6), from and to (UTC), step (seconds). Columns as those of entity_history; minute is the step, row_at the minute of the row that is used.';
