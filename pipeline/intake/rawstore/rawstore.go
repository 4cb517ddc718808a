package rawstore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"github.com/sourcegraph/conc"
)

// ErrCorrupt says that a stored file is not what its name promises.
var ErrCorrupt = errors.New("a raw file is damaged")

// ErrSealed says that a stored file is encrypted and that its key is not here.
var ErrSealed = errors.New("a raw file is encrypted, and its key is not here")

// Store is a folder of raw files.
type Store struct {
	dir        string
	recipient  age.Recipient
	identities []age.Identity
}

// New is the store in dir, which is created when something is put there. It
// keeps files as they come.
func New(dir string) *Store { return &Store{dir: dir} }

// NewSealed is the store in dir that encrypts what it takes for the recipient,
// nil for none, and opens it with one of the identities. What was stored in
// clear before stays as it is and can be read.
func NewSealed(dir string, to age.Recipient, with ...age.Identity) *Store {
	return &Store{dir: dir, recipient: to, identities: with}
}

// sealed is the end of the name of an encrypted file.
const sealed = ".age"

// File names a stored file.
type File struct {
	SHA256 string // hex
	Size   int64
}

// Put stores the bytes of r. When it returns without error they are on disk:
// temporary file, sync, rename, sync of the folder.
func (s *Store) Put(r io.Reader) (File, error) {
	file, err := s.put(r)
	if err != nil {
		return File{}, fmt.Errorf("raw store: %w", err)
	}
	return file, nil
}

func (s *Store) put(r io.Reader) (File, error) {
	tmp := filepath.Join(s.dir, "tmp")
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return File{}, err
	}
	f, err := os.CreateTemp(tmp, "raw-*")
	if err != nil {
		return File{}, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	file, err := s.write(f, r)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return File{}, err
	}
	path := s.path(file.SHA256)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return File{}, err
	}
	if s.recipient != nil {
		path += sealed
	}
	if _, err := os.Stat(path); err != nil {
		if err := os.Rename(f.Name(), path); err != nil {
			return File{}, err
		}
	}
	// Also when the file is there: it may have been renamed right before a
	// crash, and nobody has synced the folders since.
	return file, errors.Join(syncDir(filepath.Dir(path)), syncDir(s.dir), syncDir(filepath.Dir(s.dir)))
}

// write takes the bytes and encrypts them on their way to the disk.
func (s *Store) write(f *os.File, r io.Reader) (File, error) {
	h := sha256.New()
	early := func(n int64) error { return writeBack(f, n-earlySize) }
	if s.recipient == nil {
		n, err := copyHashed(f, h, r, early)
		return File{SHA256: hex.EncodeToString(h.Sum(nil)), Size: n}, err
	}
	disk := newBehind(f)
	w, err := age.Encrypt(disk, s.recipient)
	if err != nil {
		return File{}, errors.Join(err, disk.Close())
	}
	n, err := copyHashed(w, h, r, early)
	return File{SHA256: hex.EncodeToString(h.Sum(nil)), Size: n}, errors.Join(err, w.Close(), disk.Close())
}

// behind writes to a file while more is made for it: what is encrypted next does
// not wait for the disk. Close waits for all, and has the first error.
type behind struct {
	to      io.Writer
	piece   []byte
	free    chan []byte
	full    chan []byte
	writing conc.WaitGroup
	err     error // once writing has ended
	failed  chan struct{}
}

func newBehind(to io.Writer) *behind {
	b := &behind{to: to, piece: make([]byte, 0, copySize), free: make(chan []byte, 2), full: make(chan []byte), failed: make(chan struct{})}
	b.free <- make([]byte, 0, copySize)
	b.writing.Go(func() {
		for piece := range b.full {
			if b.err == nil {
				if _, b.err = b.to.Write(piece); b.err != nil {
					close(b.failed)
				}
			}
			b.free <- piece[:0]
		}
	})
	return b
}

// Write takes the bytes. An error of the disk comes with one of the next calls.
func (b *behind) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		took := min(len(p), cap(b.piece)-len(b.piece))
		b.piece = append(b.piece, p[:took]...)
		n, p = n+took, p[took:]
		if len(b.piece) == cap(b.piece) {
			b.full <- b.piece
			b.piece = <-b.free
		}
	}
	select {
	case <-b.failed:
		return n, b.err
	default:
		return n, nil
	}
}

