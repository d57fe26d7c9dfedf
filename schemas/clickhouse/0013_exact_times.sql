-- Views with parameters, with exact bounds. If timestamp is in microseconds and t in seconds, ClickHouse treats timestamp < t as
-- timestamp <= t - 1 s wherever it uses an index, and so leaves out the last second. The parameters remain DateTime, but the bounds are
-- DateTime64.

CREATE OR REPLACE VIEW {{database}}.prefixes_containing {{cluster}}
AS SELECT
    dataset, prefix, begin, length, timestamp, type, collector, peer_address, peer_asn, dictGet('{{database}}.as_info', 'name', peer_asn) AS peer_name, `table`, path_id,
    safi, as_path, origin_as, dictGet('{{database}}.as_info', 'name', origin_as) AS origin_name, lane, epoch, sequence, idx, appended_at
FROM {{database}}.prefix_changes FINAL
WHERE dataset = {dataset:String} AND timestamp >= toDateTime64({from:DateTime('UTC')}, 6, 'UTC') AND timestamp < toDateTime64({to:DateTime('UTC')}, 6, 'UTC')
    AND (begin, length) IN (
        SELECT tupleElement(IPv6CIDRToRange(toIPv6(splitByChar('/', {address:String})[1]), bits), 1), toUInt8(bits - outside)
        FROM (
            SELECT toUInt8(if(position({address:String}, ':') > 0, 0, 96)) AS outside, toUInt8(number + outside) AS bits
            FROM numbers(129)
            WHERE number <= if(position({address:String}, '/') > 0, toUInt8OrZero(splitByChar('/', {address:String})[2]), 128) AND number + outside <= 128
        )
    )
COMMENT 'The announcements and withdrawals, by peers, of every prefix that contains an address or a prefix, each once. Parameters: dataset, address (198.51.100.7, 198.51.100.0/24, 2001:db8::1), from and to (UTC). Columns as those of prefix_history.';

CREATE OR REPLACE VIEW {{database}}.prefixes_within {{cluster}}
AS SELECT
    dataset, prefix, begin, length, timestamp, type, collector, peer_address, peer_asn, dictGet('{{database}}.as_info', 'name', peer_asn) AS peer_name, `table`, path_id,
    safi, as_path, origin_as, dictGet('{{database}}.as_info', 'name', origin_as) AS origin_name, lane, epoch, sequence, idx, appended_at
FROM {{database}}.prefix_changes FINAL
WHERE dataset = {dataset:String} AND timestamp >= toDateTime64({from:DateTime('UTC')}, 6, 'UTC') AND timestamp < toDateTime64({to:DateTime('UTC')}, 6, 'UTC')
    AND begin >= tupleElement(IPv6CIDRToRange(toIPv6(splitByChar('/', {prefix:String})[1]), toUInt8(toUInt8(splitByChar('/', {prefix:String})[2]) + if(position({prefix:String}, ':') > 0, 0, 96))), 1)
    AND begin <= tupleElement(IPv6CIDRToRange(toIPv6(splitByChar('/', {prefix:String})[1]), toUInt8(toUInt8(splitByChar('/', {prefix:String})[2]) + if(position({prefix:String}, ':') > 0, 0, 96))), 2)
    AND length >= toUInt8(splitByChar('/', {prefix:String})[2]) AND (position(prefix, ':') > 0) = (position({prefix:String}, ':') > 0)
COMMENT 'The announcements and withdrawals, by peers, of a prefix and of all prefixes within it, each once. Parameters: dataset, prefix (198.51.0.0/16), from and to (UTC). Columns as those of prefix_history.';

CREATE OR REPLACE VIEW {{database}}.prefix_minutes {{cluster}}
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
    WHERE dataset = {dataset:String} AND timestamp >= toDateTime64({from:DateTime('UTC')}, 6, 'UTC') AND timestamp < toDateTime64({to:DateTime('UTC')}, 6, 'UTC')
        AND begin = toIPv6(splitByChar('/', {prefix:String})[1]) AND length = toUInt8(splitByChar('/', {prefix:String})[2])
    GROUP BY slot
) AS counted USING (slot)
COMMENT 'The number of announcements and withdrawals of a prefix in each time step, 0 where there were none. Parameters: dataset, prefix, from and to (UTC), step (seconds). Columns: minute, the beginning of the step; announcements; withdrawals; peers, the number of peers that sent them; origins, the AS numbers in the announcements.';
