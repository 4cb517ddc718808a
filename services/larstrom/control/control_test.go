package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/rawstore"
	"larstrom/pipeline/run"
	"larstrom/services/larstrom/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk answers what it was told to.
type desk struct {
	status  control.Status
	flags   []control.Flag
	done    control.Decision
	err     error
	catalog *catalog.Catalog
	// what it was asked
	decided control.DecisionRequest
	again   bool
	files   []string // name, content and manifest of each submitted file
	seal    *rawstore.Sealer
	sql     func(w io.Writer) error
	asked   []string
}

func (d *desk) Submit(_ context.Context, paths []string, again bool) ([]intake.Receipt, error) {
	if d.err != nil {
		return nil, d.err
	}
	d.again = again
	var out []intake.Receipt
	for _, p := range paths {
		in, err := d.seal.Open(p)
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(in)
		if _, clear := os.Stat(p); err == nil && d.seal != nil && clear == nil {
			err = fmt.Errorf("%s lies in clear", filepath.Base(p))
		}
		if err = errors.Join(err, in.Close()); err != nil {
			return nil, err
		}
		manifest, err := os.ReadFile(intake.ManifestName(p))
		if err != nil {
			manifest = []byte("none")
		}
		d.files = append(d.files, fmt.Sprintf("%s: %s, manifest %s", filepath.Base(p), b, manifest))
		out = append(out, intake.Receipt{Format: 1, Status: intake.StatusAccepted, File: filepath.Base(p), Lines: int64(len(b))})
	}
	return out, nil
}
func (d *desk) Status(context.Context) (control.Status, error)    { return d.status, d.err }
func (d *desk) Catalog(context.Context) (*catalog.Catalog, error) { return d.catalog, d.err }
func (d *desk) Flags(context.Context) ([]control.Flag, error)     { return d.flags, d.err }
func (d *desk) Flag(_ context.Context, id string) (control.Flag, error) {
	for _, f := range d.flags {
		if f.Flag == id {
			return f, nil
		}
	}
	return control.Flag{}, fmt.Errorf("%w: %q", gate.ErrUnknownFlag, id)
}
func (d *desk) Decide(_ context.Context, r control.DecisionRequest) (control.Decision, error) {
	d.decided = r
	return d.done, d.err
}
func (d *desk) Diff(_ context.Context, delivery string, all bool) (control.Diff, error) {
	return control.Diff{Delivery: delivery, Changed: map[bool]int{false: 1, true: 2}[all], Cells: []control.DiffCell{}}, d.err
}
func (d *desk) Retract(_ context.Context, r control.RetractRequest) (event.DeliveryRetracted, error) {
	return event.DeliveryRetracted{Delivery: r.Delivery, By: r.As + " with " + r.Token, Note: r.Note}, d.err
}
func (d *desk) SkipNumbers(_ context.Context, r control.SkipRequest) (event.SequenceSkipped, error) {
	return event.SequenceSkipped{Feed: r.Feed, From: r.From, Through: r.Through, By: r.As + " with " + r.Token, Note: r.Note}, d.err
}
func (d *desk) SQL(_ context.Context, store, format, query string, w io.Writer) error {
	d.asked = []string{store, format, query}
	return d.sql(w)
}

func logger() *slog.Logger { return slog.New(slog.DiscardHandler) }

// serve runs the API before d and announces it in a data folder of its own.
func serve(t *testing.T, d *desk) (dir string, api control.Run) {
	t.Helper()
	dir = t.TempDir()
	lock, err := control.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := control.Listen(t.Context(), control.Config{Incoming: filepath.Join(dir, "incoming"), Submitter: d, Reader: d, Reviewer: d, Custodian: d, Steward: d, Scoped: d, Introducer: d, Recorder: d, Logger: logger()})
	if err != nil {
		t.Fatal(err)
	}
	api = s.Run(time.Unix(0, 0))
	if err := lock.WriteRun(api); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(lock.RemoveRun(), s.Close(), lock.Release()); err != nil {
			t.Error(err)
		}
	})
	return dir, api
}

