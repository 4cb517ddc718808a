package propose

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"unicode"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/identity"
)

// dateForms are the forms of the catalog, those that a number cannot be first.
func dateForms() []string {
	return []string{"iso", "dd.mm.yyyy", "dd-mm-yyyy", "dd/mm/yyyy", "quarter", "week", "half-year", "tertial", "year-month", "yyyymmdd", "year"}
}

// numeric are the forms of dates that are also plain numbers.
func numeric(form string) bool { return form == "year-month" || form == "yyyymmdd" || form == "year" }

// numberForms are decimal and thousands, the plainest first.
func numberForms() [][2]string {
	return [][2]string{{".", ""}, {",", ""}, {",", " "}, {",", "\u00a0"}, {",", "\u202f"}, {",", "."}, {".", ","}, {".", " "}, {".", "\u00a0"}, {".", "\u202f"}}
}

// tally counts the fields of a column that have a form, and keeps the line of
// the first that has not.
type tally struct {
	n   int64
	bad uint64
}

func (t *tally) add(is bool, line uint64) {
	if is {
		t.n++
	} else if t.bad == 0 {
		t.bad = line
	}
}

// column is what is known of one column; no value of it.
type column struct {
	name    string
	full    int64 // fields that are not empty
	empty   int64
	words   map[string]int64 // fields that may mean "no value", at most maxWords kinds
	worded  int64
	dates   []tally
	numbers []tally
	forms   []intake.Forms
	dforms  []intake.Forms
	// thirds are commas or points with three digits behind and at most three
	// before: they may be of thousands or of decimals.
	thirds   int64
	american uint64 // the first line with a date mm/dd/yyyy
	dayFirst uint64 // the first line with a date that can only be dd/mm/yyyy
	texted   uint64 // the first line with a text that does not mean "no value"
	decimals [2]int // fewest and most, of any decimal sign
	negative int64
	fraction int64
	zero     int64
	truths   int64 // fields that are 0 or 1
	seed     maphash.Seed
	distinct map[uint64]struct{}
	person   *identity.Column
}

// Bounds of what a column remembers.
const (
	maxWords    = 6
	maxWord     = 12
	maxDistinct = 1 << 16
)

func newColumns(names []string) ([]*column, error) {
	s, err := identity.NewScanner(identity.Defaults(), 0)
	if err != nil {
		return nil, err
	}
	var out []*column
	for i, name := range names {
		if s.Scan([]byte(name)).Found() {
			return nil, fmt.Errorf("%w: what looks like a personal identity number stands in the place of the name of column %d; leave it out of the export, or write the header", ErrUnknown, i+1)
		}
		c := &column{name: name, words: map[string]int64{}, distinct: map[uint64]struct{}{}, seed: maphash.MakeSeed(), decimals: [2]int{-1, -1}}
		if c.person, err = identity.NewColumn(s); err != nil {
			return nil, err
		}
		for _, form := range dateForms() {
			c.dforms = append(c.dforms, intake.NewForms(catalog.Dialect{Dates: form, Decimal: "."}))
		}
		for _, form := range numberForms() {
			c.forms = append(c.forms, intake.NewForms(catalog.Dialect{Decimal: form[0], Thousands: form[1]}))
		}
		c.dates, c.numbers = make([]tally, len(c.dforms)), make([]tally, len(c.forms))
		out = append(out, c)
	}
	return out, nil
}

// add takes a field of the column.
func (c *column) add(line uint64, field []byte) {
	field = bytes.TrimSpace(field)
	if len(field) == 0 {
		c.empty++
		return
	}
	c.full++
	if len(field) == 1 && (field[0] == '0' || field[0] == '1') {
		c.truths++
	}
	if len(c.distinct) < maxDistinct {
		c.distinct[maphash.Bytes(c.seed, field)] = struct{}{}
	}
	c.person.Add(field)
	if bytes.IndexFunc(field, unicode.IsDigit) < 0 {
		if len(field) <= maxWord {
			if _, known := c.words[string(field)]; known || len(c.words) < maxWords {
				c.words[string(field)]++
			}
		}
		if c.worded++; c.texted == 0 && !means(string(field)) {
			c.texted = line
		}
		return
	}
	for i, f := range c.dforms {
		c.dates[i].add(f.Date(field), line)
	}
	for i, f := range c.forms {
		c.numbers[i].add(f.Number(field), line)
	}
	c.shape(line, field)
}

// shape notes what of a number or date is ambiguous.
func (c *column) shape(line uint64, field []byte) {
	if c.american == 0 && len(field) >= 8 {
		if p := bytes.Split(field, []byte{'/'}); len(p) == 3 && len(p[2]) >= 4 && len(p[1]) == 2 && string(p[1]) > "12" && string(p[0]) <= "12" {
			c.american = line
		}
	}
	if c.dayFirst == 0 && len(field) >= 8 {
		if p := bytes.Split(field, []byte{'/'}); len(p) == 3 && len(p[2]) >= 4 && len(p[0]) == 2 && string(p[0]) > "12" && string(p[1]) <= "12" {
			c.dayFirst = line
		}
	}
	if field[0] == '-' || bytes.HasPrefix(field, []byte("\u2212")) {
		c.negative++
	}
	if string(field) == "0" {
		c.zero++
	}
	at := bytes.LastIndexAny(field, ".,")
	n := 0
	if at >= 0 {
		n = len(field) - at - 1
		c.fraction++
		if n == 3 && at <= 3 && at > 0 {
			c.thirds++
		}
	}
	if c.decimals[0] < 0 || n < c.decimals[0] {
		c.decimals[0] = n
	}
	c.decimals[1] = max(c.decimals[1], n)
}

