package rawstore

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"filippo.io/age"
)

// A sealed file on its way in grows by parts, through crashes, and is read from
// its beginning. It has a key of its own, which stands before it encrypted for
// the recipient, and then a frame for every piece that was written: the length of
// its text, a nonce, and AES-256-GCM of the text with the place in the file as
// what is authenticated beside it. So no frame can be left out, moved or changed,
// and no nonce comes twice where what was not acknowledged is cut off and written
// again.
const (
	sealedBegin = "larstrom sealed 1\n"
	sealedKey   = 32
	nonceBytes  = 12
	frameHead   = 4 + nonceBytes
	frameTag    = 16
	// maxFrame bounds the text of a frame, maxHeader the encrypted key.
	maxFrame  = 1 << 20
	maxHeader = 16 << 10
)

// IncomingName is the name under which a sealed file that will be at path lies.
func IncomingName(path string) string { return path + ".sealed" }

// Sealer encrypts files on their way in for a recipient, and opens them with its
// identities. nil leaves them as they come.
type Sealer struct {
	to   age.Recipient
	with []age.Identity
}

// NewSealer encrypts for the recipient. Without an identity that opens what it
// writes it is nil: what cannot be read cannot be taken in.
func NewSealer(to age.Recipient, with ...age.Identity) *Sealer {
	if to == nil || len(with) == 0 {
		return nil
	}
	return &Sealer{to, with}
}

// Begin writes the beginning of a sealed file and gives its length.
func (s *Sealer) Begin(w io.Writer) (int64, error) {
	var key [sealedKey]byte
	_, _ = rand.Read(key[:]) // it never fails
	var locked bytes.Buffer
	e, err := age.Encrypt(&locked, s.to)
	if err != nil {
		return 0, fmt.Errorf("seal a file: %w", err)
	}
	_, err = e.Write(key[:])
	if err := errors.Join(err, e.Close()); err != nil {
		return 0, fmt.Errorf("seal a file: %w", err)
	}
	head := binary.BigEndian.AppendUint32([]byte(sealedBegin), uint32(locked.Len()))
	n, err := w.Write(append(head, locked.Bytes()...))
	return int64(n), err
}

// open reads the beginning and gives the cipher of the frames.
func (s *Sealer) open(r io.Reader) (cipher.AEAD, error) {
	head := make([]byte, len(sealedBegin)+4)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:len(sealedBegin)]) != sealedBegin {
		return nil, fmt.Errorf("%w: it does not begin as a sealed file does", ErrCorrupt)
	}
	n := binary.BigEndian.Uint32(head[len(sealedBegin):])
	if n > maxHeader {
		return nil, fmt.Errorf("%w: its key has %d bytes", ErrCorrupt, n)
	}
	locked := make([]byte, n)
	if _, err := io.ReadFull(r, locked); err != nil {
		return nil, fmt.Errorf("%w: it ends within its key", ErrCorrupt)
	}
	if s == nil {
		return nil, ErrSealed
	}
	d, err := age.Decrypt(bytes.NewReader(locked), s.with...)
	if err != nil {
		return nil, fmt.Errorf("%w, or encrypted with a key that is not in the key file (%w)", ErrCorrupt, err)
	}
	key, err := io.ReadAll(io.LimitReader(d, sealedKey+1))
	if err != nil || len(key) != sealedKey {
		return nil, fmt.Errorf("%w: its key is none", ErrCorrupt)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Appender writes on at the end of a sealed file: each Write is a frame or more.
type Appender struct {
	w      io.Writer
	aead   cipher.AEAD
	offset int64 // of the text
	disk   int64
	frame  []byte
}

// Append goes on behind so many bytes of text, which are so many on the disk; f
// stands there.
func (s *Sealer) Append(f *os.File, offset, disk int64) (*Appender, error) {
	aead, err := s.open(io.NewSectionReader(f, 0, disk))
	if err != nil {
		return nil, err
	}
	return &Appender{w: f, aead: aead, offset: offset, disk: disk}, nil
}

// Write appends the text.
func (a *Appender) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		text := p[:min(len(p), maxFrame)]
		a.frame = binary.BigEndian.AppendUint32(a.frame[:0], uint32(len(text)))
		a.frame = append(a.frame, make([]byte, nonceBytes)...)
		nonce := a.frame[4:frameHead]
		_, _ = rand.Read(nonce) // it never fails
		a.frame = a.aead.Seal(a.frame, nonce, text, place(a.offset))
		if _, err := a.w.Write(a.frame); err != nil {
			return n, err
		}
		a.offset, a.disk = a.offset+int64(len(text)), a.disk+int64(len(a.frame))
		n, p = n+len(text), p[len(text):]
	}
	return n, nil
}

