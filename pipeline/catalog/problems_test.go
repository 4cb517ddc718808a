package catalog_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"larstrom/pipeline/catalog"
)

// base is a valid catalog in one file, with one of everything. The cases
// below break it in one place each.
const base = `region:
  code: r1
  name: Region One
  time_zone: Europe/Stockholm
  release_at: "06:30"
registries:
  - {code: pv, name: {sv: Primärvård, en: Primary care}, country: SE}
  - {code: hip, name: Hip, country: DK}
indicators:
  - id: hba1c
    registry: pv
    name: HbA1c
    type: proportion
    subset: true
    class: outcome
    targets: [0.5]
    references:
      - {value: 0.6, level: nation, source: report}
    coverage: cov
    versions:
      - {id: "1", to: 2023-01-01}
      - {id: "2", from: 2023-01-01, to: 2024-01-01}
      - {id: "3", from: 2024-01-01}
    introduction: {signed: 2022-01-01, by: board, pilot_units: [vc1]}
    checks:
      C11: {count: 3, fraction: 0.02, note: tried}
  - {id: cov, registry: pv, name: Coverage, type: proportion, class: structure}
  - {id: op24, registry: hip, name: Op, type: rate, class: process}
  - {id: mort, registry: hip, name: Mortality, type: standardised_ratio, class: outcome, risk_model: {id: m, version: "1", reference_period: "2020"}}
  - {id: stay, registry: hip, name: Stay, type: percentile, percentile: 90, class: balancing}
  - {id: roll, registry: hip, name: Rolling, type: count, class: outcome, measurement: rolling, rolling_months: 12}
units:
  - {id: region, name: Region, kind: region}
  - id: vc1
    name: One
    kind: health_centre
    codes: {hsa: SE-1}
    parents: [region]
  - id: vc2
    name: Two
    kind: health_centre
    codes:
      - {system: hsa, code: SE-2, to: 2023-01-01}
      - {system: hsa, code: SE-2B, from: 2023-01-01}
    parents:
      - {unit: region, from: 2020-01-01}
    from: 2020-01-01
    to: 2024-01-01
    successors:
      - {unit: vc1, from: 2024-01-01, policy: sum}
  - {id: h1, name: Hospital, kind: hospital, codes: {sor: "1001"}, parents: [region]}
code_systems:
  - id: icd
    codes:
      - A00
      - {code: B00, to: 2022-01-01}
      - {code: B00, from: 2023-01-01}
feeds:
  - id: night
    registry: pv
    files: ["pv_*.csv"]
    dialect: {encoding: windows-1252, delimiter: ";", decimal: ",", thousands: " ", missing: [NA]}
    delivery: snapshot
    scope: {window: months, months: 24}
    order: {by: name, pattern: '_(\d{8})\.csv$'}
    as_of: {by: column, column: Extracted, layout: 02.01.2006}
    complete: {by: trailer, pattern: '^END;(\d+)$'}
    columns:
      unit: Unit
      unit_system: hsa
      indicator: Indicator
      event_date: Date
      strata: [Sex]
      numerator: N
      denominator: D
    codes:
      - {column: Diagnosis, system: icd}
    schedule: {every: day, by: "04:30", roster: [vc1]}
    ignore_columns: [Note]
  - id: hip
    registry: hip
    files: ["hip_*.csv"]
    dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}
    delivery: delta
    key: [id]
    operation: {column: op, delete: [X]}
    columns: {unit: sor, unit_system: sor, event_date: day}
    measures:
      - {indicator: op24, numerator: n, denominator: "=1", when: {column: when, in: [a]}}
      - {indicator: op24, numerator: n, denominator: d, when: {column: when, in: [c, b]}}
      - {indicator: mort, numerator: n, expected: e}
      - {indicator: stay, value: los}
      - {indicator: roll, numerator: "=1"}
people:
  - id: p1
    name: Anna
    email: anna@example.org
    roles:
      - {role: super_user, units: [vc1], registries: [pv]}
      - viewer
    token_sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  - id: p2
    name: Bo
    roles: [auditor]
    token_sha256: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
profiles:
  - {id: internal, rule: internal}
  - {id: SE, rule: SE}
`

// broken is one way to spoil base: old is replaced by new. The mark ¤ in new
// is where the problem must be told; it is not part of the file. Further
// problems that follow by right are counted in more.
type broken struct {
	name, old, new string
	path           string // of the problem
	rule, hint     string // parts of the problem's text
	schema         bool   // the JSON Schema refuses it too
	more           int
}

