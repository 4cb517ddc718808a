package pseudonym

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Rounding is the secret from which each wider audience has the one that its
// counts are rounded with. It prints as nothing.
type Rounding struct{ key [sha256.Size]byte }

// Rounding is that of the region. A file from before there was a purpose
// rounding gives one by its key of natural keys, which nobody outside has.
func (k *Keys) Rounding() Rounding {
	if k.rounding != [sha256.Size]byte{} {
		return Rounding{k.rounding}
	}
	return Rounding{[sha256.Size]byte(derive(k.key, "larstrom rounding 1"))}
}

// For is the secret of one audience, 32 bytes.
func (r Rounding) For(audience string) []byte { return derive(r.key, "larstrom audience 1 "+audience) }

// Format prints no key.
func (r Rounding) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "pseudonym.Rounding") }

func derive(key [sha256.Size]byte, what string) []byte {
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(what))
	return mac.Sum(nil)
}

// LoadRounding reads of a key file the region's key of rounding alone, for a
// process that turns nobody into a pseudonym and opens no raw file: its file
// needs no other line.
func LoadRounding(path, region string) (Rounding, error) {
	k, err := Load(path, region)
	if !errors.Is(err, ErrNoKey) {
		if err != nil {
			return Rounding{}, err
		}
		return k.Rounding(), nil
	}
	f, err := openFile(path)
	if err != nil {
		return Rounding{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	alone := &Keys{}
	s := bufio.NewScanner(io.LimitReader(f, maxFile))
	for s.Scan() {
		text, _, _ := strings.Cut(s.Text(), "#")
		if words := strings.Fields(text); len(words) == 3 && words[0] == region && words[1] == purposeRounding {
			if err := alone.set(purposeRounding, words[2]); err != nil {
				return Rounding{}, fmt.Errorf("key file %s: %w", path, err)
			}
		}
	}
	if err := s.Err(); err != nil {
		return Rounding{}, fmt.Errorf("key file %s: %w", path, err)
	}
	if alone.rounding == [sha256.Size]byte{} {
		return Rounding{}, fmt.Errorf("key file %s: %w: region %s, purpose %s; copy the line of the file that `larstrom keys` made", path, ErrNoKey, region, purposeRounding)
	}
	return Rounding{alone.rounding}, nil
}
