package portal

import (
	"context"

	"larstrom/pipeline/spc"
)

// falseShare is the share of false alarms to expect among the charts that are
// listed, mostSignals how many of them a page names, and fewSignals how many it
// shows without being asked.
const (
	falseShare  = 0.1
	mostSignals = 100
	fewSignals  = 10
)

// signalsBody says which charts stand out at their newest mature value, among as
// many as there are.
type signalsBody struct {
	Charts  int    // that have limits and a mature value
	Outside uint64 // that are beyond their limits there
	// Known and Estimated are the numbers of false alarms to expect of all of them,
	// as package spc says.
	Known, Estimated string
	Groups           []signalGroup // by the name of the indicator
	Further          int
	// Open says that they are so few that all of them are shown at once.
	Open bool
}

// signalGroup are the charts of one indicator that stand out, by unit.
type signalGroup struct {
	Indicator string
	Lines     []signalLine // by the name of the unit: the order says nothing of the care
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
	var lines []signalLine
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
		lines = append(lines, l)
	}
	byName(p.words, lines, func(l signalLine) (string, string) { return l.Unit, l.Path })
	byName(p.words, lines, func(l signalLine) (string, string) { return l.Indicator, "" })
	if len(lines) > mostSignals {
		b.Further = len(lines) - mostSignals
		lines = lines[:mostSignals]
	}
	b.Open = len(lines) <= fewSignals
	for _, l := range lines {
		if last := len(b.Groups) - 1; last < 0 || b.Groups[last].Indicator != l.Indicator {
			b.Groups = append(b.Groups, signalGroup{Indicator: l.Indicator})
		}
		g := &b.Groups[len(b.Groups)-1]
		g.Lines = append(g.Lines, l)
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
