package simulate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
)

// Result sums up what was written.
type Result struct {
	Truth *Truth
	Files int
	Rows  int64
	Bytes int64
}

// Run writes catalog/*.yaml, drop/* and truth.json into the sink. It calls
// progress, if given, before each file. Memory grows with units, indicators
// and months, not with rows.
func Run(ctx context.Context, o Options, sink Sink, progress func(string)) (*Result, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(string) {}
	}
	g := newGenerator(o)
	p, err := g.newPlan()
	if err != nil {
		return nil, err
	}
	progress("catalog")
	if err := g.writeCatalog(sink); err != nil {
		return nil, err
	}
	t := &Truth{Version: TruthVersion, Region: regionCode, Seed: o.Seed, Units: len(g.region.units), Months: o.Months,
		FirstLoad: catalog.DateOfDays(g.asOf[0]), UnitEvents: g.region.events}
	for _, i := range g.inds {
		t.Indicators = append(t.Indicators, i.ID)
	}
	slices.Sort(t.Indicators)
	res := &Result{Truth: t}
	for k, asOf := range g.asOf {
		if k > 0 {
			t.Nights = append(t.Nights, catalog.DateOfDays(asOf))
		}
		var night []Delivery
		for _, f := range g.feeds {
			progress(f.fileName(asOf))
			d, err := g.deliver(ctx, sink, f, k, p)
			if err != nil {
				return nil, fmt.Errorf("simulate: %s: %w", f.fileName(asOf), err)
			}
			night = append(night, d)
			res.Files, res.Rows, res.Bytes = res.Files+1, res.Rows+d.Rows, res.Bytes+d.Bytes
		}
		slices.SortFunc(night, func(a, b Delivery) int { return strings.Compare(a.File, b.File) })
		t.Deliveries = append(t.Deliveries, night...)
	}
	for _, x := range p {
		if x.Kind == StaleCopy && t.quiet(x.Fault) {
			x.Expect = append(x.Expect, Expectation{Check: "T08", Severity: "NOTE"})
		}
		t.Faults = append(t.Faults, *x.Fault)
	}
	t.forget(func(f *Fault) bool { return f.Rows == 0 })
	for _, c := range g.changes {
		t.Changes = append(t.Changes, *c)
	}
	progress("truth.json")
	return res, create(sink, "truth.json", t.Write)
}

// news is how many rows a night must bring for a night without any to be beyond
// doubt.
const news = 30

// quiet reports whether a night before the fault brought so little to its feed
// that one on which nothing happened may follow: a copy of it is then no more
// than suspicious.
func (t *Truth) quiet(f *Fault) bool {
	before := int64(-1)
	for i := range t.Deliveries {
		d := &t.Deliveries[i]
		if d.Feed != f.Feed || !d.AsOf.Before(f.Night) {
			continue
		}
		if before >= 0 && d.Rows-before < news {
			return true
		}
		before = d.Rows
	}
	return false
}

// forget takes faults away that changed nothing: they are none.
func (t *Truth) forget(none func(*Fault) bool) {
	gone := map[string]bool{}
	t.Faults = slices.DeleteFunc(t.Faults, func(f Fault) bool {
		gone[f.ID] = none(&f)
		return gone[f.ID]
	})
	for i := range t.Deliveries {
		d := &t.Deliveries[i]
		d.Faults = slices.DeleteFunc(d.Faults, func(id string) bool { return gone[id] })
	}
}

func create(sink Sink, name string, write func(io.Writer) error) (err error) {
	w, err := sink.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if e := w.Close(); err == nil {
			err = e
		}
	}()
	return write(w)
}

// deliver writes one file, and its manifest where the feed has one.
func (g *generator) deliver(ctx context.Context, sink Sink, f *feed, k int, p plan) (Delivery, error) {
	name := f.fileName(g.asOf[k])
	d := Delivery{File: name, Feed: f.ID, Registry: f.Registry, AsOf: catalog.DateOfDays(g.asOf[k]), Kind: f.Delivery}
	enc, cut, content := f.Dialect.Encoding, 0.0, k
	for _, t := range p.of(f, k) {
		d.Faults = append(d.Faults, t.ID)
		if t.enc != "" {
			enc = t.enc
		}
		cut, content = max(cut, t.cut), content-t.back
	}
	var whole int64
	if cut > 0 { // how long it would be is known when it has been written
		e, err := g.export(ctx, io.Discard, f, k, content, enc, p, &Delivery{})
		if err != nil {
			return d, err
		}
		whole = e.bytes
	}
	var manifest string
	err := create(sink, "drop/"+name, func(w io.Writer) error {
		sent := &tally{w: w, sum: sha256.New()}
		var out io.Writer = sent
		if cut > 0 {
			out = &cutter{out, int64(float64(whole) * cut)}
		}
		e, err := g.export(ctx, out, f, k, content, enc, p, &d)
		if err != nil {
			return err
		}
		d.Rows, d.Bytes, d.SHA256 = e.rows, sent.bytes, hex.EncodeToString(sent.sum.Sum(nil))
		if cut > 0 {
			d.Rows = max(sent.lines-1, 0)
		}
		b, err := json.MarshalIndent(map[string]any{"sha256": d.SHA256, "rows": e.rows, "as_of": d.AsOf, "sequence": k + 1}, "", "  ")
		manifest = string(b) + "\n"
		return err
	})
	if err == nil && f.Complete.By == "manifest" {
		err = create(sink, "drop/"+name+".manifest.json", func(w io.Writer) error {
			_, err := io.WriteString(w, manifest)
			return err
		})
	}
	for _, t := range p.of(f, k) {
		if t.refused() && t.from == k {
			t.Rows = d.Rows
		}
	}
	return d, err
}

// export writes the content of a night into w, under the date of night k.
func (g *generator) export(ctx context.Context, w io.Writer, f *feed, k, content int, enc string, p plan, d *Delivery) (*exporter, error) {
	e := newExporter(w, f, enc)
	d.RowsByUnit = map[string]int64{}
	var low, high int32
	n := 0
	emit := func(r *record) error {
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if r.unit != nil {
			d.RowsByUnit[r.unit.ID]++
		}
		if low == 0 || r.day < low {
			low = r.day
		}
		high = max(high, r.day+1)
		if f.deletes(r) {
			d.Deleted++
		}
		return e.write(r)
	}
	var ends []func() error
	for _, t := range slices.Backward(p.of(f, content)) {
		if t.begin != nil {
			t.begin()
		}
		next := emit
		if t.end != nil {
			ends = append(ends, func() error { return t.end(next) })
		}
		if t.row != nil {
			emit = func(r *record) error { return t.row(r, next) }
		}
	}
	if err := f.rows(content, g.asOf[k], emit); err != nil {
		return nil, err
	}
	for _, end := range ends {
		if err := end(); err != nil {
			return nil, err
		}
	}
	if high > 0 {
		d.From, d.To = catalog.DateOfDays(low), catalog.DateOfDays(high)
	}
	return e, e.close()
}
