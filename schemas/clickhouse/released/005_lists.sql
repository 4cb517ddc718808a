-- Deliveries, units, indicators and annotations have a set of their own, which a
-- decision leaves as it is; publications before it, and editions, have them in meta.
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
WHERE result_set IN (SELECT arrayJoin(arrayPushBack(sets, meta)) FROM (SELECT sets, meta FROM pointer ORDER BY publication DESC LIMIT 1));

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
WHERE result_set IN (SELECT arrayJoin(arrayPushBack(sets, meta)) FROM (SELECT sets, meta FROM pointer ORDER BY publication DESC LIMIT 1));

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
WHERE result_set IN (SELECT arrayJoin(arrayPushBack(sets, meta)) FROM (SELECT sets, meta FROM pointer ORDER BY publication DESC LIMIT 1));

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
WHERE result_set IN (SELECT arrayJoin(arrayPushBack(sets, meta)) FROM (SELECT sets, meta FROM pointer ORDER BY publication DESC LIMIT 1));
