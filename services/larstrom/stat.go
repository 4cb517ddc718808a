package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"larstrom/pipeline/faithful"
	"larstrom/pipeline/figure"
	"larstrom/services/larstrom/stat"
)

// statCmd charts a table, or computes one case of a named tool.
type statCmd struct {
	File string `arg:"" optional:"" name:"FILE" help:"A table with a header line (CSV), or - for one on standard input. Without it, or with a file that ends in .json: one case in JSON, computed as the tool that it names computes it."`

	Chart string `default:"auto" placeholder:"CHART" group:"Chart" help:"auto, line, run, i, mr, xbar, s, r, p, pp, np, u, up, c, t, g, ip (I′), ewma, cusum, racusum, bcusum, vlad, funnel or variation; pp and up are Laney's p′ and u′."`
	JSON  bool   `name:"json" xor:"output" group:"Chart" help:"Print JSON; its member version tells its form."`
	SVG   bool   `name:"svg" xor:"output" group:"Chart" help:"Print the chart as an SVG document."`
	Title string `placeholder:"TEXT" group:"Chart" help:"Title of the drawing (default: the name of the file)."`
	// Narrow is for drawings on telephones and in columns of text.
	Narrow bool `group:"Chart" help:"Draw for a narrow page."`

	Date        string   `placeholder:"COLUMN" group:"Columns" help:"When: a date, month, week, quarter, year, or whole number in a sequence (qicharts2: x)."`
	Value       string   `placeholder:"COLUMN" group:"Columns" help:"Measurements, or the times or cases between events (qicharts2: y without n)."`
	Numerator   string   `placeholder:"COLUMN" group:"Columns" help:"Counts of events (qicharts2: y; FunnelPlotR: numerator)."`
	Denominator string   `placeholder:"COLUMN" group:"Columns" help:"What the counts are of, or the number of cases of a mean (qicharts2: n)."`
	Unit        string   `aliases:"group" placeholder:"COLUMN" group:"Columns" help:"Units: a chart for each, or the points of a funnel (qicharts2: facets; FunnelPlotR: group). Also --group."`
	Subgroup    string   `placeholder:"COLUMN" group:"Columns" help:"Rational subgroups of single measurements; without it, those of one date (qcc: qcc.groups)."`
	Expected    string   `placeholder:"COLUMN" group:"Columns" help:"Expected events, or the risk of each case."`
	SD          string   `name:"sd" placeholder:"COLUMN" group:"Columns" help:"Standard deviation within, beside means."`
	State       string   `placeholder:"COLUMN" group:"Columns" help:"States of points: value, preliminary, suppressed and so on."`
	Where       []string `sep:"none" placeholder:"COLUMN=VALUE" group:"Columns" help:"Only rows that meet this; may be repeated."`
	Measure     string   `placeholder:"MEASURE" group:"Columns" help:"proportion, rate, ratio (observed to expected), count-ratio (FunnelPlotR: RC), mean or count (default: by the columns)."`

	Delimiter  string   `placeholder:"CHAR" group:"Reading" help:"Field delimiter, or tab (default: the one in the header)."`
	Decimal    string   `placeholder:"CHAR" group:"Reading" help:"Decimal sign, . or , (default: by the numbers)."`
	Encoding   string   `placeholder:"NAME" group:"Reading" help:"utf-8, windows-1252, iso-8859-1, utf-16le or utf-16be (default: utf-8)."`
	DateFormat string   `placeholder:"FORMAT" group:"Reading" help:"Of %Y, %m and %d, such as %d/%m/%Y."`
	Missing    []string `sep:"none" default:"NA" placeholder:"TEXT" group:"Reading" help:"Text that means \"no value\", beside the empty field; may be repeated."`
	Every      string   `placeholder:"PERIOD" group:"Reading" help:"Length of a period: day, week, month, quarter, year, or none to chart dates as they come (default: by the dates). Periods without a row are missing."`

	Freeze      string   `placeholder:"POINT" group:"Limits" help:"Last point of the baseline, by number or date (qicharts2: freeze)."`
	Part        []string `placeholder:"POINT" group:"Limits" help:"Phases: the number of the last point of one (qicharts2: part), or the date at which one begins (NHSRplotthedots: rebase)."`
	Exclude     []string `placeholder:"POINT" group:"Limits" help:"Points, by number or date, that enter no centre line, limit or signal (qicharts2: exclude)."`
	Target      *float64 `placeholder:"N" group:"Limits" help:"A target: drawn, and judged with --direction; it is no limit."`
	TargetFrom  []string `sep:"none" placeholder:"POINT=N" group:"Limits" help:"A target from a point on, by number or date, such as 2024-01=85; may be repeated, --target holds before."`
	Centre      *float64 `aliases:"cl" placeholder:"N" group:"Limits" help:"A given centre line (qicharts2: cl), the target of a funnel, or the probability of a bcusum."`
	Sigma       *float64 `placeholder:"N" group:"Limits" help:"A given standard deviation; for proportions and rates the factor sigma_z."`
	Multiplier  float64  `aliases:"multiply" placeholder:"N" group:"Limits" help:"Scale of values, targets and centre lines (qicharts2: multiply; default: 100 for proportions, else 1)."`
	Direction   string   `placeholder:"DIR" group:"Limits" help:"Which way is improvement, up or down: gives the icons of Making Data Count."`
	Rules       string   `placeholder:"RULES" group:"Limits" help:"anhoej (default), western-electric, nelson or mdc."`
	Season      string   `placeholder:"HOW" group:"Limits" help:"test: season and autocorrelation turn run rules off; adjust: chart the values less the effect of the time of the year (of days, of the weekday)."`
	Since       string   `placeholder:"POINT" group:"Limits" help:"Compute up to this point, by number or date, update with the rest, and list the signals that are new."`
	Screen      bool     `group:"Limits" help:"Drop large moving ranges once (qicharts2: qic.screenedmr)."`
	NonNegative bool     `group:"Limits" help:"Values cannot be below 0, so neither are drawn limits (qicharts2: y.neg = FALSE)."`

	Lambda         float64 `placeholder:"N" group:"Methods" help:"EWMA: weight of the newest value (default: 0.2)."`
	Width          float64 `placeholder:"N" group:"Methods" help:"EWMA: limits in sigma (default: 3)."`
	Allowance      float64 `placeholder:"N" group:"Methods" help:"CUSUM: k, in sigma (default: 0.5)."`
	Interval       float64 `placeholder:"N" group:"Methods" help:"CUSUM: h, in sigma (default: 5, with a head start 4)."`
	HeadStart      float64 `placeholder:"N" group:"Methods" help:"CUSUM: head start (default: 0)."`
	Odds           float64 `placeholder:"N" group:"Methods" help:"racusum and bcusum: odds ratio to find (default: 2)."`
	Limit          float64 `placeholder:"N" group:"Methods" help:"racusum and bcusum: where they signal (default: 4.5)."`
	Overdispersion string  `placeholder:"HOW" group:"Methods" help:"Funnel: additive (default), none or multiplicative."`
	Level          float64 `placeholder:"SHARE" group:"Methods" help:"Funnel: limits of one more level beside 95 and 99.8 %, such as 0.99."`
	Together       bool    `group:"Methods" help:"Funnel: judge units by limits that they take part in, as published tools do."`
	Outliers       string  `placeholder:"HOW" group:"Methods" help:"Funnel: winsorise (default) or truncate extreme units before the variation between units is estimated."`
	Winsor         float64 `placeholder:"SHARE" group:"Methods" help:"Funnel: share of each tail that --outliers is about (FunnelPlotR: trim_by; default: 0.1)."`
	Areas          bool    `group:"Methods" help:"Variation: also the extremal quotient, coefficients of variation and chi-square of small-area studies."`
	Guarantee      float64 `placeholder:"SHARE" group:"Methods" help:"How many sigma limits would have to lie out to hold the false-alarm rate with this confidence, such as 0.9."`
	Estimator      string  `placeholder:"NAME" group:"Methods" help:"Variation: dl (default), pm or reml."`
	Bootstrap      int     `placeholder:"N" group:"Methods" help:"Variation: intervals and null distributions of SCV, MOR and ICC from this many simulations, such as 1000."`
	Seed           uint64  `placeholder:"N" default:"1" group:"Methods" help:"Variation: seed of the simulations (default: 1)."`
	// The first baseline of runcharter is its med_rows, the length its runlength.
	Sustained         int `placeholder:"N" group:"Methods" help:"Sustained shifts: runs of this many values on one side of a median that each makes anew (runcharter: runlength; usual: 9)."`
	SustainedBaseline int `placeholder:"N" group:"Methods" help:"Sustained shifts: values of the first median (runcharter: med_rows; default: 13)."`
}

