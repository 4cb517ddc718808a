package ingest_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/crashpoint"
	natsd "larstrom/pipeline/embedded/nats"
	"larstrom/pipeline/event"
	"larstrom/pipeline/event/block"
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/pseudonym"
	"larstrom/pipeline/intake/rawstore"
	"larstrom/pipeline/run"
	"larstrom/services/ingest"
)

const contacts = `
region: {code: testland, name: Testland, time_zone: Europe/Stockholm}
registries: [{code: con, name: Contacts, country: SE}]
indicators:
  - {id: con_ok, registry: con, name: Good, type: proportion, subset: true, class: process, direction: up}
profiles: [{id: internal, rule: internal}]
units: [{id: unit-a, name: Unit A, kind: clinic, codes: {local: a}}]
feeds:
  - id: con
    registry: con
    files: ["con_*.csv"]
    dialect: {delimiter: ";", decimal: ",", dates: iso}
    delivery: snapshot
    scope: file
    limits: {bytes: 5000000}
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2}).*\.csv$'}
    key: [id]
    columns: {unit: enhet, unit_system: local, event_date: dag, subject: person}
    measures: [{indicator: con_ok, numerator: ok, denominator: "=1"}]
    ignore_columns: [anteckning]
`

// contactFile has n rows; notes by row.
func contactFile(n int, notes map[int]string) string {
	var b strings.Builder
	b.WriteString("id;person;dag;enhet;ok;anteckning\n")
	for i := range n {
		fmt.Fprintf(&b, "%d;p%d;2025-03-%02d;a;%d;%s\n", i, i, 1+i%28, i%2, notes[i])
	}
	return b.String()
}

// person is a personnummer of its own for each i.
func person(i int) string {
	n := fmt.Sprintf("%02d%02d%02d%03d", 40+i%50, 1+i%12, 1+i%28, 1+i%997)
	sum := 0
	for j := range n {
		v := int(n[j]-'0') * (2 - j%2)
		sum += v/10 + v%10
	}
	return fmt.Sprintf("19%s-%s%d", n[:6], n[6:], (10-sum%10)%10)
}

// place is one data folder with its log.
type place struct {
	t       *testing.T
	dir     string
	log     *eventlog.Log
	catalog *catalog.Catalog
	keys    *pseudonym.Keys
	logs    bytes.Buffer
	crash   crashpoint.Hook
	// incoming opens what lies sealed.
	incoming *rawstore.Sealer
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir()}
	client, err := natsd.Start(natsd.Config{StoreDir: filepath.Join(p.dir, "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Shutdown)
	if p.log, err = eventlog.Open(t.Context(), client.JetStream(), eventlog.Config{Replicas: client.Replicas()}); err != nil {
		t.Fatal(err)
	}
	if p.catalog, err = catalog.Load(fstest.MapFS{"c.yaml": {Data: []byte(contacts)}}); err != nil {
		t.Fatal(err)
	}
	if p.keys, err = pseudonym.New("testland", rand.Reader); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(p.dir, "drop"), 0o700); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) raw() *rawstore.Store {
	return rawstore.NewSealed(filepath.Join(p.dir, "raw"), p.keys.Recipient(), p.keys.Identities()...)
}

// service is a new process on the place.
func (p *place) service() *ingest.Service {
	p.t.Helper()
	reg := prometheus.NewRegistry()
	steps := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "steps"}, []string{"step"})
	s, err := ingest.New(ingest.Config{Log: p.log, Catalog: p.catalog, Raw: p.raw(), Keys: p.keys, Receipts: filepath.Join(p.dir, "receipts"),
		Drop: filepath.Join(p.dir, "drop"), Clock: func() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) },
		Logger: slog.New(slog.NewTextHandler(&p.logs, nil)), Metrics: ingest.NewMetrics(reg, steps), Crash: p.crash, Incoming: p.incoming})
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// scan is one look of a new process into the drop folder.
func (p *place) scan() []intake.Receipt {
	p.t.Helper()
	s := p.service()
	if err := errors.Join(s.Recover(p.t.Context()), s.Scan(p.t.Context())); err != nil {
		p.t.Fatal(err)
	}
	return s.Last()
}

