-- What ASes, countries, regions and prefixes are, for names beside numbers: tables that darkmap fills from the geography and the owners
-- in use, and dictionaries that hold them in memory: dictGet('{{database}}.as_info', 'name', 64496). Each fill is a snapshot of its own; lookup_snapshots
-- names it when it is whole, so that a dictionary never shows a half.

CREATE TABLE IF NOT EXISTS {{database}}.lookup_snapshots {{cluster}}
(
    lookup    LowCardinality(String)  COMMENT 'the table: ases, countries, regions, prefixes',
    snapshot  String                  COMMENT 'the content: a hash of the files that it is from',
    filled_at DateTime64(3, 'UTC')    COMMENT 'when it was whole',
    entries   UInt64                  COMMENT 'how many rows it has'
)
ENGINE = {{engine "ReplacingMergeTree" "filled_at"}}
ORDER BY lookup
COMMENT 'Which snapshot the dictionaries show.';

CREATE TABLE IF NOT EXISTS {{database}}.lookup_ases {{cluster}}
(
    snapshot     String                 COMMENT 'the content that the row is of' CODEC(ZSTD(1)),
    asn          UInt32                 COMMENT 'AS number' CODEC(Delta(4), ZSTD(1)),
    name         String                 COMMENT 'its short name, else its organisation''s' CODEC(ZSTD(1)),
    organisation String                 COMMENT 'who it belongs to; empty where unknown' CODEC(ZSTD(1)),
    country      LowCardinality(String) COMMENT 'where the number is registered, ISO 3166-1; empty where unknown' CODEC(ZSTD(1))
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY snapshot
ORDER BY asn
COMMENT 'Whose AS numbers are. Read the dictionary as_info.';

CREATE TABLE IF NOT EXISTS {{database}}.lookup_countries {{cluster}}
(
    snapshot   String                        COMMENT 'the content that the row is of' CODEC(ZSTD(1)),
    code       LowCardinality(String)        COMMENT 'ISO 3166-1 code' CODEC(ZSTD(1)),
    name       String                        COMMENT 'name in English' CODEC(ZSTD(1)),
    continent  LowCardinality(String)        COMMENT 'Africa, Antarctica, Asia, Europe, North America, Oceania, South America' CODEC(ZSTD(1)),
    neighbours Array(LowCardinality(String)) COMMENT 'codes of the countries with which it has a border on land' CODEC(ZSTD(1))
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY snapshot
ORDER BY code
COMMENT 'What countries are called and where they lie. Read the dictionary country_info.';

CREATE TABLE IF NOT EXISTS {{database}}.lookup_regions {{cluster}}
(
    snapshot String                 COMMENT 'the content that the row is of' CODEC(ZSTD(1)),
    code     String                 COMMENT 'ISO 3166-2 code' CODEC(ZSTD(1)),
    name     String                 COMMENT 'name in English; empty where unknown' CODEC(ZSTD(1)),
    country  LowCardinality(String) COMMENT 'ISO 3166-1 code of its country' CODEC(ZSTD(1))
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY snapshot
ORDER BY code
COMMENT 'What regions are called. Read the dictionary region_info.';

CREATE TABLE IF NOT EXISTS {{database}}.lookup_prefixes {{cluster}}
(
    snapshot String                 COMMENT 'the content that the row is of' CODEC(ZSTD(1)),
    prefix   String                 COMMENT 'as text, host bits 0: 198.51.100.0/24' CODEC(ZSTD(1)),
    origin   UInt32                 COMMENT 'AS number that originates it by the tables in use; 0 where unknown' CODEC(ZSTD(1)),
    country  LowCardinality(String) COMMENT 'ISO 3166-1 code of the country that most of it lies in; empty where unknown' CODEC(ZSTD(1))
)
ENGINE = {{engine "ReplacingMergeTree"}}
PARTITION BY snapshot
ORDER BY prefix
COMMENT 'Whose prefixes are and where they lie. Read the dictionary prefix_info.';

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
COMMENT 'AS number -> name (the short one, else the organisation''s), organisation, country of registration (ISO 3166-1); empty where unknown.';

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
COMMENT 'Country (ISO 3166-1) -> name in English, continent, neighbours (codes of the countries with which it has a border on land).';

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
COMMENT 'Address or prefix -> AS number that originates the longest prefix which holds it (0 where unknown), its country (ISO 3166-1): dictGet(''{{database}}.prefix_info'', ''country'', toIPv4(''192.0.2.1'')).';
