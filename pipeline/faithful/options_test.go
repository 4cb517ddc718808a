package faithful

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

// TestAsTheToolsDo holds what each tool does with options and data at the edges.
// The numbers are worked out on paper from the tool's published function, named
// with each; the case says how.
func TestAsTheToolsDo(t *testing.T) {
	stops := want{"error": true}
	row := strings.TrimSuffix(strings.Repeat("1,-1,", 13), ",") // 26 values, sd sqrt(26/25)
	z := 1.959963984540054
	checkCases(t, []toolCase{
		// qic.xbar leaves y as agg.fun gave it: the median, with the mean as line.
		{"qic.xbar", `{"x":[1,1,1,2,2,2],"y":[1,2,9,4,5,6],"agg_fun":"median"}`, 1e-12, want{
			"points.y.0": 2.0, "points.y_mean.0": 4.0, "points.cl.0": 4.5}},
		// qic.agg: sum(NA, na.rm = TRUE) is 0, but y.sum of one row keeps the NA.
		{"qic.run", `{"x":[1,2,3],"y":[4,null,6],"agg_fun":"sum"}`, 0, want{
			"points.y.1": 0.0, "points.y_sum.1": nil, "points.cl.0": 4.0}},
		// qic.t: one point has no range and NaN limits, of which only lcl becomes 0.
		{"qic.t", `{"x":[1],"y":[5]}`, 1e-12, want{"points.lcl.0": 0.0, "points.lcl95.0": nil, "points.ucl.0": nil}},
		// z is 1 and 3.59: mean 2.30, s = 2.59/1.128 = 2.30; 2 s below is negative,
		// and a negative number to the power of 3.6 is NaN.
		{"qic.t", `{"x":[1,2],"y":[1,100],"screen_mr":false}`, 1e-12, want{"points.lcl.0": 0.0, "points.lcl95.0": nil}},
		// qic: cl joins the rows before they are sorted by x and is recycled.
		{"qic.run", `{"x":[2,1],"y":[5,7],"cl":[10,20]}`, 0, want{"points.cl.0": 20.0, "points.cl.1": 10.0}},
		{"qic.run", `{"x":[1,1,2,2],"y":[5,7,5,7],"cl":[10,20]}`, 0, want{"points.cl.0": 10.0, "points.cl.1": 10.0}},
		{"qic.run", `{"x":[1,2,3],"y":[5,7,9],"cl":[10,20]}`, 0, stops},
		// anyNA(cl) of a part: that part gets its own, (5+7)/2.
		{"qic.run", `{"x":[1,2,3,4],"y":[1,3,5,7],"part":[2],"cl":[2,2,null,9]}`, 0, want{"points.cl.1": 2.0, "points.cl.3": 6.0}},
		// The labels by order of rows are b, a, a, b: the one cut is after 1.
		{"qic.run", `{"x":[3,1,2,4],"y":[30,10,20,40],"part":["b","a","a","b"]}`, 0, want{
			"points.part.0": 1.0, "points.part.1": 2.0, "points.part.3": 2.0, "points.y.0": 10.0}},
		// In order of x the labels are what one expects.
		{"qic.run", `{"x":[1,1,2,3],"y":[1,3,5,7],"part":["a","a","a","b"]}`, 0, want{"points.part.1": 1.0, "points.part.2": 2.0}},
		// Rows without x or facet are in no subgroup.
		{"qic.run", `{"x":[1,null,2],"y":[1,2,3]}`, 0, want{"points.x.1": 2.0, "points.y.1": 3.0, "parts.0.n_obs": 2.0}},
		{"qic.run", `{"x":[1,1,2],"y":[1,2,3],"facet":["a",null,"a"]}`, 0, want{"points.y.0": 1.0, "parts.0.n_obs": 2.0}},
		// One row, no denominator: y is infinite, printed null, yet above the line
		// 3/4 in the runs analysis; its limits are none.
		{"qic.p", `{"x":[1,2],"y":[1,2],"n":[0,4]}`, 1e-12, want{
			"points.y.0": nil, "points.cl.0": 0.75, "points.ucl.0": nil, "parts.0.n_useful": 2.0, "parts.0.n_crossings": 1.0}},
		// ip: the n of a point without y counts in the line only where it has one.
		{"qic.ip", `{"x":[1,2,3],"y":[4,null,12],"n":[4,4,4],"screen_mr":false}`, 1e-12, want{"points.cl.0": 2.0, "points.ucl.0": nil}},
		// cut(): quarters begin in January and April; weeks on Mondays (29 June 2026).
		{"qic.run", `{"x_type":"date","x_period":"quarter","x":["2026-03-31","2026-04-01","2026-06-30"],"y":[1,2,4]}`, 0, want{
			"points.x.0": "2026-01-01", "points.x.1": "2026-04-01", "points.y.1": 3.0}},
		{"qic.run", `{"x_type":"date","x_period":"week","x":["2026-07-05","2026-06-29"],"y":[1,3]}`, 0, want{"points.x.0": "2026-06-29", "points.y.0": 2.0}},
		// Without x the tool counts.
		{"qic.i", `{"y":[1.0,3]}`, 0, want{"points.x.1": 2.0, "points.cl.0": 2.0}},

		// ptd_spc_options wants 12 or more; ptd_validate wants facets that are there.
		{"xmr.mdc", mdcCase(`[1,2,3]`, `"fix_after_n_points":11`), 0, stops},
		{"xmr.mdc", mdcCase(`[1,2,3]`, `"facet":["a","a","a"],"target":{"b":1}`), 0, stops},
		{"xmr.mdc", mdcCase(`[1,2,3]`, `"rebase":{"a":["2020-01-02"]}`), 0, stops},
		{"xmr.mdc", mdcCase(`[1,2,3]`, `"rebase":{},"target":{}`), 0, want{"error": false, "icons.0.assurance_icon": nil}},
		// The direction is increase unless given.
		{"xmr.mdc", mdcCase(`[1,2,3]`, `"target":99`), 0, want{"icons.0.assurance_icon": "fail"}},
		// ptd_seven_point_trend: all(c(TRUE, NA)) is NA, and if (NA) stops; a turn
		// makes it FALSE.
		{"xmr.mdc", mdcCase(`[1,2,3,null,5,6,7]`, ``), 0, stops},
		{"xmr.mdc", mdcCase(`[7,6,5,4,3,2,null]`, ``), 0, stops},
		{"xmr.mdc", mdcCase(`[1,3,2,null,5,4,6]`, ``), 0, want{"error": false, "points.outside_limits.3": nil}},
		{"xmr.mdc", mdcCase(`[1,2,3,null,5,6]`, ``), 0, want{"error": false}},

		// tau_func of one unit: z^2 over 4 - 16/4 is infinite, so exp(-Inf) is 0.
		{"funnel.SR", `{"numerator":[8],"denominator":[4],"group":["a"]}`, 1e-12, want{
			"phi": 4 * math.Ln2 * math.Ln2, "tau2": nil, "units.OD95LCL.0": 0.0, "units.OD95UCL.0": nil, "units.outlier.0": 0.0}},
		// A missing count has no z and no flags; Y is 1, -, 1.5.
		{"funnel.SR", `{"sr_method":"CQC","numerator":[4,null,9],"denominator":[4,9,4],"group":["a","b","c"]}`, 1e-12, want{
			"units.z_unadjusted.1": nil, "units.winsorised.1": nil, "units.outlier.1": nil, "units.y_transformed.2": 1.5, "units.winsorised.0": 1.0}},
		// Nothing expected: no z, no rank among the others, who are two; between 0 and
		// an infinite limit an infinite ratio is no outlier.
		{"funnel.SR", `{"numerator":[1,3,2],"denominator":[0,2,3],"group":["a","b","c"],"draw_unadjusted":true}`, 1e-12, want{
			"units.truncated.0": nil, "units.outlier.0": 0.0, "phi": (2*math.Pow(math.Log(1.5), 2) + 3*math.Pow(math.Log(2/3.0), 2)) / 2}},
		// A rank times 1/0 truncates all; phi of none is not a number.
		{"funnel.SR", `{"numerator":[1,3],"denominator":[2,2],"group":["a","b"],"trim_by":0}`, 0, stops},
		{"funnel.SR", `{"numerator":[1,3],"denominator":[2,2],"group":["a","b"],"trim_by":0,"draw_unadjusted":true}`, 0, want{"phi": nil, "tau2": 0.0, "units.truncated.0": 1.0}},

		// stats.xbar weighs by size: (2*2 + 4*5)/6; R/d2 are 2/1.128 and 6/2.059.
		{"qcc.xbar", `{"data":[[1,3,null,null],[2,4,6,8]]}`, 1e-12, want{"center": 4.0, "std_dev": (2/1.128 + 6/2.059) / 2}},
		// More than 25 a group: RMSDF, over 50 degrees of freedom.
		{"qcc.xbar", fmt.Sprintf(`{"data":[[%s],[%s]]}`, row, row), 1e-12, want{"std_dev": math.Sqrt(26.0/25) / c4(51)}},
		// New groups of one value take no part in the standard deviation.
		{"qcc.xbar", `{"data":[[1,3],[5,7],[9,null]],"baseline_points":2}`, 1e-12, want{"std_dev": 2 / 1.128, "ucl.2": 4 + 3*2/1.128}},
		{"qcc.xbar", `{"data":[[1,3],[5,null]]}`, 0, stops},
		{"qcc.R", `{"data":[[1,3],[5,7]],"std_dev_method":"RMSDF"}`, 0, stops},
		// limits.g multiplies by a NULL: there are none, whatever the data.
		{"qcc.g", `{"data":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,500]}`, 1e-12, want{"rules.western_electric.rule1": "none", "rules.nelson.rule1": "none"}},
		// Centres 2 and 6 of the baseline, used again from the first: .2, .2, .1 of
		// the sizes, mean 1/6; 2 + 3 sqrt(20 * 5/36).
		{"qcc.np", `{"data":[2,6,4],"sizes":[10,30,20],"baseline_points":2}`, 1e-12, want{"center.1": 6.0, "ucl.2": 7.0, "lcl.0": 0.0}},
		{"qcc.p", `{"data":[1,2]}`, 0, stops},
		{"qcc.c", `{"data":[1,2],"sizes":[1,2]}`, 0, stops},
		// limits.np takes the mean of 0/0 too; limits.u only loses its own.
		{"qcc.p", `{"data":[0,2],"sizes":[0,4]}`, 0, want{"center": 0.5, "ucl.0": nil, "ucl.1": nil}},
		{"qcc.u", `{"data":[0,4],"sizes":[0,4]}`, 1e-12, want{"ucl.0": nil, "ucl.1": 2.5}},
		// A range with one value missing is 0: 2 and 0 over two ranges. No centre.
		{"qcc.xbar.one", `{"data":[1,3,null]}`, 1e-12, want{"center": nil, "std_dev": 1 / 1.128, "rules.nelson.rule7": "none"}},

		{"cusum.tabular", `{"data":[1,3],"decision_interval":4,"head_start":4}`, 0, stops},
		{"cusum.tabular", `{"data":[1,3],"decision_interval":0}`, 0, stops},
		// Mean 2; z1 = 2 + .2 (1-2); limits 3 s sqrt(.2/1.8 .36).
		{"ewma", `{"data":[1,3]}`, 1e-12, want{"ewma.0": 1.8, "ucl.0": 2 + 3*2/1.128*0.2}},

		// Neither branch of the loop: nothing accumulates.
		{"racusum", `{"risk":[0.5,0.5],"outcome":[1,1],"limit":0,"odds_multiplier":1}`, 0, want{"ct.1": 0.0, "n_signals": 0.0}},
		// Weights log(4/3) = .288 each; limits by case; reset unless told.
		{"racusum", `{"risk":[0.5,0.5],"outcome":[1,1],"limit":[1,0.5]}`, 1e-12, want{"ct.0": math.Log(4 / 3.0), "ct.1": 0.0, "signal.1": 1.0}},
		{"racusum", `{"risk":[0.5,0.5],"outcome":[1,null],"limit":1}`, 0, stops},
		// .9 becomes .1: pA = .2/1.1, log(pA/.1).
		{"bernoulli_cusum", `{"failure_probability":0.9,"outcome":[1],"limit":9}`, 1e-12, want{"ct.0": math.Log(2 / 1.1)}},
		{"bernoulli_cusum", `{"failure_probability":0.1,"outcome":[1],"limit":9,"odds_multiplier":1}`, 0, stops},
		// Without a target p0 is the mean; OR 2 and limit 3.5.
		{"bchart", `{"x":[1,0]}`, 1e-12, want{"p0": 0.5, "p1": 2 / 3.0, "cusum_up.0": math.Log(4 / 3.0)}},

		// Martuzzi and Elliott's share is not kept above 0: b = .5, s2 = .02/3,
		// (s2 10 - .25)/(9 s2) = -55/18.
		{"eb.marshall_binomial", `{"x":[4,5,6],"n":[10,10,10]}`, 1e-12, want{"a": 0.02 / 3, "estimate.0": 0.5 + 0.1*55/18}},
		{"eb.marshall_poisson", `{"x":[0,0],"n":[10,10]}`, 0, want{"estimate.0": nil}},
		{"eb.marshall_poisson", `{"x":[1,2],"n":[10,0]}`, 0, stops},

		// One unit, and one with something missing.
		{"heterogeneity.tau2", `{"yi":[3,null],"vi":[4,1]}`, 1e-12, want{"DL.k": 1.0, "REML.tau2": 0.0, "SJ.mu": 3.0, "PM.se_mu": 2.0, "HE.Q_p": 1.0, "DL.H2": 1.0}},
		{"heterogeneity.tau2", `{"yi":[0,2,null],"vi":[1,1,null],"measure":"GEN"}`, 1e-9, want{"REML.tau2": 1.0, "DL.k": 2.0}},
		// With equal variances REML is the variance less that of the units: 1 - 4.
		{"heterogeneity.tau2", `{"yi":[1,2,3],"vi":[4,4,4]}`, 1e-12, want{"REML.tau2": 0.0, "PM.tau2": 0.0, "REML.se_mu": math.Sqrt(4 / 3.0)}},
		{"icc.oneway", `{"group":["a","a","b","b","b"],"y":[0,2,4,6,null]}`, 1e-6, want{"msb": 16.0, "n0": 2.0}},

		// Units alike beyond chance: a singular fit is exactly 0, and so the effects.
		{"mor.logit_normal", `{"x":[5,10,15],"n":[10,20,30],"nAGQ":1.0}`, 0, want{"sigma2_u": 0.0, "MOR": 1.0, "blup_logit.0": 0.0}},
		{"mor.poisson_lognormal", `{"observed":[10,20,30],"expected":[10,20,30]}`, 0, want{"sigma2_u": 0.0, "blup_log.2": 0.0}},

		// A confidence in percent is one; below 90 % there is none. Per 100,000.
		{"ci.byar", `{"x":[0,null],"n":[1,1],"confidence":95}`, 1e-12, want{"upper.0": -1e5 * math.Log(0.025), "method.1": nil, "value.1": nil}},
		{"ci.byar", `{"x":[0],"n":[1],"confidence":0.8}`, 0, stops},
		{"ci.wilson", `{"x":[2],"n":[1]}`, 0, stops},
		{"ci.wilson", `{"x":[0],"n":[10],"multiplier":100}`, 1e-12, want{"lower.0": 0.0, "upper.0": 100 * z * z / (10 + z*z)}},
		{"ci.mean_t", `{"group":["a","b","b"],"y":[1,2,null]}`, 0, want{"n.1": 2.0, "lower.0": nil, "mean.1": nil, "mean.0": 1.0}},
		// Reference rates go with the rows of a unit: as many, or none at all. A
		// missing count is 0.
		{"standardise.indirect_ratio", `{"unit":["a","a","b"],"stratum":[1,2,1],"observed":[1,1,1],"population":[1,1,1],"ref_observed":[1,1],"ref_population":[9,9]}`, 0, stops},
		{"standardise.indirect_ratio", `{"unit":["a","a"],"stratum":[1,2],"observed":[null,3],"population":[10,null],"ref_observed":[1,1],"ref_population":[10,10]}`, 1e-12, want{"observed.0": 3.0, "expected.0": 1.0, "value.0": 3.0}},
		{"standardise.indirect_rate", `{"unit":["a"],"stratum":[1],"observed":[5],"population":[10],"ref_observed":[1],"ref_population":[10]}`, 1e-12, want{"ref_rate.0": 1e4, "value.0": 5e4}},
		{"standardise.direct", `{"unit":["a","a"],"stratum":[1,2],"observed":[20,null],"population":[10,10],"std_population":[1,3]}`, 1e-12, want{"total_count.0": 20.0, "value.0": 5e4}},
		{"standardise.direct", `{"unit":["a"],"stratum":[1],"observed":[20],"population":[0],"std_population":[1]}`, 0, stops},
		// .95 of 12,631,579 is 12 million, "1.2e+07", 7 characters: rounded down to
		// millions and not to ten millions.
		{"phefunnel.proportion", `{"numerator":[1],"denominator":[12631579]}`, 0, want{"limits_x.0": 1.2e7}},
		{"phefunnel.proportion", `{"numerator":[2],"denominator":[1]}`, 0, stops},

		// The second group ends earlier; the missing value and the one on the median
		// 2 are passed over; 5 and 6 re-base to 5.5, and both extend to the last
		// date of all. The row on the day the baseline ends is not looked at.
		{"runchart.sustained", `{"group":["a","a","a","a","a","a","a","b"],"date":["2020-01-01","2020-01-02","2020-01-03","2020-01-03","2020-01-04","2020-01-05","2020-01-06","2021-01-01"],
			"y":[1,2,3,9,5,null,6,1],"med_rows":3.0,"runlength":2,"direction":"above"}`, 0, want{
			"median.1": 5.5, "start_date.1": "2020-01-04", "end_date.1": "2020-01-06", "extend_to.1": "2021-01-01"}},
		{"runchart.sustained", `{"group":["a","a"],"date":["2020-01-01","2020-01-02"],"y":[1,2],"direction":"both"}`, 0, stops},
	})
}

