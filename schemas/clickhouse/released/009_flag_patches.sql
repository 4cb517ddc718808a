-- A decision changes few flags. Their set may then be a patch, too: rows that stand
-- in the place of those of the same flags in another set, and rows of flags that
-- this one has not. The pointer says whether its set of flags is one.
ALTER TABLE result_replaced
    ADD COLUMN IF NOT EXISTS flag String DEFAULT '';

ALTER TABLE pointer
    ADD COLUMN IF NOT EXISTS meta_base String DEFAULT '',
    ADD COLUMN IF NOT EXISTS meta_patch String DEFAULT '';

CREATE OR REPLACE VIEW flag AS
SELECT
    r.region AS region,
    r.indicator AS indicator,
    r.indicator_version AS indicator_version,
    r.granularity AS granularity,
    r.stratum AS stratum,
    (SELECT run FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1) AS run,
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
WHERE result_set IN (SELECT arrayJoin(if(meta_patch = '', [meta], [meta_base, meta_patch])) FROM (SELECT meta, meta_base, meta_patch FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1))
    AND ((SELECT meta_patch = '' FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1)
        OR (result_set, flag) NOT IN (SELECT base, flag FROM result_replaced WHERE result_set = (SELECT meta_patch FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1)));
