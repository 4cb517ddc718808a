package deploy_test

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"larstrom/pipeline/embedded/engine"
	"larstrom/schemas/clickhouse"
)

const accessDenied = 497

// withSubnets is what the container of the server has, with the subnets.
func withSubnets(env map[string]string) map[string]string {
	env = maps.Clone(env)
	env["LARSTROM_STORES_SUBNET"], env["LARSTROM_DASHBOARDS_SUBNET"], env["LARSTROM_AUDIENCE_SUBNET"] = "172.29.71.0/24", "172.29.72.0/24", "172.29.73.0/24"
	return env
}

// migrations are the statements of a store, as package warehouse applies them.
func migrations(t *testing.T, fsys fs.FS, store string) []string {
	t.Helper()
	all := []string{"CREATE TABLE IF NOT EXISTS migration (name String, sha256 String, applied_at DateTime DEFAULT now()) ENGINE = ReplacingMergeTree ORDER BY name"}
	files, err := fs.Glob(fsys, store+"/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("migrations of %s: %q, %v", store, files, err)
	}
	comment := regexp.MustCompile(`(?m)^\s*--.*$`)
	for _, f := range files {
		b, err := fs.ReadFile(fsys, f)
		if err != nil {
			t.Fatal(err)
		}
		for s := range strings.SplitSeq(comment.ReplaceAllString(string(b), ""), ";\n") {
			if s = strings.TrimSpace(s); s != "" {
				all = append(all, strings.TrimSuffix(s, ";"))
			}
		}
	}
	return all
}

func in(database string, statements ...string) []string {
	return append([]string{"USE " + database}, statements...)
}

// views and tables of the released store by its migrations.
func relations(t *testing.T, kind string) []string {
	t.Helper()
	var names []string
	pattern := regexp.MustCompile(`^CREATE (?:OR REPLACE )?` + kind + ` (?:IF NOT EXISTS )?(\w+)`)
	for _, s := range migrations(t, clickhouse.Released, "released") {
		if m := pattern.FindStringSubmatch(s); m != nil && !slices.Contains(names, m[1]) { // a later migration may make it anew
			names = append(names, m[1])
		}
	}
	if len(names) == 0 {
		t.Fatalf("the released store has no %s", kind)
	}
	return names
}

