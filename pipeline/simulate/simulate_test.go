package simulate_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/pseudonym"
	"larstrom/pipeline/simulate"
)

// memory is a sink that keeps everything.
type memory map[string][]byte

type memoryFile struct {
	bytes.Buffer
	to   memory
	name string
}

func (m memory) Create(name string) (io.WriteCloser, error) {
	if _, twice := m[name]; twice {
		return nil, errors.New(name + " is written twice")
	}
	return &memoryFile{to: m, name: name}, nil
}

func (f *memoryFile) Close() error {
	f.to[f.name] = f.Bytes()
	return nil
}

// small is a region that is quick to write and has every sender.
func small(seed uint64) simulate.Options {
	o := simulate.Default()
	o.Seed, o.Units, o.Indicators, o.Months, o.Nights, o.VisitsPerMonth = seed, 24, 24, 14, 5, 40
	return o
}

func run(t *testing.T, o simulate.Options) (memory, *simulate.Truth) {
	t.Helper()
	m := memory{}
	res, err := simulate.Run(t.Context(), o, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m, res.Truth
}

// catalogOf loads the catalog that was written.
func (m memory) catalogOf(t *testing.T) *catalog.Catalog {
	t.Helper()
	files := fstest.MapFS{}
	for name, b := range m {
		if rest, ok := strings.CutPrefix(name, "catalog/"); ok {
			files[rest] = &fstest.MapFile{Data: b}
		}
	}
	c, err := catalog.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// counter counts what intake reads.
type counter struct {
	units   map[string]int64 // lines by unit
	rejects []intake.Reject
	found   []uint64 // lines with an implausible value
	line    uint64
}

func (c *counter) Block(o *event.Observations) error {
	for i, line := range o.Line {
		if o.Finding[i] != 0 {
			c.found = append(c.found, line)
		}
		if line != c.line {
			c.line = line
			c.units[o.Unit.At(i)]++
		}
	}
	return nil
}

func (c *counter) Reject(r *intake.Reject) error {
	c.rejects = append(c.rejects, *r)
	return nil
}

// read reads one file of the drop folder as the ingest service does.
func (m memory) read(t *testing.T, c *catalog.Catalog, name string) (intake.Result, *counter, error) {
	t.Helper()
	feed, err := c.FeedFor(name)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := pseudonym.New(c.Region.Code, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := intake.Delivery{Region: c.Region.Code, ID: "d", Name: name, Keys: keys}
	if b, ok := m["drop/"+intake.ManifestName(name)]; ok {
		if d.Manifest, err = intake.ParseManifest(b); err != nil {
			t.Fatal(err)
		}
	}
	if d.AsOf, _, err = intake.AsOf(feed, name, d.Manifest, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := intake.OrderKey(feed, name, d.Manifest); err != nil {
		t.Fatal(err)
	}
	sink := &counter{units: map[string]int64{}}
	res, err := intake.Read(t.Context(), bytes.NewReader(m["drop/"+name]), feed, c.Index(), d, sink)
	if again, ok := errors.AsType[*intake.Reread](err); ok {
		d.Looked, sink = again.Looked, &counter{units: map[string]int64{}}
		res, err = intake.Read(t.Context(), bytes.NewReader(m["drop/"+name]), feed, c.Index(), d, sink)
	}
	if err == nil {
		err = intake.Unplaced(feed, &res)
	}
	return res, sink, err
}

func TestSameSeedSameBytes(t *testing.T) {
	a, _ := run(t, small(7))
	b, _ := run(t, small(7))
	if diff := cmp.Diff(slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))); diff != "" {
		t.Fatal(diff)
	}
	for name := range a {
		if !bytes.Equal(a[name], b[name]) {
			t.Errorf("%s differs between two runs with one seed", name)
		}
	}
	c, _ := run(t, small(8))
	for name := range a {
		if strings.HasSuffix(name, ".csv") && bytes.Equal(a[name], c[name]) {
			t.Errorf("%s is the same with another seed", name)
		}
	}
}

// TestCleanFilesAreReadWhole holds that intake takes every row of a region
// without faults, and that the truth counts what intake reads.
func TestCleanFilesAreReadWhole(t *testing.T) {
	for name, change := range map[string]func(*simulate.Options){
		"small":  func(*simulate.Options) {},
		"least":  func(o *simulate.Options) { o.Units, o.Indicators, o.Months, o.Nights = 2, 3, 3, 1 },
		"few":    func(o *simulate.Options) { o.Units, o.Indicators, o.Months, o.Nights = 5, 3, 6, 1 },
		"months": func(o *simulate.Options) { o.Nights, o.LastNight = 8, catalog.NewDate(2024, time.March, 4) },
		"late":   func(o *simulate.Options) { o.LateScale = 3; o.WithdrawnShare = 0.2 },
		"many":   func(o *simulate.Options) { o.Units, o.Indicators, o.Months, o.VisitsPerMonth = 260, 60, 4, 3 },
	} {
		t.Run(name, func(t *testing.T) {
			o := small(1)
			o.Faults = 0
			change(&o)
			m, truth := run(t, o)
			c := m.catalogOf(t)
			if n := len(c.Indicators); n != o.Indicators {
				t.Errorf("%d indicators in the catalog, %d asked for", n, o.Indicators)
			}
			if truth.Units != o.Units {
				t.Errorf("%d units report, %d asked for", truth.Units, o.Units)
			}
			if len(truth.Faults) > 0 {
				t.Errorf("faults in a clean region: %+v", truth.Faults)
			}
			for _, d := range truth.Deliveries {
				res, got, err := m.read(t, c, d.File)
				if err != nil {
					t.Errorf("%s is rejected: %v", d.File, err)
					continue
				}
				if res.Rejected+res.Parked > 0 {
					t.Errorf("%s: %d rows rejected, %d parked, the first %+v", d.File, res.Rejected, res.Parked, got.rejects[0])
				}
				if bytes.ContainsRune(m["drop/"+d.File], '?') {
					t.Errorf("%s: a letter was lost in its encoding", d.File)
				}
				if len(got.found) > 0 {
					t.Errorf("%s: %d implausible values, the first in line %d", d.File, len(got.found), got.found[0])
				}
				if res.Lines != d.Rows {
					t.Errorf("%s: the truth has %d rows, intake reads %d", d.File, d.Rows, res.Lines)
				}
				if res.AsOf != d.AsOf {
					t.Errorf("%s: as of %s, the truth says %s", d.File, res.AsOf, d.AsOf)
				}
				if diff := cmp.Diff(d.RowsByUnit, got.units); diff != "" && d.Rows > 0 {
					t.Errorf("%s: rows by unit, truth (-) and intake (+):\n%s", d.File, diff)
				}
			}
			if n := (o.Nights + 1) * len(c.Feeds); len(truth.Deliveries) != n {
				t.Errorf("%d deliveries, want %d", len(truth.Deliveries), n)
			}
		})
	}
}

// TestFaultsChangeWhatTheTruthSays compares the files of one seed with and
// without faults.
func TestFaultsChangeWhatTheTruthSays(t *testing.T) {
	for seed := range uint64(6) {
		o := small(seed)
		o.Nights = 6
		faulty, truth := run(t, o)
		o.Faults = 0
		clean, _ := run(t, o)
		c := faulty.catalogOf(t)
		missing := simulate.Kinds()
		for _, f := range truth.Faults {
			missing = slices.DeleteFunc(missing, func(k simulate.Kind) bool { return k == f.Kind })
			least := int64(1)
			if f.Kind == simulate.UnitOfMeasure {
				least = 2 // of one value nobody can tell in which unit it is
			}
			if f.Rows < least {
				t.Errorf("seed %d: %s %s is in %d rows: nobody could notice it", seed, f.ID, f.Kind, f.Rows)
			}
		}
		// So few departments may have no night with two values of one of them.
		if len(missing) > 0 && !slices.Equal(missing, []simulate.Kind{simulate.UnitOfMeasure}) {
			t.Fatalf("seed %d: no fault of %v", seed, missing)
		}
		of := map[string][]simulate.Fault{}
		for _, d := range truth.Deliveries {
			for _, f := range truth.Faults {
				if slices.Contains(d.Faults, f.ID) {
					of[d.File] = append(of[d.File], f)
				}
				if f.File == d.File && !slices.Contains(d.Faults, f.ID) {
					t.Errorf("seed %d: %s says that %s is in it, and its delivery does not", seed, f.ID, f.File)
				}
			}
		}
		for name := range clean {
			base, drop := strings.CutPrefix(name, "drop/")
			faults := of[base]
			if file, ok := intake.IsManifest(base); ok {
				faults = of[file]
			}
			if same := bytes.Equal(clean[name], faulty[name]); name != "truth.json" && same != (len(faults) == 0) && !quiet(faults) {
				t.Errorf("seed %d: %s: equal to the clean one is %v, with the faults %v", seed, name, same, faults)
			}
			if !drop || path.Ext(base) != ".csv" || len(faults) != 1 {
				continue
			}
			before, after := split(clean[name]), split(faulty[name])
			judgeRows(t, seed, c, faulty, faults[0], base, before, after, clean, truth)
		}
	}
}

// A copy of last night's export is beyond doubt where every night brings much;
// where a night may bring nothing it is a remark.
func TestStaleCopyOfALittle(t *testing.T) {
	for units, want := range map[int]int{24: 2, 700: 1} {
		o := small(1)
		o.Units, o.Indicators, o.Months, o.Nights, o.VisitsPerMonth, o.Kinds, o.Faults = units, 5, 3, 2, 2, []simulate.Kind{simulate.StaleCopy}, 1
		_, truth := run(t, o)
		if f := truth.Faults; len(f) != 1 || len(f[0].Expect) != want || f[0].Expect[0].Severity != "HOLD" || f[0].Expect[want-1].Check != "T08" {
			t.Errorf("%d units: %+v", units, f)
		}
	}
}

// quiet faults may find nothing to change.
func quiet(faults []simulate.Fault) bool {
	for _, f := range faults {
		// Where nothing was registered since, a stale copy is what would have come;
		// a night without events of a unit that writes under another's code changes nothing.
		if f.Kind != simulate.MergedUnits && f.Kind != simulate.StaleCopy {
			return false
		}
	}
	return true
}

func split(b []byte) []string {
	return strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n"), "\n")
}

// lines gone from a and lines come to b, as multisets.
func difference(a, b []string) (gone, come []string) {
	n := map[string]int{}
	for _, s := range a {
		n[s]++
	}
	for _, s := range b {
		if n[s] > 0 {
			n[s]--
		} else {
			come = append(come, s)
		}
	}
	for s, k := range n {
		for range k {
			gone = append(gone, s)
		}
	}
	return gone, come
}

func judgeRows(t *testing.T, seed uint64, c *catalog.Catalog, m memory, f simulate.Fault, name string, before, after []string, clean memory, truth *simulate.Truth) {
	t.Helper()
	gone, come := difference(before, after)
	// A trailer counts the rows.
	trailer := func(s string) bool { return strings.HasPrefix(s, "SLUT;") }
	gone, come = slices.DeleteFunc(gone, trailer), slices.DeleteFunc(come, trailer)
	bad := func(format string, args ...any) {
		t.Helper()
		t.Errorf("seed %d: %s %s in %s: "+format, append([]any{seed, f.ID, f.Kind, name}, args...)...)
	}
	first := name == f.File
	want := func(g, k int) {
		t.Helper()
		if len(gone) != g || len(come) != k {
			bad("%d lines are gone and %d new; the truth says %d and %d", len(gone), len(come), g, k)
		}
	}
	rows := int(f.Rows)
	switch f.Kind {
	case simulate.UnitSilent, simulate.VolumeDrop:
		want(rows, 0)
		codes(t, c, f, gone)
	case simulate.DuplicatedDay:
		want(0, rows)
		codes(t, c, f, come)
	case simulate.MergedUnits:
		if first {
			want(rows, rows)
		}
		codes(t, c, f, gone)
		codes(t, c, f, come)
	case simulate.Spike, simulate.SwappedColumns, simulate.UnitOfMeasure, simulate.NumeratorAbove, simulate.IdentityText:
		want(rows, rows)
		codes(t, c, f, gone)
		codes(t, c, f, come)
	case simulate.CodeSystem, simulate.IdentityCode:
		want(rows, rows)
	case simulate.CutShort:
		if whole := clean["drop/"+name]; !bytes.HasPrefix(whole, m["drop/"+name]) || len(whole) == len(m["drop/"+name]) {
			bad("the file is no beginning of the whole one")
		}
		// A cut between two rows of a file without trailer cannot be seen in it.
		if _, _, err := m.read(t, c, name); err == nil && !bytes.HasSuffix(m["drop/"+name], []byte("\n")) {
			bad("intake accepts the cut file")
		}
	case simulate.WrongEncoding:
		_, _, err := m.read(t, c, name)
		var fault *intake.FileError
		if !errors.As(err, &fault) || fault.Problems[0].Rule != intake.RuleBytes {
			bad("intake says %v", err)
		}
	case simulate.RepeatedBytes, simulate.StaleCopy:
		i := slices.IndexFunc(truth.Deliveries, func(d simulate.Delivery) bool { return d.File == name })
		feed := truth.Deliveries[i].Feed
		for i--; truth.Deliveries[i].Feed != feed; i-- {
		}
		last := m["drop/"+truth.Deliveries[i].File]
		if same := bytes.Equal(last, m["drop/"+name]); same != (f.Kind == simulate.RepeatedBytes) {
			bad("equal to last night's file is %v", same)
		}
		day := func(d catalog.Date) string { return d.Time().Format("02.01.2006") }
		dated := strings.ReplaceAll(string(last), day(truth.Deliveries[i].AsOf)+";", day(f.Night)+";")
		if f.Kind == simulate.StaleCopy && dated != string(m["drop/"+name]) {
			// A date of extraction may also be that of an event.
			gone, come := difference(split([]byte(dated)), after)
			if len(gone) > 5 || len(come) > 5 {
				bad("it is not last night's content: %d and %d lines differ", len(gone), len(come))
			}
		}
	default:
		bad("no test for this kind")
	}
}

// codes holds that the lines are those of the fault's units.
func codes(t *testing.T, c *catalog.Catalog, f simulate.Fault, lines []string) {
	t.Helper()
	var of []string
	for _, id := range f.Units {
		u, ok := c.Index().Unit(id)
		if !ok {
			t.Errorf("%s: the catalog has no unit %s", f.ID, id)
			return
		}
		for _, code := range u.Codes {
			of = append(of, code.Code)
		}
	}
	for _, l := range lines {
		if !slices.ContainsFunc(of, func(code string) bool { return strings.Contains(l, code) }) {
			t.Errorf("%s %s: the line is of none of %v: %s", f.ID, f.Kind, f.Units, l)
			return
		}
	}
}

// TestNewIndicatorsReshuffleNothing holds that what is drawn for one indicator
// does not depend on the others.
func TestNewIndicatorsReshuffleNothing(t *testing.T) {
	o := small(3)
	o.Faults, o.Indicators = 0, 20
	a, _ := run(t, o)
	o.Indicators = 40
	b, _ := run(t, o)
	const name = "drop/pvk_havsmark_20251017.csv"
	gone, come := difference(split(a[name]), split(b[name]))
	if len(gone) > 1 || len(come) < 100 { // the trailer differs
		t.Errorf("with 20 more indicators %d lines are gone and %d new: %.200q", len(gone), len(come), gone)
	}
	// New columns stand behind the old ones.
	for _, name := range []string{"drop/akut_dygn_20251017.csv", "drop/infektionsbesok_20251017.csv", "drop/slagregister_20251017.csv"} {
		x, y := split(a[name]), split(b[name])
		if len(x) != len(y) {
			t.Errorf("%s: %d lines became %d", name, len(x), len(y))
			continue
		}
		for i := range x {
			if !strings.HasPrefix(y[i], x[i]) {
				t.Fatalf("line %d of %s: %q became %q", i+1, name, x[i], y[i])
			}
		}
	}
}

func TestOptionsAreRefused(t *testing.T) {
	for want, change := range map[string]func(*simulate.Options){
		"units is 0; it must be 4 to 20000": func(o *simulate.Options) { o.Units = 0 },
		"indicators is 401":                 func(o *simulate.Options) { o.Indicators = 401 },
		"months is 2; it must be 3 to 240":  func(o *simulate.Options) { o.Months = 2 },
		"nights is 0":                       func(o *simulate.Options) { o.Nights = 0 },
		"faults is -2":                      func(o *simulate.Options) { o.Faults = -2 },
		`last night is ""`:                  func(o *simulate.Options) { o.LastNight = catalog.Date{} },
		`fault "flood" is no kind of fault`: func(o *simulate.Options) { o.Kinds = []simulate.Kind{"flood"} },
		"unit_size_sd is NaN":               func(o *simulate.Options) { o.UnitSizeSD /= 0; o.UnitSizeSD -= o.UnitSizeSD },
		"drop_share is 0.9 to 0.1":          func(o *simulate.Options) { o.DropShare = simulate.Range{Low: 0.9, High: 0.1} },
		"no room for fault ":                func(o *simulate.Options) { o.Faults = 30 },
		"no sender of this region can make the fault merged_units": func(o *simulate.Options) {
			o.Units, o.Kinds = 1, []simulate.Kind{simulate.CodeSystem, simulate.MergedUnits}
			o.Indicators = 1
		},
	} {
		o := small(1)
		change(&o)
		_, err := simulate.Run(t.Context(), o, memory{}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got the error %v; want one with %q", err, want)
		}
	}
	all := simulate.Options{}
	if err := all.Validate(); err == nil || strings.Count(err.Error(), "\n") < 5 {
		t.Errorf("the errors are not joined: %v", err)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	want := errors.New("enough")
	stop(want)
	if _, err := simulate.Run(ctx, small(1), memory{}, nil); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

func TestTruthIsReadBack(t *testing.T) {
	m, truth := run(t, small(5))
	back, err := simulate.ReadTruth(bytes.NewReader(m["truth.json"]))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(truth, back, cmp.Comparer(func(a, b catalog.Date) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if _, err := simulate.ReadTruth(strings.NewReader(`{"version": 2}`)); err == nil {
		t.Error("a truth of another version is read")
	}
}
