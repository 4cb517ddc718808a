package portal

import (
	"math"
	"net/http"
	"time"

	"larstrom/pipeline/figure"
)

type helpBody struct {
	drawing
	States []signal
	Rules  []signal
	Words  []signal
}

func (p *Portal) help(*http.Request) (*view, error) {
	w := p.words
	b := &helpBody{drawing: p.example()}
	for _, s := range []string{"value", "preliminary", "held_previous", "held_empty", "suppressed", "missing", "no_eligible", "not_applicable"} {
		b.States = append(b.States, signal{w.state(s), w.t("state.means." + s)})
	}
	for _, r := range []string{"sigma3", "anhoej_run", "anhoej_crossings"} {
		b.Rules = append(b.Rules, signal{w.t("spc." + r), w.t("spc.means." + r)})
	}
	for _, k := range []string{"cell", "flag", "night", "public", "target", "balance"} {
		b.Words = append(b.Words, signal{w.t("help.word." + k), w.t("help.text." + k)})
	}
	return &view{Title: w.t("nav.help"), Section: "help", Crumbs: p.crumbs(), Body: b}, nil
}

// example is a made-up chart with each shape once.
func (p *Portal) example() drawing {
	nan := math.NaN()
	c := figure.Control{Title: p.words.t("help.figure.title"), Description: p.words.t("help.figure"), Percent: true, Decimals: 0, Texts: p.words.figureTexts()}
	values := []float64{62, 66, 60, 64, 67, 61, 65, 63, 88, 62, 64, 60, 66, 74, 76, 73, 78, 75, 77, 74, 76, 79, 75, 77, 72, 0, 0, 0, 0, 0, 74}
	states := map[int]figure.State{24: figure.HeldPrevious, 25: figure.HeldEmpty, 26: figure.Suppressed, 27: figure.Missing, 28: figure.NoEligible,
		29: figure.NotApplicable, 30: figure.Preliminary}
	for i, v := range values {
		state, ok := states[i]
		if !ok {
			state = figure.Value
		}
		if v == 0 {
			v = nan
		}
		at := time.Date(2024, time.Month(1+i), 1, 0, 0, 0, 0, time.UTC)
		c.Points = append(c.Points, figure.ControlPoint{Start: at, Value: v, Centre: 66, LCL: 50, UCL: 82, Target: 80, Reference: nan,
			State: state, SigmaSignal: i == 8, RunsSignal: i >= 13 && i < 24, Phase: 1, N: nan})
	}
	return drawing{p.svg(c, figure.Options{NoHeading: true, ID: "shapes", Height: 360}), p.svg(c, figure.Options{NoHeading: true, Narrow: true, ID: "shapes-narrow"})}
}
