package portal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// publication is what the views show now.
type publication struct {
	Number      uint64    `ch:"publication"`
	Run         string    `ch:"run"`
	AsOf        time.Time `ch:"as_of"`
	PublishedAt time.Time `ch:"published_at"`
	Catalog     string    `ch:"catalog"`
}

// errRenewed says that the views changed under a page again and again.
var errRenewed = errors.New("the publication was renewed while the page was read")

// attempts is how often a page is read before errRenewed.
const attempts = 4

// reading is one reading of a page: all of it is to be of one publication.
type reading struct {
	publication
	p      *Portal
	called *called
}

// called is what the catalog of a publication says of units and indicators. The
// slices are in the order of the names; nobody changes them.
type called struct {
	names
	of         publication
	units      []unitRow
	indicators []indicatorRow
	events     map[string][]annotationRow // by unit
	nights     map[string]catalog.Date    // by run
}

// consistent calls read until all that it read is of one publication, which it
// returns; nil, without a call, before the first.
func (p *Portal) consistent(ctx context.Context, read func(*reading) error) (*publication, error) {
	was, err := p.pointer(ctx)
	if err != nil {
		return nil, err
	}
	for range attempts {
		if was == nil {
			return nil, nil
		}
		r := &reading{publication: *was, p: p}
		before, own := p.shelf.mark(*was)
		failed := read(r)
		if after, _ := p.shelf.mark(*was); own && after == before {
			return was, failed // nothing was asked of the store, so nothing is of another publication
		}
		is, err := p.pointer(ctx)
		if err != nil {
			return nil, err
		}
		if is != nil && is.Number == was.Number {
			if r.called != nil {
				p.called.Store(r.called)
			}
			return was, failed
		}
		was = is
	}
	return nil, errRenewed
}

