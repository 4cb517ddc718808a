package deploy_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"larstrom/pipeline/embedded/engine"
)

// deadline bounds each wait of this file.
const deadline = 2 * time.Minute

// stores are the two engines behind ClickHouse's interface, each with a door for
// its writer and one for those who may only read.
type stores map[string]*door // by user/database

// door is one address of a store. It remembers what it was asked.
type door struct {
	address string
	mu      sync.Mutex
	asked   map[string]bool
}

func newDoor(t *testing.T, to string) *door {
	d := &door{asked: map[string]bool{}}
	parameter := regexp.MustCompile(`\{(\w+):([^}]+)\}`)
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: to})
	proxy.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		statement := r.URL.Query().Get("query")
		if statement == "" { // the body is the statement, and not the rows of one
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			statement, r.Body = string(body), io.NopCloser(bytes.NewReader(body))
		}
		statement = parameter.ReplaceAllStringFunc(statement, func(p string) string {
			m := parameter.FindStringSubmatch(p)
			return "CAST('" + strings.ReplaceAll(r.URL.Query().Get("param_"+m[1]), "'", "\\'") + "' AS " + m[2] + ")"
		})
		d.mu.Lock()
		d.asked[statement] = true
		d.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	d.address = server.Listener.Addr().String()
	return d
}

// statements are what the door was asked, without the rows of an INSERT.
func (d *door) statements() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	insert := regexp.MustCompile(`(?is)^\s*INSERT INTO (\S+)(.*?)(FORMAT \w+|VALUES.*)\s*$`)
	all := map[string]bool{}
	for s := range d.asked {
		if m := insert.FindStringSubmatch(s); m != nil {
			columns := strings.Trim(strings.TrimSpace(m[2]), "()")
			if columns == "" {
				columns = "*"
			}
			s = "INSERT INTO " + m[1] + m[2] + " SELECT " + columns + " FROM " + m[1] + " WHERE 0"
		}
		all[s] = true
	}
	return slices.Sorted(maps.Keys(all))
}

