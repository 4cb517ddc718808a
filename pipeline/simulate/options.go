package simulate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
)

// EachKind asks for one fault of every kind that the region has a target for.
const EachKind = -1

// Range is a uniform distribution from Low to High.
type Range struct{ Low, High float64 }

// Options say what is simulated. The zero value is not usable; begin with
// Default. Sources name where the size of a default comes from; "plausible"
// says that no source was used but that the value is of the usual order.
type Options struct {
	// Seed of all randomness.
	Seed uint64
	// Units that report, at any time of the history, areas and hospitals above
	// departments not counted. Default 60.
	Units int
	// Indicators, at most MaxIndicators. The first 24 are named ones, taken
	// from the senders in turn; further ones are primary care's. Default 20.
	Indicators int
	// Months of history before the month of the first night. Default 36.
	Months int
	// Nights of deliveries after the first load, on consecutive dates. Default 5.
	Nights int
	// LastNight is the as-of date of the last night; the first load is dated
	// the day before the first. Default 2025-10-17, a Friday in the middle of a
	// month, so that there is a month that is still filling.
	LastNight catalog.Date

	// Faults is how many are injected: 0 none, EachKind (the default) one of
	// every kind. More than there are kinds begin again at the first.
	Faults int
	// Kinds of faults to choose from; empty: all.
	Kinds []Kind

	// ResendMonths is how many months before the current one the aggregated
	// monthly export brings anew. Default 13: a year and the month before it,
	// a usual window of re-sent periods. Plausible.
	ResendMonths int
	// ResendCaseMonths is the same for case-level exports. Default 3. Plausible.
	ResendCaseMonths int

	// VisitsPerMonth are the registered visits for infections of a health centre
	// of size 1. Default 50: six for each thousand listed, the visits to a
	// doctor; most contacts are by telephone or with a nurse. Plausible. It
	// decides more than any other option how many rows there are.
	VisitsPerMonth float64
	// UnitSizeSD is the standard deviation of the log of unit sizes. Default
	// 0.40: the middle two thirds of Swedish health centres have between about
	// 6,000 and 13,000 listed patients. Plausible.
	UnitSizeSD float64
	// UnitEffectSD is the standard deviation of units on the logit scale.
	// Default 0.30, a median odds ratio of 1.33, as often reported for process
	// measures between practices.
	UnitEffectSD float64
	// PeriodEffectSD is the standard deviation of unit and month on the logit
	// scale: overdispersion. Default 0.08, so that a share of 1,000 cases varies
	// about 1.5 times as much as binomial.
	PeriodEffectSD float64
	// VolumeAlpha is the alpha of the variance mean + alpha*mean² of a unit's
	// monthly volume. Default 0.004 (6 % beyond chance). Plausible.
	VolumeAlpha float64
	// GrowthMean and GrowthSD are those of the yearly growth of a unit's volume,
	// normal. Defaults 0.015 and 0.03. Plausible.
	GrowthMean, GrowthSD float64
	// TrendSD is the standard deviation of the yearly trend of an indicator over
	// all units, on the logit scale. Default 0.05. Plausible.
	TrendSD float64
	// SeasonScale multiplies the seasons of indicators and volumes. Default 1;
	// 0: no seasons.
	SeasonScale float64
	// LateScale multiplies the mean delays of registration, which are 0 to 20
	// days by sender. Default 1; 0: everything is registered on its day.
	LateScale float64
	// WithdrawnShare of the cases of the delta export are deleted again some
	// weeks after their registration. Default 0.003. Plausible.
	WithdrawnShare float64
	// RealChangeShare of the series of a unit and indicator change their level
	// once. Default 0.02. Plausible: few changes of a year are real ones.
	RealChangeShare float64
	// RealChange is the absolute size of a real change on the logit scale.
	// Default 0.5 to 1.1: a share of 50 % goes to 62 to 75 %.
	RealChange Range
	// ImprovedShare of the real changes are improvements. Default 0.6.
	ImprovedShare float64
	// MergedShare, RenamedShare, OpenedShare and ClosedShare of the health
	// centres meet that fate within the history; at least one of each where
	// there are ten or more. Defaults 0.03, 0.05, 0.03, 0.02.
	MergedShare, RenamedShare, OpenedShare, ClosedShare float64

	// DropShare is the share of a unit's rows that a volume drop takes.
	// Default 0.35 to 0.8: one of two or three wards or systems is not exported.
	DropShare Range
	// SpikeFactor multiplies the volume of a spike. Default 2 to 5: a day that
	// was kept back, or a join that multiplies rows.
	SpikeFactor Range
	// CutShare is the share of a file's bytes that a cut leaves. Default 0.2 to 0.95.
	CutShare Range
	// CodeDays is for how many days before the night the codes are of another
	// system. Default 7 to 14.
	CodeDays Range
	// MergeDays is how many days before the night one unit began to write under
	// another's code. Default 7 to 14.
	MergeDays Range
	// IdentityRows is how many rows get a personal identity number. Default 3 to 12.
	IdentityRows Range
	// AboveMonths is in how many of the newest months a numerator counts more
	// than its denominator. Default 1 to 3.
	AboveMonths Range
	// AboveExcess is by which share the numerator is above. Default 0.02 to 0.3.
	AboveExcess Range
}

