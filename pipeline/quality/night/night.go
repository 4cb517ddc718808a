package night

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"larstrom/pipeline/quality/surveil"
)

// Basis is how the number of a night is taken; both are at equal lag.
type Basis uint8

// The bases.
const (
	// Happened counts the events of the day SeenAfter days before the night
	// that are registered by then.
	Happened Basis = iota
	// Came counts what was registered on the night's day, whenever it happened.
	Came
)

// Config states the generator. Default is the one that is measured.
type Config struct {
	Units, Indicators, Sources int
	// Spare units have codes but no history: splits move into them.
	Spare int
	// Nights is the length of the history with the tested night.
	Nights int
	Basis  Basis

	Median       float64 // of the mean records a day
	UnitSigma    float64 // parts of the log-normal sigma
	IndicatorSD  float64
	SeriesSigma  float64
	K            float64 // of the negative binomial
	Weekday      float64 // factors are uniform in 1 ± Weekday
	Season       float64 // amplitude of the yearly sine
	Contaminated float64 // share of series-nights before the tested one
	MedianLag    float64 // days until an event is registered
	SeenAfter    int     // days, for Happened
	MissingShare float64
	// What the fixed generator does not have, for trials of others: the share
	// of units that are closed at weekends, the standard deviation of a series'
	// growth in a year as a logarithm, and seasons of each unit's own.
	Closed    float64
	Drift     float64
	OwnSeason bool
}

// Default is the fixed generator.
func Default() Config {
	return Config{
		Units: 1200, Indicators: 20, Sources: 3, Spare: 4, Nights: surveil.History + 1,
		Median: 8, UnitSigma: 0.6, IndicatorSD: 0.5, SeriesSigma: 0.6244998, K: 30,
		Weekday: 0.2, Season: 0.1, Contaminated: 0.004, MedianLag: 5, SeenAfter: 7,
		MissingShare: 0.04,
	}
}

// Night is a panel and the truth about it.
type Night struct {
	*Region

	Panel surveil.Panel
	rand  *rand.Rand
}

// Region is the truth about a region, and what its nights brought before
// anything went wrong.
type Region struct {
	Config Config
	// Mean is the true mean of each series on an average day, before lag.
	Mean []float64
	// Rate is the true share in the numerator of each series.
	Rate []float64

	seed                       uint64
	first                      int // civil day of the first night
	nights                     int // that were made
	units, indicators, sources []string
	unitSource                 []int32
	unit, indicator            []int32
	volume, numerator, missing []int32
	bad                        [][]contaminated // by series
	weekday                    []float64        // unit x 7
	phase                      []float64        // by indicator
	ownPhase                   []float64        // by unit
	growth                     []float64        // by series, a day
}

// contaminated is a night on which a series held a multiple of its records.
type contaminated struct {
	night  int
	factor float64
}

// apart is how many days lie between two nights that are tested of one region:
// the longest tested window, so that no two share one.
const apart = 28

// firstDay is a Monday; seeds shift the night over the year.
const firstDay = 19_723 // 2024-01-01

// New makes the night of a seed.
func New(c Config, seed uint64) *Night { return NewRegion(c, seed, 1).Night(0) }

// NewRegion makes a region of which so many nights can be tested, apart from
// each other by the longest tested window.
func NewRegion(c Config, seed uint64, tested int) *Region {
	r := rand.New(rand.NewPCG(seed, 0x6c61727374726f6d)) //nolint:gosec // the numbers are to be repeatable; they keep no secret
	units := c.Units + c.Spare
	g := &Region{Config: c, seed: seed, first: firstDay + r.IntN(364), nights: c.Nights + (tested-1)*apart}
	for u := range units {
		g.units = append(g.units, fmt.Sprintf("u%04d", u))
	}
	for i := range c.Indicators {
		g.indicators = append(g.indicators, fmt.Sprintf("i%02d", i))
	}
	for s := range c.Sources {
		g.sources = append(g.sources, fmt.Sprintf("s%d", s))
	}
	unitSize := make([]float64, units)
	g.weekday = make([]float64, units*7)
	for u := range units {
		unitSize[u] = c.UnitSigma * r.NormFloat64()
		// Sources of different size, as vendors are: of three 50, 33 and 17 %.
		source, left := 0, r.IntN(c.Sources*(c.Sources+1)/2)
		for left >= c.Sources-source {
			left -= c.Sources - source
			source++
		}
		g.unitSource = append(g.unitSource, int32(source))
		var sum float64
		for d := range 7 {
			g.weekday[u*7+d] = 1 + c.Weekday*(2*r.Float64()-1)
			sum += g.weekday[u*7+d]
		}
		for d := range 7 {
			g.weekday[u*7+d] *= 7 / sum
		}
	}
	indicatorRate := make([]float64, c.Indicators)
	indicatorSize := make([]float64, c.Indicators)
	for i := range c.Indicators {
		indicatorSize[i] = c.IndicatorSD * r.NormFloat64()
		indicatorRate[i] = 0.2 + 0.65*r.Float64()
		g.phase = append(g.phase, 2*math.Pi*r.Float64())
	}
	seeds := make([]uint64, 0, units*c.Indicators)
	for i := range c.Indicators {
		for u := range units {
			g.unit, g.indicator = append(g.unit, int32(u)), append(g.indicator, int32(i))
			mean := c.Median * math.Exp(unitSize[u]+indicatorSize[i]+c.SeriesSigma*r.NormFloat64())
			rate := beta(r, 20*indicatorRate[i], 20*(1-indicatorRate[i]))
			if u >= c.Units {
				mean = 0
			}
			g.Mean, g.Rate = append(g.Mean, mean), append(g.Rate, rate)
			seeds = append(seeds, r.Uint64())
		}
	}
	rows := len(g.unit) * g.nights
	g.volume, g.numerator, g.missing = make([]int32, rows), make([]int32, rows), make([]int32, rows)
	g.bad = make([][]contaminated, len(g.unit))
	g.others(r)
	var wg sync.WaitGroup
	const parts = 2
	for part := range parts {
		wg.Go(func() {
			for s := part; s < len(seeds); s += parts {
				g.series(s, seeds[s])
			}
		})
	}
	wg.Wait()
	return g
}

