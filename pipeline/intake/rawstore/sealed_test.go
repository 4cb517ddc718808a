package rawstore_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"
	"pgregory.net/rapid"

	"larstrom/pipeline/intake/rawstore"
)

func identity(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func sealedStore(t testing.TB, dir string) *rawstore.Store {
	id := identity(t)
	return rawstore.NewSealed(dir, id.Recipient(), id)
}

// What a sealed store gives back are the bytes that it took, in order and at
// any place, whatever their number.
func TestSealedKeepsTheBytes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "raw")
	s := sealedStore(t, dir)
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.SampledFrom([]int{0, 1, 100, 64<<10 - 1, 64 << 10, 64<<10 + 1, 200_000}).Draw(rt, "size")
		b := make([]byte, size)
		rnd := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(rt, "seed")))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		sum := sha256.Sum256(b)
		want := rawstore.File{SHA256: hex.EncodeToString(sum[:]), Size: int64(size)}
		for range 2 {
			if got, err := s.Put(bytes.NewReader(b)); err != nil || got != want {
				rt.Fatalf("%+v, %v; want %+v", got, err, want)
			}
		}
		f, err := s.Open(want.SHA256)
		if err != nil {
			rt.Fatal(err)
		}
		if end, err := f.Seek(0, io.SeekEnd); err != nil || end != want.Size {
			rt.Fatalf("size %d, %v", end, err)
		}
		if size > 0 {
			from := rapid.IntRange(0, size-1).Draw(rt, "from")
			part := make([]byte, min(1000, size-from))
			if n, err := f.ReadAt(part, int64(from)); n < len(part) && err != nil || !bytes.Equal(part, b[from:from+len(part)]) {
				rt.Fatalf("at %d: %v", from, err)
			}
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			rt.Fatal(err)
		}
		got, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil || !bytes.Equal(got, b) {
			rt.Fatalf("%d bytes, %v", len(got), err)
		}
		if err := s.Verify(want.SHA256); err != nil {
			rt.Fatal(err)
		}
	})
	for path, text := range files(t, dir) {
		if !strings.HasSuffix(path, ".age") || !strings.HasPrefix(text, "age-encryption.org/v1\n") {
			t.Errorf("%s is not encrypted", path)
		}
	}
}

const secret = "19121212-1212;Tolvan Tolvansson\n"

// No file of the store holds the bytes in clear, nor did any while they came.
func TestSealedIsNeverInClear(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "raw")
	s := sealedStore(t, dir)
	looks := 0
	look := func() {
		for path, text := range files(t, dir) {
			looks++
			if strings.Contains(text, "Tolvan") {
				t.Errorf("%s has the name in clear", path)
			}
		}
	}
	const times = 20_000
	n := 0
	r := reader(func(p []byte) (int, error) {
		if n%4000 == 0 {
			look()
		}
		if n++; n > times {
			return 0, io.EOF
		}
		return copy(p, secret), nil
	})
	f, err := s.Put(r)
	if err != nil || f.Size != times*int64(len(secret)) {
		t.Fatal(f, err)
	}
	look()
	if looks < 4 {
		t.Errorf("only %d looks", looks)
	}
	// A reader that breaks off, too.
	if _, err := s.Put(io.MultiReader(strings.NewReader(secret), iotest.ErrReader(io.ErrClosedPipe))); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	if left := files(t, dir); len(left) != 1 {
		t.Errorf("left are %d files", len(left))
	}
}

type reader func([]byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

// Every byte of the encrypted file counts.
func TestSealedFindsDamage(t *testing.T) {
	dir := t.TempDir()
	s := sealedStore(t, dir)
	f, err := s.Put(strings.NewReader(secret))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, f.SHA256[:2], f.SHA256+".age")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damage := map[string][]byte{"cut": whole[:len(whole)-1], "longer": append(bytes.Clone(whole), 'x'), "empty": nil}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 1
		damage["byte "+hex.EncodeToString([]byte{byte(i >> 8), byte(i)})] = b
	}
	for name, b := range damage {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(f.SHA256); !errors.Is(err, rawstore.ErrCorrupt) || !strings.Contains(err.Error(), f.SHA256) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(f.SHA256); err != nil {
		t.Error(err)
	}
}

// Without the key a file can be kept and not read; with another one it says so.
func TestSealedWithoutTheKey(t *testing.T) {
	dir := t.TempDir()
	id := identity(t)
	onlyTo := rawstore.NewSealed(dir, id.Recipient())
	f, err := onlyTo.Put(strings.NewReader(secret))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*rawstore.Store{"recipient alone": onlyTo, "no key": rawstore.New(dir)} {
		if err := s.Verify(f.SHA256); !errors.Is(err, rawstore.ErrSealed) || errors.Is(err, rawstore.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Open(f.SHA256); !errors.Is(err, rawstore.ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Verify(strings.Repeat("0", 64)); !errors.Is(err, rawstore.ErrCorrupt) {
			t.Errorf("%s, a file that is not there: %v", name, err)
		}
	}
	if err := sealedStore(t, dir).Verify(f.SHA256); !errors.Is(err, rawstore.ErrCorrupt) {
		t.Errorf("another key: %v", err)
	}
	other := identity(t)
	if err := rawstore.NewSealed(dir, other.Recipient(), other, id).Verify(f.SHA256); err != nil {
		t.Errorf("with the key of an earlier time: %v", err)
	}
}

// What lies in clear from before is read as it is.
func TestSealedReadsWhatIsInClear(t *testing.T) {
	dir := t.TempDir()
	f, err := rawstore.New(dir).Put(strings.NewReader(secret))
	if err != nil {
		t.Fatal(err)
	}
	s := sealedStore(t, dir)
	if err := s.Verify(f.SHA256); err != nil {
		t.Error(err)
	}
	if _, err := s.Put(strings.NewReader(secret)); err != nil {
		t.Error(err)
	}
	if err := s.Verify(f.SHA256); err != nil {
		t.Error(err)
	}
}

// Memory does not grow with the file.
func TestSealedMemoryIsFlat(t *testing.T) {
	s := sealedStore(t, t.TempDir())
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	start, peak := stats.HeapInuse, uint64(0)
	look := func() {
		runtime.ReadMemStats(&stats)
		peak = max(peak, stats.HeapInuse)
	}
	const size = 64 << 20
	source := io.LimitReader(rand.NewChaCha8([32]byte{1}), size)
	file, err := s.Put(reader(func(p []byte) (int, error) { look(); return source.Read(p) }))
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Open(file.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(writer(func(p []byte) (int, error) { look(); return len(p), nil }), f)
	if err := errors.Join(err, f.Close()); err != nil || n != size {
		t.Fatal(n, err)
	}
	if peak > start+size/4 {
		t.Errorf("%d bytes in use for a file of %d", peak-start, size)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func BenchmarkSealed(b *testing.B) {
	data := make([]byte, 32<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	for name, s := range map[string]*rawstore.Store{"plain": rawstore.New(b.TempDir()), "sealed": sealedStore(b, b.TempDir())} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				f, err := s.Put(bytes.NewReader(data))
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Verify(f.SHA256); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
