package validator

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"larstrom/pipeline/gate"
	"larstrom/pipeline/intake/identity"
)

// longestText is how many characters a person may write at a time. What has more
// is a document: its hash and where it lies are evidence (gate.Attach).
const longestText = 4000

// plain refuses what a person has written if it is too long, or holds what looks
// like a personal identity number: the ledger keeps it for ever, and mails and
// pages show it. Swedish, Norwegian and Finnish ones are looked for everywhere,
// since people are treated abroad; Danish and Icelandic ones, which a telephone
// number is too often, where a registry is of that country.
func (s *Service) plain(texts ...string) error {
	params := identity.Defaults()
	params.Countries = []string{"SE", "NO", "FI"}
	for _, r := range s.cfg.Catalog.Registries {
		if (r.Country == "DK" || r.Country == "IS") && !slices.Contains(params.Countries, r.Country) {
			params.Countries = append(params.Countries, r.Country)
		}
	}
	scanner, err := identity.NewScanner(params, 0)
	if err != nil {
		return err
	}
	for _, text := range texts {
		if n := utf8.RuneCountInString(text); n > longestText {
			return fmt.Errorf("%w: a text has %d characters; write at most %d, and attach a longer document by its link and SHA-256", gate.ErrInvalid, n, longestText)
		}
		if h := scanner.Scan([]byte(text)); h.Found() {
			return fmt.Errorf("%w: a text holds what looks like a personal identity number (%s); say it without, for it is kept for ever", gate.ErrInvalid, h.Kind)
		}
	}
	return nil
}

// plainOrder is plain for all that a command says.
func (s *Service) plainOrder(o Order) error {
	return s.plain(o.Note, o.Evidence, o.Link)
}