// others draws what only trials of other regions have, after everything else.
func (g *Region) others(r *rand.Rand) {
	c := &g.Config
	for u := range g.units {
		g.ownPhase = append(g.ownPhase, 2*math.Pi*r.Float64())
		if r.Float64() < c.Closed {
			// Days are counted from a Thursday.
			for d := range 7 {
				g.weekday[u*7+d] *= 1.4
			}
			g.weekday[u*7+2], g.weekday[u*7+3] = 0, 0
		}
	}
	if c.Drift > 0 {
		for range g.unit {
			g.growth = append(g.growth, c.Drift*r.NormFloat64()/365)
		}
	}
}

// Night is the k-th tested night, counted back from the last: a panel of its
// own that faults may be put into.
func (g *Region) Night(k int) *Night {
	c := &g.Config
	n := &Night{Region: g, rand: rand.New(rand.NewPCG(g.seed, uint64(k)+1))} //nolint:gosec // the numbers are to be repeatable; they keep no secret
	p := &n.Panel
	offset := g.nights - c.Nights - k*apart
	p.Nights, p.First = c.Nights, int32(g.first+offset)
	p.Units, p.Indicators, p.Sources, p.UnitSource, p.Unit, p.Indicator = g.units, g.indicators, g.sources, g.unitSource, g.unit, g.indicator
	rows := len(g.unit) * c.Nights
	p.Volume, p.Numerator, p.Missing = make([]int32, rows), make([]int32, rows), make([]int32, rows)
	for s := range g.unit {
		to, from := s*c.Nights, s*g.nights+offset
		copy(p.Volume[to:to+c.Nights], g.volume[from:])
		copy(p.Numerator[to:to+c.Nights], g.numerator[from:])
		copy(p.Missing[to:to+c.Nights], g.missing[from:])
		for _, b := range g.bad[s] {
			if t := b.night - offset; t >= 0 && t < c.Nights-1 {
				for _, column := range [...][]int32{p.Volume, p.Numerator, p.Missing} {
					column[to+t] = int32(math.Round(b.factor * float64(column[to+t])))
				}
			}
		}
	}
	return n
}

// day is the civil day of the column of a night.
func (n *Night) day(night int) int { return int(n.Panel.First) + night }

// Expected is the true mean of series s on a night, as the panel counts it.
func (n *Night) Expected(s, night int) float64 {
	c := &n.Config
	if c.Basis == Happened {
		return n.intensity(s, n.day(night)-c.SeenAfter) * seen(c.MedianLag, c.SeenAfter)
	}
	var sum float64
	for lag := range longestLag {
		sum += n.intensity(s, n.day(night)-lag) * (seen(c.MedianLag, lag+1) - seen(c.MedianLag, lag))
	}
	return sum
}

// Variance is the true variance of the sum of series s over the nights from
// (included) to to (excluded), and mean its mean.
func (n *Night) Variance(s, from, to int) (mean, variance float64) {
	c := &n.Config
	if c.Basis == Happened {
		for t := from; t < to; t++ {
			m := n.Expected(s, t)
			mean += m
			variance += m + m*m/c.K
		}
		return mean, variance
	}
	// Each event day gives one negative binomial count to the window.
	for day := n.day(from) - longestLag; day < n.day(to); day++ {
		a, b := max(n.day(from)-day, 0), n.day(to)-day
		m := n.intensity(s, day) * (seen(c.MedianLag, b) - seen(c.MedianLag, a))
		mean += m
		variance += m + m*m/c.K
	}
	return mean, variance
}

