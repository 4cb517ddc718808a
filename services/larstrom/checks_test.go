package main

import (
	"strings"
	"testing"

	"larstrom/pipeline/quality"
)

// Every check of the catalogue is listed once, and what does not judge says why.
func TestChecksAreListed(t *testing.T) {
	all := listedChecks()
	if len(all) != len(quality.Catalogue()) {
		t.Fatalf("%d of %d checks", len(all), len(quality.Catalogue()))
	}
	how := map[string]string{}
	for _, c := range all {
		how[c.ID] = c.Judged
		if (c.Judged == "yes") == (c.Why != "") || c.Means == "" || c.Note == "" || c.Owner == "" {
			t.Errorf("%+v", c)
		}
	}
	for id, want := range map[string]string{"T02": "yes", "T09": "partly", "C03": "elsewhere", "X02": "no"} {
		if how[id] != want {
			t.Errorf("%s is judged: %q, want %q", id, how[id], want)
		}
	}
	rows := checksTable(all)
	if len(rows) != len(all)+1 || !strings.HasPrefix(rows[1], "C01\tREJECT\t-\t-\t-\telsewhere\t") {
		t.Errorf("%q", rows[:2])
	}
}
