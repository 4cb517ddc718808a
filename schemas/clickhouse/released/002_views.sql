-- The released views: stable names and columns.

CREATE OR REPLACE VIEW cell AS
SELECT
    r.region AS region,
    r.indicator AS indicator,
    r.indicator_version AS indicator_version,
    r.granularity AS granularity,
    r.stratum AS stratum,
    (SELECT run FROM pointer ORDER BY publication DESC LIMIT 1) AS run,
    r.state AS state,
    r.unit AS unit,
    r.period_start AS period_start,
    r.period_end AS period_end,
    r.fingerprint AS fingerprint,
    r.maturity AS maturity,
    r.data_through AS data_through,
    if(isNaN(r.numerator), NULL, r.numerator) AS numerator,
    if(isNaN(r.denominator), NULL, r.denominator) AS denominator,
    if(isNaN(r.value), NULL, r.value) AS value,
    if(isNaN(r.ci_low), NULL, r.ci_low) AS ci_low,
    if(isNaN(r.ci_high), NULL, r.ci_high) AS ci_high,
    if(isNaN(r.expected), NULL, r.expected) AS expected,
    if(isNaN(r.coverage), NULL, r.coverage) AS coverage,
    if(isNaN(r.missing_share), NULL, r.missing_share) AS missing_share
FROM result_cell AS r
WHERE result_set IN (SELECT arrayJoin(sets) FROM (SELECT sets FROM pointer ORDER BY publication DESC LIMIT 1));

CREATE OR REPLACE VIEW chart AS
SELECT
    r.region AS region,
    r.indicator AS indicator,
    r.indicator_version AS indicator_version,
    r.granularity AS granularity,
    r.stratum AS stratum,
    (SELECT run FROM pointer ORDER BY publication DESC LIMIT 1) AS run,
    r.state AS state,
    r.unit AS unit,
    r.period_start AS period_start,
    r.period_end AS period_end,
    r.fingerprint AS fingerprint,
    r.maturity AS maturity,
    r.data_through AS data_through,
    r.chart AS chart,
    if(isNaN(r.value), NULL, r.value) AS value,
    if(isNaN(r.n), NULL, r.n) AS n,
    if(isNaN(r.sd), NULL, r.sd) AS sd,
    if(isNaN(r.centre), NULL, r.centre) AS centre,
    if(isNaN(r.lcl), NULL, r.lcl) AS lcl,
    if(isNaN(r.ucl), NULL, r.ucl) AS ucl,
    if(isNaN(r.target), NULL, r.target) AS target,
    if(isNaN(r.reference_value), NULL, r.reference_value) AS reference_value,
    r.reference_source AS reference_source,
    r.sigma_signal AS sigma_signal,
    r.runs_signal AS runs_signal,
    r.rules AS rules,
    r.phase AS phase,
    if(r.baseline_from = toDate32('1970-01-01'), NULL, r.baseline_from) AS baseline_from,
    if(r.baseline_to = toDate32('1970-01-01'), NULL, r.baseline_to) AS baseline_to,
    if(isNaN(r.dispersion), NULL, r.dispersion) AS dispersion,
    r.why AS why
FROM result_chart AS r
WHERE result_set IN (SELECT arrayJoin(sets) FROM (SELECT sets FROM pointer ORDER BY publication DESC LIMIT 1));

