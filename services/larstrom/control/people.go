package control

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"larstrom/pipeline/catalog"
)

// Authenticate is the person as whom a command acts: the one of that id, when
// the token is hers. A wrong token and another person's token give the same
// answer, so that nobody learns whose token she holds.
func Authenticate(c *catalog.Catalog, as, token string) (catalog.Person, error) {
	index := c.Index()
	p, ok := index.Person(as)
	if !ok {
		return catalog.Person{}, fmt.Errorf("%w: the catalog has no person %q; name one of its people with --as", ErrWrongToken, as)
	}
	if p.TokenSHA256 == "" {
		return catalog.Person{}, fmt.Errorf("%w: %s has none in the catalog; `larstrom token` makes one: put its token_sha256 under people there, and restart with --catalog",
			ErrNoToken, as)
	}
	if token == "" {
		return catalog.Person{}, fmt.Errorf("%w: give that of %s in LARSTROM_TOKEN or with --token-file", ErrNoToken, as)
	}
	owner, ok := index.PersonByToken(token)
	if !ok || owner.ID != as {
		return catalog.Person{}, fmt.Errorf("%w: %s; compare it with token_sha256 in the catalog, or make a new one with `larstrom token`", ErrWrongToken, as)
	}
	return *p, nil
}

// NewToken makes a personal token and what the catalog keeps of it.
func NewToken() (token, sha string) {
	token = rand.Text()
	h := sha256.Sum256([]byte(token))
	return token, hex.EncodeToString(h[:])
}