func brokenCatalogs() []broken {
	return []broken{
		{"unknown key with hint", "    class: outcome\n    targets", "    ¤clas: outcome\n    class: outcome\n    targets", "indicators[hba1c]", "not known", "did you mean class?", true, 0},
		{"unknown key without hint", "release_at:", "release_at: \"07:00\"\n  ¤zzzzzzzz:", "region", "not known", "the keys here are code, name, time_zone, release_at", true, 0},
		{"unknown top key", "people:", "¤peoples:", "", "not known", "did you mean people?", true, 0},
		{"duplicate key", "  release_at: \"06:30\"", "  release_at: \"06:30\"\n  ¤code: r2", "region", "stands twice", "line 2", false, 0},
		{"wrong type text", "  code: r1", "  code: ¤17", "region.code", "must be text, not a number", "quotes", true, 0},
		{"wrong type list", "targets: [0.5]", "targets: ¤0.5", "indicators[hba1c].targets", "must be a list, not a number", "", true, 0},
		{"wrong type mapping", "introduction: {signed: 2022-01-01, by: board, pilot_units: [vc1]}", "introduction: ¤[board]", "indicators[hba1c].introduction", "must be a mapping, not a list", "", true, 0},
		{"wrong type bool", "subset: true", "subset: ¤yes", "indicators[hba1c].subset", "must be true or false, not text", "", true, 0},
		{"wrong type number", "targets: [0.5]", "targets: [{value: ¤\"0,5\"}]", "indicators[hba1c].targets[0].value", "must be a finite number, not text", "decimal point", true, 0},
		{"octal", "rolling_months: 12", "rolling_months: ¤012", "indicators[roll].rolling_months", "whole number", "plain digits", false, 0},
		{"wrong type of measures", "    measures:\n", "    measures: ¤5\n    x-measures:\n", "feeds[hip].measures", "must be a list", "", true, 1},
		{"layout without date", "{by: name, pattern: '_(\\d{8})\\.csv$'}", "{by: acceptance, layout: ¤\"2006-01-02\"}", "feeds[night].order.layout", "has no layout", "", true, 0},
		{"wrong type integer", "rolling_months: 12", "rolling_months: ¤12.5", "indicators[roll].rolling_months", "whole number", "", true, 0},
		{"infinite", "value: 0.6", "value: ¤.inf", "indicators[hba1c].references[0].value", "must be a finite number", "", true, 0},
		{"null", "    class: outcome\n    targets", "    class: ¤~\n    targets", "indicators[hba1c].class", "has no value", "", true, 0},
		{"unknown tag", "  code: r1", "  code: ¤!secret r1", "region.code", "must be text", "", false, 0},
		{"missing key", "{code: hip, name: Hip, country: DK}", "¤{code: hip, country: DK}", "registries[hip]", "the key is required", "", true, 0},
		{"missing class", "    class: outcome\n    targets", "    targets", "indicators[hba1c]", "the key is required", "", true, 0},
		{"empty text", "release_at: \"06:30\"", "release_at: ¤\"\"", "region.release_at", "must not be empty", "leave the key out", true, 0},
		{"empty name", "name: Region One", "name: ¤\"\"", "region.name", "must not be empty", "", true, 0},
		{"empty required list", "files: [\"pv_*.csv\"]", "files: ¤[]", "feeds[night].files", "must not be empty", "", true, 0},
		{"bad date", "signed: 2022-01-01", "signed: ¤2022-13-01", "indicators[hba1c].introduction.signed", "must be a date", "", true, 0},
		{"date of another form", "signed: 2022-01-01", "signed: ¤01.01.2022", "indicators[hba1c].introduction.signed", "must be a date", "2024-01-31", true, 0},
		{"ancient date", "signed: 2022-01-01", "signed: ¤0202-01-01", "indicators[hba1c].introduction.signed", "1800", "", true, 0},
		{"language", "{sv: Primärvård, en: Primary care}", "{¤no: Primær, en: Primary care}", "registries[pv].name", "language", "did you mean nb?", true, 0},
		{"no time zone", "Europe/Stockholm", "¤Europe/Stokholm", "region.time_zone", "time zone", "", false, 0},
		{"local time zone", "Europe/Stockholm", "¤Local", "region.time_zone", "time zone", "", false, 0},
		{"clock", "\"06:30\"", "¤\"6:30\"", "region.release_at", "time of day", "", true, 0},
		{"region id", "  code: r1", "  code: ¤R.1", "region.code", "lower-case", "subject", true, 0},
		{"country", "country: SE", "country: ¤Sweden", "registries[pv].country", "two capital letters", "", true, 0},
		{"enum", "class: outcome\n    targets", "class: ¤outcomes\n    targets", "indicators[hba1c].class", "one of process, outcome, balancing, structure", "did you mean outcome?", true, 0},
		{"duplicate indicator", "{id: cov, registry: pv, name: Coverage, type: proportion, class: structure}", "{id: cov, registry: pv, name: Coverage, type: proportion, class: structure}\n  - {id: ¤cov, registry: pv, name: Other, type: proportion, class: structure}", "indicators[cov].id", "used twice", "c.yaml:27:10", false, 0},
		{"duplicate unit", "{id: region, name: Region, kind: region}", "{id: region, name: Region, kind: region}\n  - {id: ¤region, name: Again, kind: region}", "units[region].id", "used twice", "c.yaml:33:10", false, 0},
		{"duplicate feed", "  - id: hip\n    registry: hip\n    files", "  - id: ¤night\n    registry: hip\n    files", "feeds[night].id", "used twice", "", false, 0},
		{"duplicate registry", "{code: hip, name: Hip, country: DK}", "{code: hip, name: Hip, country: DK}\n  - {code: ¤pv, name: P, country: SE}", "registries[pv].code", "used twice", "", false, 0},
		{"duplicate person", "id: p2", "id: ¤p1", "people[p1].id", "used twice", "", false, 0},
		{"duplicate profile", "{id: SE, rule: SE}", "{id: ¤internal, rule: SE}", "profiles[internal].id", "used twice", "", false, 0},
		{"duplicate token", strings.Repeat("b", 64), "¤" + strings.Repeat("a", 64), "people[p2].token_sha256", "two people", "", false, 0},
		{"unknown registry of an indicator", "registry: pv\n    name: HbA1c", "registry: ¤pw\n    name: HbA1c", "indicators[hba1c].registry", "no registry", "did you mean pv?", false, 0},
		{"swapped letters", "{id: cov, registry: pv,", "{id: cov, registry: ¤vp,", "indicators[cov].registry", "no registry", "did you mean pv?", false, 0},
		{"unknown registry of a feed", "registry: pv\n    files", "registry: ¤px\n    files", "feeds[night].registry", "no registry", "did you mean pv?", false, 0},
		{"unknown coverage", "coverage: cov", "coverage: ¤covv", "indicators[hba1c].coverage", "no indicator", "did you mean cov?", false, 0},
		{"own coverage", "coverage: cov", "coverage: ¤hba1c", "indicators[hba1c].coverage", "its own coverage", "", false, 0},
		{"held against itself", "coverage: cov", "at_most: ¤hba1c", "indicators[hba1c].at_most", "held against itself", "", false, 0},
		{"unknown pair", "coverage: cov", "same_as: ¤covv", "indicators[hba1c].same_as", "no indicator", "did you mean cov?", false, 0},
		{"a pair of one", "coverage: cov", "pair: ¤hba1c", "indicators[hba1c].pair", "held against itself", "other indicator", false, 0},
		{"bounds the wrong way round", "coverage: cov", "plausible: ¤{min: 3, max: 2}", "indicators[hba1c].plausible", "above the largest", "swap", false, 0},
		{"coverage that is no proportion", "coverage: cov", "coverage: ¤roll", "indicators[hba1c].coverage", "must be a proportion", "", false, 0},
		{"unknown pilot unit", "pilot_units: [vc1]", "pilot_units: [¤vc9]", "indicators[hba1c].introduction.pilot_units[0]", "no unit", "did you mean vc1?", false, 0},
		{"phase of an unknown unit", "introduction: {signed: 2022-01-01", "phases: [{unit: ¤vc9, from: 2023-01-01, reason: new routine, approved_by: p1}]\n    introduction: {signed: 2022-01-01", "indicators[hba1c].phases[vc9].unit", "no unit", "did you mean vc1?", false, 0},
		{"phase without reason", "introduction: {signed: 2022-01-01", "phases: [¤{from: 2023-01-01, approved_by: p1}]\n    introduction: {signed: 2022-01-01", "indicators[hba1c].phases[0]", "the key is required", "", true, 0},
		{"phase that nobody approved", "introduction: {signed: 2022-01-01", "phases: [¤{from: 2023-01-01, reason: new routine}]\n    introduction: {signed: 2022-01-01", "indicators[hba1c].phases[0]", "the key is required", "", true, 0},
		{"phase without date", "introduction: {signed: 2022-01-01", "phases: [¤{reason: new routine, approved_by: p1}]\n    introduction: {signed: 2022-01-01", "indicators[hba1c].phases[0]", "the key is required", "", true, 0},
		{"phase within a month", "introduction: {signed: 2022-01-01", "phases: [{from: ¤2023-01-17, reason: new routine, approved_by: p1}]\n    introduction: {signed: 2022-01-01", "indicators[hba1c].phases[0].from", "first day of a month", "as 2023-01-01 or 2023-02-01", false, 0},
		{"baseline within a month", "introduction: {signed: 2022-01-01", "phases: [{from: 2023-01-01, baseline_to: ¤2024-01-31, reason: new routine, approved_by: p1}]\n    introduction: {signed: 2022-01-01", "indicators[hba1c].phases[0].baseline_to", "first day of a month", "as 2024-01-01 or 2024-02-01", false, 0},
		{"baseline without end", "introduction: {signed: 2022-01-01", "phases: [¤{from: 2023-01-01, baseline_from: 2023-02-01, reason: new routine, approved_by: p1}]\n    introduction: {signed: 2022-01-01", "indicators[hba1c].phases[0]", "needs baseline_to", "", true, 0},
		{"baseline before its phase", "introduction: {signed: 2022-01-01", "phases: [{from: 2023-01-01, baseline_from: ¤2022-12-01, baseline_to: 2024-01-01, reason: new routine, approved_by: p1}]\n    introduction: {signed: 2022-01-01", "indicators[hba1c].phases[0].baseline_from", "must not be before from", "", false, 0},
		{"baseline that ends before it begins", "introduction: {signed: 2022-01-01", "phases: [{from: 2023-01-01, baseline_from: 2023-06-01, baseline_to: ¤2023-06-01, reason: new routine, approved_by: p1}]\n    introduction: {signed: 2022-01-01", "indicators[hba1c].phases[0].baseline_to", "must be after", "first day after", false, 0},
		{"baseline that is older than its phase", "introduction: {signed: 2022-01-01", "phases: [{from: 2023-01-01, baseline_to: ¤2023-01-01, reason: new routine, approved_by: p1}]\n    introduction: {signed: 2022-01-01", "indicators[hba1c].phases[0].baseline_to", "must be after", "", false, 0},
		{"phase twice", "introduction: {signed: 2022-01-01", "phases: [{from: 2023-01-01, reason: new routine, approved_by: p1}, {unit: vc1, from: 2023-01-01, reason: new routine, approved_by: p1}, ¤{from: 2023-01-01, reason: new routine, approved_by: p1}]\n    introduction: {signed: 2022-01-01", "indicators[hba1c].phases[2]", "begin on the same day", "", false, 0},
		{"baseline into the next phase", "introduction: {signed: 2022-01-01", "phases: [{from: 2023-06-01, reason: new routine, approved_by: p1}, {from: 2023-01-01, baseline_to: ¤2023-07-01, reason: new routine, approved_by: p1}]\n    introduction: {signed: 2022-01-01", "indicators[hba1c].phases[1].baseline_to", "reaches into the phase that begins on 2023-06-01", "", false, 0},
		{"exclusion of an unknown unit", "introduction: {signed: 2022-01-01", "exclude: [{unit: ¤vc9, period: 2023-01-01, reason: strike}]\n    introduction: {signed: 2022-01-01", "indicators[hba1c].exclude[vc9].unit", "no unit", "did you mean vc1?", false, 0},
		{"exclusion without reason", "introduction: {signed: 2022-01-01", "exclude: [¤{period: 2023-01-01}]\n    introduction: {signed: 2022-01-01", "indicators[hba1c].exclude[0]", "the key is required", "", true, 0},
		{"exclusion of a day", "introduction: {signed: 2022-01-01", "exclude: [{period: ¤2023-01-02, reason: strike}]\n    introduction: {signed: 2022-01-01", "indicators[hba1c].exclude[0].period", "first day of a month", "", false, 0},
		{"exclusion twice", "introduction: {signed: 2022-01-01", "exclude: [{period: 2023-01-01, reason: strike}, ¤{period: 2023-01-01, reason: move}]\n    introduction: {signed: 2022-01-01", "indicators[hba1c].exclude[1]", "left out twice", "", false, 0},
		{"rules", "introduction: {signed: 2022-01-01", "rules: ¤anhoj\n    introduction: {signed: 2022-01-01", "indicators[hba1c].rules", "one of anhoej, western-electric, nelson, mdc", "did you mean anhoej?", true, 0},
		{"rules of a rolling measurement", "rolling_months: 12}", "rolling_months: 12, rules: ¤nelson}", "indicators[roll].rules", "a rolling measurement has none", "", true, 0},
		{"phases of a rolling measurement", "rolling_months: 12}", "rolling_months: 12, phases: ¤[{from: 2023-01-01, reason: new routine, approved_by: p1}]}", "indicators[roll].phases", "a rolling measurement has none", "", true, 0},
		{"unknown parent", "parents: [region]\n  - id: vc2", "parents: [¤regoin]\n  - id: vc2", "units[vc1].parents[0]", "no unit", "did you mean region?", false, 0},
		{"unknown successor", "{unit: vc1, from: 2024-01-01, policy: sum}", "{unit: ¤nowhere, from: 2024-01-01, policy: sum}", "units[vc2].successors[nowhere].unit", "no unit", "there are h1, region, vc1, vc2", false, 0},
		{"unknown roster unit", "roster: [vc1]", "roster: [¤vcc]", "feeds[night].schedule.roster[0]", "no unit", "", false, 0},
		{"unknown code system", "system: icd}", "system: ¤icf}", "feeds[night].codes[0].system", "no code system", "did you mean icd?", false, 0},
		{"unknown unit system", "unit_system: hsa", "unit_system: ¤hsb", "feeds[night].columns.unit_system", "no unit has a code", "did you mean hsa?", false, 0},
		{"unknown measure indicator", "{indicator: stay, value: los}", "{indicator: ¤stayy, value: los}", "feeds[hip].measures[stayy].indicator", "no indicator", "did you mean stay?", false, 0},
		{"measure of another registry", "{indicator: stay, value: los}", "{indicator: ¤cov, numerator: n, denominator: d}", "feeds[hip].measures[cov].indicator", "belongs to the registry pv", "", false, 0},
		{"unknown role unit", "units: [vc1], registries", "units: [¤vc3], registries", "people[p1].roles[0].units[0]", "no unit", "", false, 0},
		{"unknown role registry", "registries: [pv]}\n      - viewer", "registries: [¤pvv]}\n      - viewer", "people[p1].roles[0].registries[0]", "no registry", "", false, 0},
		{"role", "      - viewer", "      - ¤wiewer", "people[p1].roles[1]", "one of viewer, super_user", "did you mean viewer?", true, 0},
		{"token", strings.Repeat("b", 64), "¤hunter2", "people[p2].token_sha256", "64 lower-case hexadecimal", "", true, 0},
		{"token as number", strings.Repeat("b", 64), "¤12345", "people[p2].token_sha256", "must be text", "", true, 0},
		{"email", "anna@example.org", "¤anna", "people[p1].email", "e-mail", "", true, 0},
		{"lenient of another rule", "{id: SE, rule: SE}", "{id: R5, rule: ROUND5, lenient: ¤true, note: n}", "profiles[R5].lenient", "rule SE alone", "", false, 0},
		{"lenient without a note", "{id: SE, rule: SE}", "¤{id: SE, rule: SE, lenient: true}", "profiles[SE].note", "needs a note", "", false, 0},
		{"internal has no editions", "{id: internal, rule: internal}", "¤{id: internal, rule: internal, edition_day: 3}", "profiles[internal]", "no editions", "", false, 0},
		{"edition day", "{id: SE, rule: SE}", "{id: SE, rule: SE, edition_day: ¤31}", "profiles[SE].edition_day", "at most 28", "", true, 0},
		{"indicator of an audience", "{id: SE, rule: SE}", "{id: SE, rule: SE, indicators: [¤hba1d]}", "profiles[SE].indicators[0]", "no indicator", "did you mean hba1c?", false, 0},
		{"audiences of one folder", "{id: SE, rule: SE}", "{id: SE, rule: SE}\n  - {id: ¤se, rule: SE}", "profiles[se].id", "case of letters", "", false, 0},
		{"audience with the name of a store", "{id: SE, rule: SE}", "{id: ¤warehouse, rule: SE}", "profiles[warehouse].id", "exact store", "", false, 0},
		{"profile rule", "{id: SE, rule: SE}", "{id: SE, rule: ¤NO}", "profiles[SE].rule", "one of internal, SE, ROUND5", "", true, 0},
		{"subset of a rate", "name: Op, type: rate,", "name: Op, type: rate, subset: ¤true,", "indicators[op24].subset", "only a proportion", "", true, 0},
		{"rolling without window", "measurement: rolling, rolling_months: 12", "measurement: rolling", "indicators[roll].rolling_months", "needs rolling_months", "", true, 0},
		{"window without rolling", "measurement: rolling, rolling_months: 12", "rolling_months: ¤12", "indicators[roll].rolling_months", "only the measurement rolling", "", true, 0},
		{"percentile missing", "percentile, percentile: 90,", "percentile,", "indicators[stay].percentile", "needs percentile", "", true, 0},
		{"percentile out of range", "percentile: 90", "percentile: ¤100", "indicators[stay].percentile", "above 0 and below 100", "", true, 0},
		{"ratio without model", ", risk_model: {id: m, version: \"1\", reference_period: \"2020\"}", "", "indicators[mort].risk_model", "needs risk_model", "", true, 0},
		{"model without ratio", "name: Op, type: rate,", "name: Op, type: rate, risk_model: ¤{id: m, version: \"1\", reference_period: \"2020\"},", "indicators[op24].risk_model", "only the type standardised_ratio", "", true, 0},
		{"target in percent", "targets: [0.5]", "targets: [¤50]", "indicators[hba1c].targets[0]", "between 0 and 1", "write 0.8 for 80 %", false, 0},
		{"reference in percent", "value: 0.6", "value: ¤60", "indicators[hba1c].references[0].value", "between 0 and 1", "", false, 0},
		{"two targets at once", "targets: [0.5]", "targets: [0.5, ¤0.6]", "indicators[hba1c].targets[1]", "same time", "", false, 0},
		{"multiplier", "type: rate,", "type: rate, multiplier: ¤0,", "indicators[op24].multiplier", "above 0", "", true, 0},
		{"versions overlap", "- {id: \"2\", from: 2023-01-01,", "- ¤{id: \"2\", from: 2022-06-01,", "indicators[hba1c].versions[2]", "overlaps version 1", "", false, 0},
		{"versions gap", "- {id: \"3\", from: 2024-01-01}", "- ¤{id: \"3\", from: 2024-02-01}", "indicators[hba1c].versions[3]", "gap after version 2", "", false, 0},
		{"two open versions", "- {id: \"2\", from: 2023-01-01, to: 2024-01-01}", "- ¤{id: \"2\"}", "indicators[hba1c].versions[2]", "overlaps", "", false, 1},
		{"version id twice", "- {id: \"3\",", "- {id: ¤\"2\",", "indicators[hba1c].versions[2].id", "used twice", "", false, 0},
		{"version date order", "{id: \"2\", from: 2023-01-01, to: 2024-01-01}", "{id: \"2\", from: 2023-01-01, to: ¤2022-01-01}", "indicators[hba1c].versions[2].to", "must be after from", "", false, 0},
		{"signed by nobody", "{signed: 2022-01-01, by: board,", "¤{signed: 2022-01-01,", "indicators[hba1c].introduction.by", "by whom", "", true, 0},
		{"check id", "      C11:", "      ¤C99:", "indicators[hba1c].checks.C99", "id of a check", "C01-C18", true, 0},
		{"check without note", "      C11: {count: 3, fraction: 0.02, note: tried}", "      ¤C11: {count: 3}", "indicators[hba1c].checks.C11", "required", "", true, 0},
		{"check without effect", "      C11: {count: 3, fraction: 0.02, note: tried}", "      ¤C11: {note: tried}", "indicators[hba1c].checks.C11", "changes nothing", "", true, 0},
		{"check share", "fraction: 0.02", "fraction: ¤2", "indicators[hba1c].checks.C11.fraction", "at least 0 and at most 1", "", true, 0},
		{"unit id", "id: h1", "id: ¤h/1", "units[h/1].id", "letters, digits", "", true, 0},
		{"unit date order", "    to: 2024-01-01\n", "    to: ¤2019-01-01\n", "units[vc2].to", "must be after from", "", false, 0},
		{"code of two units", "codes: {hsa: SE-1}", "codes: {hsa: SE-2B}", "units[vc2].codes[SE-2B]", "names vc1 and vc2 at the same time", "c.yaml:37:18", false, 0},
		{"code twice in a unit", "{system: hsa, code: SE-2, to: 2023-01-01}", "{system: hsa, code: SE-2B, to: 2023-02-01}", "units[vc2].codes[SE-2B]", "at the same time, from 2023-01-01 to before 2023-02-01", "", false, 0},
		{"code never valid", "{system: hsa, code: SE-2B, from: 2023-01-01}", "¤{system: hsa, code: SE-2B, from: 2025-01-01}", "units[vc2].codes[SE-2B]", "never valid", "", false, 0},
		{"code date order", "code: SE-2B, from: 2023-01-01}", "code: SE-2B, from: 2023-01-01, to: ¤2023-01-01}", "units[vc2].codes[SE-2B].to", "must be after from", "", false, 0},
		{"code as number", "{sor: \"1001\"}", "{sor: ¤1001}", "units[h1].codes.sor", "must be text, not a number", "quotes", true, 0},
		{"code with space", "{hsa: SE-1}", "{hsa: ¤\"SE-1 \"}", "units[vc1].codes.hsa", "without space", "", true, 0},
		{"own parent", "parents: [region]\n  - id: vc2", "parents: [¤vc1]\n  - id: vc2", "units[vc1].parents[0]", "its own parent", "", false, 0},
		{"parent that has ended", "{sor: \"1001\"}, parents: [region]", "{sor: \"1001\"}, parents: [¤vc2]", "units[h1].parents[0]", "the parent must exist as long as the relation, which holds always; the parent exists from 2020-01-01 to before 2024-01-01", "date the relation", false, 0},
		{"parent cycle", "{id: region, name: Region, kind: region}", "{id: region, name: Region, kind: region, parents: [h1]}", "units[h1].parents[0]", "region under h1 under region", "", false, 0},
		{"parent twice", "parents: [region]\n  - id: vc2", "parents: [region, ¤region]\n  - id: vc2", "units[vc1].parents[1]", "same parent stands twice", "", false, 0},
		{"own successor", "{unit: vc1, from: 2024-01-01, policy: sum}", "{unit: ¤vc2, from: 2023-01-01, policy: sum}", "units[vc2].successors[vc2].unit", "cannot succeed itself", "", false, 0},
		{"successor that does not exist then", "{id: h1, name: Hospital, kind: hospital, codes", "{id: h1, name: Hospital, kind: hospital, to: 2023-01-01, successors: [{unit: vc2, from: ¤2024-06-01, policy: sum}], codes", "units[h1].successors[vc2].from", "the successor must exist then", "", false, 0},
		{"successor before the unit", "{unit: vc1, from: 2024-01-01, policy: sum}", "{unit: vc1, from: ¤2019-01-01, policy: sum}", "units[vc2].successors[vc1].from", "must begin after the unit", "", false, 0},
		{"successor cycle", "    codes: {hsa: SE-1}", "    codes: {hsa: SE-1}\n    successors: [{unit: vc2, from: 2023-01-01, policy: continue}]", "units[vc2].successors[vc1]", "vc1 then vc2 then vc1", "", false, 0},
		{"successor policy", "policy: sum", "policy: ¤add", "units[vc2].successors[vc1].policy", "one of sum, continue, break", "", true, 0},
		{"code system overlap", "{code: B00, from: 2023-01-01}", "¤{code: B00, from: 2021-01-01}", "code_systems[icd].codes[B00]", "twice at the same time", "", false, 0},
		{"preamble of two kinds", "thousands: \" \",", "thousands: \" \", preamble: ¤{lines: 2, until: \"^Unit\"},", "feeds[night].dialect.preamble", "lines or until, not both", "until is safer", false, 0},
		{"preamble until without header", "dialect: {header: false,", "dialect: {preamble: {until: ¤x}, header: false,", "feeds[hip].dialect.preamble.until", "only a file with a header", "", false, 0},
		{"append without key", "    delivery: snapshot\n", "    delivery: snapshot\n    instruction: {texts: [{text: KEEP, then: ¤append}]}\n", "feeds[night].instruction.texts[0].then", "needs a key", "", false, 0},
		{"scope of an append", "    delivery: snapshot\n", "    delivery: snapshot\n    key: [Date]\n    instruction: {texts: [{text: KEEP, then: append, scope: ¤file}]}\n", "feeds[night].instruction.texts[0].scope", "only a file that replaces", "", false, 0},
		{"instruction twice", "    delivery: snapshot\n", "    delivery: snapshot\n    instruction: {texts: [{text: ALL, then: replace}, {text: ¤ALL, then: replace}]}\n", "feeds[night].instruction.texts[1].text", "begins as another", "", false, 0},
		{"instruction of an unknown kind", "    delivery: snapshot\n", "    delivery: snapshot\n    instruction: {texts: [{text: ALL, then: ¤erase}]}\n", "feeds[night].instruction.texts[0].then", "must be one of replace, append", "", true, 0},
		{"name without named group", "    delivery: snapshot\n", "    delivery: snapshot\n    from_name: ¤'_(\\d+)'\n", "feeds[night].from_name", "must have a named group", "", false, 0},
		{"reason that is missing", "    delivery: snapshot\n", "    delivery: snapshot\n    reasons: {codes: [MSK, ¤NA]}\n", "feeds[night].reasons.codes[1]", "no value and a reason", "", false, 0},
		{"pivot that ignores its column", "    delivery: snapshot\n", "    delivery: snapshot\n    pivot: {name: What, value: Much, columns: [N, D], ignore: [¤N]}\n", "feeds[night].pivot.ignore[0]", "is ignored and a column", "", false, 0},
		{"pivot of one column", "    delivery: snapshot\n", "    delivery: snapshot\n    pivot: {name: What, value: ¤What, columns: [N, D]}\n", "feeds[night].pivot.value", "is the column of the name", "", false, 0},
		{"translated twice", "    delivery: snapshot\n", "    delivery: snapshot\n    translate: [{columns: [Sex], texts: [K], value: f}, {columns: [Sex], texts: [¤K], value: m}]\n", "feeds[night].translate[1].texts[0]", "translated twice", "", false, 0},
		{"translation of no column", "    delivery: snapshot\n", "    delivery: snapshot\n    translate: [{columns: [¤Sexx], texts: [K], value: f}]\n", "feeds[night].translate[0].columns[0]", "does not read the column", "", false, 0},
		{"unknown system of a further unit column", "      unit_system: hsa\n", "      unit_system: hsa\n      unit_else: [{column: Region, system: ¤hsb}]\n", "feeds[night].columns.unit_else[0].system", "no unit has a code", "did you mean hsa?", false, 0},
		{"condition on a column that is not there", "    delivery: delta\n", "    delivery: delta\n    only: [{column: ¤status, in: [\"1\"]}]\n", "feeds[hip].only[0].column", "no column of that name", "", false, 0},
		{"unknown case denominator", "    delivery: delta\n", "    delivery: delta\n    missing_denominator: ¤zero\n", "feeds[hip].missing_denominator", "must be one of one", "", true, 0},
		{"bad glob", "[\"pv_*.csv\"]", "[¤\"pv_[.csv\"]", "feeds[night].files[0]", "file pattern", "", false, 0},
		{"glob with folder", "[\"pv_*.csv\"]", "[¤\"in/pv_*.csv\"]", "feeds[night].files[0]", "base name", "", false, 0},
		{"glob twice", "[\"pv_*.csv\"]", "[\"pv_*.csv\", ¤\"pv_*.csv\"]", "feeds[night].files[1]", "stands twice", "", true, 0},
		{"bad pattern", `'_(\d{8})\.csv$'`, `¤'_(\d{8}\.csv$'`, "feeds[night].order.pattern", "regular expression: missing closing )", "", false, 0},
		{"pattern without group", `'_(\d{8})\.csv$'`, `¤'_\d{8}\.csv$'`, "feeds[night].order.pattern", "exactly one group, has 0", "", false, 0},
		{"pattern with two groups", `'_(\d{8})\.csv$'`, `¤'_(\d{8})\.(csv)$'`, "feeds[night].order.pattern", "exactly one group, has 2", "", false, 0},
		{"trailer with two groups", `'^END;(\d+)$'`, `¤'^(END);(\d+)$'`, "feeds[night].complete.pattern", "at most one group, has 2", "", false, 0},
		{"trailer without pattern", `{by: trailer, pattern: '^END;(\d+)$'}`, "¤trailer", "feeds[night].complete.pattern", "needs pattern", "", false, 0},
		{"name without pattern", `{by: name, pattern: '_(\d{8})\.csv$'}`, "¤{by: name}", "feeds[night].order.pattern", "needs pattern", "", true, 0},
		{"order by arrival", `{by: name, pattern: '_(\d{8})\.csv$'}`, "¤arrival", "feeds[night].order", "one of acceptance, name, manifest, column", "", true, 0},
		{"sequence of a snapshot", "    delivery: snapshot\n", "    delivery: snapshot\n    sequence: ¤1\n", "feeds[night].sequence", "only a delta", "", false, 0},
		{"sequence without order", "    delivery: delta\n", "    delivery: delta\n    sequence: ¤1\n", "feeds[hip].sequence", "needs an order", "", false, 0},
		{"sequence without step", "    delivery: delta\n", "    delivery: delta\n    order: {by: name, pattern: '(\\d+)'}\n    sequence: ¤{first: 1}\n", "feeds[hip].sequence", "the key is required", "", true, 0},
		{"sequence that stands still", "    delivery: delta\n", "    delivery: delta\n    order: {by: name, pattern: '(\\d+)'}\n    sequence: ¤0\n", "feeds[hip].sequence", "at least 1", "", true, 0},
		{"first of a sequence of days", "    delivery: delta\n", "    delivery: delta\n    order: {by: name, pattern: '(\\d+)', layout: \"20060102\"}\n    sequence: {step: 1, first: ¤1}\n", "feeds[hip].sequence.first", "days have no first", "", false, 0},
		{"as of acceptance", "{by: column, column: Extracted, layout: 02.01.2006}", "{by: ¤acceptance}", "feeds[night].as_of.by", "one of arrival, name, manifest, column", "", true, 0},
		{"manifest not required", "{by: column, column: Extracted, layout: 02.01.2006}", "{by: ¤manifest, field: at}", "feeds[night].as_of.by", "needs complete: manifest", "", false, 0},
		{"layout", "layout: 02.01.2006", "layout: ¤dd.mm.yyyy", "feeds[night].as_of.layout", "year, month and day", "", false, 0},
		{"layout without year", "layout: 02.01.2006", "layout: ¤\"02.01.\"", "feeds[night].as_of.layout", "year, month and day", "", false, 0},
		{"months without window", "{window: months, months: 24}", "{window: all, months: ¤24}", "feeds[night].scope.months", "only the window months", "", true, 0},
		{"window without months", "{window: months, months: 24}", "¤{window: months}", "feeds[night].scope.months", "needs months", "", true, 0},
		{"delta without key", "    key: [id]\n", "", "feeds[hip].key", "a delta needs a key", "", true, 0},
		{"delta with scope", "    key: [id]\n", "    key: [id]\n    scope: ¤all\n", "feeds[hip].scope", "only a snapshot", "", true, 0},
		{"snapshot with operation", "    scope: {window: months, months: 24}", "    operation: ¤{column: Op, delete: [x]}", "feeds[night].operation", "only a delta", "", true, 0},
		{"wide and long", "columns: {unit: sor,", "columns: {indicator: op, unit: sor,", "feeds[hip].measures", "not both", "", true, 0},
		{"neither wide nor long", "      indicator: Indicator\n", "", "feeds[night].columns", "needs measures or columns.indicator", "", true, 0},
		{"long column in a wide file", "columns: {unit: sor,", "columns: {numerator: ¤n, unit: sor,", "feeds[hip].columns.numerator", "only a long file", "", true, 0},
		{"measure without denominator", "{indicator: op24, numerator: n, denominator: d, when: {column: when, in: [c, b]}}", "¤{indicator: op24, numerator: n, when: {column: when, in: [c, b]}}", "feeds[hip].measures[op24]", "a rate needs denominator", "", false, 0},
		{"measure without both", "{indicator: op24, numerator: n, denominator: d, when: {column: when, in: [c, b]}}", "¤{indicator: op24, when: {column: when, in: [c, b]}}", "feeds[hip].measures[op24]", "a rate needs denominator", "", false, 1},
		{"measure without expected", "{indicator: mort, numerator: n, expected: e}", "¤{indicator: mort, numerator: n}", "feeds[hip].measures[mort]", "a standardised_ratio needs expected", "", false, 0},
		{"measure without value", "{indicator: stay, value: los}", "¤{indicator: stay, numerator: n}", "feeds[hip].measures[stay]", "a percentile needs value", "", false, 0},
		{"measure without numerator", "{indicator: roll, numerator: \"=1\"}", "¤{indicator: roll}", "feeds[hip].measures[roll]", "a count needs numerator", "", false, 0},
		{"measure with useless column", "{indicator: stay, value: los}", "{indicator: stay, value: los, expected: ¤e}", "feeds[hip].measures[stay].expected", "no use for expected", "", false, 0},
		{"measure twice", "when: {column: when, in: [c, b]}}", "when: {column: when, in: [a, b]}}", "feeds[hip].measures[op24]", "give the indicator twice", "", false, 0},
		{"long feed that cannot bring an indicator", "      denominator: D\n", "", "feeds[night].columns", "a proportion needs denominator", "", false, 1},
		{"dates too coarse", "dialect: {header: false,", "dialect: {dates: year, header: false,", "feeds[hip].measures[stay].indicator", "dates of the form year do not tell", "year", false, 4},
		{"registration date", "type: percentile,", "period_by: registration_date, type: percentile,", "feeds[hip].measures[stay].indicator", "by registration date", "", false, 0},
		{"encoding", "encoding: windows-1252", "encoding: ¤cp1252", "feeds[night].dialect.encoding", "one of utf-8, utf-8-bom, iso-8859-1, windows-1252", "", true, 0},
		{"delimiter", "delimiter: \";\"", "delimiter: ¤\";;\"", "feeds[night].dialect.delimiter", "delimiter", `";"`, true, 0},
		{"delimiter is decimal", "delimiter: \";\", decimal: \",\"", "delimiter: \",\", decimal: ¤\",\"", "feeds[night].dialect.decimal", "delimiter and decimal must differ", "", false, 0},
		{"delimiter is decimal by default", "delimiter: \";\", decimal: \",\", thousands: \" \"", "decimal: ¤\",\"", "feeds[night].dialect.decimal", "delimiter and decimal must differ", "", false, 0},
		{"thousands is decimal", "thousands: \" \"", "thousands: ¤\",\"", "feeds[night].dialect.thousands", "thousands and decimal", "", false, 0},
		{"thousands is delimiter", "header: false, names", "quote: \"\", thousands: ¤\",\", header: false, names", "feeds[hip].dialect.thousands", "thousands and delimiter", "", false, 0},
		{"quote", "thousands: \" \"", "quote: ¤\";\"", "feeds[night].dialect.quote", "quotation mark", "", true, 0},
		{"names with header", "missing: [NA]}", "missing: [NA], names: ¤[a]}", "feeds[night].dialect.names", "only a file without header", "", true, 0},
		{"no names without header", "{header: false, names: [id, op, sor, day, n, d, e, los, when]}", "¤{header: false}", "feeds[hip].dialect.names", "needs names", "", true, 0},
		{"column that is not there", "key: [id]", "key: [¤ids]", "feeds[hip].key[0]", "no column of that name", "did you mean id?", false, 0},
		{"key is a constant", "key: [id]", "key: [¤\"=1\"]", "feeds[hip].key[0]", "name of a column", "", true, 0},
		{"empty constant", "numerator: \"=1\"", "numerator: ¤\"=\"", "feeds[hip].measures[roll].numerator", "constant", "", true, 0},
		{"ignored and used", "ignore_columns: [Note]", "ignore_columns: [Note, ¤Sex]", "feeds[night].ignore_columns[1]", "ignored and used, by feeds[night].columns.strata[0]", "", false, 0},
		{"identifiers of a stratum", "    ignore_columns: [Note]", "    identifiers: [¤Sex]\n    ignore_columns: [Note]", "feeds[night].identifiers[0]", "one of the key, or ignored", "ignore_columns", false, 0},
		{"identifiers that nobody has", "    ignore_columns: [Note]", "    identifiers: [¤Nota]\n    ignore_columns: [Note]", "feeds[night].identifiers[0]", "one of the key, or ignored", "", false, 0},
		{"opaque form", "    ignore_columns: [Note]", "    opaque: [{column: Note, forms: [¤D10]}]\n    ignore_columns: [Note]", "feeds[night].opaque[0].forms[0]", "must be the form of an identifier", "d for each digit", true, 0},
		{"opaque without forms", "    ignore_columns: [Note]", "    opaque: [¤{column: Note}]\n    ignore_columns: [Note]", "feeds[night].opaque[0]", "required", "", true, 0},
		{"opaque twice", "    ignore_columns: [Note]", "    opaque: [{column: Note, forms: [dd]}, {column: ¤Note, forms: [xx]}]\n    ignore_columns: [Note]", "feeds[night].opaque[1].column", "stands twice", "give it all forms", false, 0},
		{"opaque identifiers", "    ignore_columns: [Note]", "    identifiers: [Note]\n    opaque: [{column: ¤Note, forms: [dd]}]\n    ignore_columns: [Note]", "feeds[night].opaque[0].column", "holds identifiers of persons", "", false, 0},
		{"limit of a row", "    ignore_columns: [Note]", "    limits: {row: ¤67108865}\n    ignore_columns: [Note]", "feeds[night].limits.row", "at most 67108864", "", true, 0},
		{"tolerance", "    ignore_columns: [Note]", "    tolerance: ¤1.5\n    ignore_columns: [Note]", "feeds[night].tolerance", "at least 0 and at most 1", "", true, 0},
		{"schedule", "every: day, by", "by", "feeds[night].schedule.by", "needs every", "", true, 0},
		{"code column twice", "      - {column: Diagnosis, system: icd}", "      - {column: Diagnosis, system: icd}\n      - ¤{column: Diagnosis, system: icd}", "feeds[night].codes[1]", "stands twice", "", false, 0},
		{"format", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: ¤csv\n    dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "feeds[hip].format", "one of delimited, fixed, ndjson, xlsx", "", true, 0},
		{"compression", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "compression: ¤bzip2\n    dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "feeds[hip].compression", "one of gzip, zstd, zip", "", true, 0},
		{"limit", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "limits: {bytes: ¤0}\n    dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "feeds[hip].limits.bytes", "at least 1", "", true, 0},
		{"fixed columns of delimited text", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "fixed: ¤[{name: id, from: 1, width: 4}, {name: op, from: 6, width: 1}, {name: sor, from: 8, width: 4}, {name: day, from: 13, width: 10}, {name: n, from: 24, width: 1}, {name: d, from: 26, width: 1}, {name: e, from: 28, width: 4}, {name: los, from: 33, width: 3}, {name: when, from: 37, width: 1}]\n    dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "feeds[hip].fixed", "only the format fixed has fixed", "", true, 0},
		{"fixed without columns", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: fixed", "feeds[hip].fixed", "needs its columns", "name: unit", true, 0},
		{"fixed column without width", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: fixed\n    fixed: [{name: id, from: 1, width: 4}, {name: op, from: 6, width: 1}, {name: sor, from: 8, width: 4}, {name: day, from: 13, width: 10}, {name: n, from: 24, width: 1}, ¤{name: d, from: 26}, {name: e, from: 28, width: 4}, {name: los, from: 33, width: 3}, {name: when, from: 37, width: 1}]", "feeds[hip].fixed[5]", "the key is required", "", true, 0},
		{"fixed columns overlap", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: fixed\n    fixed: [{name: id, from: 1, width: 4}, {name: op, from: 6, width: 1}, {name: sor, from: 8, width: 4}, {name: day, from: 13, width: 10}, {name: n, from: 24, width: 1}, ¤{name: d, from: 24, width: 1}, {name: e, from: 28, width: 4}, {name: los, from: 33, width: 3}, {name: when, from: 37, width: 1}]", "feeds[hip].fixed[5]", "overlaps the column n, which has the characters 24 to 24", "", false, 0},
		{"fixed column twice", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: fixed\n    fixed: [{name: x, from: 40, width: 1}, {name: ¤x, from: 42, width: 2}, {name: id, from: 1, width: 4}, {name: op, from: 6, width: 1}, {name: sor, from: 8, width: 4}, {name: day, from: 13, width: 10}, {name: n, from: 24, width: 1}, {name: d, from: 26, width: 1}, {name: e, from: 28, width: 4}, {name: los, from: 33, width: 3}, {name: when, from: 37, width: 1}]", "feeds[hip].fixed[1].name", "used twice", "", false, 0},
		{"fixed column that is not there", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}\n    delivery: delta\n    key: [id]", "format: fixed\n    fixed: [{name: id, from: 1, width: 4}, {name: op, from: 6, width: 1}, {name: sor, from: 8, width: 4}, {name: day, from: 13, width: 10}, {name: n, from: 24, width: 1}, {name: d, from: 26, width: 1}, {name: e, from: 28, width: 4}, {name: los, from: 33, width: 3}, {name: when, from: 37, width: 1}]\n    delivery: delta\n    key: [¤idd]", "feeds[hip].key[0]", "no column of that name", "did you mean id?", false, 0},
		{"fixed with delimiter", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: fixed\n    dialect: {delimiter: ¤\";\"}\n    fixed: [{name: id, from: 1, width: 4}, {name: op, from: 6, width: 1}, {name: sor, from: 8, width: 4}, {name: day, from: 13, width: 10}, {name: n, from: 24, width: 1}, {name: d, from: 26, width: 1}, {name: e, from: 28, width: 4}, {name: los, from: 33, width: 3}, {name: when, from: 37, width: 1}]", "feeds[hip].dialect.delimiter", "the format fixed has no delimiter", "", true, 0},
		{"ndjson of delimited text", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "ndjson: ¤{absent: missing}\n    dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "feeds[hip].ndjson", "only the format ndjson has ndjson", "", true, 0},
		{"ndjson with header", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: ndjson\n    dialect: {header: ¤true}", "feeds[hip].dialect.header", "the format ndjson has no header", "", true, 0},
		{"ndjson in latin", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: ndjson\n    dialect: {encoding: ¤windows-1252}", "feeds[hip].dialect.encoding", "JSON is written in UTF-8", "", true, 0},
		{"ndjson absent", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: ndjson\n    ndjson: {absent: ¤zero}", "feeds[hip].ndjson.absent", "one of reject, missing", "", true, 0},
		{"ndjson with trailer", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: ndjson\n    complete: {by: ¤trailer, pattern: x}", "feeds[hip].complete.by", "has no trailer", "manifest", false, 0},
		{"xlsx of delimited text", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "xlsx: ¤{sheet: A}\n    dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "feeds[hip].xlsx", "only the format xlsx has xlsx", "", true, 0},
		{"xlsx with encoding", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: xlsx\n    dialect: {encoding: ¤utf-8}", "feeds[hip].dialect.encoding", "the format xlsx has no encoding", "", true, 0},
		{"xlsx by newline", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: xlsx\n    complete: ¤newline", "feeds[hip].complete", "a workbook has no last line", "", false, 0},
		{"xlsx without names", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: xlsx\n    dialect: ¤{header: false}", "feeds[hip].dialect.names", "needs names", "", true, 0},
		{"xlsx header row", "dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: xlsx\n    xlsx: {header_row: ¤0}", "feeds[hip].xlsx.header_row", "at least 1", "", true, 0},
		{"key of a mapping is a number", "{sv: Primärvård, en: Primary care}", "{¤1: Primärvård, en: Primary care}", "registries[pv].name", "a key must be text", "", true, 0},
	}
}

// spoil gives the broken file and where the mark stood, line 0 without one.
func (b broken) spoil(t *testing.T) (text string, line, col int) {
	t.Helper()
	old := strings.Replace(b.old, "¤", "", 1)
	if n := strings.Count(base, old); n != 1 {
		t.Fatalf("%q stands %d times in the base catalog; a case must name one place", old, n)
	}
	text = strings.Replace(base, old, b.new, 1)
	before, after, marked := strings.Cut(text, "¤")
	if !marked {
		return text, 0, 0
	}
	last := before[strings.LastIndexByte(before, '\n')+1:]
	return before + after, 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(last)
}

func loadText(text string) (*catalog.Catalog, []catalog.Problem, error) {
	c, err := catalog.Load(fstest.MapFS{"c.yaml": {Data: []byte(text)}})
	var wrong *catalog.Error
	if errors.As(err, &wrong) {
		return c, wrong.Problems, nil
	}
	return c, nil, err
}

func TestBaseIsValid(t *testing.T) {
	if _, problems, err := loadText(base); err != nil || len(problems) > 0 {
		t.Fatalf("%v\n%v", err, &catalog.Error{Problems: problems})
	}
}

// TestVariantsAreValid: what looks like a fault and is none.
func TestVariantsAreValid(t *testing.T) {
	for name, change := range map[string][2]string{
		"a unit above another and later below it": {
			"codes: {sor: \"1001\"}, parents: [region]}",
			"codes: {sor: \"1001\"}, parents: [{unit: vc1, from: 2020-01-01}]}\n  - {id: a, name: A, kind: k, parents: [{unit: b, to: 2020-01-01}]}\n  - {id: b, name: B, kind: k, parents: [{unit: a, from: 2020-01-01}]}"},
		"a long feed beside another of its registry": {
			"      denominator: D\n    codes:",
			"    codes:"},
		"a place for anchors":                  {"people:\n", "x-anything: [1, {a: b}]\npeople:\n"},
		"a file of fixed width":                {"dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: fixed\n    fixed: [{name: id, from: 1, width: 4}, {name: op, from: 6, width: 1}, {name: sor, from: 8, width: 4}, {name: day, from: 13, width: 10}, {name: n, from: 24, width: 1}, {name: d, from: 26, width: 1}, {name: e, from: 28, width: 4}, {name: los, from: 33, width: 3}, {name: when, from: 37, width: 1}]"},
		"a file of fixed width without header": {"dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: fixed\n    dialect: {header: false, decimal: \",\", encoding: windows-1252}\n    fixed: [{name: id, from: 1, width: 4}, {name: op, from: 6, width: 1}, {name: sor, from: 8, width: 4}, {name: day, from: 13, width: 10}, {name: n, from: 24, width: 1}, {name: d, from: 26, width: 1}, {name: e, from: 28, width: 4}, {name: los, from: 33, width: 3}, {name: when, from: 37, width: 1}]"},
		"JSON lines":                           {"dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: ndjson\n    dialect: {decimal: \",\"}\n    ndjson: {absent: missing}\n    compression: gzip\n    limits: {bytes: 1000000, ratio: 50}"},
		"a workbook":                           {"dialect: {header: false, names: [id, op, sor, day, n, d, e, los, when]}", "format: xlsx\n    dialect: {decimal: \",\", header: true}\n    xlsx: {sheet: Blad1, header_row: 3}\n    complete: none"},
		"declared identifiers":                 {"    ignore_columns: [Note]", "    identifiers: [Note]\n    opaque: [{column: Sex, forms: [\"dddddd-dddd\", \"x.[d] \"]}]\n    limits: {row: 1000, field: 100}\n    ignore_columns: [Note]"},
		"phases, exclusions and rules": {"    introduction: {signed: 2022-01-01", "    phases:\n      - {unit: vc1, from: 2023-01-01, baseline_from: 2023-02-01, baseline_to: 2024-02-01, reason: r, approved_by: p1}\n" +
			"      - {unit: vc1, stratum: women, from: 2023-01-01, reason: r, approved_by: gone}\n      - {from: 2023-01-01, baseline_to: 2023-06-01, reason: r, approved_by: p1}\n      - {from: 2023-06-01, reason: r, approved_by: p1}\n" +
			"    exclude: [{period: 2023-01-01, reason: r}, {unit: vc1, period: 2023-01-01, reason: r}, {period: 2023-02-01, reason: r}]\n    rules: mdc\n    introduction: {signed: 2022-01-01"},
		"a shorthand of each kind": {"{by: trailer, pattern: '^END;(\\d+)$'}", "manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Count(base, change[0]) != 1 {
				t.Fatalf("%q does not stand once in the base", change[0])
			}
			text := strings.Replace(base, change[0], change[1], 1)
			if strings.HasPrefix(name, "a long feed") {
				text = strings.Replace(text, "\npeople:", `
  - id: other
    registry: pv
    files: ["other_*.csv"]
    delivery: snapshot
    columns: {unit: u, unit_system: hsa, event_date: d}
    measures:
      - {indicator: hba1c, numerator: n, denominator: d}
      - {indicator: cov, numerator: n, denominator: d}
people:`, 1)
			}
			if _, problems, err := loadText(text); err != nil || problems != nil {
				t.Errorf("%v\n%v", err, &catalog.Error{Problems: problems})
			}
			if err := catalog.SchemaValidator(t)(text); err != nil {
				t.Errorf("the schema: %v", err)
			}
		})
	}
}

// TestProblems: each fault is told, at its place, once, and nothing else is.
func TestProblems(t *testing.T) {
	for _, b := range brokenCatalogs() {
		t.Run(b.name, func(t *testing.T) {
			text, line, col := b.spoil(t)
			c, problems, err := loadText(text)
			if err != nil || c != nil {
				t.Fatalf("catalog %v, error %v; want neither", c != nil, err)
			}
			all := fmt.Sprint(&catalog.Error{Problems: problems})
			var hits int
			for _, p := range problems {
				if p.Path == b.path && strings.Contains(p.Rule, b.rule) && strings.Contains(p.Hint, b.hint) &&
					(line == 0 || p.Line == line && p.Column == col) {
					hits++
					if p.File != "c.yaml" || p.Line < 1 || p.Column < 1 {
						t.Errorf("no place: %+v", p)
					}
				}
			}
			if hits == 0 {
				t.Errorf("want a problem at %d:%d of %s with %q and hint %q; all:\n%s", line, col, b.path, b.rule, b.hint, all)
			}
			if len(problems) != 1+b.more {
				t.Errorf("want %d problems, have %d:\n%s", 1+b.more, len(problems), all)
			}
		})
	}
}

// TestSchemaRefusesWhatItCan: the schema refuses the broken catalogs that it
// can, accepts those whose fault it cannot express, and accepts the base.
func TestSchemaRefusesWhatItCan(t *testing.T) {
	validate := catalog.SchemaValidator(t)
	if err := validate(base); err != nil {
		t.Fatalf("the base: %v", err)
	}
	for _, b := range brokenCatalogs() {
		t.Run(b.name, func(t *testing.T) {
			text, _, _ := b.spoil(t)
			if strings.Contains(b.name, "duplicate key") {
				return // no JSON document can have one
			}
			if err := validate(text); (err != nil) != b.schema {
				t.Errorf("the schema says %v; want a refusal: %v", err, b.schema)
			}
		})
	}
}
