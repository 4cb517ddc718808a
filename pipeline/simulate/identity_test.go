package simulate

import (
	"regexp"
	"strconv"
	"testing"

	identitynumbers "larstrom/pipeline/intake/identity"
)

// TestIdentityNumbers holds the check digits against known numbers that are
// published as examples, and that what is drawn is of a range for tests.
func TestIdentityNumbers(t *testing.T) {
	// 811228-987 has the check digit 4 (an example of the Swedish tax agency).
	if got := swedish("811228", 987, false); got != "811228-9874" {
		t.Errorf("personnummer %s, want 811228-9874", got)
	}
	// 131052-308T is the example of the Finnish population agency.
	if got := finnish("131052", 308); got != "131052-308T" {
		t.Errorf("HETU %s, want 131052-308T", got)
	}
	// 070761-4285 is a test person of the Danish CPR office.
	if got, ok := danish("070761428"); !ok || got != "070761-4285" {
		t.Errorf("CPR %s %v, want 070761-4285", got, ok)
	}
	// Both check digits make weighted sums that 11 divides.
	d := streams{1}.at("test")
	// What is written is what is looked for, alone in a text as well.
	for _, country := range []string{"SE", "NO", "DK", "FI"} {
		params := identitynumbers.Defaults()
		params.Countries = []string{country}
		s, err := identitynumbers.NewScanner(params, 20251017)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if no := identity(country, d); !s.Scan([]byte("see also " + no)).Found() {
				t.Fatalf("%s: %s is not found as an identity number", country, no)
			}
		}
	}
	for range 500 {
		no := identity("NO", d)
		for _, w := range [][]int{{3, 7, 6, 1, 8, 9, 4, 5, 2, 1, 0}, {5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1}} {
			sum := 0
			for i, k := range w {
				sum += k * int(no[i]-'0')
			}
			if sum%11 != 0 {
				t.Fatalf("fødselsnummer %s: the check digits do not hold", no)
			}
		}
		if m, _ := strconv.Atoi(no[2:4]); m < 81 || m > 92 {
			t.Fatalf("fødselsnummer %s is not of the synthetic range", no)
		}
		if se := identity("SE", d); !regexp.MustCompile(`^(19)?\d{6}-23[89]\d$`).MatchString(se) {
			t.Fatalf("personnummer %s is not of the range for tests", se)
		}
		if dk := identity("DK", d); !regexp.MustCompile(`^[0-2]\d[01]\d(5[89]|6[0-3])-[5-8]\d{3}$`).MatchString(dk) {
			t.Fatalf("CPR %s is not of one who was dead before there were any", dk)
		}
		if fi := identity("FI", d); fi[7] != '9' {
			t.Fatalf("HETU %s is not of the temporary range", fi)
		}
	}
}
