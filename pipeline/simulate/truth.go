package simulate

import (
	"encoding/json"
	"fmt"
	"io"

	"larstrom/pipeline/catalog"
)

// TruthVersion is that of the form of truth.json.
const TruthVersion = 1

// Truth is what was really done: the content of truth.json.
type Truth struct {
	Version int    `json:"version"`
	Region  string `json:"region"`
	Seed    uint64 `json:"seed"`
	Units   int    `json:"units"`
	// Indicators of the catalog, by id.
	Indicators []string `json:"indicators"`
	Months     int      `json:"months"`
	// FirstLoad is the as-of date of the history, Nights those of the nights.
	FirstLoad catalog.Date   `json:"first_load"`
	Nights    []catalog.Date `json:"nights"`
	// Deliveries are the files in the order of their as-of dates and names.
	Deliveries []Delivery `json:"deliveries"`
	Faults     []Fault    `json:"faults"`
	// Changes are real: no check may hold them.
	Changes []Change `json:"changes"`
	// UnitEvents are known to the catalog: nothing about them is a fault.
	UnitEvents []UnitEvent `json:"unit_events"`
}

// Delivery is one file as it was sent.
type Delivery struct {
	File     string       `json:"file"`
	Feed     string       `json:"feed"`
	Registry string       `json:"registry"`
	AsOf     catalog.Date `json:"as_of"`
	Kind     string       `json:"kind"` // snapshot or delta
	// Rows are the data rows that the file has, Deleted those among them that
	// take a row away.
	Rows    int64  `json:"rows"`
	Deleted int64  `json:"deleted,omitempty"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
	// RowsByUnit are the rows by the unit whose code they carry, as far as it
	// is a unit's; of a file that was cut, those of the whole one.
	RowsByUnit map[string]int64 `json:"rows_by_unit"`
	// From and To (half-open) span the dates of the rows.
	From catalog.Date `json:"from"`
	To   catalog.Date `json:"to"`
	// Faults are the ids of those that are in the file; empty: it is clean.
	Faults []string `json:"faults,omitempty"`
}

// Fault is one mistake of a sender.
type Fault struct {
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	Feed string `json:"feed"`
	// File is the first that has it.
	File string `json:"file"`
	// Night is the as-of date of the first file that has it, Until that of the
	// last: most mistakes are mended the night after.
	Night catalog.Date `json:"night"`
	Until catalog.Date `json:"until"`
	// Units that it touches; empty: any of the feed.
	Units []string `json:"units,omitempty"`
	// Indicators that it touches; empty: any of the feed.
	Indicators []string `json:"indicators,omitempty"`
	// From and To (half-open) are the dates of the rows that it touches; zero:
	// the whole file.
	From catalog.Date `json:"from"`
	To   catalog.Date `json:"to"`
	// Size is how large it is, SizeOf in words of what.
	Size   float64 `json:"size"`
	SizeOf string  `json:"size_of"`
	// Rows of the first file that it touches: changed, missing, too many, or
	// those of the whole file.
	Rows int64 `json:"rows"`
	// Text is one sentence of what happened at the sender.
	Text string `json:"text"`
	// Expect are the checks that ought to notice it, the catalogue's own first;
	// any of them does. A check of the catalogue need not exist yet.
	Expect []Expectation `json:"expect"`
}

// Expectation is one check and the severity at which it acts.
type Expectation struct {
	Check    string `json:"check"`
	Severity string `json:"severity"`
	// Also says that the check is made for something else and acts only where
	// the fault happens to be large enough: that it does not is no miss.
	Also bool `json:"also,omitempty"`
}

// Write writes truth.json.
func (t *Truth) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(t)
}

// ReadTruth reads truth.json.
func ReadTruth(r io.Reader) (*Truth, error) {
	var t Truth
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return nil, fmt.Errorf("read the truth: %w", err)
	}
	if t.Version != TruthVersion {
		return nil, fmt.Errorf("read the truth: version %d; this program reads %d", t.Version, TruthVersion)
	}
	return &t, nil
}
