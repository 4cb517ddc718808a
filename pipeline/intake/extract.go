package intake

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// AsOf is the date on which a delivery was made, as the feed says: from the
// file name, the manifest (field as_of unless the feed names another), or the
// civil date of the arrival in the feed's zone. inColumn says that it stands
// in a column, so that Read finds it (Result.AsOf). A *FileError says that the
// file does not have it.
func AsOf(feed *catalog.Feed, name string, m *Manifest, arrival time.Time) (date catalog.Date, inColumn bool, err error) {
	var text, where string
	switch feed.AsOf.By {
	case "", "arrival":
		zone, err := feedZone(feed)
		if err != nil {
			return catalog.Date{}, false, err
		}
		return catalog.DateOf(arrival.In(zone)), false, nil
	case "column":
		return catalog.Date{}, true, nil
	case "name":
		where = "the file name"
		text, err = fromName(feed, "as_of", feed.AsOf.Pattern, name)
	case "manifest":
		where = "the manifest"
		text, err = fromManifest(feed, "as_of", feed.AsOf.Field, m)
	default:
		err = fmt.Errorf("feed %s: as_of.by is %q; it must be arrival, name, manifest or column", feed.ID, feed.AsOf.By)
	}
	if err != nil {
		return catalog.Date{}, false, err
	}
	date, ok := extractDate(feed.AsOf, text)
	if !ok {
		return catalog.Date{}, false, fileError(event.Problem{Rule: RuleWhole,
			Text: "the as-of date in " + where + " is not a date of the form " + layoutOf(feed.AsOf),
			Hint: "write the date on which the export was made in that form"})
	}
	return date, false, nil
}

// OrderKey is the text that orders the deliveries of a feed, as the feed says:
// from the file name or the manifest (field order unless the feed names
// another). Where the feed gives a layout, the text is a time of that layout
// and the key its sortable form. It is empty where deliveries are ordered by
// their acceptance. inColumn says that it stands in a column, so that Read
// finds it (Result.OrderKey).
func OrderKey(feed *catalog.Feed, name string, m *Manifest) (key string, inColumn bool, err error) {
	var text string
	switch feed.Order.By {
	case "", "acceptance":
		return "", false, nil
	case "column":
		return "", true, nil
	case "name":
		text, err = fromName(feed, "order", feed.Order.Pattern, name)
	case "manifest":
		text, err = fromManifest(feed, "order", feed.Order.Field, m)
	default:
		err = fmt.Errorf("feed %s: order.by is %q; it must be acceptance, name, manifest or column", feed.ID, feed.Order.By)
	}
	if err != nil {
		return "", false, err
	}
	key, ok := orderKey(feed.Order, text)
	if !ok {
		return "", false, fileError(event.Problem{Rule: RuleWhole,
			Text: "the order key is not a time of the form " + feed.Order.Layout,
			Hint: "write it in that form, or change order.layout of feed " + feed.ID})
	}
	return key, false, nil
}

// Window is what a snapshot replaces, half-open; a zero bound is open. For a
// delta it is empty in the sense that both bounds are zero and mean nothing.
// Scope "file" takes the span of the result, "months" the last Months months
// up to and with the month of the as-of date.
func Window(feed *catalog.Feed, res *Result) (from, to catalog.Date) {
	kind, scope := meant(feed, res)
	if kind != "snapshot" {
		return catalog.Date{}, catalog.Date{}
	}
	switch scope.Window {
	case "file":
		return res.From, res.To
	case "months":
		return monthsWindow(feed, res.AsOf)
	default:
		return catalog.Date{}, catalog.Date{}
	}
}

// Windows are what a snapshot replaces of the periods of each length, where it
// replaces the periods of its own rows; nil: Window of all lengths.
func Windows(feed *catalog.Feed, res *Result) []event.Window {
	if kind, scope := meant(feed, res); kind != "snapshot" || scope.Window != "file" {
		return nil
	}
	return res.Windows
}

// Number is the delivery's own in a feed that numbers its deliveries, by its
// order key; ok is false in any other. Where the order has a layout it counts
// days. A *FileError says that the key is no such number.
func Number(feed *catalog.Feed, key string) (n int64, ok bool, err error) {
	q := feed.Sequence
	if q == nil {
		return 0, false, nil
	}
	if feed.Order.Layout != "" {
		at, err := time.Parse("2006-01-02T15:04:05.000000000", key)
		if err != nil {
			return 0, false, fmt.Errorf("order key %q: %w", key, err)
		}
		return int64(catalog.DateOf(at).Days()), true, nil
	}
	n, err = strconv.ParseInt(key, 10, 64)
	switch {
	case err != nil || n < 0:
		return 0, false, fileError(event.Problem{Rule: RuleWhole, Text: "the order key is not a number, and the feed counts its deliveries",
			Hint: "number the files one after the other, or remove sequence from feed " + feed.ID})
	case q.First > 0 && n < q.First:
		return 0, false, fileError(event.Problem{Rule: RuleWhole, Text: fmt.Sprintf("delivery %d comes before the first of the feed, %d", n, q.First),
			Hint: "hold the number against sequence.first of feed " + feed.ID})
	case q.First > 0 && (n-q.First)%q.Step != 0:
		return 0, false, fileError(event.Problem{Rule: RuleWhole, Text: fmt.Sprintf("there is no delivery %d where the first is %d and each comes %d later", n, q.First, q.Step),
			Hint: "hold the number against sequence of feed " + feed.ID})
	}
	return n, true, nil
}

