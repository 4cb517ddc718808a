package dashboards_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc/pool"

	"larstrom/dashboards"
	"larstrom/services/larstrom/app"
)

// result is the result of one query.
type result struct {
	Meta []struct{ Name, Type string }
	Data [][]any
}

func (r *result) column(name string) int {
	for i, m := range r.Meta {
		if m.Name == name {
			return i
		}
	}
	return -1
}

func (r *result) names() []string {
	var out []string
	for _, m := range r.Meta {
		out = append(out, m.Name)
	}
	return out
}

// engineOf runs queries on the released store where Grafana would, each text
// once.
type engineOf struct {
	t   *testing.T
	a   *app.App
	ran map[string]*result
}

func (e *engineOf) run(sql string) (*result, error) {
	url := "http://" + e.a.ClickHouseAddr() + "/?database=released&default_format=JSONCompact"
	req, err := http.NewRequestWithContext(e.t.Context(), http.MethodPost, url, strings.NewReader(sql))
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(grafanaUser, grafanaPassword)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", resp.Status, b)
	}
	r := &result{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%w in %s", err, b)
	}
	return r, nil
}

// all runs the queries that have not run yet.
func (e *engineOf) all(queries []string) {
	e.t.Helper()
	slices.Sort(queries)
	queries = slices.Compact(queries)
	p := pool.NewWithResults[*result]().WithMaxGoroutines(4)
	queries = slices.DeleteFunc(queries, func(q string) bool { return e.ran[q] != nil })
	results := make([]*result, len(queries))
	for i, q := range queries {
		p.Go(func() *result {
			r, err := e.run(q)
			if err != nil {
				e.t.Errorf("%v in\n%s", err, q)
				r = &result{}
			}
			results[i] = r
			return nil
		})
	}
	p.Wait()
	for i, q := range queries {
		e.ran[q] = results[i]
	}
}

// The time range of the page: what Grafana sends for the default, and one in
// which nothing lies.
var (
	from = time.Date(2021, 2, 3, 12, 0, 0, 0, time.UTC)
	to   = time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)
)

func sqlOf(q dashboards.Target, vars map[string]option) string {
	return expand(interpolate(q.RawSQL, vars), from, to)
}

// choices are all combinations of options that a page can have: the options of
// each variable under those before it, as Grafana loads them. A variable
// without options is empty. A multi-value variable that a panel repeats by is
// one option at a time.
func choices(e *engineOf, d dashboards.Dashboard) []map[string]option {
	e.t.Helper()
	out := []map[string]option{{}}
	for _, v := range d.Templating.List {
		if v.Type == "datasource" {
			for _, c := range out {
				c[v.Name] = option{dashboards.DataSourceUID, "Lärström released"}
			}
			continue
		}
		q := v.Query.(dashboards.Target)
		var queries []string
		for _, c := range out {
			queries = append(queries, sqlOf(q, c))
		}
		e.all(slices.Clone(queries))
		var next []map[string]option
		for i, c := range out {
			r := e.ran[queries[i]]
			if n := len(r.Meta); n != 1 && n != 2 {
				e.t.Fatalf("variable %s: the query has %d columns, not value and text", v.Name, n)
			}
			options := []option{{}}
			seen := map[string]bool{}
			for j, row := range r.Data {
				o := option{row[0].(string), row[len(row)-1].(string)}
				if o.value == "" || o.text == "" {
					e.t.Errorf("variable %s has the option %q %q: an empty one cannot be told from none", v.Name, o.value, o.text)
				}
				if seen[o.value] {
					e.t.Errorf("variable %s has the option %q twice", v.Name, o.value)
				}
				seen[o.value] = true
				if j == 0 {
					options = options[:0]
				}
				options = append(options, o)
			}
			for _, o := range options {
				c := maps.Clone(c)
				c[v.Name] = o
				next = append(next, c)
			}
		}
		out = next
	}
	return out
}

// flat are the panels of a dashboard, those within rows too.
func flat(d dashboards.Dashboard) []dashboards.Panel {
	var out []dashboards.Panel
	for _, p := range d.Panels {
		out = append(out, p)
		if p.Panels != nil {
			out = append(out, *p.Panels...)
		}
	}
	return out
}

