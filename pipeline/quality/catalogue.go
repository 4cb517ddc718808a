package quality

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"larstrom/pipeline/event"
)

// Catalogue is every check of the catalogue of checks, by id: those that judge,
// those that are held elsewhere, and those that the data cannot support, with
// the reason. EvaluateNight runs it.
func Catalogue() []Check {
	all := slices.Concat([]Check{
		c05(), c06(), c07(), c08(), c09(), c10(), c11(), c12(), c17(), k01(), k09(), t04(),
		c13(), k02(), k03(), k05(), k06(), k07(), k08(), k10(), k11(), k12(), k13(),
		p01(Check{ID: "P01", Version: 3, Severity: event.Block, Count: 1, Fraction: 0.01, Explain: explain("P01")}), p02(), p03(), p04(), p05(), t01(), t09(), t10(),
		d01(), d02(), d03(), d05(), d06(), d07(), l01(), l02(), l04(), x01(),
	}, panelChecks(), others())
	for i := range all {
		c := &all[i]
		switch c.ID {
		case "K01":
			c.Panel = true
		case "P03":
			rows := all[i]
			rows.Count = 2 // a row is one value: two suffice
			c.Night = func(n *Night) []Finding { return p03Rows(n, rows) }
		case "L03":
			c.Deliveries = l03
		case "T09":
			c.Partly = "hours and gaps of summer time are not judged: an observation keeps the day of an event, not its hour"
		case "T08":
			whole := all[i]
			c.Night = func(n *Night) []Finding { return staleFeed(n, whole) }
		}
		c.Mode = cmp.Or(c.Mode, Live)
		c.Owner = cmp.Or(c.Owner, owner(c.ID))
		c.Note = cmp.Or(c.Note, note(c.ID))
	}
	slices.SortFunc(all, func(a, b Check) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// panelChecks are judged by package surveil over all series of a night.
func panelChecks() []Check {
	return []Check{
		{ID: "T02", Version: 1, Severity: event.Hold, Count: 5, Fraction: 0.3, Panel: true, Explain: explain("T02")},
		{ID: "T03", Version: 2, Severity: event.Hold, Count: 10, Fraction: 0.2, Panel: true, Explain: explain("T03")},
		{ID: "T05", Version: 1, Severity: event.Note, Count: 5, Fraction: 0.05, Panel: true, Explain: explain("T05")},
		{ID: "T06", Version: 1, Severity: event.Hold, Count: 10, Fraction: 0.05, P: 0.001, Panel: true, Explain: explain("T06")},
		{ID: "T07", Version: 1, Severity: event.Hold, Count: 4, P: 1e-4, Panel: true, Explain: explain("T07")},
		{ID: "T08", Version: 2, Severity: event.Hold, Count: 2, P: 1e-6, Panel: true, Explain: explain("T08")},
		{ID: "K04", Version: 1, Severity: event.Hold, Count: 5, Fraction: 0.05, Panel: true, Explain: explain("K04")},
		{ID: "D04", Version: 1, Severity: event.Hold, Count: 4, Fraction: 0.1, Panel: true, Explain: explain("D04")},
		{ID: "P06", Version: 1, Severity: event.Note, P: 0.002, Panel: true, Explain: explain("P06")},
		{ID: "X06", Version: 1, Severity: event.Hold, Count: 5, Fraction: 0.8, P: 1e-3, Panel: true, Explain: explain("X06")},
	}
}

// others are the checks that judge nothing here: held where files and rows are
// read, where decisions are taken, or by nobody yet, with the reason.
func others() []Check {
	var all []Check
	for _, o := range []struct {
		id        string
		severity  event.Severity
		elsewhere string
	}{
		{"C01", event.Reject, "held by intake as files are read; what it turned away is on record"},
		{"C02", event.Reject, "held by intake as files are read; what it turned away is on record"},
		{"C03", event.Reject, "held by intake as files are read; what it turned away is on record"},
		{"C04", event.Block, "held by intake as files are read; what it turned away is on record"},
		{"C15", event.Reject, "held by intake as rows are read; what it found is a security event"},
		{"C16", event.Hold, "held by the catalog: codes, units and regions are one to one at every date before a catalog is adopted"},
		{"L03", event.Block, "held by the order of deliveries: those after a gap wait until it is filled or skipped by decision; what waits is on record"},
		{"L05", event.Note, "held by the reminders of the review: working days of the unit's country, escalation at one and a half times the time"},
		{"X07", event.Hold, "held by the introduction protocol: a version without a signed sample is shown to its pilot units only"},
	} {
		all = append(all, Check{ID: o.id, Version: 1, Severity: o.severity, Explain: explain(o.id), Elsewhere: o.elsewhere, Deliveries: turnedAway(o.id, o.severity)})
	}
	for _, o := range []struct {
		id       string
		severity event.Severity
		absent   string
	}{
		{"C14", event.Reject, "no list of who takes part is in the catalog: its own units and indicators are that list, and rows of others are never in a cell (C07, C08)"},
		{"C18", event.Block, "sources send counts, not confidence intervals: intervals are computed here"},
		{"P07", event.Reject, "observations carry neither sex nor age of a person, by design"},
		{"X02", event.Hold, "records are not linked between sources: pseudonyms differ by source, by design"},
		{"X03", event.Hold, "records are not linked between sources: pseudonyms differ by source, by design"},
		{"X04", event.Hold, "a published national aggregate is a reference value with its source; the region's own sum is a part of it, not the same number"},
		{"X05", event.Note, "records are not linked between sources: pseudonyms differ by source, by design"},
	} {
		all = append(all, Check{ID: o.id, Version: 1, Severity: o.severity, Explain: explain(o.id), Absent: o.absent})
	}
	return all
}

// l03 puts on record that deliveries wait behind a gap.
func l03(d Deliveries) []Finding {
	var all []Finding
	for _, g := range d.Gaps {
		text := fmt.Sprintf("%d deliveries of feed %s wait: two have the same number.", g.Waiting, g.Feed)
		if g.Missing != 0 {
			text = fmt.Sprintf("Delivery %d of feed %s has not come; %d wait behind it.", g.Missing, g.Feed, g.Waiting)
		}
		n := float64(g.Waiting)
		all = append(all, Finding{Check: "L03", CheckVersion: 1, Severity: event.Block, Status: Flagged, Observed: n, Low: n, High: n, Instances: int64(max(g.Waiting, 1)), Text: text})
	}
	return all
}

// turnedAway puts files and rows that intake turned away by a rule on record.
func turnedAway(rule string, severity event.Severity) func(Deliveries) []Finding {
	rows := ruleCounts(rule)
	return func(d Deliveries) []Finding {
		all := rows(d)
		for i := range all {
			all[i].Severity = severity
		}
		for _, r := range d.Rejected {
			for _, p := range r.Problems {
				if p.Rule == rule {
					all = append(all, Finding{Check: rule, CheckVersion: 1, Severity: severity, Status: Flagged, Observed: 1, Low: 1, High: 1, Instances: 1,
						Text: "File " + r.Name + " of feed " + r.Feed + " was rejected by " + rule + "."})
					break
				}
			}
		}
		return all
	}
}

// owner is the role that answers for a check's threshold.
func owner(id string) string {
	switch id[0] {
	case 'C', 'L':
		return "region_steward"
	}
	return "national_steward"
}

// note says where a definition and its defaults come from.
func note(id string) string {
	switch id {
	case "C01", "C02":
		return "measured on real exports; Pollock"
	case "C03", "C06", "C07", "C08", "C10", "C11":
		return "imongr, RCSTAT, OHDSI DQD"
	case "C04":
		return "Deequ RowCountMatch"
	case "C09", "D06", "K09", "K10", "K13", "P02", "T01":
		return "PCORnet Data Checks v20"
	case "C12", "C17", "C18", "K12", "P01", "P05":
		return "RCSTAT"
	case "C13":
		return "DHIS2 expressions"
	case "C14":
		return "the Danish DAMD case"
	case "C15":
		return "patient data law; date and check digit of each country's number"
	case "K01":
		return "DQMI coverage; simulated nights: finds every missing unit"
	case "K02", "L01":
		return "elementary execution_sla"
	case "K03":
		return "PCORnet 3.03"
	case "K04":
		return "Deequ RetainCompletenessRule; beta-binomial, one control of false discoveries a night"
	case "K05":
		return "DQMI; rapwhale erstatt_ukjent"
	case "K06":
		return "Vårdanalys PM 2014:3"
	case "K07", "X01":
		return "SKR step 2; WHO DQR"
	case "K08":
		return "PCORnet 3.07, 3.11"
	case "K11":
		return "elementary backfill; learned by feed"
	case "P03":
		return "OHDSI DQD plausibleUnitConceptIds; N3C"
	case "P04":
		return "DHIS2 suspected >= confirmed"
	case "P06":
		return "Jones 2008: false discoveries for providers"
	case "T02", "T03": // by night, or by the history of each period
		return "negative binomial with dispersion pooled by indicator; measured on simulated nights; Farrington"
	case "T05":
		return "a finding on a rate alone is a remark"
	case "T06":
		return "N3C; RKKP LPR3; calibrated on the source's own past"
	case "T07":
		return "NAB art_flatmiddle"
	case "T08":
		return "imongr md5 idea; over all indicators of a unit"
	case "D01":
		return "PMC6347875; PMID 15037875"
	case "D02":
		return "PMID 22171903"
	case "X06":
		return "QOF PREVIOUS_ORGANISATION_REFERENCE; conserved volume"
	}
	return "catalogue of checks, November 2026"
}
