package stat

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"larstrom/pipeline/figure"
	"larstrom/pipeline/funnel"
	"larstrom/pipeline/spc"
)

// WriteSVG draws the result. title replaces the name of the table. Errors wrap
// ErrRequest where there is nothing, or more than one chart, to draw.
func (r *Result) WriteSVG(w io.Writer, title string, o figure.Options) error {
	if title == "" {
		base := filepath.Base(r.Source)
		title = strings.TrimSuffix(base, filepath.Ext(base))
	}
	switch {
	case r.Variation != nil:
		return fmt.Errorf("%w: the variation between units is numbers; for a picture say --chart funnel", ErrRequest)
	case r.Funnel != nil:
		return r.drawFunnel(w, title, o)
	case len(r.Series) != 1:
		names := make([]string, len(r.Series))
		for i := range r.Series {
			names[i] = r.Series[i].Unit
		}
		return fmt.Errorf("%w: a drawing shows one unit and the table has %d (%s); choose one with --where COLUMN=UNIT", ErrRequest, len(r.Series), some(names))
	}
	return r.drawSeries(w, title, o)
}

func (r *Result) drawSeries(w io.Writer, title string, o figure.Options) error {
	s := &r.Series[0]
	if s.Unit != "" {
		title += " · " + s.Unit
	}
	c := &s.Chart
	f := figure.Control{Title: title, Subtitle: s.name(r.Chart), Description: strings.Join(s.why(), " "), Texts: figure.EnglishTexts()}
	nan := math.NaN()
	marks := s.signals()
	for i := range s.Labels {
		p := figure.ControlPoint{Period: s.Labels[i], Value: c.Value[i], State: figure.State(c.State[i].String()), Phase: int(c.Phase[i]),
			Centre: nan, LCL: nan, UCL: nan, Target: nan, Reference: nan, N: nan}
		if s.period.name != "none" || r.Chart == "t" {
			p.Start = s.source.starts[i]
		}
		if s.den != nil {
			p.N = s.den[i]
		}
		if sums := s.Cumulative; sums != nil {
			p.Value = sums.Upper[i]
			if p.State != figure.Value && c.State[i].Drawn() || !finite(p.Value) && c.State[i].Drawn() {
				// The sums wait at points that do not enter.
				p.State = figure.NotApplicable
			}
			p.Centre = 0
			if len(sums.LCL) > 0 {
				p.LCL, p.UCL = sums.LCL[i], sums.UCL[i]
			}
			p.SigmaSignal = s.signal(i) != 0
		} else {
			p.Centre, p.LCL, p.UCL = c.Centre[i], c.LCL[i], c.UCL[i]
			for _, rule := range strings.Fields(marks[i]) {
				if rule == spc.RuleSigma.String() {
					p.SigmaSignal = true
				} else {
					p.RunsSignal = true
				}
			}
			p.Excluded = c.Excluded != nil && c.Excluded[i]
			p.Target = spc.TargetAt(s.Targets, i)
		}
		f.Points = append(f.Points, p)
	}
	if sums := s.Cumulative; sums != nil {
		f.Decimals = 2
		f.Texts.RunsSignal, f.Texts.Centre = "", "Zero"
		f.Texts.NotApplicable = "Does not enter"
		f.Texts.Value = "Upper sum"
		switch r.Chart {
		case "ewma":
			f.Texts.Value = "Weighted average"
		case "vlad":
			f.Texts.Value = "Expected less observed"
		}
		if len(sums.Lower) > 0 && r.Chart != "ewma" {
			f.Second = sums.Lower
		}
		if r.Chart == "ewma" || r.Chart == "cusum" {
			f.ValueTitle = "Standard deviations"
		}
	} else {
		f.Percent = percent(r) != "" && !s.is(spc.NP)
		f.Decimals = min(decimals(c.Value, c.LCL, c.UCL, c.Centre), 3)
		if s.is(spc.Run) {
			f.CentreName = "Median"
		}
	}
	return f.WriteSVG(w, o)
}

func (s *Series) is(k spc.Kind) bool {
	for _, p := range s.Chart.Parts {
		if p.Kind != k {
			return false
		}
	}
	return len(s.Chart.Parts) > 0
}

func (r *Result) drawFunnel(w io.Writer, title string, o figure.Options) error {
	c := &r.Funnel.Result
	f := figure.Funnel{Title: title, Subtitle: "Funnel, " + r.Measure, Description: c.Why(), Percent: percent(r) != "", Centre: c.Centre, Texts: figure.EnglishTexts(),
		Decimals: min(decimals(c.Value, c.LCL95, c.UCL95), 3), Target: r.target}
	switch r.Measure {
	case "ratio":
		f.DenominatorTitle = "Expected"
	case "mean":
		f.DenominatorTitle = "Cases"
	}
	if f.DenominatorTitle != "" {
		f.Texts.Denominator = f.DenominatorTitle
	}
	low, high := math.Inf(1), 0.0
	if r.Level() != "" {
		f.LevelName = r.Level() + " % limits"
	}
	for i, name := range r.Funnel.Names {
		u := figure.FunnelUnit{Name: name, Value: c.Value[i], Denominator: c.Denominator[i], State: figure.State(c.State[i].String()),
			LCL95: c.LCL95[i], UCL95: c.UCL95[i], LCL998: c.LCL998[i], UCL998: c.UCL998[i], Outlier: c.Outlier[i]}
		if f.LevelName != "" {
			u.LCL, u.UCL = c.LCL[i], c.UCL[i]
		}
		f.Units = append(f.Units, u)
		if c.State[i].Drawn() && u.Denominator > 0 {
			low, high = math.Min(low, u.Denominator), math.Max(high, u.Denominator)
		}
	}
	// Where limits follow the denominator alone, they are drawn for all sizes.
	if options := r.Funnel.options; options.Measure != funnel.Mean && options.Measure != funnel.CountRatio && high > low {
		const steps = 60
		for i := range steps + 1 {
			n := low * math.Pow(high/low, float64(i)/steps)
			if options.Measure == funnel.Proportion {
				n = math.Round(n)
			}
			l := figure.FunnelLimits{Denominator: n}
			l.LCL95, l.UCL95 = c.LimitsAt(n, 0.025, options)
			l.LCL998, l.UCL998 = c.LimitsAt(n, 0.001, options)
			if f.LevelName != "" {
				l.LCL, l.UCL = c.LimitsAt(n, (1-options.Level)/2, options)
			}
			f.Curve = append(f.Curve, l)
		}
	}
	return f.WriteSVG(w, o)
}
