-- The effective and the superseded observations of accepted deliveries, one
-- row for each row of an OBS block. A block is one insert and goes into one
-- partition, so it is there whole or not at all; a block that was inserted
-- twice collapses, since its identity is its place.
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
    subject           String,
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
ORDER BY (feed, delivery, block, line, indicator);

-- Every version of every cell, as in the CELLS stream.
CREATE TABLE IF NOT EXISTS cell
(
    rev              UInt64,
    delivery         LowCardinality(String),
    run              LowCardinality(String),
    region           LowCardinality(String),
    registry         LowCardinality(String),
    indicator        LowCardinality(String),
    version          LowCardinality(String),
    granularity      LowCardinality(String),
    unit             LowCardinality(String),
    stratum          LowCardinality(String),
    period_start     Date32,
    tombstone        UInt8,
    rows             Int64,
    numerator        Decimal(38, 6),
    denominator      Decimal(38, 6),
    value_count      Int64,
    values           Decimal(38, 6),
    value_squares    Decimal(38, 12),
    expected         Decimal(38, 6),
    histogram        String,
    missing          Int64,
    rejected         Int64,
    duplicates       Int64,
    numerator_above  Int64,
    negative         Int64,
    zero_denominator Int64,
    rate_mismatch    Int64,
    unknown_codes    Int64,
    fingerprint      FixedString(32)
)
ENGINE = ReplacingMergeTree
PARTITION BY registry
ORDER BY (indicator, version, granularity, stratum, unit, period_start, rev);

