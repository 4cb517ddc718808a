package simulate

import (
	"fmt"

	"larstrom/pipeline/catalog"
)

// The senders, which are also the registries.
const (
	pvk    = "pvk"
	infekt = "infekt"
	hofte  = "hofte"
	slag   = "slag"
	akut   = "akut"
)

// registryInfo is what is known of a sender before any indicator.
type registryInfo struct {
	code, country string
	name          catalog.Text
	group         string // of the units that report to it
}

func registries() []registryInfo {
	return []registryInfo{
		{infekt, "SE", catalog.Text{"sv": "Infektionsbesök i primärvården", "en": "Visits for infections in primary care"}, groupSE},
		{pvk, "SE", catalog.Text{"sv": "Primärvårdskvalitet Havsmark", "en": "Primary care quality Havsmark"}, groupSE},
		{hofte, "DK", catalog.Text{"da": "Klinisk Hoftedatabase Havsmark", "en": "Hip fracture database Havsmark"}, groupDK},
		{slag, "NO", catalog.Text{"nb": "Hjerneslagregisteret i Havsmark", "en": "Stroke registry Havsmark"}, groupNO},
		{akut, "FI", catalog.Text{"sv": "Jourregistret Havsmark", "en": "Emergency department registry Havsmark"}, groupFI},
	}
}

// how a series of the aggregated export comes about.
type form uint8

const (
	caseLevel     form = iota // from the cases of its sender
	stock                     // the state at the end of a month: the same patients again
	rollingSum                // twelve months of events
	events                    // events of the month, a share of them
	ratioOfCounts             // a count by another one, of which it is no part
	personTime                // events by months of persons
	population                // the number of persons
)

// indicator is one of the catalog with what its numbers are drawn from.
type indicator struct {
	catalog.Indicator
	form form
	// base is the level: a share, a rate, or for values their median.
	base float64
	// volume is the monthly number of records of a unit of size 1 (persons for
	// a stock and for a population); of case-level senders the cases are the
	// volume.
	volume float64
	// season is the amplitude of the level over the year on the logit scale,
	// peak the month (1 to 12) of its maximum.
	season float64
	peak   int
	// lag is the mean delay of registration in days, in an aggregated export.
	lag float64
}

func pct(v ...float64) []catalog.Target {
	var out []catalog.Target
	for _, f := range v {
		out = append(out, catalog.Target{Value: f})
	}
	return out
}

func text(lang, local, en string) catalog.Text { return catalog.Text{lang: local, "en": en} }