// names are those of the publication. They are read once for each.
func (r *reading) names(ctx context.Context) (*called, error) {
	last := r.p.called.Load()
	// What a decision publishes has the same units, indicators and runs.
	if last != nil && last.of.Catalog == r.Catalog && last.of.Run == r.Run && r.Catalog != "" || last != nil && last.of == r.publication {
		return last, nil
	}
	units, err := r.p.unitRows(ctx)
	if err != nil {
		return nil, err
	}
	inds, err := r.p.indicatorRows(ctx)
	if err != nil {
		return nil, err
	}
	events, err := r.p.annotationRows(ctx)
	if err != nil {
		return nil, err
	}
	c := &called{names{map[string]string{}, map[string]indicatorRow{}}, r.publication, units, inds, map[string][]annotationRow{}, map[string]catalog.Date{}}
	runs, err := r.p.runRows(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range runs {
		c.nights[n.Run] = day(n.AsOf)
	}
	r.p.inWords(units, inds, events)
	for _, e := range events {
		c.events[e.Unit] = append(c.events[e.Unit], e)
	}
	for _, u := range units {
		c.names.units[u.ID] = u.Name
	}
	for _, i := range inds {
		c.names.indicators[i.ID] = i
	}
	byName(r.p.words, units, func(u unitRow) (string, string) { return u.Name, u.ID })
	byName(r.p.words, inds, func(i indicatorRow) (string, string) { return i.Name, i.ID })
	r.called = c
	return c, nil
}

// inWords puts names and events in the language of the portal, where the catalog
// has it; the store has them in one language.
func (p *Portal) inWords(units []unitRow, inds []indicatorRow, events []annotationRow) {
	x := p.cfg.Pages.Catalog.Index()
	for i := range units {
		if u, ok := x.Unit(units[i].ID); ok {
			units[i].Name = cmp.Or(u.Name[p.words.lang], units[i].Name)
		}
	}
	for i := range inds {
		if ind, ok := x.Indicator(inds[i].ID); ok {
			inds[i].Name = cmp.Or(ind.Name[p.words.lang], inds[i].Name)
		}
	}
	for i := range events {
		events[i].Text = p.words.happened(events[i])
	}
}

func (p *Portal) pointer(ctx context.Context) (*publication, error) {
	rows, err := selectRows[publication](ctx, p.cfg.Pages.Released,
		"SELECT publication, run, as_of, published_at, catalog FROM run ORDER BY publication DESC LIMIT 1")
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	p.shelf.shows(rows[0])
	return &rows[0], nil
}

// runRows are the runs that were ever published, with their nights.
func (p *Portal) runRows(ctx context.Context) ([]publication, error) {
	return published[publication](ctx, p, "SELECT run, as_of FROM run")
}

// selectRows reads all rows of a query. Columns meet fields by their ch tags.
func selectRows[T any](ctx context.Context, db Released, query string, params ...any) (out []T, err error) {
	rows, err := db.Query(ctx, query, params...)
	if err != nil {
		return nil, fmt.Errorf("released store: %w", err)
	}
	defer func() {
		if cerr := rows.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("released store: %w", cerr)
		}
	}()
	for rows.Next() {
		var row T
		if err := rows.ScanStruct(&row); err != nil {
			return nil, fmt.Errorf("released store: %w", err)
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("released store: %w", err)
	}
	return out, nil
}

func named(name string, value any) any { return clickhouse.Named(name, value) }

// unitRow is one unit of the catalog.
type unitRow struct {
	ID        string     `ch:"unit"`
	Name      string     `ch:"name"`
	Kind      string     `ch:"kind"`
	Parent    string     `ch:"parent"`
	From      *time.Time `ch:"valid_from"`
	To        *time.Time `ch:"valid_to"`
	Successor string     `ch:"successor"`
}

func (p *Portal) unitRows(ctx context.Context) ([]unitRow, error) {
	return published[unitRow](ctx, p, "SELECT unit, name, kind, parent, valid_from, valid_to, successor FROM unit ORDER BY unit")
}

// indicatorRow is one indicator; of its versions the newest.
type indicatorRow struct {
	ID             string  `ch:"indicator"`
	Registry       string  `ch:"registry"`
	Name           string  `ch:"name"`
	Granularity    string  `ch:"granularity"`
	Type           string  `ch:"type"`
	Class          string  `ch:"class"`
	Direction      string  `ch:"direction"`
	Measurement    string  `ch:"measurement"`
	Multiplier     float64 `ch:"multiplier"`
	MinDenominator int64   `ch:"min_denominator"`
	Specification  string  `ch:"specification"`
}

func (p *Portal) indicatorRows(ctx context.Context) ([]indicatorRow, error) {
	return published[indicatorRow](ctx, p, `SELECT indicator, any(i.registry) AS registry, any(i.name) AS name,
		any(i.granularity) AS granularity, any(i.type) AS type, any(i.class) AS class, any(i.direction) AS direction,
		any(i.measurement) AS measurement, any(ifNull(i.multiplier, 1)) AS multiplier, any(i.min_denominator) AS min_denominator,
		any(i.specification) AS specification FROM indicator AS i GROUP BY indicator ORDER BY indicator`)
}

// pointRow is one point of a control chart; NaN is "no number".
type pointRow struct {
	Indicator    string     `ch:"indicator"`
	Version      string     `ch:"indicator_version"`
	Granularity  string     `ch:"granularity"`
	Stratum      string     `ch:"stratum"`
	Unit         string     `ch:"unit"`
	Start        time.Time  `ch:"period_start"`
	End          time.Time  `ch:"period_end"`
	State        string     `ch:"state"`
	Maturity     string     `ch:"maturity"`
	DataThrough  time.Time  `ch:"data_through"`
	Fingerprint  string     `ch:"fingerprint"`
	Chart        string     `ch:"chart"`
	Value        float64    `ch:"v"`
	N            float64    `ch:"size"`
	Centre       float64    `ch:"c"`
	LCL          float64    `ch:"low"`
	UCL          float64    `ch:"high"`
	Target       float64    `ch:"aim"`
	Reference    float64    `ch:"ref"`
	RefSource    string     `ch:"reference_source"`
	SigmaSignal  bool       `ch:"sigma_signal"`
	RunsSignal   bool       `ch:"runs_signal"`
	Rules        []string   `ch:"rules"`
	Phase        uint16     `ch:"phase"`
	BaselineFrom *time.Time `ch:"baseline_from"`
	BaselineTo   *time.Time `ch:"baseline_to"`
	Why          string     `ch:"why"`
	Excluded     bool       `ch:"excluded"`
}

// ruleCrossings is the rule that is about a whole phase and none of its points.
const ruleCrossings = "anhoej_crossings"

// InRun reports whether the point is one of those that a rule about runs points
// at.
func (r pointRow) InRun() bool {
	return slices.ContainsFunc(r.Rules, func(rule string) bool { return rule != "sigma3" && rule != ruleCrossings })
}

// Pattern is the rule of another set than the default that points at it, empty for
// none.
func (r pointRow) Pattern() string {
	for _, rule := range r.Rules {
		if rule != "sigma3" && !strings.HasPrefix(rule, "anhoej_") {
			return rule
		}
	}
	return ""
}

const pointColumns = `indicator, indicator_version, granularity, stratum, unit, period_start, period_end, state, maturity, data_through,
	fingerprint, chart, ifNull(value, nan) AS v, ifNull(n, nan) AS size, ifNull(centre, nan) AS c, ifNull(lcl, nan) AS low,
	ifNull(ucl, nan) AS high, ifNull(target, nan) AS aim, ifNull(reference_value, nan) AS ref, reference_source, sigma_signal,
	runs_signal, rules, phase, baseline_from, baseline_to, why, excluded`

// pointsOfUnit are all points of a unit, in no order: sorting so many columns
// takes the engine longer than finding them.
func (p *Portal) pointsOfUnit(ctx context.Context, unit string) ([]pointRow, error) {
	return published[pointRow](ctx, p, "SELECT "+pointColumns+" FROM chart WHERE unit = {unit:String}", named("unit", unit))
}

// pointsOf are those of one unit and indicator, in no order.
func (p *Portal) pointsOf(ctx context.Context, unit, indicator string) ([]pointRow, error) {
	return published[pointRow](ctx, p, "SELECT "+pointColumns+" FROM chart WHERE unit = {unit:String} AND indicator = {indicator:String}",
		named("unit", unit), named("indicator", indicator))
}

// cellRow is one cell.
type cellRow struct {
	Unit        string  `ch:"unit"`
	State       string  `ch:"state"`
	Fingerprint string  `ch:"fingerprint"`
	Numerator   float64 `ch:"num"`
	Denominator float64 `ch:"den"`
	Value       float64 `ch:"v"`
	Low         float64 `ch:"low"`
	High        float64 `ch:"high"`
	Expected    float64 `ch:"exp"`
	Missing     float64 `ch:"missing"`
}

// cellOf is the cell as it was delivered; nil where there is none: the point is
// made of those of other units or versions.
func (p *Portal) cellOf(ctx context.Context, indicator string, k cellKey) (*cellRow, error) {
	rows, err := published[cellRow](ctx, p, `SELECT unit, state, fingerprint, ifNull(numerator, nan) AS num,
		ifNull(denominator, nan) AS den, ifNull(value, nan) AS v, ifNull(ci_low, nan) AS low, ifNull(ci_high, nan) AS high,
		ifNull(expected, nan) AS exp, ifNull(missing_share, nan) AS missing FROM cell
		WHERE indicator = {indicator:String} AND indicator_version = {version:String} AND granularity = {granularity:String}
		AND stratum = {stratum:String} AND unit = {unit:String} AND period_start = toDate32({period:String}) LIMIT 1`,
		named("indicator", indicator), named("version", k.Version), named("granularity", k.Granularity), named("stratum", k.Stratum),
		named("unit", k.Unit), named("period", k.Period.String()))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// funnelRow is one unit in a funnel.
type funnelRow struct {
	Version     string    `ch:"indicator_version"`
	Granularity string    `ch:"granularity"`
	Stratum     string    `ch:"stratum"`
	Unit        string    `ch:"unit"`
	Start       time.Time `ch:"period_start"`
	End         time.Time `ch:"period_end"`
	State       string    `ch:"state"`
	Value       float64   `ch:"v"`
	Denominator float64   `ch:"den"`
	Centre      float64   `ch:"c"`
	LCL95       float64   `ch:"low95"`
	UCL95       float64   `ch:"high95"`
	LCL998      float64   `ch:"low998"`
	UCL998      float64   `ch:"high998"`
	Outlier     int8      `ch:"outlier"`
	Phi         float64   `ch:"dispersion"`
	Tau2        float64   `ch:"between"`
	Units       uint32    `ch:"units"`
	Why         string    `ch:"why"`
}

func (p *Portal) funnelOf(ctx context.Context, indicator string) ([]funnelRow, error) {
	return published[funnelRow](ctx, p, `SELECT indicator_version, granularity, stratum, unit, period_start, period_end, state,
		ifNull(value, nan) AS v, ifNull(denominator, nan) AS den, ifNull(centre, nan) AS c, ifNull(lcl95, nan) AS low95,
		ifNull(ucl95, nan) AS high95, ifNull(lcl998, nan) AS low998, ifNull(ucl998, nan) AS high998, outlier,
		ifNull(phi, nan) AS dispersion, ifNull(tau2, nan) AS between, units, why
		FROM funnel WHERE indicator = {indicator:String}`, named("indicator", indicator))
}

// evidenceRow is how surprising the latest mature values of all charts are: of each
// its probability, and that of a false alarm of its limits.
type evidenceRow struct {
	P       []float64 `ch:"chances"`
	Alarm   []float64 `ch:"alarms"`
	Outside uint64    `ch:"outside"`
}

func (p *Portal) evidence(ctx context.Context) (evidenceRow, error) {
	rows, err := published[evidenceRow](ctx, p, `SELECT groupArray(assumeNotNull(p_value)) AS chances,
		groupArray(ifNull(false_alarm, nan)) AS alarms, countIf(sigma_signal) AS outside FROM chart WHERE p_value IS NOT NULL`)
	if err != nil || len(rows) == 0 {
		return evidenceRow{}, err
	}
	return rows[0], nil
}

// signalRow is a point that stands out.
type signalRow struct {
	Indicator   string    `ch:"indicator"`
	Version     string    `ch:"indicator_version"`
	Granularity string    `ch:"granularity"`
	Stratum     string    `ch:"stratum"`
	Unit        string    `ch:"unit"`
	Start       time.Time `ch:"period_start"`
	Value       float64   `ch:"v"`
	Centre      float64   `ch:"middle"`
}

// surprising are the points whose probability is at most that, in no order.
func (p *Portal) surprising(ctx context.Context, chance float64) ([]signalRow, error) {
	// A little more, because the engine reads a number to its last digit but one.
	return published[signalRow](ctx, p, `SELECT indicator, indicator_version, granularity, stratum, unit, period_start, ifNull(value, nan) AS v, ifNull(centre, nan) AS middle
		FROM chart WHERE p_value IS NOT NULL AND p_value <= toFloat64({chance:String})`,
		named("chance", strconv.FormatFloat(chance*(1+1e-12), 'g', -1, 64)))
}

// variationRow describes the variation between the units of one funnel.
type variationRow struct {
	Version     string    `ch:"indicator_version"`
	Granularity string    `ch:"granularity"`
	Stratum     string    `ch:"stratum"`
	Start       time.Time `ch:"period_start"`
	End         time.Time `ch:"period_end"`
	Units       uint32    `ch:"units"`
	Mean        float64   `ch:"middle"`
	Phi         float64   `ch:"dispersion"`
	Tau2        float64   `ch:"between"`
	Tau2Low     float64   `ch:"between_low"`
	Tau2High    float64   `ch:"between_high"`
	I2          float64   `ch:"inconsistency"`
	ICC         float64   `ch:"correlation"`
	MOR         float64   `ch:"odds"`
	SCV         float64   `ch:"systematic"`
	P10         float64   `ch:"tenth"`
	P50         float64   `ch:"fiftieth"`
	P90         float64   `ch:"ninetieth"`
}

func (p *Portal) variationOf(ctx context.Context, indicator string) ([]variationRow, error) {
	return published[variationRow](ctx, p, `SELECT indicator_version, granularity, stratum, period_start, period_end, units,
		ifNull(mean, nan) AS middle, ifNull(phi, nan) AS dispersion, ifNull(tau2, nan) AS between, ifNull(tau2_low, nan) AS between_low,
		ifNull(tau2_high, nan) AS between_high, ifNull(i2, nan) AS inconsistency, ifNull(icc, nan) AS correlation,
		ifNull(mor, nan) AS odds, ifNull(scv, nan) AS systematic, ifNull(p10, nan) AS tenth, ifNull(p50, nan) AS fiftieth,
		ifNull(p90, nan) AS ninetieth FROM variation WHERE indicator = {indicator:String}`, named("indicator", indicator))
}

// flagKey is an open flag by what it is sorted and counted by.
type flagKey struct {
	Flag      string    `ch:"flag"`
	Check     string    `ch:"check"`
	Severity  string    `ch:"severity"`
	Indicator string    `ch:"indicator"`
	Unit      string    `ch:"unit"`
	Stratum   string    `ch:"stratum"`
	Period    time.Time `ch:"period_start"`
	Run       string    `ch:"raised_run"`
	Cells     uint32    `ch:"cells"`
	Incident  string    `ch:"incident"`
}

// questionsOf counts what a person is asked: the flags of one incident have one
// cause, and one decision can answer them.
func questionsOf(keys []flagKey) uint64 {
	asked := map[string]bool{}
	for _, k := range keys {
		if holds(k.Severity) {
			asked[cmp.Or(k.Incident, k.Flag)] = true
		}
	}
	return uint64(len(asked))
}

// openFlagKeys are all open flags of the publication, in no order.
func (p *Portal) openFlagKeys(ctx context.Context) ([]flagKey, error) {
	return published[flagKey](ctx, p, "SELECT flag, check, severity, indicator, unit, stratum, period_start, raised_run, cells, incident FROM flag WHERE state = 'open'")
}

// flagText is what is read of the flags that a page shows.
type flagText struct {
	Flag        string `ch:"flag"`
	Granularity string `ch:"granularity"`
	Text        string `ch:"text"`
}

func (p *Portal) flagTexts(ctx context.Context, flags []string) (map[string]flagText, error) {
	rows, err := published[flagText](ctx, p, "SELECT flag, granularity, text FROM flag WHERE flag IN {flags:Array(String)}", named("flags", flags))
	out := make(map[string]flagText, len(rows))
	for _, r := range rows {
		out[r.Flag] = r
	}
	return out, err
}

// flagFilter narrows the open flags; empty fields do not.
type flagFilter struct{ Severity, Check, Indicator, Unit string }

func (f flagFilter) wants(k flagKey) bool {
	return (f.Severity == "" || f.Severity == k.Severity) && (f.Check == "" || f.Check == k.Check) &&
		(f.Indicator == "" || f.Indicator == k.Indicator) && (f.Unit == "" || f.Unit == k.Unit)
}

// flagGroup counts open flags of one check and severity.
type flagGroup struct {
	Severity, Check     string
	Flags, Cells, Units uint64
}

// gravity orders severities, gravest first.
func gravity(severity string) int {
	if i := slices.Index(severities(), severity); i >= 0 {
		return i
	}
	return len(severities())
}

// severities are those that a flag may have, gravest first.
func severities() []string {
	return []string{string(event.Block), string(event.Hold), string(event.Note), string(event.Reject), string(event.Info)}
}

// stateCount counts cells by their state.
type stateCount struct {
	State string `ch:"state"`
	Cells uint64 `ch:"cells"`
}

func (p *Portal) cellStates(ctx context.Context) ([]stateCount, error) {
	return published[stateCount](ctx, p, "SELECT state, count() AS cells FROM cell GROUP BY state")
}

// charted counts what there is to see of a unit or an indicator.
type charted struct {
	ID     string `ch:"id"`
	Others uint64 `ch:"others"`
	Held   uint64 `ch:"held"`
}

// chartedUnits counts by unit what the reader may read; nil: everything.
func (p *Portal) chartedUnits(ctx context.Context, rd Reader) ([]charted, error) {
	if rd != nil {
		return p.chartedFor(ctx, rd)
	}
	return published[charted](ctx, p, `SELECT unit AS id, uniqExact(indicator) AS others,
		countIf(startsWith(state, 'held_')) AS held FROM chart GROUP BY unit`)
}

// chartedSeries is a unit's held points in one indicator.
type chartedSeries struct {
	Unit      string `ch:"unit"`
	Indicator string `ch:"indicator"`
	Held      uint64 `ch:"held"`
}

func (p *Portal) chartedFor(ctx context.Context, rd Reader) ([]charted, error) {
	rows, err := published[chartedSeries](ctx, p, "SELECT unit, indicator, countIf(startsWith(state, 'held_')) AS held FROM chart GROUP BY unit, indicator")
	if err != nil {
		return nil, err
	}
	at, out := map[string]int{}, []charted{}
	for _, r := range rows {
		if !rd.Cells(p.registryOf(r.Indicator), r.Unit) {
			continue
		}
		i, ok := at[r.Unit]
		if !ok {
			i = len(out)
			at[r.Unit], out = i, append(out, charted{ID: r.Unit})
		}
		out[i].Others++
		out[i].Held += r.Held
	}
	return out, nil
}

func (p *Portal) chartedIndicators(ctx context.Context) ([]charted, error) {
	return published[charted](ctx, p, `SELECT indicator AS id, uniqExact(unit) AS others,
		countIf(startsWith(state, 'held_')) AS held FROM chart GROUP BY indicator`)
}

// annotationRow is something that happened to a unit.
type annotationRow struct {
	Unit string    `ch:"unit"`
	At   time.Time `ch:"period_start"`
	Kind string    `ch:"kind"`
	Text string    `ch:"text"`
}

// annotationRows leaves out what is told as it is now, and not as it was published:
// who stands by the unit's values.
func (p *Portal) annotationRows(ctx context.Context) ([]annotationRow, error) {
	return published[annotationRow](ctx, p, "SELECT unit, period_start, kind, text FROM annotation WHERE kind != 'affirmed' ORDER BY unit, period_start, kind, text")
}
