package identity

import (
	"fmt"
	"math/rand"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The numbers of these tests are invented: made below from random dates and
// serials by arithmetic that shares nothing with the package (strings,
// package time, search for the check digit), or from the series that the
// authorities publish for tests.

// digitsOfText are the digits of a text.
func digitsOfText(s string) []int {
	var d []int
	for _, r := range s {
		if r >= '0' && r <= '9' {
			d = append(d, int(r-'0'))
		}
	}
	return d
}

// weighted adds the products of digits and weights.
func weighted(s string, weights ...int) int {
	sum := 0
	for i, d := range digitsOfText(s) {
		sum += d * weights[i]
	}
	return sum
}

// luhn is the check digit after nine digits: 10 minus the last digit of the
// sum of the digits of the products with 2 1 2 1 ….
func luhn(nine string) string {
	products := ""
	for i, d := range digitsOfText(nine) {
		products += strconv.Itoa(d * (2 - i%2))
	}
	sum := 0
	for _, d := range digitsOfText(products) {
		sum += d
	}
	return strconv.Itoa((10 - sum%10) % 10)
}

// eleven is the check digit modulo 11; "" where it would be ten.
func eleven(sum int) string {
	switch k := 11 - sum%11; k {
	case 11:
		return "0"
	case 10:
		return ""
	default:
		return strconv.Itoa(k)
	}
}

// maker makes numbers of a kind from a source of random integers.
type maker func(intn func(int) int) string

func birth(intn func(int) int, from, to int) time.Time {
	first := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC)
	days := int(time.Date(to, 12, 31, 0, 0, 0, 0, time.UTC).Sub(first).Hours() / 24)
	return first.AddDate(0, 0, intn(days+1))
}

func shifted(at time.Time, day, month int) string {
	return fmt.Sprintf("%02d%02d%02d", at.Day()+day, int(at.Month())+month, at.Year()%100)
}

// swede is yyyymmddnnnc, with what is added to the day.
func swede(day int) maker {
	return func(intn func(int) int) string {
		at := birth(intn, 1925, 2023)
		nine := fmt.Sprintf("%02d%02d%02d%03d", at.Year()%100, int(at.Month()), at.Day()+day, 1+intn(999))
		return fmt.Sprintf("%d%s%s", at.Year()/100, nine, luhn(nine))
	}
}

func norwegianNumber(day, month int) maker {
	return func(intn func(int) int) string {
		for {
			at := birth(intn, 1855, 2023)
			series := intn(500)
			switch y := at.Year(); {
			case y < 1900:
				series = 500 + intn(250)
			case y >= 2000:
				series = 500 + intn(500)
			case y >= 1940 && intn(2) == 0:
				series = 900 + intn(100)
			}
			if n := norwegianChecked(fmt.Sprintf("%s%03d", shifted(at, day, month), series), 0); n != "" {
				return n
			}
		}
	}
}

// norwegianChecked adds two check digits to nine, the first with a remainder
// that is not 0 from 2032 on.
func norwegianChecked(nine string, remainder int) string {
	k1 := eleven(weighted(nine, 3, 7, 6, 1, 8, 9, 4, 5, 2) - remainder + 11)
	if k1 == "" {
		return ""
	}
	k2 := eleven(weighted(nine+k1, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2))
	if k2 == "" {
		return ""
	}
	return nine + k1 + k2
}

func sharedHelpNumber(intn func(int) int) string {
	for {
		if n := norwegianChecked(fmt.Sprintf("%d%08d", 8+intn(2), intn(1e8)), 0); n != "" {
			return n
		}
	}
}

// dane is a personnummer, with the modulus or without regard to it.
func dane(modulus bool) maker {
	return func(intn func(int) int) string {
		for {
			at := birth(intn, 1900, 2023)
			c := intn(4)
			switch y := at.Year(); {
			case y >= 2000:
				c = 4 + intn(6)
			case y >= 1937 && intn(2) == 0:
				c = []int{4, 9}[intn(2)]
			}
			nine := fmt.Sprintf("%s%d%02d", shifted(at, 0, 0), c, intn(100))
			if !modulus {
				return nine + strconv.Itoa(intn(10))
			}
			if k := eleven(weighted(nine, 4, 3, 2, 7, 6, 5, 4, 3, 2)); k != "" {
				return nine + k
			}
		}
	}
}

func finn(intn func(int) int) string {
	at := birth(intn, 1850, 2023)
	signs := map[int]string{18: "+", 19: "-UVWXY", 20: "ABCDEF"}[at.Year()/100]
	return finnish3(shifted(at, 0, 0), string(signs[intn(len(signs))]), 2+intn(898))
}