// TestEveryQuery runs every query of every panel, annotation and variable with
// every option of every variable against the real engine, which holds released,
// preliminary, held, missing and ineligible periods under names and strata that
// try to break out.
func TestEveryQuery(t *testing.T) {
	started := time.Now()
	e := &engineOf{t: t, a: deploy(t), ran: map[string]*result{}}
	t.Logf("deployed after %v", time.Since(started).Round(time.Millisecond))
	kinds, err := e.run("SELECT DISTINCT toString(state) FROM chart ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"value", "preliminary", "held_previous", "held_empty", "missing", "no_eligible"} {
		if !slices.ContainsFunc(kinds.Data, func(r []any) bool { return r[0] == want }) {
			t.Errorf("the test region has no period in the state %s", want)
		}
	}
	t.Run("names are safe", func(t *testing.T) { testNamesAreSafe(t, e) })
	t.Run("phases", func(t *testing.T) { testPhases(t, e) })
	for name, d := range dashboards.All() {
		all := choices(e, d)
		if least := map[bool]int{true: 2, false: 10}[d.UID == "larstrom-feeds"]; len(all) < least {
			t.Fatalf("%s: only %d combinations of options", name, len(all))
		}
		var queries []string
		each(d, func(_ string, q dashboards.Target) {
			for _, c := range all {
				queries = append(queries, sqlOf(q, c))
			}
		})
		e.all(queries)
		each(d, func(where string, q dashboards.Target) {
			rows := 0
			for _, c := range all {
				rows = max(rows, len(e.ran[sqlOf(q, c)].Data))
			}
			// No publication has a chart of two phases yet; testPhases has.
			if rows == 0 && where != "annotation Phases" {
				t.Errorf("%s, %s, query %s: no option gives a row", name, where, q.RefID)
			}
		})
		for _, p := range flat(d) {
			checkPanel(t, e, name, p, all)
		}
		for _, a := range d.Annotations.List {
			for _, c := range all {
				r := e.ran[sqlOf(a.Target, c)]
				if got := r.names(); !slices.Equal(got, []string{"time", "text", "tags"}) || !isTime(r.Meta[0].Type) {
					t.Fatalf("%s, annotation %s: columns %v", name, a.Name, r.Meta)
				}
			}
		}
		t.Logf("%s: %d combinations of options", name, len(all))
	}
	t.Logf("%d different queries, %v in all", len(e.ran), time.Since(started).Round(time.Millisecond))
}

// each calls f for every query of panels and annotations.
func each(d dashboards.Dashboard, f func(where string, q dashboards.Target)) {
	for _, p := range flat(d) {
		for _, q := range p.Targets {
			f(fmt.Sprintf("panel %d %s", p.ID, p.Title), q)
		}
	}
	for _, a := range d.Annotations.List {
		f("annotation "+a.Name, a.Target)
	}
}

func isTime(kind string) bool { return kind == "DateTime64(0, 'UTC')" }

var number = regexp.MustCompile(`^(Nullable\()?(Float64|U?Int(8|16|32|64))\)?$`)

var fieldOfLink = regexp.MustCompile(`__data\.fields\.(\w+)`)

// checkPanel holds the results of a panel's queries against what the panel
// says of them.
func checkPanel(t *testing.T, e *engineOf, name string, p dashboards.Panel, all []map[string]option) {
	t.Helper()
	where := fmt.Sprintf("%s, panel %d %s", name, p.ID, p.Title)
	if p.Type == "row" {
		return
	}
	columns := map[string]string{} // name: type
	for _, q := range p.Targets {
		for _, m := range e.ran[sqlOf(q, all[0])].Meta {
			columns[m.Name] = m.Type
		}
	}
	for _, o := range p.FieldConfig.Overrides {
		if column := o.Matcher.Options.(string); o.Matcher.ID != "byName" || columns[column] == "" {
			t.Errorf("%s: an override is for the column %s; there are %v", where, column, slices.Sorted(maps.Keys(columns)))
		}
	}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fieldOfLink.FindAllSubmatch(b, -1) {
		if columns[string(m[1])] == "" {
			t.Errorf("%s: a link reads the column %s; there are %v", where, m[1], slices.Sorted(maps.Keys(columns)))
		}
	}
	overridden := func(column string) bool {
		return slices.ContainsFunc(p.FieldConfig.Overrides, func(o dashboards.Override) bool { return o.Matcher.Options == column })
	}
	for column := range columns {
		if !overridden(column) && column != "time" && column != "publication" && column != "words" && column != "measure" {
			t.Errorf("%s: the column %s has no name for people", where, column)
		}
	}
	for _, q := range p.Targets {
		for _, c := range all {
			r := e.ran[sqlOf(q, c)]
			if q.RefID == "measure" {
				if len(r.Data) == 1 && r.Data[0][0] != "percent" && r.Data[0][0] != "none" {
					t.Fatalf("%s: the unit is %v", where, r.Data[0])
				}
				continue
			}
			switch p.Type {
			case "timeseries", "state-timeline":
				checkTime(t, where, p, r)
			case "xychart":
				checkXY(t, where, r)
			}
			checkShown(t, where, r)
		}
	}
	switch p.Type {
	case "timeseries":
		if strings.Contains(p.Targets[0].RawSQL, "FROM chart") {
			checkAgainstView(t, e, where, p, all)
		}
	case "xychart", "table":
		if strings.Contains(p.Targets[0].RawSQL, "FROM funnel") {
			checkFunnel(t, e, where, p, all)
		}
	}
}

