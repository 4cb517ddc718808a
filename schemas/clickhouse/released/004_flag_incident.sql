-- The likely cause that a flag shares with others, and whether what it awaits is
-- beyond its time (due, late; empty: within it, or nothing is awaited).
ALTER TABLE result_flag
    ADD COLUMN IF NOT EXISTS incident String DEFAULT '',
    ADD COLUMN IF NOT EXISTS sla LowCardinality(String) DEFAULT '';

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
    r.raised_run AS raised_run,
    r.incident AS incident,
    r.sla AS sla
FROM result_flag AS r
WHERE result_set = (SELECT meta FROM pointer ORDER BY publication DESC LIMIT 1);
