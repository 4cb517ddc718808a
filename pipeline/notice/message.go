package notice

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/sentence"
)

// Message is a notice in the words of its reader.
type Message struct {
	// Sent is what the ledger is to keep once a sink has taken the message.
	Sent event.NoticeSent
	// To is the address of the person.
	To       string
	Language string
	Subject  string
	Body     string // plain text, lines end in \n
}

// mostListed is how many tasks of one section a message names; the rest is a
// number.
const mostListed = 25

type message struct {
	person       catalog.Person
	kind, id     string
	tasks        int
	fresh, again []*task
	beyond       int
}

// Language is that in which to write to the person.
func Language(c *catalog.Catalog, p catalog.Person) string {
	if p.Language != "" {
		return p.Language
	}
	if len(c.Registries) > 0 {
		switch c.Registries[0].Country {
		case "SE":
			return "sv"
		case "NO":
			return "nb"
		case "DK":
			return "da"
		}
	}
	return "en"
}

func (b *board) write(m message) Message {
	lang := Language(b.in.Catalog, m.person)
	w := wordsIn(lang)
	sent := event.NoticeSent{Notice: m.id, Kind: m.kind, Person: m.person.ID, On: b.in.On, Through: b.in.Through,
		Tasks: m.tasks, Reminders: len(m.again), Beyond: m.beyond}
	var late, fresh []*task
	for _, t := range m.fresh {
		sent.Offered = append(sent.Offered, t.id)
		if t.late {
			late = append(late, t)
		} else {
			fresh = append(fresh, t)
		}
	}
	slices.Sort(sent.Offered)
	sent.Escalated, sent.New = len(late), len(m.fresh)

	var body strings.Builder
	subject := fmt.Sprintf(w.digest, sentence.Date(b.in.On, lang))
	if m.kind == event.NoticeImmediate {
		subject = w.immediate
		body.WriteString(w.blocked + "\n\n")
	}
	for _, s := range []struct {
		title string
		tasks []*task
	}{{w.escalated, late}, {w.fresh, fresh}, {w.reminders, m.again}} {
		if len(s.tasks) == 0 {
			continue
		}
		fmt.Fprintf(&body, "%s: %d\n", s.title, len(s.tasks))
		byName(s.tasks)
		for i, t := range s.tasks {
			if i == mostListed {
				fmt.Fprintf(&body, "  "+w.more+"\n", len(s.tasks)-i)
				break
			}
			b.line(&body, t, w, lang)
		}
		body.WriteString("\n")
	}
	if m.beyond > 0 {
		fmt.Fprintf(&body, w.beyond+"\n\n", m.beyond)
	}
	if b.in.Pages != "" {
		fmt.Fprintf(&body, "%s %s/flags\n\n", w.all, b.in.Pages)
	}
	body.WriteString(w.footer + "\n")
	return Message{Sent: sent, To: m.person.Email, Language: lang, Subject: subject, Body: body.String()}
}

// line is one task: what it is about, what to do until when, and where.
// The reader reaches every unit of it, or it were not hers.
func (b *board) line(body *strings.Builder, t *task, w words, lang string) {
	if t.duty == Tune {
		what := w.demote
		if t.advice.Promote {
			what = w.promote
		}
		fmt.Fprintf(body, "- "+what+"\n    larstrom flags learn\n", t.advice.Check, t.advice.Version)
		return
	}
	if t.duty == Introduce {
		b.introduced(body, t, w, lang)
		return
	}
	var indicators, units, checks []string
	for _, q := range t.of {
		name := q.Indicator
		if ind, ok := b.in.Catalog.Index().Indicator(q.Indicator); ok {
			name = ind.Name.In(lang)
		}
		indicators, checks = append(indicators, name), append(checks, q.Check)
		if u, ok := b.in.Catalog.Index().Unit(q.Unit); ok {
			units = append(units, u.Name.In(lang))
		}
	}
	parts := []string{few(indicators, w)}
	if len(units) > 0 {
		parts = append(parts, few(units, w))
	}
	checks = distinct(checks)
	parts = append(parts, strings.Join(checks, ", ")+" "+string(t.severity))
	if len(t.of) > 1 {
		parts = append(parts, fmt.Sprintf(w.incident, len(t.of)))
	}
	fmt.Fprintf(body, "- %s\n    %s; %s\n", strings.Join(parts, " · "), w.duty(t.duty), fmt.Sprintf(w.when(t.stage), sentence.Date(t.due, lang)))
	if len(checks) == 1 && b.in.Explain != nil {
		if why := strings.Join(strings.Fields(b.in.Explain(checks[0]).In(lang)), " "); why != "" {
			fmt.Fprintf(body, "    %s\n", why)
		}
	}
	if b.in.Pages != "" {
		fmt.Fprintf(body, "    %s/flags/%s\n", b.in.Pages, url.PathEscape(t.first().FlagRaised.Flag))
	}
}

// introduced is a line about an indicator version that awaits its protocol.
func (b *board) introduced(body *strings.Builder, t *task, w words, lang string) {
	n := t.introduction
	name := n.Indicator
	if ind, ok := b.in.Catalog.Index().Indicator(n.Indicator); ok {
		name = ind.Name.In(lang)
	}
	what, command := w.draw, "larstrom protocol draw"
	if n.Protocol != "" {
		what, command = w.sign, "larstrom protocol sign"
	}
	if n.Revoked && n.Protocol == "" {
		what = w.redraw
	}
	fmt.Fprintf(body, "- %s · "+w.version+"\n    %s; %s\n    %s\n", name, n.Version, what, fmt.Sprintf(w.when(t.stage), sentence.Date(t.due, lang)), command)
}

func distinct(all []string) []string {
	all = slices.Clone(all)
	slices.Sort(all)
	return slices.Compact(all)
}

// mostNames is how many indicators or units of one incident are named.
const mostNames = 3

func few(names []string, w words) string {
	names = distinct(names)
	if len(names) <= mostNames {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:mostNames], ", ") + " " + fmt.Sprintf(w.more, len(names)-mostNames)
}