// Close writes what is left. It does not close the file.
func (b *behind) Close() error {
	b.full <- b.piece
	close(b.full)
	b.writing.Wait()
	return b.err
}

const (
	// copySize is how much is read at a time.
	copySize = 1 << 20
	// earlySize is after how much the disk begins to write, so that the sync at
	// the end has little left to wait for, and how much of a file stays in memory
	// when it is on the disk, or has been read.
	earlySize = 16 << 20
)

// copyHashed copies r to w while it takes the hash of it and reads on. It calls
// early now and then, with how much that is by then.
func copyHashed(w io.Writer, h hash.Hash, r io.Reader, early func(n int64) error) (n int64, err error) {
	piece, next := make([]byte, copySize), make([]byte, copySize)
	got, err := fill(piece, r)
	for {
		var work conc.WaitGroup
		more, ahead := 0, err
		work.Go(func() { h.Write(piece[:got]) })
		if err == nil {
			work.Go(func() { more, ahead = fill(next, r) })
		}
		_, writeErr := w.Write(piece[:got])
		work.Wait()
		if writeErr != nil {
			return n, writeErr
		}
		if n += int64(got); n%earlySize == 0 {
			if err := early(n); err != nil {
				return n, err
			}
		}
		if err != nil {
			break
		}
		piece, next, got, err = next, piece, more, ahead
	}
	if err == io.EOF { // the plain end: what broke off is none
		err = nil
	}
	return n, err
}

// fill reads until the buffer is full or there is an error.
func fill(buf []byte, r io.Reader) (got int, err error) {
	for got < len(buf) && err == nil {
		var more int
		more, err = r.Read(buf[got:])
		got += more
	}
	return got, err
}

func (s *Store) path(sum string) string { return filepath.Join(s.dir, sum[:2], sum) }

// Reader is an open raw file: its bytes as they were delivered.
type Reader interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// Open reads a stored file. One that is encrypted for somebody else is
// ErrSealed where the store has no identity, else ErrCorrupt.
func (s *Store) Open(sum string) (Reader, error) {
	if len(sum) != 64 || strings.Trim(sum, "0123456789abcdef") != "" {
		return nil, fmt.Errorf("raw store: %q is no SHA-256", sum)
	}
	f, err := os.Open(s.path(sum) + sealed)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = os.Open(s.path(sum))
		if err != nil {
			return nil, fmt.Errorf("raw store: %w", err)
		}
		return &plain{File: f, through: through{f: f}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("raw store: %w", err)
	}
	text, err := s.unseal(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s", err, sum), f.Close())
	}
	return &opened{SectionReader: text, through: through{f: f}}, nil
}

// through is a file that is read from its beginning to its end: what was read is
// not kept in memory.
type through struct {
	f          *os.File
	read, gone int64
}

func (t *through) took(n int) {
	if t.read += int64(n); t.read-t.gone >= 2*earlySize {
		letGo(t.f, t.gone, earlySize)
		t.gone += earlySize
	}
}

// plain is a file that is stored in clear while it is read.
type plain struct {
	*os.File
	through through
}

// Read reads on.
func (p *plain) Read(b []byte) (int, error) {
	n, err := p.File.Read(b)
	p.through.took(n)
	return n, err
}

func (s *Store) unseal(f *os.File) (*io.SectionReader, error) {
	if len(s.identities) == 0 {
		return nil, ErrSealed
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	at, size, err := age.DecryptReaderAt(f, info.Size(), s.identities...)
	if err != nil {
		return nil, fmt.Errorf("%w, or encrypted with a key that is not in the key file (%w)", ErrCorrupt, err)
	}
	return io.NewSectionReader(at, 0, size), nil
}

// opened is an encrypted file while it is read.
type opened struct {
	*io.SectionReader
	through through
}

func (o *opened) Close() error { return o.through.f.Close() }

// Read reads on. What was altered on the disk is ErrCorrupt.
func (o *opened) Read(p []byte) (int, error) {
	n, err := o.SectionReader.Read(p)
	o.through.took(n)
	return n, damaged(err)
}

// ReadAt reads at a place. What was altered on the disk is ErrCorrupt.
func (o *opened) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.SectionReader.ReadAt(p, off)
	return n, damaged(err)
}

func damaged(err error) error {
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

// Verify reads a stored file and holds its bytes against its name. Where it is
// encrypted and the store has no identity, that it is there is all that is
// known: ErrSealed.
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
		return fmt.Errorf("raw store: %s: %w", sum, err)
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