// Disk is how many bytes the file has on the disk.
func (a *Appender) Disk() int64 { return a.disk }

// place is what is authenticated beside the text that begins there.
func place(offset int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(offset)) }

// Incoming is a file on its way in while it is read.
type Incoming struct {
	io.Reader
	f *os.File
	// Size is how many bytes it has when it is read.
	Size int64
	// Plain is the file itself where it is not sealed; else nil.
	Plain *os.File
}

// Close closes the file.
func (i *Incoming) Close() error { return i.f.Close() }

// Open opens the file at path, or the sealed one that stands for it.
func (s *Sealer) Open(path string) (*Incoming, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if hidden, none := os.Open(IncomingName(path)); none == nil {
			return s.reading(hidden)
		}
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Incoming{Reader: f, f: f, Size: info.Size(), Plain: f}, nil
}

// OpenSealed opens the sealed file at path itself.
func (s *Sealer) OpenSealed(path string) (*Incoming, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return s.reading(f)
}

func (s *Sealer) reading(f *os.File) (*Incoming, error) {
	b := bufio.NewReaderSize(f, 256<<10)
	aead, err := s.open(b)
	if err == nil {
		var size int64
		if size, err = sealedSize(f); err == nil {
			return &Incoming{Reader: &frames{r: b, aead: aead}, f: f, Size: size}, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("file on its way in: %w", err), f.Close())
}

// sealedSize adds up the lengths of the frames.
func sealedSize(f *os.File) (size int64, err error) {
	var head [4]byte
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if _, err := f.ReadAt(head[:], int64(len(sealedBegin))); err != nil {
		return 0, err
	}
	for at := int64(len(sealedBegin)) + 4 + int64(binary.BigEndian.Uint32(head[:])); at < info.Size(); {
		if _, err := f.ReadAt(head[:], at); err != nil {
			return 0, fmt.Errorf("%w: it ends within a frame", ErrCorrupt)
		}
		n := int64(binary.BigEndian.Uint32(head[:]))
		size, at = size+n, at+frameHead+n+frameTag
	}
	return size, nil
}

// frames reads the text of the frames.
type frames struct {
	r      io.Reader
	aead   cipher.AEAD
	offset int64
	text   []byte // of the frame at hand, as far as it is not read
	buf    []byte
}

// Read reads on. What was altered or cut on the disk is ErrCorrupt.
func (f *frames) Read(p []byte) (int, error) {
	for len(f.text) == 0 {
		var head [frameHead]byte
		if _, err := io.ReadFull(f.r, head[:]); err == io.EOF {
			return 0, io.EOF
		} else if err != nil {
			return 0, fmt.Errorf("%w: it ends within a frame", ErrCorrupt)
		}
		n := binary.BigEndian.Uint32(head[:])
		if n > maxFrame {
			return 0, fmt.Errorf("%w: a frame of %d bytes", ErrCorrupt, n)
		}
		if want := int(n) + frameTag; cap(f.buf) < want {
			f.buf = make([]byte, want)
		}
		f.buf = f.buf[:int(n)+frameTag]
		if _, err := io.ReadFull(f.r, f.buf); err != nil {
			return 0, fmt.Errorf("%w: it ends within a frame", ErrCorrupt)
		}
		text, err := f.aead.Open(f.buf[:0], head[4:], f.buf, place(f.offset))
		if err != nil {
			return 0, fmt.Errorf("%w: a frame was altered or moved", ErrCorrupt)
		}
		f.text, f.offset = text, f.offset+int64(n)
	}
	n := copy(p, f.text)
	f.text = f.text[n:]
	return n, nil
}
