-- What dashboards read. The tables hold immutable result sets; the views show
-- those sets that the newest row of the pointer names, and nothing else. A set
-- is one partition, so an unfinished one is dropped whole before it is written
-- again. In the tables NaN is "no number"; in the views it is NULL.

CREATE TABLE IF NOT EXISTS pointer
(
    publication  UInt64,
    run          String,
    as_of        Date32,
    catalog      String,
    published_at DateTime64(3, 'UTC'),
    sets         Array(String),
    meta         String
)
ENGINE = ReplacingMergeTree
ORDER BY publication;

CREATE TABLE IF NOT EXISTS result_cell
(
    result_set        LowCardinality(String),
    region            LowCardinality(String),
    indicator         LowCardinality(String),
    indicator_version LowCardinality(String),
    granularity       LowCardinality(String),
    stratum           LowCardinality(String),
    unit              LowCardinality(String),
    period_start      Date32,
    period_end        Date32,
    state             LowCardinality(String),
    maturity          LowCardinality(String),
    data_through      Date32,
    fingerprint       String,
    numerator         Float64,
    denominator       Float64,
    value             Float64,
    ci_low            Float64,
    ci_high           Float64,
    expected          Float64,
    coverage          Float64,
    missing_share     Float64
)
ENGINE = MergeTree
PARTITION BY result_set
ORDER BY (indicator, indicator_version, granularity, stratum, unit, period_start);

CREATE TABLE IF NOT EXISTS result_chart
(
    result_set        LowCardinality(String),
    region            LowCardinality(String),
    indicator         LowCardinality(String),
    indicator_version LowCardinality(String),
    granularity       LowCardinality(String),
    stratum           LowCardinality(String),
    unit              LowCardinality(String),
    period_start      Date32,
    period_end        Date32,
    state             LowCardinality(String),
    maturity          LowCardinality(String),
    data_through      Date32,
    fingerprint       String,
    chart             LowCardinality(String),
    value             Float64,
    n                 Float64,
    sd                Float64,
    centre            Float64,
    lcl               Float64,
    ucl               Float64,
    target            Float64,
    reference_value   Float64,
    reference_source  LowCardinality(String),
    sigma_signal      Bool,
    runs_signal       Bool,
    rules             Array(LowCardinality(String)),
    phase             UInt16,
    baseline_from     Date32,
    baseline_to       Date32,
    dispersion        Float64,
    why               String
)
ENGINE = MergeTree
PARTITION BY result_set
ORDER BY (indicator, indicator_version, granularity, stratum, unit, period_start);

CREATE TABLE IF NOT EXISTS result_funnel
(
    result_set        LowCardinality(String),
    region            LowCardinality(String),
    indicator         LowCardinality(String),
    indicator_version LowCardinality(String),
    granularity       LowCardinality(String),
    stratum           LowCardinality(String),
    unit              LowCardinality(String),
    period_start      Date32,
    period_end        Date32,
    state             LowCardinality(String),
    maturity          LowCardinality(String),
    data_through      Date32,
    fingerprint       String,
    value             Float64,
    denominator       Float64,
    centre            Float64,
    lcl95             Float64,
    ucl95             Float64,
    lcl998            Float64,
    ucl998            Float64,
    outlier           Int8,
    phi               Float64,
    tau2              Float64,
    units             UInt32,
    why               String
)
ENGINE = MergeTree
PARTITION BY result_set
ORDER BY (indicator, indicator_version, granularity, stratum, unit);