// TestUsers takes the two stores from nothing to what dashboards read, each step
// as the user of the deployment that does it.
func TestUsers(t *testing.T) {
	s := session{path: t.TempDir(), env: withSubnets(environment(t))}

	var databases []string
	for q := range strings.SplitSeq(regexp.MustCompile(`(?m)^--.*$`).ReplaceAllString(read(t, "clickhouse/initdb.d/databases.sql"), ""), ";") {
		if q = strings.TrimSpace(q); q != "" {
			databases = append(databases, q)
		}
	}
	healthy := "SELECT throwIf(count() != 2) FROM system.databases WHERE name IN ('warehouse', 'released') FORMAT Null"
	if before := s.run(t, "default", healthy); before[0].Code == 0 {
		t.Error("the server is healthy without its databases")
	}
	start := append(databases, healthy)
	wantAll(t, "default", start, s.run(t, "default", start...))

	work := in("warehouse", append(migrations(t, clickhouse.Warehouse, "warehouse"),
		"SELECT name, sha256 FROM migration FINAL",
		"INSERT INTO migration (name, sha256) VALUES ('x', 'y')",
		"INSERT INTO obs (delivery, feed, line) VALUES ('d', 'f', 1)",
		"SELECT count() FROM obs FINAL", "OPTIMIZE TABLE obs FINAL", "TRUNCATE TABLE cell")...)
	wantAll(t, "warehouse", work, s.run(t, "warehouse", work...))

	publish := in("released", append(migrations(t, clickhouse.Released, "released"),
		"INSERT INTO pointer (publication, run, sets) VALUES (1, 'r1', ['s1'])",
		"INSERT INTO result_cell (result_set, unit, value) VALUES ('s0', 'withdrawn', 1)",
		"INSERT INTO result_cell (result_set, unit, value) VALUES ('s1', 'u', 2)",
		"INSERT INTO result_flag (result_set) VALUES ('s9')",
		"ALTER TABLE result_flag DROP PARTITION 's9'", "TRUNCATE TABLE result_unit",
		// Again, as every start after an upgrade may.
		migrations(t, clickhouse.Released, "released")[slices.IndexFunc(migrations(t, clickhouse.Released, "released"), func(s string) bool {
			return strings.Contains(s, "VIEW")
		})])...)
	wantAll(t, "publisher", publish, s.run(t, "publisher", publish...))

	// In the place of "default" the definer is "default"; here it becomes the
	// publisher by name, with the publisher's grants, which the server would say.
	views, tables := relations(t, "VIEW"), relations(t, "TABLE")
	var owner []string
	for _, v := range views {
		owner = append(owner, "SELECT create_table_query LIKE '%DEFINER = default SQL SECURITY DEFINER%' FROM system.tables WHERE database = 'released' AND name = '"+v+"'",
			"ALTER TABLE released."+v+" MODIFY SQL SECURITY DEFINER DEFINER = publisher")
	}
	answers := s.run(t, "", owner...)
	wantAll(t, "everybody", owner, answers)
	for i, v := range views {
		if answers[2*i].Result != "1\n" {
			t.Errorf("the publisher made the view %s without SQL SECURITY DEFINER", v)
		}
	}

	edit := in("audience", append(migrations(t, clickhouse.Released, "released"),
		"INSERT INTO pointer (publication, run, sets) VALUES (1, 'e1', ['s1'])",
		"INSERT INTO result_cell (result_set, unit, value) VALUES ('s0', 'withdrawn', 1)",
		"INSERT INTO result_cell (result_set, unit, value) VALUES ('s1', 'rounded', 10)",
		"ALTER TABLE result_cell DROP PARTITION 's9'")...)
	wantAll(t, "editor", edit, s.run(t, "editor", edit...))
	for _, v := range views {
		wantAll(t, "everybody", []string{v}, s.run(t, "", "ALTER TABLE audience."+v+" MODIFY SQL SECURITY DEFINER DEFINER = editor"))
	}

	t.Run("audience", func(t *testing.T) { testAudience(t, s, views, tables) })
	t.Run("dashboards", func(t *testing.T) { testDashboards(t, s, views, tables) })
	t.Run("services", func(t *testing.T) { testServices(t, s, views, tables) })
	t.Run("publisher", func(t *testing.T) {
		denied(t, s, "publisher", "SELECT count() FROM warehouse.obs", "CREATE TABLE warehouse.x (a UInt8) ENGINE = Memory", "DROP TABLE released.pointer")
	})
	t.Run("warehouse", func(t *testing.T) {
		denied(t, s, "warehouse", "SELECT count() FROM released.pointer", "INSERT INTO released.pointer (publication) VALUES (9)", "DROP TABLE released.pointer", "DROP DATABASE warehouse")
	})
	for _, user := range []string{"default", "warehouse", "publisher", "editor", "services", "grafana", "readers"} {
		t.Run("sources of "+user, func(t *testing.T) {
			denied(t, s, user,
				"SELECT * FROM file('/etc/passwd', 'LineAsString')",
				"SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
				"SELECT * FROM remote('127.0.0.1:1', system.one)",
				"SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'LineAsString')",
				"CREATE USER someone", "GRANT SELECT ON *.* TO default", "SYSTEM SHUTDOWN")
		})
	}
}

