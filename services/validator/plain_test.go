package validator

import (
	"errors"
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/gate"
)

// What a person writes is kept for ever, so that no identity number of the
// countries of the registries is taken, wherever it stands, nor a whole document.
func TestPlain(t *testing.T) {
	of := func(countries ...string) *Service {
		c := &catalog.Catalog{}
		for _, code := range countries {
			c.Registries = append(c.Registries, catalog.Registry{Code: code, Country: code})
		}
		return &Service{cfg: Config{Catalog: c}}
	}
	for _, c := range []struct {
		name  string
		at    *Service
		order gate.Command
		bad   bool
	}{
		{"plain words", of("SE"), gate.Command{Note: "the list of 2026-03-02 has 170 of 219, ticket 4711", Evidence: "called the ward", Link: "https://archive.example/2026/12"}, false},
		{"a personnummer in a note", of("SE"), gate.Command{Note: "see 19121212-1212 in the record"}, true},
		{"in the evidence", of("SE"), gate.Command{Evidence: "121212-1212"}, true},
		{"in a link", of("SE"), gate.Command{Link: "https://journal.example/patient/191212121212"}, true},
		{"a fødselsnummer", of("SE", "NO"), gate.Command{Note: "13097248022"}, true},
		{"a country without one", of("GB"), gate.Command{Note: "121212-1212"}, true},
		{"a henkilötunnus in Sweden", of("SE"), gate.Command{Note: "see 131052-308T"}, true},
		{"a fødselsnummer in Sweden", of("SE"), gate.Command{Note: "13097248022"}, true},
		{"a CPR in Denmark", of("SE", "DK"), gate.Command{Note: "see 070123-4567"}, true},
		{"a telephone number in Sweden", of("SE"), gate.Command{Note: "call 0701234567"}, false},
		{"the hash is none", of("SE"), gate.Command{SHA256: strings.Repeat("12", 32)}, false},
		{"a document", of("SE"), gate.Command{Note: strings.Repeat("å", longestText+1)}, true},
		{"as long as may be", of("SE"), gate.Command{Note: strings.Repeat("å", longestText)}, false},
	} {
		err := c.at.plainOrder(Order{Command: c.order})
		if (err != nil) != c.bad || err != nil && !errors.Is(err, gate.ErrInvalid) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "1212") || strings.Contains(err.Error(), "13097")) {
			t.Errorf("%s: the error repeats the number: %v", c.name, err)
		}
	}
}