CREATE TABLE IF NOT EXISTS result_variation
(
    result_set        LowCardinality(String),
    region            LowCardinality(String),
    indicator         LowCardinality(String),
    indicator_version LowCardinality(String),
    granularity       LowCardinality(String),
    stratum           LowCardinality(String),
    period_start      Date32,
    period_end        Date32,
    state             LowCardinality(String),
    data_through      Date32,
    units             UInt32,
    mean              Float64,
    phi               Float64,
    tau2              Float64,
    tau2_low          Float64,
    tau2_high         Float64,
    i2                Float64,
    icc               Float64,
    mor               Float64,
    scv               Float64,
    p10               Float64,
    p20               Float64,
    p30               Float64,
    p40               Float64,
    p50               Float64,
    p60               Float64,
    p70               Float64,
    p80               Float64,
    p90               Float64,
    raw_p10           Float64,
    raw_p20           Float64,
    raw_p30           Float64,
    raw_p40           Float64,
    raw_p50           Float64,
    raw_p60           Float64,
    raw_p70           Float64,
    raw_p80           Float64,
    raw_p90           Float64
)
ENGINE = MergeTree
PARTITION BY result_set
ORDER BY (indicator, indicator_version, granularity, stratum);

CREATE TABLE IF NOT EXISTS result_flag
(
    result_set        LowCardinality(String),
    region            LowCardinality(String),
    indicator         LowCardinality(String),
    indicator_version LowCardinality(String),
    granularity       LowCardinality(String),
    stratum           LowCardinality(String),
    unit              LowCardinality(String),
    period_start      Date32,
    state             LowCardinality(String),
    flag              String,
    check_id          LowCardinality(String),
    severity          LowCardinality(String),
    observed          Float64,
    expected          Float64,
    direction         LowCardinality(String),
    cells             UInt32,
    text              String,
    raised_at         DateTime64(3, 'UTC'),
    raised_run        LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY result_set
ORDER BY (indicator, unit, flag);

CREATE TABLE IF NOT EXISTS result_delivery
(
    result_set        LowCardinality(String),
    region            LowCardinality(String),
    indicator         LowCardinality(String),
    indicator_version LowCardinality(String),
    granularity       LowCardinality(String),
    stratum           LowCardinality(String),
    state             LowCardinality(String),
    delivery          String,
    registry          LowCardinality(String),
    feed              LowCardinality(String),
    file              String,
    as_of             Date32,
    received_at       DateTime64(3, 'UTC'),
    lines             Int64,
    observed          Int64,
    rejected          Int64,
    parked            Int64,
    reason            String
)
ENGINE = MergeTree
PARTITION BY result_set
ORDER BY (registry, feed, as_of, delivery);

CREATE TABLE IF NOT EXISTS result_unit
(
    result_set        LowCardinality(String),
    region            LowCardinality(String),
    indicator         LowCardinality(String),
    indicator_version LowCardinality(String),
    granularity       LowCardinality(String),
    stratum           LowCardinality(String),
    unit              LowCardinality(String),
    state             LowCardinality(String),
    name              String,
    kind              LowCardinality(String),
    parent            LowCardinality(String),
    valid_from        Date32,
    valid_to          Date32,
    successor         LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY result_set
ORDER BY (unit);

CREATE TABLE IF NOT EXISTS result_indicator
(
    result_set        LowCardinality(String),
    region            LowCardinality(String),
    indicator         LowCardinality(String),
    indicator_version LowCardinality(String),
    granularity       LowCardinality(String),
    stratum           LowCardinality(String),
    state             LowCardinality(String),
    registry          LowCardinality(String),
    name              String,
    type              LowCardinality(String),
    class             LowCardinality(String),
    direction         LowCardinality(String),
    measurement       LowCardinality(String),
    multiplier        Float64,
    min_denominator   Int64,
    specification     String
)
ENGINE = MergeTree
PARTITION BY result_set
ORDER BY (indicator, indicator_version);

CREATE TABLE IF NOT EXISTS result_annotation
(
    result_set        LowCardinality(String),
    region            LowCardinality(String),
    indicator         LowCardinality(String),
    indicator_version LowCardinality(String),
    granularity       LowCardinality(String),
    stratum           LowCardinality(String),
    unit              LowCardinality(String),
    period_start      Date32,
    state             LowCardinality(String),
    kind              LowCardinality(String),
    text              String
)
ENGINE = MergeTree
PARTITION BY result_set
ORDER BY (indicator, unit, period_start);
