package simulate_test

import (
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/simulate"
)

// The daily visits have a week: Mondays are busiest.
func TestDailyVisitsHaveAWeek(t *testing.T) {
	o := simulate.Default()
	o.Seed, o.Units, o.Indicators, o.Months, o.Nights, o.Faults = 5, 12, 10, 24, 1, 0
	files, _ := run(t, o)
	var visits, days [7]float64
	for name, b := range files {
		if !strings.Contains(name, "akut_dygn_") {
			continue
		}
		rows, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		on, n := slices.Index(rows[0], "date"), slices.Index(rows[0], "visits")
		for _, r := range rows[1:] {
			d, err := time.Parse(time.DateOnly, r[on])
			if err != nil {
				t.Fatal(err)
			}
			v, err := strconv.ParseFloat(r[n], 64)
			if err != nil {
				t.Fatal(err)
			}
			visits[d.Weekday()] += v
			days[d.Weekday()]++
		}
	}
	if days[time.Monday] == 0 {
		t.Fatal("no export by day")
	}
	for d := time.Tuesday; d <= time.Saturday; d++ {
		if share := (visits[time.Monday] / days[time.Monday]) / (visits[d] / days[d]); share < 1.08 {
			t.Errorf("a Monday has %.3f times the visits of a %s", share, d)
		}
	}
}
