package intake

import (
	"bytes"
	"fmt"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/record"
)

// joiner joins records that each hold one number of the same observation: those
// that follow each other and agree in every column that the feed reads. The
// joined record has the fields of the first and, behind them, one for each
// column of the pivot. Records of which none has a name that is used are
// passed over.
type joiner struct {
	rows
	pivot       *catalog.Pivot
	layout      *layout // of the file
	name, value int
	width       int   // columns of the file
	extra       int   // fields beyond them that a record may have, which are dropped
	same        []int // positions in which the records of a group agree

	group, next owned // next is read, and belongs to the next group
	held        bool  // next holds a record
	fault       *record.Record
	err         error
	out         record.Record

	// joined are the rows of the group beside the first, absent the positions
	// of columns that not exactly one of them gave, passed the records that
	// were passed over.
	joined [][]string
	absent []int
	passed int64
}

// owned is a record in memory of its own.
type owned struct {
	line   uint64
	after  uint64 // the line after it
	fields [][]byte
	faulty []int
}

func newJoiner(in rows, feed *catalog.Feed, l *layout) *joiner {
	p := feed.Pivot
	j := &joiner{rows: in, pivot: p, name: l.columns[p.Name], value: l.columns[p.Value], width: l.width}
	if l.added {
		j.extra = len(addedColumns())
	}
	for _, n := range wanted(feed) {
		if at := l.columns[n]; at != j.name && at != j.value {
			j.same = append(j.same, at)
		}
	}
	for i, n := range p.Columns {
		l.columns[n] = l.width + i
	}
	file := *l
	j.layout = &file
	l.delivered, l.width = l.width, l.width+len(p.Columns)
	l.nameless, l.added, l.tail = false, false, 0
	return j
}

// Next is the next joined record, or a malformed one of the file.
func (j *joiner) Next() (*record.Record, error) {
	for {
		if j.fault != nil {
			out := j.fault
			j.fault = nil
			return out, nil
		}
		if !j.held {
			if err := j.read(); err != nil {
				return nil, err
			}
			continue
		}
		j.group, j.next, j.held = j.next, owned{}, false
		if out := j.join(); out != nil {
			return out, nil
		}
	}
}

// read reads a record into next, or one that is malformed into fault.
func (j *joiner) read() error {
	if j.err != nil {
		return j.err
	}
	rec, err := j.rows.Next()
	if err != nil {
		j.err = err
		return err
	}
	fields := rec.Fields
	if n := len(fields) - j.extra; n >= j.width {
		fields = fields[:n]
	}
	fields, fits := j.layout.fit(fields)
	fault := rec.Malformed
	hint := rec.Hint
	var name string
	if fault == "" && !fits {
		fault, hint = fmt.Sprintf("%s where the header has %d", record.Count(int64(len(rec.Fields)), "field"), j.layout.fields()+j.extra), "the line may have been cut, or have a delimiter in a field that is not quoted"
	}
	if fault == "" {
		name = string(trim(fields[j.name]))
		if !slices.Contains(j.pivot.Columns, name) && !slices.Contains(j.pivot.Ignore, name) {
			fault, hint = "the column "+j.pivot.Name+" has a name that the feed does not know", "correct it, or add it under pivot.ignore of the feed"
		}
	}
	if fault != "" {
		j.fault = &record.Record{Line: rec.Line, Lines: rec.Lines, Raw: bytes.Clone(rec.Raw), Malformed: fault, Hint: hint, Rule: rec.Rule}
		for _, field := range rec.Fields {
			j.fault.Fields = append(j.fault.Fields, bytes.Clone(field))
		}
		return nil
	}
	j.next = owned{line: rec.Line, after: rec.Line + rec.Lines, faulty: slices.Clone(rec.Faulty)}
	for _, field := range fields {
		j.next.fields = append(j.next.fields, bytes.Clone(field))
	}
	j.held = true
	return nil
}

// join makes one record of the group and what follows it; nil: none of its
// names is used.
func (j *joiner) join() *record.Record {
	j.joined, j.absent = nil, nil
	fields := slices.Clone(j.group.fields)
	width := len(fields)
	fields = append(fields, make([][]byte, len(j.pivot.Columns))...)
	seen := make([]int, len(j.pivot.Columns))
	used, after := int64(1), j.group.after
	place := func(o *owned) {
		if i := slices.Index(j.pivot.Columns, string(trim(o.fields[j.name]))); i >= 0 {
			seen[i]++
			fields[width+i] = o.fields[j.value]
		}
	}
	place(&j.group)
	for j.fault == nil {
		if !j.held {
			if err := j.read(); err != nil || j.fault != nil {
				break
			}
		}
		if !j.belongs(&j.next) {
			break
		}
		place(&j.next)
		after = j.next.after
		raw := make([]string, 0, width)
		for _, field := range j.next.fields {
			raw = append(raw, string(field))
		}
		j.joined = append(j.joined, raw)
		j.held = false
		used++
	}
	if !slices.ContainsFunc(seen, func(n int) bool { return n > 0 }) {
		j.passed += used
		j.joined = nil
		return nil
	}
	for i, n := range seen {
		if n != 1 {
			j.absent, fields[width+i] = append(j.absent, width+i), nil
		}
	}
	j.out = record.Record{Line: j.group.line, Lines: after - j.group.line, Fields: fields, Faulty: j.group.faulty}
	return &j.out
}

func (j *joiner) belongs(o *owned) bool {
	for _, at := range j.same {
		if !bytes.Equal(trim(o.fields[at]), trim(j.group.fields[at])) {
			return false
		}
	}
	return true
}
