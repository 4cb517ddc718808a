package engine

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What may never leave through a guarded listener: a superseded value, a value
// of another database, the text of a file of the host.
const (
	superseded = "withdrawn7f3a"
	elsewhere  = "elsewhere91bc"
	ofTheHost  = "hostfile55de"
)

const guardPassword = "password of the guarded one"

// guarded runs an engine with a store as the released one is made: result sets,
// a pointer, views that show what the pointer names; and its guarded listener.
func guarded(t *testing.T, change ...func(*Policy)) (*Engine, func(string, ...map[string]string) answer) {
	t.Helper()
	policy := Policy{
		ReadOnly: true, Tables: []string{"shown.cell", "shown.run"}, AllowSettings: []string{"limit", tableFilters}, IgnoreSettings: []string{"readonly", "log_comment"},
		Limits: map[string]uint64{"max_execution_time": 10, "max_result_rows": 1000}, MaxRequest: 1 << 16,
	}
	for _, c := range change {
		c(&policy)
	}
	e := start(t, func(c *Config) {
		c.Databases = []string{"shown", "hidden"}
		c.Listeners = []Listener{
			{Addr: "127.0.0.1:0", User: "reader", Password: "another password", Policy: Policy{ReadOnly: true}},
			{Addr: "127.0.0.1:0", User: "grafana", Password: guardPassword, Database: "shown", Policy: policy},
		}
	})
	for _, s := range []string{
		"CREATE TABLE pointer (publication UInt64, run String, sets Array(String)) ENGINE = MergeTree ORDER BY publication",
		"CREATE TABLE result_cell (result_set String, unit String, period Date, value String, n Float64) ENGINE = MergeTree PARTITION BY result_set ORDER BY unit",
		"INSERT INTO result_cell VALUES ('s1', 'a', '2026-01-01', '" + superseded + "', 1), ('s2', 'a', '2026-01-01', 'new', 2), ('s2', 'b', '2026-02-01', 'other', 3)",
		"INSERT INTO pointer VALUES (1, '" + superseded + "', ['s1']), (2, 'r2', ['s2'])",
		"CREATE VIEW cell DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT r.unit AS unit, r.period AS period, r.value AS value, r.n AS n, (SELECT run FROM pointer ORDER BY publication DESC LIMIT 1) AS run" +
			" FROM result_cell AS r WHERE result_set IN (SELECT arrayJoin(sets) FROM (SELECT sets FROM pointer ORDER BY publication DESC LIMIT 1))",
		"CREATE VIEW run DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT p.publication AS publication FROM pointer AS p",
		"CREATE VIEW open AS SELECT * FROM pointer", // not granted, and not of a definer
		"CREATE TABLE hidden.secret (a String) ENGINE = MergeTree ORDER BY a",
		"INSERT INTO hidden.secret VALUES ('" + elsewhere + "')",
		"CREATE TABLE hidden.joined (k UInt8, v String) ENGINE = Join(ANY, LEFT, k)",
		"INSERT INTO hidden.joined VALUES (1, '" + elsewhere + "')",
		"CREATE DICTIONARY hidden.dictionary (k UInt64, v String) PRIMARY KEY k SOURCE(CLICKHOUSE(QUERY 'SELECT toUInt64(1) AS k, ''" + elsewhere + "'' AS v')) LAYOUT(FLAT()) LIFETIME(0)",
	} {
		e.sql(t, s)
	}
	return e, func(query string, params ...map[string]string) answer {
		c := call{listener: 2, header: map[string]string{"X-ClickHouse-User": "grafana", "X-ClickHouse-Key": guardPassword}, body: strings.NewReader(query)}
		if len(params) > 0 {
			c.params = params[0]
		}
		return e.do(t, c)
	}
}