func finnish3(date, sign string, individual int) string {
	n, _ := strconv.Atoi(fmt.Sprintf("%s%03d", date, individual))
	alphabet := strings.Split("0 1 2 3 4 5 6 7 8 9 A B C D E F H J K L M N P R S T U V W X Y", " ")
	return fmt.Sprintf("%s%s%03d%s", date, sign, individual, alphabet[n%31])
}

func icelander(intn func(int) int) string {
	for {
		at := birth(intn, 1890, 2023)
		eight := fmt.Sprintf("%s%02d", shifted(at, 0, 0), 20+intn(80))
		if k := eleven(weighted(eight, 3, 2, 7, 6, 5, 4, 3, 2)); k != "" {
			return eight + k + strconv.Itoa(at.Year()/100%10)
		}
	}
}

// makers are all kinds in all their forms. The kind is that among the numbers
// of the country alone.
var makers = []struct {
	name    string
	country string
	kind    Kind
	test    bool
	make    maker
}{
	{"personnummer", "SE", Personnummer, false, swede(0)},
	{"samordningsnummer", "SE", Samordningsnummer, false, swede(60)},
	{"fødselsnummer", "NO", Fodselsnummer, false, norwegianNumber(0, 0)},
	{"D", "NO", DNumber, false, norwegianNumber(40, 0)},
	{"H", "NO", HNumber, false, norwegianNumber(0, 40)},
	{"FH", "NO", FHNumber, false, sharedHelpNumber},
	{"Tenor", "NO", Fodselsnummer, true, norwegianNumber(0, 80)},
	{"Tenor D", "NO", DNumber, true, norwegianNumber(40, 80)},
	{"SyntPop", "NO", Fodselsnummer, true, norwegianNumber(0, 65)},
	{"SyntPop D", "NO", DNumber, true, norwegianNumber(40, 65)},
	{"Dolly D", "NO", DNumber, true, norwegianNumber(40, 40)},
	{"CPR", "DK", CPR, false, dane(true)},
	{"CPR without modulus", "DK", CPR, false, dane(false)},
	{"HETU", "FI", HETU, false, finn},
	{"kennitala", "IS", Kennitala, false, icelander},
}

func scanner(t testing.TB, asOf int, countries ...string) *Scanner {
	t.Helper()
	p := Defaults()
	p.Countries = countries
	s, err := NewScanner(p, asOf)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const today = 20261122

// Every kind in the forms in which it is written, alone and in a text.
func TestEveryKindIsFound(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	all := scanner(t, today)
	for _, m := range makers {
		own := scanner(t, today, m.country)
		for range 400 {
			number := m.make(r.Intn)
			for _, written := range writings(m.country, m.name, number) {
				for _, around := range [][2]string{{"", ""}, {"  ", " "}, {"pat. ", ", kontroll"}, {"Ring (", ")."}, {"=\"", "\""}, {"rad 12: ", ""}, {"år ", " år"}} {
					field := []byte(around[0] + written + around[1])
					h := own.Scan(field)
					if h.Kind != m.kind || h.Test != m.test && m.country == "NO" || h.Start != len(around[0]) || h.End != len(around[0])+len(written) {
						t.Fatalf("%s in the form %s: %+v, want %v test %v", m.name, Mask(field), h, m.kind, m.test)
					}
					if h := all.Scan(field); !h.Found() {
						t.Fatalf("%s in the form %s: not found among all countries", m.name, Mask(field))
					}
				}
			}
		}
	}
}

// writings are the forms in which a number is written.
func writings(country, name, n string) []string {
	wide := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= '!' && r <= '~' {
				return r - '!' + 0xff01
			}
			return r
		}, s)
	}
	join := func(signs ...string) (out []string) {
		date, rest := n[:len(n)-4], n[len(n)-4:]
		if country == "NO" {
			date, rest = n[:6], n[6:]
		}
		for _, s := range signs {
			out = append(out, date+s+rest)
		}
		return append(out, n, wide(n), n[:3]+"\u200b"+n[3:])
	}
	signs := []string{"-", " ", "\u00a0", "\u2013", "\u2011", "\u2212", " - ", "\u202f", "\uff0d", "\u00ad-"}
	switch country {
	case "SE":
		out := join(signs...)
		y, m, d, rest := n[:4], n[4:6], n[6:8], n[8:]
		out = append(out, y+"-"+m+"-"+d+"-"+rest, y+" "+m+" "+d+" "+rest)
		if y >= "1927" {
			n = n[2:]
			out = append(out, join(signs...)...)
			out = append(out, y[2:]+"-"+m+"-"+d+"-"+rest, y[2:]+"."+m+"."+d+"-"+rest)
		}
		return out
	case "NO":
		out := join(signs...)
		if name != "FH" {
			out = append(out, n[:6]+" "+n[6:9]+" "+n[9:], n[:2]+"."+n[2:4]+"."+n[4:6]+" "+n[6:])
		}
		return out
	case "FI":
		return []string{n, strings.ToLower(n), wide(n), n[:6] + "\u200d" + n[6:]}
	default:
		return join(signs...)
	}
}

