package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/audit"
	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

var (
	at  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	day = catalog.NewDate(2026, 3, 1)
)

func trail(t *testing.T, key ed25519.PrivateKey) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := audit.NewWriter(&out, key, "nord", at)
	if err != nil {
		t.Fatal(err)
	}
	guard := event.Guard{Registry: "hjarta", Version: "1", Granularity: "month", Unit: "E", Period: day, Fingerprint: cell.Fingerprint{1, 2}}
	raised := event.FlagRaised{Flag: "f1", Check: "K09", CheckVersion: 3, Severity: event.Hold, Indicator: "i", Unit: "E", Observed: 5, Expected: 9, Low: 0, High: 10,
		Run: "r1", Rev: 7, Guards: []event.Guard{guard}, Catalog: "c1", AsOf: day}
	again := raised
	again.CheckVersion, again.Catalog = 4, "c2"
	for i, b := range []event.Body{
		raised, event.DecisionMade{Decision: "d", Flag: "f1", Kind: event.Comment, By: "p", Note: "<why?>", On: day},
		again, event.DecisionMade{Decision: "e", Flag: "f1", Kind: event.Accept, By: "p", Cause: "true_change", On: day},
		event.DataRead{By: "p", What: event.ReadRows, Of: "h", On: day},
	} {
		e, err := event.New(event.GateSubject("nord", "i"), "c", b, at)
		if err != nil {
			t.Fatal(err)
		}
		e.Sequence = uint64(3 * (i + 1))
		if err := w.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestTrail(t *testing.T) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := trail(t, key)
	got, err := audit.Verify(bytes.NewReader(b), public)
	if err != nil || got.Region != "nord" || !got.At.Equal(at) || got.Events != 5 || got.Last != 15 || !got.PublicKey.Equal(public) {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := audit.Verify(bytes.NewReader(b), nil); err != nil {
		t.Error(err)
	}
	lines := strings.SplitAfter(string(b), "\n")
	lines = lines[:len(lines)-1]
	// A decision says which check, threshold and data it was about then.
	for i, want := range map[int]string{2: `"check":"K09","check_version":3,"severity":"HOLD","catalog":"c1"`, 4: `"check":"K09","check_version":4,"severity":"HOLD","catalog":"c2"`} {
		if !strings.Contains(lines[i], want) || !strings.Contains(lines[i], `"fingerprints":["0102`) {
			t.Errorf("line %d: %s", i+1, lines[i])
		}
	}
	if strings.Contains(lines[1], "basis") || strings.Contains(lines[5], "basis") {
		t.Error("what is no decision has a basis")
	}
	// Whatever is done to it shows.
	other, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Verify(bytes.NewReader(b), other); !errors.Is(err, audit.ErrBroken) {
		t.Errorf("another's key: %v", err)
	}
	broken := func(what string, lines ...string) {
		t.Helper()
		if _, err := audit.Verify(strings.NewReader(strings.Join(lines, "")), public); !errors.Is(err, audit.ErrBroken) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range lines {
		without := append(append([]string{}, lines[:i]...), lines[i+1:]...)
		broken("left out", without...)
		twice := append(append([]string{}, lines[:i+1]...), lines[i:]...)
		broken("twice", twice...)
		if i > 0 {
			swapped := append([]string{}, lines...)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			broken("swapped", swapped...)
		}
		for at := range len(lines[i]) - 1 {
			changed := []byte(lines[i])
			changed[at] ^= 1
			all := append([]string{}, lines...)
			all[i] = string(changed)
			broken("one bit", all...)
		}
	}
	broken("nothing")
	broken("cut", lines[:len(lines)-1]...)
	broken("more", append(append([]string{}, lines...), "{}\n")...)
}

func TestKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "audit.key")
	if _, err := audit.LoadKey(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	made, err := audit.MakeKey(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// It is not made anew, and reads as it was written.
	again, err := audit.MakeKey(path, rand.Reader)
	if err != nil || !again.Equal(made) {
		t.Errorf("made twice: %v", err)
	}
	if i, err := os.Stat(path); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", i.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".audit-*")); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
	if err := os.Chmod(path, 0o640); err != nil { // that others can read it is the fault under test
		t.Fatal(err)
	}
	if _, err := audit.LoadKey(path); !errors.Is(err, audit.ErrKey) {
		t.Errorf("others can read it: %v", err)
	}
	if err := errors.Join(os.WriteFile(path, []byte("larstrom-audit-key-1 x\n"), 0o600), os.Chmod(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.LoadKey(path); !errors.Is(err, audit.ErrKey) {
		t.Errorf("no key: %v", err)
	}
}