// indicators are the first n of the region's, without validity of what depends
// on dates.
func indicators(n int, signed catalog.Date) []*indicator {
	prop := func(i catalog.Indicator) catalog.Indicator {
		i.Type, i.Multiplier = catalog.Proportion, 100
		if i.MinDenominator == 0 {
			i.MinDenominator = 15
		}
		return i
	}
	all := []*indicator{
		{Indicator: prop(catalog.Indicator{ID: "inf_antibiotics", Registry: infekt, Name: text("sv", "Antibiotika vid luftvägsinfektion", "Antibiotics at visits for respiratory infection"),
			Subset: true, Class: "process", Direction: "down", MaturityLagDays: 14, Targets: pct(0.2), Spec: "Infection visits, indicator 1"}), base: 0.27, season: 0.12, peak: 2},
		{Indicator: prop(catalog.Indicator{ID: "dm_hba1c_le_52", Registry: pvk, Name: text("sv", "HbA1c högst 52 mmol/mol", "HbA1c at most 52 mmol/mol"),
			Subset: true, Class: "outcome", Direction: "up", Measurement: "cross_section", DisclosureMin: 5, Spec: "Primary care quality, Dm02",
			References: []catalog.Reference{{Value: 0.52, Level: "region", Source: "Invented yearly report 2024, table 4"}}}), form: stock, base: 0.52, volume: 420, season: 0.05, peak: 9},
		{Indicator: prop(catalog.Indicator{ID: "hip_op_24h", Registry: hofte, Name: text("da", "Operation inden for 24 timer", "Surgery within 24 hours"),
			Subset: true, Class: "process", Direction: "up", MaturityLagDays: 21, Targets: pct(0.75), MinDenominator: 10, Spec: "Hip fracture database, indicator 1"}), base: 0.72, season: 0.1, peak: 5},
		{Indicator: prop(catalog.Indicator{ID: "stroke_unit", Registry: slag, Name: text("nb", "Direkte innlagt i slagenhet", "Admitted directly to a stroke unit"),
			Subset: true, Class: "structure", Direction: "up", MaturityLagDays: 45, Targets: pct(0.9), MinDenominator: 10, Spec: "Stroke registry, indicator D"}), base: 0.87},
		{Indicator: prop(catalog.Indicator{ID: "ed_over_4h", Registry: akut, Name: text("sv", "Mer än fyra timmar på akutmottagningen", "More than four hours in the emergency department"),
			Subset: true, Class: "process", Direction: "down", Period: catalog.Day, Targets: pct(0.2), Spec: "Emergency registry, indicator 1"}), base: 0.24, season: 0.2, peak: 1},
		{Indicator: prop(catalog.Indicator{ID: "ht_bp_below_140", Registry: pvk, Name: text("sv", "Hypertoni: blodtryck under 140/90", "Hypertension: blood pressure below 140/90"),
			Subset: true, Class: "outcome", Direction: "up", Measurement: "rolling", RollingMonths: 12, Targets: pct(0.7), Spec: "Primary care quality, Ht02"}),
			form: rollingSum, base: 0.63, volume: 95, season: 0.12, peak: 8, lag: 4},
		{Indicator: prop(catalog.Indicator{ID: "inf_return_30d", Registry: infekt, Name: text("sv", "Återbesök för komplikation inom 30 dagar", "Return visit for a complication within 30 days"),
			Subset: true, Class: "balancing", Direction: "down", FollowUpDays: 30, MaturityLagDays: 14, DisclosureMin: 5, Spec: "Infection visits, indicator 2"}), base: 0.045},
		{Indicator: catalog.Indicator{ID: "hip_mortality_30d", Registry: hofte, Name: text("da", "30-dages mortalitet, observeret/forventet", "30-day mortality, observed by expected"),
			Type: catalog.StandardisedRatio, Class: "outcome", Direction: "down", Period: catalog.Quarter, FollowUpDays: 30, MaturityLagDays: 21, DisclosureMin: 5,
			RiskModel:  &catalog.RiskModel{ID: "hofte-mort30", Version: "2022", ReferencePeriod: "2018-2021"},
			References: []catalog.Reference{{Value: 1, Level: "nation", Source: "By construction of the model"}}, Spec: "Hip fracture database, indicator 5"}, base: 0.09},
		{Indicator: prop(catalog.Indicator{ID: "stroke_needle_40min", Registry: slag, Name: text("nb", "Trombolyse innen 40 minutter", "Thrombolysis within 40 minutes of arrival"),
			Subset: true, Class: "process", Direction: "up", MaturityLagDays: 45, Targets: pct(0.5), Period: catalog.Quarter, MinDenominator: 5, Spec: "Stroke registry, indicator A"}), base: 0.48},
		{Indicator: catalog.Indicator{ID: "ed_visits", Registry: akut, Name: text("sv", "Besök på akutmottagningen", "Visits to the emergency department"),
			Type: catalog.Count, Class: "structure", Period: catalog.Day, Additive: true, Spec: "Emergency registry, indicator 0"}},
		{Indicator: catalog.Indicator{ID: "dm_hypoglycaemia", Registry: pvk, Name: text("sv", "Svår hypoglykemi per 1 000 patientmånader", "Severe hypoglycaemia per 1,000 patient months"),
			Type: catalog.Rate, Class: "balancing", Direction: "down", Multiplier: 1000, MaturityLagDays: 14, MinDenominator: 100, DisclosureMin: 5, Spec: "Primary care quality, Dm09"},
			form: personTime, base: 0.009, volume: 420, lag: 4},
		{Indicator: catalog.Indicator{ID: "inf_crp_mean", Registry: infekt, Name: text("sv", "CRP, medelvärde (mg/l)", "CRP, mean (mg/l)"),
			Type: catalog.Mean, Class: "process", MaturityLagDays: 14, MinDenominator: 15, Spec: "Infection visits, indicator 3"}, base: 18},
		{Indicator: prop(catalog.Indicator{ID: "hip_readmission_30d", Registry: hofte, Name: text("da", "Genindlæggelse inden for 30 dage", "Readmission within 30 days"),
			Subset: true, Class: "balancing", Direction: "down", FollowUpDays: 30, MaturityLagDays: 21, MinDenominator: 10, Spec: "Hip fracture database, indicator 6"}), base: 0.11},
		{Indicator: catalog.Indicator{ID: "stroke_needle_median", Registry: slag, Name: text("nb", "Dør til nål, median (minutter)", "Door to needle, median (minutes)"),
			Type: catalog.Median, Class: "process", Direction: "down", Period: catalog.Quarter, MaturityLagDays: 45, Spec: "Stroke registry, indicator B"}, base: 41},
		{Indicator: prop(catalog.Indicator{ID: "ed_left_unseen", Registry: akut, Name: text("sv", "Lämnade akuten utan läkarbedömning", "Left the emergency department unseen"),
			Subset: true, Class: "balancing", Direction: "down", Period: catalog.Week, Spec: "Emergency registry, indicator 2"}), base: 0.03, season: 0.1, peak: 1},
		{Indicator: catalog.Indicator{ID: "listed_patients", Registry: pvk, Name: text("sv", "Listade patienter", "Listed patients"),
			Type: catalog.Count, Class: "structure", Measurement: "cross_section", Additive: true, Spec: "Population at the end of the month"}, form: population, volume: 8400},
		{Indicator: catalog.Indicator{ID: "hip_stay_mean", Registry: hofte, Name: text("da", "Indlæggelsestid, gennemsnit (dage)", "Length of stay, mean (days)"),
			Type: catalog.Mean, Class: "process", Direction: "down", MaturityLagDays: 30, MinDenominator: 5, Spec: "Hip fracture database, indicator 7"}, base: 6.5},
		{Indicator: prop(catalog.Indicator{ID: "stroke_independent_90d", Registry: slag, Name: text("nb", "Selvhjulpen etter tre måneder (mRS 0–2)", "Independent after three months (mRS 0–2)"),
			Subset: true, Class: "outcome", Direction: "up", FollowUpDays: 90, MaturityLagDays: 60, Missing: "separate", MinDenominator: 10, Spec: "Stroke registry, indicator E"}), base: 0.62},
		{Indicator: catalog.Indicator{ID: "med_reviews", Registry: pvk, Name: text("sv", "Läkemedelsgenomgångar per patient över 75", "Medication reviews for each patient over 75"),
			Type: catalog.Proportion, Class: "process", Direction: "up", Measurement: "rolling", RollingMonths: 12, MinDenominator: 15, Spec: "Primary care quality, Lm01"},
			form: ratioOfCounts, base: 0.45, volume: 75, lag: 4},
		{Indicator: catalog.Indicator{ID: "stroke_registered", Registry: slag, Name: text("nb", "Registrerte forløp", "Registered courses"),
			Type: catalog.Count, Class: "structure", PeriodBy: "registration_date", Additive: true, Spec: "Courses by the month in which they were registered"}},
		{Indicator: prop(catalog.Indicator{ID: "inf_strep_test", Registry: infekt, Name: text("sv", "Snabbtest vid halsfluss", "Rapid test at tonsillitis"),
			Subset: true, Class: "process", Direction: "up", MaturityLagDays: 14, Targets: pct(0.85), Spec: "Infection visits, indicator 4"}), base: 0.76},
		{Indicator: prop(catalog.Indicator{ID: "ed_admitted", Registry: akut, Name: text("sv", "Inlagda från akuten", "Admitted from the emergency department"),
			Subset: true, Class: "process", Period: catalog.Week, Spec: "Emergency registry, indicator 3"}), base: 0.28, season: 0.06, peak: 1},
		{Indicator: prop(catalog.Indicator{ID: "hip_mobilised_24h", Registry: hofte, Name: text("da", "Mobiliseret inden for 24 timer efter operation", "Mobilised within 24 hours of surgery"),
			Subset: true, Class: "process", Direction: "up", Missing: "not_met", MaturityLagDays: 21, Targets: pct(0.9), MinDenominator: 10, Spec: "Hip fracture database, indicator 2"}), base: 0.83},
		{Indicator: prop(catalog.Indicator{ID: "pvk_coverage", Registry: pvk, Name: text("sv", "Täckningsgrad", "Coverage"),
			Subset: true, Class: "structure", Direction: "up", Measurement: "cross_section", Spec: "Listed patients whose records were read, of all listed"}), form: stock, base: 0.96, volume: 8400},
	}
	for i := len(all); i < n; i++ {
		all = append(all, further(i-23))
	}
	all = all[:n]
	for _, i := range all {
		i.Introduction = catalog.Introduction{Signed: signed, By: "Steering group of Havsmark"}
	}
	return all
}