// intensity is the mean number of events of series s on a day.
func (g *Region) intensity(s, day int) float64 {
	u, i := int(g.unit[s]), int(g.indicator[s])
	phase := g.phase[i]
	if g.Config.OwnSeason {
		phase = g.ownPhase[u]
	}
	season := 1 + g.Config.Season*math.Sin(2*math.Pi*float64(day)/365.25+phase)
	if g.growth != nil {
		season *= math.Exp(g.growth[s] * float64(day-g.first))
	}
	return g.Mean[s] * g.weekday[u*7+day%7] * season
}

// longestLag is the lag at which fewer than one event in a thousand is still
// to come; the rest is taken to come then.
const longestLag = 50

// seen is the share of events that are registered within so many days.
func seen(median float64, days int) float64 {
	switch {
	case days <= 0:
		return 0
	case days >= longestLag:
		return 1
	}
	return 1 - math.Exp2(-float64(days)/median)
}

// series fills the rows of series s. All three columns of a record come from
// one draw of 64 bits.
func (g *Region) series(s int, seed uint64) {
	c := &g.Config
	if g.Mean[s] == 0 {
		return
	}
	pcg := rand.NewPCG(seed, uint64(s))
	r := rand.New(pcg) //nolint:gosec // the numbers are to be repeatable; they keep no secret
	from := s * g.nights
	volume, numerator, missing := g.volume[from:from+g.nights], g.numerator[from:from+g.nights], g.missing[from:from+g.nights]
	met, lost := uint64(g.Rate[s]*(1<<16)), uint64(c.MissingShare*(1<<16))
	if c.Basis == Happened {
		// A thinned negative binomial count is one with the same k: events
		// that are not yet registered need not be drawn.
		share := seen(c.MedianLag, c.SeenAfter)
		for night := range g.nights {
			v := poisson(r, share*g.intensity(s, g.first+night-c.SeenAfter)*gamma(r, c.K)/c.K)
			n, l := int32(0), int32(0)
			for left := v; left > 0; left -= 2 {
				bits := pcg.Uint64()
				if bits&0xffff < met {
					n++
				}
				if bits>>16&0xffff < lost {
					l++
				}
				if left > 1 && bits>>32&0xffff < met {
					n++
				}
				if left > 1 && bits>>48 < lost {
					l++
				}
			}
			volume[night], numerator[night], missing[night] = int32(v), n, l
		}
	} else {
		var lags [1 << 10]uint8
		for i := range lags {
			for seen(c.MedianLag, int(lags[i])+1)*(1<<10) <= float64(i) {
				lags[i]++
			}
		}
		for day := -longestLag; day < g.nights; day++ {
			for range poisson(r, g.intensity(s, g.first+day)*gamma(r, c.K)/c.K) {
				bits := pcg.Uint64()
				if night := day + int(lags[bits&0x3ff]); night >= 0 && night < g.nights {
					volume[night]++
					if bits>>16&0xffff < met {
						numerator[night]++
					}
					if bits>>32&0xffff < lost {
						missing[night]++
					}
				}
			}
		}
	}
	if c.Contaminated <= 0 {
		return
	}
	for night := r.ExpFloat64() / c.Contaminated; int(night) < g.nights; night += 1 + r.ExpFloat64()/c.Contaminated {
		f := 0.0
		if r.IntN(2) == 0 {
			f = 2 + 3*r.Float64()
		}
		g.bad[s] = append(g.bad[s], contaminated{int(night), f})
	}
}

// gamma draws from the gamma distribution of shape a >= 1 and scale 1
// (Marsaglia and Tsang 2000).
func gamma(r *rand.Rand, a float64) float64 {
	d := a - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		u := r.Float64()
		if u < 1-0.0331*x*x*x*x || math.Log(u) < 0.5*x*x+d*(1-v+math.Log(v)) {
			return d * v
		}
	}
}

// beta draws from the beta distribution with parameters of at least 1.
func beta(r *rand.Rand, a, b float64) float64 {
	x := gamma(r, a)
	return x / (x + gamma(r, b))
}

// poisson draws a Poisson count: by multiplication where the mean is small,
// else by Hörmann's transformed rejection (PTRS 1993).
func poisson(r *rand.Rand, mean float64) int {
	if mean < 12 {
		limit, product := math.Exp(-mean), r.Float64()
		k := 0
		for product > limit {
			k++
			product *= r.Float64()
		}
		return k
	}
	root := math.Sqrt(mean)
	b := 0.931 + 2.53*root
	a := -0.059 + 0.02483*b
	inverse := 1.1239 + 1.1328/(b-3.4)
	vr := 0.9277 - 3.6224/(b-2)
	for {
		u := r.Float64() - 0.5
		v := r.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + mean + 0.43)
		if us >= 0.07 && v <= vr {
			return int(k)
		}
		if k < 0 || us < 0.013 && v > us {
			continue
		}
		g, _ := math.Lgamma(k + 1)
		if math.Log(v)+math.Log(inverse)-math.Log(a/(us*us)+b) <= -mean+k*math.Log(mean)-g {
			return int(k)
		}
	}
}
