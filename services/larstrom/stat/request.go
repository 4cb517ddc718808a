package stat

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"larstrom/pipeline/funnel"
	"larstrom/pipeline/spc"
	"larstrom/pipeline/variation"
)

// ErrRequest is wrapped by errors about a request that no table could satisfy.
var ErrRequest = errors.New("stat: invalid request")

// Columns name the columns of a table by what they mean; empty ones are looked
// for by their usual names.
type Columns struct {
	Date, Value, Numerator, Denominator, Unit, Subgroup, Expected, SD, State string
}

// Request says what to make of a table. The zero Request charts what it finds.
type Request struct {
	// Chart is one of Charts; empty means "auto": a funnel for a table with units
	// and without dates, else what spc.Choose chooses.
	Chart   string
	Columns Columns
	// Where are conditions COLUMN=VALUE; rows that do not meet all of them are left
	// out, and counted in a note.
	Where []string
	// Measure is "proportion", "rate", "ratio" (observed to expected), "count-ratio"
	// (of two counts; funnels only), "mean" or "count"; empty means by the columns
	// and their values.
	Measure string

	// Delimiter is one character, "tab", or empty: by the header. Decimal is "." or
	// ",", or empty: by the values. Encoding is empty (UTF-8, with or without a byte
	// order mark) or one of those of the catalog's dialects.
	Delimiter, Decimal, Encoding string
	// DateFormat is of %Y, %m and %d, for dates that have several readings.
	DateFormat string
	// Missing are the texts, beside the empty field, that mean "no value".
	Missing []string
	// Every is the length of a period: day, week, month, quarter, year or none (do
	// not look for missing periods); empty means by the dates.
	Every string

	// Freeze is the last point of the baseline: a number from 1, or a date.
	Freeze string
	// Parts end a phase each where they are numbers (the last point of the phase,
	// from 1), and begin one where they are dates.
	Parts []string
	// Exclude are points by number or date.
	Exclude []string
	// Target and Centre are on the scale of the chart; Sigma too, for charts of
	// proportions and rates it is the factor sigma_z. nil means none given.
	Target, Centre, Sigma *float64
	// Targets are targets from a point on, POINT=VALUE with the point as a number or a
	// date; Target, where given, holds before them.
	Targets []string
	// Multiplier of values; 0 means 100 for proportions, else 1.
	Multiplier float64
	// Direction of improvement: "up", "down" or empty.
	Direction string
	// Season is "test" (for season and autocorrelation, which turn run rules off) or
	// "adjust" (chart the values less the effect of the time of the year; of days, of
	// the weekday); empty does neither.
	Season string
	// Sustained is the length of run that makes a sustained shift, 0 for no search;
	// SustainedBaseline the values of the first median, 0 for 13.
	Sustained, SustainedBaseline int
	// Since is a point, by number or date: the chart is computed up to it, brought up
	// to date with the rest, and the signals since are told apart.
	Since string
	// Rules is "anhoej" (the default), "western-electric", "nelson" or "mdc".
	Rules string
	// Screen drops large moving ranges once.
	Screen bool
	// NonNegative draws the lower limits of values that cannot be negative at 0 at
	// the least. Counts, proportions and rates need no telling.
	NonNegative bool

	// Lambda and Width belong to EWMA, Allowance, Interval and HeadStart to CUSUM;
	// 0 means 0.2, 3, 0.5, 5 (4 with a head start), 0.
	Lambda, Width, Allowance, Interval, HeadStart float64
	// Odds is the odds ratio that a risk-adjusted CUSUM looks for, Limit where it
	// signals; 0 means 2 and 4.5.
	Odds, Limit float64

	// Level is one more level of limits of funnels, such as 0.99; 0 is none.
	Level float64
	// Overdispersion of funnels is "additive" (the default), "none" or
	// "multiplicative"; Together judges each unit by limits that it takes part in.
	Overdispersion string
	Together       bool
	// Outliers says how extreme units are kept from that variation: "winsorise" (the
	// default) or "truncate"; Winsor is the share of each tail, 0 for 0.1.
	Outliers string
	Winsor   float64
	// Areas adds the extremal quotient, the coefficients of variation and chi-square
	// of small-area studies to the variation between units.
	Areas bool
	// Guarantee is a confidence, such as 0.9: how many sigma from the centre line
	// limits must lie to hold the false-alarm rate of known limits with it; 0 for none.
	Guarantee float64
	// Estimator of the variance between units: "dl" (the default), "pm" or "reml".
	Estimator string
	// Bootstrap is the number of simulations for intervals and null distributions of
	// SCV, MOR and ICC, 0 for none; Seed is that of their random numbers.
	Bootstrap int
	Seed      uint64
}

// Charts are the names of charts, as requests have them.
func Charts() []string {
	return []string{"auto", "line", "run", "i", "mr", "xbar", "s", "r", "p", "pp", "np", "u", "up", "c", "t", "g", "ip",
		"ewma", "cusum", "racusum", "bcusum", "vlad", "funnel", "variation"}
}

// kind is the chart of spc that a name asks for.
func kind(chart string) spc.Kind {
	switch chart {
	case "line":
		return spc.Line
	case "run":
		return spc.Run
	case "i", "xmr":
		return spc.XmR
	case "mr":
		return spc.MR
	case "xbar":
		return spc.Xbar
	case "s":
		return spc.S
	case "r":
		return spc.R
	case "p":
		return spc.P
	case "pp":
		return spc.PPrime
	case "np":
		return spc.NP
	case "u":
		return spc.U
	case "up":
		return spc.UPrime
	case "c":
		return spc.C
	case "t":
		return spc.T
	case "g":
		return spc.G
	case "ip":
		return spc.IPrime
	}
	return spc.Auto
}

