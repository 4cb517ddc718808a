package simulate

import (
	"fmt"
	"math"
	"slices"

	"larstrom/pipeline/catalog"
)

const regionCode = "havsmark"

func exp(x float64) float64 { return math.Exp(x) }

// Change is a real change of a level: the checks must not hold it.
type Change struct {
	Indicator string       `json:"indicator"`
	Unit      string       `json:"unit"`
	From      catalog.Date `json:"from"`
	// Size is on the logit scale, or of the log for rates and ratios.
	Size float64 `json:"size"`
	// Kind is improved, deteriorated, or changed where neither way is better.
	Kind string `json:"kind"`
}

type indicatorUnit struct{ indicator, unit string }

// generator draws the region's numbers.
type generator struct {
	o      Options
	s      streams
	region *region
	inds   []*indicator
	feeds  []*feed
	// first is month 0. asOf are the dates of the first load and of the nights.
	first catalog.Date
	asOf  []int32
	// starts are the first days of the months from -rollBack on.
	starts  []int32
	change  map[indicatorUnit]*Change
	changes []*Change
}

// rollBack is how many months before the history are drawn, for rolling sums.
const rollBack = 12

func newGenerator(o Options) *generator {
	firstNight := o.LastNight.AddDays(1 - o.Nights)
	load := firstNight.AddDays(-1)
	g := &generator{o: o, s: streams{o.Seed}, first: load.AddMonths(-o.Months), change: map[indicatorUnit]*Change{}}
	for k := range o.Nights + 1 {
		g.asOf = append(g.asOf, load.AddDays(k).Days())
	}
	for m := -rollBack; ; m++ {
		d := g.first.AddMonths(m)
		g.starts = append(g.starts, d.Days())
		if o.LastNight.Before(d) {
			break
		}
	}
	g.inds = indicators(o.Indicators, g.first.AddMonths(-2))
	g.region = newRegion(o, g.s, g.first.Days())
	g.feeds = g.newFeeds()
	for _, f := range g.feeds {
		for _, ind := range f.inds {
			for _, u := range g.region.byGroup[f.group] {
				g.drawChange(ind, u)
			}
		}
	}
	return g
}

func (g *generator) start(m int) int32 { return g.starts[m+rollBack] }

// month is the one that holds the day.
func (g *generator) month(d int32) int {
	i, found := slices.BinarySearch(g.starts, d)
	if !found {
		i--
	}
	return i - rollBack
}

func (g *generator) drawChange(ind *indicator, u *unit) {
	switch ind.Type {
	case catalog.Proportion, catalog.Rate, catalog.StandardisedRatio:
	default:
		return
	}
	d := g.s.at("change", ind.ID, u.ID)
	if d.Float64() >= g.o.RealChangeShare {
		return
	}
	month := g.o.Months/3 + d.IntN(max(1, g.o.Months-1-g.o.Months/3))
	c := &Change{Indicator: ind.ID, Unit: u.ID, From: g.first.AddMonths(month), Size: d.uniform(g.o.RealChange)}
	better := d.Float64() < g.o.ImprovedShare
	c.Kind = map[bool]string{true: "improved", false: "deteriorated"}[better]
	if better == (ind.Direction == "down") {
		c.Size = -c.Size
	}
	if ind.Direction == "none" || ind.Direction == "" {
		c.Kind = "changed"
	}
	if !u.open(c.From.Days()) {
		return
	}
	g.change[indicatorUnit{ind.ID, u.ID}] = c
	g.changes = append(g.changes, c)
}

// series is what the values of one indicator of one unit are drawn from.
type series struct {
	level, trend, season float64
	peak                 int
	first                int // calendar month of month 0
	noise                key
	noiseSD              float64
	changeAt             int
	change               float64
}

