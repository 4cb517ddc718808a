package dashboards_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"larstrom/dashboards"
	"larstrom/services/larstrom/app"
)

// TestFilesAreFresh: the files equal a fresh generation, and there are no others.
func TestFilesAreFresh(t *testing.T) {
	files, err := filepath.Glob("*.json")
	if err != nil {
		t.Fatal(err)
	}
	all := dashboards.All()
	if len(files) != len(all) {
		t.Errorf("the files are %v", files)
	}
	for name, d := range all {
		want, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the definitions say (%v): make dashboards", name, err)
		}
	}
}

var (
	readFrom  = regexp.MustCompile(`(?i)\b(?:FROM|JOIN)\s+([A-Za-z_.]+|\()`)
	quoted    = regexp.MustCompile(`'[^']*'`)
	defined   = regexp.MustCompile(`(?i)\bWITH\s+(\w+)\s+AS\s+\(`)
	variables = regexp.MustCompile(`\$\{(\w+)(?::(\w+))?\}`)
	macros    = regexp.MustCompile(`\$__\w+`)
)

// TestStructure holds the dashboards against what Grafana 12 and the plugin's
// 4.x expect.
func TestStructure(t *testing.T) {
	uids := map[string]map[string]bool{} // its variables
	for _, d := range dashboards.All() {
		uids[d.UID] = map[string]bool{}
		for _, v := range d.Templating.List {
			uids[d.UID][v.Name] = true
		}
	}
	for name, d := range dashboards.All() {
		b, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		var top map[string]any
		if err := json.Unmarshal(b, &top); err != nil {
			t.Fatal(err)
		}
		if _, has := top["id"]; has || d.UID != strings.TrimSuffix(name, ".json") || d.SchemaVersion != 41 || d.Timezone != "utc" || !d.Editable || d.Title == "" {
			t.Errorf("%s: id %v, uid %s, schema version %d, time zone %s", name, has, d.UID, d.SchemaVersion, d.Timezone)
		}
		structure(t, name, d)
		for _, m := range regexp.MustCompile(`"url": "([^"]+)"`).FindAllSubmatch(b, -1) {
			link(t, name, string(m[1]), d, uids)
		}
	}
}

func structure(t *testing.T, name string, d dashboards.Dashboard) {
	t.Helper()
	ids := map[int]bool{}
	kinds := []string{"row", "table", "timeseries", "state-timeline", "xychart", "stat"}
	names := map[string]bool{}
	for _, v := range d.Templating.List {
		if names[v.Name] {
			t.Errorf("%s: the variable %s is there twice", name, v.Name)
		}
		if q, ok := v.Query.(dashboards.Target); ok {
			text(t, name+", variable "+v.Name, q, names)
		} else if v.Name != "datasource" {
			t.Errorf("%s: the variable %s has no query", name, v.Name)
		}
		names[v.Name] = true
	}
	if !names["datasource"] || d.Templating.List[0].Current["value"] != dashboards.DataSourceUID {
		t.Errorf("%s: the first variable is not the provisioned data source", name)
	}
	for _, p := range flat(d) {
		where := fmt.Sprintf("%s, panel %d %s", name, p.ID, p.Title)
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("%s: the id is 0 or another's", where)
		}
		ids[p.ID] = true
		if !slices.Contains(kinds, p.Type) {
			t.Errorf("%s: unknown type %s", where, p.Type)
		}
		for _, m := range variables.FindAllStringSubmatch(p.Title, -1) {
			if !names[m[1]] {
				t.Errorf("%s: there is no variable %s", where, m[1])
			}
		}
		if p.Type == "row" {
			if len(p.Targets) > 0 || p.Collapsed == nil || !*p.Collapsed || len(*p.Panels) == 0 {
				t.Errorf("%s: a row is closed and holds panels", where)
			}
			continue
		}
		// The XY chart rewrites the options of a panel without a version.
		if p.PluginVersion == "" || p.Datasource == nil || p.Datasource.UID != "${datasource}" || p.Description == "" {
			t.Errorf("%s: version %q, data source %v, description %q", where, p.PluginVersion, p.Datasource, p.Description)
		}
		if p.Repeat != "" && !names[p.Repeat] {
			t.Errorf("%s: repeats by %s, which is no variable", where, p.Repeat)
		}
		refs := map[string]bool{}
		for _, q := range p.Targets {
			if refs[q.RefID] || q.RefID == "" {
				t.Errorf("%s: query %q is there twice or has no name", where, q.RefID)
			}
			refs[q.RefID] = true
			text(t, where, q, names)
		}
		for _, tr := range p.Transformations {
			if ref := tr.Options["configRefId"]; !refs[ref.(string)] {
				t.Errorf("%s: a transformation reads the query %v", where, ref)
			}
		}
		if p.Type == "timeseries" && p.FieldConfig.Defaults["custom"] == nil {
			t.Errorf("%s: no custom options", where)
		}
		if b, err := json.Marshal(p.FieldConfig); err != nil || p.Type == "timeseries" && !bytes.Contains(b, []byte(`"spanNulls":false`)) || bytes.Contains(b, []byte(`"spanNulls":true`)) {
			t.Errorf("%s: a line may cross a gap (%v)", where, err)
		}
	}
	places(t, name, d.Panels)
	for _, a := range d.Annotations.List {
		text(t, name+", annotation "+a.Name, a.Target, names)
	}
}