func (r *Request) direction() spc.Direction {
	switch r.Direction {
	case "up":
		return spc.Up
	case "down":
		return spc.Down
	}
	return spc.Neutral
}

func (r *Request) rules() spc.RuleSet {
	switch r.Rules {
	case "western-electric":
		return spc.WesternElectric
	case "nelson":
		return spc.Nelson
	case "mdc":
		return spc.MakingDataCount
	}
	return spc.DefaultRules
}

func (r *Request) overdispersion() funnel.Overdispersion {
	switch r.Overdispersion {
	case "none":
		return funnel.Unadjusted
	case "multiplicative":
		return funnel.Multiplicative
	}
	return funnel.Additive
}

func (r *Request) estimator() variation.Estimator {
	switch r.Estimator {
	case "pm":
		return variation.PauleMandel
	case "reml":
		return variation.REML
	}
	return variation.DerSimonianLaird
}

// Validate joins everything that is wrong with the request, whatever the table.
func (r *Request) Validate() error {
	var errs []error
	bad := func(format string, a ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrRequest}, a...)...))
	}
	oneOf := func(name, v string, known ...string) {
		if v != "" && !slices.Contains(known, v) {
			bad("%s %q is none; use %s", name, v, strings.Join(known, ", "))
		}
	}
	oneOf("chart", r.Chart, append(Charts(), "xmr")...)
	oneOf("measure", r.Measure, "proportion", "rate", "ratio", "count-ratio", "mean", "count")
	oneOf("decimal", r.Decimal, ".", ",")
	oneOf("every", r.Every, "day", "week", "month", "quarter", "year", "none")
	oneOf("direction", r.Direction, "up", "down", "none")
	oneOf("rules", r.Rules, "anhoej", "western-electric", "nelson", "mdc")
	oneOf("overdispersion", r.Overdispersion, "additive", "none", "multiplicative")
	oneOf("estimator", r.Estimator, "dl", "pm", "reml")
	oneOf("outliers", r.Outliers, "winsorise", "truncate")
	if !(r.Winsor >= 0 && r.Winsor < 0.5) {
		bad("winsor %v; give the share of one tail, below 0.5", r.Winsor)
	}
	if r.Level != 0 && !(r.Level > 0.5 && r.Level < 1) {
		bad("level %v; give the share within the limits, above 0.5 and below 1, such as 0.99", r.Level)
	}
	if r.Level != 0 && r.Chart != "" && r.Chart != "auto" && r.Chart != "funnel" {
		bad("level %v is of the limits of a funnel; say --chart funnel, or leave it out", r.Level)
	}
	if !(r.Guarantee >= 0 && r.Guarantee < 1) {
		bad("guarantee %v; give a confidence between 0 and 1, such as 0.9", r.Guarantee)
	}
	oneOf("season", r.Season, "test", "adjust")
	for name, v := range map[string]float64{
		"lambda": r.Lambda, "width": r.Width, "allowance": r.Allowance, "interval": r.Interval, "head-start": r.HeadStart, "odds": r.Odds, "limit": r.Limit,
		"sustained": float64(r.Sustained), "sustained-baseline": float64(r.SustainedBaseline),
	} {
		if v < 0 || !finite(v) {
			bad("%s %v; give a number above 0", name, v)
		}
	}
	if r.Lambda > 1 {
		bad("lambda %v; give a weight of 1 or less", r.Lambda)
	}
	if r.Odds != 0 && r.Odds <= 1 {
		bad("odds %v; give an odds ratio above 1, such as 2 for twice the odds", r.Odds)
	}
	if r.SustainedBaseline > 0 && r.Sustained == 0 {
		bad("sustained-baseline without sustained; give the length of the run too, such as 9")
	}
	if r.Bootstrap < 0 || r.Bootstrap > 1_000_000 {
		bad("bootstrap %d; give 1 to 1,000,000 simulations", r.Bootstrap)
	}
	for _, t := range r.Targets {
		at, number, ok := strings.Cut(t, "=")
		if _, isNumber := parseNumber(number, "."); !ok || at == "" || !isNumber {
			bad("target from %q; write POINT=VALUE, such as 2024-01=85", t)
		}
	}
	if r.Season == "adjust" && r.Since != "" {
		bad("season adjust and since are both given; an effect of the season that new values move makes old ones new, so give one of the two")
	}
	if r.Delimiter != "" && r.Delimiter != "tab" && len([]rune(r.Delimiter)) != 1 {
		bad("delimiter %q is no single character; give one, or tab", r.Delimiter)
	}
	if r.Delimiter != "" && r.Delimiter == r.Decimal {
		bad("delimiter and decimal sign are both %q", r.Decimal)
	}
	if r.Freeze != "" && len(r.Parts) > 0 {
		bad("a frozen baseline and phases are both given; a phase has a baseline of its own, so give one of the two")
	}
	if r.Multiplier < 0 || !finite(r.Multiplier) {
		bad("multiplier %v; give a positive number", r.Multiplier)
	}
	for _, w := range r.Where {
		if name, _, ok := strings.Cut(w, "="); !ok || name == "" {
			bad("condition %q; write COLUMN=VALUE", w)
		}
	}
	for name, v := range map[string]*float64{"target": r.Target, "centre": r.Centre, "sigma": r.Sigma} {
		if v != nil && !finite(*v) {
			bad("%s %v; give a number", name, *v)
		}
	}
	if r.Sigma != nil && !(*r.Sigma > 0) {
		bad("sigma %v; give a number above 0", *r.Sigma)
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func or(v, otherwise float64) float64 {
	if v == 0 {
		return otherwise
	}
	return v
}
