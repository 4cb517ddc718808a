package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larstrom/pipeline/embedded/engine"
	"larstrom/services/larstrom/control"
)

// program is a process that is this test binary as larstrom.
func program(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	if _, err := engine.FindLibrary(); err != nil {
		t.Fatalf("this test needs the engine: %v", err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(os.Environ(), envMain+"=1")
	return cmd
}

type result struct {
	Out, Err string
	Status   int
}

// larstrom runs one command with the personal token of the person who acts.
func larstrom(t *testing.T, token string, args ...string) result {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	cmd := program(ctx, t, args...)
	cmd.Env = append(cmd.Env, "LARSTROM_TOKEN="+token)
	var out, text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &text
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return result{out.String(), text.String(), cmd.ProcessState.ExitCode()}
}

// daemon starts larstrom up and returns when it is ready.
func daemon(t *testing.T, data string, more ...string) (cmd *exec.Cmd, listen string) {
	t.Helper()
	cmd = program(t.Context(), t, append([]string{"up", "--data", data, "--listen", "127.0.0.1:0"}, more...)...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	ready := make(chan string, 1)
	var said []string // until ready is closed, the goroutine's
	go func() {       // ends with the process
		defer close(ready)
		lines := bufio.NewScanner(log)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			said = append(said, lines.Text())
			var line struct{ Msg, Listen string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "ready" {
				ready <- line.Listen
				_, _ = io.Copy(io.Discard, log)
				return
			}
		}
	}()
	select {
	case listen = <-ready:
	case <-time.After(2 * time.Minute):
		t.Fatal("up is not ready after two minutes")
	}
	if listen == "" {
		t.Fatalf("up has ended before it was ready:\n%s", strings.Join(said, "\n"))
	}
	return cmd, listen
}

// export is an A&E file of 24 months.
func export(t *testing.T, dir, name string) string {
	t.Helper()
	return months(t, dir, name, 24)
}

// months is an A&E file in which RF4 is silent after 24 months, for which the
// checks hold what comes then.
func months(t *testing.T, dir, name string, n int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("period,org_code,type,attendances,breaches,admissions\n")
	for month := range n {
		for i, unit := range []string{"RF4", "R1H", "RQM", "RYJ", "RVV", "RJ1"} {
			if unit == "RF4" && month >= 24 {
				continue
			}
			n := 1000 + 37*((month*7+i*5)%11) + 100*i
			fmt.Fprintf(&b, "%04d-%02d-01,%s,1,%d,%d,%d\n", 2016+month/12, month%12+1, unit, n, n/10+(month*3+i)%9, n/4+(month*5+i)%7)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const example = "../../schemas/catalog/examples/nhs-ae"

// published makes a data folder with one publication.
func published(t *testing.T) (data string, up result) {
	t.Helper()
	root := t.TempDir()
	data = filepath.Join(root, "data")
	export(t, filepath.Join(root, "drop"), "ae_attendances_1.csv")
	months(t, filepath.Join(root, "drop"), "ae_attendances_2.csv", 25)
	up = larstrom(t, "", "up", "--data", data, "--catalog", example, "--drop", filepath.Join(root, "drop"), "--once")
	if up.Status != 0 {
		t.Fatalf("up --once: %+v", up)
	}
	return data, up
}

// TestBothWaysGiveTheSameAnswers runs the same commands on two folders with
// the same history, once by themselves and once asking the process that has
// the folder, and compares every byte and status. It also holds what a person
// is told on the way.
func TestBothWaysGiveTheSameAnswers(t *testing.T) {
	alone, up := published(t)
	for _, want := range []string{"ae_attendances_2.csv  149    149       0         0", "HOLD K01: 3 flags in 1 incident  A unit that was expected", "3 cells are held back",
		"publication 1 (run ", "3 indicators", "larstrom flags list --data "} {
		if !strings.Contains(up.Out, want) {
			t.Errorf("the summary lacks %q:\n%s", want, up.Out)
		}
	}
	if up.Err != "" {
		t.Errorf("standard error is no terminal and got %q", up.Err)
	}
	served, _ := published(t)
	process, listen := daemon(t, served)

	incoming := t.TempDir()
	bad := filepath.Join(incoming, "ae_attendances_bad.csv")
	if err := os.WriteFile(bad, []byte("period,org_code\n2016-01-01,RF4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := export(t, incoming, "ae_attendances_1.csv")
	flag := ""
	var list struct {
		Version int
		Flags   []control.Flag
	}
	first := larstrom(t, "", "flags", "list", "--json", "--data", alone)
	if err := json.Unmarshal([]byte(first.Out), &list); err != nil || list.Version != 1 {
		t.Fatalf("flags list --json: %v\n%+v", err, first)
	}
	for _, f := range list.Flags {
		if f.Check == "K01" && f.Unit == "RF4" {
			flag = f.Flag
		}
	}
	if flag == "" {
		t.Fatalf("no K01 flag for RF4:\n%s", first.Out)
	}
	cells := "SELECT indicator, unit, period_start, state, numerator, denominator, fingerprint FROM cell ORDER BY ALL"
	for _, c := range []struct {
		token  string
		args   []string
		status int
		has    string
	}{
		{"", []string{"status"}, 0, "2 received: 2 published"},
		{"", []string{"status", "--json"}, 0, `"held_cells"`},
		{"", []string{"flags", "list"}, 0, flag},
		{"", []string{"flags", "list", "--json", "--all"}, 0, flag},
		{"", []string{"flags", "show", flag}, 0, "guards"},
		{"", []string{"flags", "show", flag, "--json"}, 0, `"guards"`},
		{"", []string{"flags", "show", "K01-nothing"}, 1, "K01-nothing"},
		{"", []string{"sql", "SELECT 1 + 1"}, 0, "2\n"},
		{"", []string{"sql", cells}, 0, "held_empty"},
		{"", []string{"sql", "--format", "JSONEachRow", "SELECT count() AS n FROM cell"}, 0, `"n"`},
		{"", []string{"sql", "--store", "warehouse", "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name"}, 0, "cell"},
		{"ae-steward-demo", []string{"sql", "--store", "warehouse", "--as", "ae-steward", "SELECT count() > 0 FROM cell"}, 0, "1\n"},
		{"ae-super-demo", []string{"sql", "--as", "ae-super", "SELECT 1"}, 1, "not allowed"},
		{"ae-viewer-demo", []string{"sql", "--as", "ae-steward", "SELECT 1"}, 1, "not that person's"},
		{"", []string{"sql", "SELECT nonsense"}, 1, "nonsense"},
		{"", []string{"sql", "DROP TABLE pointer"}, 1, "readonly"},
		{"", []string{"sql", "INSERT INTO pointer (publication) SETTINGS readonly = 0 VALUES (9)"}, 1, "readonly"},
		{"", []string{"check", bad}, 1, "rejected"},
		{"", []string{"check", again}, 0, "accepted"},
		{"", []string{"submit", again}, 0, "repeated"},
		{"", []string{"submit", "--json", bad}, 1, `"rejected"`},
		{"", []string{"flags", "decide", flag, "accept", "--cause", "true_change", "--as", "ae-super"}, 1, "LARSTROM_TOKEN"},
		{"wrong", []string{"flags", "decide", flag, "accept", "--cause", "true_change", "--as", "ae-super"}, 1, "not that person's"},
		{"ae-viewer-demo", []string{"flags", "decide", flag, "accept", "--cause", "true_change", "--as", "ae-viewer"}, 1, "not allowed"},
		{"ae-viewer-demo", []string{"flags", "decide", flag, "accept", "--cause", "true_change", "--as", "ae-super"}, 1, "not that person's"},
		{"ae-super-demo", []string{"flags", "decide", flag, "accept", "--as", "ae-super"}, 1, "needs a cause"},
		{"", []string{"flags", "list", "--as", "ae-viewer"}, 1, "LARSTROM_TOKEN"},
		{"ae-viewer-demo", []string{"flags", "list", "--as", "ae-viewer"}, 0, flag},
		{"ae-viewer-demo", []string{"flags", "show", flag, "--as", "ae-viewer"}, 0, "guards"},
		{"ae-super-demo", []string{"flags", "preview", "accept", flag, "--cause", "true_change", "--as", "ae-super"}, 1, "record cause and evidence"},
		{"ae-super-demo", []string{"flags", "decide", flag, "judge", "--cause", "true_change", "--as", "ae-super"}, 1, "needs evidence"},
		{"ae-super-demo", []string{"flags", "decide", flag, "judge", "--cause", "true_change", "--evidence", "closed for good", "--as", "ae-super"}, 0, "recorded"},
		{"ae-super-demo", []string{"flags", "preview", "accept", flag, "--cause", "true_change", "--as", "ae-super"}, 0, "1 flag would change"},
		{"ae-super-demo", []string{"flags", "preview", "accept", "--cause", "true_change", "--as", "ae-super"}, 2, "name flags"},
		{"ae-super-demo", []string{"flags", "bulk", "accept", "--check", "K01", "--cause", "true_change", "--as", "ae-super"}, 1, "refused"},
		{"ae-super-demo", []string{"flags", "decide", flag, "correct", "--cause", "export_error", "--evidence", "e", "--numerator", "3", "--as", "ae-super"}, 1, "cannot be corrected"},
		{"ae-super-demo", []string{"flags", "decide", flag, "undo", "--as", "ae-super"}, 1, "no such decision"},
		{"ae-viewer-demo", []string{"why", "--indicator", "none", "--unit", "RF4", "--period", "2016-01-01", "--as", "ae-viewer"}, 1, "no indicator"},
		{"ae-super-demo", []string{"flags", "decide", flag, "accept", "--cause", "true_change", "--as", "ae-super", "--json"}, 0, `"publication": 2`},
		{"ae-super-demo", []string{"flags", "decide", flag, "reject", "--cause", "true_change", "--as", "ae-super", "--flag-version", "1"}, 1, "has changed"},
		{"", []string{"flags", "show", flag}, 0, "accept by ae-super"},
		{"", []string{"sql", cells}, 0, "missing"},
		{"", []string{"diff", "nothing"}, 1, `has no delivery "nothing"`},
		{"", []string{"sequence", "list"}, 0, "no feed waits"},
		{"", []string{"sequence", "skip", "ae", "--as", "ae-super", "--note", "x"}, 1, "LARSTROM_TOKEN"},
		{"ae-super-demo", []string{"sequence", "skip", "nothing", "--as", "ae-super", "--note", "x"}, 1, `feed "nothing"`},
		{"ae-super-demo", []string{"retract", "nothing", "--as", "ae-super", "--note", "x"}, 1, `delivery "nothing"`},
		{"ae-viewer-demo", []string{"retract", "nothing", "--as", "ae-super", "--note", "x"}, 1, "not that person's"},
	} {
		args := strings.Join(c.args, " ")
		direct := larstrom(t, c.token, append(c.args[:len(c.args):len(c.args)], "--data", alone)...)
		asked := larstrom(t, c.token, append(c.args[:len(c.args):len(c.args)], "--data", served)...)
		if c.args[0] == "status" {
			asked = without(t, without(t, asked, "http://"+listen), "running")
			direct = without(t, direct, map[bool]string{true: `"running": false`, false: "stopped: no process works on this folder"}[len(c.args) > 1])
		}
		if diff := cmp.Diff(timeless(direct, alone), timeless(asked, served)); diff != "" {
			t.Errorf("%s: by itself (-) and asking (+):\n%s", args, diff)
		}
		if direct.Status != c.status || !strings.Contains(direct.Out+direct.Err, c.has) {
			t.Errorf("%s: want status %d and %q, got %+v", args, c.status, c.has, direct)
		}
		if text := strings.TrimSuffix(direct.Err, "\n"); strings.Contains(text, "\n") {
			t.Errorf("%s: the error is more than a line: %q", args, text)
		}
	}

	// Nobody else gets the folder, and commands that need it alone say so.
	for _, args := range [][]string{{"up"}, {"replay"}, {"verify"}} {
		if r := larstrom(t, "", append(args, "--data", served)...); r.Status != 1 || !strings.Contains(r.Err, fmt.Sprint(process.Process.Pid)) {
			t.Errorf("%s on a held folder: %+v; want status 1 and the process", args, r)
		}
	}
	answers(t, "http://"+listen+"/healthz", "ok")
	answers(t, "http://"+listen+"/", "Held cells")
	answers(t, "http://"+listen+"/metrics", `larstrom_stream_lag{stream="OBS"} 0`)

	// SIGTERM ends it in order; what it told of itself is gone.
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := process.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want status 0", err)
	}
	if _, err := os.Stat(filepath.Join(served, "run.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("run.json after the stop: %v", err)
	}
	if r := larstrom(t, "", "verify", "--data", served); r.Status != 0 || !strings.Contains(r.Out, "agree") {
		t.Errorf("verify: %+v", r)
	}
	r := larstrom(t, "", "replay", "--data", served, "--json")
	var replay struct {
		Replay struct {
			Before, After string
			Equal         bool
		}
	}
	if err := json.Unmarshal([]byte(r.Out), &replay); err != nil || r.Status != 0 || !replay.Replay.Equal || replay.Replay.Before == "" {
		t.Errorf("replay: %+v", r)
	}
}

// without takes out the line that differs by its nature between a folder with a
// process and one without, and holds that it is there.
func without(t *testing.T, r result, has string) result {
	t.Helper()
	var out strings.Builder
	found := false
	for line := range strings.Lines(r.Out) {
		if !found && strings.Contains(line, has) {
			found = true
			continue
		}
		out.WriteString(line)
	}
	if !found {
		t.Errorf("the status does not say %q: %+v", has, r)
	}
	r.Out = out.String()
	return r
}

// timeless replaces what differs between two folders by their nature, their
// names and moments, and leaves out log lines: they are where the work is done.
func timeless(r result, data string) result {
	for _, s := range []*string{&r.Out, &r.Err} {
		*s = strings.ReplaceAll(*s, data, "DATA")
		*s = regexp.MustCompile(`(?m)^\{"time":.*\n`).ReplaceAllString(*s, "")
		*s = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z|\d{4}-\d\d-\d\d \d\d:\d\d UTC`).ReplaceAllString(*s, "MOMENT")
	}
	return r
}

func answers(t *testing.T, url, want string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(b), want) {
		t.Errorf("%s: %d, %v, want %q in\n%s", url, res.StatusCode, err, want, b)
	}
}

// TestSubmitToAServer: a source operator hands in over the network what the
// drop folder would take.
func TestSubmitToAServer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	process, listen := daemon(t, data, "--catalog", "../../schemas/catalog/examples/norrsund")
	file := filepath.Join(t.TempDir(), "pvk_norrsund_20260101.csv")
	if err := os.WriteFile(file, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		token string
		has   string
	}{
		{"p-4001-demo", "pvk_norrsund_20260101.csv: rejected"},
		{"p-6001-demo", "p-6001 is no source_operator"},
		{"nonsense", "a personal token of the catalog is needed"},
	} {
		r := larstrom(t, x.token, "submit", "--server", "http://"+listen, file)
		if r.Status != 1 || !strings.Contains(r.Out+r.Err, x.has) {
			t.Errorf("%s: %+v, want %q", x.token, r, x.has)
		}
	}
	if r := larstrom(t, "", "status", "--data", data); !strings.Contains(r.Out, "1 received: 0 published, 0 waiting for their publication, 1 rejected") {
		t.Errorf("status: %+v", r)
	}
	if err := process.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := process.Wait(); err != nil {
		t.Errorf("after SIGINT: %v, want status 0", err)
	}
}

// TestAKilledProcessLeavesTheFolderFree: the lock ends with the process, and
// the run.json that it leaves is ignored.
func TestAKilledProcessLeavesTheFolderFree(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	process, _ := daemon(t, data, "--catalog", example)
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait() // killed
	if _, err := os.Stat(filepath.Join(data, "run.json")); err != nil {
		t.Fatalf("the kill was to leave run.json: %v", err)
	}
	r := larstrom(t, "", "status", "--data", data)
	if r.Status != 0 || !strings.Contains(r.Out, "none yet") {
		t.Errorf("status: %+v", r)
	}
}

// TestTheCrashPointIsReached: --crash-at ends the process as SIGKILL does, and
// the next start finishes the work.
func TestTheCrashPointIsReached(t *testing.T) {
	root := t.TempDir()
	data, drop, reached := filepath.Join(root, "data"), filepath.Join(root, "drop"), filepath.Join(root, "reached")
	export(t, drop, "ae_attendances_1.csv")
	args := []string{"up", "--data", data, "--catalog", example, "--drop", drop, "--once"}
	if r := larstrom(t, "", append(args, "--crash-at", "accepted", "--crash-reached", reached)...); r.Status != -1 {
		t.Fatalf("it was to be killed: %+v", r)
	}
	if b, err := os.ReadFile(reached); err != nil || string(b) != "accepted" {
		t.Fatalf("reached: %q, %v", b, err)
	}
	if r := larstrom(t, "", args...); r.Status != 0 || !strings.Contains(r.Out, "publication 1 (run ") {
		t.Errorf("after the crash: %+v", r)
	}
	if r := larstrom(t, "", append(args, "--crash-at", "nowhere")...); r.Status != 2 || !strings.Contains(r.Err, "pointer_moved") {
		t.Errorf("an unknown point: %+v, want status 2 and the points", r)
	}
}

// An address in use is found before anything is made.
func TestPortInUseLeavesNothingBehind(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	data := filepath.Join(t.TempDir(), "data")
	for _, flags := range [][]string{{"--listen", l.Addr().String()}, {"--listen", "127.0.0.1:0", "--clickhouse-listen", l.Addr().String()}} {
		got := larstrom(t, "", append([]string{"up", "--data", data, "--catalog", example}, flags...)...)
		if got.Status != 1 || !strings.Contains(got.Err, l.Addr().String()) {
			t.Errorf("%q: %+v", flags, got)
		}
		if _, err := os.Stat(data); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: the data folder is there: %v", flags, err)
		}
	}
}

// TestWhatWasSeenThen: what a decision changes, and what was seen before it, by
// the commands alone.
func TestWhatWasSeenThen(t *testing.T) {
	data, _ := published(t)
	daemon(t, data)
	var list struct{ Flags []control.Flag }
	all := larstrom(t, "", "flags", "list", "--json", "--data", data)
	if err := json.Unmarshal([]byte(all.Out), &list); err != nil {
		t.Fatalf("%v: %+v", err, all)
	}
	at := slices.IndexFunc(list.Flags, func(f control.Flag) bool { return f.Check == "K01" && f.Unit == "RF4" && len(f.Guards) > 0 })
	if at < 0 {
		t.Fatalf("no K01 flag for RF4: %s", all.Out)
	}
	f := list.Flags[at]
	g := f.Guards[0]
	why := func(more ...string) string {
		t.Helper()
		r := larstrom(t, "ae-super-demo", append([]string{"why", "--indicator", f.Indicator, "--unit", g.Unit, "--period", g.Period.String(), "--stratum", g.Stratum,
			"--as", "ae-super", "--data", data}, more...)...)
		if r.Status != 0 {
			t.Fatalf("why: %+v", r)
		}
		return r.Out
	}
	if got := why(); !strings.Contains(got, "held_empty") || !strings.Contains(got, f.Flag) {
		t.Errorf("before the decision:\n%s", got)
	}
	before := time.Now().UTC().Format(time.RFC3339Nano)
	if r := larstrom(t, "ae-super-demo", "flags", "decide", f.Flag, "accept", "--cause", "organisational_change", "--note", "closed", "--as", "ae-super", "--data", data); r.Status != 0 {
		t.Fatalf("decide: %+v", r)
	}
	if got := why(); strings.Contains(got, "held_empty") || !strings.Contains(got, "publication  2 of") || !strings.Contains(got, f.Flag) || !strings.Contains(got, "accept by") {
		t.Errorf("after the decision:\n%s", got)
	}
	if got := why("--as-of", before); !strings.Contains(got, "held_empty") || strings.Contains(got, "accept by") {
		t.Errorf("as it was seen before:\n%s", got)
	}
	if got := why("--as-of", "2000-01-01"); got != "nothing was published of it then\n" {
		t.Errorf("long before:\n%s", got)
	}
	if r := larstrom(t, "", "flags", "learn", "--data", data); !regexp.MustCompile(`(?m)^K01 +\d+ +HOLD +3 +2 +0 +0 +0 +0 +1 +0 +0 `).MatchString(r.Out) {
		t.Errorf("one of three decided, and the data were right: %+v", r)
	}
}
