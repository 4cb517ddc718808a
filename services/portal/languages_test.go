package portal

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/quality"
	"larstrom/pipeline/spc"
)

// Every text of the pages and of the panel has four translations with the same
// verbs, and only words that are the same in two languages are.
func TestEveryTextInEveryLanguage(t *testing.T) {
	verbs := regexp.MustCompile(`%[sdv%]`)
	english, nordic := english(), nordic()
	for key, text := range english {
		in, ok := nordic[key]
		if !ok {
			t.Errorf("%s is in English only", key)
			continue
		}
		for i, said := range in {
			if strings.TrimSpace(said) == "" || !slices.Equal(verbs.FindAllString(said, -1), verbs.FindAllString(text, -1)) {
				t.Errorf("%s in %s: %q, in English %q", key, languages()[i].Path, said, text)
			}
			if strings.Count(text, " ") > 3 && said == text {
				t.Errorf("%s in %s is English: %q", key, languages()[i].Path, said)
			}
		}
	}
	for key := range nordic {
		if _, ok := english[key]; !ok {
			t.Errorf("%s is not in English", key)
		}
	}
	for key, in := range panelTexts() {
		for i, said := range in {
			if strings.TrimSpace(said) == "" || i < 3 && strings.Count(said, " ") > 3 && said == in[3] {
				t.Errorf("the panel's %s in %s: %q", key, languages()[i].Path, said)
			}
		}
	}
}

// Every check says in four languages what its finding means.
func TestEveryCheckIsExplained(t *testing.T) {
	for _, c := range quality.Catalogue() {
		for _, l := range languages() {
			if strings.TrimSpace(c.Explain[l.Path]) == "" {
				t.Errorf("%s is not explained in %s", c.ID, l.Title)
			}
		}
	}
}

// What the store says of charts in English is said in the other languages, with
// their decimal sign; a person's words stay hers.
func TestStoredReasons(t *testing.T) {
	parts := []spc.Part{
		{Reason: spc.ReasonAsked, Kind: spc.XmR}, {Reason: spc.ReasonOverlapping}, {Reason: spc.ReasonNoPoints}, {Reason: spc.ReasonFewPoints, Points: 7},
		{Reason: spc.ReasonFewRanges, Ranges: 3}, {Reason: spc.ReasonNoEvents}, {Reason: spc.ReasonPlain, Kind: spc.P, Dispersion: 1.25},
		{Reason: spc.ReasonPlain, Kind: spc.P, DispersionZ: math.NaN()}, {Reason: spc.ReasonOver, Kind: spc.PPrime, Dispersion: 2.5},
		{Reason: spc.ReasonUnder, Kind: spc.UPrime, Dispersion: 0.25}, {Reason: spc.ReasonSparse, Kind: spc.P, Dispersion: 1}, {Reason: spc.ReasonSparseOver, Kind: spc.U, Dispersion: 1},
		{Reason: spc.ReasonMean}, {Reason: spc.ReasonCount, Uneven: true}, {Reason: spc.ReasonRare, Kind: spc.T},
		{Reason: spc.ReasonOver, Kind: spc.MR, Stage: spc.StageFrozen, BaselinePoints: 24}, {Reason: spc.ReasonOver, Kind: spc.P, Stage: spc.StageProvisional, BaselinePoints: 14, SeasonP: 1, AutocorrelationP: 1e-9},
		{Reason: spc.ReasonOver, Kind: spc.P, SeasonP: 1e-9, Screening: spc.ScreenOnce, Ranges: 5},
	}
	texts := []string{
		"Exact limits widened by the variation between these 12 units (phi 1.25, tau² 0.0123). Each unit is judged by what the others give. Left out, because they are under question: 1 period of 1 unit; the other periods of these units count.",
		"Normal limits; no variation between the 12 units beyond chance (phi 0.90).", "No limits: no unit with a released value.",
		"No limits: one unit has no others to be judged by.", "Exact limits without allowance for variation between units: 3 units are too few to estimate it, and there is no previous estimate.",
	}
	for _, p := range parts {
		texts = append(texts, p.Why())
	}
	for _, l := range languages() {
		w := newWords(l.Path, time.UTC)
		for _, text := range texts {
			got := w.why(text)
			if l.Path == fallback {
				if got != text {
					t.Errorf("%q became %q", text, got)
				}
				continue
			}
			if english := regexp.MustCompile(`\b(the|limits|values|chart:|are|baseline)\b`).FindString(got); english != "" || strings.Contains(got, "$") || regexp.MustCompile(`[0-9]\.[0-9]`).MatchString(got) {
				t.Errorf("%s: %q became %q", l.Path, text, got)
			}
		}
	}
	w := newWords("sv", time.UTC)
	if got, want := w.why("p chart, as asked for. Phase from 2025-01-01: new ward at Ängen (approved by anna)."), "p-diagram, som begärt. Fas från 2025-01-01: new ward at Ängen (godkänd av anna)."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Numbers, dates and the order of names are those of the language.
func TestConventions(t *testing.T) {
	at := time.Date(2026, 3, 2, 7, 5, 0, 0, time.UTC)
	for lang, want := range map[string][]string{
		"sv": {"12\u00a0345,5", "12,3\u00a0%", "2 mars 2026", "2 mars 2026 kl. 07:05", "vecka 10 2026", "Alvik Zinkgruvan Åmål Älvsbyn Örebro"},
		"nb": {"12\u00a0345,5", "12,3\u00a0%", "2. mars 2026", "2. mars 2026 kl. 07:05", "uke 10 2026", "Alta Zoar Ærø Ørsta Ålesund"},
		"da": {"12.345,5", "12,3\u00a0%", "2. marts 2026", "2. marts 2026 kl. 07.05", "uge 10 2026", "Alta Zoar Ærø Ørsta Ålesund"},
		"en": {"12,345.5", "12.3%", "2 March 2026", "2 March 2026, 07:05", "week 10 of 2026", "Alta Ærø Ålesund Ørsta Zoar"},
	} {
		w := newWords(lang, time.UTC)
		names := strings.Fields(want[5])
		slices.Reverse(names)
		byName(w, names, func(s string) (string, string) { return s, s })
		got := []string{w.num(12345.5, 1), w.measureOf(indicatorRow{Type: "proportion", Multiplier: 100}, nil).say(12.3), w.date(day(at)), w.clock(at), w.period("week", day(at))}
		if lang != "en" { // where Nordic letters stand in English is of no matter
			got = append(got, strings.Join(names, " "))
		} else {
			got = append(got, want[5])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", lang, got, want)
		}
	}
}
