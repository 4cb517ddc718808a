package faithful

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
)

// at walks a result by a path such as "points.ucl.0".
func at(t *testing.T, v any, path string) any {
	t.Helper()
	for _, key := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			next, ok := x[key]
			if !ok {
				t.Fatalf("%s: no key %q", path, key)
			}
			v = next
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(x) {
				t.Fatalf("%s: no entry %q of %d", path, key, len(x))
			}
			v = x[i]
		default:
			t.Fatalf("%s: %v has no %q", path, v, key)
		}
	}
	return v
}

// want is the expected by path; a function computes it from the result.
type want map[string]any

type toolCase struct {
	method, input string
	tol           float64
	want          want
}

func checkCases(t *testing.T, tests []toolCase) {
	t.Helper()
	for _, tc := range tests {
		out, err := Run(fmt.Appendf(nil, `{"method":%q,"input":%s}`, tc.method, tc.input))
		if err != nil {
			t.Errorf("%s %s: %v", tc.method, tc.input, err)
			continue
		}
		var got any
		if err := json.Unmarshal(out, &got); err != nil {
			t.Errorf("%s: %v", tc.method, err)
			continue
		}
		for path, w := range tc.want {
			if f, ok := w.(func(any) float64); ok {
				w = f(got)
			}
			v := at(t, got, path)
			a, ok1 := w.(float64)
			b, ok2 := v.(float64)
			if ok1 && ok2 && math.Abs(a-b) <= tc.tol*math.Max(1, math.Abs(a)) {
				continue
			}
			if list, ok := v.([]any); ok && len(list) == 0 && w == "none" {
				continue
			}
			if v != w {
				t.Errorf("%s %s: %s is %v, want %v", tc.method, tc.input, path, v, w)
			}
		}
	}
}

