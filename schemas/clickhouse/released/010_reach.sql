-- Up to which date the data of an indicator reach is said by the pointer and no more
-- by every row: a set stays the same when a delivery brings nothing but a later
-- date. Rows of publications whose pointer does not say it have their own.
ALTER TABLE pointer
    ADD COLUMN IF NOT EXISTS reach Array(Tuple(indicator String, through Date32));

CREATE OR REPLACE VIEW cell AS
SELECT
    r.region AS region,
    r.indicator AS indicator,
    r.indicator_version AS indicator_version,
    r.granularity AS granularity,
    r.stratum AS stratum,
    (SELECT run FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1) AS run,
    r.state AS state,
    r.unit AS unit,
    r.period_start AS period_start,
    r.period_end AS period_end,
    r.fingerprint AS fingerprint,
    r.maturity AS maturity,
    transform(toString(r.indicator), (SELECT arrayPushBack(argMax(reach.indicator, (publication, moved)), '') FROM pointer), (SELECT arrayPushBack(argMax(reach.through, (publication, moved)), toDate32('1970-01-01')) FROM pointer), r.data_through) AS data_through,
    if(isNaN(r.numerator), NULL, r.numerator) AS numerator,
    if(isNaN(r.denominator), NULL, r.denominator) AS denominator,
    if(isNaN(r.value), NULL, r.value) AS value,
    if(isNaN(r.ci_low), NULL, r.ci_low) AS ci_low,
    if(isNaN(r.ci_high), NULL, r.ci_high) AS ci_high,
    if(isNaN(r.expected), NULL, r.expected) AS expected,
    if(isNaN(r.coverage), NULL, r.coverage) AS coverage,
    if(isNaN(r.missing_share), NULL, r.missing_share) AS missing_share
FROM result_cell AS r
WHERE result_set IN (SELECT arrayJoin(arrayConcat(arrayFilter(s -> NOT has(patched.whole, s), sets), patched.base, patched.patch)) FROM (SELECT sets, patched FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1))
    AND ((SELECT empty(patched) FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1)
        OR (result_set, indicator_version, granularity, stratum, unit) NOT IN (SELECT base, indicator_version, granularity, stratum, unit FROM result_replaced WHERE result_set IN (SELECT arrayJoin(patched.patch) FROM (SELECT patched FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1))));

CREATE OR REPLACE VIEW chart AS
SELECT
    r.region AS region,
    r.indicator AS indicator,
    r.indicator_version AS indicator_version,
    r.granularity AS granularity,
    r.stratum AS stratum,
    (SELECT run FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1) AS run,
    r.state AS state,
    r.unit AS unit,
    r.period_start AS period_start,
    r.period_end AS period_end,
    r.fingerprint AS fingerprint,
    r.maturity AS maturity,
    transform(toString(r.indicator), (SELECT arrayPushBack(argMax(reach.indicator, (publication, moved)), '') FROM pointer), (SELECT arrayPushBack(argMax(reach.through, (publication, moved)), toDate32('1970-01-01')) FROM pointer), r.data_through) AS data_through,
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
    r.why AS why,
    r.excluded AS excluded,
    if(isNaN(r.p_value), NULL, r.p_value) AS p_value,
    if(isNaN(r.false_alarm), NULL, r.false_alarm) AS false_alarm
FROM result_chart AS r
WHERE result_set IN (SELECT arrayJoin(arrayConcat(arrayFilter(s -> NOT has(patched.whole, s), sets), patched.base, patched.patch)) FROM (SELECT sets, patched FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1))
    AND ((SELECT empty(patched) FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1)
        OR (result_set, indicator_version, granularity, stratum, unit) NOT IN (SELECT base, indicator_version, granularity, stratum, unit FROM result_replaced WHERE result_set IN (SELECT arrayJoin(patched.patch) FROM (SELECT patched FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1))));

CREATE OR REPLACE VIEW funnel AS
SELECT
    r.region AS region,
    r.indicator AS indicator,
    r.indicator_version AS indicator_version,
    r.granularity AS granularity,
    r.stratum AS stratum,
    (SELECT run FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1) AS run,
    r.state AS state,
    r.unit AS unit,
    r.period_start AS period_start,
    r.period_end AS period_end,
    r.fingerprint AS fingerprint,
    r.maturity AS maturity,
    transform(toString(r.indicator), (SELECT arrayPushBack(argMax(reach.indicator, (publication, moved)), '') FROM pointer), (SELECT arrayPushBack(argMax(reach.through, (publication, moved)), toDate32('1970-01-01')) FROM pointer), r.data_through) AS data_through,
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
WHERE result_set IN (SELECT arrayJoin(arrayConcat(arrayFilter(s -> NOT has(patched.whole, s), sets), patched.patch)) FROM (SELECT sets, patched FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1));

CREATE OR REPLACE VIEW variation AS
SELECT
    r.region AS region,
    r.indicator AS indicator,
    r.indicator_version AS indicator_version,
    r.granularity AS granularity,
    r.stratum AS stratum,
    (SELECT run FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1) AS run,
    r.state AS state,
    r.period_start AS period_start,
    r.period_end AS period_end,
    transform(toString(r.indicator), (SELECT arrayPushBack(argMax(reach.indicator, (publication, moved)), '') FROM pointer), (SELECT arrayPushBack(argMax(reach.through, (publication, moved)), toDate32('1970-01-01')) FROM pointer), r.data_through) AS data_through,
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
WHERE result_set IN (SELECT arrayJoin(arrayConcat(arrayFilter(s -> NOT has(patched.whole, s), sets), patched.patch)) FROM (SELECT sets, patched FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1));
