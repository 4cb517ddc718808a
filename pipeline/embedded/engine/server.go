package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxQueryText bounds what of a request is taken for SQL.
const maxQueryText = 16 << 20

// spoolDir holds what passes between requests and the engine, relative to the
// data path, which is the child's working directory: names in it need no quoting.
const spoolDir = "spool"

// markerSetting carries our mark of a running query to system.processes, where
// KILL QUERY finds it: the library assigns query ids of its own. The setting
// names entries of the query cache, which the embedded engine does not have.
const markerSetting = "query_cache_tag"

// clientQueryID is, in a query on system.processes, the id that the client gave.
const clientQueryID = "substring(Settings['" + markerSetting + "'], position(Settings['" + markerSetting + "'], ' ') + 1)"

// lockedSettings are those on which what this package promises rests.
func lockedSettings() []string {
	return []string{"async_insert", "wait_for_async_insert", "implicit_select", "output_format_arrow_parallel_encoding", "readonly", markerSetting}
}

// profileSettings are the defaults of every query: explicit, because the
// engine's own move between versions.
func profileSettings(cfg childConfig) map[string]string {
	s := map[string]string{
		"async_insert":                      "0", // an insert is answered when it is stored
		"wait_for_async_insert":             "1",
		"implicit_select":                   "0", // the library's default lets "1+1" pass for a statement
		"allow_introspection_functions":     "0",
		"insert_deduplicate":                "1",
		"max_insert_block_size":             "1048449",
		"min_insert_block_size_rows":        "1048449",
		"min_insert_block_size_bytes":       "268402944",
		"optimize_on_insert":                "1",
		"insert_null_as_default":            "1",
		"materialized_views_ignore_errors":  "0",
		"input_format_parallel_parsing":     "1",
		"fsync_metadata":                    "1",
		"max_memory_usage":                  strconv.FormatInt(cfg.MaxQueryMemory, 10),
		"use_query_cache":                   "0",
		"log_queries":                       "0",
		"enable_http_compression":           "1",
		"output_format_parallel_formatting": "1",
		// The library's parallel Arrow encoder deadlocks (chdb-core #212, repaired
		// after this version): within a few results of millions of rows.
		"output_format_arrow_parallel_encoding": "0",
		// JSON columns travel as text: their binary form cannot be re-framed.
		"output_format_native_write_json_as_string": "1",
	}
	for name, value := range cfg.Settings {
		s[name] = value
	}
	return s
}

// configuration writes the engine's configuration files into the spool and
// returns the arguments of chdb_connect.
func configuration(cfg childConfig, path string) ([]string, error) {
	var server, users strings.Builder
	element := func(b *strings.Builder, name, value string) {
		fmt.Fprintf(b, "<%s>%s</%s>\n", name, escapeXML(value), name)
	}
	server.WriteString("<clickhouse>\n")
	element(&server, "users_config", spoolDir+"/users.xml")
	element(&server, "max_server_memory_usage", strconv.FormatInt(cfg.MaxMemory, 10))
	if cfg.Sync {
		server.WriteString("<merge_tree>\n")
		element(&server, "fsync_after_insert", "1")
		element(&server, "fsync_part_directory", "1")
		server.WriteString("</merge_tree>\n")
	}
	server.WriteString("</clickhouse>\n")

	users.WriteString("<clickhouse>\n<profiles><default>\n")
	settings := profileSettings(cfg)
	names := make([]string, 0, len(settings))
	for name := range settings {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		element(&users, name, settings[name])
	}
	users.WriteString("<constraints>\n")
	for _, name := range lockedSettings() {
		if _, ok := settings[name]; ok {
			fmt.Fprintf(&users, "<%s><readonly/></%s>\n", name, name)
		}
	}
	fmt.Fprintf(&users, "<max_memory_usage><min>1</min><max>%d</max></max_memory_usage>\n", cfg.MaxQueryMemory)
	users.WriteString("</constraints>\n</default></profiles>\n")
	writeAccess(&users, cfg.Listeners)
	users.WriteString("<quotas><default></default></quotas>\n</clickhouse>\n")

	for name, text := range map[string]string{"config.xml": server.String(), "users.xml": users.String()} {
		if err := os.WriteFile(filepath.Join(spoolDir, name), []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("engine configuration: %w", err)
		}
	}
	return []string{"clickhouse", "--path=" + path, "--config-file=" + spoolDir + "/config.xml"}, nil
}

