package audit

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"larstrom/pipeline/event"
)

// ErrBroken: a trail is not as it was signed.
var ErrBroken = errors.New("audit: the trail is not as it was signed")

const version = 1

// header is the first line.
type header struct {
	Audit     int       `json:"larstrom_audit"`
	Region    string    `json:"region"`
	At        time.Time `json:"at"`
	PublicKey string    `json:"public_key"`
}

// line is an event of the LEDGER.
type line struct {
	Previous string          `json:"previous"`
	Sequence uint64          `json:"sequence"`
	ID       string          `json:"id"`
	Type     event.Type      `json:"type"`
	Subject  string          `json:"subject"`
	Cause    string          `json:"cause,omitempty"`
	Time     time.Time       `json:"time"`
	Basis    *Basis          `json:"basis,omitempty"`
	Data     json.RawMessage `json:"data"`
}

// footer is the last line.
type footer struct {
	Previous  string `json:"previous"`
	Events    int    `json:"events"`
	Signature string `json:"signature"`
}

// Basis is what a decision rested on: the flag as it was raised last.
type Basis struct {
	Check        string         `json:"check"`
	CheckVersion int            `json:"check_version"`
	Severity     event.Severity `json:"severity"`
	// Catalog is the hash of the one that held the threshold.
	Catalog  string  `json:"catalog"`
	Run      string  `json:"run"`
	Rev      uint64  `json:"rev"`
	Observed float64 `json:"observed"`
	Expected float64 `json:"expected"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	// Fingerprints are those of the guarded versions.
	Fingerprints []string `json:"fingerprints"`
}

// Writer writes a trail. After an error it is of no more use.
type Writer struct {
	w        io.Writer
	key      ed25519.PrivateKey
	previous [sha256.Size]byte
	events   int
	raised   map[string]*Basis
}

// NewWriter begins a trail of the region, as of the instant at.
func NewWriter(w io.Writer, key ed25519.PrivateKey, region string, at time.Time) (*Writer, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, errors.New("audit: a private Ed25519 key is needed")
	}
	a := &Writer{w: w, key: key, raised: map[string]*Basis{}}
	public := key.Public().(ed25519.PublicKey)
	return a, a.write(header{Audit: version, Region: region, At: at.UTC(), PublicKey: base64.StdEncoding.EncodeToString(public)})
}

func (a *Writer) write(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	a.previous = sha256.Sum256(b)
	if _, err := a.w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// Add writes the next event of the LEDGER.
func (a *Writer) Add(e event.Event) error {
	l := line{Previous: hex.EncodeToString(a.previous[:]), Sequence: e.Sequence, ID: e.ID, Type: e.Type, Subject: e.Subject, Cause: e.Cause, Time: e.Time, Data: e.Data}
	switch e.Type {
	case event.TypeFlagRaised:
		f, err := event.Decode[event.FlagRaised](e)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		a.raised[f.Flag] = basisOf(f)
	case event.TypeFlagReopened:
		r, err := event.Decode[event.FlagReopened](e)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if b := a.raised[r.Flag]; b != nil && len(r.Guards) > 0 {
			also := *b
			also.Fingerprints = append(append([]string{}, b.Fingerprints...), fingerprints(r.Guards)...)
			a.raised[r.Flag] = &also
		}
	case event.TypeDecisionMade, event.TypeDecisionProposed, event.TypeDecisionConfirmed, event.TypeDecisionRefused, event.TypeDecisionWithdrawn,
		event.TypeFlagJudged, event.TypeImpactViewed:
		var about struct {
			Flag string `json:"flag"`
		}
		if err := json.Unmarshal(e.Data, &about); err != nil {
			return fmt.Errorf("audit: event %d %s: %w", e.Sequence, e.Type, err)
		}
		l.Basis = a.raised[about.Flag]
	}
	a.events++
	return a.write(l)
}

func basisOf(f event.FlagRaised) *Basis {
	return &Basis{Check: f.Check, CheckVersion: f.CheckVersion, Severity: f.Severity, Catalog: f.Catalog, Run: f.Run, Rev: f.Rev,
		Observed: f.Observed, Expected: f.Expected, Low: f.Low, High: f.High, Fingerprints: fingerprints(f.Guards)}
}

func fingerprints(guards []event.Guard) []string {
	out := make([]string, len(guards))
	for i, g := range guards {
		out[i] = g.Fingerprint.String()
	}
	return out
}

// Close signs the trail.
func (a *Writer) Close() error {
	f := footer{Previous: hex.EncodeToString(a.previous[:]), Events: a.events}
	f.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(a.key, f.signed()))
	return a.write(f)
}

// signed is what the signature is over: the chain of all lines, and how many.
func (f *footer) signed() []byte {
	return fmt.Appendf(nil, "larstrom audit %d %s %d", version, f.Previous, f.Events)
}

// Trail is what a verified trail says of itself.
type Trail struct {
	Region    string
	At        time.Time
	PublicKey ed25519.PublicKey
	Events    int
	// Last is the LEDGER sequence of the last event.
	Last uint64
}

// longest a line can be: an event has at most a megabyte, and its basis names
// as many fingerprints as a flag guards.
const longest = 16 << 20

// Verify reads a trail to its end and reports what it is, or ErrBroken with the
// number of the first line that is not as it was signed. trusted is the key that
// must have signed it; nil: the one that the trail names, which proves no more
// than that it is whole.
func Verify(r io.Reader, trusted ed25519.PublicKey) (Trail, error) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 1<<16), longest)
	var t Trail
	var previous [sha256.Size]byte
	n := 0
	broken := func(format string, a ...any) (Trail, error) {
		return Trail{}, fmt.Errorf("%w: line %d: "+format, append([]any{ErrBroken, n}, a...)...)
	}
	signed := false
	for in.Scan() {
		n++
		b := in.Bytes()
		if signed {
			return broken("something follows the signature")
		}
		if n == 1 {
			var h header
			if err := strict(b, &h); err != nil || h.Audit != version {
				return broken("it is no trail of version %d", version)
			}
			key, err := base64.StdEncoding.DecodeString(h.PublicKey)
			if err != nil || len(key) != ed25519.PublicKeySize {
				return broken("the public key is none")
			}
			t = Trail{Region: h.Region, At: h.At, PublicKey: key}
			if trusted != nil && !trusted.Equal(t.PublicKey) {
				return broken("it is signed with another key than the trusted one")
			}
			previous = sha256.Sum256(b)
			continue
		}
		var f footer
		if strict(b, &f) == nil {
			signature, err := base64.StdEncoding.DecodeString(f.Signature)
			if err != nil || f.Previous != hex.EncodeToString(previous[:]) || f.Events != t.Events || !ed25519.Verify(t.PublicKey, f.signed(), signature) {
				return broken("the signature is not over what stands before it")
			}
			signed = true
			continue
		}
		var l line
		if err := strict(b, &l); err != nil {
			return broken("%v", err)
		}
		if l.Previous != hex.EncodeToString(previous[:]) {
			return broken("the line before it is another")
		}
		e := event.Event{ID: l.ID, Type: l.Type, Subject: l.Subject, Cause: l.Cause, Time: l.Time, Data: l.Data, Sequence: l.Sequence}
		if err := e.Verify(); err != nil {
			return broken("%v", err)
		}
		if l.Sequence <= t.Last {
			return broken("event %d after event %d", l.Sequence, t.Last)
		}
		t.Last = l.Sequence
		t.Events++
		previous = sha256.Sum256(b)
	}
	if err := in.Err(); err != nil {
		return Trail{}, fmt.Errorf("audit: %w", err)
	}
	if !signed {
		n++
		return broken("the signature is missing")
	}
	return t, nil
}

// strict reads one JSON value with all its fields known.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
