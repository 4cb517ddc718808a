-- Rows that say why they have no number. Blocks and rows of before these
-- columns have none of them.
ALTER TABLE cell ADD COLUMN IF NOT EXISTS masked Int64 AFTER unknown_codes;

ALTER TABLE cell ADD COLUMN IF NOT EXISTS bad_reasons Int64 AFTER masked;