func testDashboards(t *testing.T, s session, views, tables []string) {
	var reads []string
	for _, v := range views {
		reads = append(reads, "SELECT * FROM released."+v)
	}
	// What the plugin asks to fill its lists.
	reads = append(reads, "SELECT unit, value FROM released.cell", "SELECT run FROM released.run",
		"SELECT name FROM system.tables WHERE database = 'released' ORDER BY name", "SELECT version()")
	answers := s.run(t, "grafana", reads...)
	wantAll(t, "grafana", reads, answers)
	if got := answers[len(views)].Result; got != "u\t2\n" {
		t.Errorf("the view shows %q: a value that is not in the publication, or not the one that is", got)
	}
	var seen []string
	for name := range strings.FieldsSeq(answers[len(views)+2].Result) {
		seen = append(seen, name)
	}
	sorted := slices.Sorted(slices.Values(views))
	if !slices.Equal(seen, sorted) {
		t.Errorf("grafana sees the tables %q, want the views %q", seen, sorted)
	}
	var not []string
	for _, table := range tables {
		not = append(not, "SELECT count() FROM released."+table)
	}
	denied(t, s, "grafana", append(not, "SELECT count() FROM warehouse.obs")...)
	// The tables that it may not read do not exist for merge.
	for i, a := range s.run(t, "grafana", "SELECT count() FROM merge('released', 'result_.*')", "SELECT count() FROM merge('warehouse', '.*')") {
		if a.Code == 0 {
			t.Errorf("grafana: merge %d is allowed: %s", i, a.Result)
		}
	}
	// readonly: nothing that changes, no setting.
	for i, a := range s.run(t, "grafana", "INSERT INTO released.pointer (publication) VALUES (2)", "CREATE TEMPORARY TABLE x (a UInt8)",
		"SELECT 1 SETTINGS readonly = 0", "SELECT 1 SETTINGS max_memory_usage = 0", "SELECT 1 SETTINGS additional_table_filters = {'released.cell': '1'}",
		"SET readonly = 0", "SELECT sleep(3) FROM numbers(100) SETTINGS max_execution_time = 0") {
		if a.Code == 0 {
			t.Errorf("grafana: statement %d is allowed", i)
		}
	}
}

// testAudience: who shows the editions reads their views, and nothing of the exact
// store; the writer of one store is not that of the other.
func testAudience(t *testing.T, s session, views, tables []string) {
	var reads, not []string
	for _, v := range views {
		reads = append(reads, "SELECT * FROM audience."+v)
		not = append(not, "SELECT count() FROM released."+v)
	}
	reads = append(reads, "SELECT unit, value FROM audience.cell")
	answers := s.run(t, "readers", reads...)
	wantAll(t, "readers", reads, answers)
	if got := answers[len(views)].Result; got != "rounded\t10\n" {
		t.Errorf("the view of the audience shows %q", got)
	}
	for _, table := range tables {
		not = append(not, "SELECT count() FROM audience."+table)
	}
	denied(t, s, "readers", append(not, "SELECT count() FROM warehouse.obs", "SELECT count() FROM released.pointer")...)
	denied(t, s, "editor", "SELECT count() FROM released.cell", "INSERT INTO released.pointer (publication) VALUES (9)", "SELECT count() FROM warehouse.obs", "DROP TABLE audience.pointer")
	denied(t, s, "publisher", "SELECT count() FROM audience.cell", "INSERT INTO audience.pointer (publication) VALUES (9)")
	denied(t, s, "grafana", "SELECT count() FROM audience.cell")
	denied(t, s, "services", "SELECT count() FROM audience.cell")
	for i, a := range s.run(t, "readers", "INSERT INTO audience.pointer (publication) VALUES (2)", "SELECT 1 SETTINGS readonly = 0", "SET readonly = 0") {
		if a.Code == 0 {
			t.Errorf("readers: statement %d is allowed", i)
		}
	}
}

