package sentence_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/sentence"
)

type named struct{}

func (named) Unit(id string) string      { return "enheten " + id }
func (named) Indicator(id string) string { return "«" + id + "»" }

func book(t testing.TB) *sentence.Book {
	t.Helper()
	b, err := sentence.Findings()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSay(t *testing.T) {
	b := book(t)
	for _, c := range []struct{ text, sv, nb, da, en string }{
		{"12345 records in 7 nights where 30.4 were expected (-61 %; probability 1.2e-07).",
			"12 345 poster på 7 nätter där 30,4 väntades (−61 %; sannolikhet 1,2 · 10⁻⁷).",
			"12 345 poster på 7 netter der 30,4 var ventet (−61 %; sannsynlighet 1,2 · 10⁻⁷).",
			"12.345 poster på 7 nætter, hvor 30,4 var ventet (−61 %; sandsynlighed 1,2 · 10⁻⁷).",
			"12,345 records in 7 nights where 30.4 were expected (−61%; probability 1.2 · 10⁻⁷)."},
		{"1 records tonight where 30.4 were expected (-97 %; probability 0.0001).",
			"1 post i natt där 30,4 väntades (−97 %; sannolikhet 0,0001).",
			"1 post i natt der 30,4 var ventet (−97 %; sannsynlighet 0,0001).",
			"1 post i nat, hvor 30,4 var ventet (−97 %; sandsynlighed 0,0001).",
			"1 records tonight where 30.4 were expected (−97%; probability 0.0001)."},
		{"The numerator 270 is above the denominator 219.",
			"Täljaren 270 är större än nämnaren 219.", "Telleren 270 er større enn nevneren 219.",
			"Tælleren 270 er større end nævneren 219.", "The numerator 270 is above the denominator 219."},
		{"The cell has -3 of 219. 1 row has a negative count. 2 rows have a numerator above 0 of 0.",
			"Cellen har −3 av 219. 1 rad har ett negativt antal. 2 rader har en täljare över 0 när nämnaren är 0.",
			"Cellen har −3 av 219. 1 rad har et negativt antall. 2 rader har en teller over 0 når nevneren er 0.",
			"Cellen har −3 af 219. 1 række har et negativt antal. 2 rækker har en tæller over 0, når nævneren er 0.",
			"The cell has −3 of 219. 1 row has a negative count. 2 rows have a numerator above 0 of 0."},
		{"A closed period was restated: nothing instead of 277 of 1532 in 1 rows.",
			"En avslutad period har räknats om: ingenting i stället för 277 av 1532 i 1 rad.",
			"En avsluttet periode er regnet om: ingenting i stedet for 277 av 1532 i 1 rad.",
			"En afsluttet periode er opgjort på ny: intet i stedet for 277 af 1.532 i 1 række.",
			"A closed period was restated: nothing instead of 277 of 1,532 in 1 row."},
		{"The export of feed slag-registry of 2025-10-16 changes nothing, where earlier ones changed at least 27 cells: it may be a copy of an earlier night's.",
			"Exporten i flödet slag-registry den 16 oktober 2025 ändrar ingenting, där tidigare ändrade minst 27 celler: den kan vara en kopia av en tidigare natts.",
			"Eksporten i datastrømmen slag-registry av 16. oktober 2025 endrer ingenting, der tidligere endret minst 27 celler: den kan være en kopi av en tidligere natts.",
			"Eksporten i datastrømmen slag-registry af 16. oktober 2025 ændrer intet, hvor tidligere ændrede mindst 27 celler: den kan være en kopi af en tidligere nats.",
			"The export of feed slag-registry of 16 October 2025 changes nothing, where earlier ones changed at least 27 cells: it may be a copy of an earlier night's."},
		{"Unit u1 lost about 40 records in 7 nights and u2 gained 39 in the same proportions: a merge, a split, or a changed code.",
			"Enheten enheten u1 förlorade omkring 40 poster på 7 nätter och enheten u2 fick 39 i samma proportioner: en sammanslagning, en delning eller en ändrad kod.",
			"Enheten enheten u1 mistet omtrent 40 poster på 7 netter, og enheten u2 fikk 39 i samme forhold: en sammenslåing, en deling eller en endret kode.",
			"Enheden enheten u1 mistede omkring 40 poster på 7 nætter, og enheten u2 fik 39 i samme forhold: en sammenlægning, en deling eller en ændret kode.",
			"Unit enheten u1 lost about 40 records in 7 nights and enheten u2 gained 39 in the same proportions: a merge, a split, or a changed code."},
		{"Check K01 could not run: the silence of the unit could not be weighed: los: the history is given twice.",
			"Kontroll K01 kunde inte köras: enhetens tystnad kunde inte bedömas: los: the history is given twice.",
			"Kontroll K01 kunne ikke kjøres: enhetens taushet kunne ikke vurderes: los: the history is given twice.",
			"Kontrol K01 kunne ikke køres: enhedens tavshed kunne ikke vurderes: los: the history is given twice.",
			"Check K01 could not run: the silence of the unit could not be weighed: los: the history is given twice."},
		{"112 flags with one likely cause. The first: 3 of 3 values lie where they would in another unit of measure (days and hours); those of other units do not.",
			"112 flaggor med en trolig gemensam orsak. Den första: 3 av 3 värden ligger där de skulle ligga i en annan måttenhet (dagar och timmar); andra enheters värden gör det inte.",
			"112 flagg med én sannsynlig felles årsak. Det første: 3 av 3 verdier ligger der de ville ligge i en annen måleenhet (dager og timer); andre enheters verdier gjør det ikke.",
			"112 flag med én sandsynlig fælles årsag. Det første: 3 af 3 værdier ligger, hvor de ville ligge i en anden måleenhed (dage og timer); andre enheders værdier gør det ikke.",
			"112 flags with one likely cause. The first: 3 of 3 values lie where they would in another unit of measure (days and hours); those of other units do not."},
	} {
		for lang, want := range map[string]string{"sv": c.sv, "nb": c.nb, "da": c.da, "en": c.en} {
			got, english := b.In(c.text, lang, named{})
			if got = strings.ReplaceAll(got, "\u00a0", " "); english || got != want {
				t.Errorf("%s:\n%s\nwant\n%s", lang, got, want)
			}
		}
	}
	if got, english := b.In("Something that nobody has written.", "sv", nil); !english || got != "Something that nobody has written." {
		t.Errorf("what is not in the book became %q", got)
	}
	if got, _ := b.In("The numerator 270 is above the denominator 219.", "fi", nil); got != "The numerator 270 is above the denominator 219." {
		t.Errorf("a language that is not spoken: %q", got)
	}
}

// Every kind is in four languages, says each of its values in each of them but
// those that a form of words is chosen by, and what it says in a Nordic language
// is not English.
func TestEveryKindInEveryLanguage(t *testing.T) {
	english := regexp.MustCompile(`\b(the|where|records|rows|were|expected|probability|units|export|feed|Column|Check)\b`)
	b := book(t)
	kinds := b.Kinds()
	if len(kinds) < 60 {
		t.Fatalf("%d kinds", len(kinds))
	}
	for _, k := range kinds {
		texts := map[string]string{}
		for _, lang := range sentence.Languages() {
			s := sentence.Said{Kind: k}
			for i, slot := range b.Slots(k) {
				s.Values = append(s.Values, sample(slot, i))
			}
			got := b.Say(s, lang, nil)
			if got == "" || strings.ContainsAny(got, "{}") {
				t.Errorf("%s in %s: %q", k, lang, got)
			}
			if lang != "en" && english.MatchString(got) {
				t.Errorf("%s in %s has English words: %q", k, lang, got)
			}
			for i, slot := range b.Slots(k) {
				if want := sample(slot, i); slot == "n" && !strings.Contains(got, want) || slot == "unit" && !strings.Contains(got, want) {
					t.Errorf("%s in %s lacks %s: %q", k, lang, want, got)
				}
			}
			texts[lang] = got
		}
		for _, lang := range sentence.Languages()[:3] {
			if texts[lang] == texts["en"] {
				t.Errorf("%s is English in %s", k, lang)
			}
		}
	}
}

func sample(slot string, i int) string {
	switch slot {
	case "n":
		return strconv.Itoa(601 + 10*i)
	case "date":
		return "2025-10-16"
	case "nights":
		return "in 7 nights"
	case "content":
		return "12 of 30 in 30 rows"
	case "measure":
		return "days and hours"
	case "why":
		return "the number of records is no number"
	}
	if one, _, ok := strings.Cut(slot, "/"); ok {
		return one
	}
	return "x" + strconv.Itoa(i)
}

// What is said in English without groups of digits is read again as it was:
// nothing of a sentence is lost or invented.
func TestReadWhatWasSaid(t *testing.T) {
	b := book(t)
	kinds := b.Kinds()
	rapid.Check(t, func(t *rapid.T) {
		s := sentence.Said{Kind: rapid.SampledFrom(kinds).Draw(t, "kind")}
		for _, slot := range b.Slots(s.Kind) {
			var v string
			switch {
			case slot == "n":
				v = rapid.StringMatching(`[1-9][0-9]{0,2}(\.[0-9]{1,2})?`).Draw(t, "number")
			case slot == "date" || slot == "nights" || slot == "content" || slot == "measure" || slot == "why":
				v = sample(slot, 0)
			case strings.Contains(slot, "/"):
				v = rapid.SampledFrom(strings.Split(slot, "/")).Draw(t, "choice")
			default:
				v = rapid.StringMatching(`[A-ZÅÄÖÆØa-zåäöæø0-9_-]{1,12}`).Draw(t, "name")
			}
			s.Values = append(s.Values, v)
		}
		text := strings.ReplaceAll(b.Say(s, "en", nil), "%", " %")
		text = strings.ReplaceAll(text, "16 October 2025", "2025-10-16")
		read, ok := b.Read(text)
		if !ok || len(read) != 1 || read[0].Kind != s.Kind {
			t.Fatalf("%q was read as %v", text, read)
		}
		for i := range s.Values {
			if read[0].Values[i] != s.Values[i] {
				t.Fatalf("%q: %q became %q", text, s.Values, read[0].Values)
			}
		}
	})
}

func FuzzRead(f *testing.F) {
	b := book(f)
	f.Add("12 records tonight where 30.4 were expected (-61 %; probability 0.0001).")
	f.Add("File a of feed b was rejected by C01. File a of feed b was rejected by C01.")
	f.Fuzz(func(t *testing.T, text string) {
		for _, lang := range sentence.Languages() {
			if said, english := b.In(text, lang, nil); english && said != text {
				t.Errorf("%q became %q", text, said)
			}
		}
	})
}

func TestBookRefuses(t *testing.T) {
	for _, p := range []sentence.Pattern{
		{Kind: "a", English: "{what}", Sv: "a", Nb: "b", Da: "c"},
		{Kind: "a", English: "{n} a", Sv: "{2} b", Nb: "{1}", Da: "{1}"},
	} {
		if _, err := sentence.NewBook([]sentence.Pattern{p}); err == nil {
			t.Errorf("%v was taken", p)
		}
	}
	if _, err := sentence.NewBook([]sentence.Pattern{{Kind: "a", English: "a"}, {Kind: "a", English: "b"}}); err == nil {
		t.Error("two of one kind were taken")
	}
}