func (p *place) drop(name, text string) string {
	p.t.Helper()
	path := filepath.Join(p.dir, "drop", name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

func (p *place) state() *run.State {
	p.t.Helper()
	var s run.State
	if err := s.Sync(p.t.Context(), p.log); err != nil {
		p.t.Fatal(err)
	}
	return &s
}

// events are the bodies of a type.
func (p *place) events(typ event.Type) []string {
	p.t.Helper()
	var out []string
	for e, err := range p.log.Events(p.t.Context(), 1) {
		if err != nil {
			p.t.Fatal(err)
		}
		if e.Type == typ {
			out = append(out, e.Subject+" "+string(e.Data))
		}
	}
	return out
}

// died is what a crash hook panics with.
var errDied = errors.New("died")

// dies runs one look into the drop folder that ends at the point.
func (p *place) dies(at crashpoint.Point) {
	p.t.Helper()
	p.crash = func(c crashpoint.Point) {
		if c == at {
			panic(errDied)
		}
	}
	defer func() {
		p.crash = nil
		if r := recover(); r != errDied {
			p.t.Fatalf("the process did not die at %s but with %v", at, r)
		}
	}()
	_ = p.service().Scan(p.t.Context())
}

// A file that is read twice, because a number stands alone in a field, comes to
// the same through a crash in either reading.
func TestCrashesOfAFileThatIsReadTwice(t *testing.T) {
	const rows = 70_000 // two blocks: the first leaves before the end is seen
	text := contactFile(rows, map[int]string{40: "19121212-1212"})
	const name = "con_2026-03-01.csv"
	blocks := func(p *place) []byte {
		d := p.state().Deliveries()[0]
		if d.Accepted == nil || d.Accepted.Rejected != 1 || d.Accepted.Rules[intake.RuleIdentity] != 1 || d.Accepted.Blocks.Rows != rows || d.Accepted.Blocks.Blocks < 2 {
			t.Fatalf("accepted is %+v", d.Accepted)
		}
		var all []byte
		err := p.log.ReadRange(t.Context(), eventlog.OBS, d.Accepted.Blocks, func(_ uint64, payload []byte) error {
			all = append(all, payload...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	clean := newPlace(t)
	clean.drop(name, text)
	clean.scan()
	want := blocks(clean)
	again := func() *place {
		p := newPlace(t)
		p.keys = clean.keys
		p.drop(name, text)
		return p
	}
	for _, at := range []crashpoint.Point{crashpoint.RawStored, crashpoint.Received, crashpoint.BlockPublished, crashpoint.Accepted} {
		p := again()
		p.dies(at)
		p.scan()
		if !bytes.Equal(blocks(p), want) {
			t.Errorf("after a crash at %s the blocks are others", at)
		}
		if n := len(p.events(event.TypeIdentityFound)); n != 1 {
			t.Errorf("after a crash at %s there are %d security events", at, n)
		}
	}
	// The first reading has left its blocks.
	p := again()
	p.dies(crashpoint.Received)
	d := p.state().Deliveries()[0]
	feed, _ := p.catalog.Index().Feed("con")
	left := 0
	splitter := block.NewSplitter()
	_, err := p.log.AppendBlocks(t.Context(), eventlog.OBS, event.ObsSubject("testland", "con", d.Delivery), func(yield func(eventlog.Block, error) bool) {
		_, err := intake.Read(t.Context(), strings.NewReader(text), feed, p.catalog.Index(), intake.Delivery{Region: "testland", ID: d.Delivery, Name: name, Raw: d.Raw, AsOf: d.AsOf, Keys: p.keys},
			only(func(o *event.Observations) error {
				return splitter.Observations(o, func(payload []byte, rows int) error {
					left++
					yield(eventlog.Block{Payload: payload, Rows: rows}, nil)
					return nil
				})
			}))
		if _, ok := errors.AsType[*intake.Reread](err); !ok {
			t.Errorf("the first reading ends with %v", err)
		}
	})
	if err != nil || left == 0 {
		t.Fatalf("%d blocks, %v", left, err)
	}
	p.scan()
	if !bytes.Equal(blocks(p), want) {
		t.Error("after a crash between the readings the blocks are others")
	}
}

type only func(*event.Observations) error

func (f only) Block(o *event.Observations) error { return f(o) }
func (only) Reject(*intake.Reject) error         { return nil }

// A file that holds a column of numbers becomes no fact, and its blocks go.
func TestAColumnOfNumbersIsASecurityEvent(t *testing.T) {
	p := newPlace(t)
	notes := map[int]string{}
	for i := range 40 {
		notes[7*i] = "ring " + person(i)
	}
	p.drop("con_2026-03-01.csv", contactFile(300, notes))
	r := p.scan()
	if len(r) != 1 || r[0].Status != intake.StatusRejected || r[0].Problems[0].Rule != intake.RuleIdentity || r[0].Problems[0].Column != "anteckning" {
		t.Fatalf("%+v", r)
	}
	d := p.state().Deliveries()[0]
	if end, err := p.log.LastSequence(t.Context(), eventlog.OBS, event.ObsSubject("testland", "con", d.Delivery)); err != nil || end != 0 {
		t.Errorf("blocks are left up to %d, %v", end, err)
	}
	found := p.events(event.TypeIdentityFound)
	if len(found) != 1 || !strings.HasPrefix(found[0], "ledger.security.testland ") || !strings.Contains(found[0], `"outcome":"file_rejected"`) || !strings.Contains(found[0], d.Delivery) {
		t.Errorf("events %v", found)
	}
	if !strings.Contains(p.logs.String(), "identity numbers where none is declared") {
		t.Error("the logs say nothing of it")
	}
	// The same bytes again are seen, and are no second event.
	p.scan()
	if n := len(p.events(event.TypeIdentityFound)); n != 1 {
		t.Errorf("%d events after a second look", n)
	}
}

// Names, manifests and sizes are refused before anything is stored.
func TestWhatIsRefusedBeforeItIsRead(t *testing.T) {
	p := newPlace(t)
	s := p.service()
	elsewhere := t.TempDir()
	for name, rule := range map[string]string{
		"con_2026-03-01_19121212-1212.csv": intake.RuleIdentity, "con_2026-03-01\x1b[2J.csv": intake.RuleBytes, "con_2026-03-01\n.csv": intake.RuleBytes,
		"con_2026-03-01\u202evsc.csv": intake.RuleBytes, "con_2026-03-01_large.csv": intake.RuleBytes, "other.csv": intake.RuleHeader,
	} {
		path := filepath.Join(elsewhere, name)
		text := contactFile(3, nil)
		if strings.Contains(name, "large") {
			text = strings.Repeat(text, 60_000)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		receipts, err := s.Submit(t.Context(), []string{path}, false)
		if err != nil || len(receipts) != 1 || receipts[0].Status != intake.StatusRejected || receipts[0].Problems[0].Rule != rule {
			t.Errorf("%q: %+v, %v", name, receipts, err)
			continue
		}
		if shown := fmt.Sprint(receipts) + p.logs.String(); strings.ContainsAny(shown, "\x1b\u202e") || strings.Contains(shown, "19121212") {
			t.Errorf("%q is shown: %s", name, shown)
		}
	}
	if n := len(p.state().Deliveries()); n != 0 {
		t.Errorf("%d deliveries", n)
	}
	// That a number stood in a name is an event for those who answer for it,
	// once, however often the name is seen, and says nothing of whose it is.
	if _, err := s.Submit(t.Context(), []string{filepath.Join(elsewhere, "con_2026-03-01_19121212-1212.csv")}, false); err != nil {
		t.Error(err)
	}
	if found := p.events(event.TypeIdentityFound); len(found) != 1 || strings.Contains(found[0], "1912") ||
		!strings.Contains(found[0], `"name":"xxx_dddd-dd-dd_dddddddd-dddd.xxx"`) || !strings.Contains(found[0], event.OutcomeName) {
		t.Errorf("security events %v", found)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "raw")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("raw files: %v", err)
	}
	// A manifest is kept in the LEDGER, so what it holds is looked at.
	path := p.drop("con_2026-03-01.csv", contactFile(3, nil))
	p.drop("con_2026-03-01.csv.manifest.json", `{"sha256":"`+strings.Repeat("0", 64)+`","rows":3,"by":"19121212-1212"}`)
	receipts, err := s.Submit(t.Context(), []string{path}, false)
	if err != nil || receipts[0].Status != intake.StatusRejected || receipts[0].Problems[0].Rule != intake.RuleIdentity {
		t.Errorf("%+v, %v", receipts, err)
	}
	for typ, n := range map[event.Type]int{event.TypeDeliveryReceived: 1, event.TypeDeliveryRejected: 1, event.TypeIdentityFound: 2} {
		if found := p.events(typ); len(found) != n || strings.Contains(fmt.Sprint(found), "19121212") {
			t.Errorf("%s: %v", typ, found)
		}
	}
}

// A delivery names its keys, and other keys read nothing.
func TestOtherKeysReadNothing(t *testing.T) {
	p := newPlace(t)
	p.drop("con_2026-03-01.csv", contactFile(30, nil))
	p.scan()
	mine := p.keys
	var err error
	if p.keys, err = pseudonym.New("testland", rand.Reader); err != nil {
		t.Fatal(err)
	}
	path := p.drop("con_2026-03-02.csv", contactFile(31, nil))
	s := p.service()
	_, submitted := s.Submit(t.Context(), []string{path}, false)
	for what, err := range map[string]error{"recover": s.Recover(t.Context()), "scan": s.Scan(t.Context()), "submit": submitted} {
		if !errors.Is(err, ingest.ErrKeys) || !strings.Contains(err.Error(), mine.ID()) || !strings.Contains(err.Error(), p.keys.ID()) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n := len(p.state().Deliveries()); n != 1 {
		t.Errorf("%d deliveries", n)
	}
	p.keys = nil
	if s, err := ingest.New(ingest.Config{Log: p.log, Catalog: p.catalog, Raw: rawstore.New(t.TempDir()), Receipts: t.TempDir(), NoKeys: errDied,
		Clock: time.Now, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Error(err)
	} else if err := s.Recover(t.Context()); !errors.Is(err, errDied) {
		t.Errorf("without keys: %v", err)
	}
	p.keys = mine
	p.scan()
	var keys []string
	for _, d := range p.state().Deliveries() {
		keys = append(keys, d.Keys)
	}
	if !slices.Equal(keys, []string{mine.ID(), mine.ID()}) {
		t.Errorf("keys %v", keys)
	}
}
