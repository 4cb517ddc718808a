package portal

import (
	"fmt"
	"html/template"
	"regexp"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/sentence"
)

// books are the sentences that are kept in English: of findings, of the facts of
// the status, of refusals and of receipts.
type books struct{ findings, facts, refusals, receipts *sentence.Book }

func newBooks() (b books, err error) {
	if b.findings, err = sentence.Findings(); err != nil {
		return b, err
	}
	if b.receipts, err = sentence.Receipts(); err != nil {
		return b, err
	}
	if b.facts, err = sentence.NewBook(factPatterns()); err != nil {
		return b, err
	}
	b.facts = b.facts.WithFaults(b.receipts)
	b.refusals, err = sentence.NewBook(refusalPatterns())
	return b, err
}

// catalogNames are what the catalog calls units and indicators in a language.
type catalogNames struct {
	index *catalog.Index
	lang  string
}

// Unit is what a unit is called.
func (n catalogNames) Unit(id string) string {
	if u, ok := n.index.Unit(id); ok {
		return textOf(u.Name, n.lang)
	}
	return id
}

// Indicator is what an indicator is called.
func (n catalogNames) Indicator(id string) string {
	if i, ok := n.index.Indicator(id); ok {
		return textOf(i.Name, n.lang)
	}
	return id
}

// finding is what a check found, in the reader's language; what no pattern
// reads stays as it is, and is marked as English.
func (w *words) finding(text string) template.HTML {
	if w.books.findings == nil {
		return marked(text, true)
	}
	return marked(w.books.findings.In(text, w.lang, w.names))
}

// factText is the text of a line of the status, in the reader's language.
func (w *words) factText(text string) template.HTML {
	if w.books.facts == nil || regexp.MustCompile(`^(https?:.*|[0-9a-f]{12}|[0-9]+( [A-Z]+)?(, [0-9]+ [A-Z]+)*|[^ ]+)$`).MatchString(text) && text != "none" {
		return template.HTML(template.HTMLEscapeString(text)) //nolint:gosec // escaped
	}
	return marked(w.books.facts.In(text, w.lang, w.names))
}

// receipt is what a receipt says of a file or a row, in the reader's language.
func (w *words) receipt(text string) template.HTML {
	if w.books.receipts == nil || text == "" {
		return marked(text, text != "")
	}
	said, english := w.books.receipts.In(text, w.lang, w.names)
	return marked(said, english)
}

// marked is a text as a part of a page, marked where it is English.
func marked(text string, english bool) template.HTML {
	text = template.HTMLEscapeString(text)
	if english {
		text = `<span lang="en">` + text + `</span>`
	}
	return template.HTML(text) //nolint:gosec // escaped
}

// FactIn is the text of a fact in the language, and whether it is still English.
func FactIn(f Fact, lang string) (string, error) {
	b, err := newBooks()
	if err != nil {
		return "", err
	}
	said, english := b.facts.In(f.Text, lang, nil)
	if english {
		return "", fmt.Errorf("the fact %s is in English only: %q", f.Name, f.Text)
	}
	return said, nil
}

