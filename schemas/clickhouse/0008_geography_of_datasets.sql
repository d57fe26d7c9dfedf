-- The geography and AS data with which a dataset was made. Older entries do not have them.

ALTER TABLE {{database}}.datasets {{cluster}}
    ADD COLUMN IF NOT EXISTS geography_date  Date          COMMENT 'day of the geography (UTC); 1970-01-01 if unknown' AFTER changed,
    ADD COLUMN IF NOT EXISTS owners_date     Date          COMMENT 'day of the AS data: names, owners, origins of prefixes (UTC); 1970-01-01 if unknown' AFTER geography_date,
    ADD COLUMN IF NOT EXISTS geography_files Array(String) COMMENT 'files of locations and AS data that were read; a dated file has its day after it: /data/2022-02-24/ripencc.gz (2022-02-24)' AFTER owners_date;