// Default is what `larstrom simulate` does when nothing else is asked for.
func Default() Options {
	return Options{
		Units: 60, Indicators: 20, Months: 36, Nights: 5, LastNight: catalog.NewDate(2025, time.October, 17),
		Faults: EachKind, ResendMonths: 13, ResendCaseMonths: 3,
		VisitsPerMonth: 50, UnitSizeSD: 0.40, UnitEffectSD: 0.30, PeriodEffectSD: 0.08, VolumeAlpha: 0.004,
		GrowthMean: 0.015, GrowthSD: 0.03, TrendSD: 0.05, SeasonScale: 1, LateScale: 1, WithdrawnShare: 0.003,
		RealChangeShare: 0.02, RealChange: Range{0.5, 1.1}, ImprovedShare: 0.6,
		MergedShare: 0.03, RenamedShare: 0.05, OpenedShare: 0.03, ClosedShare: 0.02,
		DropShare: Range{0.35, 0.8}, SpikeFactor: Range{2, 5}, CutShare: Range{0.2, 0.95}, CodeDays: Range{7, 14},
		MergeDays: Range{7, 14}, IdentityRows: Range{3, 12}, AboveMonths: Range{1, 3}, AboveExcess: Range{0.02, 0.3},
	}
}

// Bounds of the options that decide how much is written.
const (
	MaxUnits      = 20_000
	MaxIndicators = 400
	MaxMonths     = 240
	MaxNights     = 366
	MaxFaults     = 1000
)

// Validate joins everything that is wrong with the options.
func (o Options) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("simulate: "+format, args...)) }
	whole := func(name string, n, low, high int, why string) {
		if n < low || n > high {
			bad("%s is %d; it must be %d to %d%s", name, n, low, high, why)
		}
	}
	whole("indicators", o.Indicators, 1, MaxIndicators, "")
	least := 1
	if o.Indicators >= 1 && o.Indicators <= MaxIndicators {
		least = len(groupsOf(o.Indicators))
	}
	whole("units", o.Units, least, MaxUnits, fmt.Sprintf(": %d indicators come from the units of %d countries", o.Indicators, least))
	whole("months", o.Months, 3, MaxMonths, "")
	whole("nights", o.Nights, 1, MaxNights, "")
	whole("resend_months", o.ResendMonths, 1, MaxMonths, "")
	whole("resend_case_months", o.ResendCaseMonths, 1, MaxMonths, "")
	if o.Faults != EachKind {
		whole("faults", o.Faults, 0, MaxFaults, "")
	}
	if first, last := catalog.NewDate(1960, 1, 1), catalog.NewDate(2150, 1, 1); o.LastNight.Before(first) || last.Before(o.LastNight) {
		bad("last night is %q; it must be a date from %s to %s", o.LastNight, first, last)
	}
	for _, k := range o.Kinds {
		if !slices.Contains(Kinds(), k) {
			bad("fault %q is no kind of fault; there are %s", k, strings.Join(kindNames(), ", "))
		}
	}
	for _, v := range []struct {
		name      string
		f         float64
		low, high float64
	}{
		{"visits_per_month", o.VisitsPerMonth, 0.1, 1e5}, {"unit_size_sd", o.UnitSizeSD, 0, 3}, {"unit_effect_sd", o.UnitEffectSD, 0, 3}, {"period_effect_sd", o.PeriodEffectSD, 0, 3},
		{"volume_alpha", o.VolumeAlpha, 0, 5}, {"growth_mean", o.GrowthMean, -0.5, 0.5}, {"growth_sd", o.GrowthSD, 0, 0.5},
		{"trend_sd", o.TrendSD, 0, 3}, {"season_scale", o.SeasonScale, 0, 1.5}, {"late_scale", o.LateScale, 0, 3},
		{"withdrawn_share", o.WithdrawnShare, 0, 0.5}, {"real_change_share", o.RealChangeShare, 0, 1}, {"improved_share", o.ImprovedShare, 0, 1},
		{"merged_share", o.MergedShare, 0, 0.2}, {"renamed_share", o.RenamedShare, 0, 0.2}, {"opened_share", o.OpenedShare, 0, 0.2}, {"closed_share", o.ClosedShare, 0, 0.2},
	} {
		if math.IsNaN(v.f) || v.f < v.low || v.f > v.high {
			bad("%s is %v; it must be %v to %v", v.name, v.f, v.low, v.high)
		}
	}
	for _, v := range []struct {
		name      string
		r         Range
		low, high float64
	}{
		{"real_change", o.RealChange, 0, 10}, {"drop_share", o.DropShare, 0, 1}, {"spike_factor", o.SpikeFactor, 1, 1000}, {"cut_share", o.CutShare, 0, 1},
		{"code_days", o.CodeDays, 1, 366}, {"merge_days", o.MergeDays, 1, 366}, {"identity_rows", o.IdentityRows, 1, 1e6},
		{"above_months", o.AboveMonths, 1, MaxMonths}, {"above_excess", o.AboveExcess, 0, 100},
	} {
		if !(v.r.Low >= v.low && v.r.Low <= v.r.High && v.r.High <= v.high) {
			bad("%s is %v to %v; it must lie within %v to %v, the lower first", v.name, v.r.Low, v.r.High, v.low, v.high)
		}
	}
	return errors.Join(errs...)
}