// factPatterns are what the status says; see the command status.
func factPatterns() []sentence.Pattern {
	return []sentence.Pattern{
		{Kind: "none", English: "none", Sv: "inga", Nb: "ingen", Da: "ingen"},
		{Kind: "none_yet", English: "none yet", Sv: "ingen ännu", Nb: "ingen ennå", Da: "ingen endnu"},
		{Kind: "deliveries", English: "{n} received: {n} published, {n} waiting for their publication, {n} rejected, {n} being read; {n} repeated",
			Sv: "{1} mottagna: {2} publicerade, {3} väntar på publicering, {4} avvisade, {5} läses; {6} upprepade",
			Nb: "{1} mottatt: {2} publisert, {3} venter på publisering, {4} avvist, {5} blir lest; {6} gjentatt",
			Da: "{1} modtaget: {2} publiceret, {3} venter på publicering, {4} afvist, {5} læses; {6} gentaget"},
		{Kind: "lines", English: "{n}, of which {n} rejected and {n} parked", Sv: "{1}, varav {2} avvisade och {3} ställda åt sidan", Nb: "{1}, hvorav {2} avvist og {3} satt til side", Da: "{1}, heraf {2} afvist og {3} sat til side"},
		{Kind: "lag", English: "OBS {n} blocks, CELLS {n} blocks, LEDGER {n} events, DLQ {n} messages", Sv: "OBS {1} block, CELLS {2} block, LEDGER {3} händelser, DLQ {4} meddelanden", Nb: "OBS {1} blokker, CELLS {2} blokker, LEDGER {3} hendelser, DLQ {4} meldinger", Da: "OBS {1} blokke, CELLS {2} blokke, LEDGER {3} hændelser, DLQ {4} meddelelser"},
		{Kind: "late", English: "{n} {flag/flags} past the time that there was; {n} {flag/flags} past one and a half times as much, and the next level has been told",
			Sv: "{1} {2:flagga/flaggor} efter sin tid; {3} {4:flagga/flaggor} efter en och en halv gång tiden, och nästa nivå har fått veta det",
			Nb: "{1} flagg etter fristen; {3} flagg etter halvannen gang fristen, og neste nivå har fått beskjed",
			Da: "{1} flag efter fristen; {3} flag efter halvanden gange fristen, og næste niveau har fået besked"},
		{Kind: "sequence.gap", English: "{n} {delivery/deliveries} kept back: delivery {text} has not come (larstrom sequence skip {text})",
			Sv: "{1} {2:leverans/leveranser} hålls tillbaka: leverans {3} har inte kommit (larstrom sequence skip {4})", Nb: "{1} {2:leveranse/leveranser} holdes tilbake: leveranse {3} er ikke kommet (larstrom sequence skip {4})", Da: "{1} {2:leverance/leverancer} holdes tilbage: leverance {3} er ikke kommet (larstrom sequence skip {4})"},
		{Kind: "sequence.twice", English: "{n} {delivery/deliveries} kept back: delivery {n} came twice with different content (larstrom retract one of the two)",
			Sv: "{1} {2:leverans/leveranser} hålls tillbaka: leverans {3} kom två gånger med olika innehåll (larstrom retract för en av dem)", Nb: "{1} {2:leveranse/leveranser} holdes tilbake: leveranse {3} kom to ganger med ulikt innhold (larstrom retract for en av dem)", Da: "{1} {2:leverance/leverancer} holdes tilbage: leverance {3} kom to gange med forskelligt indhold (larstrom retract for en af dem)"},
		{Kind: "publication", English: "{n} of {date} {id} UTC: run {id}, as of {date}, {n} {indicator/indicators}",
			Sv: "{1} från {2} kl. {3} UTC: körning {4}, per den {5}, {6} {7:indikator/indikatorer}", Nb: "{1} fra {2} kl. {3} UTC: kjøring {4}, per {5}, {6} {7:indikator/indikatorer}", Da: "{1} fra {2} kl. {3} UTC: kørsel {4}, pr. {5}, {6} {7:indikator/indikatorer}"},
		{Kind: "audience.none", English: "rule {id}: no edition yet; the first follows the next publication", Sv: "regel {1}: ingen utgåva ännu; den första följer nästa publicering", Nb: "regel {1}: ingen utgave ennå; den første følger neste publisering", Da: "regel {1}: ingen udgave endnu; den første følger næste publicering"},
		{Kind: "audience", English: "rule {id}: edition of {date} (number {n}), as of {date}, publication {n}, {n} {indicator/indicators}",
			Sv: "regel {1}: utgåva från {2} (nummer {3}), per den {4}, publicering {5}, {6} {7:indikator/indikatorer}", Nb: "regel {1}: utgave fra {2} (nummer {3}), per {4}, publisering {5}, {6} {7:indikator/indikatorer}", Da: "regel {1}: udgave fra {2} (nummer {3}), pr. {4}, publicering {5}, {6} {7:indikator/indikatorer}"},
		{Kind: "audience.gone.none", English: "no longer in the catalog: no edition yet; the first follows the next publication", Sv: "finns inte längre i katalogen: ingen utgåva ännu", Nb: "finnes ikke lenger i katalogen: ingen utgave ennå", Da: "findes ikke længere i kataloget: ingen udgave endnu"},
		{Kind: "audience.gone", English: "no longer in the catalog: edition of {date} (number {n}), as of {date}, publication {n}, {n} {indicator/indicators}",
			Sv: "finns inte längre i katalogen: utgåva från {1} (nummer {2}), per den {3}, publicering {4}, {5} {6:indikator/indikatorer}", Nb: "finnes ikke lenger i katalogen: utgave fra {1} (nummer {2}), per {3}, publisering {4}, {5} {6:indikator/indikatorer}", Da: "findes ikke længere i kataloget: udgave fra {1} (nummer {2}), pr. {3}, publicering {4}, {5} {6:indikator/indikatorer}"},
		{Kind: "audience.taken", English: "; what was withdrawn since is taken out", Sv: "; det som sedan dess dragits tillbaka är borttaget", Nb: "; det som siden er trukket tilbake, er fjernet", Da: "; det, der siden er trukket tilbage, er fjernet"},
		{Kind: "audience.next", English: "; the next is due from {date}", Sv: "; nästa kommer från och med {1}", Nb: "; neste kommer fra og med {1}", Da: "; den næste kommer fra og med {1}"},
		{Kind: "awaited", English: "{text} is not whole: {fault}; it is waited for until {date} {id} UTC", Sv: "{1} är inte hel ({2}); vi väntar på resten till {3} kl. {4} UTC", Nb: "{1} er ikke hel ({2}); resten ventes til {3} kl. {4} UTC", Da: "{1} er ikke hel ({2}); resten ventes indtil {3} kl. {4} UTC"},
		{Kind: "engine", English: "{running/being started again}, restarted {n} times", Sv: "{1:i gång/startas om}, omstartad {2} {2:gång/gånger}", Nb: "{1:i gang/startes på nytt}, startet på nytt {2} {2:gang/ganger}", Da: "{1:kører/genstartes}, genstartet {2} {2:gang/gange}"},
	}
}
