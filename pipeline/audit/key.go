package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const keyMark = "larstrom-audit-key-1 "

// ErrKey: a file holds no key that this package wrote, or others can read it.
var ErrKey = errors.New("audit: no usable key")

// LoadKey reads the signing key of a file; os.ErrNotExist where there is none.
func LoadKey(path string) (ed25519.PrivateKey, error) {
	i, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if i.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: others can read %s; chmod 600 it, and think of whether its signatures can still be trusted", ErrKey, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text, ok := strings.CutPrefix(strings.TrimSpace(string(b)), keyMark)
	seed, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%w: %s holds none; restore it", ErrKey, path)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// MakeKey writes a new signing key into a file that was not there, synced, and
// reads it; where another process has just made one, that one. random is
// crypto/rand.Reader.
func MakeKey(path string, random io.Reader) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(random)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, ".audit-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(f.Name()) }() // linked by then, or of no use
	_, err = io.WriteString(f, keyMark+base64.StdEncoding.EncodeToString(key.Seed())+"\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return nil, err
	}
	return LoadKey(path)
}