// checkTime: the first column is the time, ascending and never twice; of a
// chart all others are numbers.
func checkTime(t *testing.T, where string, p dashboards.Panel, r *result) {
	t.Helper()
	if r.Meta[0].Name != "time" || !isTime(r.Meta[0].Type) {
		t.Fatalf("%s: the first column is %v", where, r.Meta[0])
	}
	for i, m := range r.Meta[1:] {
		if p.Type == "timeseries" && !number.MatchString(m.Type) || p.Type == "state-timeline" && m.Type != "Nullable(String)" {
			t.Fatalf("%s: column %d is %v", where, i+1, m)
		}
	}
	for i := 1; i < len(r.Data); i++ {
		if r.Data[i-1][0].(string) >= r.Data[i][0].(string) {
			t.Fatalf("%s: %v comes before %v", where, r.Data[i-1][0], r.Data[i][0])
		}
	}
}

// checkXY: the XY chart draws NULL as zero, so there is none; n is x, every
// other number is drawn, and what a tooltip only names is text.
func checkXY(t *testing.T, where string, r *result) {
	t.Helper()
	if r.Meta[0].Name != "n" {
		t.Fatalf("%s: x is %v", where, r.Meta[0])
	}
	for i, m := range r.Meta {
		text := strings.Contains(m.Type, "String")
		if !text && m.Type != "Float64" {
			t.Fatalf("%s: column %v may be NULL or is no number", where, m)
		}
		for _, row := range r.Data {
			if _, ok := row[i].(float64); !text && !ok {
				t.Fatalf("%s: %s is %v", where, m.Name, row[i])
			}
		}
	}
}

// checkShown: in the tables of points and units a number is only in a state
// that shows one.
func checkShown(t *testing.T, where string, r *result) {
	t.Helper()
	state, shown := r.column("state"), r.column("shown")
	if state < 0 || shown < 0 {
		return
	}
	for _, row := range r.Data {
		drawn := row[state] == "value" || row[state] == "preliminary" || row[state] == "held_previous"
		if !drawn && (row[shown] != nil || row[r.column("size")] != nil) {
			t.Fatalf("%s: state %v shows %v of %v", where, row[state], row[shown], row[r.column("size")])
		}
	}
}

// checkAgainstView holds each point of a control chart against the view: the
// column that it is in is that of its state and signals, and where nothing may
// be shown there is no point and the line is broken.
func checkAgainstView(t *testing.T, e *engineOf, where string, p dashboards.Panel, all []map[string]option) {
	t.Helper()
	if p.Repeat != "" {
		return
	}
	seen := map[string]int{}
	for _, c := range all {
		r := e.ran[sqlOf(p.Targets[0], c)]
		query := sqlOf(dashboards.Target{RawSQL: `
			SELECT toDateTime64(period_start, 0, 'UTC'), toString(state), value, sigma_signal, runs_signal, centre, lcl, ucl FROM chart
			WHERE indicator = decodeURLComponent('${indicator:percentencode}') AND indicator_version = decodeURLComponent('${version:percentencode}')
			AND granularity = decodeURLComponent('${granularity:percentencode}') AND concat('=', stratum) = decodeURLComponent('${stratum:percentencode}')
			AND unit = decodeURLComponent('${unit:percentencode}') ORDER BY period_start`}, c)
		e.all([]string{query})
		view := e.ran[query]
		if len(view.Data) != len(r.Data) {
			t.Fatalf("%s: %d points of %d for %v", where, len(r.Data), len(view.Data), c)
		}
		for i, v := range view.Data {
			state, value, sigma, runs := v[1].(string), v[2], v[3].(bool), v[4].(bool)
			seen[state]++
			want := map[string]any{"time": v[0], "centre": v[5], "lower_limit": v[6], "upper_limit": v[7]}
			put := func(columns ...string) {
				for _, column := range columns {
					want[column] = value
				}
			}
			switch state {
			case "value":
				put("line")
				if sigma {
					put("limit_signal")
					seen["limit_signal"]++
				} else {
					put("released")
				}
				if runs {
					put("run_signal", "run_signal_hole")
					seen["run_signal"]++
				}
			case "preliminary":
				put("line", "preliminary", "preliminary_hole")
			case "held_previous":
				put("line", "held_previous")
			}
			for j, m := range r.Meta {
				if m.Name != "target" && m.Name != "reference" && r.Data[i][j] != want[m.Name] {
					t.Fatalf("%s: at %v in state %s (%v) %s is %v, want %v", where, v[0], state, c, m.Name, r.Data[i][j], want[m.Name])
				}
			}
		}
	}
	for _, want := range []string{"value", "preliminary", "held_previous", "held_empty", "missing", "no_eligible", "limit_signal", "run_signal"} {
		if seen[want] == 0 {
			t.Errorf("%s: no point was compared that is %s", where, want)
		}
	}
}

