package pseudonym_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"pgregory.net/rapid"

	"larstrom/pipeline/intake/pseudonym"
)

const (
	subjectKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	naturalKey = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
)

func rawKey(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func file(region, subject, key, raw string) string {
	return fmt.Sprintf("# a comment\n\n%[1]s subject %[2]s\n%[1]s  key\t%[3]s # of natural keys\r\n%[1]s raw %[4]s\n", region, subject, key, raw)
}

// The sums are those of RFC 2104 with the keys of the file, each purpose and
// region with its own.
func TestSumsAreHMAC(t *testing.T) {
	k, err := pseudonym.Parse(strings.NewReader(file("nord", subjectKey, naturalKey, rawKey(t).String())), "nord")
	if err != nil {
		t.Fatal(err)
	}
	subjects, naturals := k.Subjects(), k.Naturals()
	want := func(key string, message []byte) string {
		b, err := hex.DecodeString(key)
		if err != nil {
			t.Fatal(err)
		}
		mac := hmac.New(sha256.New, b)
		mac.Write(message)
		return hex.EncodeToString(mac.Sum(nil)[:16])
	}
	rapid.Check(t, func(rt *rapid.T) {
		message := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(rt, "message")
		a, b := subjects.Sum(message), naturals.Sum(message)
		if got := hex.EncodeToString(a[:]); got != want(subjectKey, message) {
			rt.Fatalf("subject of %x is %s", message, got)
		}
		if got := hex.EncodeToString(b[:]); got != want(naturalKey, message) || a == b {
			rt.Fatalf("key of %x is %s", message, got)
		}
	})
	// A release that changed these would part the deliveries of every region
	// from those before it.
	if got := hex.EncodeToString(first(subjects.Sum([]byte("19121212-1212")))); got != "07f749349579d1cf40e7e271bb879034" || k.ID() != "85bfecd0176d3f61" {
		t.Errorf("%s, id %s", got, k.ID())
	}
}

func first(b [16]byte) []byte { return b[:] }

func TestSumAllocatesNothing(t *testing.T) {
	k, err := pseudonym.New("nord", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h, message := k.Subjects(), []byte("19121212-1212")
	if n := testing.AllocsPerRun(100, func() { h.Sum(message) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

// Keys of two makings, or of two regions, give no pseudonym in common.
func TestKeysDiffer(t *testing.T) {
	seen := map[[16]byte]string{}
	ids := map[string]bool{}
	for i, region := range []string{"nord", "nord", "syd"} {
		k, err := pseudonym.New(region, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for purpose, h := range map[string]*pseudonym.Hasher{"subject": k.Subjects(), "key": k.Naturals()} {
			sum := h.Sum([]byte("19121212-1212"))
			if was, ok := seen[sum]; ok {
				t.Errorf("%s %d %s is that of %s", region, i, purpose, was)
			}
			seen[sum] = fmt.Sprintf("%s %d %s", region, i, purpose)
		}
		ids[k.ID()] = true
	}
	if len(ids) != 3 {
		t.Errorf("ids %v", ids)
	}
}

// The id stands for the keys of pseudonyms, and for all of each.
func TestIDFollowsTheKeys(t *testing.T) {
	id := rawKey(t).String()
	parse := func(subject, key, raw string) *pseudonym.Keys {
		k, err := pseudonym.Parse(strings.NewReader(file("nord", subject, key, raw)), "nord")
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	base := parse(subjectKey, naturalKey, id)
	if base.ID() != parse(subjectKey, naturalKey, rawKey(t).String()).ID() {
		t.Error("another key of raw files changes the id")
	}
	other := strings.Replace(subjectKey, "1f", "1e", 1)
	for name, k := range map[string]*pseudonym.Keys{"subject": parse(other, naturalKey, id), "key": parse(subjectKey, other, id), "both": parse(naturalKey, subjectKey, id)} {
		if k.ID() == base.ID() {
			t.Errorf("%s: the id is the same", name)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		if text := fmt.Sprintf(verb, base); text != "pseudonym.Keys "+base.ID() {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

func TestCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	path := filepath.Join(dir, "larstrom.keys")
	if err := pseudonym.Create(path, "nord", rand.Reader); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	a, err := pseudonym.Load(path, "nord")
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Identities()) != 1 || a.Recipient() == nil {
		t.Error("no key for raw files")
	}
	// A second one never replaces the first.
	if err := pseudonym.Create(path, "nord", rand.Reader); !errors.Is(err, fs.ErrExist) {
		t.Errorf("created twice: %v", err)
	}
	b, err := pseudonym.Load(path, "nord")
	if err != nil || b.ID() != a.ID() {
		t.Errorf("other keys than before, %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left are %v, %v", entries, err)
	}
	if _, err := pseudonym.Load(path, "syd"); !errors.Is(err, pseudonym.ErrNoKey) {
		t.Errorf("keys of another region: %v", err)
	}
	if err := pseudonym.Create(filepath.Join(dir, "b"), "no rd", rand.Reader); err == nil {
		t.Error("a region of two words")
	}
}

func TestModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if err := pseudonym.Create(path, "nord", rand.Reader); err != nil {
		t.Fatal(err)
	}
	for mode := range os.FileMode(0o100) {
		if err := os.Chmod(path, 0o600|mode); err != nil {
			t.Fatal(err)
		}
		_, err := pseudonym.Load(path, "nord")
		if check := pseudonym.Check(path); errors.Is(check, pseudonym.ErrMode) != (mode != 0) {
			t.Errorf("mode %04o: %v", 0o600|mode, check)
		}
		if want := mode != 0; errors.Is(err, pseudonym.ErrMode) != want || !want && err != nil {
			t.Errorf("mode %04o: %v", 0o600|mode, err)
		}
	}
	if _, err := pseudonym.Load(filepath.Dir(path), "nord"); err == nil {
		t.Error("a folder is a key file")
	}
	if _, err := pseudonym.Load(path+"x", "nord"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// A wrong file is refused, and what it holds is in no error.
func TestWrongFiles(t *testing.T) {
	id := rawKey(t)
	good := file("nord", subjectKey, naturalKey, id.String())
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"other regions beside": "syd subject x\nsyd raw y\n" + good, "recipient only": file("nord", subjectKey, naturalKey, id.Recipient().String()),
		"several keys of raw files": good + "nord raw " + rawKey(t).String(), "hybrid": file("nord", subjectKey, naturalKey, hybrid.String()), "hybrid recipient": file("nord", subjectKey, naturalKey, hybrid.Recipient().String()),
	} {
		k, err := pseudonym.Parse(strings.NewReader(text), "nord")
		if err != nil || k.Recipient() == nil || (len(k.Identities()) == 0) != strings.Contains(name, "recipient") {
			t.Errorf("%s: %v", name, err)
		}
	}
	secret := strings.ToLower(id.String()[20:])
	for name, text := range map[string]string{
		"empty": "", "no subject": strings.Replace(good, "nord subject", "syd subject", 1), "no key": strings.Replace(good, "nord  key", "syd key", 1),
		"no raw": strings.Replace(good, "nord raw", "# nord raw", 1), "twice": good + "nord key " + naturalKey + "\n",
		"short": strings.Replace(good, subjectKey, subjectKey[:62], 1), "no hex": strings.Replace(good, subjectKey, subjectKey[:63]+"g", 1),
		"one byte": strings.Replace(good, subjectKey, strings.Repeat("61", 32), 1), "two words": good + "nord " + naturalKey, "four words": good + "a subject b c",
		"purpose": good + "nord pepper " + naturalKey, "raw": strings.Replace(good, "AGE-SECRET-KEY-", "AGE-SECRET-KEX-", 1),
		"raw cut": strings.TrimSuffix(good, id.String()[60:]+"\n"), "scrypt": strings.Replace(good, id.String(), "password", 1),
		"recipient": strings.Replace(good, id.String(), id.Recipient().String()+"q", 1),
	} {
		k, err := pseudonym.Parse(strings.NewReader(text), "nord")
		if err == nil {
			t.Errorf("%s: taken as %v", name, k)
			continue
		}
		for _, s := range []string{subjectKey[:20], naturalKey[:20], secret} {
			if strings.Contains(strings.ToLower(err.Error()), s) {
				t.Errorf("%s: the error shows a key: %v", name, err)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(file("nord", subjectKey, naturalKey, "AGE-SECRET-KEY-1")))
	f.Add([]byte("nord raw age1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := pseudonym.Parse(bytes.NewReader(b), "nord")
		if (k == nil) == (err == nil) {
			t.Errorf("%v, %v", k, err)
		}
	})
}

func BenchmarkSum(b *testing.B) {
	k, err := pseudonym.New("nord", rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	h, message := k.Subjects(), make([]byte, 28)
	for b.Loop() {
		h.Sum(message)
	}
}

// TestRounding: each audience has a secret of its own, which stays; a file from
// before there were any gives one, and a file with it alone is enough for it.
func TestRounding(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if err := pseudonym.Create(path, "nord", rand.Reader); err != nil {
		t.Fatal(err)
	}
	k, err := pseudonym.Load(path, "nord")
	if err != nil {
		t.Fatal(err)
	}
	r, err := pseudonym.LoadRounding(path, "nord")
	if err != nil || !bytes.Equal(r.For("SE"), k.Rounding().For("SE")) || bytes.Equal(r.For("SE"), r.For("R5")) || len(r.For("SE")) != 32 {
		t.Errorf("rounding: %v", err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var alone, before []string
	for line := range strings.Lines(string(whole)) {
		if strings.Contains(line, " rounding ") {
			alone = append(alone, line)
		} else {
			before = append(before, line)
		}
	}
	for name, lines := range map[string][]string{"alone": alone, "before": before} {
		p := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(p, []byte(strings.Join(lines, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := pseudonym.LoadRounding(p, "nord")
		if same := err == nil && bytes.Equal(got.For("SE"), r.For("SE")); err != nil || same != (name == "alone") {
			t.Errorf("%s: %v, equal %v", name, err, same)
		}
		if _, err := pseudonym.LoadRounding(p, "syd"); !errors.Is(err, pseudonym.ErrNoKey) {
			t.Errorf("%s, another region: %v", name, err)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v %s", r, r, r, r); strings.Contains(text, "[") || strings.Contains(text, "key") {
		t.Errorf("it prints %q", text)
	}
}
