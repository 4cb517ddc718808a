package figure_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"larstrom/pipeline/figure"
)

var nan = math.NaN()

func month(i int) time.Time { return time.Date(2022, time.Month(1+i), 1, 0, 0, 0, 0, time.UTC) }

// months are n monthly points at a steady level with limits that follow n.
func months(n int) []figure.ControlPoint {
	src := rand.New(rand.NewPCG(7, 9))
	ps := make([]figure.ControlPoint, n)
	for i := range ps {
		size := 60 + float64(src.IntN(90))
		sd := math.Sqrt(0.62*0.38/size) * 100
		ps[i] = figure.ControlPoint{
			Start: month(i), Period: month(i).Format("2006-01"), Value: 62 + sd*src.NormFloat64()*0.9, N: size,
			Centre: 62, LCL: 62 - 3*sd, UCL: 62 + 3*sd, Target: nan, Reference: nan, State: figure.Value, Phase: 1,
		}
	}
	return ps
}

func swedish() figure.Texts {
	t := figure.EnglishTexts()
	t.Language, t.Decimal, t.Thousands, t.Percent = "sv", ",", "\u00a0", "\u00a0%"
	t.Months = [12]string{"jan", "feb", "mars", "apr", "maj", "juni", "juli", "aug", "sep", "okt", "nov", "dec"}
	t.Value, t.Centre, t.Target, t.Reference = "Uppmätt värde", "Mittlinje", "Mål", "Riket"
	t.UpperLimit, t.LowerLimit, t.Limits = "Övre gräns", "Undre gräns", "Styrgränser"
	t.SigmaSignal, t.RunsSignal, t.PhaseBreak = "Utanför gränserna", "Ovanlig serie", "Ny fas"
	t.Preliminary, t.Missing = "Preliminärt", "Ej levererat"
	return t
}

// controls are the charts that golden files and properties are about.
func controls() map[string]figure.Control {
	every := months(36)
	for i := range every {
		every[i].Target, every[i].Reference = 70, 64.5
		if i >= 24 {
			every[i].Target = 72
		}
		every[i].Href = "/units/u1?indicator=a&point=" + every[i].Period
	}
	every[5].Value, every[5].SigmaSignal = 84, true
	for i := 10; i < 19; i++ {
		every[i].Value, every[i].RunsSignal = 62+math.Abs(every[i].Value-62)+1, true
	}
	every[14].Value, every[14].SigmaSignal = 81, true
	for i, s := range map[int]figure.State{7: figure.Missing, 20: figure.Suppressed, 22: figure.NoEligible, 26: figure.HeldEmpty, 28: figure.NotApplicable} {
		every[i].State, every[i].Value, every[i].LCL, every[i].UCL, every[i].N = s, nan, nan, nan, nan
	}
	every[30].State = figure.HeldPrevious
	every[34].State, every[35].State = figure.Preliminary, figure.Preliminary

	phases := months(30)
	for i := 16; i < 30; i++ {
		phases[i].Phase = 2
		phases[i].Centre += 12
		phases[i].Value += 12
		phases[i].LCL += 12
		phases[i].UCL += 12
	}

	run := months(11)
	for i := range run {
		run[i].LCL, run[i].UCL = nan, nan
	}

	xmr := months(48)
	for i := range xmr {
		xmr[i].Value, xmr[i].Centre, xmr[i].LCL, xmr[i].UCL = xmr[i].Value*20-800, 440, 180, 700
	}

	events := months(40)
	for i := range events {
		events[i].Start, events[i].Period = time.Time{}, ""
		events[i].Value = math.Pow(math.Abs(events[i].Value-55), 1.2)
		events[i].Centre, events[i].LCL, events[i].UCL = 9, nan, 40
	}

	few := slices.Clone(phases)
	for i := range few {
		few[i].FewCrossings = few[i].Phase == few[len(few)-1].Phase
	}

	return map[string]figure.Control{
		"few_crossings": {Title: "Drifting since the second phase", Percent: true, Decimals: 1, Points: few, Texts: figure.EnglishTexts()},
		"every_state": {
			Title: "Statin treatment after myocardial infarction", Subtitle: "Health centre Älvsjö · share of patients, per month",
			Percent: true, Decimals: 1, ReferenceName: "Region", Points: every, Texts: figure.EnglishTexts(),
			Notes: []figure.Note{{month(9), "New recall routine"}, {month(25), "Staff change"}},
		},
		"phases_swedish": {
			Title: "Andel patienter med läkemedelsgenomgång", Subtitle: "Vårdcentralen Åkersberga · p′-diagram", Description: "Två faser, ingen signal.",
			Percent: true, Decimals: 1, Points: phases, Texts: swedish(),
		},
		"run": {Title: "Few points", Subtitle: "Run chart", Percent: true, Decimals: 1, CentreName: "Median", Points: run, Texts: figure.EnglishTexts()},
		"xmr": {
			Title: "Waiting time", Subtitle: "XmR chart, days", Unit: " days", Decimals: 0, ValueTitle: "Days", CentreName: "Mean",
			Points: xmr, Texts: figure.EnglishTexts(),
		},
		"events": {Title: "Days between falls", Subtitle: "t chart", ValueTitle: "Days", Decimals: 1, Points: events, Texts: figure.EnglishTexts()},
		"empty":  {Title: "Nothing yet", Percent: true, Texts: figure.EnglishTexts()},
		"one":    {Title: "One point", Decimals: 1, Points: months(1), Texts: figure.EnglishTexts()},
	}
}