// checkFunnel: the kinds of points together are the units that have a value,
// and the table has every unit, by name.
func checkFunnel(t *testing.T, e *engineOf, where string, p dashboards.Panel, all []map[string]option) {
	t.Helper()
	for _, c := range all {
		query := sqlOf(dashboards.Target{RawSQL: `
			SELECT unit, toString(state) FROM funnel
			WHERE indicator = decodeURLComponent('${indicator:percentencode}') AND indicator_version = decodeURLComponent('${version:percentencode}')
			AND granularity = decodeURLComponent('${granularity:percentencode}') AND concat('=', stratum) = decodeURLComponent('${stratum:percentencode}')`}, c)
		e.all([]string{query})
		var want, got []string
		for _, row := range e.ran[query].Data {
			if p.Type == "table" || row[1] == "value" {
				want = append(want, row[0].(string))
			}
		}
		for _, q := range p.Targets {
			r := e.ran[sqlOf(q, c)]
			unit, shown := r.column("unit"), r.column("unit_name")
			if unit < 0 {
				continue
			}
			last := ""
			for _, row := range r.Data {
				got = append(got, row[unit].(string))
				key := strings.ToLower(row[shown].(string)) + "\x00" + row[unit].(string)
				if key < last {
					t.Fatalf("%s: units are not by name: %q after %q", where, key, last)
				}
				last = key
			}
		}
		if p.Type == "table" && p.Targets[0].RefID == "A" && len(got) == 0 && len(want) > 0 {
			continue // the sentences
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Fatalf("%s: units %v, want %v for %v", where, got, want, c)
		}
	}
}

// testNamesAreSafe: whatever a name is, the engine gets it and nothing else.
func testNamesAreSafe(t *testing.T, e *engineOf) {
	for _, name := range append(slices.Clone(naughty), "\\", "'", "''", `\'`, "\n\t", "%", "%%27", "$$", "${unit}", "🩺", "?", "a\x01b") {
		sql := sqlOf(dashboards.Target{RawSQL: "SELECT decodeURLComponent('${unit:percentencode}') AS v"}, map[string]option{"unit": {value: name}})
		r, err := e.run(sql)
		if err != nil || len(r.Data) != 1 || r.Data[0][0] != name {
			t.Errorf("%q came as %v: %v", name, r, err)
		}
	}
}

// testPhases lets the annotation of phases see a series of three.
func testPhases(t *testing.T, e *engineOf) {
	d := dashboards.Unit()
	i := slices.IndexFunc(d.Annotations.List, func(a dashboards.Annotation) bool { return a.Name == "Phases" })
	sql := strings.Replace(sqlOf(d.Annotations.List[i].Target, map[string]option{
		"indicator": {value: "adm_late"}, "version": {value: "1"}, "granularity": {value: "month"}, "stratum": {value: "="}, "unit": {value: "u00"},
	}), "FROM chart", `FROM (SELECT * REPLACE (multiIf(period_start < '2024-01-01', 1, period_start < '2025-01-01', 2, 3) AS phase) FROM chart)`, 1)
	r, err := e.run(sql)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Data) != 2 || r.Data[0][0] != "2024-01-01 00:00:00" || r.Data[1][0] != "2025-01-01 00:00:00" || !strings.HasPrefix(r.Data[0][1].(string), "Phase 2 begins") {
		t.Errorf("phases are marked as %v", r.Data)
	}
}
