package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sourcegraph/conc/pool"

	"larstrom/pipeline/embedded/engine"
)

// archive is a package with one member, and its pin.
func archive(t *testing.T, member, content string) ([]byte, pinned) {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	members := tar.NewWriter(zipped)
	for name, text := range map[string]string{"package/package.json": "{}", member: content} {
		if err := members.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := members.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(members.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(out.Bytes())
	return out.Bytes(), pinned{npm: "lib", integrity: "sha512-" + base64.StdEncoding.EncodeToString(sum[:]), member: "package/libchdb.so", size: int64(len("the library"))}
}

// packing hands out a package and counts how often.
func packing(data []byte, calls *atomic.Int64) packer {
	return func(_ context.Context, spec, dir string) (string, error) {
		calls.Add(1)
		if spec != "lib@"+engine.LibraryVersion {
			return "", errors.New("asked for " + spec)
		}
		name := filepath.Join(dir, "lib.tgz")
		return name, os.WriteFile(name, data, 0o600)
	}
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestFetch(t *testing.T) {
	data, p := archive(t, "package/libchdb.so", "the library")
	cache := filepath.Join(t.TempDir(), "new", "cache")
	var calls atomic.Int64
	work := pool.NewWithResults[string]().WithErrors()
	for range 8 { // at once
		work.Go(func() (string, error) { return fetch(t.Context(), p, cache, "lib.so", packing(data, &calls)) })
	}
	results, err := work.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range results {
		if text, err := os.ReadFile(name); err != nil || string(text) != "the library" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if calls.Load() != 1 {
		t.Errorf("downloaded %d times, want once", calls.Load())
	}
	if got := names(t, cache); got != "fetch.lock lib.so" {
		t.Errorf("the cache has %q", got)
	}
	// One that lost its end is fetched again.
	if err := os.Truncate(filepath.Join(cache, "lib.so"), 3); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch(t.Context(), p, cache, "lib.so", packing(data, &calls)); err != nil || calls.Load() != 2 {
		t.Errorf("%d downloads, %v", calls.Load(), err)
	}
}

func TestFetchRefuses(t *testing.T) {
	good, p := archive(t, "package/libchdb.so", "the library")
	without, withoutPin := archive(t, "package/other", "the library")
	short, shortPin := archive(t, "package/libchdb.so", "the lib")
	for name, c := range map[string]struct {
		data []byte
		pin  pinned
		want string
	}{
		"another package": {short, p, "not the one that is pinned"},
		"cut off":         {good[:len(good)-1], p, "not the one that is pinned"},
		"no library":      {without, withoutPin, "has no package/libchdb.so"},
		"another size":    {short, shortPin, "has 7 bytes, want 11"},
	} {
		t.Run(name, func(t *testing.T) {
			cache := t.TempDir()
			var calls atomic.Int64
			_, err := fetch(t.Context(), c.pin, cache, "lib.so", packing(c.data, &calls))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if got := names(t, cache); got != "fetch.lock" {
				t.Errorf("the cache has %q", got)
			}
		})
	}
}

func TestPackages(t *testing.T) {
	for platform, p := range packages() {
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(p.integrity, "sha512-"))
		if err != nil || len(sum) != sha512.Size || p.size == 0 {
			t.Errorf("%s: the pin %q is no SHA-512 (%v)", platform, p.integrity, err)
		}
	}
	if _, err := packageFor("plan9", "mips"); err == nil || !strings.Contains(err.Error(), engine.EnvLibrary) {
		t.Errorf("%v, want an error that says what to do", err)
	}
}