// mdcCase is a case of consecutive days.
func mdcCase(values, more string) string {
	var dates []string
	for i := range strings.Count(values, ",") + 1 {
		dates = append(dates, fmt.Sprintf(`"2020-01-%02d"`, i+1))
	}
	if more != "" {
		more = "," + more
	}
	return fmt.Sprintf(`{"date":[%s],"value":%s%s}`, strings.Join(dates, ","), values, more)
}

// TestUnknownOptions: what no tool has is an error, never ignored.
func TestUnknownOptions(t *testing.T) {
	for _, c := range []struct{ method, input, says string }{
		{"qic.i", `{"y":[1],"agg_fun":"mode"}`, "median"},
		{"qic.i", `{"y":[1],"runs_method":"nelson"}`, "bestbox"},
		{"qic.i", `{"y":[1],"chart":"p"}`, "chart"},
		{"qic.i", `{"y":[1],"x_type":"week"}`, "category"},
		{"qic.i", `{"y":[1],"freze":3}`, "freeze"},
		{"qic.run", `{"x_type":"date","x":["2020-01-01"],"y":[1],"x_period":"decade"}`, "quarter"},
		{"xmr.mdc", `{"date":["2020-01-01"],"value":[1],"improvement_direction":"up"}`, "neutral"},
		{"funnel.PR", `{"numerator":[1],"denominator":[2],"group":["a"],"limit":99.8}`, "99"},
		{"funnel.PR", `{"data_type":"RC","numerator":[1],"denominator":[2],"group":["a"]}`, "funnel.PR"},
		{"funnel.SR", `{"sr_method":"NHS","numerator":[1],"denominator":[2],"group":["a"]}`, "SHMI"},
		{"qcc.R", `{"type":"S","data":[[1,2]]}`, "type"},
		{"qcc.p", `{"data":[1],"sizes":[2],"nsigmas":2}`, "baseline_points"},
		{"phefunnel.ratio", `{"statistic":"rate","numerator":[1],"denominator":[2]}`, "statistic"},
		{"runchart.sustained", `{"group":[],"date":[],"y":[],"direction":"up"}`, "both"},
		{"mor.logit_normal", `{"x":[1,2],"n":[3,3],"nAGQ":1.5}`, "nAGQ"},
	} {
		out, err := Run(fmt.Appendf(nil, `{"method":%q,"input":%s}`, c.method, c.input))
		if !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: %s, %v; want an error that says %q", c.method, c.input, out, err, c.says)
		}
	}
}

