package stat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"larstrom/pipeline/spc"
	"larstrom/pipeline/variation"
)

// chartName is what a reader calls a kind of chart.
func chartName(k spc.Kind) string {
	switch k {
	case spc.Line:
		return "line"
	case spc.Run:
		return "run chart"
	case spc.XmR:
		return "XmR (i) chart"
	case spc.PPrime:
		return "p′ chart"
	case spc.UPrime:
		return "u′ chart"
	case spc.IPrime:
		return "I′ chart"
	case spc.Xbar:
		return "X̄ chart"
	case spc.S:
		return "S chart"
	case spc.R:
		return "R chart"
	case spc.MR:
		return "moving range chart"
	}
	return k.String() + " chart"
}

func (s *Series) name(chart string) string {
	switch chart {
	case "ewma":
		return "EWMA"
	case "cusum":
		return "CUSUM"
	case "racusum":
		return "risk-adjusted CUSUM"
	case "bcusum":
		return "Bernoulli CUSUM"
	case "vlad":
		return "VLAD"
	}
	var kinds []string
	for _, p := range s.Chart.Parts {
		if k := chartName(p.Kind); !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) == 0 {
		return "chart"
	}
	return strings.Join(kinds, ", then ")
}

// decimals that tell values of this spread apart.
func decimals(values ...[]float64) int {
	low, high := math.Inf(1), math.Inf(-1)
	for _, col := range values {
		for _, v := range col {
			if finite(v) {
				low, high = math.Min(low, v), math.Max(high, v)
			}
		}
	}
	spread := high - low
	if !(spread > 0) {
		if spread = math.Abs(high); !finite(spread) || spread == 0 {
			return 2
		}
	}
	return min(max(2-int(math.Floor(math.Log10(spread))), 0), 8)
}

