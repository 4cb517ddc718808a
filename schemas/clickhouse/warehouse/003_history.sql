-- What editions for wider audiences have shown and withheld: withheld cells, and
-- shown ones with the version that they were made from. It is made again from the
-- log when it is lost, is exact and for nobody outside. A history is named by its
-- content; a row that is inserted twice collapses.
CREATE TABLE IF NOT EXISTS history
(
    audience     LowCardinality(String),
    edition      UInt32,
    history      LowCardinality(String),
    region       LowCardinality(String),
    registry     LowCardinality(String),
    indicator    LowCardinality(String),
    version      LowCardinality(String),
    granularity  LowCardinality(String),
    unit         LowCardinality(String),
    stratum      LowCardinality(String),
    period_start Int32 COMMENT 'days since 1970-01-01',
    withheld     Bool,
    fingerprint  String
)
ENGINE = ReplacingMergeTree
PARTITION BY (audience, edition)
ORDER BY (history, version, granularity, stratum, unit, period_start, registry, withheld);
