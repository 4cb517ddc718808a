package publication

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// Flag is a flag and what became of it.
type Flag struct {
	event.FlagRaised
	Status   string
	RaisedAt time.Time
	// SLA is due or late where what the flag awaits is beyond its time.
	SLA string
}

// Delivery is a delivery that was decided.
type Delivery struct {
	Received   event.DeliveryReceived
	ReceivedAt time.Time
	Accepted   *event.DeliveryAccepted
	Rejected   *event.DeliveryRejected
	// Retracted is the day on which somebody withdrew it; zero: nobody did.
	Retracted catalog.Date
}

// MetaInput is everything that the set without indicator depends on.
type MetaInput struct {
	Catalog    *catalog.Catalog
	Flags      []Flag
	Deliveries []Delivery
	// Affirmed is by unit the last day up to which somebody stands by what is shown.
	Affirmed map[string]catalog.Date
}

// shared are the columns that every view has.
type shared struct{ region, indicator, version, granularity, stratum, state []string }

func (c *shared) add(region, indicator, version, granularity, stratum, state string) {
	c.region = append(c.region, region)
	c.indicator = append(c.indicator, indicator)
	c.version = append(c.version, version)
	c.granularity = append(c.granularity, granularity)
	c.stratum = append(c.stratum, stratum)
	c.state = append(c.state, state)
}

func (c *shared) columns() []Column {
	return []Column{{"region", c.region}, {"indicator", c.indicator}, {"indicator_version", c.version},
		{"granularity", c.granularity}, {"stratum", c.stratum}, {"state", c.state}}
}

// Owners of the sets that belong to no indicator.
const (
	OfMeta  = "meta"
	OfLists = "lists"
)

// Meta is the set of flags, deliveries, units, indicators and annotations.
func Meta(in MetaInput) Set {
	return Seal(OfMeta, []Table{in.flags(), in.deliveries(), in.units(), in.indicators(), in.annotations()})
}

// MetaApart is the same as two sets: the flags, which every decision changes, and
// the lists of all else, which it leaves as they are.
func MetaApart(in MetaInput) (flags, lists Set) {
	return Seal(OfMeta, []Table{in.flags()}),
		Seal(OfLists, []Table{in.deliveries(), in.units(), in.indicators(), in.annotations()})
}

func (in *MetaInput) flags() Table {
	return tableOfFlags(in.Catalog.Region.Code, in.Flags)
}

// tableOfFlags is the rows of flags, ordered by indicator and id.
func tableOfFlags(region string, of []Flag) Table {
	flags := slices.Clone(of)
	slices.SortFunc(flags, func(a, b Flag) int {
		return cmp.Or(strings.Compare(a.Indicator, b.Indicator), strings.Compare(a.FlagRaised.Flag, b.FlagRaised.Flag))
	})
	var c shared
	var unit, id, check, severity, direction, text, raisedRun, incident, sla []string
	var period []int32
	var observed, expected []float64
	var cells []uint32
	var at []int64
	for _, f := range flags {
		version, granularity := "", ""
		if len(f.Guards) > 0 {
			version, granularity = f.Guards[0].Version, f.Guards[0].Granularity
		}
		c.add(region, f.Indicator, version, granularity, f.Stratum, f.Status)
		unit, period = append(unit, f.Unit), append(period, f.Period.Days())
		id, check, severity = append(id, f.FlagRaised.Flag), append(check, f.Check), append(severity, string(f.Severity))
		observed, expected = append(observed, clean(f.Observed)), append(expected, clean(f.Expected))
		direction, text = append(direction, f.Direction), append(text, f.Text)
		cells, at = append(cells, uint32(len(f.Guards))), append(at, f.RaisedAt.UnixMilli())
		raisedRun, incident, sla = append(raisedRun, f.Run), append(incident, f.Incident), append(sla, f.SLA)
	}
	return Table{"flag", append(c.columns(), Column{"unit", unit}, Column{"period_start", period}, Column{"flag", id},
		Column{"check_id", check}, Column{"severity", severity}, Column{"observed", observed}, Column{"expected", expected},
		Column{"direction", direction}, Column{"cells", cells}, Column{"text", text}, Column{"raised_at", at},
		Column{"raised_run", raisedRun}, Column{"incident", incident}, Column{"sla", sla})}
}

