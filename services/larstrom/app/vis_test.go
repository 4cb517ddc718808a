package app_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"larstrom/pipeline/intake"
	catalogschema "larstrom/schemas/catalog"
)

// visFile is a file for Vården i siffror: what its first line says, and of each
// row the place (riket, 98, par 98011), the numbers and the reason.
func visFile(t *testing.T, instruction string, rows ...[5]string) string {
	t.Helper()
	ready, err := catalogschema.ReadyFeed("vis")
	if err != nil {
		t.Fatal(err)
	}
	sample, err := fs.ReadFile(ready, "sample/vis_svehip_keep.csv")
	if err != nil {
		t.Fatal(err)
	}
	header, _, _ := strings.Cut(string(sample), "\n")
	const register = "SE9900000000-R001"
	columns := strings.Split(strings.TrimSpace(strings.TrimPrefix(header, "\ufeff")), ";")
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(header, "\r") + "\n" + instruction + "_EXISTING_DATA_FOR_REGISTER_HSAID:" + register + strings.Repeat(";", len(columns)-1) + "\n")
	for _, r := range rows {
		of := map[string]string{"RegisterHSAID": register, "CountryName": "riket", "PeriodReportedStartDate": r[1] + "-01-01", "PeriodReportedEndDate": r[1] + "-12-31",
			"MeasureID": "90001", "Version": "1", "Numerator": r[2], "Denominator": r[3], "ReasonCode": r[4]}
		switch r[0] {
		case "98":
			of["RegionName"], of["RegionOrganisationId"] = "Region Norrsund", "98"
		case "98011":
			of["RegionName"], of["RegionOrganisationId"], of["HospitalName"], of["HospitalOrganisationId"] = "Region Norrsund", "98", "Almviks sjukhus", "98011"
		}
		fields := make([]string, len(columns))
		for i, c := range columns {
			fields[i] = of[c]
		}
		b.WriteString(strings.Join(fields, ";") + "\n")
	}
	return b.String()
}

// TestFilesThatSayWhetherTheyReplace goes with the ready feed of Vården i
// siffror from the files to the publication: by its own first line a file is
// added, row by row, or takes the place of everything. A number that the source
// masks is suppressed and no nought; a reason that is none blocks its cell
// (check C17) and no other, and what was released before stays.
func TestFilesThatSayWhetherTheyReplace(t *testing.T) {
	ready, err := catalogschema.ReadyFeed("vis")
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(ready, "catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir, drop := t.TempDir(), t.TempDir()
	write(t, dir, "catalog.yaml", string(text))
	a := open(t, t.TempDir(), dir, "")
	hand := func(n int, file string) intake.Receipt {
		t.Helper()
		name := fmt.Sprintf("vis_svehip_%d.csv", n)
		write(t, drop, name, file)
		return submit(t, a, false, filepath.Join(drop, name))[0]
	}
	expect := func(what string, want ...string) {
		t.Helper()
		got := strings.TrimSpace(sql(t, a, "released", `SELECT unit, toYear(period_start), state, ifNull(toString(numerator), '-'), ifNull(toString(denominator), '-')
			FROM cell ORDER BY unit, period_start`))
		if want := strings.ReplaceAll(strings.Join(want, "\n"), " ", "\t"); got != want {
			t.Errorf("%s:\n%swant\n%s", what, got+"\n", want)
		}
	}
	hand(1, visFile(t, "DELETE", [5]string{"riket", "2023", "812", "40600", ""}, [5]string{"98", "2023", "9", "450", ""}, [5]string{"98011", "2023", "3", "60", ""}))
	expect("first", "almvik-sjukhus 2023 value 3 60", "norrsund 2023 value 9 450", "riket 2023 value 812 40600")

	hand(2, visFile(t, "KEEP", [5]string{"98011", "2024", "", "", "MSK"}, [5]string{"98", "2023", "10", "450", ""}, [5]string{"98", "2024", "", "", "NI"}, [5]string{"riket", "2024", "900", "45000", ""}))
	expect("added", "almvik-sjukhus 2023 value 3 60", "almvik-sjukhus 2024 suppressed - -",
		"norrsund 2023 value 10 450", "norrsund 2024 missing - -", "riket 2023 value 812 40600", "riket 2024 value 900 45000")

	r := hand(3, visFile(t, "KEEP", [5]string{"98", "2023", "", "", "HEMLIG"}, [5]string{"98011", "2023", "4", "60", "UNK"}, [5]string{"riket", "2023", "813", "40600", ""}))
	if r.Status != intake.StatusAccepted || r.Rules[intake.RuleReason] != 2 {
		t.Errorf("receipt %+v", r)
	}
	expect("wrong reasons", "almvik-sjukhus 2023 held_previous 3 60", "almvik-sjukhus 2024 suppressed - -",
		"norrsund 2023 held_previous 10 450", "norrsund 2024 missing - -", "riket 2023 value 813 40600", "riket 2024 value 900 45000")
	if got := sql(t, a, "released", "SELECT check, severity, unit FROM flag WHERE severity = 'BLOCK' ORDER BY ALL"); got != "C17\tBLOCK\talmvik-sjukhus\nC17\tBLOCK\tnorrsund\n" {
		t.Errorf("open flags:\n%s", got)
	}

	hand(4, visFile(t, "DELETE", [5]string{"riket", "2023", "812", "40600", ""}, [5]string{"98", "2023", "11", "450", ""}))
	if got := current(t, a); strings.Count(got, "\n") != 2 || strings.Contains(got, "almvik") {
		t.Errorf("what a file replaces is gone, and these are the cells:\n%s", got)
	}
}