func (g *generator) series(ind *indicator, u *unit) series {
	s := series{season: ind.season * g.o.SeasonScale, peak: ind.peak, first: int(g.first.Time().Month()), noise: g.s.key("period", ind.ID, u.ID), noiseSD: g.o.PeriodEffectSD}
	s.level = g.s.at("effect", ind.ID, u.ID).NormFloat64() * g.o.UnitEffectSD
	s.trend = g.s.at("trend", ind.ID).NormFloat64() * g.o.TrendSD
	switch {
	case ind.Type == catalog.Mean || ind.Type == catalog.Median:
		// Units differ less in what they measure than in what they do.
		s.level, s.trend = math.Log(ind.base)+0.4*s.level, 0.4*s.trend
	case ind.Type == catalog.Rate || ind.form == ratioOfCounts:
		s.level += math.Log(ind.base)
	case ind.Type == catalog.Count:
		s.level = 0
	default:
		s.level += logit(ind.base)
	}
	if c := g.change[indicatorUnit{ind.ID, u.ID}]; c != nil {
		s.changeAt, s.change = g.month(c.From.Days()), c.Size
	}
	return s
}

// at is the level in a month, with an effect of unit and month.
func (s *series) at(m int) float64 { return s.smooth(m) + s.noiseSD*s.noise.at(m).NormFloat64() }

func (s *series) smooth(m int) float64 {
	x := s.level + s.trend*float64(m)/12 + s.season*wave(s.first+m, s.peak)
	if s.change != 0 && m >= s.changeAt {
		x += s.change
	}
	return x
}

// wave is 1 in the month of the peak and -1 half a year from it.
func wave(month, peak int) float64 { return math.Cos(2 * math.Pi * float64(month-peak) / 12) }

// growth is the factor of a unit's volume in a month.
func (u *unit) growthAt(m int) float64 { return u.size * exp(u.growth*float64(m)/12) }

// weekly are the factors of the days from Monday on; their mean is 1.
type weekly [7]float64

func (w weekly) at(d int32) float64 { return w[((d+3)%7+7)%7] }

// profile is how the cases of a sender come over time.
type profile struct {
	monthly float64 // of a unit of size 1
	season  float64 // amplitude as a share of the mean
	peak    int
	week    weekly
	// lag is the mean delay of registration in days; lateShare of the cases
	// have lateLag instead.
	lag, lateShare, lateLag float64
}

func (g *generator) profile(sender string) profile {
	switch sender {
	case infekt:
		// Respiratory infections: three times as many in February as in August,
		// hardly any on weekends.
		return profile{monthly: g.o.VisitsPerMonth, season: 0.5, peak: 2, week: weekly{1.75, 1.45, 1.35, 1.25, 1.1, 0.05, 0.05}, lag: 0.7, lateShare: 0.06, lateLag: 9}
	case hofte:
		return profile{monthly: 24, season: 0.1, peak: 1, week: weekly{1.03, 1, 0.98, 0.99, 1, 1.02, 0.98}, lag: 6, lateShare: 0.1, lateLag: 18}
	case slag:
		return profile{monthly: 30, season: 0.06, peak: 12, week: weekly{1.08, 1.02, 1, 1, 1, 0.95, 0.95}, lag: 10, lateShare: 0.15, lateLag: 35}
	default: // akut
		return profile{monthly: 1500, season: 0.08, peak: 7, week: weekly{1.15, 1.0, 0.97, 0.96, 1.0, 0.96, 0.96}}
	}
}

// one case of a case-level sender, before what its indicators say of it.
type event struct {
	n        int // within unit and month, from 1
	day, reg int32
	minute   int
	patient  uint64
}

// cases draws the cases of a unit in a month, in the order of their days.
func (g *generator) cases(sender string, p *profile, u *unit, m int, yield func(*event) error) error {
	d := g.s.key("cases", sender, u.ID).at(m)
	mean := p.monthly / 30.44 * u.growthAt(m) * (1 + p.season*g.o.SeasonScale*wave(int(g.first.Time().Month())+m, p.peak)) * d.factor(g.o.VolumeAlpha)
	var e event
	for day := g.start(m); day < g.start(m+1); day++ {
		for range d.poisson(mean * p.week.at(day)) {
			lag := p.lag
			if d.Float64() < p.lateShare {
				lag = p.lateLag
			}
			e = event{n: e.n + 1, day: day, reg: day + d.days(lag*g.o.LateScale), minute: 480 + d.IntN(540), patient: d.Uint64()}
			if !u.open(day) {
				continue
			}
			if err := yield(&e); err != nil {
				return err
			}
		}
	}
	return nil
}

func pseudonym(n uint64) string { return fmt.Sprintf("p%010x", n&0xffffffffff) }
