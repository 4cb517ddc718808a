package event

// Texts is a column of texts of which few differ: each once, and for each row
// which it has. The zero value is an empty column.
type Texts struct {
	// Values are different, and Codes are positions in them. Not every value
	// need be that of a row.
	Values []string
	Codes  []uint32

	known map[string]uint32
}

// TextsOf is the column of these rows.
func TextsOf(rows ...string) Texts {
	var t Texts
	for _, text := range rows {
		t.Add(text)
	}
	return t
}

// Code is the code of a text, a new one for a new text.
func (t *Texts) Code(text string) uint32 {
	code, ok := t.known[text]
	if !ok {
		if t.known == nil {
			t.known = map[string]uint32{}
		}
		code = uint32(len(t.Values))
		t.Values, t.known[text] = append(t.Values, text), code
	}
	return code
}

// Add appends a row.
func (t *Texts) Add(text string) { t.Codes = append(t.Codes, t.Code(text)) }

// At is the text of a row.
func (t *Texts) At(row int) string { return t.Values[t.Codes[row]] }

// Rows are the texts of all rows.
func (t *Texts) Rows() []string {
	rows := make([]string, len(t.Codes))
	for i := range rows {
		rows[i] = t.At(i)
	}
	return rows
}

// Reset empties the column and keeps its memory.
func (t *Texts) Reset() {
	clear(t.known)
	t.Values, t.Codes = t.Values[:0], t.Codes[:0]
}