// TestQuantilesAsR: 1 + (n-1) q is rounded as one number, and infinite values stay.
func TestQuantilesAsR(t *testing.T) {
	inf := math.Inf(-1)
	for _, c := range []struct {
		v       []float64
		q, want float64
	}{
		{[]float64{3, 1, 2}, 0.25, 1.5},
		{[]float64{1, 2, 3, 4}, 1, 4},
		{[]float64{1, 2, 3, 4}, 0, 1},
		{[]float64{inf, 0, 1}, 0.25, inf},
		{[]float64{inf, inf, 1}, 0.25, inf},
		{[]float64{7}, 0.1, 7},
		{nil, 0.1, math.NaN()},
		{[]float64{1}, 2, 1}, // as the tool: there is nothing above
	} {
		if got := quantile7(c.v, c.q); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("quantile %v of %v: %v, want %v", c.q, c.v, got, c.want)
		}
	}
}

// TestSums: what long double carries and double drops.
func TestSums(t *testing.T) {
	v := []float64{1e16, 1, 1, -1e16}
	if got := sum(v); got != 2 {
		t.Errorf("sum %v, want 2", got)
	}
	if got := mean([]float64{0.1, 0.1, 0.1}); got != 0.1 {
		t.Errorf("mean %v of equal values", got)
	}
	if got := sum([]float64{math.Inf(1), 1}); !math.IsInf(got, 1) {
		t.Errorf("sum with an infinite value %v", got)
	}
}