// Help is what `larstrom stat --help` says after the flags' summary.
func (*statCmd) Help() string {
	return `Two examples:

  larstrom stat falls.csv --chart u --date month --numerator falls --denominator bed_days --multiplier 1000
      a u chart, or with --chart auto the chart that fits, as a table; --svg > falls.svg draws it

  larstrom stat hips.csv --chart funnel --unit hospital --numerator operated --denominator patients --svg > hips.svg
      a funnel with its outliers named

The methods are this program's own: baselines of 24 points are frozen, fewer than
12 get a run chart, moving ranges do not span gaps, and the text above a table
says which chart it is and why. For the very numbers of qicharts2,
NHSRplotthedots, FunnelPlotR, qcc and others give a case in JSON instead:

  larstrom stat < case.json

Every field is read strictly: what is no number or date is an error with its line
and column, an empty field or NA stays a missing value in the chart.`
}

// AfterApply refuses flags that a JSON case does not have.
func (k *statCmd) AfterApply(ctx *kong.Context) error {
	if !k.isCase() {
		return nil
	}
	for _, p := range ctx.Path {
		if p.Flag != nil && p.Flag.Name != "log-level" && p.Flag.Name != "help" {
			return &usageError{fmt.Sprintf("--%s belongs to a table: name its file, or - for standard input", p.Flag.Name)}
		}
	}
	return nil
}