// Kind is snapshot or delta, as the file itself or its feed says.
func Kind(feed *catalog.Feed, res *Result) string {
	kind, _ := meant(feed, res)
	return kind
}

// meant is what the file is by its result, or by its feed.
func meant(feed *catalog.Feed, res *Result) (kind string, scope catalog.Scope) {
	if res.Kind != "" {
		return res.Kind, res.Scope
	}
	return feed.Delivery, feed.Scope
}

// Unplaced is the error of a snapshot that replaces the periods of its own
// rows and has rows, but none with a date that can be read: without a period
// it would replace every one. It is nil for any other file.
func Unplaced(feed *catalog.Feed, res *Result) error {
	if kind, scope := meant(feed, res); kind != "snapshot" || scope.Window != "file" || res.Lines == 0 || !res.From.IsZero() {
		return nil
	}
	return &FileError{Problems: append([]event.Problem{{Rule: RuleWhole, Column: feed.Columns.EventDate,
		Text: "no row has a date that can be read, so nothing says which periods the file replaces",
		Hint: "hold the dates against dialect.dates of feed " + feed.ID + ": " + feed.Dialect.Dates + "; the first faults of its rows follow"}}, firstFaults(res)...)}
}

// firstFaults are some of the faults of rows, for a file that is rejected
// because of them: where to look.
func firstFaults(res *Result) []event.Problem {
	const most = 5
	var out []event.Problem
	for _, r := range res.First[:min(len(res.First), most)] {
		text := r.Text
		if r.Place != "" {
			text = r.Place + ": " + text
		}
		if r.Value != "" {
			text += fmt.Sprintf(", value %q", r.Value)
		}
		out = append(out, event.Problem{Line: r.Line, Column: r.Column, Rule: r.Rule, Text: text, Hint: r.Hint})
	}
	return out
}

func monthsWindow(feed *catalog.Feed, asOf catalog.Date) (from, to catalog.Date) {
	return asOf.AddMonths(1 - feed.Scope.Months), asOf.AddMonths(1)
}

func layoutOf(e catalog.Extract) string {
	if e.Layout == "" {
		return time.DateOnly
	}
	return e.Layout
}

func extractDate(e catalog.Extract, text string) (catalog.Date, bool) {
	t, err := time.Parse(layoutOf(e), text)
	if err != nil || !yearKnown(t.Year()) {
		return catalog.Date{}, false
	}
	return catalog.DateOf(t), true
}

func orderKey(e catalog.Extract, text string) (string, bool) {
	if e.Layout == "" {
		return text, true
	}
	t, err := time.Parse(e.Layout, text)
	if err != nil {
		return "", false
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000000"), true
}

func fromName(feed *catalog.Feed, what, pattern, name string) (string, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return "", fmt.Errorf("feed %s: %s.pattern: %w", feed.ID, what, err)
	}
	m := re.FindStringSubmatch(name)
	if len(m) < 2 || m[1] == "" {
		return "", fileError(event.Problem{Rule: RuleWhole,
			Text: fmt.Sprintf("the file name does not have the form %q from which %s is read", pattern, what),
			Hint: fmt.Sprintf("name the file as feed %s says, or change %s.pattern there", feed.ID, what)})
	}
	return m[1], nil
}

func fromManifest(feed *catalog.Feed, what, field string, m *Manifest) (string, error) {
	if field == "" {
		field = what
	}
	if m == nil {
		return "", &FileError{Incomplete: true, Problems: []event.Problem{{Rule: RuleWhole,
			Text: fmt.Sprintf("no manifest, from which %s is read", what),
			Hint: fmt.Sprintf("send the file's %s with it", ManifestName("NAME"))}}}
	}
	text, ok := m.Fields[field]
	if !ok || text == "" {
		return "", fileError(event.Problem{Rule: RuleWhole,
			Text: fmt.Sprintf("the manifest has no %q, from which %s is read", field, what),
			Hint: fmt.Sprintf("write it as a text or a number in the manifest, or change %s.field of feed %s", what, feed.ID)})
	}
	return text, nil
}

func feedZone(feed *catalog.Feed) (*time.Location, error) {
	if feed.TimeZone == "" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(feed.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("feed %s: time zone %q: %w", feed.ID, feed.TimeZone, err)
	}
	return zone, nil
}
