package portal

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"larstrom/pipeline/spc"
)

// falseShare is the share of false alarms to expect among the charts that are
// listed, and mostSignals how many of them a page names.
const (
	falseShare  = 0.1
	mostSignals = 100
)

// signalsBody says which charts stand out at their newest mature value, among as
// many as there are.
type signalsBody struct {
	Charts  int    // that have limits and a mature value
	Outside uint64 // that are beyond their limits there
	// Known and Estimated are the numbers of false alarms to expect of all of them,
	// as package spc says.
	Known, Estimated string
	Lines            []signalLine // by the names of unit and indicator
	Further          int
}

type signalLine struct {
	Unit, Indicator, Path, Period, Value, Side string
}

// signals is the worklist of the publication: what remains when chance among so
// many charts is allowed for.
func (p *Portal) signals(ctx context.Context, rd *reading) (signalsBody, error) {
	all, err := p.evidence(ctx)
	if err != nil {
		return signalsBody{}, err
	}
	evidence := make([]spc.Evidence, len(all.P))
	for i := range evidence {
		evidence[i] = spc.Evidence{Series: i, P: all.P[i], FalseAlarm: all.Alarm[i]}
	}
	list, expected := spc.Worklist(evidence, falseShare)
	b := signalsBody{Charts: len(evidence), Outside: all.Outside, Known: p.words.expectedNumber(expected.Known), Estimated: p.words.expectedNumber(expected.Estimated)}
	if len(list) == 0 {
		return b, nil
	}
	called, err := rd.names(ctx)
	if err != nil {
		return signalsBody{}, err
	}
	rows, err := p.surprising(ctx, list[len(list)-1].P)
	if err != nil {
		return signalsBody{}, err
	}
	for _, r := range rows {
		k := seriesID{r.Version, r.Granularity, r.Stratum}
		ind := indicatorOf(called.names, r.Indicator)
		l := signalLine{Unit: called.unit(r.Unit), Indicator: ind.Name, Path: chartPath(r.Unit, r.Indicator, k), Period: p.words.period(r.Granularity, day(r.Start)),
			Value: p.words.measureOf(ind, []float64{r.Value}).say(r.Value), Side: p.words.t("signals.above")}
		if r.Value < r.Centre {
			l.Side = p.words.t("signals.below")
		}
		if r.Stratum != "" {
			l.Indicator += " · " + p.stratum(r.Stratum)
		}
		b.Lines = append(b.Lines, l)
	}
	slices.SortFunc(b.Lines, func(x, y signalLine) int {
		return cmp.Or(strings.Compare(strings.ToLower(x.Unit), strings.ToLower(y.Unit)), strings.Compare(strings.ToLower(x.Indicator), strings.ToLower(y.Indicator)),
			strings.Compare(x.Path, y.Path))
	})
	if len(b.Lines) > mostSignals {
		b.Further = len(b.Lines) - mostSignals
		b.Lines = b.Lines[:mostSignals]
	}
	return b, nil
}

// expectedNumber is a number of false alarms: with decimals while it is small.
func (w *words) expectedNumber(x float64) string {
	switch {
	case x < 1:
		return w.num(x, 2)
	case x < 10:
		return w.num(x, 1)
	}
	return w.num(x, 0)
}
