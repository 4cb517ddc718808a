package pseudonym

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
)

// ErrMode says that others than its owner may read or write a key file.
var ErrMode = errors.New("others may read or write the key file")

// ErrNoKey says that a key file lacks a key of the region.
var ErrNoKey = errors.New("the key file has no such key")

// The purposes of keys, as the key file names them.
const (
	purposeSubject = "subject"
	purposeKey     = "key"
	purposeRaw     = "raw"
	// purposeRounding is that of the editions for wider audiences; a file from
	// before there were any has none.
	purposeRounding = "rounding"
)

// Keys are those of one region. They print as their id alone.
type Keys struct {
	id           string
	subject, key [sha256.Size]byte
	rounding     [sha256.Size]byte // zero: the file has none
	recipient    age.Recipient
	identities   []age.Identity
}

// ID tells keys apart and nothing of them: 16 hexadecimal digits over the keys
// of subjects and of natural keys. That of the raw files is not in it, since no
// fact depends on it.
func (k *Keys) ID() string { return k.id }

// Subjects makes the pseudonyms of persons.
func (k *Keys) Subjects() *Hasher { return newHasher(k.subject) }

// Naturals makes the hashes of natural keys.
func (k *Keys) Naturals() *Hasher { return newHasher(k.key) }

// Recipient is for whom raw files are encrypted: the first of the file.
func (k *Keys) Recipient() age.Recipient { return k.recipient }

// Identities open raw files; there are none where the key file has a recipient
// only, and several where the key has been changed.
func (k *Keys) Identities() []age.Identity { return k.identities }

// Format prints the id and no key.
func (k *Keys) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "pseudonym.Keys "+k.id) }

func (k *Keys) name() {
	h := sha256.New()
	for _, key := range [][sha256.Size]byte{k.subject, k.key} {
		mac := hmac.New(sha256.New, key[:])
		mac.Write([]byte("larstrom key id 1"))
		h.Write(mac.Sum(nil))
	}
	k.id = hex.EncodeToString(h.Sum(nil)[:8])
}

// Load reads the keys of the region from a file, which must be its owner's
// alone (ErrMode).
func Load(path, region string) (*Keys, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	k, err := Parse(f, region)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return k, nil
}

// Check reports what speaks against a key file before it is read: that it is not
// there, or that it is not its owner's alone.
func Check(path string) error {
	f, err := openFile(path)
	if err != nil {
		return err
	}
	return f.Close()
}

func openFile(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = fmt.Errorf("key file: %w", err)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("key file %s: it is no file", path)
	case info.Mode().Perm()&0o077 != 0:
		err = fmt.Errorf("%w: %s has the mode %04o; run chmod 600, and make new keys if somebody has seen it", ErrMode, path, info.Mode().Perm())
	default:
		return f, nil
	}
	return nil, errors.Join(err, f.Close())
}

// maxFile is more than a key file of any size that makes sense.
const maxFile = 1 << 20