func testServices(t *testing.T, s session, views, tables []string) {
	reads := []string{"USE warehouse", "SELECT name, sha256 FROM migration FINAL", "SELECT count() FROM obs", "SELECT count() FROM cell",
		"USE released", "SELECT name, sha256 FROM migration FINAL",
		// What the client sends with every query.
		"SELECT 1 SETTINGS async_insert = 0, insert_deduplicate = 0, max_execution_time = 25"}
	for _, name := range slices.Concat(views, tables) {
		reads = append(reads, "SELECT count() FROM released."+name)
	}
	wantAll(t, "services", reads, s.run(t, "services", reads...))
	for i, a := range s.run(t, "services", "INSERT INTO released.pointer (publication) VALUES (2)", "TRUNCATE TABLE warehouse.obs",
		"CREATE TABLE released.x (a UInt8) ENGINE = Memory", "SET readonly = 0") {
		if a.Code == 0 {
			t.Errorf("services: statement %d is allowed", i)
		}
	}
}

func denied(t *testing.T, s session, user string, statements ...string) {
	t.Helper()
	for i, a := range s.run(t, user, statements...) {
		if a.Code == 0 {
			t.Errorf("%s may %s: %q", user, statements[i], a.Result)
		} else if a.Code != accessDenied && a.Code != 164 { // 164: READONLY
			t.Errorf("%s: %s: refused for another reason: %s", user, statements[i], a.Error)
		}
	}
}

// TestUsersFile is the file as it is, with all its users.
func TestUsersFile(t *testing.T) {
	env := withSubnets(environment(t))
	s := session{path: t.TempDir(), env: env}
	answers := s.run(t, "",
		"SELECT name, arrayStringConcat(auth_type, ','), arrayStringConcat(host_ip, ',') FROM system.users WHERE name != 'default' ORDER BY name",
		"SELECT user_name, access_type FROM system.grants WHERE user_name NOT IN ('default') AND (access_type NOT IN "+
			"('SELECT', 'INSERT', 'OPTIMIZE', 'TRUNCATE', 'CREATE TABLE', 'CREATE VIEW', 'DROP VIEW', 'ALTER DELETE', 'ALTER ADD COLUMN', 'ALTER SETTINGS') OR grant_option OR database IS NULL) "+
			"AND NOT ((user_name, database) IN (('publisher', 'released'), ('editor', 'audience')) AND access_type = 'DROP TABLE' AND startsWith(table, '_tmp_replace_')) "+
			"AND NOT (user_name = 'warehouse' AND access_type = 'DROP TABLE' AND database = 'warehouse')",
		"SELECT name FROM system.settings_profiles ORDER BY name",
		"SELECT user_name, inherit_profile FROM system.settings_profile_elements WHERE user_name IN ('grafana', 'services', 'publisher', 'warehouse', 'editor', 'readers') ORDER BY user_name",
		"SELECT profile_name, setting_name, value, min, max, writability FROM system.settings_profile_elements WHERE profile_name = 'dashboards' AND setting_name IN ('readonly', 'max_execution_time') ORDER BY setting_name, value",
		"SELECT name, durations FROM system.quotas ORDER BY name")
	for i, a := range answers {
		if a.Code != 0 {
			t.Fatalf("%d: %s", i, a.Error)
		}
	}
	want := "editor\tsha256_password\t172.29.71.0/24\ngrafana\tsha256_password\t172.29.72.0/24\npublisher\tsha256_password\t172.29.71.0/24\n" +
		"readers\tsha256_password\t172.29.73.0/24\nservices\tsha256_password\t172.29.71.0/24\nwarehouse\tsha256_password\t172.29.71.0/24\n"
	if got := answers[0].Result; got != want {
		t.Errorf("users:\n%swant:\n%s", got, want)
	}
	if answers[1].Result != "" {
		t.Errorf("grants beyond what was meant:\n%s", answers[1].Result)
	}
	if want := "editor\tpublisher\ngrafana\tdashboards\npublisher\tpublisher\nreaders\tdashboards\nservices\tservices\nwarehouse\twriter\n"; answers[3].Result != want {
		t.Errorf("profiles:\n%swant:\n%s", answers[3].Result, want)
	}
	t.Logf("\n%s\n%s\n%s", answers[2].Result, answers[4].Result, answers[5].Result)
}

