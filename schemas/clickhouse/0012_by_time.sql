-- The least and the most time of each granule, for questions about a time: panel and feeds are sorted by position, and partitions are
-- months of arrival. A day of a year's panel read 3,504,000 rows and reads 32,768; a day of a country among 8 months 103,147 and 8,192;
-- a day of feeds, without FINAL, 3,888,000 and 524,288. What is stored before gets the index beside other work.

ALTER TABLE {{database}}.panel {{cluster}} ADD INDEX IF NOT EXISTS by_timestamp timestamp TYPE minmax GRANULARITY 1;
ALTER TABLE {{database}}.panel {{cluster}} MATERIALIZE INDEX IF EXISTS by_timestamp;
ALTER TABLE {{database}}.visibility {{cluster}} ADD INDEX IF NOT EXISTS by_timestamp timestamp TYPE minmax GRANULARITY 1;
ALTER TABLE {{database}}.visibility {{cluster}} MATERIALIZE INDEX IF EXISTS by_timestamp;
ALTER TABLE {{database}}.feeds {{cluster}} ADD INDEX IF NOT EXISTS by_timestamp timestamp TYPE minmax GRANULARITY 1;
ALTER TABLE {{database}}.feeds {{cluster}} MATERIALIZE INDEX IF EXISTS by_timestamp;