// Parse reads the keys of the region; those of others are passed over. Its
// errors hold no text of the file.
func Parse(r io.Reader, region string) (*Keys, error) {
	k := &Keys{}
	seen := map[string]bool{}
	s := bufio.NewScanner(io.LimitReader(r, maxFile))
	for line := 1; s.Scan(); line++ {
		text, _, _ := strings.Cut(s.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		if len(words) != 3 {
			return nil, fmt.Errorf("line %d: it has %d words; write region, purpose and key", line, len(words))
		}
		purpose := words[1]
		if purpose != purposeSubject && purpose != purposeKey && purpose != purposeRaw && purpose != purposeRounding {
			return nil, fmt.Errorf("line %d: the second word must be %s, %s, %s or %s", line, purposeSubject, purposeKey, purposeRaw, purposeRounding)
		}
		if words[0] != region {
			continue
		}
		if seen[purpose] && purpose != purposeRaw {
			return nil, fmt.Errorf("line %d: a second key %s of region %s; remove one of them", line, purpose, region)
		}
		seen[purpose] = true
		if err := k.set(purpose, words[2]); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
	if s.Err() != nil {
		return nil, fmt.Errorf("it cannot be read: %w", s.Err())
	}
	for _, purpose := range []string{purposeSubject, purposeKey, purposeRaw} {
		if !seen[purpose] {
			return nil, fmt.Errorf("%w: region %s, purpose %s; restore the file, or make one with `larstrom keys`", ErrNoKey, region, purpose)
		}
	}
	k.name()
	return k, nil
}

func (k *Keys) set(purpose, text string) error {
	if purpose == purposeRaw {
		return k.setRaw(text)
	}
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != sha256.Size {
		return fmt.Errorf("the key %s is not %d hexadecimal digits", purpose, 2*sha256.Size)
	}
	if bytes.Count(b, b[:1]) == len(b) {
		return fmt.Errorf("the key %s is one byte again and again; make one with `larstrom keys`", purpose)
	}
	switch purpose {
	case purposeSubject:
		k.subject = [sha256.Size]byte(b)
	case purposeRounding:
		k.rounding = [sha256.Size]byte(b)
	default:
		k.key = [sha256.Size]byte(b)
	}
	return nil
}

// setRaw takes an identity of age, or the recipient of one.
func (k *Keys) setRaw(text string) error {
	if strings.HasPrefix(text, "age1") {
		to, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil || len(to) != 1 {
			return errors.New("the key raw is no recipient of age")
		}
		k.encryptTo(to[0])
		return nil
	}
	ids, err := age.ParseIdentities(strings.NewReader(text))
	if err != nil || len(ids) != 1 {
		return errors.New("the key raw is neither an identity (AGE-SECRET-KEY-…) nor a recipient (age1…) of age")
	}
	switch id := ids[0].(type) {
	case *age.X25519Identity:
		k.encryptTo(id.Recipient())
	case *age.HybridIdentity:
		k.encryptTo(id.Recipient())
	default:
		return errors.New("the key raw is an identity of age of another kind than X25519 or hybrid")
	}
	k.identities = append(k.identities, ids[0])
	return nil
}

func (k *Keys) encryptTo(r age.Recipient) {
	if k.recipient == nil {
		k.recipient = r
	}
}

// generate writes new keys of the region in the form of the file.
func generate(region string, random io.Reader) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("# Keys of the intake of region " + region + ". Who has this file can tell whose a\n" +
		"# pseudonym is, and can read the raw files: nobody but the service may. Keep a\n" +
		"# copy in a safe place, apart from the data: without it raw files stay closed,\n" +
		"# and no later delivery can be joined with the earlier ones.\n")
	for _, purpose := range []string{purposeSubject, purposeKey, purposeRounding} {
		var key [sha256.Size]byte
		if _, err := io.ReadFull(random, key[:]); err != nil {
			return nil, fmt.Errorf("make a key: %w", err)
		}
		fmt.Fprintf(&b, "%s %s %s\n", region, purpose, hex.EncodeToString(key[:]))
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	fmt.Fprintf(&b, "%s %s %s\n", region, purposeRaw, id)
	return b.Bytes(), nil
}

// New makes keys that are kept nowhere, for a reading whose pseudonyms nobody
// sees.
func New(region string, random io.Reader) (*Keys, error) {
	b, err := generate(region, random)
	if err != nil {
		return nil, err
	}
	return Parse(bytes.NewReader(b), region)
}

// Create makes a key file for the region, with mode 0600 and synced. A file
// that is there is never written: then the error is fs.ErrExist.
func Create(path, region string, random io.Reader) error {
	b, err := generate(region, random)
	if err != nil {
		return err
	}
	// Checked before anybody relies on it.
	if _, err := Parse(bytes.NewReader(b), region); err != nil {
		return fmt.Errorf("keys of region %q: %w", region, err)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	f, err := os.CreateTemp(dir, ".keys-*") // mode 0600
	if err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	// A link, unlike a rename, never replaces: of two that make one at the same
	// time the second is told.
	if err := os.Link(f.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("key file: %w: %s is there and is never overwritten", fs.ErrExist, path)
		}
		return fmt.Errorf("key file: %w", err)
	}
	// The folder may be new, too.
	if err := errors.Join(syncFolder(dir), syncFolder(filepath.Dir(dir))); err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	return nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
