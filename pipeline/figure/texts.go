package figure

// Texts are the words that a figure shows. A caller that leaves one empty gets
// none: start from EnglishTexts and replace.
type Texts struct {
	// Language is the BCP 47 tag of the words, such as "en" or "sv".
	Language string
	// Decimal and Thousands separate digits; Percent follows a number, with its
	// space where the language has one.
	Decimal, Thousands, Percent string
	// Months are twelve short names, January first.
	Months [12]string

	// Value names the ordinary point, Centre the centre line, and so on.
	Value, Centre, UpperLimit, LowerLimit, Limits, Target, Reference string
	SigmaSignal, RunsSignal, PhaseBreak, Note                        string
	// FewCrossings names a centre line that is crossed too rarely.
	FewCrossings string
	// Excluded names points left out of the limits, Second the second line.
	Excluded, Second string
	// Denominator is the horizontal axis of a funnel and the word before a
	// denominator in the text of a point.
	Denominator                                      string
	Limits95, Limits998, Outlier, Unit, Highlight    string
	OutliersListed                                   string // before names that found no room
	NamesInFull                                      string // before names that were cut short
	NotShown                                         string // before counts of units without a value
	NoData                                           string
	Preliminary, HeldPrevious, HeldEmpty, Suppressed string
	Missing, NoEligible, NotApplicable               string
}

// EnglishTexts are the words in English.
func EnglishTexts() Texts {
	return Texts{
		Language: "en", Decimal: ".", Thousands: ",", Percent: "%",
		Months: [12]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
		Value:  "Observed value", Centre: "Centre line", UpperLimit: "Upper limit", LowerLimit: "Lower limit",
		Limits: "Control limits", Target: "Target", Reference: "Reference",
		SigmaSignal: "Outside the limits", RunsSignal: "Unusual run", PhaseBreak: "New phase", Note: "Event",
		FewCrossings: "Centre line crossed too rarely",
		Excluded:     "Left out of the limits", Second: "Lower sum",
		Denominator: "Denominator",
		Limits95:    "95 % limits", Limits998: "99.8 % limits", Outlier: "Outside the 99.8 % limits", Unit: "Unit", Highlight: "Chosen unit",
		OutliersListed: "Also outside the 99.8 % limits:", NamesInFull: "In full:", NotShown: "Not shown:", NoData: "No values to show",
		Preliminary: "Preliminary", HeldPrevious: "Under question, earlier version", HeldEmpty: "Under question, not shown",
		Suppressed: "Suppressed, too few", Missing: "Not delivered", NoEligible: "Nobody eligible", NotApplicable: "Not applicable",
	}
}

func (t Texts) state(s State) string {
	switch s {
	case Value:
		return t.Value
	case Preliminary:
		return t.Preliminary
	case HeldPrevious:
		return t.HeldPrevious
	case HeldEmpty:
		return t.HeldEmpty
	case Suppressed:
		return t.Suppressed
	case Missing:
		return t.Missing
	case NoEligible:
		return t.NoEligible
	default:
		return t.NotApplicable
	}
}