func fixed(v float64, decimals int) string {
	if !finite(v) {
		return "-"
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// short is a number with four significant digits.
func short(v float64) string {
	if !finite(v) {
		return "-"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

type lines struct {
	w   *tabwriter.Writer
	err error
}

func (l *lines) put(fields ...string) {
	if l.err == nil {
		_, l.err = fmt.Fprintln(l.w, strings.Join(fields, "\t"))
	}
}

// text writes a paragraph outside the columns.
func (l *lines) text(format string, a ...any) {
	if l.err == nil {
		l.err = l.w.Flush()
	}
	if l.err == nil {
		_, l.err = fmt.Fprintf(l.w, format+"\n", a...)
	}
	if l.err == nil {
		l.err = l.w.Flush()
	}
}

// WriteText prints the result for people.
func (r *Result) WriteText(w io.Writer) error {
	l := &lines{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	for i := range r.Series {
		if i > 0 {
			l.text("")
		}
		r.Series[i].write(l, r)
	}
	if r.Worklist != nil {
		r.Worklist.write(l)
	}
	if r.Funnel != nil {
		r.Funnel.write(l, r)
	}
	if r.Variation != nil {
		r.Variation.write(l, r)
	}
	if len(r.Notes) > 0 {
		l.text("")
		for _, n := range r.Notes {
			l.text("note: %s", n)
		}
	}
	if l.err != nil {
		return l.err
	}
	return l.w.Flush()
}

// signals are the names of the rules that a point is part of.
func (s *Series) signals() []string {
	out := make([]string, len(s.Labels))
	for _, sig := range s.Signals {
		for _, i := range s.Chart.Members(sig) {
			if name := sig.Rule.String(); !slices.Contains(strings.Split(out[i], " "), name) {
				out[i] = strings.TrimSpace(out[i] + " " + name)
			}
		}
	}
	return out
}

func percent(r *Result) string {
	if r.Measure == "proportion" && r.Multiplier == 100 {
		return " %"
	}
	return ""
}

func (s *Series) write(l *lines, r *Result) {
	l.text("%s%s", called(s.Unit), s.name(r.Chart))
	for _, why := range s.why() {
		l.text("%s", why)
	}
	if s.Cumulative != nil {
		s.writeCumulative(l, r)
		return
	}
	c := &s.Chart
	d := decimals(c.Value, c.LCL, c.UCL, c.Centre) + 1
	head := []string{"point", "period", "value" + percent(r)}
	if s.den != nil {
		head = append(head, "n")
	}
	phases := len(c.Parts) > 1
	if phases {
		head = append(head, "phase")
	}
	l.put(append(head, "centre", "lcl", "ucl", "state", "signals")...)
	marks := s.signals()
	for i := range s.Labels {
		row := []string{strconv.Itoa(i + 1), s.Labels[i], fixed(c.Value[i], d)}
		if s.den != nil {
			row = append(row, number(s.den[i]))
		}
		if phases {
			row = append(row, strconv.Itoa(int(c.Phase[i])))
		}
		state := c.State[i].String()
		if c.Excluded != nil && c.Excluded[i] {
			state += ", excluded"
		}
		l.put(append(row, fixed(c.Centre[i], d), fixed(c.LCL[i], d), fixed(c.UCL[i], d), state, marks[i])...)
	}
	for _, p := range c.Parts {
		of := ""
		if phases {
			of = fmt.Sprintf("phase %d: ", p.Phase)
		}
		if p.Useful > 0 {
			l.text("%slongest run %d (at most %d), crossings %d (at least %d)", of, p.LongestRun, p.LongestRunMax, p.Crossings, p.CrossingsMin)
		}
		if finite(p.Dispersion) {
			l.text("%ssigma_z %s, phi %s", of, short(p.Dispersion), short(p.Phi))
		}
	}
	for _, line := range s.reach(r.guarantee) {
		l.text("%s", line)
	}
	if p, ok := c.Propose(); ok {
		l.text("a change of level is likely at %s (%s to %s), from %s to %s; --part %d would chart it as a new phase",
			s.Labels[p.From], s.Labels[p.Earliest], s.Labels[p.Latest], fixed(p.Before, d), fixed(p.After, d), p.From)
	}
	for _, t := range s.Targets {
		if t.From == 0 {
			l.text("target %s", short(t.Value))
		} else {
			l.text("target from %s: %s", s.Labels[t.From], short(t.Value))
		}
	}
	for _, sh := range s.Shifts {
		l.text("sustained shift: %d values from %s to %s %s the median %s; from %s on, when it was found, the median is %s",
			sh.Points, s.Labels[sh.From], s.Labels[sh.To], direction(sh.Direction), fixed(sh.Before, d), s.Labels[sh.Found], fixed(sh.Median, d))
	}
	if r.since != "" {
		l.text("signals that are new since %s: %d", r.since, len(s.Since))
		for _, sig := range s.Since {
			l.text("%s, %s to %s", sig.Rule, s.Labels[sig.From], s.Labels[sig.To])
		}
	}
	if s.Variation != spc.IconNone {
		l.text("variation: %s", s.Variation)
	}
	if s.Assurance != spc.IconNone {
		l.text("assurance: %s", s.Assurance)
	}
}

// number is a denominator: whole, or with at most two decimals.
func number(v float64) string {
	if !finite(v) {
		return "-"
	}
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

func (s *Series) writeCumulative(l *lines, r *Result) {
	c := s.Cumulative
	// The columns of a method; those that it does not have are left out.
	type column struct {
		name   string
		values []float64
	}
	columns := []column{{"sum", c.Upper}, {"lower sum", c.Lower}, {"lcl", c.LCL}, {"ucl", c.UCL}}
	if r.Chart == "ewma" {
		columns[0].name = "average"
	}
	columns = slices.DeleteFunc(columns, func(c column) bool { return len(c.values) == 0 || !slices.ContainsFunc(c.values, finite) })
	head := []string{"point", "period", "value"}
	for _, col := range columns {
		head = append(head, col.name)
	}
	l.put(append(head, "state", "signal")...)
	d := decimals(s.Chart.Value) + 1
	for i := range s.Labels {
		row := []string{strconv.Itoa(i + 1), s.Labels[i], fixed(s.Chart.Value[i], d)}
		for _, col := range columns {
			row = append(row, fixed(col.values[i], 4))
		}
		l.put(append(row, s.Chart.State[i].String(), direction(s.signal(i)))...)
	}
}

func (s *Series) signal(i int) int8 {
	if i < len(s.Cumulative.Signal) {
		return s.Cumulative.Signal[i]
	}
	return 0
}

func direction(sign int8) string {
	switch {
	case sign > 0:
		return "above"
	case sign < 0:
		return "below"
	}
	return ""
}

// why says, per phase, which chart it is and why.
func (s *Series) why() []string {
	var out []string
	for _, p := range s.Chart.Parts {
		why := p.Why()
		if len(s.Chart.Parts) > 1 {
			why = fmt.Sprintf("Phase %d (%s to %s): %s", p.Phase, s.Labels[p.First], s.Labels[p.Last], why)
		}
		if why != "" {
			out = append(out, why)
		}
	}
	return out
}

// Level is the level of the limits that were asked for beside 95 and 99.8 %, in per
// cent; empty for none.
func (r *Result) Level() string {
	if r.Funnel == nil || r.Funnel.options.Level == 0 {
		return ""
	}
	return strconv.FormatFloat(math.Round(r.Funnel.options.Level*1e8)/1e6, 'f', -1, 64)
}

func (f *Funnel) write(l *lines, r *Result) {
	c := &f.Result
	l.text("funnel of %d units, %s", len(f.Names), r.Measure)
	l.text("%s", c.Why())
	d := decimals(c.Value, c.LCL95, c.UCL95) + 1
	head := []string{"unit", "value" + percent(r), "n", "lcl 95", "ucl 95", "lcl 99.8", "ucl 99.8"}
	if r.Level() != "" {
		head = append(head, "lcl "+r.Level(), "ucl "+r.Level())
	}
	l.put(append(head, "state", "outside 99.8 % limits")...)
	for i, name := range f.Names {
		outside := direction(c.Outlier[i])
		switch {
		case outside != "":
		case c.NoLow[i] && c.NoHigh[i]:
			outside = "not possible"
		case c.NoLow[i]:
			outside = "below not possible"
		case c.NoHigh[i]:
			outside = "above not possible"
		}
		row := []string{name, fixed(c.Value[i], d), number(c.Denominator[i]), fixed(c.LCL95[i], d), fixed(c.UCL95[i], d), fixed(c.LCL998[i], d), fixed(c.UCL998[i], d)}
		if r.Level() != "" {
			row = append(row, fixed(c.LCL[i], d), fixed(c.UCL[i], d))
		}
		l.put(append(row, c.State[i].String(), outside)...)
	}
	l.text("centre %s, phi %s, tau² %s", fixed(c.Centre, d), short(c.Phi), short(c.Tau2))
}

func (v *Variation) write(l *lines, r *Result) {
	d := &v.Result
	l.text("variation between %d units, %s", d.Units, r.Measure)
	l.text("%s", d.Why())
	for _, row := range v.rows() {
		if finite(row.value) {
			l.put(row.text, short(row.value))
		}
	}
	l.put("interval of tau²", short(d.Tau2Low)+" to "+short(d.Tau2High))
	var deciles []string
	for _, q := range d.Deciles {
		deciles = append(deciles, short(q))
	}
	l.put("deciles of shrunken estimates"+percent(r), strings.Join(deciles, " "))
	if a := v.Areas; a != nil {
		l.put("extremal quotient", short(a.Extremal)+" (95th over 5th percentile "+short(a.Extremal5)+", quartiles "+short(a.Quartiles)+")")
		l.put("coefficient of variation", short(a.CV)+" (weighted "+short(a.WeightedCV)+")")
		l.put("chi-square", short(a.ChiSquared))
	}
	for _, one := range v.Resampled {
		low, high := one.Model.Interval(0.95)
		l.put("95 % interval of "+one.Text, short(low)+" to "+short(high))
		l.put("by chance alone", fmt.Sprintf("median %s, 95 %% below %s, as high as here or higher in %.3g", short(variation.Quantile(one.Null.Values, 0.5)),
			short(variation.Quantile(one.Null.Values, 0.95)), one.Null.P()))
	}
}

type variationRow struct {
	key, text string
	value     float64
}

func (v *Variation) rows() []variationRow {
	d := &v.Result
	return []variationRow{
		{"mean", "mean", d.Mean}, {"phi", "phi", d.Phi}, {"tau2", "tau²", d.Tau2}, {"i2", "I²", d.I2}, {"icc", "intra-class correlation", d.ICC},
		{"mor", "median odds (rate) ratio", d.MOR}, {"scv", "systematic component of variation", d.SCV}, {"reliability", "reliability", d.Reliability},
	}
}

// object is a JSON object with its members in order; NaN is null.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON keeps the order of the members.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		v := m.value
		if f, ok := v.(float64); ok && !finite(f) {
			v = nil
		}
		value, err := marshal(v)
		if err != nil {
			return nil, err
		}
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// numbersJSON are numbers with null for none.
func numbersJSON(vs []float64) []any {
	out := make([]any, len(vs))
	for i, v := range vs {
		if finite(v) {
			out[i] = v
		}
	}
	return out
}

// JSON is the result for programs.
func (r *Result) JSON() any {
	o := object{{"source", r.Source}, {"chart", r.Chart}, {"measure", r.Measure}, {"multiplier", r.Multiplier}, {"notes", append([]string{}, r.Notes...)}}
	switch {
	case r.Funnel != nil:
		o = append(o, member{"funnel", r.Funnel.json()})
	case r.Variation != nil:
		o = append(o, member{"variation", r.Variation.json()})
	default:
		all := make([]object, len(r.Series))
		for i := range r.Series {
			all[i] = r.Series[i].json(r)
		}
		o = append(o, member{"series", all})
		if r.Worklist != nil {
			o = append(o, member{"worklist", r.Worklist.json()})
		}
	}
	return o
}

func (s *Series) json(r *Result) object {
	c := &s.Chart
	o := object{{"unit", s.Unit}, {"name", s.name(r.Chart)}, {"why", append([]string{}, s.why()...)}}
	if r.target != nil {
		o = append(o, member{"target", *r.target})
	}
	if s.Variation != spc.IconNone {
		o = append(o, member{"variation_icon", s.Variation.String()})
	}
	if s.Assurance != spc.IconNone {
		o = append(o, member{"assurance_icon", s.Assurance.String()})
	}
	if p, ok := c.Propose(); ok && s.Cumulative == nil {
		o = append(o, member{"proposal", object{{"from", p.From + 1}, {"earliest", p.Earliest + 1}, {"latest", p.Latest + 1}, {"before", p.Before}, {"after", p.After},
			{"shift", p.Shift}, {"evidence", p.Evidence}}})
	}
	if len(s.Shifts) > 0 {
		shifts := make([]object, len(s.Shifts))
		for i, sh := range s.Shifts {
			shifts[i] = object{{"phase", sh.Phase}, {"from", sh.From + 1}, {"found", sh.Found + 1}, {"to", sh.To + 1}, {"points", sh.Points},
				{"direction", sh.Direction}, {"before", sh.Before}, {"median", sh.Median}}
		}
		o = append(o, member{"shifts", shifts})
	}
	if r.since != "" {
		o = append(o, member{"since", object{{"point", r.since}, {"signals", s.signalsJSON(s.Since)}}})
	}
	parts := make([]object, len(c.Parts))
	for i, p := range c.Parts {
		parts[i] = object{{"phase", p.Phase}, {"first", p.First + 1}, {"last", p.Last + 1}, {"kind", p.Kind.String()}, {"stage", p.Stage.String()}, {"limits", p.Limits.String()},
			{"baseline_first", p.BaselineFrom + 1}, {"baseline_last", p.BaselineTo + 1}, {"baseline_points", p.BaselinePoints},
			{"centre", p.Centre}, {"sigma_z", p.Dispersion}, {"phi", p.Phi}, {"screening", p.Screening.String()},
			{"useful", p.Useful}, {"longest_run", p.LongestRun}, {"longest_run_max", p.LongestRunMax}, {"crossings", p.Crossings}, {"crossings_min", p.CrossingsMin}, {"runs_signal", p.RunsSignal},
			{"season_p", p.SeasonP}, {"autocorrelation_p", p.AutocorrelationP}, {"runs_off", p.RunsOff}}
	}
	o = append(o, member{"parts", parts})
	points := make([]object, len(s.Labels))
	marks := s.signals()
	for i := range s.Labels {
		p := object{{"point", i + 1}, {"period", s.Labels[i]}, {"line", s.source.lines[i]}, {"state", c.State[i].String()}, {"value", c.Value[i]}}
		if s.den != nil {
			p = append(p, member{"n", s.den[i]})
		}
		if len(s.Targets) > 0 {
			p = append(p, member{"target", spc.TargetAt(s.Targets, i)})
		}
		if s.Cumulative != nil {
			for _, col := range []struct {
				name   string
				values []float64
			}{{"upper", s.Cumulative.Upper}, {"lower", s.Cumulative.Lower}, {"lcl", s.Cumulative.LCL}, {"ucl", s.Cumulative.UCL}} {
				if len(col.values) > 0 {
					p = append(p, member{col.name, col.values[i]})
				}
			}
			p = append(p, member{"signal", s.signal(i)})
		} else {
			lower, upper := c.LimitSE(i)
			p = append(p, member{"centre", c.Centre[i]}, member{"lcl", c.LCL[i]}, member{"ucl", c.UCL[i]}, member{"phase", c.Phase[i]},
				member{"lcl_se", lower}, member{"ucl_se", upper}, member{"no_low", c.NoLowSignal(i)}, member{"no_high", c.NoHighSignal(i)},
				member{"excluded", c.Excluded != nil && c.Excluded[i]}, member{"signals", strings.Fields(marks[i])})
		}
		points[i] = p
	}
	o = append(o, member{"points", points})
	return append(o, member{"signals", s.signalsJSON(s.Signals)})
}

func (s *Series) signalsJSON(signals []spc.Signal) []object {
	out := make([]object, len(signals))
	for i, sig := range signals {
		out[i] = object{{"rule", sig.Rule.String()}, {"phase", sig.Phase}, {"from", sig.From + 1}, {"to", sig.To + 1}, {"points", sig.Points}, {"direction", sig.Direction},
			{"observed", sig.Observed}, {"limit", sig.Limit}, {"zone", sig.Zone}}
		members := s.Chart.Members(sig)
		for k := range members {
			members[k]++
		}
		out[i] = append(out[i], member{"members", members})
	}
	return out
}

func (f *Funnel) json() object {
	c := &f.Result
	units := make([]object, len(f.Names))
	for i, name := range f.Names {
		units[i] = object{{"unit", name}, {"state", c.State[i].String()}, {"value", c.Value[i]}, {"denominator", c.Denominator[i]},
			{"lcl95", c.LCL95[i]}, {"ucl95", c.UCL95[i]}, {"lcl998", c.LCL998[i]}, {"ucl998", c.UCL998[i]}, {"outlier", c.Outlier[i]},
			{"no_low", c.NoLow[i]}, {"no_high", c.NoHigh[i]}}
		if f.options.Level != 0 {
			units[i] = append(units[i], member{"level", f.options.Level}, member{"lcl", c.LCL[i]}, member{"ucl", c.UCL[i]})
		}
	}
	return object{{"why", c.Why()}, {"centre", c.Centre}, {"phi", c.Phi}, {"tau2", c.Tau2}, {"tau2_source", c.Source.String()}, {"units", units}}
}

func (v *Variation) json() object {
	d := &v.Result
	o := object{{"why", d.Why()}, {"units", d.Units}}
	for _, row := range v.rows() {
		o = append(o, member{row.key, row.value})
	}
	if a := v.Areas; a != nil {
		o = append(o, member{"areas", object{{"eq", a.Extremal}, {"eq5_95", a.Extremal5}, {"iq", a.Quartiles}, {"cv", a.CV}, {"cvw", a.WeightedCV}, {"chi2", a.ChiSquared}}})
	}
	if len(v.Resampled) > 0 {
		all := make([]object, len(v.Resampled))
		for i, one := range v.Resampled {
			low, high := one.Model.Interval(0.95)
			all[i] = object{{"statistic", one.Key}, {"observed", one.Model.Observed}, {"simulations", len(one.Model.Values)}, {"low", low}, {"high", high},
				{"null_median", variation.Quantile(one.Null.Values, 0.5)}, {"null_p95", variation.Quantile(one.Null.Values, 0.95)}, {"null_p", one.Null.P()}}
		}
		o = append(o, member{"resampled", all})
	}
	shrunk := make([]object, len(v.Names))
	for i, name := range v.Names {
		shrunk[i] = object{{"unit", name}, {"shrunk", d.Shrunk[i]}}
	}
	return append(o, member{"tau2_low", d.Tau2Low}, member{"tau2_high", d.Tau2High}, member{"deciles", numbersJSON(d.Deciles[:])},
		member{"raw_deciles", numbersJSON(d.RawDeciles[:])}, member{"shrunken", shrunk})
}
