-- Names and countries of ASes, countries, regions and prefixes, so that queries can show names beside numbers. darkmap fills the
-- tables from the geography and the owners in use, and dictionaries hold them in memory:
-- dictGet('{{database}}.as_info', 'name', 64496). Each fill is a snapshot of its own. lookup_snapshots names a snapshot only when
-- it is complete, so that a dictionary never shows half of one.

CREATE TABLE IF NOT EXISTS {{database}}.lookup_snapshots {{cluster}}
(
    lookup    LowCardinality(String)  COMMENT 'the lookup table: ases, countries, regions, prefixes',
    snapshot  String                  COMMENT 'ID of the snapshot: a hash of its source files',
    filled_at DateTime64(3, 'UTC')    COMMENT 'when the snapshot was complete',
    entries   UInt64                  COMMENT 'number of its rows'
)
ENGINE = {{engine "ReplacingMergeTree" "filled_at"}}
ORDER BY lookup
COMMENT 'The snapshot of each lookup table that its dictionary shows.';

CREATE TABLE IF NOT EXISTS {{database}}.lookup_ases {{cluster}}
(
    snapshot     String                 COMMENT 'snapshot that the row belongs to' CODEC(ZSTD(1)),
    asn          UInt32                 COMMENT 'AS number' CODEC(Delta(4), ZSTD(1)),
    name         String                 COMMENT 'short name of the AS, or the name of its organisation if it has none' CODEC(ZSTD(1)),
    organisation String                 COMMENT 'organisation that holds the AS number; empty where unknown' CODEC(ZSTD(1)),
    country      LowCardinality(String) COMMENT 'country in which the AS number is registered, ISO 3166-1; empty where unknown' CODEC(ZSTD(1))
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY snapshot
ORDER BY asn
COMMENT 'The holders of AS numbers. Read the dictionary as_info.';

CREATE TABLE IF NOT EXISTS {{database}}.lookup_countries {{cluster}}
(
    snapshot   String                        COMMENT 'snapshot that the row belongs to' CODEC(ZSTD(1)),
    code       LowCardinality(String)        COMMENT 'ISO 3166-1 code' CODEC(ZSTD(1)),
    name       String                        COMMENT 'name in English' CODEC(ZSTD(1)),
    continent  LowCardinality(String)        COMMENT 'Africa, Antarctica, Asia, Europe, North America, Oceania, South America' CODEC(ZSTD(1)),
    neighbours Array(LowCardinality(String)) COMMENT 'codes of the countries that have a land border with it' CODEC(ZSTD(1))
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY snapshot
ORDER BY code
COMMENT 'The names, continents and neighbours of countries. Read the dictionary country_info.';

CREATE TABLE IF NOT EXISTS {{database}}.lookup_regions {{cluster}}
(
    snapshot String                 COMMENT 'snapshot that the row belongs to' CODEC(ZSTD(1)),
    code     String                 COMMENT 'ISO 3166-2 code' CODEC(ZSTD(1)),
    name     String                 COMMENT 'name in English; empty where unknown' CODEC(ZSTD(1)),
    country  LowCardinality(String) COMMENT 'ISO 3166-1 code of its country' CODEC(ZSTD(1))
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY snapshot
ORDER BY code
COMMENT 'The names of regions. Read the dictionary region_info.';

CREATE TABLE IF NOT EXISTS {{database}}.lookup_prefixes {{cluster}}
(
    snapshot String                 COMMENT 'snapshot that the row belongs to' CODEC(ZSTD(1)),
    prefix   String                 COMMENT 'prefix as text, host bits 0: 198.51.100.0/24' CODEC(ZSTD(1)),
    origin   UInt32                 COMMENT 'AS number that originates the prefix in the tables in use; 0 where unknown' CODEC(ZSTD(1)),
    country  LowCardinality(String) COMMENT 'ISO 3166-1 code of the country that most of the prefix lies in; empty where unknown' CODEC(ZSTD(1))
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY snapshot
ORDER BY prefix
COMMENT 'The origins and countries of prefixes. Read the dictionary prefix_info.';

CREATE DICTIONARY IF NOT EXISTS {{database}}.as_info {{cluster}}
(
    asn          UInt32,
    name         String DEFAULT '',
    organisation String DEFAULT '',
    country      String DEFAULT ''
)
PRIMARY KEY asn
SOURCE(CLICKHOUSE({{lookup}}QUERY 'SELECT asn, name, organisation, country FROM {{database}}.lookup_ases WHERE snapshot = (SELECT argMax(snapshot, filled_at) FROM {{database}}.lookup_snapshots WHERE lookup = \'ases\')' INVALIDATE_QUERY 'SELECT max(filled_at) FROM {{database}}.lookup_snapshots WHERE lookup = \'ases\''))
LIFETIME(MIN 300 MAX 600)
LAYOUT(HASHED_ARRAY())
COMMENT 'AS number -> name (the short one, or the organisation''s if there is none), organisation, country of registration (ISO 3166-1); empty where unknown.';

CREATE DICTIONARY IF NOT EXISTS {{database}}.country_info {{cluster}}
(
    code       String,
    name       String DEFAULT '',
    continent  String DEFAULT '',
    neighbours Array(String)
)
PRIMARY KEY code
SOURCE(CLICKHOUSE({{lookup}}QUERY 'SELECT code, name, continent, neighbours FROM {{database}}.lookup_countries WHERE snapshot = (SELECT argMax(snapshot, filled_at) FROM {{database}}.lookup_snapshots WHERE lookup = \'countries\')' INVALIDATE_QUERY 'SELECT max(filled_at) FROM {{database}}.lookup_snapshots WHERE lookup = \'countries\''))
LIFETIME(MIN 300 MAX 600)
LAYOUT(COMPLEX_KEY_HASHED_ARRAY())
COMMENT 'Country (ISO 3166-1) -> name in English, continent, neighbours (codes of the countries that have a land border with it).';

CREATE DICTIONARY IF NOT EXISTS {{database}}.region_info {{cluster}}
(
    code    String,
    name    String DEFAULT '',
    country String DEFAULT ''
)
PRIMARY KEY code
SOURCE(CLICKHOUSE({{lookup}}QUERY 'SELECT code, name, country FROM {{database}}.lookup_regions WHERE snapshot = (SELECT argMax(snapshot, filled_at) FROM {{database}}.lookup_snapshots WHERE lookup = \'regions\')' INVALIDATE_QUERY 'SELECT max(filled_at) FROM {{database}}.lookup_snapshots WHERE lookup = \'regions\''))
LIFETIME(MIN 300 MAX 600)
LAYOUT(COMPLEX_KEY_HASHED_ARRAY())
COMMENT 'Region (ISO 3166-2) -> name in English, country (ISO 3166-1); empty where unknown.';

CREATE DICTIONARY IF NOT EXISTS {{database}}.prefix_info {{cluster}}
(
    prefix  String,
    origin  UInt32 DEFAULT 0,
    country String DEFAULT ''
)
PRIMARY KEY prefix
SOURCE(CLICKHOUSE({{lookup}}QUERY 'SELECT prefix, origin, country FROM {{database}}.lookup_prefixes WHERE snapshot = (SELECT argMax(snapshot, filled_at) FROM {{database}}.lookup_snapshots WHERE lookup = \'prefixes\')' INVALIDATE_QUERY 'SELECT max(filled_at) FROM {{database}}.lookup_snapshots WHERE lookup = \'prefixes\''))
LIFETIME(MIN 300 MAX 600)
LAYOUT(IP_TRIE())
COMMENT 'Address or prefix -> AS number that originates the longest prefix that contains it (0 where unknown), country of that prefix (ISO 3166-1): dictGet(''{{database}}.prefix_info'', ''country'', toIPv4(''192.0.2.1'')).';