// TestByHand holds small cases worked out on paper, one or more for every
// method; they run where the reference folder is absent.
func TestByHand(t *testing.T) {
	z := 1.959963984540054
	wilson := func(x, n, sign float64) float64 {
		return (2*x + z*z + sign*z*math.Sqrt(z*z+4*x*(1-x/n))) / (2 * (n + z*z))
	}
	byarLow := func(x, z float64) float64 { return x * math.Pow(1-1/(9*x)-z/(3*math.Sqrt(x)), 3) }
	byarHigh := func(x, z float64) float64 {
		return (x + 1) * math.Pow(1-1/(9*(x+1))+z/(3*math.Sqrt(x+1)), 3)
	}
	tests := []toolCase{
		// Values 2, 4, 2, 4, 9: median 4; the two on it are not useful, one
		// crossing between 2, 2 and 9.
		{"qic.run", `{"x":[1,2,3,4,5],"y":[2,4,2,4,9]}`, 0, want{
			"points.cl.0": 4.0, "points.ucl.0": nil, "parts.0.n_useful": 3.0, "parts.0.longest_run": 2.0,
			"parts.0.n_crossings": 1.0, "parts.0.longest_run_max": 5.0, "parts.0.n_crossings_min": 0.0}},
		// Ranges 2, 2, 2, 4: mean 2.5; 3.267 times it screens none.
		{"qic.i", `{"x":[1,2,3,4,5],"y":[1,3,1,3,7],"multiply":10}`, 1e-12, want{
			"points.cl.0": 30.0, "points.ucl.0": 10 * (3 + 3*2.5/1.128), "points.lcl95.0": 10 * (3 - 2*2.5/1.128)}},
		// A constant series loses its limits to screening.
		{"qic.i", `{"x":[1,2,3],"y":[5,5,5],"screen_mr":true}`, 0, want{"points.ucl.0": nil, "points.cl.0": 5.0}},
		{"qic.i", `{"x":[1,2,3],"y":[5,5,5],"screen_mr":false}`, 0, want{"points.ucl.0": 5.0}},
		{"qic.mr", `{"x":[1,2,3],"y":[1,3,7]}`, 1e-12, want{
			"points.y.0": nil, "points.y.2": 4.0, "points.cl.0": 3.0, "points.ucl.0": 3 * 3.267, "points.lcl.0": 0.0, "parts.0.runs_signal": false}},
		// p = 20/200; s = sqrt(.09/100) = .03.
		{"qic.p", `{"x":[1,2],"y":[5,15],"n":[100,100]}`, 1e-12, want{
			"points.cl.0": 0.1, "points.ucl.0": 0.19, "points.lcl.0": 0.01, "points.y.1": 0.15}},
		// z = ∓.05/.03; sigma_z = (.1/.03)/1.128.
		{"qic.pp", `{"x":[1,2],"y":[5,15],"n":[100,100]}`, 1e-12, want{"points.ucl.0": 0.1 + 0.3/1.128, "points.lcl.0": 0.0}},
		{"qic.u", `{"x":[1,2],"y":[4,12],"n":[2,2]}`, 1e-12, want{"points.cl.0": 4.0, "points.ucl.0": 4 + 3*math.Sqrt2, "points.lcl.0": 0.0}},
		{"qic.up", `{"x":[1,2],"y":[4,12],"n":[2,2]}`, 1e-12, want{"points.ucl.0": 4 + 3*4/1.128}},
		{"qic.c", `{"x":[1,2,3],"y":[4,9,14]}`, 1e-12, want{"points.cl.0": 9.0, "points.ucl.0": 18.0, "points.lcl.0": 0.0}},
		// Mean 3, limits 3 ∓ 3 sqrt(12); the line shown is the median.
		{"qic.g", `{"x":[1,2,3],"y":[0,1,8]}`, 1e-12, want{"points.cl.0": 1.0, "points.ucl.0": 3 + 3*math.Sqrt(12), "points.lcl.0": 0.0}},
		{"qic.t", `{"x":[1,2,3],"y":[1,1,1],"screen_mr":false}`, 1e-12, want{"points.ucl.0": 1.0, "error": false}},
		{"qic.t", `{"x":[1,2],"y":[1,0]}`, 0, want{"error": true}},
		// Subgroups 1,3 and 5,7: both sd sqrt 2; c4(2) = sqrt(2/pi).
		{"qic.xbar", `{"x":[1,1,2,2],"y":[1,3,5,7]}`, 1e-12, want{
			"points.cl.0": 4.0, "points.ucl.0": 4 + 3*math.Sqrt2/(math.Sqrt(2/math.Pi)*math.Sqrt2)}},
		{"qic.s", `{"x":[1,1,2,2],"y":[1,3,5,7]}`, 1e-12, want{
			"points.cl.0": math.Sqrt2, "points.lcl.0": 0.0, "points.ucl.0": math.Sqrt2 * (1 + 3*math.Sqrt(1-2/math.Pi)/math.Sqrt(2/math.Pi))}},
		// One range: s = sqrt(pi/2) 2/sqrt(1/4+1/4); limits s/sqrt 4 wide.
		{"qic.ip", `{"x":[1,2],"y":[4,12],"n":[4,4],"screen_mr":false}`, 1e-12, want{
			"points.cl.0": 2.0, "points.ucl.0": 2 + 3*math.Sqrt(math.Pi/2)*2/math.Sqrt(0.5)/2}},
		{"runs.anhoej_limits", `{"n_useful":[10,24]}`, 0, want{"longest_run_max.1": 8.0, "n_crossings_min.0": 2.0, "n_crossings_min.1": 8.0}},

		// Seven rising points; the last, 16 with mean 6.4, is beyond the limit.
		{"xmr.mdc", `{"date":["2020-01-01","2020-02-01","2020-03-01","2020-04-01","2020-05-01","2020-06-01","2020-07-01"],
			"value":[1,2,3,4,5,6,16],"improvement_direction":"increase","target":99,"screen_outliers":true}`, 1e-12, want{
			"points.mean.0": 37 / 7.0, "points.upl.0": 37/7.0 + 2.66, "points.special_cause_type.6": "Above UCL",
			"points.special_cause_type.5": "7 Point Trend (Increasing)", "points.point_type.0": "special_cause_concern",
			"icons.0.variation_icon": "improvement_high", "icons.0.assurance_icon": "fail"}},

		{"funnel.PR", `{"data_type":"PR","numerator":[40,60],"denominator":[100,100],"group":["a","b"],"trim_by":0.1,"draw_adjusted":false,"draw_unadjusted":true,"limit":95}`, 1e-12, want{
			"target": 0.5, "units.s_limits.0": 0.05, "units.UCL95.0": math.Pow(math.Sin(math.Pi/4+1.959964*0.05), 2), "n_outliers": 2.0}},
		{"funnel.RC", `{"data_type":"RC","numerator":[10,30],"denominator":[20,20],"group":["a","b"],"draw_adjusted":false,"draw_unadjusted":true}`, 1e-12, want{
			"target": 1.0, "units.UCL99.0": math.Exp(3.090232 / (2 * math.Sqrt(20)))}},
		// Issue 33: the CQC limit is not squared.
		{"funnel.SR", `{"data_type":"SR","sr_method":"CQC","numerator":[100,144],"denominator":[100,100],"group":["a","b"],"draw_adjusted":true,"draw_unadjusted":true}`, 1e-12, want{
			"units.y_transformed.1": 1.2, "units.z_unadjusted.1": 4.0, "units.OD95UCL.0": func(r any) float64 {
				tau2 := at(t, r, "tau2").(float64)
				return 1 + 1.959964*math.Sqrt(1/400.0+tau2)
			}}},
		// F(0) = .25, F(1) = .75 of binomial(2, .5): q = .5 gives 1 - (.75-.5)/.5.
		{"funnel.exact_binomial", `{"n":[2],"target":0.5,"quantiles":[0.5]}`, 1e-12, want{"r.0.0": 1.0, "limit_plain.0.0": 0.5, "limit_interpolated.0.0": 0.25}},
		// e^-1 = .368 < .5 <= 2/e: r = 1, (2/e - .5)/(1/e) back.
		{"funnel.exact_poisson", `{"expected":[1],"quantiles":[0.5]}`, 1e-12, want{"r.0.0": 1.0, "limit_interpolated.0.0": 1 - (2/math.E-0.5)*math.E}},
		{"funnel.spiegelhalter_od", `{"x":[40,60],"n":[100,100],"winsor":0}`, 1e-12, want{
			"z.0": -2.0, "phi": 4.0, "tau2": 7 / 400.0, "add_upper_998.0": 0.5 + 3.090232306167813*math.Sqrt(0.0025+7/400.0), "mult_lower_998.1": 0.5 - 3.090232306167813*0.1}},

		{"ci.wilson", `{"x":[5],"n":[10],"confidence":0.95}`, 1e-12, want{"lower.0": wilson(5, 10, -1), "upper.0": wilson(5, 10, 1)}},
		{"ci.byar", `{"x":[100,0],"n":[50,1],"confidence":0.95,"multiplier":10}`, 1e-12, want{
			"lower.0": byarLow(100, z) / 5, "upper.0": byarHigh(100, z) / 5, "upper.1": -10 * math.Log(0.025), "method.1": "Exact"}},
		// No events: pois.exact stops its search near -log(.025); 0 of 1 is exact.
		{"ci.exact", `{"x":[0],"n":[1],"confidence":0.95}`, 1e-4, want{"binom_exact_upper.0": 0.975, "pois_exact_upper.0": -math.Log(0.025)}},
		{"ci.mean_t", `{"group":["a","a"],"y":[1,3],"confidence":0.95}`, 1e-8, want{"mean.0": 2.0, "sd.0": math.Sqrt2, "upper.0": 2 + math.Tan(0.475*math.Pi)}},
		{"standardise.indirect_ratio", `{"unit":["a"],"stratum":[1],"observed":[100],"population":[500],"ref_observed":[10],"ref_population":[100],"refvalue":100}`, 1e-12, want{
			"expected.0": 50.0, "value.0": 200.0, "lower95.0": 2 * byarLow(100, z)}},
		{"standardise.indirect_rate", `{"unit":["a"],"stratum":[1],"observed":[100],"population":[500],"ref_observed":[10],"ref_population":[100],"multiplier":1000}`, 1e-12, want{
			"ref_rate.0": 100.0, "value.0": 200.0, "upper.0": 2 * byarHigh(100, z)}},
		// One stratum: the standardised rate is the crude one, its interval Byar's.
		{"standardise.direct", `{"unit":["a","b"],"stratum":[1,1],"observed":[100,9],"population":[500,500],"std_population":[7,7],"multiplier":10,"confidence":0.95}`, 1e-12, want{
			"value.0": 2.0, "lower.0": byarLow(100, z) / 50, "value.1": nil}},
		{"phefunnel.proportion", `{"numerator":[10,90],"denominator":[100,100],"statistic":"proportion"}`, 1e-12, want{
			"significance.0": "Low (0.001)", "significance.1": "High (0.001)", "limits_x.0": 90.0, "lower_2s.0": 0.5 - z*math.Sqrt(0.25/90), "baseline.0": 0.5}},
		{"phefunnel.ratio", `{"numerator":[100,9],"denominator":[50,9],"statistic":"ratio"}`, 1e-4, want{
			"significance.0": "High (0.001)", "significance.1": "Not significant", "limits_x.0": 1.0, "upper_2s.0": -1 - 1/math.Log(0.975)}},

		// Two estimates 0 and 2 with variance 1: Q = 2, w = 2, w2/w = 1.
		{"heterogeneity.tau2", `{"yi":[0,2],"vi":[1,1]}`, 1e-9, want{
			"DL.tau2": 1.0, "PM.tau2": 1.0, "REML.tau2": 1.0, "HE.tau2": 1.0, "DL.mu": 1.0, "DL.se_mu": 1.0, "DL.I2": 50.0, "DL.Q": 2.0, "DL.H2": 2.0}},
		// Group means 1 and 5, within 0,2 and 4,6: msb 16, msw 2, icc (16-2)/(16+2).
		{"icc.oneway", `{"group":["a","a","b","b"],"y":[0,2,4,6]}`, 1e-6, want{
			"msb": 16.0, "msw": 2.0, "n0": 2.0, "anova_icc": 14 / 18.0, "reml_sigma2_between": 7.0, "reml_sigma2_within": 2.0, "reml_mean": 3.0}},
		{"variation.small_area", `{"observed":[5,20],"expected":[10,10]}`, 1e-12, want{
			"EQ": 4.0, "SCV": (0.25 + 1 - 0.2) / 2, "chisq": 12.5, "CVw": 0.6, "CV": math.Sqrt(1.125) / 1.25}},
		// x = 0 and n in turn pushes the beta parameters to 0: mean .5, rho near 1.
		{"eb.beta_binomial", `{"x":[2,8,3,7],"n":[10,10,10,10]}`, 1e-6, want{"mu": 0.5, "shrunk.0": func(r any) float64 {
			a := at(t, r, "alpha").(float64)
			return (2 + a) / (10 + 2*a)
		}}},
		{"eb.gamma_poisson", `{"observed":[2,18,4,16],"expected":[10,10,10,10]}`, 1e-6, want{"mean_ratio": 1.0, "shrunk.0": func(r any) float64 {
			th := at(t, r, "theta_shape").(float64)
			return (2 + th) / (10 + th)
		}}},
		// b = .5, s2 = .09, a = .09 - .5/10.
		{"eb.marshall_poisson", `{"x":[2,8],"n":[10,10]}`, 1e-12, want{"a": 0.04, "m_or_b": 0.5, "estimate.0": 0.5 - 0.3*0.04/0.09}},
		// tau² = (.09 - .25/10)/(1 - 1/10), noise (.25 - tau²)/10; .09 is shown.
		{"eb.marshall_binomial", `{"x":[2,8],"n":[10,10]}`, 1e-12, want{"a": 0.09, "estimate.0": 0.5 - 0.3*(0.065/0.9)/(0.065/0.9+(0.25-0.065/0.9)/10)}},
		// Units alike: no variance, the intercept is the pooled logit.
		{"mor.logit_normal", `{"x":[5,10,15],"n":[10,20,30],"nAGQ":5}`, 1e-5, want{"intercept": 0.0, "MOR": 1.0, "blup_prob.0": 0.5}},
		{"mor.poisson_lognormal", `{"observed":[10,20,30],"expected":[10,20,30],"nAGQ":5}`, 1e-5, want{"intercept": 0.0, "MRR": 1.0}},

		// Means 2, 6, ranges 2 each over 2.059? No: two per row, d2 = 1.128.
		{"qcc.xbar", `{"data":[[1,3],[5,7]]}`, 1e-12, want{"center": 4.0, "std_dev": 2 / 1.128, "ucl.0": 4 + 3*2/1.128/math.Sqrt2}},
		{"qcc.R", `{"data":[[1,3],[5,7]]}`, 1e-12, want{"center": 2.0, "ucl.0": 2 + 3*0.8525033*2/1.128, "lcl.0": 0.0}},
		{"qcc.S", `{"data":[[1,3],[5,7]]}`, 1e-12, want{"center": math.Sqrt2, "std_dev": math.Sqrt(math.Pi)}},
		{"qcc.xbar.one", `{"data":[1,3,1,3,1,3,1,3,100],"baseline_points":8}`, 1e-12, want{
			"center": 2.0, "ucl.0": 2 + 6/1.128, "rules.western_electric.rule1.0": 9.0}},
		{"qcc.p", `{"data":[5,15],"sizes":[100,100]}`, 1e-12, want{"ucl.0": 0.19, "lcl.0": 0.01}},
		{"qcc.np", `{"data":[5,15],"sizes":[100,100]}`, 1e-12, want{"center": 10.0, "ucl.0": 19.0}},
		{"qcc.u", `{"data":[4,12],"sizes":[2,2]}`, 1e-12, want{"center": 4.0, "ucl.0": 4 + 3*math.Sqrt2, "std_dev": 2.0}},
		{"qcc.c", `{"data":[4,9,14]}`, 1e-12, want{"center": 9.0, "ucl.0": 18.0}},
		{"qcc.g", `{"data":[1,3]}`, 1e-12, want{"center": 2.0, "std_dev": math.Sqrt2}},

		// Mean 2, range 2: sigma 2/1.128; z1 = 2 + .5 (1-2).
		{"ewma", `{"data":[1,3],"lambda":0.5,"nsigmas":3}`, 1e-12, want{"ewma.0": 1.5, "ewma.1": 2.25, "ucl.0": 2 + 3*2/1.128*0.5}},
		{"cusum.tabular", `{"data":[1,3],"decision_interval":0.5,"se_shift":1,"head_start":0}`, 1e-12, want{
			"pos.0": 0.0, "pos.1": 0.064, "neg.0": -0.064}},
		// p = .5, R = 2: 1 - p + Rp = 1.5.
		{"racusum", `{"risk":[0.5,0.5,0.5],"outcome":[1,0,1],"limit":0.5,"odds_multiplier":2,"reset":true}`, 1e-12, want{
			"ct.0": math.Log(2 / 1.5), "ct.1": 0.0, "ct.2": math.Log(2 / 1.5), "n_signals": 0.0}},
		{"racusum", `{"risk":[0.5,0.5],"outcome":[1,1],"limit":0.5,"odds_multiplier":2,"reset":true}`, 1e-12, want{"ct.1": 0.0, "signal.1": 1.0}},
		{"bernoulli_cusum", `{"failure_probability":0.5,"outcome":[1],"limit":9,"odds_multiplier":2,"reset":false}`, 1e-12, want{"ct.0": math.Log(4 / 3.0)}},
		{"vlad", `{"outcome":[1,0],"risk":[0.5,0.25],"RA_deterioration":2,"RA_improvement":0.5,"h1":0.1,"h2":9,"eo_k1":0,"eo_k2":0,"eo_h1":9,"eo_h2":9}`, 1e-12, want{
			"vlad_cumulative.0": -0.5, "vlad_cumulative.1": -0.25, "racusum_up.0": math.Log(2 / 1.5),
			"racusum_up_reset.0": math.Log(2 / 1.5), "racusum_up_reset.1": 0.0}},
		{"bchart", `{"x":[1,1],"target":0.5,"or":2,"limit":0.5}`, 1e-12, want{
			"p1": 2 / 3.0, "cusum_up.0": math.Log(4 / 3.0), "cusum_up.1": 0.0, "signal_up.1": true}},
		// k = 0 and h so small that one step decides: P(X <= 0) = .5 stays at 0.
		{"arl.cusum_normal", `{"k":[0],"h":[1e-9],"mu":[0]}`, 1e-6, want{"arl_one_sided.0": 2.0, "arl_two_sided.0": 1.0}},
		// lambda 1 is a Shewhart chart: 1/P(|Z| > 3).
		{"arl.ewma_normal", `{"lambda":[1],"c":[3],"mu":[0]}`, 1e-9, want{"arl_two_sided_fixed_limits.0": 1 / math.Erfc(3/math.Sqrt2)}},
		{"arl.critical", fmt.Sprintf(`{"L0":[%.17g],"k":0,"lambda":1}`, 1/math.Erfc(3/math.Sqrt2)), 1e-8, want{"c_ewma_two.0": 3.0}},
		// Every case fails at once: log(2/1.5) = .288 crosses .2 with probability .5.
		{"arl.racusum", `{"weight":[1],"risk":[0.5],"h":0.2,"RA":2,"RQ":1,"scaling":1000}`, 1e-9, want{"arl": 2.0}},
		// Median 2 of 1,2,3; then 5,6 above re-base to 5.5.
		{"runchart.sustained", `{"group":["a","a","a","a","a"],"date":["2020-01-01","2020-01-02","2020-01-03","2020-01-04","2020-01-05"],"y":[1,2,3,5,6],"med_rows":3,"runlength":2,"direction":"above"}`, 0, want{
			"median.0": 2.0, "median.1": 5.5, "start_date.1": "2020-01-04", "run_type.1": "sustained", "extend_to.0": "2020-01-04"}},
	}
	checkCases(t, tests)
	covered := map[string]bool{}
	for _, tc := range tests {
		covered[tc.method] = true
	}
	for _, m := range Methods() {
		if !covered[m] {
			t.Errorf("%s has no case by hand", m)
		}
	}
}

