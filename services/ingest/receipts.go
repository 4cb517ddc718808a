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

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/rawstore"
)

// The files in a delivery's receipt folder.
const (
	receiptJSON = "receipt.json"
	receiptText = "receipt.txt"
)

func (s *Service) receiptDir(delivery string) string { return filepath.Join(s.cfg.Receipts, delivery) }

// writeReceipt puts the receipt into the delivery's folder, as JSON and as
// text. It is there before the LEDGER says that the delivery was decided.
func (s *Service) writeReceipt(r intake.Receipt) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("receipt of %s: %w", r.Delivery, err)
	}
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		return fmt.Errorf("receipt of %s: %w", r.Delivery, err)
	}
	dir := s.receiptDir(r.Delivery)
	if err := errors.Join(rawstore.WriteFile(filepath.Join(dir, receiptText), text.Bytes(), 0o600),
		rawstore.WriteFile(filepath.Join(dir, receiptJSON), append(b, '\n'), 0o600)); err != nil {
		return fmt.Errorf("receipt of %s: %w", r.Delivery, err)
	}
	return nil
}

// Receipt reads what the sender of a delivery was told; where this folder has
// none of it, the error is fs.ErrNotExist.
func (s *Service) Receipt(delivery string) (intake.Receipt, error) {
	var r intake.Receipt
	if !filepath.IsLocal(delivery) || filepath.Base(delivery) != delivery {
		return r, fmt.Errorf("receipt of %q: %w: that is no delivery", delivery, fs.ErrNotExist)
	}
	b, err := os.ReadFile(filepath.Join(s.receiptDir(delivery), receiptJSON))
	if err != nil {
		return r, fmt.Errorf("receipt of %s: %w", delivery, err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("receipt of %s: %w", delivery, err)
	}
	return r, nil
}

// RejectedRows is the file of the rejected rows of a delivery, for its sender;
// where there is none, the error is fs.ErrNotExist.
func (s *Service) RejectedRows(delivery string) (io.ReadCloser, error) {
	if !filepath.IsLocal(delivery) || filepath.Base(delivery) != delivery {
		return nil, fmt.Errorf("rejected rows of %q: %w: that is no delivery", delivery, fs.ErrNotExist)
	}
	var err error
	for _, name := range intake.RejectedNames() {
		var f *os.File
		if f, err = os.Open(filepath.Join(s.receiptDir(delivery), name)); err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return nil, fmt.Errorf("rejected rows of %s: %w", delivery, err)
}

// rejectsFile is the file of rejected rows while it is being written.
type rejectsFile struct {
	f    *os.File
	rows *intake.RejectedRows
	path string
	kept bool
}

func (s *Service) newRejects(delivery string, feed *catalog.Feed) (*rejectsFile, error) {
	dir := s.receiptDir(delivery)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("rejected rows of %s: %w", delivery, err)
	}
	f, err := os.CreateTemp(dir, ".rejected-*")
	if err != nil {
		return nil, fmt.Errorf("rejected rows of %s: %w", delivery, err)
	}
	return &rejectsFile{f: f, rows: intake.NewRejectedRows(f, feed), path: filepath.Join(dir, intake.RejectedName(feed))}, nil
}

// restart begins the file anew.
func (r *rejectsFile) restart(feed *catalog.Feed) error {
	_, err := r.f.Seek(0, io.SeekStart)
	if err := errors.Join(err, r.f.Truncate(0)); err != nil {
		return fmt.Errorf("rejected rows: %w", err)
	}
	r.rows = intake.NewRejectedRows(r.f, feed)
	return nil
}

// keep finishes the file; without rows there is none.
func (r *rejectsFile) keep() error {
	err := errors.Join(r.rows.Close(), r.f.Sync(), r.f.Close())
	if err != nil {
		return fmt.Errorf("rejected rows: %w", err)
	}
	r.kept = true
	if r.rows.Rows() == 0 {
		r.path = ""
		return os.Remove(r.f.Name())
	}
	return os.Rename(r.f.Name(), r.path)
}

// discard removes an unfinished file.
func (r *rejectsFile) discard() {
	if r.kept {
		return
	}
	_ = r.f.Close()
	_ = os.Remove(r.f.Name())
}

// manifest reads the file's manifest when the feed needs one or one is there.
func (s *Service) manifest(f file) ([]byte, *intake.Manifest, error) {
	b, err := os.ReadFile(intake.ManifestName(f.path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	m, err := intake.ParseManifest(b)
	return b, m, err
}

// undelivered is the receipt of a file that was not taken: it waits for the
// rest of it, or no feed knows it.
func undelivered(f file, status string, problems ...event.Problem) *intake.Receipt {
	r := &intake.Receipt{Format: 1, Status: status, File: f.name}
	for _, p := range problems {
		r.Problems = append(r.Problems, intake.ReceiptProblem{Line: p.Line, Column: p.Column, Rule: p.Rule, Text: p.Text, Hint: p.Hint})
	}
	return r
}

// manifestOf parses the manifest that the LEDGER kept.
func manifestOf(r event.DeliveryReceived) (*intake.Manifest, error) {
	if r.Manifest == "" {
		return nil, nil
	}
	return intake.ParseManifest([]byte(r.Manifest))
}
