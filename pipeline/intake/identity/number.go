package identity

// family is a country's numbers: one rule of dates, one of check digits.
type family uint8

const (
	swedish family = iota
	norwegian
	danish
	finnish
	icelandic
	families
)

// mask is a set of families.
type mask uint8

func (m mask) has(f family) bool { return m>>f&1 == 1 }
func (f family) bit() mask       { return 1 << f }

// checkChance is how often the check digits of a string that begins with a
// date are right by chance. Luhn: one digit of ten. Modulo 11: the remainder
// is uniform on eleven values, of which one has no digit, so 10/11 · 1/10; two
// such digits squared; from 2032 four remainders will do for the first.
// Modulo 31: one of 31 characters.
func (s *Scanner) checkChance(f family) float64 {
	switch f {
	case swedish:
		return 1. / 10
	case norwegian:
		if s.from2032 {
			return 4. / 121
		}
		return 1. / 121
	case finnish:
		return 1. / 31
	default:
		return 1. / 11
	}
}

// reading is what a string is under the rules: the families for which it
// begins with a date (or, as an FH-number, needs none), those whose check
// digits it passes, dated or not, and the kind that each family makes of it.
type reading struct {
	dated, passes mask
	test          bool
	kinds         [families]Kind
	// dayFirst and yearFirst are the days of the month of ddmmyy and yymmdd.
	dayFirst, yearFirst uint8
}

func (r *reading) date(f family, k Kind) {
	r.dated |= f.bit()
	r.kinds[f] = k
}

func (r *reading) check(f family, ok bool) {
	if ok {
		r.passes |= f.bit()
	}
}

// found are the families of which the string is a number. A Danish one needs
// no more than its date.
func (r *reading) found() mask { return r.dated & (r.passes | danish.bit()) }

// kind is the likeliest of those found: by the rarest coincidence first.
func (r *reading) kind() Kind {
	found := r.found()
	for _, f := range [...]family{norwegian, finnish, swedish, icelandic, danish} {
		if found.has(f) {
			return r.kinds[f]
		}
	}
	return None
}

func two(d []uint8) int { return int(d[0])*10 + int(d[1]) }

// day reports whether the date exists and is not after the as-of date.
func (s *Scanner) day(y, m, d int) bool {
	if m < 1 || m > 12 || d < 1 {
		return false
	}
	last := 31
	switch m {
	case 4, 6, 9, 11:
		last = 30
	case 2:
		last = 28
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			last = 29
		}
	}
	return d <= last && (s.asOf == 0 || y*10000+m*100+d <= s.asOf)
}

// noCentury is the century of a number that has none.
const noCentury = -1

// sweden reads yymmdd, birth number and check digit, after the century or
// noCentury; plus says that "+" stands in it.
func (s *Scanner) sweden(r *reading, d []uint8, century int, plus bool) {
	sum := 0
	for i, x := range d {
		v := int(x)
		if i%2 == 0 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	r.check(swedish, sum%10 == 0)
	kind, day := Personnummer, two(d[4:])
	if day > 60 {
		kind, day = Samordningsnummer, day-60
	}
	if d[6]|d[7]|d[8] == 0 {
		return
	}
	yy, month := two(d), two(d[2:])
	first, last := 1900, 2000
	switch {
	case century != noCentury:
		first, last = century*100, century*100
		if century < 18 || century > 20 {
			return
		}
	case plus:
		first, last = 1800, 1900
	}
	for c := first; c <= last; c += 100 {
		if s.day(c+yy, month, day) {
			r.date(swedish, kind)
			r.yearFirst = uint8(day)
			return
		}
	}
}

// norway reads ddmmyy, individual number and two check digits.
func (s *Scanner) norway(r *reading, d []uint8) {
	var k1, k2 int
	for i, w := range [...]int{3, 7, 6, 1, 8, 9, 4, 5, 2, 1} {
		k1 += w * int(d[i])
	}
	for i, w := range [...]int{5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1} {
		k2 += w * int(d[i])
	}
	r.check(norwegian, k2%11 == 0 && (k1%11 == 0 || s.from2032 && k1%11 <= 3))
	if d[0] >= 8 {
		r.date(norwegian, FHNumber)
		return
	}
	kind, day, month := Fodselsnummer, two(d), two(d[2:])
	if day > 40 {
		kind, day = DNumber, day-40
	}
	test := false
	switch {
	case month > 80:
		month, test = month-80, true
	case month > 65:
		month, test = month-65, true
	case month > 40:
		month -= 40
		if test = kind == DNumber; !test {
			kind = HNumber
		}
	}
	yy, series := two(d[4:]), int(d[6])*100+int(d[7])*10+int(d[8])
	dated := false
	switch {
	case s.from2032:
		dated = s.day(2000+yy, month, day) || s.day(1900+yy, month, day)
	case series < 500:
		dated = s.day(1900+yy, month, day)
	case yy < 40:
		dated = s.day(2000+yy, month, day)
	case series < 750 && yy >= 54:
		dated = s.day(1800+yy, month, day)
	case series >= 900:
		dated = s.day(1900+yy, month, day)
	}
	if dated {
		r.date(norwegian, kind)
		r.test = r.test || test
	}
}

// denmark reads ddmmyy and a serial of four digits, the first of which tells
// the century together with the year.
func (s *Scanner) denmark(r *reading, d []uint8) {
	sum := 0
	for i, w := range [...]int{4, 3, 2, 7, 6, 5, 4, 3, 2, 1} {
		sum += w * int(d[i])
	}
	r.check(danish, sum%11 == 0)
	yy, c := two(d[4:]), d[6]
	century := 1900
	switch {
	case c <= 3:
	case c == 4 || c == 9:
		if yy <= 36 {
			century = 2000
		}
	case yy <= 57:
		century = 2000
	default:
		century = 1800
	}
	if s.day(century+yy, two(d[2:]), two(d)) {
		r.date(danish, CPR)
		r.dayFirst = uint8(two(d))
	}
}

// checkCharacters are those of the henkilötunnus, by remainder.
const checkCharacters = "0123456789ABCDEFHJKLMNPRSTUVWXY"

// finland reads ddmmyy, the sign of the century, the individual number (the
// last three of nine digits) and the check character.
func (s *Scanner) finland(r *reading, d []uint8, sign, check byte) {
	n := 0
	for _, x := range d[:9] {
		n = n*10 + int(x)
	}
	r.check(finnish, checkCharacters[n%31] == check)
	century := 0
	switch {
	case sign == '+':
		century = 1800
	case sign == '-' || sign >= 'U' && sign <= 'Y':
		century = 1900
	case sign >= 'A' && sign <= 'F':
		century = 2000
	}
	individual := n % 1000
	if century != 0 && individual >= 2 && s.day(century+two(d[4:]), two(d[2:]), two(d)) {
		r.date(finnish, HETU)
		r.test = r.test || individual >= 900
	}
}

// iceland reads ddmmyy, a serial of two digits, the check digit and the
// century.
func (s *Scanner) iceland(r *reading, d []uint8) {
	sum := 0
	for i, w := range [...]int{3, 2, 7, 6, 5, 4, 3, 2, 1} {
		sum += w * int(d[i])
	}
	r.check(icelandic, sum%11 == 0)
	century := 0
	switch d[9] {
	case 8:
		century = 1800
	case 9:
		century = 1900
	case 0:
		century = 2000
	}
	if century != 0 && d[6] >= 2 && s.day(century+two(d[4:]), two(d[2:]), two(d)) {
		r.date(icelandic, Kennitala)
		r.dayFirst = uint8(two(d))
	}
}
