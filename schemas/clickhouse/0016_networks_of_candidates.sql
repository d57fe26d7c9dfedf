-- country_networks_at asked for the last record of every prefix of the table before it looked at the
-- country. With 600,000 prefixes that took 570 MiB, which is the limit of a reader. Now a first pass
-- finds the prefixes with a record in the country, and the last record is taken of these alone.

CREATE OR REPLACE VIEW {{database}}.country_networks_at {{cluster}}
AS SELECT
    {dataset:String} AS dataset, {country:String} AS country, family, origin, dictGet('{{database}}.as_info', 'name', origin) AS origin_name, count() AS prefixes, countIf(seen) AS visible_prefixes,
    sumIf(inside, NOT ifNull(covered, false)) AS space, sumIf(inside, seen AND NOT ifNull(seen_covered, false)) AS visible_space
FROM (
    SELECT
        family, origin, seen, inside,
        max(last) OVER (PARTITION BY family, origin ORDER BY begin ASC, length ASC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) >= last AS covered,
        max(if(seen, last, toIPv6('::'))) OVER (PARTITION BY family, origin ORDER BY begin ASC, length ASC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) >= last AS seen_covered
    FROM (
        SELECT
            begin, length, newest.1 AS family, newest.2 != 'lost' AS seen, tupleElement(IPv6CIDRToRange(begin, toUInt8(length + if(newest.1 = 'ipv6', 0, 96))), 2) AS last,
            arraySum(p -> if(p.1 = {country:String}, p.3, 0), newest.4) AS inside, arrayJoin(newest.3) AS origin
        FROM (
            SELECT begin, length, argMax((family, state, origins, places), (timestamp, position_sequence)) AS newest
            FROM {{database}}.prefix_states
            WHERE dataset = {dataset:String} AND timestamp > {at:DateTime('UTC')} - INTERVAL 26 HOUR AND timestamp <= {at:DateTime('UTC')}
                AND (begin, length) IN (
                    SELECT begin, length FROM {{database}}.prefix_states
                    WHERE dataset = {dataset:String} AND timestamp > {at:DateTime('UTC')} - INTERVAL 26 HOUR AND timestamp <= {at:DateTime('UTC')}
                        AND arrayExists(p -> p.1 = {country:String}, places)
                )
            GROUP BY begin, length
            HAVING tupleElement(newest, 2) != 'gone' AND arrayExists(p -> p.1 = {country:String}, tupleElement(newest, 4))
        )
    )
)
GROUP BY family, origin
COMMENT 'The networks of a country at a time: each AS that originated prefixes there, from the last record of each prefix in the 26 hours before. Parameters: dataset, country (KP), at (UTC). Columns: family; origin, the AS number; origin_name, its name today; prefixes, lost ones included; visible_prefixes; space, the part of the country that the prefixes cover, each address counted once, /24s or /48s; visible_space, the same of visible prefixes.';