func TestRunErrors(t *testing.T) {
	_, err := Run([]byte(`{"method":"qic.z","input":{}}`))
	if !errors.Is(err, ErrMethod) || !strings.Contains(err.Error(), "qic.xbar") {
		t.Errorf("unknown method: %v", err)
	}
	for _, bad := range []string{``, `[]`, `{"method":"qic.i"}`, `{"method":"qic.i","input":{"x":[1],"y":[1,2]}}`, `{"method":"racusum","input":{"risk":[1]}}`,
		`{"method":"icc.oneway","input":{"group":[],"y":[]}}`, `{"method":"qcc.p","input":{"data":[]}}`} {
		if _, err := Run([]byte(bad)); !errors.Is(err, ErrInput) && !errors.Is(err, ErrMethod) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// FuzzRun holds that no input makes a method panic or print what is not JSON.
func FuzzRun(f *testing.F) {
	for _, m := range Methods() {
		f.Add(m, `{}`)
		f.Add(m, `{"x":[1,null],"y":[1,2],"n":[0,1],"data":[1],"group":["a"],"numerator":[1],"denominator":[0]}`)
	}
	f.Add("qic.p", `{"x":[1,2],"y":[5,15],"n":[100,100],"part":[1],"exclude":[1]}`)
	f.Fuzz(func(t *testing.T, method, input string) {
		if method == "arl.racusum" || len(input) > 2000 {
			return // sizes are the caller's to bound
		}
		out, err := Run(fmt.Appendf(nil, `{"method":%q,"input":%s}`, method, input))
		if err == nil && !json.Valid(out) {
			t.Fatalf("%s", out)
		}
	})
}

// TestRunsBoxes counts all sequences of ten: the joint distribution of crossings
// and longest run, and with it the box.
func TestRunsBoxes(t *testing.T) {
	const n = 10
	for _, p := range []float64{0.5, boxShift} {
		want := map[[2]int]float64{}
		for bits := range 1 << n {
			mass, crossings, longest, run := 1.0, 0, 0, 0
			for i := range n {
				up := bits>>i&1 == 1
				if up {
					mass *= p
				} else {
					mass *= 1 - p
				}
				if i > 0 && up != (bits>>(i-1)&1 == 1) {
					crossings++
					run = 0
				}
				run++
				longest = max(longest, run)
			}
			want[[2]int{crossings, longest}] += mass
		}
		got := jointRuns(n, p)
		for l := 1; l <= n; l++ {
			for c := range n {
				if g := got[l][c] - got[l-1][c]; math.Abs(g-want[[2]int{c, l}]) > 1e-12 {
					t.Errorf("p %v, %d crossings, longest %d: %v, want %v", p, c, l, g, want[[2]int{c, l}])
				}
			}
		}
	}
	// By that count: at least 2 crossings and runs of at most 6 hold 0.94; without
	// its corner the region still holds the target.
	b := runsBox(n, false)
	if b != (box{2, 6, -1, -1}) || !b.signals(1, 3) || !b.signals(5, 7) || b.signals(2, 6) {
		t.Errorf("%+v", b)
	}
	b = runsBox(n, true)
	if b != (box{2, 6, 3, 5}) || !b.signals(2, 6) || b.signals(3, 6) || b.signals(2, 5) {
		t.Errorf("%+v", b)
	}
}