// writeAccess writes who may do what. All queries are those of one user of the
// engine, whose connections begin with every right; those of a listener with
// Policy.Tables give them up for a role that has few. The rights are therefore
// the owner's role's and not the user's own.
func writeAccess(b *strings.Builder, listeners []Listener) {
	var roles, granted strings.Builder
	for i, l := range listeners {
		if l.Policy.Tables == nil {
			continue
		}
		fmt.Fprintf(&granted, "<query>GRANT %s</query>", roleOf(i))
		fmt.Fprintf(&roles, "<%s><grants>", roleOf(i))
		for _, table := range l.Policy.Tables {
			database, name, _ := strings.Cut(table, ".")
			fmt.Fprintf(&roles, "<query>GRANT SELECT ON %s</query>", escapeXML(quoteIdentifier(database)+"."+quoteIdentifier(name)))
		}
		fmt.Fprintf(&roles, "</grants></%s>\n", roleOf(i))
	}
	b.WriteString("<users><default><password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>")
	if granted.Len() > 0 {
		fmt.Fprintf(b, "<grants><query>GRANT %s</query>%s</grants>", ownerRole, granted.String())
	}
	b.WriteString("</default></users>\n")
	if granted.Len() > 0 {
		fmt.Fprintf(b, "<roles><%s><grants><query>GRANT ALL ON *.*</query></grants></%[1]s>\n%s</roles>\n", ownerRole, roles.String())
	}
}

func escapeXML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}

// server runs queries. Handlers of several listeners share one.
type server struct {
	lib    *library
	args   []string
	path   string // the data path
	log    *slog.Logger
	anchor *connection // keeps the data path open between queries

	slots    chan struct{} // a token for each query that may run
	urgent   chan struct{} // the same for KILL QUERY, which must not wait for what it ends
	sequence atomic.Uint64
	active   registry
}