// places: panels lie within the width of 24 and not over each other.
func places(t *testing.T, name string, panels []dashboards.Panel) {
	t.Helper()
	for i, p := range panels {
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X < 0 || g.Y < 0 || g.X+g.W > 24 {
			t.Errorf("%s, panel %d: place %+v", name, p.ID, g)
		}
		for _, q := range panels[:i] {
			o := q.GridPos
			if g.X < o.X+o.W && o.X < g.X+g.W && g.Y < o.Y+o.H && o.Y < g.Y+g.H {
				t.Errorf("%s: panels %d and %d lie over each other", name, p.ID, q.ID)
			}
		}
	}
}

// text: a query reads released views only, takes only variables that there
// are, percent-encoded within a string, and only the macro for dates.
func text(t *testing.T, where string, q dashboards.Target, names map[string]bool) {
	t.Helper()
	if q.EditorType != "sql" || q.Format != 1 || q.PluginVersion < "4.0.0" || q.RawSQL == "" {
		t.Errorf("%s: query %+v", where, q)
	}
	known := app.ReleasedViews()
	for _, m := range defined.FindAllStringSubmatch(q.RawSQL, -1) {
		known = append(known, m[1])
	}
	for _, m := range readFrom.FindAllStringSubmatch(quoted.ReplaceAllString(q.RawSQL, "''"), -1) {
		if m[1] != "(" && !slices.Contains(known, m[1]) {
			t.Errorf("%s: reads %s, which is no released view", where, m[1])
		}
	}
	if strings.Contains(q.RawSQL, "result_") || strings.Contains(q.RawSQL, "pointer") {
		t.Errorf("%s: reads what is behind the views", where)
	}
	for _, m := range variables.FindAllStringSubmatchIndex(q.RawSQL, -1) {
		variable, format := q.RawSQL[m[2]:m[3]], ""
		if m[4] >= 0 {
			format = q.RawSQL[m[4]:m[5]]
		}
		if !names[variable] {
			t.Errorf("%s: there is no variable %s, or it comes later", where, variable)
		}
		if format != "percentencode" || !strings.HasSuffix(q.RawSQL[:m[0]], "decodeURLComponent('") || !strings.HasPrefix(q.RawSQL[m[1]:], "')") {
			t.Errorf("%s: the variable %s could end its string", where, variable)
		}
	}
	for _, m := range macros.FindAllString(q.RawSQL, -1) {
		if m != "$__dateFilter" {
			t.Errorf("%s: the macro %s is not expanded in the test of queries", where, m)
		}
	}
	if rest := macros.ReplaceAllString(variables.ReplaceAllString(q.RawSQL, ""), ""); strings.Contains(rest, "$") {
		t.Errorf("%s: a dollar sign is no variable: %s", where, rest)
	}
}

// link: a link within Grafana leads to a dashboard of ours and sets variables
// that it has.
func link(t *testing.T, name, target string, d dashboards.Dashboard, uids map[string]map[string]bool) {
	t.Helper()
	vars := map[string]option{}
	for _, v := range d.Templating.List {
		vars[v.Name] = option{value: "å & 'x'"}
	}
	target = regexp.MustCompile(`\$\{__data\.fields\.\w+:percentencode\}`).ReplaceAllString(target, percentEncode("å & 'x'"))
	u, err := url.Parse(interpolate(target, vars))
	if err != nil {
		t.Fatalf("%s: link %s: %v", name, target, err)
	}
	has, ok := uids[strings.TrimPrefix(u.Path, "/d/")]
	if !ok {
		t.Errorf("%s: link to %s, which is no dashboard of ours", name, u.Path)
	}
	for key, values := range u.Query() {
		if !has[strings.TrimPrefix(key, "var-")] || values[0] != "å & 'x'" {
			t.Errorf("%s: link %s sets %s to %q", name, u.Path, key, values)
		}
	}
}

// TestProvisioning: the provisioned data source is the one that the dashboards
// name, it takes where and who from the environment, and there is no password.
func TestProvisioning(t *testing.T) {
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, Type, UID, Access string
			Editable                bool
			JSONData                map[string]any    `yaml:"jsonData"`
			SecureJSONData          map[string]string `yaml:"secureJsonData"`
		}
	}
	provisioned(t, "datasources/larstrom.yaml", &sources)
	if len(sources.Datasources) != 1 || sources.APIVersion != 1 {
		t.Fatalf("data sources: %+v", sources)
	}
	s := sources.Datasources[0]
	if s.UID != dashboards.DataSourceUID || s.Type != "grafana-clickhouse-datasource" || s.Access != "proxy" || s.Editable {
		t.Errorf("data source: %+v", s)
	}
	for key, want := range map[string]any{
		"host": "$LARSTROM_GRAFANA_CLICKHOUSE_HOST", "port": "$LARSTROM_GRAFANA_CLICKHOUSE_PORT", "protocol": "http",
		"username": "$LARSTROM_GRAFANA_CLICKHOUSE_USER", "defaultDatabase": "released",
	} {
		if s.JSONData[key] != want {
			t.Errorf("%s is %v, want %v", key, s.JSONData[key], want)
		}
	}
	if len(s.SecureJSONData) != 1 || s.SecureJSONData["password"] != "$LARSTROM_GRAFANA_CLICKHOUSE_PASSWORD" {
		t.Errorf("secrets: %v", s.SecureJSONData)
	}
	var boards struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type string
			Options    struct {
				Path string
			}
		}
	}
	provisioned(t, "dashboards/larstrom.yaml", &boards)
	if len(boards.Providers) != 1 || boards.Providers[0].Type != "file" || boards.Providers[0].Options.Path != "$LARSTROM_GRAFANA_DASHBOARDS" {
		t.Errorf("providers: %+v", boards)
	}
}

func provisioned(t *testing.T, name string, to any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../deploy/grafana/provisioning", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, to); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
