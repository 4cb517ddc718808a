package identity

import (
	"encoding/binary"
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// Kind is the kind of an identity number.
type Kind uint8

// The kinds that are recognised.
const (
	None Kind = iota
	Personnummer
	Samordningsnummer
	Fodselsnummer
	DNumber
	HNumber
	FHNumber
	CPR
	HETU
	Kennitala
	kinds
)

// String is the name of the kind in its own country.
func (k Kind) String() string {
	return [...]string{"none", "personnummer", "samordningsnummer", "fødselsnummer", "D-nummer",
		"H-nummer", "FH-nummer", "CPR-nummer", "henkilötunnus", "kennitala"}[min(k, kinds-1)]
}

func (k Kind) family() family {
	switch k {
	case Fodselsnummer, DNumber, HNumber, FHNumber:
		return norwegian
	case CPR:
		return danish
	case HETU:
		return finnish
	case Kennitala:
		return icelandic
	default:
		return swedish
	}
}

// Hit is an identity number in a field: what it is and where it stands, never
// what it says. A string may be a number of several countries; the kind is
// that which is hardest to meet by chance.
type Hit struct {
	Kind Kind
	// Test says that the number itself tells that it is no person's: a
	// synthetic one of Norway, or a Finnish one with a number for tests.
	Test bool
	// Start and End are the bytes in the field, half-open.
	Start, End int

	group group
	found mask
}

// Found reports whether there is a number.
func (h Hit) Found() bool { return h.Kind != None }

// Whole reports whether the number stands alone in its field. One within a text
// is never explained by chance: see Verdict.
func (h Hit) Whole() bool { return h.Found() && h.group.whole() }

// Scanner finds identity numbers. It is safe for concurrent use.
type Scanner struct {
	params   Params
	asOf     int
	from2032 bool
	wanted   mask
}

// NewScanner makes a scanner. No birth is later than asOf (as yyyymmdd, from
// the as-of date of the delivery); with 0 none is too late.
func NewScanner(p Params, asOf int) (*Scanner, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	s := &Scanner{params: p, asOf: asOf, from2032: asOf >= 20320101}
	for _, c := range p.Countries {
		f, _ := country(c)
		s.wanted |= f.bit()
	}
	if len(p.Countries) == 0 {
		s.wanted = 1<<families - 1
	}
	return s, nil
}

// Scan finds the first identity number of a field. It allocates nothing.
func (s *Scanner) Scan(field []byte) Hit {
	if len(field) < minField || !promising(field) {
		return Hit{}
	}
	return s.scan(field)
}

func (s *Scanner) scan(field []byte) Hit {
	c := cursor{field: field}
	for {
		f, ok := s.next(&c)
		if !ok {
			return Hit{}
		}
		if h := f.hit(); h.Found() {
			return h
		}
	}
}

// layout is the form of a string that may be a number. What chance does
// depends on it, and so each is judged on its own.
type layout uint8

const (
	run10   layout = iota // dddddddddd
	run11                 // ddddddddddd
	run12                 // dddddddddddd
	split10               // dddddd-dddd
	split11               // dddddd ddddd
	split12               // dddddddd-dddd
	parts10               // dd-dd-dd-dddd
	parts11               // dd.dd.dd ddddd, dddddd ddd dd
	parts12               // dddd-dd-dd-dddd
	signed                // ddddddAdddx, dddddd-dddx
	layouts
)

// group is a layout, in a field of its own or within a text.
type group uint8

const groups = 2 * int(layouts)

func groupOf(l layout, whole bool) group {
	if whole {
		return group(l) << 1
	}
	return group(l)<<1 | 1
}

func (g group) whole() bool { return g&1 == 0 }

// find is a string that has the form of a number.
type find struct {
	start, end int
	group      group
	// key tells the strings of a layout apart.
	key uint64
	reading
}

func (f *find) hit() Hit {
	k := f.kind()
	if k == None {
		return Hit{}
	}
	return Hit{Kind: k, Test: f.test && (k.family() == norwegian || k == HETU), Start: f.start, End: f.end, group: f.group, found: f.found()}
}

// minDigits is that of a henkilötunnus, minField the shortest field that
// holds a number.
const (
	minDigits = 9
	minField  = 10
)

const (
	ones = 0x0101010101010101
	tops = 0x80 * ones
)

// notDigits has the top bit of each byte that is no ASCII digit.
func notDigits(x uint64) uint64 {
	x ^= 0x30 * ones
	return ((x & (0x7f * ones)) + 0x76*ones | x) & tops
}

// promising is false where no number can be: most fields. It looks at eight
// bytes at a time. The field has at least minField bytes.
func promising(b []byte) bool {
	digits := 0
	var odd uint64
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		digits += bits.OnesCount64(^notDigits(x) & tops)
		odd |= oddBytes(x)
	}
	if i < len(b) { // the last bytes, once more with some before them
		x := binary.LittleEndian.Uint64(b[len(b)-8:])
		digits += bits.OnesCount64((^notDigits(x) & tops) >> (8 * (8 - (len(b) - i))))
		odd |= oddBytes(x)
	}
	if odd&tops != 0 {
		return digits >= minDigits || digits+otherDigits(b, minDigits-digits) >= minDigits
	}
	if digits < minDigits {
		return false
	}
	// Windows overlap by more than a number is long.
	for ; len(b) > 64; b = b[32:] {
		if shaped(b[:64]) {
			return true
		}
	}
	return shaped(b)
}

