package ingest_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/rawstore"
)

// A date that slipped by a century makes a file replace a century: the file is
// asked about before anything is gone, and taken where its sender means it.
func TestASlippedDateIsAskedAbout(t *testing.T) {
	p := newPlace(t)
	s := p.service()
	submit := func(name, text string, again bool) intake.Receipt {
		t.Helper()
		receipts, err := s.Submit(t.Context(), []string{p.drop(name, text)}, again)
		if err != nil {
			t.Fatal(err)
		}
		return receipts[0]
	}
	if r := submit("con_2026-02-01.csv", contactFile(30, nil), false); r.Status != intake.StatusAccepted || len(r.Findings) != 0 {
		t.Fatalf("%+v", r)
	}
	slip := strings.Replace(contactFile(30, nil), ";2025-03-08;", ";1925-03-08;", 1)
	r := submit("con_2026-02-02.csv", slip, false)
	if r.Status != intake.StatusRejected || r.Problems[0].Rule != intake.RuleWhole || r.Problems[0].Line != 9 ||
		!strings.Contains(r.Problems[0].Text, "replaces 1201 months, from 1925-03-01 to before 2025-04-01, and has rows for 2 of them; the delivery before it went from 2025-03-01 to before 2025-04-01") {
		t.Errorf("%+v", r)
	}
	r = submit("con_2026-02-02.csv", slip, true)
	if r.Status != intake.StatusAccepted || len(r.Findings) != 1 || !strings.Contains(r.Findings[0].Text, "rows for 2 of them") {
		t.Errorf("meant: %+v", r)
	}
	two := strings.Replace(contactFile(30, nil), ";2025-03-08;", ";2025-02-08;", 1)
	if r := submit("con_2026-02-03.csv", two, false); r.Status != intake.StatusAccepted || len(r.Findings) != 0 {
		t.Errorf("a month more: %+v", r)
	}
}

// A file that lies sealed is handed in by the path at which it would lie.
func TestSealedFilesAreTaken(t *testing.T) {
	p := newPlace(t)
	seal := rawstore.NewSealer(p.keys.Recipient(), p.keys.Identities()...)
	path := filepath.Join(t.TempDir(), "con_2026-03-01.csv")
	f, err := os.Create(rawstore.IncomingName(path))
	if err != nil {
		t.Fatal(err)
	}
	head, err := seal.Begin(f)
	if err != nil {
		t.Fatal(err)
	}
	a, err := seal.Append(f, 0, head)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(a, contactFile(30, nil))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	p.incoming = seal
	receipts, err := p.service().Submit(t.Context(), []string{path}, false)
	if err != nil || receipts[0].Status != intake.StatusAccepted || receipts[0].Lines != 30 || receipts[0].File != "con_2026-03-01.csv" {
		t.Errorf("%+v, %v", receipts, err)
	}
	if d := p.state().Deliveries(); len(d) != 1 || d[0].Size != int64(len(contactFile(30, nil))) {
		t.Errorf("%+v", d)
	}
	p.incoming = nil
	if _, err := p.service().Submit(t.Context(), []string{path}, false); !errors.Is(err, rawstore.ErrSealed) {
		t.Errorf("without the key: %v", err)
	}
}