func TestGuardAnswers(t *testing.T) {
	e, ask := guarded(t)
	type m = map[string]string
	for _, c := range []struct {
		sql    string
		params m
		want   string
	}{
		{sql: "SELECT 1", want: "1"},
		{sql: "select 1;", want: "1"},
		{sql: "SELECT displayName(), revision() > 0, timezone()", want: "larstrom-or-engine"},
		{sql: "SELECT version()", want: "26."},
		{sql: "SELECT unit, value FROM cell ORDER BY unit", want: "a\tnew\nb\tother"},
		{sql: "SELECT value FROM shown.cell ORDER BY unit", want: "new\nother"},
		{sql: "SELECT value FROM \"shown\".\"cell\" ORDER BY unit", want: "new\nother"},
		{sql: "SELECT value FROM `shown`.`cell` AS c /* a ; comment */ ORDER BY c.unit -- the end", want: "new\nother"},
		{sql: "SELECT * FROM cell", params: m{"database": "shown"}, want: "a\t2026-01-01\tnew\t2\tr2\nb\t2026-02-01\tother\t3\tr2"},
		{sql: "SELECT count() FROM run", want: "2"},
		{sql: "WITH x AS (SELECT n FROM cell) SELECT sum(n), countIf(n > 2), quantileExactIf(0.5)(n, n > 0) FROM x", want: "5\t1\t3"},
		{sql: "SELECT toStartOfInterval(toDateTime(period), INTERVAL 86400 second) AS time, avg(n) AS \"mean, n\" FROM cell WHERE period >= toDate('2026-01-15') AND period <= toDate('2026-12-31') GROUP BY time ORDER BY time", want: "2026-02-01 00:00:00\t3"},
		{sql: "SELECT c.unit, d.n FROM cell c INNER JOIN (SELECT unit, n FROM cell) AS d ON (c.unit = d.unit) WHERE (c.unit IN ('a', 'x')) AND c.unit NOT IN (SELECT 'b')", want: "a\t2"},
		{sql: "SELECT n, row_number() OVER (PARTITION BY run ORDER BY n DESC) AS k FROM cell ORDER BY k", want: "3\t1\n2\t2"},
		{sql: "SELECT arrayMap(x -> (x, x * -1.5e1), [1, 2])[1].2, CASE WHEN 1 THEN 'y' ELSE 'n' END, 1 ? 2 : 3, CAST(1 AS Nullable(Float64)), '5'::DateTime64(3) > 0", want: "-15\ty\t2\t1\t1"},
		{sql: "SELECT * FROM ((SELECT 1 AS x) UNION ALL (SELECT 2)) ORDER BY x # and no more", want: "1\n2"},
		{sql: "SELECT number FROM numbers(2)", want: "0\n1"},
		{sql: "SELECT * FROM generate_series(1, 2)", want: "1\n2"},
		{sql: "SELECT 'it''s; system.processes -- \\' file('", want: "it\\'s; system.processes -- \\' file("},
		{sql: "SELECT value FROM cell WHERE unit = {u:String}", params: m{"param_u": "b"}, want: "other"},
		{sql: "SELECT value FROM cell ORDER BY unit", params: m{"limit": "1"}, want: "new"},
		{sql: "SELECT value FROM cell settings additional_table_filters={'cell' : ' unit = \\'b\\' '}", want: "other"},
		{sql: "SELECT value FROM shown.cell settings additional_table_filters={'shown.cell' : ' unit IN (\\'b\\', \\'c\\') AND n >= \\'1\\''}, max_execution_time = 5 FORMAT CSV", want: "\"other\""},
		{sql: "SELECT value FROM cell", params: m{tableFilters: "{'cell': 'unit = \\'b\\''}"}, want: "other"},
		{sql: "SELECT getSubcolumn(tuple(1), '1')", want: "1"},
		{sql: "SELECT value FROM cell SETTINGS max_execution_time = 3, log_comment = 'a panel' FORMAT JSONCompactEachRow", want: "[\"new\"]\n[\"other\"]"},
		{sql: "SELECT 1 FORMAT TSV SETTINGS max_execution_time = 3", want: "1"},
		{sql: "SHOW DATABASES", want: "shown"},
		{sql: "show tables", want: "cell\nrun"},
		{sql: "SHOW TABLES FROM \"shown\"", want: "cell\nrun"},
		{sql: "DESC TABLE \"shown\".\"cell\"", want: "unit\tString"},
		{sql: "DESCRIBE cell", want: "unit\tString"},
		{sql: "SELECT name FROM system.databases ORDER BY name", want: "shown"},
		{sql: "SELECT name FROM system.tables ORDER BY name", want: "cell\nrun"},
		{sql: "SELECT name, type, table FROM system.columns WHERE database = 'shown' AND table = 'run'", want: "publication\tUInt64\trun"},
		{sql: "SELECT name FROM system.columns WHERE database IN ('shown') AND table = 'cell' ORDER BY name", want: "n\nperiod\nrun\nunit\nvalue"},
		{sql: "SELECT name, is_aggregate, case_insensitive, alias_to, origin, description, syntax, arguments, returned_value, examples, categories FROM system.functions WHERE name = 'sum' LIMIT 10000", want: "sum\t1"},
		{sql: "SELECT t.name FROM system.tables AS t JOIN system . databases d ON t.database = d.name ORDER BY 1", want: "cell\nrun"},
		{sql: "SELECT 1", params: m{"readonly": "2", "log_comment": "x"}, want: "1"},
		{sql: "SELECT value FROM cell ORDER BY unit", params: m{"query": "WITH 1 AS x"}, want: "new\nother"},
	} {
		a := ask(c.sql, c.params)
		if c.want == "larstrom-or-engine" {
			c.want = "\t1\tUTC"
		}
		if got := strings.TrimSpace(a.body); a.status != http.StatusOK || got != c.want && (len(c.want) < 3 || !strings.Contains(got, strings.TrimSpace(c.want))) {
			t.Errorf("%s %v: %d %q, want %q", c.sql, c.params, a.status, a.body, c.want)
		}
		if strings.Contains(a.body, superseded) || strings.Contains(a.body, e.cfg.Path) {
			t.Errorf("%s: tells %q", c.sql, a.body)
		}
	}
	// The rights of the others are what they were.
	if got := e.sql(t, "SELECT count() FROM pointer"); got != "2" {
		t.Errorf("the owner sees %q rows of the pointer", got)
	}
	if a := e.do(t, call{listener: 1, header: map[string]string{"X-ClickHouse-User": "reader", "X-ClickHouse-Key": "another password"}, body: strings.NewReader("SELECT count() FROM pointer")}); a.body != "2\n" {
		t.Errorf("a listener without Tables: %d %s", a.status, a.body)
	}
}