// TestSettingsExist: a setting that the engine does not know stops the server.
func TestSettingsExist(t *testing.T) {
	profile := regexp.MustCompile(`(?s)<profiles>(.*)</profiles>`).FindStringSubmatch(read(t, "clickhouse/users.d/larstrom.xml"))
	if profile == nil {
		t.Fatal("no profiles")
	}
	var names []string
	for _, m := range regexp.MustCompile(`<([a-z0-9_]+)>(?:[^<]*</|<(?:readonly|min|changeable_in_readonly)\b)`).FindAllStringSubmatch(profile[1], -1) {
		if !slices.Contains([]string{"min", "max", "profile"}, m[1]) {
			names = append(names, m[1])
		}
	}
	s := session{path: t.TempDir(), env: withSubnets(environment(t))}
	if got := s.run(t, "", "SELECT name FROM system.settings")[0].Result; got == "" || len(names) < 20 {
		t.Fatalf("%d settings in the file", len(names))
	} else {
		known := strings.Fields(got)
		for _, n := range names {
			if !slices.Contains(known, n) {
				t.Errorf("setting %s is unknown", n)
			}
		}
	}
	// And those of the server, and of MergeTree.
	server := strings.Fields(s.run(t, "", "SELECT name FROM system.server_settings")[0].Result)
	for _, n := range []string{"max_server_memory_usage_to_ram_ratio", "max_concurrent_queries", "max_connections", "max_table_size_to_drop",
		"ignore_empty_sql_security_in_create_view_query"} {
		if !strings.Contains(read(t, "clickhouse/config.d/larstrom.xml"), "<"+n+">") || !slices.Contains(server, n) {
			t.Errorf("server setting %s is not in the file, or unknown", n)
		}
	}
	tree := strings.Fields(s.run(t, "", "SELECT name FROM system.merge_tree_settings")[0].Result)
	for _, n := range []string{"fsync_after_insert", "fsync_part_directory"} {
		if !strings.Contains(read(t, "clickhouse/config.d/larstrom.xml"), "<"+n+">1<") || !slices.Contains(tree, n) {
			t.Errorf("MergeTree setting %s is not on in the file, or unknown", n)
		}
	}
}

// TestWriterSettings: the writer's profile has what the embedded engine has.
func TestWriterSettings(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Start(t.Context(), engine.Config{Path: t.TempDir(), Command: []string{exe, "engine"}, Logger: slog.New(slog.DiscardHandler), MaxQueryMemory: 4 << 30, MaxMemory: 6 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	conn, err := e.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	writer := regexp.MustCompile(`(?s)<writer>(.*?)<constraints>`).FindStringSubmatch(read(t, "clickhouse/users.d/larstrom.xml"))
	if writer == nil {
		t.Fatal("no profile writer")
	}
	n := 0
	for _, m := range regexp.MustCompile(`<([a-z_]+)>([^<]*)</`).FindAllStringSubmatch(writer[1], -1) {
		if m[1] == "max_execution_time" { // the embedded engine has none
			continue
		}
		var value string
		if err := conn.QueryRow(t.Context(), "SELECT value FROM system.settings WHERE name = '"+m[1]+"'").Scan(&value); err != nil {
			t.Fatal(err)
		}
		if value != m[2] {
			t.Errorf("%s is %s for the writer and %s in the embedded engine", m[1], m[2], value)
		}
		n++
	}
	if n < 10 {
		t.Errorf("only %d settings were compared", n)
	}
}

// TestXML: files that are not well formed stop the server.
func TestXML(t *testing.T) {
	for _, name := range []string{"clickhouse/config.d/larstrom.xml", "clickhouse/users.d/larstrom.xml"} {
		d := xml.NewDecoder(strings.NewReader(read(t, name)))
		var err error
		for err == nil {
			_, err = d.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
