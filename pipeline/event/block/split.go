package block

import (
	"fmt"

	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

// Splitter cuts rows into blocks of at most MaxRows rows and MaxBytes bytes and
// numbers the OBS blocks 0, 1, 2, …. Where it cuts depends only on the calls
// since it was made, so that the same file makes the same blocks after a crash:
// use a new Splitter for each delivery, from its start. It is not safe for
// concurrent use.
type Splitter struct {
	enc *Encoder
	max int
	// width is the bytes that 1,024 rows of the last block took; it saves the
	// encoding that would only find out that the rows do not fit.
	width int
	next  uint32
}

// NewSplitter is a Splitter for one delivery.
func NewSplitter() *Splitter { return &Splitter{enc: NewEncoder(), max: MaxBytes} }

// Observations calls yield for every block of o, in order: its bytes, valid
// until yield returns, and its rows. It sets o.Block to the number of the last
// block. Rows are never reordered.
func (s *Splitter) Observations(o *event.Observations, yield func(payload []byte, rows int) error) error {
	return s.cut(o.Len(), func(from, to int) ([]byte, error) {
		o.Block = s.next
		part := section(o, from, to)
		return s.enc.Observations(&part)
	}, func(b []byte, rows int) error {
		s.next++
		return yield(b, rows)
	})
}

// Cells calls yield for every block of versions, in order.
func (s *Splitter) Cells(versions []cell.Version, run, delivery string, yield func(payload []byte, rows int) error) error {
	return s.cut(len(versions), func(from, to int) ([]byte, error) {
		return s.enc.Cells(versions[from:to], run, delivery)
	}, yield)
}

func (s *Splitter) cut(n int, encode func(from, to int) ([]byte, error), yield func([]byte, int) error) error {
	for from := 0; from < n; {
		rows := s.fitting(n - from)
		b, err := encode(from, from+rows)
		for err == nil && len(b) > s.max {
			if rows == 1 {
				return fmt.Errorf("one row takes %d bytes, above the %d of a block: shorten its texts: %w", len(b), s.max, ErrInvalid)
			}
			s.width = len(b) * 1024 / rows
			rows = min(rows-1, s.fitting(n-from))
			b, err = encode(from, from+rows)
		}
		if err != nil {
			return err
		}
		s.width = len(b) * 1024 / rows
		if err := yield(b, rows); err != nil {
			return err
		}
		from += rows
	}
	return nil
}

// fitting is how many of left rows to try in the next block: what fits by the
// width of the last one, less a tenth because rows differ, in parts of about
// equal size.
func (s *Splitter) fitting(left int) int {
	most := MaxRows
	if s.width > 0 {
		most = max(1, min(most, int(int64(s.max)*1024*9/10/int64(s.width))))
	}
	parts := (left + most - 1) / most
	return (left + parts - 1) / parts
}

// section is rows from … to-1 of o, sharing its memory.
func section(o *event.Observations, from, to int) event.Observations {
	rows := func(t *event.Texts) event.Texts { return event.Texts{Values: t.Values, Codes: t.Codes[from:to]} }
	return event.Observations{
		Region: o.Region, Registry: o.Registry, Feed: o.Feed, Delivery: o.Delivery, Block: o.Block,
		Line: o.Line[from:to], Kind: o.Kind[from:to], Indicator: rows(&o.Indicator), Version: rows(&o.Version),
		Unit: rows(&o.Unit), Stratum: rows(&o.Stratum), EventDate: o.EventDate[from:to],
		RegistrationDate: o.RegistrationDate[from:to], Subject: o.Subject[from:to], Key: o.Key[from:to],
		Has: o.Has[from:to], Finding: o.Finding[from:to], Numerator: o.Numerator[from:to],
		Denominator: o.Denominator[from:to], Value: o.Value[from:to], Expected: o.Expected[from:to],
	}
}