// further is one of the many indicators of primary care that ask the same of
// another group of patients.
func further(n int) *indicator {
	groups := []string{"Astma", "KOL", "Förmaksflimmer", "Hjärtsvikt", "Demens", "Depression", "Gikt", "Höftledsartros", "Ischemisk hjärtsjukdom", "Kronisk njursvikt",
		"Levnadsvanor", "Ländryggsbesvär", "Migrän", "Osteoporos", "Psoriasis", "Sköra äldre", "Stroke/TIA", "Sömnbesvär", "Urinvägsinfektion", "Övervikt"}
	asks := []struct {
		sv, en string
		form   form
		base   float64
		volume float64
	}{
		{"uppföljning de senaste 18 månaderna", "followed up in the last 18 months", stock, 0.68, 180},
		{"läkemedel enligt riktlinje", "medicines by guideline", stock, 0.74, 160},
		{"behandlingsmål uppnått", "treatment goal reached", stock, 0.49, 150},
		{"fysisk aktivitet ordinerad", "physical activity prescribed", events, 0.18, 45},
		{"ny diagnos med utredning", "new diagnosis with investigation", events, 0.57, 30},
	}
	g, a := groups[(n-1)%len(groups)], asks[((n-1)/len(groups))%len(asks)]
	i := &indicator{Indicator: catalog.Indicator{ID: fmt.Sprintf("pvk_%03d", n), Registry: pvk, Name: text("sv", g+": "+a.sv, g+": "+a.en),
		Type: catalog.Proportion, Subset: true, Class: "process", Direction: "up", Multiplier: 100, MinDenominator: 15, Spec: fmt.Sprintf("Primary care quality, %03d", n)},
		form: a.form, base: a.base, volume: a.volume, lag: 4, season: 0.05, peak: 1 + n%12}
	if a.form == stock {
		i.Measurement = "cross_section"
	} else {
		i.MaturityLagDays = 14
	}
	return i
}
