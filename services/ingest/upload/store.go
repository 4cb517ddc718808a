package upload

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/rawstore"
)

// The states of an upload, in their order.
const (
	receiving = "receiving" // parts are awaited
	whole     = "whole"     // every byte is here; it is handed in
	decided   = "decided"   // it has its receipt, and its bytes are gone
)

// unknownLength is that of a body whose sender did not say it.
const unknownLength = -1

// info is what is known of an upload. It is on disk before anybody is told.
type info struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
	Feed   string `json:"feed"`
	Name   string `json:"name"`
	Length int64  `json:"length"`
	// Offset is how many bytes are on disk for certain.
	Offset int64 `json:"offset"`
	// Sealed uploads have so many bytes on the disk where they have come to
	// Offset.
	Sealed bool  `json:"sealed,omitempty"`
	Disk   int64 `json:"disk,omitempty"`
	// SHA256 is what the sender says the file has, in hex; empty: not said.
	SHA256   string `json:"sha256,omitempty"`
	Manifest []byte `json:"manifest,omitempty"`
	Again    bool   `json:"again,omitempty"`
	State    string `json:"state"`
	// Handed says that the file was handed in at least once, perhaps before a
	// crash.
	Handed  bool            `json:"handed,omitempty"`
	Expires time.Time       `json:"expires"`
	Receipt *intake.Receipt `json:"receipt,omitempty"`
}

// store keeps one folder an upload.
type store struct {
	dir  string
	seal *rawstore.Sealer // nil: nothing is sealed
}

// Errors of the store.
var (
	errNone   = errors.New("there is no such upload")
	errLocked = errors.New("another request is writing to this upload")
)

func isID(id string) bool {
	return len(id) == len(rand.Text()) && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

func (s *store) folder(id string) string  { return filepath.Join(s.dir, id) }
func (s *store) bytesOf(id string) string { return filepath.Join(s.dir, id, "bytes") }
func (s *store) wholeOf(u *info) string   { return filepath.Join(s.dir, u.ID, "in", u.Name) }
func (s *store) finished(u *info) string {
	if u.Sealed {
		return rawstore.IncomingName(s.wholeOf(u))
	}
	return s.wholeOf(u)
}
func (s *store) infoPath(id string) string { return filepath.Join(s.dir, id, "info.json") }
func (s *store) save(u *info) error        { return s.write(s.infoPath(u.ID), u) }
func (s *store) write(p string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return rawstore.WriteFile(p, b, 0o600)
}

// create makes the upload's folder.
func (s *store) create(u *info) error {
	u.Format, u.ID, u.State = 1, rand.Text(), receiving
	if err := os.Mkdir(s.folder(u.ID), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(s.bytesOf(u.ID), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if s.seal != nil {
		u.Sealed = true
		if u.Disk, err = s.seal.Begin(f); err == nil {
			err = f.Sync()
		}
	}
	return errors.Join(err, f.Close(), s.save(u), syncDir(s.dir))
}

// load reads what is known of an upload.
func (s *store) load(id string) (*info, error) {
	if !isID(id) {
		return nil, errNone
	}
	b, err := os.ReadFile(s.infoPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNone
	}
	if err != nil {
		return nil, err
	}
	var u info
	if err := json.Unmarshal(b, &u); err != nil {
		return nil, fmt.Errorf("upload %s: %w", id, err)
	}
	return &u, nil
}

// all are the uploads of the folder. One whose folder cannot be read as such is
// left out: a crash may have come while it was made.
func (s *store) all() ([]*info, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var out []*info
	for _, e := range entries {
		u, err := s.load(e.Name())
		if errors.Is(err, errNone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, nil
}

// lock keeps everybody else off an upload, in this process and in others that
// share the folder. It does not wait.
func (s *store) lock(id string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.folder(id), "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNone
	}
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, err
	}
	return func() { _ = f.Close() }, nil // and with it the lock
}

// remove takes the upload away; its info goes first, so that a crash leaves
// none that seems to be there.
func (s *store) remove(id string) error {
	err := os.Remove(s.infoPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, os.RemoveAll(s.folder(id)))
}

// finish makes the bytes the file that is to be handed in, with its manifest
// beside it. The caller has the lock.
func (s *store) finish(u *info) error {
	path := s.wholeOf(u)
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if len(u.Manifest) > 0 {
		if err := rawstore.WriteFile(intake.ManifestName(path), u.Manifest, 0o600); err != nil {
			return err
		}
	}
	if err := os.Rename(s.bytesOf(u.ID), s.finished(u)); err != nil {
		return err
	}
	u.State = whole
	return errors.Join(syncDir(dir), syncDir(s.folder(u.ID)), s.save(u))
}

// mend finishes what a crash between renaming and saving left half done.
func (s *store) mend(u *info) error {
	if _, err := os.Stat(s.bytesOf(u.ID)); err == nil || u.State != receiving {
		return nil
	}
	if _, err := os.Stat(s.finished(u)); err != nil {
		return fmt.Errorf("upload %s: its bytes are gone: %w", u.ID, err)
	}
	u.State = whole
	return s.save(u)
}

// open reads the bytes that have come so far.
func (s *store) open(u *info) (*rawstore.Incoming, error) {
	if u.Sealed {
		return s.seal.OpenSealed(s.bytesOf(u.ID))
	}
	return s.seal.Open(s.bytesOf(u.ID))
}

// sum is the SHA-256 of the bytes that have come so far, and how many there are.
func (s *store) sum(u *info) (sum []byte, n int64, err error) {
	f, err := s.open(u)
	if err != nil {
		return nil, 0, err
	}
	h := sha256.New()
	n, err = io.Copy(h, f)
	return h.Sum(nil), n, errors.Join(err, f.Close())
}

// has reports whether the upload's bytes are those that the sender promised.
func (s *store) has(u *info) (bool, error) {
	if u.SHA256 == "" {
		f, err := s.open(u)
		if err != nil {
			return false, err
		}
		return f.Size == u.Length, f.Close()
	}
	got, n, err := s.sum(u)
	if err != nil {
		return false, err
	}
	want, err := hex.DecodeString(u.SHA256)
	return n == u.Length && bytes.Equal(got, want), err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
