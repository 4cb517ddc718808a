-- What the chart leaves out by a person's decision, and how surprising the latest
-- mature value of a series is: p_value and false_alarm stand at that point alone.
ALTER TABLE result_chart
    ADD COLUMN IF NOT EXISTS excluded Bool DEFAULT false,
    ADD COLUMN IF NOT EXISTS p_value Float64 DEFAULT nan,
    ADD COLUMN IF NOT EXISTS false_alarm Float64 DEFAULT nan;

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
    r.why AS why,
    r.excluded AS excluded,
    if(isNaN(r.p_value), NULL, r.p_value) AS p_value,
    if(isNaN(r.false_alarm), NULL, r.false_alarm) AS false_alarm
FROM result_chart AS r
WHERE result_set IN (SELECT arrayJoin(sets) FROM (SELECT sets FROM pointer ORDER BY publication DESC LIMIT 1));
