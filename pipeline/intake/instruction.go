package intake

import (
	"io"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// instruction reads the line in which the file says whether it replaces or
// adds, and makes that the delivery and scope of the feed for this file.
func (f *file) instruction() error {
	in := f.feed.Instruction
	rec, err := f.rows.Next()
	if err == io.EOF {
		if !f.rows.End().Any {
			return emptyFile()
		}
		return &FileError{Incomplete: true, Problems: []event.Problem{{Line: f.lastLine(), Rule: RuleHeader,
			Text: "the file ends before its instruction", Hint: "the file was cut short on its way, or is still being written; send it again"}}}
	}
	if err != nil {
		return fileFault(err)
	}
	problem := event.Problem{Line: rec.Line, Rule: RuleHeader, Text: "the line has none of the instructions of this feed, alone in its first field",
		Hint: "it says whether the file replaces or adds, so nothing is read without it: " + instructions(in)}
	if rec.Malformed != "" || len(rec.Fields) == 0 {
		return fileError(problem)
	}
	for _, other := range rec.Fields[1:] {
		if len(trim(other)) > 0 {
			return fileError(problem)
		}
	}
	said := string(trim(rec.Fields[0]))
	for _, t := range in.Texts {
		rest, ok := strings.CutPrefix(said, t.Text)
		if !ok || (rest != "") != (in.Column != "") {
			continue
		}
		f.follow(t, rest)
		return nil
	}
	return fileError(problem)
}

// instructions are the texts of a feed, for a hint.
func instructions(in *catalog.Instruction) string {
	var texts []string
	for _, t := range in.Texts {
		text := t.Text
		if in.Column != "" {
			text += " and the value of column " + in.Column
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", or ")
}

// follow makes the file what its instruction says. The feed stays as it is for
// every other file.
func (f *file) follow(t catalog.InstructionText, rest string) {
	feed := *f.feed
	feed.Delivery, feed.Scope = "delta", catalog.Scope{}
	if t.Then == "replace" {
		feed.Delivery, feed.Scope = "snapshot", catalog.Scope{Window: t.Scope}
		if t.Scope == "" {
			feed.Scope.Window = "all"
		}
		if t.Units == "file" {
			f.c.units = map[string]bool{}
		}
	}
	if rest != "" {
		f.c.register = []byte(rest)
	}
	// Rejected rows that come back are added to what was accepted.
	f.instructed = t.Text + rest
	for _, other := range feed.Instruction.Texts {
		if other.Then == "append" {
			f.instructed = other.Text + rest
		}
	}
	f.feed, f.c.feed = &feed, &feed
	f.res.Kind, f.res.Scope = feed.Delivery, feed.Scope
	f.c.window = false
}