func startStores(t *testing.T, env map[string]string) stores {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := stores{}
	for database, writer := range map[string]string{"warehouse": "warehouse", "released": "publisher", "audience": "editor"} {
		password := func(user string) string { return env["LARSTROM_"+strings.ToUpper(user)+"_PASSWORD"] }
		e, err := engine.Start(t.Context(), engine.Config{
			Path: t.TempDir(), Databases: []string{database}, Command: []string{exe, "engine"}, Logger: slog.New(slog.DiscardHandler),
			Listeners: []engine.Listener{
				{Addr: "127.0.0.1:0", User: writer, Password: password(writer), Database: database},
				{Addr: "127.0.0.1:0", User: "services", Password: password("services"), Database: database,
					// The deployment's profile has readonly 2 instead, which lets these through.
					Policy: engine.Policy{ReadOnly: true, IgnoreSettings: []string{"async_insert", "insert_deduplicate", "max_execution_time", "http_write_exception_in_output_format"},
						Settings: map[string]string{"enable_extended_results_for_datetime_functions": "1"}}}, // as a query sets it itself
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		s[writer+"/"+database], s["services/"+database] = newDoor(t, e.ListenerAddrs()[0]), newDoor(t, e.ListenerAddrs()[1])
	}
	return s
}

// cells is what the services read of the released cells.
func (s stores) cells(t *testing.T, env map[string]string) string {
	t.Helper()
	return s.count(t, env, "services", "released", "cell")
}

// count is how many rows a user reads of a view.
func (s stores) count(t *testing.T, env map[string]string, user, database, view string) string {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+s[user+"/"+database].address+"/", strings.NewReader("SELECT count() FROM "+view+" FORMAT TSV"))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(user, env["LARSTROM_"+strings.ToUpper(user)+"_PASSWORD"])
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// process is one of our services, run by the command and the environment that
// docker-compose.yml gives it.
type process struct {
	name    string
	cmd     *exec.Cmd
	address string // where it listens
	said    func() string
	exited  chan error
	stopped bool
}

// start runs the service and returns when it listens.
func start(t *testing.T, binary string, s types.ServiceConfig, replace *strings.Replacer, st stores) *process {
	t.Helper()
	p := &process{name: s.Name, exited: make(chan error, 1)}
	var args []string
	for _, a := range s.Command {
		args = append(args, replace.Replace(a))
	}
	p.cmd = exec.Command(binary, args...)
	p.cmd.Env = environ(t, s, replace, st)
	out, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var said strings.Builder
	p.said = func() string {
		mu.Lock()
		defer mu.Unlock()
		return said.String()
	}
	listens := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			mu.Lock()
			fmt.Fprintln(&said, lines.Text())
			mu.Unlock()
			var line struct{ Msg, Listen string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
				listens <- line.Listen
			}
		}
		p.exited <- p.cmd.Wait()
	}()
	t.Cleanup(func() {
		if !p.stopped {
			_ = p.cmd.Process.Kill()
			t.Logf("%s was killed: %v", p.name, <-p.exited)
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", p.name, p.said())
		}
	})
	select {
	case p.address = <-listens:
	case err := <-p.exited:
		p.stopped = true
		t.Fatalf("%s ended: %v\n%s", p.name, err, p.said())
	case <-time.After(deadline):
		t.Fatalf("%s does not listen after %s", p.name, deadline)
	}
	return p
}

// environ is nothing but what the container has, and no engine to be found.
func environ(t *testing.T, s types.ServiceConfig, replace *strings.Replacer, st stores) []string {
	t.Helper()
	env := []string{"LARSTROM_LIBCHDB=" + filepath.Join(t.TempDir(), "absent")}
	for name, value := range s.Environment {
		v := replace.Replace(*value)
		for who, d := range st {
			user, database, _ := strings.Cut(who, "/")
			if strings.Contains(v, "http://"+user+":") && strings.HasSuffix(v, "@clickhouse:8123/"+database) {
				v = strings.Replace(v, "clickhouse:8123", d.address, 1)
			}
		}
		env = append(env, name+"="+v)
	}
	return env
}

// await asks again and again until the answer is nil.
func await(t *testing.T, what string, ask func() error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), deadline)
	defer stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s after %s: %v", what, deadline, err)
		case <-tick.C:
		}
	}
}

