package simulate

import (
	"math"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
)

// feed is one sender's export.
type feed struct {
	catalog.Feed
	group   string
	inds    []*indicator
	columns []string
	lineEnd string
	prefix  string // of the file name
	// roles are the columns that faults change, by role or indicator id.
	roles map[string]int
	// rows gives the content of night k. extracted is the date that the file
	// says of itself.
	rows func(k int, extracted int32, emit func(*record) error) error
}

const (
	roleUnit  = "unit"
	roleLabel = "label"
	roleText  = "text"
	roleCode  = "code"
	roleNum   = "numerator"
	roleDen   = "denominator"
	roleRate  = "rate"
)

// fileName is the name of the export of an as-of date.
func (f *feed) fileName(asOf int32) string {
	return f.prefix + string(appendCompact(nil, asOf)) + ".csv"
}

func appendCompact(b []byte, d int32) []byte {
	return append(b, strings.ReplaceAll(catalog.DateOfDays(d).String(), "-", "")...)
}

func (f *feed) has(id string) bool {
	_, ok := f.roles[id]
	return ok
}

// column adds a column and says where it is.
func (f *feed) column(name, role string) {
	if role != "" {
		f.roles[role] = len(f.columns)
	}
	f.columns = append(f.columns, name)
}

func byName() catalog.Extract {
	return catalog.Extract{By: "name", Pattern: `_(\d{8})\.csv$`, Layout: "20060102"}
}

// newFeeds are the exports of the senders that have an indicator.
func (g *generator) newFeeds() []*feed {
	var out []*feed
	for _, r := range registries() {
		f := &feed{Feed: catalog.Feed{Registry: r.code, Order: byName(), AsOf: byName(), Delivery: "snapshot", TimeZone: zoneOf(r.country),
			Schedule: catalog.Schedule{Every: "day", By: "05:00"}}, group: r.group, roles: map[string]int{}, lineEnd: "\n"}
		for _, i := range g.inds {
			if i.Registry == r.code {
				f.inds = append(f.inds, i)
			}
		}
		if len(f.inds) == 0 {
			continue
		}
		switch r.code {
		case pvk:
			g.pvk(f)
		case infekt:
			g.infekt(f)
		case hofte:
			g.hofte(f)
		case slag:
			g.slag(f)
		case akut:
			g.akut(f)
		}
		f.Files = []string{f.prefix + "*.csv"}
		out = append(out, f)
	}
	return out
}

func zoneOf(country string) string {
	return map[string]string{"SE": "Europe/Stockholm", "DK": "Europe/Copenhagen", "NO": "Europe/Oslo", "FI": "Europe/Helsinki"}[country]
}

// since is the first month that night k brings.
func (g *generator) since(k, resend int) int {
	if k == 0 {
		return 0
	}
	return max(0, g.month(g.asOf[k])-resend)
}

// --- primary care, aggregated ------------------------------------------------