func client(t *testing.T, dir string) *control.Client {
	t.Helper()
	lock, c, err := control.Enter(t.Context(), dir, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if lock != nil || c == nil {
		t.Fatal("the folder was taken although a process has it")
	}
	return c
}

func TestOneProcessHasAFolder(t *testing.T) {
	dir := t.TempDir()
	lock, err := control.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = control.Acquire(dir)
	if !errors.Is(err, control.ErrHeld) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("the second lock: %v, want ErrHeld with the process", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	lock, err = control.Acquire(dir)
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Acquire(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "larstrom up") {
		t.Errorf("no folder: %v, want what to do", err)
	}
}

func TestWhatACrashLeftIsIgnored(t *testing.T) {
	dir := t.TempDir()
	lock, err := control.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	// A run.json of a process that is gone: nobody listens there.
	if err := lock.WriteRun(control.Run{PID: os.Getpid(), Address: "127.0.0.1:1", Token: "gone"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := control.Enter(t.Context(), dir, 0); !errors.Is(err, control.ErrHeld) {
		t.Errorf("held, and the file stale: %v, want ErrHeld", err)
	}
	// Another server has got the port meanwhile: it does not know the token.
	_, other := serve(t, &desk{})
	if err := lock.WriteRun(control.Run{PID: os.Getpid(), Address: other.Address, Token: "gone"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := control.Enter(t.Context(), dir, 0); !errors.Is(err, control.ErrHeld) {
		t.Errorf("held, and the port another's: %v, want ErrHeld", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	lock, c, err := control.Enter(t.Context(), dir, 0)
	if err != nil || lock == nil || c != nil {
		t.Fatalf("free: lock %v, client %v, error %v; want the lock", lock, c, err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestEnterWaitsForTheHolder(t *testing.T) {
	dir := t.TempDir()
	lock, err := control.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	type entered struct {
		lock *control.Lock
		err  error
	}
	got := make(chan entered, 1)
	go func() {
		l, _, err := control.Enter(t.Context(), dir, time.Minute)
		got <- entered{l, err}
	}()
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	e := <-got
	if e.err != nil || e.lock == nil {
		t.Fatalf("lock %v, error %v", e.lock, e.err)
	}
	if err := e.lock.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestRunFileIsSecret(t *testing.T) {
	dir, api := serve(t, &desk{})
	info, err := os.Stat(filepath.Join(dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode().Perm())
	}
	got, err := control.ReadRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(api, got); diff != "" {
		t.Error(diff)
	}
	if got.Version != 1 || got.PID != os.Getpid() || len(got.Token) < 20 {
		t.Errorf("run.json %+v", got)
	}
}

func TestRefusals(t *testing.T) {
	_, api := serve(t, &desk{})
	for _, c := range []struct {
		name, host, auth string
		status           int
		code             string
	}{
		{"no token", "", "", 401, "unauthorized"},
		{"wrong token", "", "Bearer " + api.Token + "x", 401, "unauthorized"},
		{"token in another scheme", "", "Basic " + api.Token, 401, "unauthorized"},
		{"a foreign name", "attacker.example", "Bearer " + api.Token, 403, "forbidden"},
		{"a name that begins like loopback", "127.0.0.1.attacker.example:80", "Bearer " + api.Token, 403, "forbidden"},
		{"localhost", "localhost:1", "Bearer " + api.Token, 204, ""},
		{"IPv6", "[::1]:1", "Bearer " + api.Token, 204, ""},
		{"address", "", "Bearer " + api.Token, 204, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+api.Address+"/v1/ping", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Close = true
			if c.host != "" {
				req.Host = c.host
			}
			if c.auth != "" {
				req.Header.Set("Authorization", c.auth)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			if res.StatusCode != c.status {
				t.Errorf("status %d, want %d", res.StatusCode, c.status)
			}
			if c.code != "" {
				var e control.Error
				if err := json.NewDecoder(res.Body).Decode(&e); err != nil || e.Code != c.code || e.Message == "" {
					t.Errorf("body %+v, %v; want code %s", e, err, c.code)
				}
			}
		})
	}
}

func testFlag() control.Flag {
	low := event.FlagRaised{Flag: "K01-1", Check: "K01", CheckVersion: 1, Severity: event.Hold, Indicator: "ind", Unit: "u",
		Observed: 0, Expected: 12.5, Direction: "down", High: 5, Text: "Nothing came.", Run: "r", Rev: 7,
		Guards: []event.Guard{{Registry: "reg", Version: "1", Granularity: "month", Unit: "u", Period: catalog.NewDate(2026, 1, 1)}},
		AsOf:   catalog.NewDate(2026, 2, 1), Catalog: "c"}
	return control.Flag{FlagRaised: low, Status: "open", FlagVersion: 3,
		Decisions: []event.DecisionMade{{Decision: "d", Flag: "K01-1", Kind: "comment", By: "p", Note: "æøå", On: catalog.NewDate(2026, 2, 2)}}}
}

func TestTheClientGivesTheSameAnswers(t *testing.T) {
	d := &desk{
		status: control.Status{Region: "r", Catalog: "c", Deliveries: control.Deliveries{Received: 3, Lines: 1 << 40}, Lag: control.Lag{Obs: 1, Dead: 9},
			HeldCells: 4, OpenFlags: map[event.Severity]int{event.Block: 1, event.Hold: 0},
			Publication: &control.Publication{Publication: 2, Run: "x", AsOf: catalog.NewDate(2026, 3, 1), At: time.Unix(1700000000, 123e6).UTC(), Indicators: 3},
			Engines:     []control.Engine{{Store: "warehouse", Running: true, Restarts: 1}}},
		flags: []control.Flag{testFlag()},
		done:  control.Decision{Events: []control.DecisionEvent{{Type: event.TypeDecisionMade, Sequence: 5}}, Publication: 6},
		sql:   func(w io.Writer) error { _, err := io.WriteString(w, "1\n2\n"); return err },
	}
	dir, _ := serve(t, d)
	c, ctx := client(t, dir), t.Context()
	same := func(what string, want, got any, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
	}
	st, err := c.Status(ctx)
	same("status", d.status, st, err)
	flags, err := c.Flags(ctx)
	same("flags", d.flags, flags, err)
	flag, err := c.Flag(ctx, "K01-1")
	same("flag", d.flags[0], flag, err)
	low := 0.5
	asked := control.DecisionRequest{As: "p", Token: "t", Flag: "K01-1", Kind: "accept", Cause: "true_change", Note: "n",
		Until: catalog.NewDate(2026, 5, 1), Low: &low, Decision: "x", FlagVersion: 3}
	done, err := c.Decide(ctx, asked)
	same("decision", d.done, done, err)
	same("what was decided", asked, d.decided, nil)
	var out bytes.Buffer
	err = c.SQL(ctx, "released", "TabSeparated", "SELECT 1", &out)
	same("sql", "1\n2\n", out.String(), err)
	same("what was asked", []string{"released", "TabSeparated", "SELECT 1"}, d.asked, nil)
}

func TestErrorsKeepTheirWordsAndCodes(t *testing.T) {
	d := &desk{}
	dir, _ := serve(t, d)
	c := client(t, dir)
	for _, e := range []struct {
		err    error
		code   string
		status int
	}{
		{fmt.Errorf("%w: who?", gate.ErrForbidden), "forbidden", 403},
		{&gate.ConflictError{Flag: "f", Expected: 1, Actual: 2, What: "accepted"}, "conflict", 409},
		{fmt.Errorf("flag: %w", gate.ErrClosed), "closed", 409},
		{gate.ErrFourEyes, "four_eyes", 403},
		{gate.ErrInvalid, "invalid", 400},
		{gate.ErrCorrections, "corrections", 400},
		{control.ErrWrongToken, "wrong_token", 403},
		{control.ErrNoToken, "no_token", 403},
		{errors.New("the store is away"), "failed", 500},
	} {
		d.err = e.err
		_, err := c.Decide(t.Context(), control.DecisionRequest{Flag: "f"})
		var got *control.Error
		if !errors.As(err, &got) || got.Code != e.code || got.Status != e.status || got.Error() != e.err.Error() {
			t.Errorf("%v came as %#v", e.err, err)
		}
	}
	d.err = nil
	_, err := c.Flag(t.Context(), "no/such flag")
	var got *control.Error
	if !errors.As(err, &got) || got.Code != "unknown_flag" || !strings.Contains(got.Message, `"no/such flag"`) {
		t.Errorf("an unknown flag: %v", err)
	}
}

func TestAQueryThatBreaksIsNoResult(t *testing.T) {
	broken := errors.New("line one\nand a second: æ")
	d := &desk{}
	dir, _ := serve(t, d)
	c := client(t, dir)
	for name, f := range map[string]func(io.Writer) error{
		"before": func(io.Writer) error { return broken },
		"after little": func(w io.Writer) error {
			_, err := w.Write([]byte("x"))
			return errors.Join(err, broken)
		},
		"half-way": func(w io.Writer) error {
			_, err := w.Write(bytes.Repeat([]byte("x"), 1<<20))
			return errors.Join(err, broken)
		},
	} {
		d.sql = f
		err := c.SQL(t.Context(), "", "", "SELECT", io.Discard)
		if err == nil || err.Error() != broken.Error() {
			t.Errorf("%s: %v, want %v", name, err, broken)
		}
	}
}

func TestSubmitOverTheAPI(t *testing.T) {
	d := &desk{}
	dir, api := serve(t, d)
	src := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		p := filepath.Join(src, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o700), os.WriteFile(p, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
		return p
	}
	a, b := write("one/x.csv", "first"), write("two/x.csv", "second")
	write("two/x.csv.manifest.json", "{}")
	receipts, err := client(t, dir).Submit(t.Context(), []string{a, b}, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(receipts) != 2 || receipts[0].Lines != 5 || receipts[1].Lines != 6 || receipts[0].File != "x.csv" {
		t.Errorf("receipts %+v", receipts)
	}
	want := []string{"x.csv: first, manifest none", "x.csv: second, manifest {}"}
	if diff := cmp.Diff(want, d.files); diff != "" || !d.again {
		t.Errorf("again %v, files:\n%s", d.again, diff)
	}
	if _, err := client(t, dir).Submit(t.Context(), []string{filepath.Join(src, "none.csv")}, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}

	// A plain body, as curl sends it.
	d.files = nil
	post := func(query string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+api.Address+"/v1/submit?"+query, strings.NewReader("plain"))
		if err != nil {
			t.Fatal(err)
		}
		req.Close = true
		req.Header.Set("Authorization", "Bearer "+api.Token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	if status, text := post("name=y.csv"); status != 200 || !cmp.Equal(d.files, []string{"y.csv: plain, manifest none"}) {
		t.Errorf("plain body: %d %s, files %q", status, text, d.files)
	}
	for _, query := range []string{"", "name=..", "name=../x", "name=a/b", `name=a%5Cb`, "name=y.csv&again=perhaps"} {
		if status, text := post(query); status != 400 {
			t.Errorf("%q: %d %s, want 400", query, status, text)
		}
	}
	left, err := os.ReadDir(filepath.Join(dir, "incoming"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func people(t *testing.T) (c *catalog.Catalog, operator, viewer string) {
	t.Helper()
	tokens := map[string]string{}
	hash := map[string]string{}
	for _, id := range []string{"op", "elsewhere", "viewer"} {
		tokens[id], hash[id] = control.NewToken()
	}
	src := t.TempDir()
	text := fmt.Sprintf(`
region: {code: r, name: R, time_zone: Europe/Oslo}
registries: [{code: reg, name: Reg, country: "NO"}, {code: other, name: Other, country: "NO"}]
units: [{id: u, name: U, kind: clinic, codes: {resh: "1"}}]
indicators: [{id: ind, registry: reg, name: I, type: count, class: process, introduction: {pilot_units: [u]}}]
feeds:
  - {id: f, registry: reg, files: ["f*.csv"], dialect: {encoding: utf-8, delimiter: ",", dates: iso}, delivery: snapshot, scope: all, complete: newline,
     key: [unit, day], columns: {unit: unit, unit_system: resh, event_date: day}, measures: [{indicator: ind, numerator: n}]}
people:
  - {id: op, name: Op, roles: [{role: source_operator, registries: [reg]}], token_sha256: %s}
  - {id: elsewhere, name: E, roles: [{role: source_operator, registries: [other]}], token_sha256: %s}
  - {id: viewer, name: V, roles: [viewer], token_sha256: %s}
  - {id: tokenless, name: T, roles: [viewer]}
`, hash["op"], hash["elsewhere"], hash["viewer"])
	if err := os.WriteFile(filepath.Join(src, "c.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := catalog.LoadDir(src)
	if err != nil {
		t.Fatal(err)
	}
	return c, tokens["op"], tokens["viewer"]
}

func TestAuthenticate(t *testing.T) {
	c, operator, viewer := people(t)
	if p, err := control.Authenticate(c, "op", operator); err != nil || p.ID != "op" {
		t.Errorf("her own token: %v, %v", p.ID, err)
	}
	for _, x := range []struct {
		as, token string
		want      error
		hint      string
	}{
		{"op", viewer, control.ErrWrongToken, "token_sha256"},
		{"op", "", control.ErrNoToken, "LARSTROM_TOKEN"},
		{"nobody", operator, control.ErrWrongToken, "--as"},
		{"tokenless", operator, control.ErrNoToken, "larstrom token"},
		{"tokenless", "", control.ErrNoToken, "larstrom token"},
	} {
		_, err := control.Authenticate(c, x.as, x.token)
		if !errors.Is(err, x.want) || !strings.Contains(err.Error(), x.hint) {
			t.Errorf("as %s: %v, want %v and %q", x.as, err, x.want, x.hint)
		}
		if err != nil && x.token != "" && strings.Contains(err.Error(), x.token) {
			t.Errorf("as %s: the error shows the token", x.as)
		}
	}
}

// TestStatusOf counts a story of four deliveries: one published, one read
// whose cells are not computed, one rejected, one being read.
func TestStatusOf(t *testing.T) {
	var s run.State
	seq := uint64(0)
	tell := func(subject string, b event.Body) {
		t.Helper()
		seq++
		e, err := event.New(subject, fmt.Sprint(seq), b, time.Unix(1700000000, 0))
		if err != nil {
			t.Fatal(err)
		}
		e.Sequence = seq
		if err := s.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	tell("ledger.catalog.r", event.CatalogAdopted{Hash: "cat"})
	for i, id := range []string{"a", "b", "c", "d"} {
		tell("ledger.delivery.r.x."+id, event.DeliveryReceived{Delivery: id, Raw: id, Feed: "f"})
		switch i {
		case 0, 1:
			tell("ledger.delivery.r.x."+id, event.DeliveryAccepted{Delivery: id, Feed: "f", Lines: 10, Rejected: 2, Parked: 1, Blocks: event.Range{Blocks: 3}})
		case 2:
			tell("ledger.delivery.r.x."+id, event.DeliveryRejected{Delivery: id})
		}
	}
	tell("ledger.delivery.r.x.a", event.DeliveryRepeated{Delivery: "a"})
	tell("ledger.run.r", event.RunOpened{Run: "1", Ordinal: 1, Deliveries: []string{"a"}})
	tell("ledger.run.r", event.CellsAppended{Run: "1", Delivery: "a", Rev: 100_001, Cells: event.Range{Blocks: 4}})
	st := control.StatusOf("r", &s)
	if st.Lag.Cells != 4 || st.Deliveries.Unpublished != 2 || st.Publication != nil {
		t.Errorf("before the checks: %+v", st)
	}
	tell("ledger.gate.r.ind", event.ReleaseMade{Indicator: "ind", Run: "1"})
	tell("ledger.run.r", event.RunChecked{Run: "1"})
	through := seq
	tell("ledger.run.r", event.RunPublished{Publication: 1, Run: "1", Through: through, AsOf: catalog.NewDate(2026, 1, 2), Sets: map[string]string{"ind": "s"}, Catalog: "cat"})
	tell("ledger.gate.r.ind", event.DecisionMade{Flag: "f"})
	tell("ledger.gate.r.ind", event.ReleaseMade{Indicator: "ind", Run: "1", Rev: 1})
	want := control.Status{Region: "r", Catalog: "cat",
		Deliveries: control.Deliveries{Received: 4, Undecided: 1, Rejected: 1, Unpublished: 1, Published: 1, Repeated: 1, Lines: 20, RejectedLines: 4, ParkedLines: 2},
		Runs:       control.Runs{Opened: 1, Published: 1}, Lag: control.Lag{Obs: 3, Ledger: 2}, OpenFlags: map[event.Severity]int{},
		Publication: &control.Publication{Publication: 1, Run: "1", AsOf: catalog.NewDate(2026, 1, 2), At: time.Unix(1700000000, 0).UTC(), Indicators: 1},
		Engines:     []control.Engine{}}
	if diff := cmp.Diff(want, control.StatusOf("r", &s)); diff != "" {
		t.Error(diff)
	}
}