CREATE OR REPLACE VIEW funnel AS
SELECT
    r.region AS region,
    r.indicator AS indicator,
    r.indicator_version AS indicator_version,
    r.granularity AS granularity,
    r.stratum AS stratum,
    (SELECT run FROM pointer ORDER BY publication DESC LIMIT 1) AS run,
    r.state AS state,
    r.unit AS unit,
    r.period_start AS period_start,
    r.period_end AS period_end,
    r.fingerprint AS fingerprint,
    r.maturity AS maturity,
    r.data_through AS data_through,
    if(isNaN(r.value), NULL, r.value) AS value,
    if(isNaN(r.denominator), NULL, r.denominator) AS denominator,
    if(isNaN(r.centre), NULL, r.centre) AS centre,
    if(isNaN(r.lcl95), NULL, r.lcl95) AS lcl95,
    if(isNaN(r.ucl95), NULL, r.ucl95) AS ucl95,
    if(isNaN(r.lcl998), NULL, r.lcl998) AS lcl998,
    if(isNaN(r.ucl998), NULL, r.ucl998) AS ucl998,
    r.outlier AS outlier,
    if(isNaN(r.phi), NULL, r.phi) AS phi,
    if(isNaN(r.tau2), NULL, r.tau2) AS tau2,
    r.units AS units,
    r.why AS why
FROM result_funnel AS r
WHERE result_set IN (SELECT arrayJoin(sets) FROM (SELECT sets FROM pointer ORDER BY publication DESC LIMIT 1));

CREATE OR REPLACE VIEW variation AS
SELECT
    r.region AS region,
    r.indicator AS indicator,
    r.indicator_version AS indicator_version,
    r.granularity AS granularity,
    r.stratum AS stratum,
    (SELECT run FROM pointer ORDER BY publication DESC LIMIT 1) AS run,
    r.state AS state,
    r.period_start AS period_start,
    r.period_end AS period_end,
    r.data_through AS data_through,
    r.units AS units,
    if(isNaN(r.mean), NULL, r.mean) AS mean,
    if(isNaN(r.phi), NULL, r.phi) AS phi,
    if(isNaN(r.tau2), NULL, r.tau2) AS tau2,
    if(isNaN(r.tau2_low), NULL, r.tau2_low) AS tau2_low,
    if(isNaN(r.tau2_high), NULL, r.tau2_high) AS tau2_high,
    if(isNaN(r.i2), NULL, r.i2) AS i2,
    if(isNaN(r.icc), NULL, r.icc) AS icc,
    if(isNaN(r.mor), NULL, r.mor) AS mor,
    if(isNaN(r.scv), NULL, r.scv) AS scv,
    if(isNaN(r.p10), NULL, r.p10) AS p10,
    if(isNaN(r.p20), NULL, r.p20) AS p20,
    if(isNaN(r.p30), NULL, r.p30) AS p30,
    if(isNaN(r.p40), NULL, r.p40) AS p40,
    if(isNaN(r.p50), NULL, r.p50) AS p50,
    if(isNaN(r.p60), NULL, r.p60) AS p60,
    if(isNaN(r.p70), NULL, r.p70) AS p70,
    if(isNaN(r.p80), NULL, r.p80) AS p80,
    if(isNaN(r.p90), NULL, r.p90) AS p90,
    if(isNaN(r.raw_p10), NULL, r.raw_p10) AS raw_p10,
    if(isNaN(r.raw_p20), NULL, r.raw_p20) AS raw_p20,
    if(isNaN(r.raw_p30), NULL, r.raw_p30) AS raw_p30,
    if(isNaN(r.raw_p40), NULL, r.raw_p40) AS raw_p40,
    if(isNaN(r.raw_p50), NULL, r.raw_p50) AS raw_p50,
    if(isNaN(r.raw_p60), NULL, r.raw_p60) AS raw_p60,
    if(isNaN(r.raw_p70), NULL, r.raw_p70) AS raw_p70,
    if(isNaN(r.raw_p80), NULL, r.raw_p80) AS raw_p80,
    if(isNaN(r.raw_p90), NULL, r.raw_p90) AS raw_p90
FROM result_variation AS r
WHERE result_set IN (SELECT arrayJoin(sets) FROM (SELECT sets FROM pointer ORDER BY publication DESC LIMIT 1));

