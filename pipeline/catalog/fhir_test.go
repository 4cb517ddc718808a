package catalog_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"larstrom/pipeline/catalog"
)

// reports is a catalog with one feed of reports.
const reports = `region: {code: r1, name: Region, time_zone: Europe/Stockholm}
registries:
  - {code: pv, name: PV, country: SE}
  - {code: hip, name: Hip, country: SE}
indicators:
  - {id: bp, registry: pv, name: BP, type: proportion, class: process}
  - {id: op, registry: hip, name: Op, type: proportion, class: process}
units:
  - {id: vc1, name: One, kind: health_centre, codes: {hsa: SE-1}}
feeds:
  - id: reports
    registry: pv
    files: ["*.json"]
    format: fhir
    fhir:
      reports: summary
      unit: {system: "urn:oid:1"}
      stratifiers: [sex, age]
      measures:
        - {url: "https://example.org/b", indicator: bp}
        - {url: "https://example.org/a", group: x, indicator: bp, version: "1"}
    delivery: snapshot
    columns: {unit: unit, unit_system: hsa, indicator: indicator, event_date: start, period_end: end, strata: [stratum], numerator: numerator, denominator: denominator}
`

func loadReports(text string) (*catalog.Catalog, error) {
	return catalog.Load(fstest.MapFS{"c.yaml": &fstest.MapFile{Data: []byte(text)}})
}

func TestReportsFeed(t *testing.T) {
	c, err := loadReports(reports)
	if err != nil {
		t.Fatal(err)
	}
	f := c.Feeds[0].FHIR
	if f.Measures[0].URL != "https://example.org/a" || f.Stratifiers[0] != "age" || f.Unit.System != "urn:oid:1" {
		t.Errorf("%+v", f)
	}
	// The order of what has none does not name another catalog.
	other := strings.NewReplacer("[sex, age]", "[age, sex]").Replace(reports)
	if o, err := loadReports(other); err != nil || o.Hash != c.Hash {
		t.Errorf("another hash, %v", err)
	}
	if o, err := loadReports(strings.Replace(reports, "urn:oid:1", "urn:oid:2", 1)); err != nil || o.Hash == c.Hash {
		t.Errorf("the same hash, %v", err)
	}
}

func TestReportsFeedProblems(t *testing.T) {
	for _, c := range []struct{ old, new, path, says string }{
		{"    fhir:\n      reports: summary\n      unit: {system: \"urn:oid:1\"}\n      stratifiers: [sex, age]\n      measures:\n        - {url: \"https://example.org/b\", indicator: bp}\n        - {url: \"https://example.org/a\", group: x, indicator: bp, version: \"1\"}\n",
			"", "feeds[reports].fhir", "needs to know its reports"},
		{"format: fhir", "format: ndjson", "feeds[reports].fhir", "only the format fhir has fhir"},
		{"reports: summary", "reports: data-collection", "feeds[reports].fhir.reports", "must be one of summary, individual"},
		{"period_end: end, ", "", "feeds[reports].columns.period_end", "must be one of the indicator"},
		{"period_end: end", "period_end: end, subject: subject", "feeds[reports].columns.subject", "has no subject"},
		{"strata: [stratum], ", "", "feeds[reports].columns.strata", "need columns.strata"},
		{"numerator: numerator", "numerator: numerater", "feeds[reports].columns.numerator", "no column of that name"},
		{"indicator: bp}\n        - {url: \"https://example.org/a\"", "indicator: bpp}\n        - {url: \"https://example.org/a\"", "feeds[reports].fhir.measures[bpp].indicator", "no indicator"},
		{"indicator: bp}\n        - {url: \"https://example.org/a\"", "indicator: op}\n        - {url: \"https://example.org/a\"", "feeds[reports].fhir.measures[op].indicator", "belongs to the registry hip"},
		{"https://example.org/a\", group: x", "https://example.org/b\"", "feeds[reports].fhir.measures[bp]", "stands twice"},
		{"    delivery:", "    dialect: {dates: dd.mm.yyyy}\n    delivery:", "feeds[reports].dialect.dates", "as ISO does"},
		{"    delivery:", "    dialect: {delimiter: \";\"}\n    delivery:", "feeds[reports].dialect.delimiter", "has no delimiter"},
		{"    delivery:", "    dialect: {encoding: windows-1252}\n    delivery:", "feeds[reports].dialect.encoding", "UTF-8"},
		{"    delivery:", "    complete: newline\n    delivery:", "feeds[reports].complete", "has no last line"},
		{"    delivery:", "    complete: {by: trailer, pattern: x}\n    delivery:", "feeds[reports].complete.by", "has no trailer"},
	} {
		if !strings.Contains(reports, c.old) {
			t.Fatalf("%q is not in the catalog", c.old)
		}
		_, err := loadReports(strings.Replace(reports, c.old, c.new, 1))
		bad, ok := errors.AsType[*catalog.Error](err)
		if !ok || len(bad.Problems) != 1 || bad.Problems[0].Path != c.path || !strings.Contains(bad.Error(), c.says) {
			t.Errorf("%q: %v\nwant %s: %s", c.new, err, c.path, c.says)
		}
	}
	if _, err := loadReports(strings.NewReplacer("reports: summary", "reports: summary\n      form: ndjson", "    delivery:", "    complete: newline\n    delivery:").Replace(reports)); err != nil {
		t.Error(err)
	}
}

// TestTableFeedProblems: a feed of typed tables has no byte-level dialect.
func TestTableFeedProblems(t *testing.T) {
	begin := reports[:strings.Index(reports, "feeds:")]
	for _, format := range []string{"parquet", "arrow"} {
		feed := begin + "feeds:\n  - id: t\n    registry: pv\n    files: [\"*.x\"]\n    format: " + format + "\n    delivery: snapshot\n" +
			"    columns: {unit: u, unit_system: hsa, event_date: d}\n    measures: [{indicator: bp, numerator: n, denominator: m}]\n"
		if _, err := loadReports(feed + "    dialect: {decimal: \",\", dates: year-month, missing: [NaN]}\n    complete: manifest\n"); err != nil {
			t.Error(err)
		}
		for _, bad := range []string{"dialect: {encoding: utf-8}", "dialect: {header: false}", "dialect: {quote: \"'\"}", "complete: newline", "complete: {by: trailer, pattern: x}", "fhir: {reports: summary, measures: [{url: x, indicator: bp}]}"} {
			_, err := loadReports(feed + "    " + bad + "\n")
			if bad, ok := errors.AsType[*catalog.Error](err); !ok || len(bad.Problems) != 1 {
				t.Errorf("%s %s: %v", format, bad, err)
			}
		}
	}
}