func (p *process) metrics(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	r, err := http.Get("http://" + p.address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// withAudience is the deployment of the example with a profile for a wider audience.
func withAudience(t *testing.T) (*types.Project, map[string]string) {
	t.Helper()
	env := environment(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(env["LARSTROM_CATALOG"])); err != nil {
		t.Fatal(err)
	}
	profile := "profiles:\n  - {id: OPEN, rule: ROUND5, edition_day: 1, note: open pages}\n"
	if err := os.WriteFile(filepath.Join(dir, "audience.yaml"), []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	env["LARSTROM_CATALOG"], env["LARSTROM_AUDIENCE"] = dir, "OPEN"
	p, err := project(t, env)
	if err != nil {
		t.Fatal(err)
	}
	return p, env
}

// TestServices runs the program as docker-compose.yml does: one process each,
// its command and environment, the log on a server with nats.conf, the stores by
// DSN with the user that each has, no engine within reach. An export goes in and a
// publication comes out; every metric that a rule names is there; all stop in time.
func TestServices(t *testing.T) {
	compose, env := withAudience(t)
	binary := filepath.Join(t.TempDir(), "larstrom")
	if out, err := exec.Command("go", "build", "-o", binary, "../services/larstrom").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	nats, st := startNATS(t, env), startStores(t, env)
	replace := strings.NewReplacer("/var/lib/larstrom", t.TempDir(), "/etc/larstrom/catalog", env["LARSTROM_CATALOG"], "/drop", env["LARSTROM_DROP"],
		"--listen=0.0.0.0:8080", "--listen=127.0.0.1:0", "@nats:4222", "@"+nats.Addr().String())
	running := map[string]*process{}
	healthy := func(name string) {
		t.Helper()
		p := start(t, binary, compose.Services[name], replace, st)
		running[name] = p
		check := compose.Services[name].HealthCheck.Test
		if len(check) != 4 || check[0] != "CMD" || check[1] != "/larstrom" {
			t.Fatalf("%s: health check %q", name, check)
		}
		address := strings.Replace(check[3], "127.0.0.1:8080", p.address, 1)
		await(t, name+" is healthy", func() error {
			out, err := exec.Command(binary, check[2], address).CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			return err
		})
	}
	// Editions are rounded with a key of the key file, which is made before.
	keys := filepath.Join(replace.Replace("/var/lib/larstrom"), "keys", "larstrom.keys")
	if err := os.MkdirAll(filepath.Dir(keys), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(binary, "keys", "--region", "england", keys).CombinedOutput(); err != nil {
		t.Fatalf("keys: %v\n%s", err, out)
	}
	healthy("aggregator") // the others wait for it
	for _, name := range ours() {
		if name != "aggregator" {
			healthy(name)
		}
	}
	// A second notifier: no message is sent twice (services/notifier), and neither
	// keeps the other from running.
	second := start(t, binary, compose.Services["notifier"], replace, st)
	export, err := os.ReadFile(filepath.Join(env["LARSTROM_CATALOG"], "sample", "synthetic_ae_attendances.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(env["LARSTROM_DROP"], "synthetic_ae_attendances.csv"), export, 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, "a publication", func() error {
		if f := running["portal"].metrics(t)["larstrom_publication"]; f == nil || f.Metric[0].GetGauge().GetValue() < 1 {
			return errors.New("there is none")
		}
		return nil
	})
	await(t, "an edition for the wider audience", func() error {
		if got := st.count(t, env, "editor", "audience", "cell"); got == "0\n" {
			return errors.New("it has no cells")
		}
		return nil
	})
	families := map[string]*dto.MetricFamily{}
	for _, name := range ours() {
		for n, f := range running[name].metrics(t) {
			if known := families[n]; known != nil {
				known.Metric = append(known.Metric, f.Metric...)
			} else {
				families[n] = f
			}
		}
	}
	t.Run("rules", func(t *testing.T) { testRules(t, families) })
	t.Run("pages", func(t *testing.T) { testPages(t, "http://"+running["portal"].address) })
	running["second notifier"], compose.Services["second notifier"] = second, compose.Services["notifier"]
	for _, name := range []string{"ingest", "portal", "second notifier", "notifier", "validator", "aggregator"} {
		p, s := running[name], compose.Services[name]
		if s.StopSignal != "SIGTERM" {
			t.Errorf("%s is stopped by %s", name, s.StopSignal)
		}
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-p.exited:
			p.stopped = true
			if err != nil {
				t.Errorf("%s stops with %v", name, err)
			}
		case <-time.After(time.Duration(*s.StopGracePeriod)):
			t.Errorf("%s does not stop within %s", name, s.StopGracePeriod)
		}
	}
	if t.Failed() {
		return
	}
	t.Run("grants", func(t *testing.T) { testGrants(t, st, env) })
	// The stores are lost: the aggregator makes them again from the log.
	want, edition := st.cells(t, env), st.count(t, env, "editor", "audience", "cell")
	st = startStores(t, env)
	healthy("aggregator")
	await(t, "the publication is back", func() error {
		if got := st.cells(t, env); got != want || want == "0\n" {
			return fmt.Errorf("%q cells, want %q", got, want)
		}
		return nil
	})
	await(t, "the edition is back", func() error {
		if got := st.count(t, env, "editor", "audience", "cell"); got != edition {
			return fmt.Errorf("%q cells, want %q", got, edition)
		}
		return nil
	})
	// Commands that a person runs, with what the aggregator has: one beside it, the
	// other in its place.
	for _, c := range []struct{ service, command, says string }{
		{"aggregator", "verify", "raw files, log, stores and ledger agree"}, {"aggregator", "replay", "equal: the stores were what the log says"},
	} {
		if c.command == "replay" {
			if err := running["aggregator"].cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			running["aggregator"].stopped = <-running["aggregator"].exited == nil
		}
		cmd := exec.Command(binary, c.command, replace.Replace("--data=/var/lib/larstrom"))
		cmd.Env = environ(t, compose.Services[c.service], replace, st)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), c.says) {
			t.Errorf("%s of the scaled deployment: %v\n%s", c.command, err, out)
		}
	}
	t.Run("usage", func(t *testing.T) { testUsage(t, binary, compose) })
}

// mostPages bounds how many pages are opened: each kind is among the first.
const mostPages = 10

// testPages opens the pages of the portal, from the first one on, so that it asks
// the stores what it asks for people.
func testPages(t *testing.T, base string) {
	link := regexp.MustCompile(`href="(/[^"#]*)`)
	queue, seen := []string{"/"}, map[string]bool{"/": true}
	for n := 0; n < len(queue) && n < mostPages; n++ {
		r, err := http.Get(base + queue[n])
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r.Body)
		if err := errors.Join(err, r.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", queue[n], r.Status)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if to := html.UnescapeString(m[1]); !seen[to] {
				seen[to] = true
				queue = append(queue, to)
			}
		}
	}
}