func (g *generator) pvk(f *feed) {
	f.ID, f.prefix, f.lineEnd = "pvk-month", "pvk_havsmark_", "\r\n"
	f.Dialect = catalog.Dialect{Encoding: "windows-1252", Delimiter: ";", Decimal: ",", Dates: "dd.mm.yyyy"}
	f.Scope = catalog.Scope{Window: "file"}
	f.Complete = catalog.Complete{By: "trailer", Pattern: `^SLUT;(\d+)`}
	f.Key = []string{"HSA-id", "Indikator", "Månad"}
	f.column("HSA-id", roleUnit)
	f.column("Vårdcentral", roleLabel)
	f.column("Indikator", "")
	f.column("Månad", "")
	f.column("Täljare", roleNum)
	f.column("Nämnare", roleDen)
	f.column("Andel", roleRate)
	f.column("Journalsystem", "")
	f.Columns = catalog.Columns{Unit: "HSA-id", UnitSystem: "hsa", Indicator: "Indikator", EventDate: "Månad", Numerator: "Täljare", Denominator: "Nämnare", Rate: "Andel"}
	f.IgnoreColumns = []string{"Vårdcentral", "Journalsystem"}
	f.rows = func(k int, _ int32, emit func(*record) error) error {
		r := record{values: make([]value, len(f.columns))}
		last := g.month(g.asOf[k] - 1)
		for _, u := range g.region.byGroup[f.group] {
			for _, ind := range f.inds {
				err := g.monthly(ind, u, g.since(k, g.o.ResendMonths), last, k, func(m int, n, d int64) error {
					first := g.start(m)
					r.unit, r.day, r.ind = u, first, ind
					r.values[0], r.values[1], r.values[2], r.values[3] = txt(u.codeAt(first)), txt(u.label), txt(ind.ID), day(first)
					r.values[4], r.values[5], r.values[6], r.values[7] = num(n), num(d), rate(n, d, ind.Multiplier), txt(u.vendor)
					if ind.Type == catalog.Count {
						r.values[5], r.values[6] = value{}, value{}
					}
					return emit(&r)
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// rate is n of d times the multiplier with one decimal, rounded half up.
func rate(n, d int64, multiplier float64) value {
	if d == 0 {
		return value{}
	}
	k := int64(max(multiplier, 1))
	if k == 1 { // a plain ratio has more decimals
		return dec((2*n*1000+d)/(2*d), 3)
	}
	return dec((2*n*k*10+d)/(2*d), 1)
}

// monthly gives the numbers of a unit's indicator for the months from..last, as
// night k knows them.
func (g *generator) monthly(ind *indicator, u *unit, from, last, k int, yield func(m int, n, d int64) error) error {
	s := g.series(ind, u)
	size := g.s.key("volume", ind.ID, u.ID)
	late := g.s.key("late", ind.ID, u.ID)
	through := g.asOf[k] - 1
	var ring [12][2]int64
	state := 0.0 // the slow part of a stock
	for m := -rollBack; m <= last; m++ {
		first, next := g.start(m), g.start(m+1)
		d := size.at(m)
		var n, den int64
		whole := through >= next-1
		switch ind.form {
		case stock, population:
			// The same patients month after month: a first-order
			// autoregression instead of new draws.
			z := d.NormFloat64()
			state = 0.9*state + g.o.PeriodEffectSD*z*math.Sqrt(1-0.81)
			people := ind.volume * u.growthAt(m) * (1 + 0.004*d.NormFloat64())
			den = int64(people + 0.5)
			n = den
			if ind.form == stock {
				n = int64(float64(den)*expit(s.smooth(m)+state) + 0.5)
			}
			if !whole { // the state at the end of the month is not there yet
				continue
			}
		case personTime:
			den = int64(ind.volume*u.growthAt(m) + 0.5)
			if !whole {
				den = den * int64(through-first+1) / int64(next-first)
			}
			n = d.poisson(ind.volume * u.growthAt(m) * exp(s.at(m)) * d.factor(g.o.VolumeAlpha))
			n = g.known(late, m, ind.lag, k, n, 0)[0]
			n = min(n, den)
		default:
			den = d.poisson(ind.volume * u.growthAt(m) * d.factor(g.o.VolumeAlpha))
			if ind.form == ratioOfCounts {
				n = d.poisson(float64(den) * exp(s.at(m)))
				both := g.known(late, m, ind.lag, k, n, den)
				n, den = both[0], both[1]
			} else {
				n = d.binomial(den, expit(s.at(m)))
				both := g.known(late, m, ind.lag, k, n, den-n)
				n, den = both[0], both[0]+both[1]
			}
		}
		if first < u.from || first >= u.to {
			n, den = 0, 0
		}
		if ind.Measurement == "rolling" {
			ring[(m+rollBack)%12] = [2]int64{n, den}
			n, den = 0, 0
			for _, v := range ring {
				n, den = n+v[0], den+v[1]
			}
		}
		if m < from || !u.open(first) {
			continue
		}
		if err := yield(m, n, den); err != nil {
			return err
		}
	}
	return nil
}

// known thins two counts of a month to what is registered by night k. Nights
// draw from what the nights before had left, so that a count never falls.
func (g *generator) known(late key, m int, lag float64, k int, a, b int64) [2]int64 {
	first, next := g.start(m), g.start(m+1)
	lag *= g.o.LateScale
	if share := registered(first, next, g.asOf[0]-1, lag); share > 0.99999 {
		return [2]int64{a, b}
	}
	left := [2]int64{a, b}
	d := late.at(m)
	before := 0.0
	for j := 0; j <= k; j++ {
		share := registered(first, next, g.asOf[j]-1, lag)
		if before < 1 {
			p := (share - before) / (1 - before)
			for i := range left {
				left[i] -= d.binomial(left[i], p)
			}
		}
		before = share
	}
	return [2]int64{a - left[0], b - left[1]}
}

// registered is the share of a month's events that are registered by the end of
// a day: events on all days alike, exponential delay.
func registered(first, next, through int32, lag float64) float64 {
	sum := 0.0
	for d := first; d < next && d <= through; d++ {
		if lag <= 0 {
			sum++
		} else {
			sum += 1 - exp(-float64(through-d+1)/lag)
		}
	}
	return sum / float64(next-first)
}

// --- visits for infections, case by case -------------------------------------

// diagnoses of respiratory infections in primary care, ICD-10-SE, with their
// shares in hundredths and what another code system (ICPC-2) calls them.
func diagnoses() []struct {
	code, other string
	share       int
} {
	return []struct {
		code, other string
		share       int
	}{{"J06.9", "R74", 36}, {"J03.9", "R76", 14}, {"J20.9", "R78", 12}, {"H66.9", "H71", 12}, {"J01.9", "R75", 10}, {"J18.9", "R81", 8}, {"J11.1", "R80", 8}}
}

const tonsillitis = "J03.9"

func reasons() []string {
	return []string{"Hosta och feber", "Halsont sedan 3 dagar", "Öronvärk", "Förkyld, trött", "Feber, allmänpåverkad", "Andfådd vid ansträngning", "Kontroll, ej bättre", "Snuva; bihåletryck", "Ringer för rådgivning, tid bokad"}
}

func (g *generator) infekt(f *feed) {
	f.ID, f.prefix = "infekt-visits", "infektionsbesok_"
	f.Dialect = catalog.Dialect{Encoding: "utf-8", Delimiter: ",", Decimal: ".", Dates: "iso"}
	f.Scope = catalog.Scope{Window: "file"}
	f.Key = []string{"visit_id"}
	f.column("visit_id", "")
	f.column("hsa_id", roleUnit)
	f.column("centre", roleLabel)
	f.column("visit_time", "")
	f.column("registered", "")
	f.column("patient", "")
	f.column("diagnosis", roleCode)
	f.column("reason", roleText)
	f.column("records_system", "")
	f.Columns = catalog.Columns{Unit: "hsa_id", UnitSystem: "hsa", EventDate: "visit_time", RegistrationDate: "registered", Subject: "patient"}
	f.Codes = []catalog.CodeColumn{{Column: "diagnosis", System: "icd-10-se"}}
	f.IgnoreColumns = []string{"centre", "reason", "records_system"}
	for _, i := range f.inds {
		switch i.ID {
		case "inf_antibiotics":
			f.column("antibiotics", i.ID)
			f.Measures = append(f.Measures, catalog.Measure{Indicator: i.ID, Numerator: "antibiotics", Denominator: "=1"})
		case "inf_return_30d":
			f.column("return_30d", i.ID)
			f.Measures = append(f.Measures, catalog.Measure{Indicator: i.ID, Numerator: "return_30d", Denominator: "=1"})
		case "inf_crp_mean":
			f.column("crp", i.ID)
			f.Measures = append(f.Measures, catalog.Measure{Indicator: i.ID, Value: "crp"})
		case "inf_strep_test":
			f.column("strep_test", i.ID)
			f.Measures = append(f.Measures, catalog.Measure{Indicator: i.ID, Numerator: "strep_test", Denominator: "=1",
				When: &catalog.When{Column: "diagnosis", In: []string{tonsillitis}}})
		}
	}
	p, codes, why := g.profile(infekt), diagnoses(), reasons()
	f.rows = func(k int, _ int32, emit func(*record) error) error {
		r := record{values: make([]value, len(f.columns))}
		through := g.asOf[k] - 1
		for i, u := range g.region.byGroup[f.group] {
			series := make([]series, len(f.inds))
			for j, ind := range f.inds {
				series[j] = g.series(ind, u)
			}
			about := g.s.key("visit", u.ID)
			for m := g.since(k, g.o.ResendCaseMonths); m <= g.month(through); m++ {
				d := about.at(m)
				draws := make([]stream, len(f.inds))
				level := make([]float64, len(f.inds))
				for j, ind := range f.inds {
					draws[j], level[j] = g.s.key("case", ind.ID, u.ID).at(m), series[j].at(m)
				}
				id := visitPrefix(i, g.start(m))
				err := g.cases(infekt, &p, u, m, func(e *event) error {
					at100, c := d.IntN(100), 0
					for at100 >= codes[c].share {
						at100 -= codes[c].share
						c++
					}
					reason := why[d.IntN(len(why))]
					r.unit, r.day = u, e.day
					v := r.values
					v[0], v[1], v[2], v[3] = txt(id+pad(e.n, 4)), txt(u.codeAt(e.day)), txt(u.label), at(e.day, e.minute)
					v[4], v[5], v[6], v[7], v[8] = day(e.reg), txt(pseudonym(e.patient)), txt(codes[c].code), txt(reason), txt(u.vendor)
					for j, ind := range f.inds {
						x, w := draws[j], f.roles[ind.ID]
						switch ind.ID {
						case "inf_return_30d":
							hit := x.Float64() < expit(level[j])
							back := e.day + 1 + int32(x.IntN(30)) + 1
							v[w] = yes(hit && back <= through)
						case "inf_crp_mean":
							size, taken := x.NormFloat64(), x.Float64() < 0.55
							v[w] = value{}
							if taken { // a lognormal value, whose mean is the level
								v[w] = dec(int64(10*exp(level[j]+0.9*size-0.405)+0.5), 1)
							}
						case "inf_strep_test":
							hit := x.Float64() < expit(level[j])
							v[w] = value{}
							if codes[c].code == tonsillitis {
								v[w] = yes(hit)
							}
						default:
							v[w] = yes(x.Float64() < expit(level[j]))
						}
					}
					if e.reg > through {
						return nil
					}
					return emit(&r)
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	}
}

func visitPrefix(unit int, first int32) string {
	return "V" + pad(unit+1, 5) + "-" + string(appendCompact(nil, first)[2:6]) + "-"
}

func pad(n, width int) string {
	var b [12]byte
	i := len(b)
	for n > 0 || len(b)-i < width {
		i--
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return string(b[i:])
}

// --- hip fractures, a delta --------------------------------------------------

func (g *generator) hofte(f *feed) {
	f.ID, f.prefix, f.lineEnd = "hofte-delta", "hofte_delta_", "\r\n"
	f.Dialect = catalog.Dialect{Encoding: "utf-8-bom", Delimiter: ";", Decimal: ",", Dates: "dd-mm-yyyy"}
	f.Delivery = "delta"
	f.Complete = catalog.Complete{By: "manifest"}
	f.Key = []string{"forløb_id"}
	f.Operation = &catalog.Operation{Column: "handling", Delete: []string{"slet"}}
	f.column("forløb_id", "")
	f.column("sor_kode", roleUnit)
	f.column("afdeling", roleLabel)
	f.column("indlagt", "")
	f.column("pseudonym", "")
	f.column("handling", "")
	f.column("bemærkning", roleText)
	f.column("opereret", "")
	f.Columns = catalog.Columns{Unit: "sor_kode", UnitSystem: "sor", EventDate: "indlagt", Subject: "pseudonym"}
	f.IgnoreColumns = []string{"afdeling", "bemærkning"}
	mobilised := false
	for _, i := range f.inds {
		switch i.ID {
		case "hip_op_24h":
			f.column("op_24t", i.ID)
			f.Measures = append(f.Measures, catalog.Measure{Indicator: i.ID, Numerator: "op_24t", Denominator: "=1"})
		case "hip_mortality_30d":
			f.column("død_30d", i.ID)
			f.column("forventet_død_30d", "expected")
			f.Measures = append(f.Measures, catalog.Measure{Indicator: i.ID, Numerator: "død_30d", Expected: "forventet_død_30d"})
		case "hip_readmission_30d":
			f.column("genindlagt_30d", i.ID)
			f.Measures = append(f.Measures, catalog.Measure{Indicator: i.ID, Numerator: "genindlagt_30d", Denominator: "=1"})
		case "hip_stay_mean":
			f.column("indlagt_dage", i.ID)
			f.Measures = append(f.Measures, catalog.Measure{Indicator: i.ID, Value: "indlagt_dage"})
		case "hip_mobilised_24h":
			mobilised = true
			f.column("mob_24t", i.ID)
			f.Measures = append(f.Measures, catalog.Measure{Indicator: i.ID, Numerator: "mob_24t", Denominator: "=1",
				When: &catalog.When{Column: "opereret", In: []string{"1"}}})
		}
	}
	if !mobilised {
		f.IgnoreColumns = append(f.IgnoreColumns, "opereret")
	}
	p := g.profile(hofte)
	f.rows = func(k int, _ int32, emit func(*record) error) error {
		now, before := record{values: make([]value, len(f.columns))}, record{values: make([]value, len(f.columns))}
		from := 0
		if k > 0 {
			from = max(0, g.month(g.asOf[k])-hipMonths)
		}
		for i, u := range g.region.byGroup[f.group] {
			series := make([]series, len(f.inds))
			for j, ind := range f.inds {
				series[j] = g.series(ind, u)
			}
			for m := from; m <= g.month(g.asOf[k]-1); m++ {
				d := g.s.key("hip", u.ID).at(m)
				draws := make([]stream, len(f.inds))
				level := make([]float64, len(f.inds))
				for j, ind := range f.inds {
					draws[j], level[j] = g.s.key("case", ind.ID, u.ID).at(m), series[j].at(m)
				}
				err := g.cases(hofte, &p, u, m, func(e *event) error {
					c := hip{event: *e, operated: d.Float64() < 0.97, risk: expit(logit(0.09) + 0.9*d.NormFloat64() - 0.35)}
					c.withdrawn = int32(1 << 30)
					if w := d.Float64(); w < g.o.WithdrawnShare {
						c.withdrawn = e.reg + 5 + int32(d.IntN(35))
					} else {
						d.IntN(35)
					}
					for j, ind := range f.inds {
						x := draws[j]
						c.uniform[j], c.normal[j] = x.Float64(), x.NormFloat64()
						_ = ind
					}
					id := "H" + visitPrefix(i, g.start(m))[1:] + pad(e.n, 4)
					is := g.hipState(f, u, &c, level, id, g.asOf[k]-1, &now)
					was := k > 0 && g.hipState(f, u, &c, level, id, g.asOf[k-1]-1, &before)
					switch {
					case !is && !was, is && was && slices.Equal(now.values, before.values):
						return nil
					case !is:
						before.values[5] = txt("slet")
						return emit(&before)
					}
					return emit(&now)
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// hipMonths is for how long after the event a course may change.
const hipMonths = 14

// maxHip is the most indicators of the hip fracture database.
const maxHip = 8

// hip is one course of care.
type hip struct {
	event
	operated  bool
	risk      float64
	withdrawn int32
	uniform   [maxHip]float64
	normal    [maxHip]float64
}

// hipState writes what is known of a course at the end of a day, if anything.
func (g *generator) hipState(f *feed, u *unit, c *hip, level []float64, id string, through int32, r *record) bool {
	if c.reg > through || c.withdrawn <= through {
		return false
	}
	r.unit, r.day = u, c.day
	v := r.values
	v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7] = txt(id), txt(u.codeAt(c.day)), txt(u.label), day(c.day), txt(pseudonym(c.patient)), txt("opret"), value{}, yes(c.operated)
	for j, ind := range f.inds {
		w := f.roles[ind.ID]
		v[w] = value{}
		switch ind.ID {
		case "hip_mortality_30d":
			// Relative to the model's level; deaths are matched after 35 days.
			e := f.roles["expected"]
			v[e] = value{}
			if through >= c.day+35 {
				p := expit(logit(c.risk) + level[j] - logit(0.09))
				v[w], v[e] = yes(c.uniform[j] < p), dec(int64(c.risk*10000+0.5), 4)
			}
		case "hip_readmission_30d":
			if through >= c.day+37 {
				v[w] = yes(c.uniform[j] < expit(level[j]))
			}
		case "hip_stay_mean":
			stay := exp(level[j] + 0.5*c.normal[j] - 0.125)
			if through >= c.day+int32(stay)+1 {
				v[w] = dec(int64(10*stay+0.5), 1)
			}
		case "hip_mobilised_24h":
			if c.operated {
				v[w] = yes(c.uniform[j] < expit(level[j]))
			}
		default:
			v[w] = yes(c.uniform[j] < expit(level[j]))
		}
	}
	return true
}

// --- stroke, the whole registry anew -----------------------------------------

func (g *generator) slag(f *feed) {
	f.ID, f.prefix, f.lineEnd = "slag-registry", "slagregister_", "\r\n"
	f.Dialect = catalog.Dialect{Encoding: "utf-8-bom", Delimiter: ";", Decimal: ",", Dates: "dd.mm.yyyy", NamelessLast: true}
	f.Scope = catalog.Scope{Window: "all"}
	f.Key = []string{"ForlopsID"}
	f.column("ForlopsID", "")
	f.column("AvdRESH", roleUnit)
	f.column("Avdeling", roleLabel)
	f.column("Innlagt", "")
	f.column("Registrert", "")
	f.column("PasientID", "")
	f.column("Trombolyse", "")
	f.column("Merknad", roleText)
	f.column("Uttrekksdato", "")
	f.Columns = catalog.Columns{Unit: "AvdRESH", UnitSystem: "resh", EventDate: "Innlagt", RegistrationDate: "Registrert", Subject: "PasientID"}
	f.IgnoreColumns = []string{"Avdeling", "Merknad", "Uttrekksdato"}
	given := &catalog.When{Column: "Trombolyse", In: []string{"1"}}
	used := false
	for _, i := range f.inds {
		m := catalog.Measure{Indicator: i.ID, Denominator: "=1"}
		switch i.ID {
		case "stroke_unit":
			f.column("Slagenhet", i.ID)
			m.Numerator = "Slagenhet"
		case "stroke_needle_40min":
			f.column("Nal40", i.ID)
			m.Numerator, m.When, used = "Nal40", given, true
		case "stroke_needle_median":
			f.column("DorNalMin", i.ID)
			m.Value, m.Denominator, m.When, used = "DorNalMin", "", given, true
		case "stroke_independent_90d":
			f.column("Selvhjulpen", i.ID)
			m.Numerator = "Selvhjulpen"
		case "stroke_registered":
			m.Numerator, m.Denominator = "=1", ""
		}
		f.Measures = append(f.Measures, m)
	}
	if !used {
		f.IgnoreColumns = append(f.IgnoreColumns, "Trombolyse")
	}
	p := g.profile(slag)
	f.rows = func(k int, extracted int32, emit func(*record) error) error {
		r := record{values: make([]value, len(f.columns))}
		through := g.asOf[k] - 1
		for i, u := range g.region.byGroup[f.group] {
			series := make([]series, len(f.inds))
			for j, ind := range f.inds {
				series[j] = g.series(ind, u)
			}
			for m := 0; m <= g.month(through); m++ {
				d := g.s.key("stroke", u.ID).at(m)
				draws := make([]stream, len(f.inds))
				level := make([]float64, len(f.inds))
				for j, ind := range f.inds {
					draws[j], level[j] = g.s.key("case", ind.ID, u.ID).at(m), series[j].at(m)
				}
				err := g.cases(slag, &p, u, m, func(e *event) error {
					thrombolysis, minutes := d.Float64() < 0.22, d.NormFloat64()
					answered, asked := d.Float64() < 0.88, e.day+90+d.days(20)
					r.unit, r.day = u, e.day
					v := r.values
					v[0], v[1], v[2], v[3], v[4] = txt("S"+visitPrefix(i, g.start(m))[1:]+pad(e.n, 3)), txt(u.codeAt(e.day)), txt(u.label), day(e.day), day(e.reg)
					v[5], v[6], v[7], v[8] = txt(pseudonym(e.patient)), yes(thrombolysis), value{}, day(extracted)
					for j, ind := range f.inds {
						w, ok := f.roles[ind.ID]
						if !ok {
							continue
						}
						x := draws[j]
						hit := x.Float64() < expit(level[j])
						v[w] = value{}
						switch ind.ID {
						case "stroke_needle_40min":
							if thrombolysis {
								v[w] = yes(hit)
							}
						case "stroke_needle_median":
							if thrombolysis {
								v[w] = num(int64(max(10, exp(level[j]+0.35*minutes)) + 0.5))
							}
						case "stroke_independent_90d":
							if answered && asked <= through {
								v[w] = yes(hit)
							}
						default:
							v[w] = yes(hit)
						}
					}
					if e.reg > through {
						return nil
					}
					return emit(&r)
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// --- emergency departments, by day -------------------------------------------

func (g *generator) akut(f *feed) {
	f.ID, f.prefix = "akut-day", "akut_dygn_"
	f.Dialect = catalog.Dialect{Encoding: "utf-8", Delimiter: ",", Decimal: ".", Dates: "iso"}
	// The whole series anew; one month to spare, as nights may enter a new one.
	f.Scope = catalog.Scope{Window: "months", Months: g.o.Months + 2 + g.o.Nights/28}
	f.Key = []string{"unit_oid", "date"}
	f.column("unit_oid", roleUnit)
	f.column("unit_name", roleLabel)
	f.column("date", "")
	f.column("visits", "visits")
	f.Columns = catalog.Columns{Unit: "unit_oid", UnitSystem: "oid", EventDate: "date"}
	f.IgnoreColumns = []string{"unit_name"}
	used := false
	for _, i := range f.inds {
		m := catalog.Measure{Indicator: i.ID, Denominator: "visits"}
		used = true
		switch i.ID {
		case "ed_over_4h":
			f.column("over_4h", i.ID)
			m.Numerator = "over_4h"
		case "ed_left_unseen":
			f.column("left_unseen", i.ID)
			m.Numerator = "left_unseen"
		case "ed_admitted":
			f.column("admitted", i.ID)
			m.Numerator = "admitted"
		case "ed_visits":
			m.Numerator, m.Denominator = "visits", ""
		}
		f.Measures = append(f.Measures, m)
	}
	if !used {
		f.IgnoreColumns = append(f.IgnoreColumns, "visits")
	}
	p := g.profile(akut)
	f.rows = func(k int, _ int32, emit func(*record) error) error {
		r := record{values: make([]value, len(f.columns))}
		through := g.asOf[k] - 1
		for _, u := range g.region.byGroup[f.group] {
			series := make([]series, len(f.inds))
			for j, ind := range f.inds {
				series[j] = g.series(ind, u)
			}
			for m := 0; m <= g.month(through); m++ {
				d := g.s.key("emergency", u.ID).at(m)
				draws := make([]stream, len(f.inds))
				level := make([]float64, len(f.inds))
				for j, ind := range f.inds {
					draws[j], level[j] = g.s.key("case", ind.ID, u.ID).at(m), series[j].at(m)
				}
				mean := p.monthly / 30.44 * u.growthAt(m) * (1 + p.season*g.o.SeasonScale*wave(int(g.first.Time().Month())+m, p.peak)) * d.factor(g.o.VolumeAlpha)
				for dayOf := g.start(m); dayOf < g.start(m+1) && dayOf <= through; dayOf++ {
					visits := d.poisson(mean * p.week.at(dayOf) * d.factor(g.o.VolumeAlpha))
					if !u.open(dayOf) {
						continue
					}
					r.unit, r.day = u, dayOf
					v := r.values
					v[0], v[1], v[2], v[3] = txt(u.codeAt(dayOf)), txt(u.label), day(dayOf), num(visits)
					for j, ind := range f.inds {
						if w, ok := f.roles[ind.ID]; ok {
							v[w] = num(draws[j].binomial(visits, expit(level[j])))
						}
					}
					if err := emit(&r); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
}
