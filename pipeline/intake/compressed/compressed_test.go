package compressed_test

import (
	"archive/zip"
	"bytes"
	stdgzip "compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/record"
)

const text = "unit;date;n\r\nSE1-N;2024-01-31;1,5\r\nSE1-S;2024-02-01;\"a\r\nb\"\r\n"

func gz(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := stdgzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zst(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type entry struct {
	name string
	body []byte
}

func pack(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range entries {
		f, err := w.Create(e.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(b []byte, method string, l compressed.Limits) ([]byte, error) {
	return readFrom(bytes.NewReader(b), method, l)
}

func readFrom(src io.Reader, method string, l compressed.Limits) ([]byte, error) {
	r, err := compressed.NewReader(src, method, l)
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(r)
	return out, errors.Join(err, r.Close())
}

func all(t testing.TB) map[string][]byte {
	return map[string][]byte{"": []byte(text), "gzip": gz(t, []byte(text)), "zstd": zst(t, []byte(text)),
		"zip": pack(t, entry{"data/", nil}, entry{"data/x.csv", []byte(text)}, entry{"__MACOSX/data/._x.csv", []byte("fork")}, entry{"data/.DS_Store", []byte("x")})}
}

// TestBytesInside: what went in comes out, whatever the pieces in which the
// source gives it and whether it can be read at any place or not.
func TestBytesInside(t *testing.T) {
	for method, b := range all(t) {
		for name, src := range map[string]io.Reader{"at": bytes.NewReader(b), "stream": iotest.DataErrReader(bytes.NewBuffer(b)), "byte by byte": iotest.OneByteReader(bytes.NewBuffer(b))} {
			out, err := readFrom(src, method, compressed.Limits{})
			if err != nil || string(out) != text {
				t.Errorf("%s, %s: %q, %v", method, name, out, err)
			}
		}
		if out, err := read(nil, method, compressed.Limits{}); err != nil || len(out) != 0 {
			t.Errorf("%s: an empty source: %q, %v", method, out, err)
		}
	}
	two := append(gz(t, []byte(text[:20])), gz(t, []byte(text[20:]))...)
	if out, err := read(two, "gzip", compressed.Limits{}); err != nil || string(out) != text {
		t.Errorf("two members: %q, %v", out, err)
	}
}

// TestCutEverywhere: no beginning of a container passes for a whole one, and
// each is told to be a beginning.
func TestCutEverywhere(t *testing.T) {
	for method, b := range all(t) {
		if method == "" {
			continue
		}
		for n := 1; n < len(b); n++ {
			out, err := read(b[:n], method, compressed.Limits{})
			var fault *record.Error
			if !errors.As(err, &fault) {
				t.Fatalf("%s: %d of %d bytes gave %q and %v", method, n, len(b), out, err)
			}
			if !fault.Cut {
				t.Fatalf("%s: %d of %d bytes: %v; it may be a beginning", method, n, len(b), err)
			}
		}
	}
}

// TestDamage: a byte that another takes the place of is noticed, or changed
// nothing.
func TestDamage(t *testing.T) {
	for method, b := range all(t) {
		if method == "" {
			continue
		}
		for i := range b {
			for _, x := range []byte{0x01, 0x80, 0xff} {
				c := bytes.Clone(b)
				c[i] ^= x
				if out, err := read(c, method, compressed.Limits{}); err == nil && string(out) != text {
					t.Fatalf("%s: byte %d xor %02x gave %q", method, i, x, out)
				}
			}
		}
	}
}

func TestBadFiles(t *testing.T) {
	plain := []byte(text)
	zeros := make([]byte, 20<<20)
	encrypted := pack(t, entry{"x.csv", plain})
	for _, sig := range []string{"PK\x03\x04", "PK\x01\x02"} {
		at := bytes.Index(encrypted, []byte(sig))
		encrypted[at+map[string]int{"PK\x03\x04": 6, "PK\x01\x02": 8}[sig]] |= 1
	}
	method := pack(t, entry{"x.csv", plain})
	for _, sig := range []string{"PK\x03\x04", "PK\x01\x02"} {
		at := bytes.Index(method, []byte(sig))
		method[at+map[string]int{"PK\x03\x04": 8, "PK\x01\x02": 10}[sig]] = 12
	}
	lying := pack(t, entry{"x.csv", zeros})
	at := bytes.Index(lying, []byte("PK\x01\x02"))
	copy(lying[at+24:], "\x10\x00\x00\x00") // says that 16 bytes come out
	for _, c := range []struct {
		name, method string
		b            []byte
		limits       compressed.Limits
		rule, text   string
		hint         string
		cut          bool
	}{
		{"gzip undeclared", "", gz(t, plain), compressed.Limits{}, "C01", "declares no compression, the file begins as gzip", "compression: gzip", false},
		{"zip undeclared", "", pack(t, entry{"x", plain}), compressed.Limits{}, "C01", "begins as zip", "compression: zip", false},
		{"xz", "gzip", []byte("\xfd7zXZ\x00\x00\x04"), compressed.Limits{}, "C01", "begins as xz", "xz is not read", false},
		{"bzip2", "", []byte("BZh91AY&SY"), compressed.Limits{}, "C01", "begins as bzip2", "bzip2 is not read", false},
		{"plain declared gzip", "gzip", plain, compressed.Limits{}, "C01", "does not begin as gzip", "remove compression", false},
		{"plain declared zip", "zip", plain, compressed.Limits{}, "C01", "does not begin as zip", "remove compression", false},
		{"zstd declared gzip", "gzip", zst(t, plain), compressed.Limits{}, "C01", "begins as zstd", "compression: zstd", false},
		{"something after gzip", "gzip", append(gz(t, plain), "more and more text"...), compressed.Limits{}, "C01", "damaged, or something follows", "", false},
		{"something after zstd", "zstd", append(zst(t, plain), "more and more text"...), compressed.Limits{}, "C01", "damaged, or something follows", "", false},
		{"two files", "zip", pack(t, entry{"a.csv", plain}, entry{"b.csv", plain}), compressed.Limits{}, "C01", "2 data files", "one file", false},
		{"no file", "zip", pack(t, entry{"a/", nil}), compressed.Limits{}, "C01", "0 data files", "one file", false},
		{"up", "zip", pack(t, entry{"../x.csv", plain}), compressed.Limits{}, "C01", "leads out", "plain name", false},
		{"up inside", "zip", pack(t, entry{"a/../../x.csv", plain}), compressed.Limits{}, "C01", "leads out", "", false},
		{"escape", "zip", pack(t, entry{"x\x1b[2J.csv", plain}), compressed.Limits{}, "C01", "does not show", "plain name", false},
		{"line end", "zip", pack(t, entry{"x\n.csv", plain}), compressed.Limits{}, "C01", "does not show", "", false},
		{"turned round", "zip", pack(t, entry{"x\u202evsc.exe", plain}), compressed.Limits{}, "C01", "does not show", "", false},
		{"root", "zip", pack(t, entry{"/etc/x.csv", plain}), compressed.Limits{}, "C01", "leads out", "", false},
		{"drive", "zip", pack(t, entry{"C:x.csv", plain}), compressed.Limits{}, "C01", "leads out", "", false},
		{"backslash", "zip", pack(t, entry{`..\x.csv`, plain}), compressed.Limits{}, "C01", "leads out", "", false},
		{"hidden trick", "zip", pack(t, entry{"x.csv", plain}, entry{"__MACOSX/../../y", plain}), compressed.Limits{}, "C01", "leads out", "", false},
		{"encrypted", "zip", encrypted, compressed.Limits{}, "C01", "encrypted", "without a password", false},
		{"method", "zip", method, compressed.Limits{}, "C01", "method 12", "deflate", false},
		{"gzip bomb", "gzip", gz(t, zeros), compressed.Limits{}, "C01", "more than 200 times", "limits.ratio", false},
		{"zstd bomb", "zstd", zst(t, zeros), compressed.Limits{}, "C01", "more than 200 times", "limits.ratio", false},
		{"zip bomb", "zip", pack(t, entry{"x", zeros}), compressed.Limits{}, "C01", "more than 200 times", "limits.ratio", false},
		{"zip that lies", "zip", lying, compressed.Limits{}, "C01", "damaged", "", false},
		{"too much gzip", "gzip", gz(t, plain), compressed.Limits{Bytes: 20}, "C01", "more than 20 bytes", "limits.bytes", false},
		{"too much plain", "", plain, compressed.Limits{Bytes: 20}, "C01", "more than 20 bytes", "limits.bytes", false},
		{"too much zip", "zip", pack(t, entry{"x", plain}), compressed.Limits{Bytes: 20}, "C01", "more than 20 bytes", "limits.bytes", false},
	} {
		out, err := read(c.b, c.method, c.limits)
		var fault *record.Error
		if !errors.As(err, &fault) {
			t.Errorf("%s: %d bytes and %v", c.name, len(out), err)
			continue
		}
		if fault.Rule != c.rule || !strings.Contains(fault.Text, c.text) || !strings.Contains(fault.Hint, c.hint) || fault.Hint == "" || fault.Cut != c.cut {
			t.Errorf("%s: %+v; want %s %q %q, cut %v", c.name, *fault, c.rule, c.text, c.hint, c.cut)
		}
	}
	if _, err := readFrom(bytes.NewBuffer(pack(t, entry{"x", plain})), "zip", compressed.Limits{Held: 10}); err == nil || !strings.Contains(err.Error(), "more than 10 bytes") {
		t.Errorf("a stream beyond what is held: %v", err)
	}
	if out, err := read(gz(t, zeros), "gzip", compressed.Limits{Ratio: 2000}); err != nil || len(out) != len(zeros) {
		t.Errorf("a raised ratio: %d bytes, %v", len(out), err)
	}
}

// TestSourceErrorsPass: a disk that fails is no fault of the sender.
func TestSourceErrorsPass(t *testing.T) {
	broken := errors.New("disk")
	for method, b := range all(t) {
		if method == "zip" {
			continue
		}
		for _, n := range []int{0, 3, len(b) / 2} {
			src := io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(broken))
			if _, err := readFrom(src, method, compressed.Limits{}); !errors.Is(err, broken) {
				t.Errorf("%s after %d bytes: %v", method, n, err)
			}
		}
	}
}

// TestMemoryIsFlat: a file that is 40 times as long takes no more memory.
func TestMemoryIsFlat(t *testing.T) {
	dir := t.TempDir()
	line := []byte(strings.Repeat("0123456789;abcdefghijklmnopqrstuvwxyz;åäö\n", 64))
	for _, method := range []string{"gzip", "zstd", "zip"} {
		held := func(n int) uint64 {
			path := filepath.Join(dir, fmt.Sprint(method, n))
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			var w io.WriteCloser
			var z *zip.Writer
			switch method {
			case "gzip":
				w = stdgzip.NewWriter(f)
			case "zstd":
				if w, err = zstd.NewWriter(f, zstd.WithEncoderConcurrency(1)); err != nil {
					t.Fatal(err)
				}
			default:
				z = zip.NewWriter(f)
				in, err := z.Create("x")
				if err != nil {
					t.Fatal(err)
				}
				w = nopCloser{in}
			}
			for range n {
				if _, err := w.Write(line); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if z != nil {
				if err := z.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r, err := compressed.NewReader(f, method, compressed.Limits{Ratio: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.Copy(io.Discard, r)
			if err := errors.Join(err, r.Close(), f.Close()); err != nil || got != int64(n*len(line)) {
				t.Fatalf("%s: %d bytes, %v", method, got, err)
			}
			runtime.ReadMemStats(&after)
			return after.TotalAlloc - before.TotalAlloc
		}
		held(10)
		few, many := held(250), held(10_000)
		if many > few+4<<20 {
			t.Errorf("%s: %d bytes allocated for a short file, %d for one 40 times as long", method, few, many)
		}
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func FuzzReader(f *testing.F) {
	for method, b := range all(f) {
		f.Add(method, b)
		f.Add(method, b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, method string, b []byte) {
		l := compressed.Limits{Bytes: 1 << 20}
		at, err := read(b, method, l)
		if int64(len(at)) > l.Bytes {
			t.Fatalf("%d bytes came out", len(at))
		}
		stream, err2 := readFrom(bytes.NewBuffer(b), method, l)
		if fmt.Sprint(err) != fmt.Sprint(err2) || err == nil && !bytes.Equal(at, stream) {
			t.Fatalf("read at any place: %v; as a stream: %v", err, err2)
		}
		if fault, ok := errors.AsType[*record.Error](err); ok && (fault.Rule == "" || fault.Hint == "") {
			t.Fatalf("a fault without rule or hint: %+v", *fault)
		}
	})
}

// TestAside: names, comments and hidden files are handed to whoever looks, those
// of every member of a stream, and are in no error.
func TestAside(t *testing.T) {
	member := func(text, name, comment string) []byte {
		var out bytes.Buffer
		w := stdgzip.NewWriter(&out)
		w.Name, w.Comment = name, comment
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for name, body := range map[string]string{"a 111111111.csv": text, ".b": "x\n222222222\n", "__MACOSX/c": "3\x003\x003\x003\x003\x003\x003\x003\x003\x00"} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Comment: "of 444444444"})
		if err == nil {
			_, err = w.Write([]byte(body))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.SetComment("555555555"), z.Close()); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		method string
		b      []byte
		want   []string
	}{
		{"gzip", slices.Concat(member(text, "111111111.csv", "x"), member("", "", "222222222"), member("end", "333333333", "")), []string{"111111111", "222222222", "333333333"}},
		{"zip", archive.Bytes(), []string{"111111111", "222222222", "333333333", "444444444", "555555555"}},
	} {
		r, err := compressed.NewReader(bytes.NewReader(tc.b), tc.method, compressed.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r); err != nil || !strings.HasPrefix(string(b), text) {
			t.Errorf("%s: %q, %v", tc.method, b, err)
		}
		var seen strings.Builder
		if err := r.(compressed.Aside).Aside(func(text []byte) { seen.Write(text); seen.WriteByte('\n') }); err != nil {
			t.Error(err)
		}
		for _, want := range tc.want {
			if !strings.Contains(seen.String(), want) {
				t.Errorf("%s: %s is not in %q", tc.method, want, seen.String())
			}
		}
	}
	// What is too large to be looked through is refused.
	large := pack(t, entry{"a.csv", []byte(text)}, entry{".hidden", bytes.Repeat([]byte("abcdefghij\n"), 100_000)})
	r, err := compressed.NewReader(bytes.NewReader(large), "zip", compressed.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var bad *record.Error
	if err := r.(compressed.Aside).Aside(func([]byte) {}); !errors.As(err, &bad) || bad.Rule != "C01" {
		t.Errorf("%v", err)
	}
}
