package event

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// ErrIdentity is returned for an event whose ID is not that of its content: it
// was altered, or not made by New.
var ErrIdentity = errors.New("the event's id is not that of its content")

// IDOf is the identity of an event: a hash of type, subject, cause and content.
// Time is not in it.
func IDOf(t Type, subject, cause string, data []byte) string {
	h := sha256.New()
	for _, s := range []string{string(t), subject, cause, string(data)} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Verify reports ErrIdentity unless e's ID is that of its content.
func (e Event) Verify() error {
	if want := IDOf(e.Type, e.Subject, e.Cause, e.Data); e.ID != want {
		return fmt.Errorf("%w: it has %q, its content %q", ErrIdentity, e.ID, want)
	}
	return nil
}