func funnels() map[string]figure.Funnel {
	names := []string{"Alingsås", "Borås", "Eskilstuna", "Falun", "Gävle", "Göteborg", "Halmstad", "Helsingborg", "Huddinge", "Jönköping", "Kalmar",
		"Karlstad", "Kristianstad", "Linköping", "Luleå", "Lund", "Malmö", "Mölndal", "Norrköping", "Nyköping", "Piteå", "Skövde", "Solna", "Sundsvall", "Tromsø",
		"Trollhättan", "Uddevalla", "Umeå", "Uppsala", "Varberg", "Visby", "Västerås", "Växjö", "Ålborg", "Ängelholm", "Örebro", "Östersund"}
	src := rand.New(rand.NewPCG(3, 4))
	unit := func(name string, n, v float64) figure.FunnelUnit {
		sd := math.Sqrt(0.8*0.2/n+0.0004) * 100
		u := figure.FunnelUnit{Name: name, Href: "/units/" + name, Value: v, Denominator: n, State: figure.Value,
			LCL95: 80 - 1.96*sd, UCL95: math.Min(80+1.96*sd, 100), LCL998: 80 - 3.09*sd, UCL998: math.Min(80+3.09*sd, 100)}
		if u.Value > u.UCL998 {
			u.Outlier = 1
		}
		if u.Value < u.LCL998 {
			u.Outlier = -1
		}
		return u
	}
	var units []figure.FunnelUnit
	for i, name := range names {
		n := math.Round(30 * math.Exp(src.Float64()*3.2))
		v := 80 + math.Sqrt(0.8*0.2/n+0.0004)*100*src.NormFloat64()
		if i%9 == 4 {
			v -= 15
		}
		units = append(units, unit(name, n, math.Min(v, 100)))
	}
	units[3].State = figure.Preliminary
	units[8].State = figure.HeldPrevious
	units[9].State, units[9].Value = figure.Missing, nan
	units[10].State, units[10].Value = figure.Suppressed, nan
	units[12].State, units[12].Value = figure.Suppressed, nan
	units[16].Highlight = true
	target := 85.0
	reference := 79.0

	var crowded []figure.FunnelUnit
	for i, name := range names {
		u := unit(name, 400+float64(i), 50+float64(i)*0.1)
		crowded = append(crowded, u)
	}
	return map[string]figure.Funnel{
		"named": {
			Title: "Hip fracture surgery within 24 hours", Subtitle: "Hospitals, 2024", Percent: true, Decimals: 1, Centre: 80, Target: &target, Reference: &reference,
			ReferenceName: "Nation", DenominatorTitle: "Patients", Units: units, Texts: figure.EnglishTexts(),
		},
		"crowded": {Title: "Many outliers in one place", Percent: true, Decimals: 1, Centre: 80, Units: crowded, Texts: figure.EnglishTexts()},
		"empty":   {Title: "No units", Centre: nan, Texts: figure.EnglishTexts()},
		"one":     {Title: "One unit", Percent: true, Centre: 80, Units: []figure.FunnelUnit{unit("Lund", 200, 81)}, Texts: figure.EnglishTexts()},
	}
}