func (k *statCmd) isCase() bool {
	return k.File == "" || strings.EqualFold(filepath.Ext(k.File), ".json")
}

func (k *statCmd) Run(c *console) error {
	in, name := c.in, "standard input"
	if k.File != "" && k.File != "-" {
		f, err := os.Open(k.File)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		in, name = f, k.File
	}
	if k.isCase() {
		return runCase(in, name, c.out)
	}
	result, err := stat.Run(name, in, k.request())
	if errors.Is(err, stat.ErrRequest) {
		return &usageError{strings.ReplaceAll(err.Error(), stat.ErrRequest.Error()+": ", "")}
	}
	if err != nil {
		return err
	}
	switch {
	case k.JSON:
		return writeJSON(c.out, "stat", result.JSON())
	case k.SVG:
		return k.draw(c, &result)
	default:
		return result.WriteText(c.out)
	}
}

// draw prints the drawing; what the table would have noted goes to standard
// error.
func (k *statCmd) draw(c *console, result *stat.Result) error {
	var b bytes.Buffer
	err := result.WriteSVG(&b, k.Title, figure.Options{Standalone: true, Narrow: k.Narrow})
	if errors.Is(err, stat.ErrRequest) {
		return &usageError{strings.ReplaceAll(err.Error(), stat.ErrRequest.Error()+": ", "")}
	}
	if err != nil {
		return err
	}
	for _, n := range result.Notes {
		if _, err := fmt.Fprintln(c.err, "note: "+n); err != nil {
			return err
		}
	}
	_, err = b.WriteTo(c.out)
	return err
}

// runCase computes a case as the tool that it names does.
func runCase(in io.Reader, name string, out io.Writer) error {
	input, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("read the case from %s: %w", name, err)
	}
	result, err := faithful.Run(input)
	if err != nil {
		return err
	}
	_, err = out.Write(result)
	return err
}

func (k *statCmd) request() stat.Request {
	return stat.Request{
		Chart:   k.Chart,
		Columns: stat.Columns{Date: k.Date, Value: k.Value, Numerator: k.Numerator, Denominator: k.Denominator, Unit: k.Unit, Subgroup: k.Subgroup, Expected: k.Expected, SD: k.SD, State: k.State},
		Where:   k.Where, Measure: k.Measure,
		Delimiter: k.Delimiter, Decimal: k.Decimal, Encoding: k.Encoding, DateFormat: k.DateFormat, Missing: k.Missing, Every: k.Every,
		Freeze: k.Freeze, Parts: k.Part, Exclude: k.Exclude, Target: k.Target, Centre: k.Centre, Sigma: k.Sigma, Multiplier: k.Multiplier,
		Direction: k.Direction, Rules: k.Rules, Screen: k.Screen, NonNegative: k.NonNegative,
		Lambda: k.Lambda, Width: k.Width, Allowance: k.Allowance, Interval: k.Interval, HeadStart: k.HeadStart, Odds: k.Odds, Limit: k.Limit,
		Overdispersion: k.Overdispersion, Level: k.Level, Together: k.Together, Estimator: k.Estimator, Bootstrap: k.Bootstrap, Seed: k.Seed,
		Outliers: k.Outliers, Winsor: k.Winsor, Areas: k.Areas, Guarantee: k.Guarantee,
		Targets: k.TargetFrom, Season: k.Season, Since: k.Since, Sustained: k.Sustained, SustainedBaseline: k.SustainedBaseline,
	}
}