// withoutValue reports whether the fields without a digit can only be texts
// that mean "no value": few kinds, and those that people use for it.
func (c *column) withoutValue() bool {
	var n int64
	for w, k := range c.words {
		if !means(w) {
			return false
		}
		n += k
	}
	return n == c.worded
}

// means reports whether a text is one that stands for no value.
func means(w string) bool {
	return slices.Contains([]string{"na", "n/a", "nan", "null", "none", "-", "--", ".", "..", "*", "?", "x", "msk", "nk", "ni", "inv", "unk",
		"saknas", "okänt", "uppgift saknas", "mangler", "ukjent", "ukendt", "missing", "unknown", "(null)", "#n/a"}, strings.ToLower(w))
}

// isNumber reports whether every field with a value is a number of that form.
func (c *column) isNumber(form int) bool {
	return c.full > c.worded && c.numbers[form].n == c.full-c.worded && c.withoutValue()
}

// isDate is the first form of dates that every field with a value has, or -1.
func (c *column) isDate(plain bool) int {
	for i, form := range dateForms() {
		if c.full > c.worded && c.dates[i].n == c.full-c.worded && c.withoutValue() && (!numeric(form) || plain) {
			return i
		}
	}
	return -1
}

func (c *column) isPerson() bool { return c.person.Verdict().Level == identity.Pattern }

// role is what a name says that a column is for, or the last key of a path;
// empty: it does not.
func role(name string) string {
	if r := roleOf(name); r != "" {
		return r
	}
	return roleOf(name[strings.LastIndexByte(name, '.')+1:])
}

func roleOf(name string) string {
	n := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
	for _, r := range []struct {
		role  string
		names string
	}{
		{"subject", "personnummer pnr personid persnr patient patientid patientnr pid cpr cprnr cprnummer fodselsnummer fødselsnummer fnr hetu henkilotunnus kennitala subject nhsnumber patientnyckel pasientid pasientnøkkel patientinregistryguid"},
		{"numerator", "numerator num täljare taljare teller tæller taeller antaluppfyllda count events n1 var variabel"},
		{"denominator", "denominator denom den nämnare namnare nevner nævner naevner n antaltotalt total denominatorn nämnaren"},
		{"expected", "expected förväntat forvantat forventet"},
		{"rate", "andel rate percent procent prosent andelprocent"},
		{"value", "value värde varde verdi værdi vaerdi resultat result measurevalue mätvärde matvarde val"},
		{"date", "date datum dato eventdate period månad manad måned maned month år ar year kvartal quarter vecka uke uge week besöksdatum besoksdatum inskrivningsdatum indlæggelsesdato " +
			"operationsdato operasjonsdato opdatum utskrivningsdatum indato utdato mätdatum matdatum perioddatum startdatum start timeperiod visitdate aar yearmonth årmånad arsmanad indexdate formdate skjemadato datopros prosedyredato kontaktdatum kontaktdato aktionsdato besøgsdato udskrivningsdato hendelsesdato operationsdatum diagnosdatum"},
		{"unit", "unit enhet enhetid enhetsid enhetskod hsaid hsa sor sorkode sorkod resh reshid orgnr orgcode orgid organisationskod enhed afdeling avdeling avd sykehus sygehus sjukhus klinik clinic " +
			"mottagning mottagningskod mottagningsid poliklinikk poliklinik ambulatorium avdelning vårdavdelning tjänsteställe vårdgivare legekontor ydernummer ydernr yder lægepraksis behandlingssted institution station " +
			"hospital practice practicecode vårdenhet vardenhet vårdcentral vardcentral odscode areacode behandlingsenhet unitid sykehusresh ods centreid reshnr avdresh avdelingsresh arbetsplatskod vårdenhetskod klinikkod sjukhuskod sygehuskode afdelingskode enhedskode sykehuskode enhetskode unitcode hospitalcode unithsaid"},
		{"indicator", "indicator indicatorid indikator indikatorid indikatorkod kpi kpiid measure measureid mått matt måttid mattid kvalitetsindikatorid kvalindid indid"},
	} {
		if slices.Contains(strings.Fields(r.names), n) {
			return r.role
		}
	}
	return ""
}

// fewForKinds is how many rows a column must have before what it holds tells what
// kind of number it is.
const fewForKinds = 20

// isTruth reports whether the column says yes or no in every row.
func (c *column) isTruth() bool {
	return c.full >= fewForKinds && c.truths > 0 && c.truths == c.full-c.worded && c.zero > 0 && c.zero < c.truths
}

// isSerial reports whether the column numbers the rows: it is whole and another
// in each of them.
func (c *column) isSerial() bool {
	return c.full >= fewForKinds && c.empty == 0 && c.worded == 0 && c.fraction == 0 && c.negative == 0 && int64(len(c.distinct)) == c.full && len(c.distinct) < maxDistinct
}
