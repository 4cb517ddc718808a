package typed_test

import (
	"math"
	"testing"
	"time"
	_ "time/tzdata" // the zone is not the machine's

	"pgregory.net/rapid"

	"larstrom/pipeline/intake/typed"
)

// TestParseGivesWhatWasWritten: the text of any value is read as a value with
// that text, in every form of a feed.
func TestParseGivesWhatWasWritten(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		f := typed.Form{Decimal: rapid.SampledFrom([]byte{0, '.', ','}).Draw(t, "decimal"), Zone: zone,
			Dates: rapid.SampledFrom([]string{"", "iso", "dd.mm.yyyy", "dd-mm-yyyy", "dd/mm/yyyy", "yyyymmdd", "year", "year-month", "quarter", "week"}).Draw(t, "dates")}
		unit := rapid.SampledFrom([]time.Duration{time.Second, time.Millisecond, time.Microsecond, time.Nanosecond}).Draw(t, "unit")
		n := rapid.Int64().Draw(t, "n")
		within := rapid.Int64Range(-60_000_000_000, 240_000_000_000).Draw(t, "second") // years 69 to 9575
		scale := rapid.IntRange(-3, 9).Draw(t, "scale")
		for _, one := range []struct {
			c    typed.Column
			text []byte
		}{
			{typed.Column{Kind: typed.Bool}, typed.AppendBool(nil, n%2 == 0)},
			{typed.Column{Kind: typed.Int, Bits: 64}, f.AppendDecimal(nil, n, 0)},
			{typed.Column{Kind: typed.Float, Bits: 64}, f.AppendFloat(nil, rapid.Float64().Draw(t, "float"), 64)},
			{typed.Column{Kind: typed.Float, Bits: 32}, f.AppendFloat(nil, float64(rapid.Float32().Draw(t, "single")), 32)},
			{typed.Column{Kind: typed.Decimal, Precision: 38, Scale: max(scale, 0)}, f.AppendDecimal(nil, n, max(scale, 0))},
			{typed.Column{Kind: typed.Date}, f.AppendDate(nil, within/86400)},
			{typed.Column{Kind: typed.Clock, Unit: unit}, typed.AppendClock(nil, (n&math.MaxInt64)%int64(24*time.Hour/unit), unit)},
			{typed.Column{Kind: typed.Timestamp, Unit: time.Second}, f.AppendTimestamp(nil, within, time.Second, false)},
			{typed.Column{Kind: typed.Timestamp, Unit: time.Second, Instant: true}, f.AppendTimestamp(nil, within, time.Second, true)},
			{typed.Column{Kind: typed.Timestamp, Unit: time.Nanosecond}, f.AppendTimestamp(nil, n/2, time.Nanosecond, false)},
		} {
			if _, ok := one.c.Parse(string(one.text), &f); !ok {
				t.Fatalf("%+v: %q is no value of it", one.c, one.text)
			}
		}
	})
}

// TestParseRefuses what the column would give back as another text.
func TestParseRefuses(t *testing.T) {
	f := typed.Form{Decimal: ','}
	for _, one := range []struct {
		c    typed.Column
		text string
	}{
		{typed.Column{}, "x"},
		{typed.Column{Kind: typed.Bool}, "2"},
		{typed.Column{Kind: typed.Int, Bits: 8}, "128"},
		{typed.Column{Kind: typed.Int, Bits: 64}, "007"},
		{typed.Column{Kind: typed.Int, Bits: 64}, "dddddddddd"},
		{typed.Column{Kind: typed.Uint, Bits: 32}, "-1"},
		{typed.Column{Kind: typed.Float, Bits: 64}, "1.5"},
		{typed.Column{Kind: typed.Float, Bits: 64}, "1,50"},
		{typed.Column{Kind: typed.Decimal, Precision: 4, Scale: 2}, "1,5"},
		{typed.Column{Kind: typed.Decimal, Precision: 3, Scale: 2}, "12,50"},
		{typed.Column{Kind: typed.Date}, "2024-02-30"},
		{typed.Column{Kind: typed.Date}, "2024-02-01T12:00:00"},
		{typed.Column{Kind: typed.Clock, Unit: time.Second}, "12:00:00.5"},
		{typed.Column{Kind: typed.Timestamp, Unit: time.Second}, "2024-02-01T12:00:00.5"},
		{typed.Column{Kind: typed.Timestamp, Unit: time.Nanosecond}, "2300-01-01"},
	} {
		if v, ok := one.c.Parse(one.text, &f); ok {
			t.Errorf("%+v: %q is taken for %+v", one.c, one.text, v)
		}
	}
}
