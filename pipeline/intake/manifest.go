package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake/record"
)

// Manifest says what a whole file is. It comes beside it as a JSON object with
// "sha256" (hex, of the file's bytes) and "rows" (number of data rows), and
// whatever else the feed reads from it ("order", "as_of").
type Manifest struct {
	SHA256 string
	Rows   int64
	// Fields are all members of the object that are texts or numbers, as text.
	Fields map[string]string
}

// ManifestName is the base name of a file's manifest.
func ManifestName(name string) string { return name + ".manifest.json" }

// IsManifest reports whether name is that of a manifest, and the base name of
// the file it speaks of.
func IsManifest(name string) (file string, ok bool) {
	file, ok = strings.CutSuffix(name, ".manifest.json")
	return file, ok && file != ""
}

var sha256Form = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

// ParseManifest reads a manifest. It fails as a *FileError: a manifest that
// cannot be read leaves its file without one.
func ParseManifest(b []byte) (*Manifest, error) {
	bad := func(text string) error {
		return &FileError{Incomplete: true, Problems: []event.Problem{{Rule: RuleWhole, Text: "the manifest " + text,
			Hint: `write a JSON object {"sha256": "64 hexadecimal digits", "rows": 123}`}}}
	}
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))))
	dec.UseNumber()
	var raw map[string]any
	if err := dec.Decode(&raw); err != nil {
		return nil, bad("is not a JSON object")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, bad("has text after its JSON object")
	}
	m := &Manifest{Fields: make(map[string]string, len(raw))}
	for k, v := range raw {
		switch v := v.(type) {
		case string:
			m.Fields[k] = v
		case json.Number:
			m.Fields[k] = v.String()
		}
	}
	m.SHA256 = strings.ToLower(m.Fields["sha256"])
	if !sha256Form.MatchString(m.SHA256) {
		return nil, bad(`has no "sha256" of 64 hexadecimal digits`)
	}
	n, ok := raw["rows"].(json.Number)
	rows, err := n.Int64()
	if !ok || err != nil || rows < 0 {
		return nil, bad(`has no "rows" that is a whole number`)
	}
	m.Rows = rows
	return m, nil
}

// CheckBytes compares the file's bytes, by their hex SHA-256, with the
// manifest's.
func (m *Manifest) CheckBytes(sum string) error {
	if strings.EqualFold(m.SHA256, sum) {
		return nil
	}
	return &FileError{Incomplete: true, Problems: []event.Problem{{Rule: RuleWhole,
		Text: fmt.Sprintf("the file's SHA-256 begins with %.12s, the manifest's with %.12s", sum, m.SHA256),
		Hint: "the file was cut short or altered on its way, or the manifest is another file's; send both again"}}}
}

// CheckRows compares the number of data rows with the manifest's.
func (m *Manifest) CheckRows(rows int64) error {
	if m.Rows == rows {
		return nil
	}
	return &FileError{Incomplete: rows < m.Rows, Problems: []event.Problem{{Rule: RuleWhole,
		Text: fmt.Sprintf("the file has %s, the manifest says %d", record.Count(rows, "data row"), m.Rows),
		Hint: "send the file again with the manifest that was written for it"}}}
}

// needsManifest reports whether a file of the feed is whole only with one.
func needsManifest(feed *catalog.Feed) bool { return feed.Complete.By == "manifest" }
