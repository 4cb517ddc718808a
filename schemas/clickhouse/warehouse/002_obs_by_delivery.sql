-- A row's identity is its place in its delivery: the line and, of a wide row,
-- the indicator. What sorts and merges compare is no longer than that. The rows
-- come again from the log: the store is loaded anew when it lacks any.
DROP TABLE IF EXISTS obs;

CREATE TABLE IF NOT EXISTS obs
(
    delivery          LowCardinality(String),
    feed              LowCardinality(String),
    registry          LowCardinality(String),
    region            LowCardinality(String),
    block             UInt32,
    line              UInt64,
    kind              UInt8,
    indicator         LowCardinality(String),
    version           LowCardinality(String),
    unit              LowCardinality(String),
    stratum           LowCardinality(String),
    event_date        Date32,
    registration_date Date32,
    subject           FixedString(16),
    key               FixedString(16),
    has               UInt8,
    finding           UInt8,
    numerator         Int64 COMMENT 'micro-units, 1e-6',
    denominator       Int64 COMMENT 'micro-units, 1e-6',
    value             Int64 COMMENT 'micro-units, 1e-6',
    expected          Int64 COMMENT 'micro-units, 1e-6'
)
ENGINE = ReplacingMergeTree
PARTITION BY feed
PRIMARY KEY delivery
ORDER BY (delivery, line, indicator);