// attacks are statements that a guarded listener must refuse. @F@ is a file of
// the host, @O@ one that does not exist.
func attacks() []string {
	return []string{
		// writing
		"INSERT INTO pointer VALUES (3, 'x', ['s1'])", "INSERT INTO pointer SELECT 3, 'x', ['s1']", "INSERT INTO pointer FORMAT CSV\n3,x,\"['s1']\"",
		"INSERT INTO cell VALUES ('a')", "INSERT INTO FUNCTION file('@O@', 'CSV', 'a Int8') VALUES (1)", "INSERT INTO FUNCTION url('http://127.0.0.1:1/', 'CSV', 'a Int8') SELECT 1",
		"WITH x AS (SELECT 1) INSERT INTO pointer SELECT 3, 'x', ['s1']", "INSERT INTO pointer SELECT * FROM input('a UInt64, b String, c Array(String)') FORMAT CSV\n3,x,\"['s1']\"",
		"ALTER TABLE pointer DELETE WHERE publication = 2", "ALTER TABLE result_cell UPDATE value = 'x' WHERE 1", "ALTER TABLE cell MODIFY SQL SECURITY INVOKER", "ALTER TABLE result_cell DROP PARTITION 's2'",
		"ALTER TABLE pointer ATTACH PARTITION ALL FROM hidden.secret", "ALTER TABLE pointer FREEZE", "ALTER USER default IDENTIFIED BY 'x'",
		"DELETE FROM pointer WHERE publication = 2", "UPDATE pointer SET run = 'x' WHERE 1",
		"CREATE TABLE t (a Int8) ENGINE = Memory", "CREATE TABLE t ENGINE = Memory AS SELECT * FROM pointer", "CREATE TEMPORARY TABLE t AS SELECT * FROM pointer", "CREATE VIEW v AS SELECT * FROM pointer",
		"CREATE OR REPLACE VIEW cell AS SELECT * FROM pointer", "CREATE MATERIALIZED VIEW v ENGINE = Memory AS SELECT * FROM pointer", "CREATE DATABASE d", "CREATE FUNCTION f AS x -> x + 1",
		"CREATE USER u", "CREATE ROLE r", "CREATE DICTIONARY d (k UInt64) PRIMARY KEY k SOURCE(NULL()) LAYOUT(FLAT()) LIFETIME(0)", "CREATE NAMED COLLECTION c AS a = 1", "CREATE QUOTA q", "CREATE ROW POLICY p ON cell USING 1",
		"DROP TABLE pointer", "DROP VIEW cell", "DROP DATABASE shown", "DROP USER default", "DROP FUNCTION f", "TRUNCATE TABLE pointer", "TRUNCATE DATABASE shown", "DETACH TABLE pointer", "ATTACH TABLE pointer", "UNDROP TABLE pointer",
		"RENAME TABLE pointer TO p", "EXCHANGE TABLES pointer AND result_cell", "MOVE USER default TO memory", "OPTIMIZE TABLE pointer FINAL", "CHECK TABLE pointer", "CHECK GRANT SELECT ON pointer",
		"SYSTEM SHUTDOWN", "SYSTEM FLUSH LOGS", "SYSTEM RELOAD CONFIG", "SYSTEM DROP MARK CACHE", "SYSTEM STOP MERGES", "SYSTEM SYNC FILE CACHE", "KILL QUERY WHERE 1", "KILL QUERY WHERE query_id = 'x' ASYNC", "KILL MUTATION WHERE 1", "KILL TRANSACTION WHERE 1",
		"GRANT ALL ON *.* TO default", "REVOKE ALL ON *.* FROM default", "BACKUP TABLE pointer TO Disk('backups', 'x')", "BACKUP TABLE pointer TO File('@O@')", "RESTORE TABLE pointer FROM File('@O@')",
		"BEGIN TRANSACTION", "COMMIT", "ROLLBACK", "WATCH cell", "USE hidden", "EXTERNAL DDL FROM x CREATE TABLE t (a Int8)", "DELETE FROM x", "COPY t TO STDOUT",
		// giving back what the query gave up
		"SET ROLE owner", "SET ROLE ALL", "SET ROLE DEFAULT", "SET DEFAULT ROLE owner TO default", "SET readonly = 0", "SET max_result_rows = 0", "SET additional_table_filters = {'pointer': 'publication = 1'}",
		"EXECUTE AS default SELECT * FROM pointer", "EXECUTE AS default", "SELECT 1 PARALLEL WITH SET ROLE owner", "SELECT 1 PARALLEL WITH DROP TABLE pointer", "SELECT 1 parallel with SELECT * FROM pointer",
		// more than one statement
		"SELECT 1; SELECT * FROM pointer", "SELECT 1; DROP TABLE pointer", ";SELECT 1; SELECT 2", "SELECT 1 # '\n; DROP TABLE pointer -- '", "SELECT 1 -- '\n; SET ROLE owner -- '", "SELECT $$'$$; SET ROLE owner -- '",
		// tables that are not granted
		"SELECT * FROM pointer", "SELECT * FROM shown.pointer", "SELECT * FROM `pointer`", "SELECT * FROM \"shown\".\"pointer\"", "SELECT * FROM shown . /* */ pointer", "FROM pointer SELECT *", "TABLE pointer", "SELECT * FROM“pointer”",
		"SELECT * FROM \"po\\x69nter\"", "SELECT * FROM `po\\u0069nter`", "SELECT * FROM result_cell FINAL", "SELECT * FROM result_cell PREWHERE 1", "SELECT * FROM result_cell SAMPLE 1", "SELECT * FROM open", "SELECT * FROM shown.open", "SELECT value FROM result_cell AS cell", "SELECT _part, value FROM result_cell",
		"SELECT (SELECT groupArray(value) FROM result_cell)", "SELECT * FROM (SELECT * FROM result_cell)", "WITH cell AS (SELECT * FROM result_cell) SELECT * FROM cell", "WITH (SELECT groupArray(value) FROM result_cell) AS x SELECT x",
		"WITH RECURSIVE x AS (SELECT value FROM result_cell UNION ALL SELECT value FROM x WHERE 0) SELECT * FROM x", "SELECT 1 UNION ALL SELECT value FROM result_cell", "SELECT value FROM cell INTERSECT SELECT value FROM result_cell", "SELECT value FROM cell EXCEPT SELECT run FROM pointer",
		"SELECT r.value FROM cell JOIN result_cell AS r USING unit", "SELECT r.value FROM cell, result_cell r", "SELECT * FROM cell ANTI JOIN pointer ON 1", "SELECT * FROM cell WHERE unit IN result_cell", "SELECT * FROM cell WHERE value IN (SELECT value FROM result_cell)", "SELECT 1 IN shown.pointer", "SELECT * FROM cell WHERE unit GLOBAL NOT IN pointer",
		"SELECT * FROM cell ARRAY JOIN (SELECT groupArray(value) FROM result_cell) AS x", "SELECT EXISTS(SELECT 1 FROM pointer WHERE publication = 1)", "SELECT * FROM cell LIMIT (SELECT count() FROM pointer)", "SELECT * FROM cell ORDER BY (SELECT max(run) FROM pointer)",
		"SELECT * FROM numbers((SELECT max(publication) FROM pointer))", "SELECT number FROM numbers(3) WHERE number = (SELECT count() FROM pointer)", "SELECT if(0, 1, (SELECT min(run) FROM pointer))", "SELECT sum(n) OVER (ORDER BY (SELECT 1 FROM pointer LIMIT 1)) FROM cell",
		"SELECT * FROM hidden.secret", "SELECT * FROM `hidden`.secret", "SELECT hidden.secret.a FROM hidden.secret", "SELECT * FROM shown.cell, hidden.secret", "SELECT * FROM {t:Identifier}", "SELECT * FROM {d:Identifier}.{t:Identifier}", "SELECT * FROM { t : /* */ identifier }", "SELECT {t:Identifier} FROM cell", "SELECT count() FROM {d:Identifier}.{t:Identifier}", "SELECT query FROM { d : /* */ identifier } . { t : \"Identifier\" }", "SELECT count() FROM {d:Identifier}.processes",
		"SELECT * FROM cell QUALIFY (SELECT count() FROM pointer) > 0", "SELECT * FROM cell WINDOW w AS (ORDER BY (SELECT 1 FROM pointer LIMIT 1))", "SELECT * FROM cell GROUP BY GROUPING SETS ((SELECT 1 FROM pointer LIMIT 1))", "SELECT * REPLACE ((SELECT min(run) FROM pointer) AS unit) FROM cell",
		// by functions
		"SELECT joinGet('hidden.joined', 'v', toUInt8(1))", "SELECT joinGetOrNull('hidden.joined', 'v', toUInt8(1))", "SELECT \"joinGet\"('hidden.joined', 'v', toUInt8(1))", "SELECT dictGet('hidden.dictionary', 'v', 1)", "SELECT dictGetString('hidden.dictionary', 'v', 1)", "SELECT dictHas('hidden.dictionary', 1)", "SELECT `dictGet`('hidden.dictionary', 'v', 1)",
		"SELECT hasColumnInTable('shown', 'pointer', 'run')", "SELECT file('@F@')", "SELECT `file`('@F@')", "SELECT \"file\"('@F@')", "SELECT file /* */ ('@F@')", "SELECT file\n('@F@')", "SELECT file\u00a0('@F@')", "SELECT file\u2003('@F@')", "SELECT file\ufeff('@F@')", "SELECT file\x00('@F@')", "SELECT file\u3000('@F@')",
		"SELECT arrayMap(x -> file(x), ['@F@'])", "SELECT '@F@' AS x, * APPLY(file) FROM (SELECT x)", "SELECT * APPLY file FROM (SELECT '@F@')", "SELECT COLUMNS('x') APPLY(f -> file(f)) FROM (SELECT '@F@' AS x)", "WITH file AS f SELECT f('@F@')", "WITH x -> file(x) AS f SELECT f('@F@')", "SELECT 1 WHERE file('@F@') != ''", "SELECT t.1file('@F@') FROM (SELECT tuple(1) AS t)",
		"SELECT getSetting('readonly')", "SELECT getServerSetting('max_connections')", "SELECT getMacro('x')", "SELECT hostName()", "SELECT FQDN()", "SELECT buildId()", "SELECT uptime()", "SELECT serverUUID()", "SELECT tcpPort()", "SELECT filesystemAvailable()", "SELECT filesystemCapacity('default')", "SELECT showCertificate()", "SELECT getOSKernelVersion()", "SELECT currentUser()", "SELECT user()", "SELECT currentRoles()", "SELECT getClientHTTPHeader('X-ClickHouse-Key')",
		"SELECT sleep(3)", "SELECT sleepEachRow(3) FROM cell", "SELECT evalMLMethod(1, 2)", "SELECT catboostEvaluate('@F@', 1)", "SELECT logTrace('x')", "SELECT addressToLine(1)", "SELECT mergeTreePartInfo('x')", "SELECT aiGenerate('x', 'y')", "SELECT regionToName(1)", "SELECT naiveBayesClassifier('x', 'y')", "SELECT formatRow('Template', 1)", "SELECT __getScalar('x')", "SELECT @@version", "SELECT @@max_allowed_packet",
		"SELECT sumState(1)", "SELECT finalizeAggregation(CAST('x' AS AggregateFunction(sum, UInt64)))", "SELECT initializeAggregation('sumState', 1)", "SELECT sumMerge(x) FROM cell", "SELECT noSuchFunction(1)",
		// by table functions
		"SELECT * FROM file('@F@', LineAsString)", "SELECT * FROM `file`('@F@', 'LineAsString')", "SELECT * FROM FILE('@F@', LineAsString)", "SELECT * FROM fileCluster('default', '@F@')", "SELECT * FROM filesystem('/')", "SELECT * FROM url('http://127.0.0.1:1/', LineAsString)", "SELECT * FROM url('file://@F@', LineAsString)", "SELECT * FROM urlCluster('x', 'http://127.0.0.1:1/')",
		"SELECT * FROM s3('http://127.0.0.1:1/x', 'CSV')", "SELECT * FROM gcs('http://127.0.0.1:1/x')", "SELECT * FROM oss('http://127.0.0.1:1/x')", "SELECT * FROM cosn('http://127.0.0.1:1/x')", "SELECT * FROM s3Cluster('x', 'http://127.0.0.1:1/x')", "SELECT * FROM azureBlobStorage('x', 'y', 'z')", "SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'CSV', 'a Int8')",
		"SELECT * FROM remote('127.0.0.1', shown.pointer)", "SELECT * FROM remote('127.0.0.1', shown, pointer)", "SELECT * FROM remoteSecure('127.0.0.1', shown.pointer)", "SELECT * FROM cluster('default', shown.pointer)", "SELECT * FROM clusterAllReplicas('default', shown.pointer)", "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')", "SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')",
		"SELECT * FROM odbc('DSN=x', 'd', 't')", "SELECT * FROM jdbc('x', 'd', 't')", "SELECT * FROM mongodb('127.0.0.1:1', 'd', 'c', 'u', 'p', 'a Int8')", "SELECT * FROM redis('127.0.0.1:1', 'k', 'k String')", "SELECT * FROM sqlite('@F@', 't')", "SELECT * FROM ytsaurus('x', 'y', 'z', 'a Int8')", "SELECT * FROM arrowflight('127.0.0.1:1', 'x')",
		"SELECT * FROM iceberg('http://127.0.0.1:1/x')", "SELECT * FROM icebergLocal('@F@')", "SELECT * FROM icebergS3('http://127.0.0.1:1/x')", "SELECT * FROM deltaLake('http://127.0.0.1:1/x')", "SELECT * FROM deltaLakeLocal('@F@')", "SELECT * FROM hudi('http://127.0.0.1:1/x')", "SELECT * FROM paimonLocal('@F@')",
		"SELECT * FROM merge('shown', '.*')", "SELECT * FROM merge(shown, '^pointer$')", "SELECT * FROM merge('^pointer$')", "SELECT * FROM merge(REGEXP('shown|hidden'), '.*')", "SELECT * FROM merge('system', '^processes$')", "SELECT * FROM `merge`('shown', 'pointer')", "SELECT * FROM loop(shown.pointer) LIMIT 5", "SELECT * FROM loop('shown', 'pointer') LIMIT 5",
		"SELECT * FROM view(SELECT * FROM pointer)", "SELECT * FROM viewIfPermitted(SELECT * FROM pointer ELSE null('a Int8'))", "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT * FROM pointer))", "SELECT * FROM mergeTreeIndex(shown, pointer)", "SELECT * FROM mergeTreeProjection(shown, pointer, p)", "SELECT * FROM mergeTreeAnalyzeIndexes(shown, pointer)", "SELECT * FROM mergeTreeTextIndex(shown, pointer, x)",
		"SELECT * FROM dictionary('hidden.dictionary')", "SELECT * FROM dictionary(hidden.dictionary)", "SELECT * FROM executable('x', 'TSV', 'a String')", "SELECT * FROM input('a Int8')", "SELECT * FROM format(LineAsString, 'x')", "SELECT * FROM generateRandom('a Int8') LIMIT 1", "SELECT * FROM fuzzJSON('{}') LIMIT 1", "SELECT * FROM fuzzQuery('SELECT 1') LIMIT 1", "SELECT * FROM prometheusQuery('x', 'y', 1)", "SELECT * FROM timeSeriesData('hidden.x')", "SELECT * FROM null('a Int8')", "SELECT * FROM noSuch(1)",
		// the engine's own tables
		"SELECT * FROM system.processes", "SELECT query FROM system . processes", "SELECT * FROM `system`.`processes`", "SELECT * FROM \"system\".processes", "SELECT * FROM system/* */.processes", "SELECT * FROM SYSTEM.processes", "SELECT system.processes.query FROM system.processes", "SELECT * FROM system.query_log", "SELECT * FROM system.settings", "SELECT * FROM system.server_settings", "SELECT * FROM system.users",
		"SELECT * FROM system.grants", "SELECT * FROM system.roles", "SELECT * FROM system.parts", "SELECT * FROM system.disks", "SELECT * FROM system.functions, system.clusters", "SELECT * FROM system.build_options", "SELECT * FROM system.errors", "SELECT * FROM system.metrics", "SELECT * FROM system.macros", "SELECT * FROM system.named_collections", "SELECT * FROM system.stack_trace", "SELECT * FROM system.dictionaries", "SELECT * FROM system.mutations", "SELECT * FROM system.view_refreshes",
		"SELECT * FROM cell WHERE 1 IN system.processes", "SELECT * FROM \"system.processes\"", "SELECT * FROM `system.tables`", "SELECT * FROM information_schema.tables", "SELECT * FROM INFORMATION_SCHEMA.TABLES", "SELECT metadata_path FROM system.databases", "SELECT data_paths FROM system.tables", "SELECT create_table_query FROM system.tables", "SELECT uuid FROM system.tables", "SELECT path FROM (SELECT * FROM system.databases)", "SELECT system.tables.name FROM system.tables", "SELECT * FROM system.tables.columns", "SELECT * FROM x.system.tables",
		// other statements that ask
		"EXPLAIN SELECT * FROM cell", "EXPLAIN AST SELECT 1", "EXPLAIN QUERY TREE SELECT * FROM cell", "EXPLAIN ESTIMATE SELECT * FROM cell", "EXPLAIN TABLE OVERRIDE mysql('x')", "SELECT * FROM (EXPLAIN SELECT * FROM cell)", "SELECT * FROM (explain SELECT * FROM cell)", "SELECT * FROM (DESC pointer)", "SELECT * FROM (DESCRIBE pointer)", "SELECT * FROM (SHOW TABLES)",
		"DESCRIBE TABLE pointer", "DESC shown.pointer", "DESC (SELECT * FROM pointer)", "DESCRIBE file('@F@')", "DESC system.processes", "DESC TABLE hidden.secret", "DESCRIBE cell SETTINGS describe_compact_output = 1", "SHOW CREATE TABLE cell", "SHOW CREATE pointer", "SHOW CREATE USER default", "SHOW GRANTS", "SHOW ACCESS", "SHOW USERS", "SHOW PROCESSLIST", "SHOW SETTINGS LIKE '%'", "SHOW FUNCTIONS", "SHOW ENGINES", "SHOW COLUMNS FROM pointer", "SHOW INDEX FROM pointer", "SHOW DICTIONARIES FROM hidden", "SHOW TABLES FROM hidden", "SHOW TABLES FROM system", "SHOW TABLES FROM {d:Identifier}", "SHOW DATABASES LIKE '%'", "SHOW FULL TABLES", "SHOW CLUSTERS", "SHOW MERGES", "EXISTS TABLE pointer", "EXISTS pointer", "SHOW", "DESC", "DESCRIBE TABLE",
		// files
		"SELECT 1 INTO OUTFILE '@O@'", "SELECT 1 into/* */outfile '@O@' TRUNCATE", "SELECT 1 INTO OUTFILE '@O@' APPEND FORMAT CSV", "INSERT INTO pointer FROM INFILE '@F@' FORMAT CSV", "SELECT 1 AS x FORMAT SQLInsert", "SELECT 1 FORMAT Template", "SELECT 1 FORMAT Protobuf", "SELECT 1 FORMAT CapnProto", "SELECT 1 FORMAT MySQLWire", "SELECT 1 FORMAT `CSV`", "SELECT 1 FORMAT Avro", "SELECT 1 FORMAT Npy",
		// settings
		"SELECT 1 SETTINGS readonly2 = 0", "SELECT 1 SETTINGS max_memory_usage = 0", "SELECT 1 SETTINGS allow_ddl = 1", "SELECT * FROM cell SETTINGS offset = 1", "SELECT * FROM cell SETTINGS additional_result_filter = '1'", "SELECT * FROM cell SETTINGS final = 1", "SELECT * FROM (SELECT * FROM cell SETTINGS offset = 1)", "SELECT 1 SETTINGS limit = 1 UNION ALL SELECT 2", "SELECT 1 SETTINGS limit", "SELECT 1 SETTINGS limit = ", "SELECT 1 SETTINGS `limit` = 1", "SELECT 1 SETTINGS limit = 1, offset = 1", "SELECT 1 SETTINGS limit = 1 SETTINGS offset = 1", "SELECT 1 SETTINGS limit = 1 FORMAT CSV SETTINGS offset = 1", "SELECT 1 FORMAT CSV SETTINGS offset = 1", "SELECT 1 settings query_cache_tag = 'x'", "SELECT 1 SETTINGS dialect = 'kusto'", "SELECT 1 SETTINGS format_template_row = '@F@' FORMAT CSV",
		"SELECT * FROM cell SETTINGS additional_table_filters = {'pointer': 'publication = 1'}", "SELECT * FROM cell SETTINGS additional_table_filters = {'shown.pointer': 'publication = 1'}", "SELECT * FROM cell SETTINGS additional_table_filters = {'result_cell': '1'}", "SELECT * FROM cell SETTINGS additional_table_filters = {'r': 'result_set = \\'s1\\''}", "SELECT * FROM run SETTINGS additional_table_filters = {'p': '1'}", "SELECT * FROM cell SETTINGS additional_table_filters = {'po\\x69nter': '1'}", "SELECT * FROM cell SETTINGS additional_table_filters = {'cell': '1', 'pointer': 'publication = 1'}",
		"SELECT * FROM cell SETTINGS additional_table_filters = {'cell': 'unit IN (SELECT unit FROM result_cell)'}", "SELECT * FROM cell SETTINGS additional_table_filters = {'cell': 'unit IN pointer'}", "SELECT * FROM cell SETTINGS additional_table_filters = {'cell': 'file(\\'@F@\\') = unit'}", "SELECT * FROM cell SETTINGS additional_table_filters = {'cell': 'joinGet(\\'hidden.joined\\', \\'v\\', toUInt8(1)) = unit'}", "SELECT * FROM cell SETTINGS additional_table_filters = {'cell': '1) OR (1'}", "SELECT * FROM cell SETTINGS additional_table_filters = {'cell': ''}", "SELECT * FROM cell SETTINGS additional_table_filters = {'cell': '(FROM pointer SELECT 1)'}", "SELECT * FROM cell SETTINGS additional_table_filters = {'cell': '1 IN system.processes'}", "SELECT * FROM cell SETTINGS additional_table_filters = map('pointer', 'publication = 1')", "SELECT * FROM cell SETTINGS additional_table_filters = '{\\'pointer\\': \\'publication = 1\\'}'", "SELECT * FROM cell SETTINGS additional_table_filters = {x:String}",
		// what no plain text has
		"SELECT ‘x’", "SELECT 1 AS “x”", "SELECT $$x$$", "SELECT 'x", "SELECT \"x", "SELECT 1 /* x", "SELECT 1 \\ 2", "SELECT 1 #x", "SELECT\u2003*\u2003FROM\u2003pointer", "SELECT 0x7g", "SELECT 1.2.3.4", "quit", "\\q", "SELECT 1\\G", "SELECT ~1",
	}
}