func (in *MetaInput) deliveries() Table {
	var c shared
	var id, registry, feed, file, reason []string
	var asOf []int32
	var at, lines, observed, rejected, parked []int64
	for _, d := range in.Deliveries {
		state, why := "rejected", ""
		as := d.Received.AsOf
		var a event.DeliveryAccepted
		if d.Accepted != nil {
			state, a, as = "accepted", *d.Accepted, d.Accepted.AsOf
		} else if d.Rejected != nil && len(d.Rejected.Problems) > 0 {
			p := d.Rejected.Problems[0]
			why = p.Rule + ": " + p.Text
		}
		if !d.Retracted.IsZero() {
			state, why = "retracted", "withdrawn on "+d.Retracted.String()
		}
		c.add(in.Catalog.Region.Code, "", "", "", "", state)
		id, registry, feed = append(id, d.Received.Delivery), append(registry, d.Received.Registry), append(feed, d.Received.Feed)
		file, reason = append(file, d.Received.Name), append(reason, why)
		asOf, at = append(asOf, as.Days()), append(at, d.ReceivedAt.UnixMilli())
		lines, observed = append(lines, a.Lines), append(observed, a.Observed)
		rejected, parked = append(rejected, a.Rejected), append(parked, a.Parked)
	}
	return Table{"delivery", append(c.columns(), Column{"delivery", id}, Column{"registry", registry}, Column{"feed", feed},
		Column{"file", file}, Column{"as_of", asOf}, Column{"received_at", at}, Column{"lines", lines},
		Column{"observed", observed}, Column{"rejected", rejected}, Column{"parked", parked}, Column{"reason", reason})}
}

func (in *MetaInput) units() Table {
	var c shared
	var id, name, kind, parent, successor []string
	var from, to []int32
	for _, u := range in.Catalog.Units {
		c.add(in.Catalog.Region.Code, "", "", "", "", "")
		p, s := "", ""
		if n := len(u.Parents); n > 0 {
			p = u.Parents[n-1].Unit
		}
		if n := len(u.Successors); n > 0 {
			s = u.Successors[n-1].Unit
		}
		n := u.Name.In("en")
		if n == "" {
			n = u.ID
		}
		id, name, kind = append(id, u.ID), append(name, n), append(kind, u.Kind)
		parent, successor = append(parent, p), append(successor, s)
		from, to = append(from, u.From.Days()), append(to, u.To.Days())
	}
	return Table{"unit", append(c.columns(), Column{"unit", id}, Column{"name", name}, Column{"kind", kind},
		Column{"parent", parent}, Column{"valid_from", from}, Column{"valid_to", to}, Column{"successor", successor})}
}

func (in *MetaInput) indicators() Table {
	var c shared
	var registry, name, kind, class, direction, measurement, spec []string
	var multiplier []float64
	var minimum []int64
	for _, i := range in.Catalog.Indicators {
		for _, v := range i.Versions {
			c.add(in.Catalog.Region.Code, i.ID, v.ID, string(i.Period), "", "")
			registry, name, kind = append(registry, i.Registry), append(name, i.Name.In("en")), append(kind, string(i.Type))
			class, direction, measurement = append(class, i.Class), append(direction, i.Direction), append(measurement, i.Measurement)
			multiplier, minimum, spec = append(multiplier, i.Multiplier), append(minimum, i.MinDenominator), append(spec, i.Spec)
		}
	}
	return Table{"indicator", append(c.columns(), Column{"registry", registry}, Column{"name", name}, Column{"type", kind},
		Column{"class", class}, Column{"direction", direction}, Column{"measurement", measurement},
		Column{"multiplier", multiplier}, Column{"min_denominator", minimum}, Column{"specification", spec})}
}

// annotations say on charts what happened to a unit: it began, ended, or was
// carried on by another; and up to when somebody stands by what is shown of it.
func (in *MetaInput) annotations() Table {
	var c shared
	var unit, kind, text []string
	var period []int32
	add := func(u string, at catalog.Date, k, t string) {
		c.add(in.Catalog.Region.Code, "", "", "", "", "")
		unit, period = append(unit, u), append(period, at.Days())
		kind, text = append(kind, k), append(text, t)
	}
	names := map[string]string{}
	for _, u := range in.Catalog.Units {
		names[u.ID] = cmp.Or(u.Name.In("en"), u.ID)
	}
	for _, u := range in.Catalog.Units {
		if !u.From.IsZero() {
			add(u.ID, u.From, "unit_from", "The unit begins")
		}
		carried := false // into the day on which it ends: that says both
		for _, s := range u.Successors {
			add(u.ID, s.From, "successor", "Carried on by "+cmp.Or(names[s.Unit], s.Unit))
			add(s.Unit, s.From, "predecessor", "Carries on "+names[u.ID])
			carried = carried || s.From == u.To
		}
		if !u.To.IsZero() && !carried {
			add(u.ID, u.To, "unit_to", "The unit ends")
		}
		if a := in.Affirmed[u.ID]; !a.IsZero() {
			add(u.ID, a, "affirmed", "Affirmed through "+a.String())
		}
	}
	return Table{"annotation", append(c.columns(), Column{"unit", unit}, Column{"period_start", period},
		Column{"kind", kind}, Column{"text", text})}
}

// MetaTemplate is a set with the tables and columns of the meta set and no rows.
func MetaTemplate() Set { return Meta(MetaInput{Catalog: &catalog.Catalog{}}) }

// MetaApartTemplate is the same of the two sets of MetaApart.
func MetaApartTemplate() (flags, lists Set) {
	return MetaApart(MetaInput{Catalog: &catalog.Catalog{}})
}
