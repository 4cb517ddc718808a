package rawstore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrCorrupt says that a stored file is not what its name promises.
var ErrCorrupt = errors.New("a raw file is damaged")

// Store is a folder of raw files.
type Store struct{ dir string }

// New is the store in dir, which is created when something is put there.
func New(dir string) *Store { return &Store{dir} }

// File names a stored file.
type File struct {
	SHA256 string // hex
	Size   int64
}

// Put stores the bytes of r. When it returns without error they are on disk:
// temporary file, sync, rename, sync of the folder.
func (s *Store) Put(r io.Reader) (File, error) {
	tmp := filepath.Join(s.dir, "tmp")
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return File{}, fmt.Errorf("raw store: %w", err)
	}
	f, err := os.CreateTemp(tmp, "raw-*")
	if err != nil {
		return File{}, fmt.Errorf("raw store: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), r)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return File{}, fmt.Errorf("raw store: %w", err)
	}
	file := File{SHA256: hex.EncodeToString(h.Sum(nil)), Size: n}
	path := s.path(file.SHA256)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return File{}, fmt.Errorf("raw store: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		if err := os.Rename(f.Name(), path); err != nil {
			return File{}, fmt.Errorf("raw store: %w", err)
		}
	}
	// Also when the file is there: it may have been renamed right before a
	// crash, and nobody has synced the folders since.
	if err := errors.Join(syncDir(filepath.Dir(path)), syncDir(s.dir), syncDir(filepath.Dir(s.dir))); err != nil {
		return File{}, fmt.Errorf("raw store: %w", err)
	}
	return file, nil
}

func (s *Store) path(sum string) string { return filepath.Join(s.dir, sum[:2], sum) }

// Open reads a stored file.
func (s *Store) Open(sum string) (*os.File, error) {
	if len(sum) != 64 || strings.Trim(sum, "0123456789abcdef") != "" {
		return nil, fmt.Errorf("raw store: %q is no SHA-256", sum)
	}
	f, err := os.Open(s.path(sum))
	if err != nil {
		return nil, fmt.Errorf("raw store: %w", err)
	}
	return f, nil
}

// Verify reads a stored file and holds its bytes against its name.
func (s *Store) Verify(sum string) error {
	f, err := s.Open(sum)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s is not there", ErrCorrupt, sum)
		}
		return err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("raw store: %w", err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return fmt.Errorf("%w: %s has the bytes of %s", ErrCorrupt, sum, got)
	}
	return nil
}

// WriteFile puts data into path so that a crash leaves the old or the new
// content, never a part: temporary file, sync, rename, sync of the folder.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".tmp-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
