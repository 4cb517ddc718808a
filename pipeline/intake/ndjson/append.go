package ndjson

import (
	"bytes"
	"encoding/json"
)

// addedCount is how many keys a file of rejected rows has more than it was sent.
const addedCount = 3

// addedKeys stand behind those of the file in a file of rejected rows.
func addedKeys() [addedCount]string { return [3]string{"rule", "column", "hint"} }

// unsplit is the key of a line that was no object.
const unsplit = "row"

// Append writes a row as an object in one line again, its paths as keys, with
// what is said of it behind them, so that a Reader reads the same fields. A text
// that is a number of JSON is one, and no text is null. A row that could not be
// read is one field with its text.
func Append(b []byte, columns, fields []string, rule, column, hint string) ([]byte, error) {
	keys := columns
	if len(fields) != len(columns) {
		keys, fields = []string{unsplit}, fields[:1]
	}
	b = append(b, '{')
	for i, text := range fields {
		var err error
		if b, err = member(b, keys[i], text); err != nil {
			return b, err
		}
	}
	for i, text := range [3]string{rule, column, hint} {
		var err error
		if b, err = member(b, addedKeys()[i], text); err != nil {
			return b, err
		}
	}
	b[len(b)-1] = '}' // in place of the last comma
	return b, nil
}

func member(b []byte, key, text string) ([]byte, error) {
	b, err := quoted(b, key)
	if err != nil {
		return b, err
	}
	b = append(b, ':')
	switch {
	case text == "":
		b = append(b, "null"...)
	case isNumber(text):
		b = append(b, text...)
	default:
		if b, err = quoted(b, text); err != nil {
			return b, err
		}
	}
	return append(b, ','), nil
}

// isNumber reports whether a text is a number that a Reader gives back as it is.
func isNumber(text string) bool {
	r := Reader{text: []byte(text)}
	_, ok := r.number()
	return ok && r.at == len(text) && !bytes.ContainsAny([]byte(text), ".eE")
}

func quoted(b []byte, text string) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return b, err
	}
	return append(b, bytes.TrimRight(out.Bytes(), "\n")...), nil
}
