package intake

import (
	"time"

	"larstrom/pipeline/catalog"
)

// Forms is how a dialect writes dates and numbers, for those who must know
// whether a text is one before there is a feed.
type Forms struct {
	date   dateForm
	number numberForm
}

// NewForms are the forms of the dialect, whose Decimal is one character.
func NewForms(d catalog.Dialect) Forms {
	return Forms{dateForm{form: d.Dates, zone: time.UTC}, numberForm{decimal: d.Decimal[0], thousands: d.Thousands}}
}

// Date reports whether the text is a date of the form.
func (f Forms) Date(text []byte) bool {
	_, ok := f.date.days(text)
	return ok
}

// Number reports whether the text is a number of the form.
func (f Forms) Number(text []byte) bool {
	_, fault := f.number.micro(text)
	return fault == numberOK
}
