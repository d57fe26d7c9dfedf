-- Which geography and AS data a dataset was made with. Older entries say nothing of it.

ALTER TABLE {{database}}.datasets {{cluster}}
    ADD COLUMN IF NOT EXISTS geography_date  Date          COMMENT 'day of the geography (UTC); 1970-01-01 is not known' AFTER changed,
    ADD COLUMN IF NOT EXISTS owners_date     Date          COMMENT 'day of the AS data: names, owners, origins of prefixes (UTC); 1970-01-01 is not known' AFTER geography_date,
    ADD COLUMN IF NOT EXISTS geography_files Array(String) COMMENT 'the files of locations and AS data that were read, those of days with the day: /data/2022-02-24/ripencc.gz (2022-02-24)' AFTER owners_date;