// testGrants: everything that the services asked of the stores, its user may, as
// users.d/larstrom.xml has it.
func testGrants(t *testing.T, st stores, env map[string]string) {
	env = withSubnets(env)
	migrations := ""
	files, err := filepath.Glob("../schemas/clickhouse/*/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("migrations: %q, %v", files, err)
	}
	for _, name := range files {
		migrations += read(t, name)
	}
	s := session{path: t.TempDir(), env: env}
	s.run(t, "", "CREATE DATABASE warehouse", "CREATE DATABASE released", "CREATE DATABASE audience")
	// The writers first: they make the tables.
	for _, who := range []string{"warehouse/warehouse", "publisher/released", "editor/audience", "services/warehouse", "services/released"} {
		user, database, _ := strings.Cut(who, "/")
		var gone, tables, rest []string
		for _, q := range st[who].statements() {
			switch {
			case strings.HasPrefix(q, "DROP TABLE"): // before it is made anew
				gone = append(gone, q)
			case strings.HasPrefix(q, "CREATE TABLE"), strings.HasPrefix(q, "ALTER TABLE") && strings.Contains(q, "ADD COLUMN"):
				tables = append(tables, q)
			default:
				rest = append(rest, q)
			}
		}
		slices.SortStableFunc(tables, func(a, b string) int { // CREATE before ALTER, and that in the order of the migrations
			return cmp.Or(strings.Compare(b[:1], a[:1]), cmp.Compare(strings.Index(migrations, a), strings.Index(migrations, b)))
		})
		if len(rest) < 3 || (len(tables) > 0) == (user == "services") {
			t.Errorf("%s asked for %d tables and %d other things", who, len(tables), len(rest))
		}
		all := slices.Concat([]string{"USE " + database}, gone, tables, rest)
		wantAll(t, user, all, s.run(t, user, all...))
	}
}

// testUsage: every variable that a service is given is one that its command says
// it reads, and a service that listens nowhere is not healthy.
func testUsage(t *testing.T, binary string, compose *types.Project) {
	for _, name := range ours() {
		help, err := exec.Command(binary, compose.Services[name].Command[0], "--help").CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, help)
		}
		for variable := range compose.Services[name].Environment {
			if !strings.Contains(string(help), "$"+variable) {
				t.Errorf("%s is given %s, which its help does not name", name, variable)
			}
		}
	}
	var status *exec.ExitError
	if out, err := exec.Command(binary, "healthz", "--url=http://127.0.0.1:1/healthz").CombinedOutput(); !errors.As(err, &status) || status.ExitCode() != 1 ||
		strings.Count(string(out), "\n") != 1 {
		t.Errorf("healthz of nothing: %v, %q", err, out)
	}
}