// What authorities publish for tests, and limits of the rules.
func TestVectors(t *testing.T) {
	for _, c := range []struct {
		country, in string
		asOf        int
		want        Kind
		test        bool
	}{
		// Synthetic persons of NAV and of Tenor (navikt/fnrvalidator, issue 116).
		{"NO", "15507600333", today, HNumber, false}, {"NO", "55507608360", today, DNumber, true},
		{"NO", "29422059278", today, HNumber, false}, {"NO", "69422056629", today, DNumber, true},
		{"NO", "17912099997", today, Fodselsnummer, true}, {"NO", "57912075186", today, DNumber, true},
		{"NO", "29822099635", today, Fodselsnummer, true}, {"NO", "21929774873", today, Fodselsnummer, true},
		{"NO", "12905299938", today, Fodselsnummer, true}, {"NO", "61929750062", today, DNumber, true},
		// Fictitious persons of Digi- ja väestötietovirasto, every new sign.
		{"FI", "010594Y9032", today, HETU, true}, {"FI", "020594X903P", today, HETU, true}, {"FI", "030594W903B", today, HETU, true},
		{"FI", "040594V9030", today, HETU, true}, {"FI", "050594U903M", today, HETU, true}, {"FI", "010516B903X", today, HETU, true},
		{"FI", "020516C903K", today, HETU, true}, {"FI", "030516D9037", today, HETU, true}, {"FI", "010501E9032", today, HETU, true},
		{"FI", "020502E902X", today, HETU, true}, {"FI", "020503F9037", today, HETU, true}, {"FI", "020504A902E", today, HETU, true},
		// The example of Þjóðskrá and of Skatteverket's leaflet.
		{"IS", "120160-3389", today, Kennitala, false}, {"SE", "640823-3234", today, Personnummer, false},
		// The sign belongs to the century, and the serial begins at 002.
		{"FI", finnish3("290200", "A", 123), today, HETU, false}, {"FI", finnish3("290200", "-", 123), today, None, false},
		{"FI", finnish3("010180", "G", 123), today, None, false}, {"FI", finnish3("010180", "Z", 123), today, None, false},
		{"FI", finnish3("010180", "-", 1), today, None, false}, {"FI", finnish3("010180", "-", 2), today, HETU, false},
		{"FI", finnish3("010180", "-", 899), today, HETU, false}, {"FI", finnish3("010180", "-", 900), today, HETU, true},
		{"FI", finnish3("320180", "-", 123), today, None, false}, {"FI", finnish3("010180", "B", 123), today, None, false},
		// Birth numbers from 001; 29 February in leap years only; months; days.
		{"SE", withLuhn("800101000"), today, None, false}, {"SE", withLuhn("800101001"), today, Personnummer, false},
		{"SE", withLuhn("000229123"), today, Personnummer, false}, {"SE", withLuhn("010229123"), today, None, false},
		{"SE", "19" + withLuhn("000229123"), today, None, false}, {"SE", "20" + withLuhn("000229123"), today, Personnummer, false},
		{"SE", withLuhn("801301123"), today, None, false}, {"SE", withLuhn("800100123"), today, None, false},
		{"SE", withLuhn("800132123"), today, None, false}, {"SE", withLuhn("800160123"), today, None, false},
		{"SE", withLuhn("800161123"), today, Samordningsnummer, false}, {"SE", withLuhn("800191123"), today, Samordningsnummer, false},
		{"SE", withLuhn("800192123"), today, None, false},
		{"SE", "17" + withLuhn("800101123"), today, None, false}, {"SE", "18" + withLuhn("800101123"), today, Personnummer, false},
		{"SE", "21" + withLuhn("800101123"), today, None, false}, {"SE", "20" + withLuhn("260101123"), today, Personnummer, false},
		// No birth after the as-of date; the plus sign takes a century away.
		{"SE", "20" + withLuhn("270101123"), today, None, false}, {"SE", "20" + withLuhn("270101123"), 0, Personnummer, false},
		{"SE", withLuhn("270101123"), today, Personnummer, false},
		{"SE", plussed(withLuhn("000229123")), today, None, false}, {"SE", plussed(withLuhn("040229123")), today, Personnummer, false},
		// Organisationsnummer have a month from 20.
		{"SE", withLuhn("556123456"), today, None, false}, {"SE", withLuhn("232100001"), today, None, false},
		// The century of a fødselsnummer: 500-749 and year 53 is nobody's.
		{"NO", firstChecked("010153", 500, 700), today, None, false}, {"NO", firstChecked("010154", 500, 700), today, Fodselsnummer, false},
		{"NO", firstChecked("010139", 900, 999), today, None, false}, {"NO", firstChecked("010140", 900, 999), today, Fodselsnummer, false},
		{"NO", firstChecked("010170", 750, 899), today, None, false}, {"NO", firstChecked("290200", 0, 499), today, None, false},
		{"NO", firstChecked("290200", 500, 999), today, Fodselsnummer, false},
		{"NO", firstChecked("320180", 0, 499), today, None, false}, {"NO", firstChecked("400180", 0, 499), today, None, false},
		{"NO", firstChecked("410180", 0, 499), today, DNumber, false}, {"NO", firstChecked("720180", 0, 499), today, None, false},
		{"NO", firstChecked("011380", 0, 499), today, None, false}, {"NO", firstChecked("015380", 0, 499), today, None, false},
		{"NO", firstChecked("016580", 0, 499), today, None, false}, {"NO", firstChecked("016680", 0, 499), today, Fodselsnummer, true},
		{"NO", firstChecked("017880", 0, 499), today, None, false}, {"NO", firstChecked("018080", 0, 499), today, None, false},
		{"NO", firstChecked("019280", 0, 499), today, Fodselsnummer, true}, {"NO", firstChecked("019380", 0, 499), today, None, false},
		// From 2032 the first check digit leaves 0 to 3 and series say nothing.
		{"NO", firstOf2032("010132", 1), 20320301, Fodselsnummer, false}, {"NO", firstOf2032("010132", 2), 20320301, Fodselsnummer, false},
		{"NO", firstOf2032("010132", 3), 20320301, Fodselsnummer, false}, {"NO", firstOf2032("010132", 4), 20320301, None, false},
		{"NO", firstOf2032("010180", 1), today, None, false}, {"NO", firstOf2032("010180", 1), 20320301, Fodselsnummer, false},
		// The century of a CPR number.
		{"DK", "2902003123", today, None, false}, {"DK", "2902004123", today, CPR, false}, {"DK", "2902008123", today, CPR, false},
		{"DK", "0101275123", today, None, false}, {"DK", "0101275123", 0, CPR, false}, {"DK", "0101370123", today, CPR, false},
		{"DK", "0101374123", today, CPR, false}, {"DK", "0101364123", today, None, false}, {"DK", "0101588123", today, CPR, false},
		{"DK", "0101578123", today, None, false}, {"DK", "010158-8123", today, CPR, false},
		{"DK", "01.01.80-1234", today, None, false}, {"DK", "24-12-05-1230", today, None, false},
		{"DK", "3104801234", today, None, false}, {"DK", "6101801234", today, None, false}, {"DK", "0113801234", today, None, false},
		// No company, no serial below 20, no other century.
		{"IS", "520160-3389", today, None, false}, {"IS", firstKennitala("010180", "19", "9"), today, None, false},
		{"IS", firstKennitala("010180", "20", "9"), today, Kennitala, false}, {"IS", firstKennitala("010180", "20", "1"), today, None, false},
		{"IS", firstKennitala("010180", "20", "0"), today, None, false}, {"IS", firstKennitala("010180", "20", "8"), today, Kennitala, false},
	} {
		h := scanner(t, c.asOf, c.country).Scan([]byte(c.in))
		if h.Kind != c.want || h.Test != c.test {
			t.Errorf("%s %s as of %d: %v, test %v; want %v, %v", c.country, c.in, c.asOf, h.Kind, h.Test, c.want, c.test)
		}
	}
}

func withLuhn(nine string) string { return nine + luhn(nine) }

func plussed(ten string) string { return ten[:6] + "+" + ten[6:] }

// firstChecked is the first number of a date whose series lies between two
// that has check digits.
func firstChecked(date string, from, to int) string {
	for i := from; i <= to; i++ {
		if n := norwegianChecked(fmt.Sprintf("%s%03d", date, i), 0); n != "" {
			return n
		}
	}
	panic("no number of that date")
}

func firstOf2032(date string, remainder int) string {
	for i := range 1000 {
		if n := norwegianChecked(fmt.Sprintf("%s%03d", date, i), remainder); n != "" {
			return n
		}
	}
	panic("no number of that date")
}

func firstKennitala(date, serial, century string) string {
	for s, _ := strconv.Atoi(serial); ; s += 20 {
		if k := eleven(weighted(fmt.Sprintf("%s%02d", date, s%100), 3, 2, 7, 6, 5, 4, 3, 2)); k != "" {
			return fmt.Sprintf("%s%02d%s%s", date, s%100, k, century)
		}
	}
}