// leaks reports what of an answer must not have left.
func leaks(e *Engine, a answer) string {
	for _, secret := range []string{superseded, elsewhere, ofTheHost, e.cfg.Path} {
		if strings.Contains(a.body, secret) {
			return secret
		}
	}
	return ""
}

// TestGuardRefuses sends every attack in every format of transport that matters:
// whatever refuses it, nothing leaves, and nothing changes.
func TestGuardRefuses(t *testing.T) {
	e, ask := guarded(t)
	dir := t.TempDir()
	file, written := filepath.Join(dir, "present"), filepath.Join(dir, "absent")
	if err := os.WriteFile(file, []byte(ofTheHost+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := e.sql(t, "SELECT * FROM pointer ORDER BY ALL") + e.sql(t, "SELECT * FROM result_cell ORDER BY ALL") + e.sql(t, "SELECT database, name, create_table_query FROM system.tables WHERE database IN ('shown', 'hidden') ORDER BY ALL")
	n := 0
	for _, sql := range attacks() {
		sql = strings.NewReplacer("@F@", file, "@O@", written).Replace(sql)
		for _, params := range []map[string]string{{}, {"default_format": "Native", "client_protocol_version": "54460"}} {
			n++
			maps.Copy(params, map[string]string{"param_d": "system", "param_t": "processes", "param_x": "{'pointer': 'publication = 1'}"})
			a := ask(sql, params)
			if a.err != nil || a.status == http.StatusOK || a.header.Get("X-ClickHouse-Exception-Code") == "" {
				t.Errorf("%q %v is answered: %d %.300q %v", sql, params, a.status, a.body, a.err)
			}
			if found := leaks(e, a); found != "" && !strings.Contains(sql, found) {
				t.Errorf("%q tells %s: %.300q", sql, found, a.body)
			}
		}
	}
	t.Logf("%d requests", n)
	if _, err := os.Stat(written); err == nil {
		t.Error("an attack has written a file")
	}
	after := e.sql(t, "SELECT * FROM pointer ORDER BY ALL") + e.sql(t, "SELECT * FROM result_cell ORDER BY ALL") + e.sql(t, "SELECT database, name, create_table_query FROM system.tables WHERE database IN ('shown', 'hidden') ORDER BY ALL")
	if before != after {
		t.Errorf("an attack has changed the store:\n%s\nwas\n%s", after, before)
	}
	if e.Restarts() != 0 {
		t.Errorf("the engine has died %d times", e.Restarts())
	}
}

// TestGrantsHoldAlone holds the engine's own access control without the guard
// before it: no text reads a table that is not granted, or writes.
func TestGrantsHoldAlone(t *testing.T) {
	e, _ := guarded(t)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	var questions []string
	for _, sql := range attacks() {
		// What only the guard refuses: functions and formats that read files,
		// roles, filters on what views read.
		if !strings.ContainsAny(sql, "@\x00") && !strings.Contains(sql, "SET ") && !strings.Contains(sql, tableFilters) &&
			!strings.Contains(sql, "KILL") && !strings.Contains(sql, "sleep") {
			questions = append(questions, sql)
		}
	}
	answers := withoutGuard(t, e, questions)
	reached := 0
	for i, a := range answers {
		if strings.Contains(a, superseded) || strings.Contains(a, elsewhere) {
			t.Errorf("%q tells %.300q", questions[i], a)
		}
		if strings.HasPrefix(a, "Code: 497.") {
			reached++
		}
	}
	if reached < 100 {
		t.Errorf("the engine has denied %d of %d texts; it was to be asked about more", reached, len(questions))
	}
	t.Logf("%d of %d texts denied by grants", reached, len(questions))
}

// withoutGuard runs texts in a process of their own, over the data of e, as the
// role of the guarded listener.
func withoutGuard(t *testing.T, e *Engine, texts []string) []string {
	t.Helper()
	request, err := json.Marshal(grantsRequest{Config: e.config, Texts: texts})
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "grants")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(request), t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers []string
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(texts) {
		t.Fatalf("%d answers, %v", len(answers), err)
	}
	return answers
}

type grantsRequest struct {
	Config json.RawMessage // of the child
	Texts  []string
}

// runGrants is that process.
func runGrants(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	stdin, stdout, err := takeStdio(stdin, stdout)
	if err != nil {
		return err
	}
	var r grantsRequest
	if err := json.NewDecoder(stdin).Decode(&r); err != nil {
		return err
	}
	var cfg childConfig
	if err := json.Unmarshal(r.Config, &cfg); err != nil {
		return err
	}
	if err := os.Chdir(cfg.Path); err != nil {
		return err
	}
	s, err := openServer(cfg.Library, cfg, cfg.Path, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer s.close()
	answers := make([]string, len(r.Texts))
	for i, text := range r.Texts {
		q := query{id: strconv.Itoa(i), database: "shown", readonly: 1, role: roleOf(len(cfg.Listeners) - 1)}
		err := s.run(ctx, q, func(c *connection) error {
			return c.exec(text, "TabSeparated", nil, func(b []byte) error { answers[i] = string(b); return nil })
		})
		if err != nil {
			answers[i] = err.Error()
		}
	}
	return json.NewEncoder(stdout).Encode(answers)
}

// TestGuardIsTheEngines compares the guard's lists with the engine's own.
func TestGuardIsTheEngines(t *testing.T) {
	e, _ := guarded(t)
	known, tables := map[string]bool{}, map[string]bool{}
	for name := range strings.SplitSeq(e.sql(t, "SELECT name FROM system.functions"), "\n") {
		known[name] = true
	}
	for name := range strings.SplitSeq(e.sql(t, "SELECT name FROM system.table_functions"), "\n") {
		tables[name] = true
	}
	listed := map[string]bool{}
	for line := range strings.Lines(functionNames) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for name := range strings.FieldsSeq(line) {
			if !known[name] {
				t.Errorf("functions.txt has %s, which the engine has not", name)
			}
			if listed[name] {
				t.Errorf("functions.txt has %s twice", name)
			}
			listed[name] = true
		}
	}
	g := newGuard(Listener{Database: "shown", Policy: Policy{Tables: []string{}}})
	// No name of a function that is not listed passes for one that is, for a
	// keyword or a type: names differ in case, and endings are cut.
	pure := []string{"array", "map", "tuple", "char", "and", "or", "not", "xor", "in", "any", "like", "ilike", "trim", "extract", "replace", "DATE", "if"}
	for name := range known {
		if !listed[name] && g.allowsFunction(name, true) && !slices.Contains(pure, name) {
			t.Errorf("the function %s is not listed and passes", name)
		}
	}
	for name := range tables {
		if g.allowsFunction(name, true) && !slices.Contains([]string{"numbers", "numbers_mt", "generateSeries", "generate_series", "values", "format"}, name) {
			t.Errorf("the table function %s passes", name)
		}
	}
	for _, name := range []string{"file", "url", "dictGet", "joinGet", "hasColumnInTable", "sleep", "hostName", "getSetting"} {
		if !known[name] && !tables[name] || g.allowsFunction(name, true) {
			t.Errorf("%s: the engine has it: %v; it must not pass", name, known[name])
		}
	}
}

// TestGuardDisguised writes a few forbidden texts in thousands of ways: case,
// quotes, comments, blanks, nesting. None is answered.
func TestGuardDisguised(t *testing.T) {
	e, ask := guarded(t)
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	blank := func() string {
		return pick(" ", "  ", "\n", "\t", "\r\n", "/**/", "/* ' */", "/* /* */ ; */", "-- x'\n", "--\"\n", "# x\n", "#! `\n", "// x\n", "\u00a0", " \f", "\v")
	}
	maybe := func() string { return pick("", "", blank()) }
	kase := func(s string) string {
		b := []byte(s)
		for i := range b {
			if r.IntN(2) == 0 && b[i] >= 'a' && b[i] <= 'z' {
				b[i] -= 32
			}
		}
		return string(b)
	}
	ident := func(s string) string {
		return pick(s, s, "`"+s+"`", "\""+s+"\"", "“"+s+"”", "\""+strings.Replace(s, "i", "\\x69", 1)+"\"", s+pick("", "\u2003"))
	}
	source := func() string {
		dot := func() string { return maybe() + "." + maybe() }
		return pick(
			ident("pointer"), ident("result_cell"), ident("shown")+dot()+ident("pointer"), ident("hidden")+dot()+ident("secret"), ident("system")+dot()+ident("processes"), ident("system")+dot()+ident("settings"),
			kase("file")+maybe()+"('/etc/hostname', LineAsString)", ident("merge")+maybe()+"('shown', '.*')", ident("remote")+maybe()+"('127.0.0.1', shown.pointer)", ident("url")+maybe()+"('http://127.0.0.1:1/', CSV, 'a Int8')", ident("information_schema")+dot()+ident("tables"),
		)
	}
	wrap := func(s string) string {
		sel, from := kase("select")+blank(), blank()+kase("from")+blank()
		inner := sel + "*" + from + s
		return pick(
			inner, sel+"*"+from+"("+maybe()+inner+maybe()+")", kase("with")+blank()+"x"+blank()+kase("as")+maybe()+"("+inner+")"+blank()+sel+"*"+from+"x",
			sel+"1"+blank()+kase("union all")+blank()+sel+"toString(*)"+from+s, sel+"*"+from+"cell"+blank()+kase("where")+blank()+"unit"+blank()+kase("in")+maybe()+"("+inner+")",
			sel+"(("+sel+"count()"+from+s+"))", sel+"*"+from+"cell"+blank()+kase("join")+blank()+s+blank()+kase("on")+blank()+"1", "("+inner+")", kase("from")+blank()+s+blank()+sel+"*", sel+"("+inner+blank()+"limit 1)",
		) + pick("", ";", blank(), " FORMAT CSV", " LIMIT 1")
	}
	answered := 0
	for range 250 {
		sql := wrap(source())
		if a := ask(sql); a.err != nil || a.status == http.StatusOK || leaks(e, a) != "" {
			t.Errorf("%q: %d %.200q %v", sql, a.status, a.body, a.err)
		}
		// The same disguise around what may be read does not always fail: the
		// refusals above are not for its sake.
		if a := ask(wrap(pick("cell", "shown.cell", "`shown`.\"cell\"", "numbers(3)"))); a.status == http.StatusOK {
			answered++
		}
	}
	if answered < 60 {
		t.Errorf("only %d of 250 disguised questions about what may be read are answered", answered)
	}
	if e.Restarts() != 0 {
		t.Errorf("the engine has died %d times", e.Restarts())
	}
}

func TestPolicyProblems(t *testing.T) {
	good := func() Listener {
		return Listener{Addr: "127.0.0.1:0", User: "u", Password: "p", Database: "d", Policy: Policy{ReadOnly: true, AllowSettings: []string{}, Tables: []string{"d.t"}, Limits: map[string]uint64{"max_result_rows": 1}}}
	}
	for want, change := range map[string]func(*Listener){
		"":                           func(*Listener) {},
		"tables need read_only":      func(l *Listener) { l.Policy.ReadOnly = false },
		"allow_settings":             func(l *Listener) { l.Policy.AllowSettings = nil },
		"the listener's database":    func(l *Listener) { l.Database = "" },
		"of the form database.name":  func(l *Listener) { l.Policy.Tables = []string{"t"} },
		"is not of the form":         func(l *Listener) { l.Policy.Tables = []string{"d.*"} },
		"a number above 0":           func(l *Listener) { l.Policy.Limits["max_result_rows"] = 0 },
		"both a setting and a limit": func(l *Listener) { l.Policy.Settings = map[string]string{"max_result_rows": "1"} },
		"a maximum is negative":      func(l *Listener) { l.Policy.MaxWaiting = -1 },
	} {
		l := good()
		change(&l)
		err := Config{Path: "x", Logger: logger(t), Listeners: []Listener{l}}.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// FuzzGuard holds for any text: no panic; what is let through has no comment, is
// let through unchanged when it comes again, and names no table of the engine
// but in what the guard itself put there.
func FuzzGuard(f *testing.F) {
	for _, s := range attacks() {
		f.Add(s)
	}
	f.Add("SELECT a.b, \"x y\", 'z' FROM cell /* c */ WHERE x >= -1 SETTINGS limit = 1, additional_table_filters = {'cell': 'a = \\'b\\''} FORMAT CSV")
	g := newGuard(Listener{Database: "shown", Policy: Policy{Tables: []string{"shown.cell"}, AllowSettings: []string{"limit", tableFilters}}})
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = g.filters(text)
		st, err := parse(text, true)
		if err != nil || st.kind == emptyStatement {
			return
		}
		out, _, err := g.check(st)
		if err != nil || strings.Contains(out.text, "system.") || out.kind != selectStatement {
			return
		}
		again, settings, err := g.check(out)
		if err != nil || again.text != out.text || len(settings) != 0 {
			t.Fatalf("%q became %q, and that %q (%v, %v)", text, out.text, again.text, settings, err)
		}
	})
}

func TestGuardLimits(t *testing.T) {
	e, ask := guarded(t, func(p *Policy) { p.MaxConcurrent, p.MaxWaiting = 1, 1 })
	type m = map[string]string
	for _, c := range []struct {
		sql    string
		params m
		status int
		code   string
	}{
		{sql: "SELECT number FROM numbers(1000)", status: 200},
		{sql: "SELECT number FROM numbers(1001)", status: 500, code: "396"},
		{sql: "SELECT number FROM numbers(1001)", params: m{"max_result_rows": "0"}, status: 500, code: "396"},
		{sql: "SELECT number FROM numbers(1001)", params: m{"max_result_rows": "5000"}, status: 500, code: "396"},
		{sql: "SELECT number FROM numbers(1001) SETTINGS max_result_rows = 5000", status: 500, code: "396"},
		{sql: "SELECT number FROM numbers(11)", params: m{"max_result_rows": "10"}, status: 500, code: "396"},
		{sql: "SELECT 1", params: m{"max_result_rows": "-1"}, status: 500, code: "36"},
		{sql: "SELECT 1", params: m{"max_result_rows": "NaN"}, status: 500, code: "36"},
		{sql: "SELECT 1", params: m{"max_execution_time": "65.5"}, status: 200},
		{sql: "SELECT count() FROM numbers(1e13) WHERE NOT ignore(sipHash64(number))", params: m{"max_execution_time": "1"}, status: 500, code: "159"},
		{sql: "SELECT 1", params: m{"max_threads": "1"}, status: 500, code: "452"},
		{sql: "SELECT 1", params: m{"database": "hidden"}, status: 500, code: "81"},
		{sql: "SELECT 1", params: m{"database": "default"}, status: 500, code: "81"},
		{sql: "SELECT 1", params: m{"role": "owner"}, status: 500, code: "48"},
		{sql: "SELECT 1", params: m{"session_id": "x"}, status: 500, code: "48"},
		{sql: "SELECT 1", params: m{"default_format": "Template"}, status: 500, code: "73"},
		{sql: "SELECT '" + strings.Repeat("x", 1<<16) + "'", status: 413, code: "131"},
		{sql: "SELECT 1", params: m{tableFilters: "{'pointer': 'publication = 1'}"}, status: 500, code: "36"},
	} {
		if a := ask(c.sql, c.params); a.status != c.status || a.header.Get("X-ClickHouse-Exception-Code") != c.code {
			t.Errorf("%.80s %v: %d %.300s, want %d %s", c.sql, c.params, a.status, a.body, c.status, c.code)
		}
	}
	header := func() m { return m{"X-ClickHouse-User": "grafana", "X-ClickHouse-Key": guardPassword} }
	t.Run("a body that grows", func(t *testing.T) {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, "SELECT '"+strings.Repeat("x", 1<<20)+"'")
		_ = w.Close()
		h := header()
		h["Content-Encoding"] = "gzip"
		if a := e.do(t, call{listener: 2, header: h, body: &b}); a.status != http.StatusRequestEntityTooLarge {
			t.Errorf("%d %.200s, want 413", a.status, a.body)
		}
	})
	t.Run("other databases by header", func(t *testing.T) {
		h := header()
		h["X-ClickHouse-Database"] = "hidden"
		if a := e.do(t, call{listener: 2, header: h, body: strings.NewReader("SELECT 1")}); a.header.Get("X-ClickHouse-Exception-Code") != "81" {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("another origin", func(t *testing.T) {
		for _, method := range []string{"OPTIONS", "GET", "POST"} {
			h := header()
			h["Origin"] = "https://elsewhere.example"
			a := e.do(t, call{listener: 2, method: method, header: h, params: m{"query": "SELECT 1", "add_http_cors_header": "1"}})
			for name := range a.header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s answers with %s", method, name)
				}
			}
		}
	})
	t.Run("too many", func(t *testing.T) {
		const long = "SELECT count() FROM numbers(1e13) WHERE NOT ignore(sipHash64(number))"
		type result struct{ a answer }
		results := make(chan result, 2)
		for i := range 2 {
			go func() {
				for {
					// The third may have taken the second's place for a moment.
					if a := ask(long, m{"query_id": fmt.Sprint("long", i)}); a.status != http.StatusServiceUnavailable {
						results <- result{a}
						return
					}
				}
			}()
		}
		// One runs, one waits: there is no place for a third, once both are there.
		// A third that came between them must not wait in the place it took.
		until(t, "a request finds no place", func() bool {
			a := e.do(t, call{listener: 2, header: header(), params: m{"query_id": "third"}, body: strings.NewReader("SELECT 1"), patience: 200 * time.Millisecond})
			return a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "" && strings.Contains(a.body, "Too many queries at once: 1 run and 1 wait")
		})
		for ended := 0; ended < 2; {
			e.sql(t, "KILL QUERY WHERE startsWith(query_id, 'long') ASYNC")
			select {
			case r := <-results:
				ended++
				if code := r.a.header.Get("X-ClickHouse-Exception-Code"); code != "394" && code != "159" {
					t.Errorf("a long query: %d %s", r.a.status, r.a.body)
				}
			default:
			}
		}
		if a := ask("SELECT 1"); a.status != http.StatusOK {
			t.Errorf("afterwards: %d %s", a.status, a.body)
		}
	})
}
