package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"larstrom/pipeline/intake"
)

// Returned is the folder in the drop folder in which its senders find what became
// of their files: NAME.receipt.txt and .json, and the rejected rows of NAME. What
// lies in it is taken for no export.
const Returned = "receipts"

// giveBack puts receipt and rejected rows of a file of the drop folder beside it,
// as it is read by whoever reads the file. They are copies: where the folder
// cannot be written to, those in the folder of receipts are all there is.
func (s *Service) giveBack(f file, r intake.Receipt) {
	if r.Status == intake.StatusWaiting || s.oneWay {
		return
	}
	err := s.returns(f, r)
	switch {
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		s.oneWay = true
		s.cfg.Logger.Warn("receipts cannot be put into the drop folder; they are under the data folder alone, until the service starts again and may write there")
	case err != nil:
		s.cfg.Logger.Warn("a receipt could not be put into the drop folder; it is under the data folder", "delivery", r.Delivery, "error", pathless(err).Error())
	}
}

func (s *Service) returns(f file, r intake.Receipt) error {
	dir := filepath.Join(s.cfg.Drop, Returned)
	base := filepath.Join(dir, filepath.Base(r.File))
	if r.Status == intake.StatusRepeated {
		if _, err := os.Stat(base + ".receipt.json"); err == nil {
			return nil // it says what became of it when it came
		}
		if first, err := s.Receipt(r.Delivery); err == nil && first.File == r.File {
			r = first // a crash came between
		}
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	mode := info.Mode().Perm()&0o666 | 0o600
	drop, err := os.Stat(s.cfg.Drop)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, drop.Mode().Perm()|0o700); err != nil {
		return err
	}
	if r.RejectedRows != "" {
		if r.RejectedRows, err = s.returnRows(base, r, mode); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		return err
	}
	// The JSON comes last: who sees it sees all.
	return errors.Join(putFile(base+".receipt.txt", &text, mode), putFile(base+".receipt.json", bytes.NewReader(append(b, '\n')), mode))
}

// returnRows copies the rejected rows and gives their name.
func (s *Service) returnRows(base string, r intake.Receipt, mode fs.FileMode) (string, error) {
	feed, ok := s.index.Feed(r.Feed)
	if !ok {
		return "", nil
	}
	rows, err := s.RejectedRows(r.Delivery)
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }() // it was read only
	path := base + "." + intake.RejectedName(feed)
	return filepath.Base(path), putFile(path, rows, mode)
}

// putFile writes a file that appears whole.
func putFile(path string, from io.Reader, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = io.Copy(f, from)
	if err := errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// pathless is an error without the name of a file, at which nobody has looked.
func pathless(err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", at.Op, at.Err)
	}
	if at, ok := errors.AsType[*os.LinkError](err); ok {
		return fmt.Errorf("%s: %w", at.Op, at.Err)
	}
	return err
}