CREATE OR REPLACE VIEW flag AS
SELECT
    r.region AS region,
    r.indicator AS indicator,
    r.indicator_version AS indicator_version,
    r.granularity AS granularity,
    r.stratum AS stratum,
    (SELECT run FROM pointer ORDER BY publication DESC LIMIT 1) AS run,
    r.unit AS unit,
    r.period_start AS period_start,
    r.state AS state,
    r.flag AS flag,
    check_id AS check,
    r.severity AS severity,
    if(isNaN(r.observed), NULL, r.observed) AS observed,
    if(isNaN(r.expected), NULL, r.expected) AS expected,
    r.direction AS direction,
    r.cells AS cells,
    r.text AS text,
    r.raised_at AS raised_at,
    r.raised_run AS raised_run
FROM result_flag AS r
WHERE result_set = (SELECT meta FROM pointer ORDER BY publication DESC LIMIT 1);

CREATE OR REPLACE VIEW delivery AS
SELECT
    r.region AS region,
    r.indicator AS indicator,
    r.indicator_version AS indicator_version,
    r.granularity AS granularity,
    r.stratum AS stratum,
    (SELECT run FROM pointer ORDER BY publication DESC LIMIT 1) AS run,
    r.state AS state,
    r.delivery AS delivery,
    r.registry AS registry,
    r.feed AS feed,
    r.file AS file,
    r.as_of AS as_of,
    r.received_at AS received_at,
    r.lines AS lines,
    r.observed AS observed,
    r.rejected AS rejected,
    r.parked AS parked,
    r.reason AS reason
FROM result_delivery AS r
WHERE result_set = (SELECT meta FROM pointer ORDER BY publication DESC LIMIT 1);

CREATE OR REPLACE VIEW unit AS
SELECT
    r.region AS region,
    r.indicator AS indicator,
    r.indicator_version AS indicator_version,
    r.granularity AS granularity,
    r.stratum AS stratum,
    (SELECT run FROM pointer ORDER BY publication DESC LIMIT 1) AS run,
    r.unit AS unit,
    r.state AS state,
    r.name AS name,
    r.kind AS kind,
    r.parent AS parent,
    if(r.valid_from = toDate32('1970-01-01'), NULL, r.valid_from) AS valid_from,
    if(r.valid_to = toDate32('1970-01-01'), NULL, r.valid_to) AS valid_to,
    r.successor AS successor
FROM result_unit AS r
WHERE result_set = (SELECT meta FROM pointer ORDER BY publication DESC LIMIT 1);

CREATE OR REPLACE VIEW indicator AS
SELECT
    r.region AS region,
    r.indicator AS indicator,
    r.indicator_version AS indicator_version,
    r.granularity AS granularity,
    r.stratum AS stratum,
    (SELECT run FROM pointer ORDER BY publication DESC LIMIT 1) AS run,
    r.state AS state,
    r.registry AS registry,
    r.name AS name,
    r.type AS type,
    r.class AS class,
    r.direction AS direction,
    r.measurement AS measurement,
    if(isNaN(r.multiplier), NULL, r.multiplier) AS multiplier,
    r.min_denominator AS min_denominator,
    r.specification AS specification
FROM result_indicator AS r
WHERE result_set = (SELECT meta FROM pointer ORDER BY publication DESC LIMIT 1);

CREATE OR REPLACE VIEW annotation AS
SELECT
    r.region AS region,
    r.indicator AS indicator,
    r.indicator_version AS indicator_version,
    r.granularity AS granularity,
    r.stratum AS stratum,
    (SELECT run FROM pointer ORDER BY publication DESC LIMIT 1) AS run,
    r.unit AS unit,
    r.period_start AS period_start,
    r.state AS state,
    r.kind AS kind,
    r.text AS text
FROM result_annotation AS r
WHERE result_set = (SELECT meta FROM pointer ORDER BY publication DESC LIMIT 1);

CREATE OR REPLACE VIEW run AS
SELECT
    '' AS region,
    '' AS indicator,
    '' AS indicator_version,
    '' AS granularity,
    '' AS stratum,
    p.run AS run,
    'published' AS state,
    p.publication AS publication,
    p.as_of AS as_of,
    p.catalog AS catalog,
    p.published_at AS published_at
FROM pointer AS p FINAL;
