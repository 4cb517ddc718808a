-- Up to which day somebody who answers for a unit stands by what is shown of it
-- (larstrom flags affirm); NULL: nobody has said so before this publication. It is
-- an annotation of the unit, too.
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
    r.successor AS successor,
    nullIf(ifNull(a.through, toDate32('1970-01-01')), toDate32('1970-01-01')) AS affirmed_through
FROM result_unit AS r
LEFT JOIN
(
    SELECT unit, max(period_start) AS through
    FROM result_annotation
    WHERE kind = 'affirmed' AND result_set IN (SELECT arrayJoin(arrayPushBack(sets, meta)) FROM (SELECT sets, meta FROM pointer ORDER BY publication DESC LIMIT 1))
    GROUP BY unit
) AS a ON a.unit = r.unit
WHERE r.result_set IN (SELECT arrayJoin(arrayPushBack(sets, meta)) FROM (SELECT sets, meta FROM pointer ORDER BY publication DESC LIMIT 1));