// newServer opens the data path. The caller has made it the working directory.
func newServer(lib *library, cfg childConfig, path string, log *slog.Logger) (*server, error) {
	// What an engine that was killed left behind is of no use: nothing in the
	// spool was ever acknowledged.
	if err := os.RemoveAll(spoolDir); err != nil {
		return nil, fmt.Errorf("clear the spool: %w", err)
	}
	if err := os.Mkdir(spoolDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the spool: %w", err)
	}
	// Without this directory the library takes the path for a new one and leaves
	// its background tasks out: DROP TABLE … SYNC would wait for ever, and what is
	// dropped would stay on disk until the next start.
	if err := os.MkdirAll("metadata", 0o750); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	args, err := configuration(cfg, path)
	if err != nil {
		return nil, err
	}
	s := &server{
		lib: lib, args: args, path: path, log: log,
		slots:  make(chan struct{}, cfg.MaxConcurrent),
		urgent: make(chan struct{}, 4),
		active: registry{running: make(map[string]context.CancelCauseFunc)},
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if s.anchor, err = lib.dial(args); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	for _, name := range cfg.Databases {
		if err := s.anchor.exec("CREATE DATABASE IF NOT EXISTS "+name, "Null", nil, nil); err != nil {
			s.anchor.close()
			return nil, fmt.Errorf("create database %s: %w", name, err)
		}
	}
	return s, nil
}

// close ends what runs and closes the data path.
func (s *server) close() {
	s.active.cancelAll()
	for range cap(s.slots) {
		s.slots <- struct{}{}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s.anchor.close()
}

// spoolName is a new name in the spool; it needs no quoting in SQL.
func (s *server) spoolName(suffix string) string {
	return spoolDir + "/" + strconv.FormatUint(s.sequence.Add(1), 10) + suffix
}

// query is everything of a request but its statement.
type query struct {
	id       string // the client's, or one made up
	database string
	settings []setting
	params   []parameter
	readonly int    // as the setting of that name: 0, 1, or 2 (settings may change)
	role     string // "": every right
	urgent   bool
}

type setting struct{ name, value string }

var errKilled = errors.New("killed by KILL QUERY")

// run gives work a connection of its own with the query's settings, on a locked
// thread, when there is a free slot. When ctx ends while work runs, what it runs
// is killed. Errors are exceptions.
func (s *server) run(ctx context.Context, q query, work func(*connection) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !s.active.add(q.id, cancel) {
		return refuse(codeSameQueryID, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING", "Query with id = %s is already running", q.id)
	}
	defer s.active.remove(q.id)

	slots := s.slots
	if q.urgent {
		slots = s.urgent
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return errCancelled()
	}
	if ctx.Err() != nil {
		return errCancelled()
	}

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c, err := s.lib.dial(s.args)
	if err != nil {
		return refuse(codeUnknownException, "UNKNOWN_EXCEPTION", "%s", err)
	}
	defer c.close()
	marker := "q" + strconv.FormatUint(s.sequence.Add(1), 10) + " "
	if err := prepare(c, q, marker); err != nil {
		return err
	}

	done, killed := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		s.kill(marker, done)
	})
	err = work(c)
	close(done)
	if !stop() {
		<-killed
	}
	return err
}

// prepare puts the query's state into its fresh connection. The settings that
// bind come last, so that none of the request's can undo them.
func prepare(c *connection, q query, marker string) error {
	if q.role != "" {
		if err := c.exec("SET ROLE "+q.role, "Null", nil, nil); err != nil {
			return err
		}
	}
	if q.database != "" {
		if err := c.exec("USE "+quoteIdentifier(q.database), "Null", nil, nil); err != nil {
			return err
		}
	}
	var b strings.Builder
	b.WriteString("SET ")
	for _, s := range q.settings {
		b.WriteString(s.name + " = " + quote(s.value) + ", ")
	}
	b.WriteString(markerSetting + " = " + quote(marker+q.id))
	if q.readonly > 0 {
		// By itself: a SET is checked against the state before it.
		if err := c.exec(b.String(), "Null", nil, nil); err != nil {
			return err
		}
		return c.exec("SET readonly = "+strconv.Itoa(q.readonly), "Null", nil, nil)
	}
	return c.exec(b.String(), "Null", nil, nil)
}

// kill ends the query with this marker. It asks until the query is over: a query
// is not yet in system.processes when it has only just begun.
func (s *server) kill(marker string, done <-chan struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c, err := s.lib.dial(s.args)
	if err != nil {
		s.log.Error("cannot connect to cancel a query", "error", err)
		return
	}
	defer c.close()
	sql := "KILL QUERY WHERE startsWith(Settings['" + markerSetting + "'], " + quote(marker) + ") ASYNC"
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		if err := c.exec(sql, "Null", nil, nil); err != nil {
			s.log.Warn("cannot cancel a query", "error", err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-done:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

func errCancelled() error {
	return refuse(codeCancelled, "QUERY_WAS_CANCELLED", "Query was cancelled")
}

func quoteIdentifier(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}

// registry knows the queries that run or wait, by the id that the client gave.
type registry struct {
	mu      sync.Mutex
	running map[string]context.CancelCauseFunc
}

func (r *registry) add(id string, cancel context.CancelCauseFunc) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.running[id]; taken {
		return false
	}
	r.running[id] = cancel
	return true
}

func (r *registry) remove(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, id)
}

func (r *registry) cancel(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if cancel, ok := r.running[id]; ok {
		cancel(errKilled)
	}
}

func (r *registry) cancelAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, cancel := range r.running {
		cancel(errKilled)
	}
}

// digest makes secrets comparable in constant time whatever their length.
func digest(s string) [sha256.Size]byte { return sha256.Sum256([]byte(s)) }