// oddBytes has the top bit set for bytes with which digits beyond ASCII and
// characters of no width begin or end: from 0xd8 on, and 0xad.
func oddBytes(x uint64) uint64 {
	y := x ^ 0xad*ones
	return ((x&(0x7f*ones))+(0x80-0x58)*ones)&x | (y-ones)&^y
}

// otherDigits counts digits beyond ASCII, up to enough. The scripts of Europe,
// and all others whose first byte says so, are passed over.
func otherDigits(b []byte, enough int) int {
	n := 0
	for i := 0; i < len(b) && n < enough; {
		if b[i] < 0xd8 {
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		i += size
		if _, ok := digit(r); ok {
			n++
		}
	}
	return n
}

// shaped reports whether a text of 8 to 64 bytes has a run of ASCII digits of a
// length with which a number begins, and no letter before it: dates with times
// and HSA-ids have not.
func shaped(b []byte) bool {
	var m uint64
	for i := 0; i < len(b); i += 8 {
		from := min(i, len(b)-8)
		x := ^notDigits(binary.LittleEndian.Uint64(b[from:])) & tops >> 7
		// Gathers the lowest bits of eight bytes into one.
		m |= x * 0x0102040810204080 >> 56 << from
	}
	// Runs of six, or of four that parts of a date can precede.
	two := m & (m >> 1)
	four := two & (two >> 2)
	if four&(two>>4) == 0 && four>>9 == 0 {
		return false
	}
	pairs, at := 0, 0
	for m != 0 {
		gap := bits.TrailingZeros64(m)
		m >>= gap
		at += gap
		n := bits.TrailingZeros64(^m)
		switch {
		case (n == 6 || n == 8) && at+n == len(b):
			// More digits would have to follow. Where the text goes on behind b, the
			// next window has them.
		case n == 6 || n == 8 || n >= 10 && n <= 12:
			if at == 0 || !asciiLetter(b[at-1]) {
				return true
			}
			pairs = 0
		case n == 2:
			pairs++
		case n == 4 || n == 5:
			if pairs >= 2 {
				return true
			}
			pairs = 0
		default:
			pairs = 0
		}
		m >>= n // of 64 gives 0
		at += n
	}
	return false
}

func asciiLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// class is what a character is to the surroundings of a number.
type class uint8

const (
	other class = iota
	figure
	letter
	hyphen
	plus
	space
	point // . and ,
	slash
	colon
	nothing // no width
)

// classify reads the character at i: its class, the value of a digit or the
// capital of a Latin letter, and its length.
func classify(b []byte, i int) (class, byte, int) {
	c := b[i]
	switch {
	case c-'0' <= 9:
		return figure, c - '0', 1
	case asciiLetter(c):
		return letter, c &^ 0x20, 1
	case c >= utf8.RuneSelf:
		return classifyRune(b[i:])
	}
	switch c {
	case '-':
		return hyphen, c, 1
	case '+':
		return plus, c, 1
	case ' ', '\t':
		return space, ' ', 1
	case '.', ',':
		return point, c, 1
	case '/':
		return slash, c, 1
	case ':':
		return colon, c, 1
	}
	return other, c, 1
}

func classifyRune(b []byte) (class, byte, int) {
	r, size := utf8.DecodeRune(b)
	if v, ok := digit(r); ok {
		return figure, v, size
	}
	if r >= 0xff01 && r <= 0xff5e { // full-width forms of ASCII
		ascii := [1]byte{byte(r - 0xff01 + '!')}
		c, v, _ := classify(ascii[:], 0)
		return c, v, size
	}
	switch {
	case r == 0x2212 || unicode.Is(unicode.Pd, r):
		return hyphen, '-', size
	case unicode.Is(unicode.Zs, r):
		return space, ' ', size
	case unicode.Is(unicode.Cf, r):
		return nothing, 0, size
	case unicode.IsLetter(r) || unicode.IsMark(r):
		return letter, 0, size
	}
	return other, 0, size
}

// digit is the value of a decimal digit of any script: Unicode has them in
// tens.
func digit(r rune) (byte, bool) {
	if r < 0x660 || !unicode.IsDigit(r) {
		return byte(r - '0'), r >= '0' && r <= '9'
	}
	for _, t := range unicode.Nd.R16 {
		if r <= rune(t.Hi) {
			return byte((r - rune(t.Lo)) % 10), true
		}
	}
	for _, t := range unicode.Nd.R32 {
		if r <= rune(t.Hi) {
			return byte((r - rune(t.Lo)) % 10), true
		}
	}
	return 0, false
}

// run is a run of digits.
type run struct {
	start, end, n int
	value         uint64 // of no more than twelve digits
}

// readRun reads the digits at i, with what has no width between them.
func readRun(b []byte, i int) run {
	r := run{start: i, end: i}
	for i < len(b) {
		c, v, size := classify(b, i)
		if c == figure {
			r.n++
			if r.n <= 12 {
				r.value = r.value*10 + uint64(v)
			}
			r.end = i + size
		} else if c != nothing {
			break
		}
		i += size
	}
	return r
}

// readJoin reads what stands between two runs of digits: at most three
// characters, spaces and at most one sign. It gives the sign, or a space, and
// where the digits go on; 0 where the runs are not joined.
func readJoin(b []byte, i int) (byte, int) {
	sign, n := byte(0), 0
	for i < len(b) {
		c, v, size := classify(b, i)
		switch c {
		case figure:
			return sign, i
		case nothing:
		case space:
			if n++; sign == 0 {
				sign = ' '
			}
		case hyphen, plus, point, slash:
			if n++; sign != 0 && sign != ' ' {
				return 0, i
			}
			sign = v
		default:
			return 0, i
		}
		if n > 3 {
			return 0, i
		}
		i += size
	}
	return 0, i
}

// cursor goes through the runs of digits of a field.
type cursor struct {
	field []byte
	at    int
	// The run before, and how many digits it had.
	end, digits int
}

// chained reports whether a number that is joined to a run of so many digits
// is a part of something longer.
func chained(digits int) bool { return digits >= 1 && digits <= 5 }

// next finds the next string that has the form of a number.
func (s *Scanner) next(c *cursor) (find, bool) {
	b := c.field
	left, leftAt := other, -1
	for c.at < len(b) {
		cl, _, size := classify(b, c.at)
		if cl != figure {
			if cl != nothing {
				left, leftAt = cl, c.at
			}
			c.at += size
			continue
		}
		first := readRun(b, c.at)
		free := left != letter && left != plus
		switch left {
		case hyphen, point, slash:
			if leftAt == c.end && chained(c.digits) {
				free = false
			}
		}
		c.at, c.end, c.digits = first.end, first.end, first.n
		left, leftAt = other, -1
		if !free || first.n > 12 || first.n == 1 {
			continue
		}
		var f find
		if !s.match(b, first, &f) || !freeRight(b, f.end) {
			continue
		}
		if f.found() != 0 {
			c.at, c.end, c.digits = f.end, f.end, minDigits
		}
		return f, true
	}
	return find{}, false
}

// freeRight reports whether nothing that follows makes the string a part of
// something longer.
func freeRight(b []byte, i int) bool {
	for i < len(b) {
		c, _, size := classify(b, i)
		i += size
		switch c {
		case nothing:
			continue
		case letter, figure:
			return false
		case hyphen, plus, point, slash, colon:
			return i >= len(b) || !chained(readRun(b, i).n)
		}
		return true
	}
	return true
}

// match reads the string that begins with a run: its layout, and what it is
// under the rules.
func (s *Scanner) match(b []byte, first run, f *find) bool {
	f.start, f.end, f.key = first.start, first.end, first.value
	switch first.n {
	case 10:
		return s.read(b, f, run10, 0, 0)
	case 11:
		return s.read(b, f, run11, 0, 0)
	case 12:
		return s.read(b, f, run12, 0, 0)
	case 2, 4, 6, 8:
	default:
		return false
	}
	if first.n == 6 && s.wanted.has(finnish) {
		if ok, is := s.matchSigned(b, f); ok {
			return is
		}
	}
	var runs [4]run
	var signs [3]byte
	runs[0] = first
	n := 1
	for ; n < len(runs); n++ {
		sign, at := readJoin(b, runs[n-1].end)
		if sign == 0 {
			break
		}
		signs[n-1] = sign
		runs[n] = readRun(b, at)
		if runs[n].n > 5 {
			break
		}
	}
	take := func(l layout, count int) bool {
		key := uint64(0)
		for _, r := range runs[:count] {
			for range r.n {
				key *= 10
			}
			key += r.value
		}
		f.key, f.end = key, runs[count-1].end
		return s.read(b, f, l, signs[count-2], 0)
	}
	rest := func(i int, digits int) bool {
		return n > i && runs[i].n == digits
	}
	apart := func(sign byte) bool { return sign == '-' || sign == '+' || sign == ' ' }
	switch {
	case first.n == 6 && rest(1, 4) && apart(signs[0]):
		return take(split10, 2)
	case first.n == 6 && rest(1, 5) && apart(signs[0]):
		return take(split11, 2)
	case first.n == 6 && rest(1, 3) && rest(2, 2) && signs[0] == ' ' && signs[1] == ' ':
		return take(parts11, 3)
	case first.n == 8 && rest(1, 4) && apart(signs[0]):
		return take(split12, 2)
	case first.n == 4 && rest(1, 2) && rest(2, 2) && rest(3, 4) && signs[0] == signs[1] && apart(signs[2]):
		return take(parts12, 4)
	case first.n == 2 && rest(1, 2) && rest(2, 2) && rest(3, 4) && signs[0] == signs[1] && (signs[2] == '-' || signs[2] == '+'):
		return take(parts10, 4)
	case first.n == 2 && rest(1, 2) && rest(2, 2) && rest(3, 5) && signs[0] == signs[1] && apart(signs[2]):
		return take(parts11, 4)
	}
	return false
}

// matchSigned reads what is a henkilötunnus by its letters; with a hyphen and
// a digit at the end it looks like other countries' numbers and is read with
// them. The first result says that nothing else can be meant.
func (s *Scanner) matchSigned(b []byte, f *find) (ok, is bool) {
	i := skip(b, f.end)
	if i >= len(b) {
		return false, false
	}
	c, sign, size := classify(b, i)
	switch {
	case c == letter && (sign >= 'A' && sign <= 'F' || sign >= 'U' && sign <= 'Y'):
		i += size
	case c == hyphen || c == plus || c == space:
		// Spaces around the sign, as elsewhere.
		joined, at := readJoin(b, i)
		if joined != '-' && joined != '+' {
			return false, false
		}
		c, sign, i = hyphen, joined, at
	default:
		return false, false
	}
	serial := readRun(b, i)
	var check byte
	switch serial.n {
	case 4:
		if c != letter {
			return false, false
		}
		check = '0' + byte(serial.value%10)
		serial.value /= 10
		f.end = serial.end
	case 3:
		at := skip(b, serial.end)
		if at >= len(b) {
			return false, false
		}
		var cl class
		if cl, check, size = classify(b, at); cl != letter || check == 0 {
			return false, false
		}
		f.end = at + size
	default:
		return c == letter, false
	}
	f.key = f.key*1000 + serial.value
	return true, s.read(b, f, signed, sign, check)
}

// skip passes over what has no width.
func skip(b []byte, i int) int {
	for i < len(b) {
		c, _, size := classify(b, i)
		if c != nothing {
			break
		}
		i += size
	}
	return i
}

// read applies the rules of every wanted country that writes numbers so.
func (s *Scanner) read(b []byte, f *find, l layout, sign, check byte) bool {
	var d [12]uint8
	n := digitsOf(l)
	for i, v := n-1, f.key; i >= 0; i-- {
		d[i] = uint8(v % 10)
		v /= 10
	}
	applies := s.wanted
	switch l {
	case run10, split10, parts10:
		applies &^= norwegian.bit()
		if l == parts10 {
			applies &^= danish.bit()
		}
		if sign == '+' {
			applies &= swedish.bit() | finnish.bit()
		}
		if l != split10 || sign == ' ' {
			applies &^= finnish.bit()
		}
		if applies.has(swedish) {
			s.sweden(&f.reading, d[:10], noCentury, sign == '+')
		}
		if applies.has(danish) {
			s.denmark(&f.reading, d[:10])
		}
		if applies.has(icelandic) {
			s.iceland(&f.reading, d[:10])
		}
		if applies.has(finnish) {
			s.finland(&f.reading, d[:10], sign, '0'+d[9])
		}
	case run11, split11, parts11:
		if applies &= norwegian.bit(); applies != 0 {
			s.norway(&f.reading, d[:11])
		}
	case run12, split12, parts12:
		if applies &= swedish.bit(); applies != 0 {
			s.sweden(&f.reading, d[2:], two(d[:]), false)
		}
	case signed:
		if applies &= finnish.bit(); applies != 0 {
			s.finland(&f.reading, d[:9], sign, check)
		}
	}
	if applies == 0 {
		return false
	}
	f.group = groupOf(l, alone(b, f.start, f.end))
	if l == signed || sign == '+' {
		f.key |= uint64(sign)<<48 | uint64(check)<<56
	}
	return true
}

// digitsOf is the number of digits of a layout.
func digitsOf(l layout) int {
	switch l {
	case run11, split11, parts11:
		return 11
	case run12, split12, parts12:
		return 12
	case signed:
		return 9
	default:
		return 10
	}
}

// alone reports whether nothing but signs stands around the string.
func alone(b []byte, start, end int) bool {
	for _, part := range [2][]byte{b[:start], b[end:]} {
		for i := 0; i < len(part); {
			c, _, size := classify(part, i)
			if c == letter || c == figure {
				return false
			}
			i += size
		}
	}
	return true
}