// TestREMLHalvesItsSteps: an estimate by Hedges above 0 whose likelihood is highest
// at 0 is left at what the halving leaves, which is nearly nothing.
func TestREMLHalvesItsSteps(t *testing.T) {
	in := tauInput{Y: vec{0, 0.1, -0.1, 3}, V: vec{0.1, 0.1, 0.1, 4}}
	he := math.Max(0, variance(in.Y)-mean(in.V))
	if he <= 0 {
		t.Fatalf("the start is %v", he)
	}
	got := in.reml(he)
	if got < 0 || got > 1e-12 {
		t.Errorf("tau2 %v from %v", got, he)
	}
	// Where it is inside, the score is 0 there.
	in = tauInput{Y: vec{0, 1, -1, 3}, V: vec{0.1, 0.2, 0.1, 0.3}}
	got = in.reml(math.Max(0, variance(in.Y)-mean(in.V)))
	h := 1e-5
	if slope := (in.remlLogLik(got+h) - in.remlLogLik(got-h)) / h; got < 0.1 || math.Abs(slope) > 1e-5 {
		t.Errorf("tau2 %v with slope %v", got, slope)
	}
}

// TestPrintedWidth: R writes the shorter of fixed and scientific, fixed for a tie.
func TestPrintedWidth(t *testing.T) {
	for v, want := range map[float64]float64{0: 1, 9: 1, 99: 2, 10000: 5, 100000: 5, 123456: 6, 1200000: 7, 3000000: 5} {
		if got := printedWidth(v); got != want {
			t.Errorf("%v: %v, want %v", v, got, want)
		}
	}
}
