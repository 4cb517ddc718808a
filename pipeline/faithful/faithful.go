package faithful

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrMethod is wrapped by the error about a method that is not known.
var ErrMethod = errors.New("faithful: unknown method")

// ErrInput is wrapped by errors about what a case holds.
var ErrInput = errors.New("faithful: invalid input")

// Run reads one case, a JSON object with the keys "method" and "input" (others
// are ignored), and gives the result as one line of JSON.
//
// The shape of input and result depends on the method, which is named after the
// tool or the family of methods it follows. Optional keys have the tool's own
// defaults; a key that the method does not have is an error. Numbers have 17 significant digits,
// so that they are the same doubles when read again; null is what the tool gives
// as missing, infinite or not a number. The same case gives the same bytes.
//
// Where the tool itself stops with an error on such data, the result is an object
// with error true; that is no error of Run. Run's errors wrap ErrMethod or
// ErrInput.
func Run(input []byte) ([]byte, error) {
	var c struct {
		Method string          `json:"method"`
		Input  json.RawMessage `json:"input"`
	}
	if err := json.Unmarshal(input, &c); err != nil {
		return nil, fmt.Errorf("%w: the case is not JSON with the keys method and input: %w", ErrInput, err)
	}
	for _, m := range methods() {
		if m.name == c.Method {
			if len(c.Input) == 0 {
				return nil, fmt.Errorf("%w: %s: the key input is missing", ErrInput, c.Method)
			}
			result, err := m.run(c.Method, c.Input)
			if err != nil {
				return nil, fmt.Errorf("%w: %s: %w", ErrInput, c.Method, err)
			}
			return append(encode(nil, result), '\n'), nil
		}
	}
	return nil, fmt.Errorf("%w: %q; use one of %s", ErrMethod, c.Method, strings.Join(Methods(), ", "))
}

// Methods lists the names that Run knows, sorted.
func Methods() []string {
	var names []string
	for _, m := range methods() {
		names = append(names, m.name)
	}
	slices.Sort(names)
	return names
}

type method struct {
	name string
	run  func(name string, input json.RawMessage) (object, error)
}

// with decodes the input into the method's own type.
func with[T any](f func(T) (object, error)) func(string, json.RawMessage) (object, error) {
	return func(_ string, raw json.RawMessage) (object, error) {
		var in T
		if err := decode(raw, &in); err != nil {
			return nil, err
		}
		return f(in)
	}
}

func methods() []method {
	list := []method{
		{"ci.byar", with(ciByar)},
		{"ci.exact", with(ciExact)},
		{"ci.mean_t", with(ciMeanT)},
		{"ci.wilson", with(ciWilson)},
		{"funnel.PR", with(funnelOf("PR"))},
		{"funnel.RC", with(funnelOf("RC"))},
		{"funnel.SR", with(funnelOf("SR"))},
		{"funnel.exact_binomial", with(exactBinomial)},
		{"funnel.exact_poisson", with(exactPoisson)},
		{"funnel.spiegelhalter_od", with(spiegelhalterOD)},
		{"runs.anhoej_limits", with(anhoejLimits)},
		{"xmr.mdc", with(mdc)},
		{"ewma", with(ewma)},
		{"cusum.tabular", with(tabularCusum)},
		{"racusum", with(racusum)},
		{"bernoulli_cusum", with(bernoulliCusum)},
		{"vlad", with(vlad)},
		{"bchart", with(bchart)},
		{"runchart.sustained", with(sustained)},
		{"standardise.indirect_ratio", with(indirectRatio)},
		{"standardise.indirect_rate", with(indirectRate)},
		{"standardise.direct", with(direct)},
		{"phefunnel.proportion", with(pheProportion)},
		{"phefunnel.ratio", with(pheRatio)},
		{"heterogeneity.tau2", with(heterogeneity)},
		{"icc.oneway", with(iccOneway)},
		{"variation.small_area", with(smallArea)},
		{"eb.beta_binomial", with(betaBinomial)},
		{"eb.gamma_poisson", with(gammaPoisson)},
		{"mor.logit_normal", with(morLogitNormal)},
		{"mor.poisson_lognormal", with(morPoisson)},
		{"arl.cusum_normal", with(arlCusum)},
		{"arl.ewma_normal", with(arlEwma)},
		{"arl.critical", with(arlCritical)},
		{"arl.racusum", with(arlRacusum)},
		{"eb.marshall_poisson", with(marshallPoisson)},
		{"eb.marshall_binomial", with(marshallBinomial)},
	}
	for _, chart := range []string{"run", "i", "mr", "xbar", "s", "t", "p", "pp", "c", "u", "up", "g", "ip"} {
		list = append(list, method{"qic." + chart, qic})
	}
	for _, chart := range []string{"xbar", "xbar.one", "R", "S", "p", "np", "u", "c", "g"} {
		list = append(list, method{"qcc." + chart, qcc})
	}
	return list
}
