package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAChangedExportIsAFinding: the export of the second night ends its lines in
// another way. It is taken as before, and receipt and LEDGER say it; the third
// night, like the second, is no finding.
func TestAChangedExportIsAFinding(t *testing.T) {
	catalogDir, files := writeCatalog(t, ""), threeNights(t)
	a := open(t, t.TempDir(), catalogDir, "")
	for i, want := range []string{"", "lines ended with CRLF at the delivery before and end with LF", ""} {
		name := []string{"adm_2026-02-01.csv", "adm_2026-02-02.csv", "adm_2026-02-03.csv"}[i]
		path := filepath.Join(files, name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			write(t, files, name, strings.ReplaceAll(string(b), "\r\n", "\n"))
		}
		receipts, err := a.Submit(t.Context(), []string{path}, false)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, f := range receipts[0].Findings {
			said = append(said, f.Text)
		}
		if got := strings.Join(said, "; "); got != want {
			t.Errorf("%s: the receipt finds %q, want %q", name, got, want)
		}
		s, err := a.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		accepted := s.Delivery(receipts[0].Delivery).Accepted
		if accepted == nil || len(accepted.Findings) != len(said) || want != "" && accepted.Findings[0].Text != want {
			t.Errorf("%s: the LEDGER has %+v", name, accepted)
		}
		if accepted != nil && (len(accepted.Form.Columns) != 4 || accepted.Form.Encoding != "windows-1252") {
			t.Errorf("%s: the form is %+v", name, accepted.Form)
		}
	}
}
